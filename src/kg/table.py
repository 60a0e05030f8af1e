"""The table of a projection, open for reading: the edges, indexed at both ends, and the names for search."""

from __future__ import annotations

import json
import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from heapq import nlargest
from itertools import compress, filterfalse, groupby, islice
from math import log, sqrt
from operator import itemgetter
from pathlib import Path
from queue import LifoQueue
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from kg.elements import NOTHING, OPEN, TOTALS, Edge, Filters, Node, Passage, Plain, Proof, Told
from kg.errors import DataError
from kg.names import Match, Name, fold, search
from kg.projection import Projection
from kg.store import Store
from kg.tablefile import fill, is_whole, to_meta

_LIST = "(SELECT value FROM json_each(?))"
_EDGES = "SELECT number, start, end, relation, fact, source, inferred, known_by, ended_by, attributes FROM edge"

CONNECTIONS = 4
"""How many threads read a file at a time; one connection answers one question at a time."""

MAPPED_BYTES = 2**31
"""How much of the file is read through the page cache of the system without a copy."""

FEW = 1_000
"""Up to so many nodes are walked from one by one, with what is kept of them."""

LONG = 8
"""A node with so many times more edges than there are nodes to look for is searched for these, instead of looked through."""

NEAR = 20_000
"""Of how many nodes it is kept where their edges come from, and of how many where they lead; a hub is near to almost everything."""

RECORDS = 100_000
"""How many records of edges are kept, and how many of nodes; those of hubs are in almost every subgraph."""

TOP = 20_000
"""How many of the most connected nodes are kept in their order."""

CANDIDATES = 150
"""How many names a search ranks, of those that share most groups of three letters with the text."""

POSTINGS = 5_000
"""How many occurrences of such groups a search looks at."""

SHORT = 6
"""A text of so few letters may share no group of three with the name that was meant, so all short names are ranked too."""


Out: TypeAlias = "tuple[array[int], array[int]]"
"""Numbers of the nodes that a node leads to, in order, and the places of the edges."""

Kept = TypeVar("Kept")


class _Keeper(Generic[Kept]):
    """Keeps what was read of many things, up to a bound, and reads the rest.

    Args:
        read: Reads what there is of some things, of each something.
        most: Of how many things it is kept.
    """

    def __init__(self, read: Callable[[list[int]], Mapping[int, Kept]], most: int) -> None:
        self._read, self._most = read, most
        self._known: dict[int, Kept] = {}

    def of(self, keys: Sequence[int]) -> list[Kept]:
        """Return what there is of some things."""
        known = self._known
        if missing := list(filterfalse(known.__contains__, keys)):
            new = self._read(missing)
            if len(known) + len(new) > self._most:
                known = {key: known[key] for key in keys if key in known}
                self._known = known if len(keys) <= self._most else {}
            # Nothing is ever taken out of it, so that others may read it meanwhile.
            known.update(new)
        return list(map(known.__getitem__, keys))


@lru_cache(maxsize=10_000)
def _to_date(day: int | None) -> date | None:
    return date.fromordinal(day) if day else None


class _Texts:
    """The texts of the things of one answer, all of which are read when the first is asked for."""

    def __init__(self, table: Table, numbers: Collection[int]) -> None:
        self._table = table
        self._numbers = numbers

    @cached_property
    def _rows(self) -> dict[int, tuple[str | None, str | None]]:
        return self._table.texts(self._numbers)

    def told(self, number: int) -> dict[str, Plain]:
        found: dict[str, Plain] = orjson.loads(self._rows[number][0] or "{}")
        return found

    def told_of_edge(self, fact: int | None, own: str | None = None) -> dict[str, Plain]:
        told = {name: value for name, value in self.told(fact).items() if name not in TOTALS} if fact else {}
        return told | orjson.loads(own) if own else told

    def proof(self, fact: int) -> tuple[Passage, ...]:
        addresses = self._table.addresses
        return tuple(Passage._make([*row, addresses.get(row[1])]) for row in orjson.loads(self._rows[fact][1] or "[]"))


