"""The table of a graph on a server that is too large to be fetched whole: it grows, step by step, by what is asked for.

What is told of a fact or a thing comes with all that the queries of the network need for it, so each edge is the same as in a
table of the whole graph. A thing with very many facts is never walked through, and whoever asks is told so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from threading import RLock
from typing import NamedTuple

import pyoxigraph as ox

from kg.elements import OPEN, Edge, Filters, Node
from kg.errors import TooLargeError
from kg.names import Match, Name, search
from kg.projection import TRUE, degree_rows, read_projection
from kg.store import Embedded, Store
from kg.table import Table
from kg.tablechange import add_facts, start_table
from kg.vocab import ID, KG, ONTOLOGY_GRAPH, RDF, RDFS, expand, listed, shorten, to_iri

WHOLE_QUADS = 2_000_000
"""Up to how many quads the network of a server is fetched as a whole, and kept."""

HUB_FACTS = 2_000
"""A thing that more statements name is asked for, but not walked through."""

MOST_FACTS = 20_000
"""How many facts are fetched for one step at most."""

MOST_KEPT = 500_000
"""After how many fetched things a table is left behind for a new one."""

NAMES = 200
"""How many names a search ranks."""

MOST_NAMED = 200_000
"""How often the nodes of an answer may be named, before the edges among them are asked for."""

NAMING = "VALUES ?o { UNDEF } GRAPH ?g { ?s ?p ?o }"

AT_ONCE = 10_000
"""How many letters a list of IRIs in a query has at most."""

TOLD = frozenset(KG + name for name in ("Pledge", "Statement", "Outcome"))
FACTS = TOLD | {KG + "Link", KG + "Tenure"}
ENDS = frozenset(KG + name for name in ("from", "to", "post", "resultOf"))
"""By what a fact names a node, beside the properties below kg:involves; as in `nodes.rq`."""

OWN_RELATIONS = tuple("kg:" + name for name in ("heldPost", "partOf", "resultOf", "respondsTo", "restates", "servedIn"))
"""The relations that `edges.rq` has, beside those of links and those below kg:involves."""


class Found(NamedTuple):
    """A quad that a server holds, and what its subject, predicate, object and graph are called."""

    subject: str
    predicate: str
    value: str
    graph: str
    quad: ox.Quad

    @property
    def is_thing(self) -> bool:
        """Whether the object is a thing."""
        return isinstance(self.quad.object, ox.NamedNode) and self.value.startswith(ID)


def _things(quads: Iterable[Found]) -> set[str]:
    return {found.value for found in quads if found.is_thing}


class Nearby(Table):
    """What is known so far of the network of a graph on a server.

    What is pushed to the server meanwhile is seen in part only, until the graph is opened again.

    Args:
        store: The server.
    """

    is_whole = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = RLock()
        self._said: dict[str, list[Found]] = {}
        self._valued: dict[str, set[str]] = {}
        self._facts: set[str] = set()
        self._met: set[str] = set()
        self._walked: set[str] = set()
        self._counts: dict[str, int] = {}
        found = self._ask(f"BIND(<{ONTOLOGY_GRAPH}> AS ?g) GRAPH <{ONTOLOGY_GRAPH}> {{ ?s ?p ?o }}")
        self._ontology = tuple(one.quad for one in found)
        super().__init__([start_table(Embedded.from_quads(self._ontology))], "in memory")

    @property
    def is_full(self) -> bool:
        """Whether so much is kept that a new table should be begun."""
        return len(self._said) > MOST_KEPT

    # ------------------------------------------------------------ what the server is asked

    def _ask(self, pattern: str, iris: Iterable[str] | None = None) -> Iterator[Found]:
        """Yield quads of the server; UNDEF in a pattern stands for some things."""
        for some in [""] if iris is None else listed(sorted(iris), AT_ONCE):
            for terms in self._store.terms(f"SELECT DISTINCT ?s ?p ?o ?g WHERE {{ {pattern.replace('UNDEF', some)} }}"):
                subject, predicate, value, graph = terms
                if not isinstance(subject, ox.NamedNode):
                    continue  # it stands in a graph of others
                assert isinstance(predicate, ox.NamedNode)
                assert isinstance(graph, ox.NamedNode)
                assert value is not None  # the pattern binds all four
                yield Found(subject.value, predicate.value, value.value, graph.value, ox.Quad(subject, predicate, value, graph))

    def _say(self, iris: Iterable[str]) -> None:
        """Fetch what is said of some things."""
        said: dict[str, list[Found]] = {iri: [] for iri in set(iris) - self._said.keys()}
        for one in self._ask("VALUES ?s { UNDEF } GRAPH ?g { ?s ?p ?o }", said):
            said[one.subject].append(one)
        self._said |= said

    def _value(self, iris: Iterable[str]) -> None:
        """Fetch the names, dates and figures of some things, the conflicts between these, and what is said to be absent of them."""
        valued: dict[str, set[str]] = {iri: set() for iri in set(iris) - self._valued.keys()}
        found: dict[str, set[str]] = {}
        for pattern in (
            f"VALUES ?o {{ UNDEF }} VALUES ?p {{ <{KG}of> <{KG}between> }} GRAPH ?g {{ ?s ?p ?o }}",
            f"VALUES ?o {{ UNDEF }} BIND(<{KG}about> AS ?p) GRAPH ?g {{ ?s <{KG}about> ?o ; a <{KG}Absence> }}",
        ):
            for one in self._ask(pattern, valued):
                valued[one.value].add(one.subject)
                found.setdefault(one.subject, set()).add(one.value)
        between = f"VALUES ?o {{ UNDEF }} BIND(<{KG}between> AS ?p) GRAPH ?g {{ ?s <{KG}between> ?o }}"
        for one in self._ask(between, found):
            for iri in found[one.value]:
                valued[iri].add(one.subject)
        self._say(value for values in valued.values() for value in values)
        self._valued |= valued

    def _count(self, iris: Iterable[str]) -> None:
        """Ask how many statements name some things."""
        counts = dict.fromkeys(set(iris) - self._counts.keys(), 0)
        for some in listed(sorted(counts), AT_ONCE):
            query = f"SELECT ?o (COUNT(*) AS ?n) WHERE {{ VALUES ?o {{ {some} }} GRAPH ?g {{ ?s ?p ?o }} }} GROUP BY ?o"
            counts |= {to_iri(str(id)): int(str(count)) for id, count in self._store.rows(query)}
        self._counts |= counts

    # ------------------------------------------------------------ what the table gets

    def _types(self, iri: str) -> set[str]:
        return {one.value for one in self._said.get(iri, ()) if one.predicate == RDF + "type"}

    def _add(self, facts: Collection[str], things: Collection[str] = ()) -> None:
        """Put all edges of some facts into the table, with all that is told of them and of their ends, and of some things more."""
        new = set(facts) - self._facts
        if len(new) > MOST_FACTS:
            raise TooLargeError(
                f"{len(new):,} facts lie there, and more than {MOST_FACTS:,} are not fetched from a server in one step. Take fewer steps."
            )
        self._say(facts)
        new = {iri for iri in new if not FACTS.isdisjoint(self._types(iri))}
        linked = {value for iri in new for value in _things(self._said[iri])}
        self._say(linked)
        ends = {*things, *(iri for iri in linked if not iri.startswith(f"{ID}passage/"))}
        sources = {one.graph for iri in new for one in self._said[iri] if one.graph.startswith(ID)}
        capacities = {one.value for iri in ends for one in self._said[iri] if one.predicate == KG + "capacity"}
        self._say(sources | capacities)
        self._value({*new, *ends, *sources})
        told = new | (ends - self._met)
        if not told:
            return
        shown = {*facts, *linked, *ends, *sources, *capacities}
        shown |= {value for iri in list(shown) for value in self._valued.get(iri, ())}
        quads = [*self._ontology, *(one.quad for iri in sorted(shown) for one in self._said.get(iri, ()))]
        degrees = dict(degree_rows(self._store, told))
        connection = self._idle.get()
        try:
            add_facts(connection, Embedded.from_quads(quads), new, told, degrees, read_projection())
            self._forget()
        finally:
            self._idle.put(connection)
        # Only what has come whole is known; an answer that breaks off is asked for again.
        self._facts |= new
        self._met |= told

    def _meet(self, ids: Iterable[str]) -> None:
        """Put some things into the table, if they are nodes: the first fact that names one makes it one."""
        wanted = {iri for id in ids if (iri := expand(id)) and iri.startswith(ID)} - self._met
        self._say(wanted)
        wanted = {iri for iri in wanted if self._types(iri)}
        self._add({iri for iri in wanted if not TOLD.isdisjoint(self._types(iri))})
        roles = " ".join(f"<{role}>" for role in sorted(ENDS | self._roles))
        for iri in sorted(wanted - self._met):
            pattern = f"VALUES ?p {{ {roles} }} BIND(<{iri}> AS ?o) GRAPH ?g {{ ?s ?p <{iri}> ; a ?class }} FILTER(?class != <{KG}Absence>)"
            if facts := [one.subject for one in self._ask(f"{{ SELECT * WHERE {{ {pattern} }} LIMIT 1 }}")]:
                self._add(facts, [iri])

    @cached_property
    def _roles(self) -> frozenset[str]:
        """The properties by which a pledge, a statement or an outcome involves something."""
        involves = (ox.NamedNode(RDFS + "subPropertyOf"), ox.NamedNode(KG + "involves"))
        return frozenset(str(quad.subject)[1:-1] for quad in self._ontology if (quad.predicate, quad.object) == involves)

    def _walk(self, ids: Iterable[str], most: int) -> None:
        """Put all facts that name some things into the table, except those of things that more facts name."""
        wanted = {expand(id) or id for id in ids} - self._walked
        self._count(wanted)
        wanted = {iri for iri in wanted if self._counts[iri] <= most}
        found = {one.subject for one in self._ask(NAMING, wanted)}
        self._add({*found, *wanted})
        self._walked |= wanted

    def _join(self, ids: Iterable[str]) -> None:
        """Put all facts into the table that name two of some things, or one of which names another."""
        among = {expand(id) or id for id in ids}
        rest = among - self._walked
        self._count(rest)
        hubs = {iri for iri in rest if self._counts[iri] > HUB_FACTS}
        ends: dict[str, set[str]] = {}
        for one in self._ask(NAMING, rest - hubs):
            ends.setdefault(one.subject, set()).add(one.value)
        if sum(map(len, ends.values())) > MOST_NAMED:
            raise TooLargeError(
                f"More than {MOST_NAMED:,} statements name what lies there, and so many are not fetched. Take fewer steps or nodes."
            )
        for some in listed(sorted(hubs), AT_ONCE):
            for one in self._ask(f"VALUES ?s {{ UNDEF }} VALUES ?o {{ {some} }} GRAPH ?g {{ ?s ?p ?o }}", list(ends)):
                ends[one.subject].add(one.value)
            pattern = f"VALUES ?a {{ UNDEF }} VALUES ?o {{ {some} }} GRAPH ?g {{ ?s ?q ?a . ?s ?p ?o }} FILTER(?a != ?o)"
            for one in self._ask(pattern, hubs):
                ends.setdefault(one.subject, set()).update(("", one.value))
        own = {iri for iri in rest if not among.isdisjoint(_things(self._said.get(iri, ())))}
        self._add({*own, *(fact for fact, found in ends.items() if fact in among or len(found) > 1)})

    # ------------------------------------------------------------ what the table is asked

    # What has been asked for meanwhile may have brought more, so these are never kept.
    _sources = property(Table._read_sources)
    _relations = property(Table._read_relations)
    addresses = property(Table._read_addresses)

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the numbers of those short forms that are nodes, as the server says."""
        wanted = list(ids)
        with self._lock:
            self._meet(wanted)
        return super().numbers(wanted)

    def require(self, numbers: Iterable[int] | None) -> None:
        """Fetch all edges of some nodes, however many there are within `MOST_FACTS`."""
        wanted = list(_some(numbers))
        with self._lock:
            self._walk(self.ids_of(wanted).values(), MOST_FACTS)
        if large := self._named_more(wanted, MOST_FACTS):
            raise TooLargeError(
                f"{self._counts[expand(large[0]) or '']:,} statements name {large[0]}, and more than {MOST_FACTS:,} are not fetched. "
                f"The question links, with entity={large[0]}, asks the server itself."
            )

    def hubs(self, numbers: Iterable[int]) -> list[str]:
        """Return those of some nodes whose edges are not fetched."""
        return self._named_more(numbers, HUB_FACTS)

    def _named_more(self, numbers: Iterable[int], most: int) -> list[str]:
        return sorted(id for id in self.ids_of(numbers).values() if self._counts.get(expand(id) or "", 0) > most)

    def step(self, numbers: Iterable[int], filters: Filters, *, is_first: bool = False) -> set[int]:
        """Return the nodes at the other ends of the edges of some nodes; of hubs only in the first step, for which `require` has cared."""
        ids = self.ids_of(numbers)
        with self._lock:
            if not is_first:
                # What was fetched for somebody else changes no answer.
                self._walk(ids.values(), HUB_FACTS)
                ids = {number: id for number, id in ids.items() if self._counts[expand(id) or id] <= HUB_FACTS}
            return super().step([number for number in ids if number], filters)

    def nodes(self, numbers: Iterable[int] | None, filters: Filters = OPEN) -> tuple[Node, ...]:
        """Return some nodes; never all."""
        return super().nodes(_some(numbers), filters)

    def edges(self, numbers: Iterable[int] | None, filters: Filters = OPEN) -> tuple[Edge, ...]:
        """Return the edges among some nodes; never all."""
        wanted = list(_some(numbers))
        with self._lock:
            self._join(self.ids_of(wanted).values())
            return super().edges(wanted, filters)

    def edges_json(self, numbers: Iterable[int], filters: Filters = OPEN) -> bytes:
        """Return the edges among some nodes as records in JSON."""
        wanted = list(numbers)
        with self._lock:
            self._join(self.ids_of(wanted).values())
            return super().edges_json(wanted, filters)

    def most_connected(self, numbers: Iterable[int], limit: int) -> set[int]:
        """Return those of some nodes that have the most edges."""
        with self._lock:
            return super().most_connected(numbers, limit)

    def edges_between(self, first: int, second: int, filters: Filters = OPEN) -> tuple[Edge, ...]:
        """Return the edges between two nodes, in either direction."""
        with self._lock:
            self._join(self.ids_of([first, second]).values())
            return super().edges_between(first, second, filters)

    def pairs(self, starts: Iterable[int], ends: Iterable[int], filters: Filters) -> set[tuple[int, int]]:
        """Refuse what needs the whole network."""
        self.require(None)
        return super().pairs(starts, ends, filters)

    def connected(self, filters: Filters, limit: int = -1) -> list[int]:
        """Refuse what needs the whole network."""
        self.require(None)
        return super().connected(filters, limit)

    def tally(self, number: int, filters: Filters = OPEN) -> list[tuple[str, str, bool, int, int]]:
        """Return each way out of a node."""
        self.require([number])
        return super().tally(number, filters)

    def edges_at(self, number: int, filters: Filters = OPEN, *, limit: int, offset: int = 0) -> tuple[Edge, ...]:
        """Return one page of the edges of a node."""
        self.require([number])
        return super().edges_at(number, filters, limit=limit, offset=offset)

    # ------------------------------------------------------------ what there is

    def ids(self, prefix: str = "") -> list[str]:  # noqa: ARG002 # as in `Table`
        """Return nothing: there are too many to compare a slug with."""
        return []

    @cached_property
    def classes(self) -> list[str]:
        """The classes of the nodes, and what they are subsumed under."""
        known = self._sizes.keys()
        query = "SELECT DISTINCT ancestor FROM term WHERE ancestor LIKE 'kg:%' AND term IN (SELECT value FROM json_each(?)) ORDER BY 1"
        return [name.removeprefix("kg:") for (name,) in self._select(query, json.dumps(sorted(known & self._nodal)))]

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """How many things there are of each class."""
        return {f"kg:{name.removeprefix('kg:')}": count for name, count in self._store.count_classes().items()}

    @property
    def _nodal(self) -> set[str]:
        """The classes of nodes."""
        return {shorten(name) for name in TOLD} | self.meanings("kg:Entity") | self.meanings("kg:Source")

    @cached_property
    def relations(self) -> list[str]:
        """The relations of the edges, and what they are subsumed under."""
        linked = {shorten(str(name)) for (name,) in self._store.rows(f"SELECT DISTINCT ?relation {{ ?link <{KG}relation> ?relation }}")}
        known = {*linked, *map(shorten, self._roles), *OWN_RELATIONS}
        query = "SELECT ancestor FROM term WHERE term IN (SELECT value FROM json_each(?)) UNION SELECT value FROM json_each(?) ORDER BY 1"
        return [name for (name,) in self._select(query, json.dumps(sorted(known)), json.dumps(sorted(known)))]

    @property
    def _shown(self) -> set[str]:
        """The classes of what has a name, as in `names.rq`."""
        return self._nodal | {"kg:Conflict", "kg:Absence"}

    @property
    def sources(self) -> list[str]:
        """The short forms of all sources."""
        return sorted(shorten(str(name)) for (name,) in self._store.rows(f"SELECT ?source {{ ?source a <{KG}Source> }}"))

    def has_name(self, id: str, *, is_prefix: bool = False) -> bool:
        """Tell whether the server says something of a thing; of those that begin somehow it is not asked."""
        if is_prefix:
            return True
        with self._lock:
            iri = expand(id) or id
            self._say([iri] if iri.startswith(ID) else [])
            return bool(self._said.get(iri))

    def named(self, classes: Collection[str], *, limit: int, offset: int) -> tuple[int, list[tuple[str, str, str]]]:
        """Return how many things have a name, of some classes or of all, and short form, class and label of a page of them."""
        wanted = sorted(self._shown & self._sizes.keys() & ({f"kg:{name}" for name in classes} or self._shown))
        among = " ".join(f"<{KG}{name.removeprefix('kg:')}>" for name in wanted)
        query = f"SELECT ?id ?class ?label WHERE {{ VALUES ?class {{ {among} }} ?id a ?class ; <{RDFS}label> ?label }} ORDER BY STR(?id) "
        rows = self._store.rows(f"{query}LIMIT {limit} OFFSET {offset}") if wanted else ()
        return sum(map(self._sizes.__getitem__, wanted)), [
            (shorten(str(id)), shorten(str(name)).removeprefix("kg:"), str(label)) for id, name, label in rows
        ]

    def find(self, text: str, *, limit: int = 10) -> list[Match]:
        """Return the things one of whose names has a text in it, the nearest first; a server forgives no typing errors."""
        literal = ox.Literal(" ".join(text.split()).lower())
        query = f"""
        SELECT DISTINCT ?id ?name ?class ?is_label WHERE {{
            {{ ?id <{RDFS}label> ?name BIND(true AS ?is_label) }}
            UNION {{ ?form <{KG}of> ?id . {{ ?form <{KG}written> ?name }} UNION {{ ?form <{KG}code> ?name }} BIND(false AS ?is_label) }}
            FILTER(CONTAINS(LCASE(STR(?name)), {literal}))
            FILTER(STRSTARTS(STR(?id), "{ID}"))
            ?id a ?class
        }} ORDER BY STRLEN(STR(?name)) STR(?name) STR(?id) LIMIT {NAMES}"""
        entities, shown = self.meanings("kg:Entity"), self._shown
        rows = [(str(id), str(name), str(class_name), is_label) for id, name, class_name, is_label in self._store.rows(query)]
        names = [Name(id, name, is_label in TRUE, class_name in entities) for id, name, class_name, is_label in rows if class_name in shown]
        return search(names, text, limit=limit)


def _some(numbers: Iterable[int] | None) -> Iterable[int]:
    if numbers is None:
        raise TooLargeError(
            f"The server holds more than {WHOLE_QUADS:,} quads, so the network is not fetched as a whole. Ask for what is near to a thing, "
            "with kg neighbours or kg subgraph; or build a snapshot with kg build --on-disk, and ask that with --store."
        )
    return numbers