class Table:
    """A table that is open for reading.

    Example:
        >>> import kg
        >>> table = kg.open().table()
        >>> table.numbers(["person:matt-hancock", "person:nobody"]).keys()
        dict_keys(['person:matt-hancock'])
    """

    is_whole = True
    """Whether the whole network can be read."""

    def __init__(self, connections: Iterable[sqlite3.Connection], place: str) -> None:
        self._place = place
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        for connection in connections:
            self._idle.put(connection)
        self._forget()

    @classmethod
    def open(cls, path: Path, projection: Projection, snapshot: str) -> Table | None:
        """Open a file, or return None if it is not, byte for byte, the table of this snapshot and projection."""
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        if not is_whole(path):
            return None
        try:
            # All are opened now: the file may be gone when a later snapshot is served, and is held open until then.
            connections = [sqlite3.connect(address, uri=True, check_same_thread=False) for _ in range(CONNECTIONS)]
            for connection in connections:
                connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
                meta = dict(connection.execute("SELECT name, value FROM meta"))
        except sqlite3.Error:
            return None
        return cls(connections, str(path)) if meta == to_meta(projection, snapshot) else None

    @classmethod
    def in_memory(cls, store: Store, projection: Projection) -> Table:
        """Run a projection and keep the table in memory.

        Raises:
            QueryError: The projection is no query, or one of its rows is no edge.
            DataError: There is no room for it.
        """
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            fill(connection, store, projection, "")
        except sqlite3.OperationalError as exc:
            raise DataError(f"The table of the network cannot be made: {exc}. Make room on the disk for temporary files.") from exc
        return cls([connection], "in memory")

    def _select(self, query: str, *values: object) -> list[Any]:
        return list(self._rows(query, *values))

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        """Yield rows one by one, where all at once would be too many; nothing else is to be read meanwhile."""
        connection = self._idle.get()
        try:
            yield from connection.execute(query, values)
        except sqlite3.DatabaseError as exc:
            raise DataError(f"The table of the network, {self._place!r}, cannot be read: {exc}. Delete it, and it is made anew.") from exc
        finally:
            self._idle.put(connection)

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the numbers of those short forms that are nodes."""
        query = f"SELECT id, number FROM thing WHERE is_node AND id IN {_LIST}"
        return dict(self._select(query, json.dumps(list(ids))))

    def ids(self, prefix: str = "") -> list[str]:
        """Return the short forms of the nodes that begin with a prefix, in their order."""
        # A short form is ASCII, so what begins with the prefix lies before the prefix and the sign after ASCII.
        return [
            id for (id,) in self._select("SELECT id FROM thing WHERE is_node AND id >= ? AND id < ? ORDER BY id", prefix, prefix + "\x7f")
        ]

    def ids_of(self, numbers: Iterable[int | None]) -> dict[int | None, str]:
        """Return the short forms of some things."""
        return dict(self._select(f"SELECT number, id FROM thing WHERE number IN {_LIST}", json.dumps([n for n in numbers if n])))

    def require(self, numbers: Iterable[int] | None) -> None:
        """Make sure that all edges of some nodes can be read, or of all.

        Raises:
            TooLargeError: That would be too much of a server.
        """

    def hubs(self, numbers: Iterable[int]) -> list[str]:  # noqa: ARG002 # a table of the whole network has none
        """Return the short forms of those nodes whose edges a server holds, and are too many to walk along."""
        return []

    def meanings(self, term: str) -> frozenset[str]:
        """Return the classes or relations that a class or relation stands for: itself and those below it."""
        return frozenset(found for (found,) in self._select("SELECT term FROM term WHERE ancestor = ?", term))

    @cached_property
    def classes(self) -> list[str]:
        """The classes of the nodes, without prefix, and what they are subsumed under."""
        query = "SELECT DISTINCT ancestor FROM term WHERE term IN (SELECT 'kg:' || class FROM thing WHERE is_node) UNION "
        query += "SELECT DISTINCT 'kg:' || class FROM thing WHERE is_node ORDER BY 1"
        return [name.removeprefix("kg:") for (name,) in self._select(query) if name.startswith("kg:")]

    @cached_property
    def relations(self) -> list[str]:
        """The short forms of the relations of the edges, and what they are subsumed under."""
        query = "SELECT id FROM relation UNION SELECT ancestor FROM term WHERE term IN (SELECT id FROM relation) ORDER BY 1"
        return [name for (name,) in self._select(query)]

    @property
    def sources(self) -> list[str]:
        """The short forms of the sources that prove an edge."""
        return sorted(self._sources.values())

    # ------------------------------------------------------------ walking

    def keep(self, numbers: Iterable[int], filters: Filters) -> set[int]:
        """Return those of some nodes that pass the filter of classes."""
        if not filters.classes:
            return set(numbers)
        query = f"SELECT number FROM thing WHERE class IN (SELECT value FROM json_each(?)) AND number IN {_LIST}"
        return {number for (number,) in self._select(query, json.dumps(sorted(filters.classes)), json.dumps(list(numbers)))}

    def step(self, numbers: Iterable[int], filters: Filters, *, is_first: bool = False) -> set[int]:  # noqa: ARG002 # a server may care
        """Return the nodes at the other ends of the edges of some nodes, in either direction; first of those that `require` was told."""
        condition, values = self._condition(filters)
        start = list(numbers)
        if not condition and len(start) <= FEW:
            return self.keep(set().union(*self._back.of(start), *(ends for ends, _ in self._out.of(start))), filters)
        near = json.dumps(start)
        # One array in JSON is read faster than as many rows.
        query = f"""
        SELECT json_group_array(number) FROM (
            SELECT end AS number FROM edge WHERE start IN {_LIST} {condition}
            UNION ALL
            SELECT start FROM edge WHERE end IN {_LIST} {condition}
        )"""
        (found,) = self._select(query, near, *values, near, *values)[0]
        return self.keep(set(orjson.loads(found)), filters)

    def _read_out(self, numbers: list[int]) -> dict[int, Out]:
        """Return where the edges of some nodes lead."""
        found = {number: (array("I"), array("I")) for number in numbers}
        rows = self._rows(f"SELECT start, end, at FROM edge WHERE start IN {_LIST} ORDER BY start, end", json.dumps(numbers))
        for start, edges in groupby(rows, itemgetter(0)):
            _, ends, places = zip(*edges, strict=True)
            found[start] = array("I", ends), array("I", places)
        return found

    def _read_back(self, numbers: list[int]) -> dict[int, array[int]]:
        """Return where the edges to some nodes come from."""
        found = {number: array("I") for number in numbers}
        rows = self._rows(f"SELECT end, start FROM edge WHERE end IN {_LIST} ORDER BY end", json.dumps(numbers))
        for end, edges in groupby(rows, itemgetter(0)):
            found[end] = array("I", [start for _, start in edges])
        return found

    def _forget(self) -> None:
        """Let go of what is kept of nodes and edges, since there are others now."""
        self._out = _Keeper(self._read_out, NEAR)
        self._back = _Keeper(self._read_back, NEAR)
        self._edge_records = _Keeper(self._read_edge_records, RECORDS)
        self._node_records = _Keeper(self._read_node_records, RECORDS)
        self.__dict__.pop("_top", None)

    def pairs(self, starts: Iterable[int], ends: Iterable[int], filters: Filters) -> set[tuple[int, int]]:
        """Return which nodes of one set have an edge, in either direction, with which of another."""
        condition, values = self._condition(filters)
        near, far = json.dumps(list(starts)), json.dumps(list(ends))
        # The plus sign keeps SQLite from trying each start with each end.
        query = (
            f"SELECT start, end FROM edge WHERE start IN {_LIST} AND +end IN {_LIST} {condition} "
            f"UNION SELECT end, start FROM edge WHERE end IN {_LIST} AND +start IN {_LIST} {condition}"
        )
        return set(self._select(query, near, far, *values, near, far, *values))

    def _condition(self, filters: Filters, other: str = "") -> tuple[str, list[object]]:
        """Return what an edge must fulfil as SQL with its values; with the name of an end, the class of that end too."""
        parts: list[str] = []
        values: list[object] = []
        if filters.classes and other:
            parts.append(f"AND {other} IN (SELECT number FROM thing WHERE class IN (SELECT value FROM json_each(?)))")
            values.append(json.dumps(sorted(filters.classes)))
        if filters.relations:
            parts.append("AND relation IN (SELECT number FROM relation WHERE id IN (SELECT value FROM json_each(?)))")
            values.append(json.dumps(sorted(filters.relations)))
        if filters.sources:
            parts.append("AND source IN (SELECT number FROM thing WHERE id IN (SELECT value FROM json_each(?)))")
            values.append(json.dumps(sorted(filters.sources)))
        if filters.as_of:
            parts.append("AND ifnull(known_by <= ?, 1) AND ifnull(ended_by >= ?, 1)")
            values += [filters.as_of.toordinal()] * 2
        return " ".join(parts), values

    # ------------------------------------------------------------ nodes and edges

    def nodes(self, numbers: Iterable[int] | None, filters: Filters = OPEN) -> tuple[Node, ...]:
        """Return some nodes, or all that pass the filter of classes, in the order of their short forms."""
        query = "SELECT number, id, class, label, kind, degree FROM thing WHERE is_node"
        values = []
        if numbers is not None:
            query += f" AND number IN {_LIST}"
            values.append(json.dumps(list(numbers)))
        if filters.classes:
            query += " AND class IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(sorted(filters.classes)))
        rows = self._select(query + " ORDER BY id", *values)
        texts = _Texts(self, [row[0] for row in rows])
        return tuple([Node(id, name, label, kind, degree, Told(texts.told, number)) for number, id, name, label, kind, degree in rows])

    def edges(self, numbers: Iterable[int] | None, filters: Filters = OPEN) -> tuple[Edge, ...]:
        """Return the edges among some nodes, or among all, in the order of their ends."""
        condition, values = self._condition(filters)
        if numbers is None and filters.classes:
            numbers = self.keep(self._all(), filters)
        if numbers is None:
            return self._to_edges(self._select(f"{_EDGES} WHERE 1 {condition}", *values))
        return self._to_edges(self._select(f"{_EDGES} WHERE at IN {_LIST}", json.dumps(self._places(numbers, filters))))

    def _places(self, numbers: Iterable[int], filters: Filters) -> list[int]:
        """Return where the edges among some nodes are."""
        condition, values = self._condition(filters)
        among = set(numbers)
        if condition or len(among) > FEW:
            listed = json.dumps(list(among))
            query = f"SELECT at FROM edge WHERE start IN {_LIST} AND +end IN {_LIST} {condition}"
            return [place for (place,) in self._select(query, listed, listed, *values)]
        found: list[int] = []
        for ends, places in self._out.of(list(among)):
            if len(ends) > LONG * len(among):
                for end in among:
                    found += places[bisect_left(ends, end) : bisect_right(ends, end)]
            else:
                found += compress(places, map(among.__contains__, ends))
        return found

    def edges_between(self, first: int, second: int, filters: Filters = OPEN) -> tuple[Edge, ...]:
        """Return the edges between two nodes, in either direction."""
        condition, values = self._condition(filters)
        query = f"{_EDGES} WHERE ((start = ? AND end = ?) OR (start = ? AND end = ?)) {condition}"
        return self._to_edges(self._select(query, first, second, second, first, *values))

    def nodes_json(self, numbers: Iterable[int]) -> bytes:
        """Return some nodes as records in JSON, as `exports.to_json` has them, in the order of their short forms."""
        return b"[%b]" % b",".join([record for _, record in sorted(self._node_records.of(list(numbers))) if record])

    def _read_node_records(self, numbers: list[int]) -> dict[int, tuple[str, bytes]]:
        """Return the short forms and the records of some nodes; of what is none, empty ones."""
        query = f"""
        SELECT number, id,
            '{{"class":' || json_quote(class) || ',"label":' || json_quote(label) || iif(kind > '', ',"kind":' || json_quote(kind), '')
            || ',"network_degree":' || degree || iif(length(attributes) > 2, ',' || substr(attributes, 2, length(attributes) - 2), '')
            || ',"id":' || json_quote(id) || '}}'
        FROM thing WHERE is_node AND number IN {_LIST}"""
        found = {number: (id, record.encode()) for number, id, record in self._select(query, json.dumps(numbers))}
        return dict.fromkeys(numbers, ("", b"")) | found

    def edges_json(self, numbers: Iterable[int], filters: Filters = OPEN) -> bytes:
        """Return the edges among some nodes as records in JSON, as `exports.to_json` has them, in the order of their ends.

        A projection of one's own may have names with `!` or a blank, which stand before the name without.
        """
        return b"[%b]" % b",".join(sorted(self._edge_records.of(self._places(numbers, filters))))

    def _read_edge_records(self, places: list[int]) -> dict[int, bytes]:
        """Return the records of the edges at some places."""
        return dict(self._select(f"SELECT at, text FROM record WHERE at IN {_LIST}", json.dumps(places)))

    def connected(self, filters: Filters, limit: int = -1) -> list[int]:
        """Return the nodes that pass the filters, the most connected first; all, or some at most.

        Where relations, sources or a day are asked for, a node without an edge that passes is left out.
        """
        query = "SELECT number FROM thing WHERE is_node"
        values: list[object] = []
        if filters.classes:
            query += " AND class IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(sorted(filters.classes)))
        if filters.relations or filters.sources or filters.as_of:
            (out, out_values), (back, back_values) = self._condition(filters, "end"), self._condition(filters, "start")
            query += f"""
            AND (EXISTS (SELECT 1 FROM edge WHERE start = thing.number {out})
                OR EXISTS (SELECT 1 FROM edge WHERE end = thing.number {back}))"""
            values += [*out_values, *back_values]
        return [number for (number,) in self._select(f"{query} ORDER BY degree DESC, id LIMIT ?", *values, limit)]

    def most_connected(self, numbers: Iterable[int], limit: int) -> set[int]:
        """Return those of some nodes that have the most edges."""
        wanted = set(numbers)
        if len(found := list(islice((number for number in self._top if number in wanted), limit))) == limit:
            return set(found)
        query = f"SELECT number FROM thing WHERE number IN {_LIST} ORDER BY degree DESC, id LIMIT ?"
        return {number for (number,) in self._select(query, json.dumps(list(wanted)), limit)}

    @cached_property
    def _top(self) -> array[int]:
        """The most connected of the nodes that are known, in their order."""
        return array("I", Table.connected(self, OPEN, TOP))

    def _all(self) -> list[int]:
        return [number for (number,) in self._select("SELECT number FROM thing WHERE is_node")]

    def _to_edges(self, rows: Iterable[tuple[Any, ...]], *, is_ordered: bool = False) -> tuple[Edge, ...]:
        """Return rows as edges, in the order of their ends, relations and facts, or as they come."""
        found = list(rows)
        facts = {row[4] for row in found if row[4]}
        ids = self.ids_of(facts.union(*(row[1:3] for row in found))) | self._sources
        texts = _Texts(self, facts)
        told: dict[int | None, tuple[str | None, Sequence[Passage], Mapping[str, Plain]]] = {
            fact: (ids[fact], Proof(texts.proof, fact), Told(texts.told_of_edge, fact)) for fact in facts
        }
        told[None] = (None, (), NOTHING)
        relations = self._relations
        edges = []
        for number, start, end, relation, fact, source, inferred, known_by, ended_by, own in found:
            id, proof, attributes = told[fact]
            if own:
                attributes = Told(texts.told_of_edge, fact, own)
            reads = (ids[start], ids[end], *relations[relation])
            days = (_to_date(known_by), _to_date(ended_by))
            edges.append(Edge(number, *reads, id, ids.get(source), inferred == 1, *days, proof, attributes))
        if not is_ordered:
            edges.sort(key=lambda edge: (*edge[1:4], not edge.fact, edge.fact or "", str(edge.number)))
        return tuple(edges)

    def _read_sources(self) -> dict[int | None, str]:
        return dict(self._select("SELECT number, id FROM thing WHERE number IN (SELECT source FROM edge)"))

    def _read_relations(self) -> dict[int, tuple[str, str, str]]:
        rows = self._select("SELECT number, id, label, inverse_label FROM relation")
        return {number: (id, label, inverse_label) for number, id, label, inverse_label in rows}

    def _read_addresses(self) -> dict[str, str]:
        """Return the public addresses of the sources."""
        return dict(self._select("SELECT source, address FROM address"))

    _sources = cached_property(_read_sources)
    _relations = cached_property(_read_relations)
    addresses = cached_property(_read_addresses)

    def texts(self, numbers: Collection[int]) -> dict[int, tuple[str | None, str | None]]:
        """Return what is told of some things and the passages that prove them, as JSON."""
        query = f"SELECT number, attributes, passages FROM thing WHERE number IN {_LIST}"
        return {number: (told, proof) for number, told, proof in self._select(query, json.dumps(list(numbers)))}

    # ------------------------------------------------------------ the neighbours of one node

    def tally(self, number: int, filters: Filters = OPEN) -> list[tuple[str, str, bool, int, int]]:
        """Return relation, label, whether it leads out, and how many edges and other nodes, for each way out of a node."""
        (out, out_values), (back, back_values) = self._condition(filters, "end"), self._condition(filters, "start")
        query = f"""
        SELECT id, CASE WHEN is_outward THEN label ELSE inverse_label END, is_outward, edges, others
        FROM (
            SELECT relation, 1 AS is_outward, count(*) AS edges, count(DISTINCT end) AS others
            FROM edge WHERE start = ? {out} GROUP BY relation
            UNION ALL
            SELECT relation, 0, count(*), count(DISTINCT start) FROM edge WHERE end = ? AND start != end {back} GROUP BY relation
        ) JOIN relation ON number = relation ORDER BY edges DESC, id, is_outward DESC, label"""
        rows = self._select(query, number, *out_values, number, *back_values)
        return [(id, label, bool(is_outward), edges, others) for id, label, is_outward, edges, others in rows]

    def edges_at(self, number: int, filters: Filters = OPEN, *, limit: int, offset: int = 0) -> tuple[Edge, ...]:
        """Return one page of the edges of a node, by relation and direction."""
        (out, out_values), (back, back_values) = self._condition(filters, "end"), self._condition(filters, "start")
        query = f"""
        {_EDGES} JOIN (
            SELECT at AS place, relation AS by, 0 AS inward, end AS other FROM edge WHERE start = ? {out}
            UNION ALL
            SELECT at, relation, 1, start FROM edge WHERE end = ? AND start != end {back}
        ) ON at = place
        ORDER BY (SELECT id FROM relation WHERE relation.number = by), inward, (SELECT id FROM thing WHERE thing.number = other),
            (SELECT id FROM thing WHERE thing.number = fact), number
        LIMIT ? OFFSET ?"""
        return self._to_edges(self._select(query, number, *out_values, number, *back_values, limit, offset), is_ordered=True)

    # ------------------------------------------------------------ names

    def has_name(self, id: str, *, is_prefix: bool = False) -> bool:
        """Tell whether a thing, be it a node or not, or any whose short form begins so, has a name."""
        return bool(self._select("SELECT 1 FROM name WHERE id >= ? AND id <= ? LIMIT 1", id, id + ("\x7f" if is_prefix else "")))

    def named(self, classes: Collection[str], *, limit: int, offset: int) -> tuple[int, list[tuple[str, str, str]]]:
        """Return how many things have a name, of some classes or of all, and short form, class and label of a page of them."""
        condition = "is_label" + (" AND class IN (SELECT value FROM json_each(?))" if classes else "")
        values = [json.dumps(sorted(classes))] if classes else []
        total = int(self._select(f"SELECT count(*) FROM name WHERE {condition}", *values)[0][0])
        query = f"SELECT id, class, name FROM name WHERE {condition} ORDER BY id LIMIT ? OFFSET ?"
        return total, self._select(query, *values, limit, offset)

    def find(self, text: str, *, limit: int = 10) -> list[Match]:
        """Return the things whose names are nearest to a text, the best first; typing errors are forgiven."""
        return search(self._candidates(fold(text)), text, limit=limit)

    def _candidates(self, text: str) -> list[Name]:
        """Names that share groups of three letters with a text, and for a short text the short names."""
        shared = self._share_grams(text)
        near = nlargest(len(shared), shared, key=shared.__getitem__)[: CANDIDATES * 4]
        lengths = dict(self._select(f"SELECT number, length FROM name WHERE number IN {_LIST}", json.dumps(near)))
        numbers = nlargest(CANDIDATES, near, key=lambda number: shared[number] / sqrt(lengths[number]))
        if len(text) <= SHORT:
            numbers += [number for (number,) in self._select("SELECT number FROM name WHERE length <= ?", SHORT + 2)]
        query = f"""
        SELECT id, name, is_label, is_entity FROM name
        WHERE number IN {_LIST} OR (is_label AND id IN (SELECT id FROM name WHERE number IN {_LIST})) ORDER BY number"""
        chosen = json.dumps(numbers)
        return [Name(id, name, bool(is_label), bool(is_entity)) for id, name, is_label, is_entity in self._select(query, chosen, chosen)]

    def _share_grams(self, text: str) -> dict[int, float]:
        """Return how much each name shares with a text: the rarer a group of letters, the more it weighs.

        The rarest groups come first, and the common ones are left out once enough names are found.
        """
        grams = json.dumps(sorted({text[at : at + 3] for at in range(len(text) - 2)}))
        rarest = self._select(f"SELECT term, doc FROM gram_count WHERE term IN {_LIST} ORDER BY doc, term", grams)
        shared: dict[int, float] = defaultdict(float)
        looked_at = 0
        for gram, count in rarest:
            if looked_at and looked_at + count > POSTINGS:
                break
            looked_at += count
            weight = log(1 + self._name_count / count)
            for (number,) in self._select("SELECT rowid FROM gram WHERE gram MATCH ?", f'"{gram}"'):
                shared[number] += weight
        return shared

    @cached_property
    def _name_count(self) -> int:
        return int(self._select("SELECT count(*) FROM name")[0][0])
