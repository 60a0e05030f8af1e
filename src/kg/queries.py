"""The catalogue: every file of `sparql/` is a question with parameters, asked by name.

A file opens with a `#+` header in YAML. Its parameters are the variables of one `VALUES` line, whose row of UNDEF a call
replaces with terms that are serialised here, so no text of a user ever becomes part of a query.

Sources:
    The header follows grlc: https://grlc.readthedocs.io/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING

import yaml

from kg import nearby
from kg.compiler import Progress, open_graph, say_nothing, server_folder
from kg.errors import SEARCH, CallError, DataError, NotFoundError, TooLargeError
from kg.names import Match
from kg.projection import read_projection
from kg.resources import shipped
from kg.snapshots import Engine, Snapshot, open_snapshot
from kg.store import Embedded, Rows, Store, Triples, Value
from kg.table import Table
from kg.vocab import BASE, CODE, EXPORT_GRAPH, ID, KG, OWL, RDF, RDFS, XSD, expand, listed, prologue, shorten, suggest

if TYPE_CHECKING:
    import rdflib

_OPENING = Lock()
"""Two threads that want a table make it once."""

VALUES_LINE = re.compile(r"VALUES \(([^)]*)\) \{ \(([^)]*)\) \}")
FILTER_LINE = re.compile(r"^( +)FILTER\(!BOUND\(\?(\w+)\) \|\| (.+)\)$", re.MULTILINE)
PATH = re.compile(r"\w+:\w+\* \?(\w+)")
MAX_LEADING = 200
"""Of how many things a path is followed, or a hint asked, before a query is."""
NOTHING = f"<{KG}nothing>"
"""Stands where a hint has come to nothing."""
HINT_LINE = re.compile(r"^( +)#(!?\??)\?(\w+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a query: its name, type (`iri`, `code`, `term`, `date`, `boolean`, `string`) and meaning."""

    name: str
    type: str
    doc: str
    class_name: str | None = None
    code_list: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the answer: its name, type, meaning, and unit where it has one."""

    name: str
    type: str
    doc: str
    unit: str | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """A question of the catalogue; `table` names the columns that a person sees, `note` stands below them."""

    name: str
    summary: str
    description: str
    params: tuple[Param, ...]
    columns: tuple[Column, ...]
    tags: tuple[str, ...]
    text: str
    table: tuple[str, ...] = ()
    note: str = ""

    def read(self, columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
        """Yield the rows of an answer with truth values where the header says so; some servers write 1 for true."""
        truths = [at for at, name in enumerate(columns) if name in self._truths]
        return map(partial(_with_truths, truths), rows) if truths else iter(rows)

    @cached_property
    def _truths(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns if column.type == "boolean")

    @cached_property
    def by_name(self) -> Mapping[str, Param]:
        """The parameters by their names."""
        return {param.name: param for param in self.params}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The paths to a parameter, such as `kg:partOf* ?programme`."""
        return tuple(sorted({match[0] for match in PATH.finditer(self.text) if match[1] in self.by_name}))

    @cached_property
    def asked_first(self) -> tuple[tuple[str, str, bool], ...]:
        """The hints that are asked before the query: name of the parameter, pattern, and whether without it there is no answer."""
        found = {(match[3], match[4]): match[2] == "!?" for match in HINT_LINE.finditer(self.text) if match[2]}
        return tuple((name, hint, is_needed) for (name, hint), is_needed in found.items())

    def is_empty(self, terms: Mapping[str, str]) -> bool:
        """Tell whether a hint without which there is no answer has come to nothing, so that there is nothing to ask."""
        return any(NOTHING in terms.get(hint, "") for _, hint, is_needed in self.asked_first if is_needed)

    def bind(self, terms: Mapping[str, str]) -> str:
        """Return the query with terms in SPARQL syntax in place of UNDEF, and with the hints for what is given.

        What only matters where a parameter is not given, or only where it is, is left out, so that an engine has less to
        plan; some servers fail on the whole.
        """
        given = [(name, terms[name].split() if name in self.paths else [terms[name]]) for name in terms]
        pieces = _template(self, tuple([(name, len(values)) for name, values in given]))
        if len(pieces) == 1:
            return pieces[0]
        flat = [value for _, values in given for value in values]
        return "".join([flat[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces)])

    def _bind(self, terms: Mapping[str, str]) -> str:
        given = [param.name for param in self.params if param.name in terms]
        names, row = " ".join(f"?{name}" for name in given), " ".join(terms[name] for name in given)
        line = f"VALUES ({names}) {{ ({row}) }}" if given else ""
        text = _without_header(self.text)
        text = VALUES_LINE.sub(lambda _: line, text, count=1) if self.params else text
        text = FILTER_LINE.sub(lambda match: self._filter(match, terms), text)
        return HINT_LINE.sub(
            lambda match: match[1] + (terms.get(match[4]) or _hint(match[4], match[3], terms)) if match[3] in terms else match[0], text
        )

    def _filter(self, match: re.Match[str], terms: Mapping[str, str]) -> str:
        if all(param.name != match[2] for param in self.params):
            return match[0]
        if match[2] not in terms:
            return ""
        text = match[3]
        for path, found in _paths(terms, match[2]):
            text = re.sub(rf"EXISTS \{{ \?(\w+) {path} \}}", rf"?\1 IN ({', '.join(found)})", text)
            text = re.sub(rf"\?(\w+) {path}", rf"FILTER(?\1 IN ({', '.join(found)}))", text)
        return f"{match[1]}FILTER({text})"


_MARK = re.compile(r"\x00(\d+)\x00")


@lru_cache(maxsize=500)
def _template(query: Query, counts: tuple[tuple[str, int], ...]) -> list[str]:
    """Return the query in pieces: its text, and between two pieces of it the place of a term.

    Putting it together takes longer than many answers.

    Args:
        query: The query.
        counts: The name of what is given, and of how many terms it is; only what leads along a path is several.
    """
    places = iter(range(sum(count for _, count in counts)))
    marked = {name: " ".join(f"\x00{at}\x00" for at in islice(places, count)) for name, count in counts}
    return _MARK.split(query._bind(marked))  # the other half of it


def _with_truths(at: Sequence[int], row: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return a row with truth values at some places, where a server has written 1 or 0."""
    if not any(type(row[place]) is int for place in at):
        return row
    return tuple(bool(value) if place in at and value is not None else value for place, value in enumerate(row))


@cache
def _without_header(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#+"))


def _paths(terms: Mapping[str, str], name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each path to a parameter, such as `kg:partOf* ?programme`, as a pattern, and what leads along it to the term given."""
    return ((re.escape(path), found.split()) for path, found in terms.items() if path.endswith(f"* ?{name}"))


def _hint(pattern: str, name: str, terms: Mapping[str, str]) -> str:
    for path, found in _paths(terms, name):
        pattern = re.sub(rf"\?(\w+) {path}", rf"VALUES ?\1 {{ {' '.join(found)} }}", pattern)
    return re.sub(rf"\?{name}\b", lambda _: terms[name], pattern)


def read_query(path: Path) -> Query:
    """Return the query in a file of the catalogue.

    Raises:
        DataError: The header is not complete.
    """
    text = path.read_text("utf-8")
    header = "\n".join(line[3:] for line in text.splitlines() if line.startswith("#+ "))
    try:
        head = yaml.load(header, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # both are safe loaders
        params = tuple(Param(name, p["type"], p["doc"], p.get("class"), p.get("list")) for name, p in head.get("params", {}).items())
        columns = tuple(Column(name, c["type"], c["doc"], c.get("unit")) for name, c in head["columns"].items())
        return Query(
            path.stem,
            head["summary"],
            head["description"],
            params,
            columns,
            tuple(head["tags"]),
            text,
            tuple(head["table"]),
            head.get("note", ""),
        )
    except (yaml.YAMLError, KeyError, AttributeError, TypeError) as exc:
        raise DataError(
            f"{path}: the #+ header is not complete: {exc!r}. It needs summary, description, params, columns, table and tags."
        ) from exc


def query_names() -> list[str]:
    """Return the names of all queries of the catalogue, sorted.

    Example:
        >>> "pledges" in query_names()
        True
    """
    return sorted(path.stem for path in shipped("sparql").glob("*.rq"))


@cache
def get_query(name: str) -> Query:
    """Return a query of the catalogue by name; its file is read once.

    Raises:
        NotFoundError: There is none of this name; the message suggests the nearest.

    Example:
        >>> get_query("pledges").summary
        'Who promised what, to whom, at which event, for how much and by when?'
    """
    names = query_names()
    if name not in names:
        raise NotFoundError(f"There is no query {name!r}.{suggest(name, names)} kg queries lists them all.")
    return read_query(shipped("sparql") / f"{name}.rq")


@dataclass(frozen=True)
class Graph:
    """A graph that is open: ask it by name, by SPARQL, or search it.

    Example:
        >>> import kg
        >>> g = kg.open()
        >>> [row["made_by"] for row in g.query("pledges", maker="person:matt-hancock").to_dicts()][0]
        'person:matt-hancock'
    """

    snapshot: Snapshot

    @property
    def store(self) -> Store:
        """What answers: the engine inside this process, or a server."""
        return self.snapshot.store

    @property
    def embedded(self) -> Embedded:
        """The engine inside this process.

        Raises:
            CallError: The graph is on a server.
        """
        return self.snapshot.embedded

    @cached_property
    def licence(self) -> str | None:
        """The licence that the ontology states, or None."""
        query = f"SELECT ?licence WHERE {{ ?ontology a <{OWL}Ontology> ; <http://purl.org/dc/terms/license> ?licence }} ORDER BY ?licence"
        return next((str(row[0]) for row in self.store.select(query)), None)

    def write(self, out: IO[bytes], format: str) -> None:
        """Write the whole graph as one file, which begins with its description, and from which `kg build` makes the same snapshot again.

        Args:
            out: Where to write to.
            format: `nq` (N-Quads), `trig` or `jsonld`.

        Raises:
            CallError: The format is none of those.

        Example:
            >>> import io, kg
            >>> out = io.BytesIO()
            >>> kg.open().write(out, "nq")
            >>> b"<http://purl.org/dc/terms/license>" in out.getvalue().splitlines()[2]
            True
        """
        self.embedded.write(out, format, self.describe())

    def describe(self) -> str:
        """Return what a file or a server that holds this graph says of it as a dataset, as lines of N-Quads.

        They lie in a graph of their own, `…/graph/export`: the licence, the day on which the snapshot was made, how many
        quads it has, and its digest. That is the SHA-256 of the list of all other graphs in the order of their names: for
        each a line with the SHA-256 of its sorted lines of N-Quads, their number and its name, with tabs between.

        Sources:
            VoID, the vocabulary of the description: https://www.w3.org/TR/void/
        """
        manifest, terms = self.snapshot.manifest, "http://purl.org/dc/terms/"
        told = {
            f"{RDF}type": "<http://rdfs.org/ns/void#Dataset>",
            f"{terms}license": f"<{self.licence}>" if self.licence else "",
            f"{terms}issued": f'"{self.snapshot.made}"^^<{XSD}date>',
            f"{terms}identifier": f'"sha256:{manifest["sha256"]}"',
            "http://rdfs.org/ns/void#triples": f'"{manifest["quads"]}"^^<{XSD}integer>',
        }
        return "".join(f"<{BASE}> <{name}> {value} <{EXPORT_GRAPH}> .\n" for name, value in sorted(told.items()) if value)

    def query(self, name: str, /, **params: object) -> Rows:
        """Ask a question of the catalogue.

        Args:
            name: Name of the query, such as `pledges`.
            params: Its parameters: short forms or IRIs of things, codes such as `firm`, dates as `date` or ISO text,
                booleans. A parameter that is left out, or None, leaves the question open.

        Raises:
            NotFoundError: No such query, or no such thing in the graph.
            CallError: No such parameter, or a value that is not of its type.
        """
        query = get_query(name)
        terms = self.terms(query, params)
        if query.is_empty(terms):
            return Rows(tuple(column.name for column in query.columns), ())
        rows = self.store.select(query.bind(terms))
        return Rows(rows.columns, tuple(query.read(rows.columns, rows)))

    def terms(self, query: Query, params: Mapping[str, object]) -> dict[str, str]:
        """Return the given parameters as terms in SPARQL syntax, and what leads to them where the query has a path to one.

        An engine need not follow a path then, at which some servers lose answers.

        Raises:
            NotFoundError, CallError: As for `query`.
        """
        known = query.by_name
        for name in params:
            if name not in known:
                hint = suggest(name, known) or (f" It takes: {', '.join(known)}." if known else " It takes none.")
                raise CallError(f"The query {query.name!r} has no parameter {name!r}.{hint}")
        terms = {name: self._term(known[name], value) for name, value in params.items() if value is not None}
        terms |= {path: found for path in query.paths if (found := self._leading(path, terms))}
        return terms | {hint: found for name, hint, _ in query.asked_first if name in terms and (found := self._meant(hint, name, terms))}

    def _leading(self, path: str, terms: Mapping[str, str]) -> str:
        """Return the things that lead to a given term along a path such as `kg:partOf* ?programme`, unless they are too many."""
        step, _, name = path.partition(" ?")
        if name not in terms:
            return ""
        found = self.store.terms(f"PREFIX kg: <{KG}> SELECT DISTINCT ?from WHERE {{ ?from {step} {terms[name]} }} LIMIT {MAX_LEADING + 1}")
        leading = sorted(str(row[0]) for row in found)
        return " ".join(leading) if len(leading) <= MAX_LEADING else ""

    def _meant(self, hint: str, name: str, terms: Mapping[str, str]) -> str:
        """Return what a hint comes to, unless that is too much. An engine that has to guess how much it is would begin elsewhere."""
        variable = hint.partition("?")[2].partition(" ")[0]
        text = _hint(hint, name, terms)[1:-1]
        found = sorted(str(row[0]) for row in self.store.terms(f"{prologue(text)}{text} LIMIT {MAX_LEADING + 1}"))
        return f"VALUES ?{variable} {{ {' '.join(found) or NOTHING} }}" if len(found) <= MAX_LEADING else ""

    def _term(self, param: Param, value: object) -> str:
        if param.type == "iri":
            return f"<{self.require(str(value), param.class_name)}>"
        if param.type == "code":
            return f"<{CODE}{self._code(param, str(value))}>"
        if param.type == "term":
            return f"<{self._vocabulary_term(str(value))}>"
        return _literal(param, value)

    def require(self, text: str, class_name: str | None = None) -> str:
        """Return the IRI of a thing that is in the graph.

        Args:
            text: Short form or IRI.
            class_name: A class that it must have, itself or by a sub-class; None or `Node` for any.

        Raises:
            NotFoundError: There is no such thing; the message suggests the nearest.
            CallError: It is of another class.
        """
        iri = expand(text)
        classes = self.store.classes_of(iri) if iri else ()
        if not classes:
            raise NotFoundError(f"There is no {text!r} in the graph.{self._nearest(text, class_name)}")
        if class_name not in (None, "Node") and KG + class_name not in classes:
            raise CallError(f"{text!r} is no {class_name}, which is what is wanted here.{self._nearest(text, class_name)}")
        return str(iri)

    def _nearest(self, text: str, class_name: str | None) -> str:
        """The nearest slug of the class that was meant, or else the nearest name."""
        of_class = f"a/<{RDFS}subClassOf>* <{KG}{class_name}>" if class_name not in (None, "Node") else "a ?class"
        rows = self.store.select(f'SELECT DISTINCT ?id WHERE {{ ?id {of_class} FILTER(STRSTARTS(STR(?id), "{ID}")) }}')
        meant, colon, slug = text.partition(":")
        ids = [str(row[0]) for row in rows]
        same = {id.partition(":")[2]: id for id in ids if not colon or id.startswith(meant + ":")}
        if hint := suggest(slug if colon else text, same):
            return hint.replace(repr(hint.split("'")[1]), repr(same[hint.split("'")[1]]))
        wanted = set(ids)
        found = [match.id for match in self.find(slug or text, limit=50) if match.id in wanted and match.score >= 80]
        return f" Did you mean {found[0]!r}?" if found else f" {SEARCH}"

    def codes(self, code_list: str) -> list[str]:
        """Return the codes of a list, sorted.

        Example:
            >>> import kg
            >>> kg.open().codes("strengths")
            ['firm', 'planned']
        """
        query = f"SELECT ?code WHERE {{ ?code <http://www.w3.org/2004/02/skos/core#inScheme> <{CODE}{code_list}> }}"
        return sorted(str(row[0]) for row in self.store.select(query))

    def _code(self, param: Param, value: str) -> str:
        codes = self.codes(str(param.code_list))
        short = shorten(value)
        if short not in codes:
            raise CallError(
                f"The parameter {param.name!r} has no code {value!r}.{suggest(value, codes)} It takes: {', '.join(sorted(codes))}."
            )
        return short

    def _vocabulary_term(self, value: str) -> str:
        terms = [
            str(row[0])
            for row in self.store.select(f'SELECT ?term WHERE {{ ?term <{RDFS}label> ?label FILTER(STRSTARTS(STR(?term), "{KG}")) }}')
        ]
        short = shorten(value) if ":" in value else f"kg:{value}"
        if short not in terms:
            raise NotFoundError(f"The vocabulary has no term {value!r}.{suggest(short[3:], [term[3:] for term in terms])}")
        return KG + short[3:]

    def sparql(self, text: str) -> Rows | Triples:
        """Ask any SPARQL query; the prefixes of this graph need not be declared.

        Raises:
            QueryError: The text is no query, calls SERVICE, or would write.
        """
        return self.store.query(text)

    def labels(self, values: Iterable[Value]) -> dict[Value, str]:
        """Return the label of every value that is the short form of a thing.

        Example:
            >>> import kg
            >>> kg.open().labels(["person:matt-hancock", 7])
            {'person:matt-hancock': 'Matt Hancock'}
        """
        iris = sorted({iri for value in values if isinstance(value, str) and (iri := expand(value))})
        queries = (f"SELECT ?id ?label WHERE {{ VALUES ?id {{ {some} }} ?id <{RDFS}label> ?label }}" for some in listed(iris))
        return {id: str(label) for query in queries for id, label in self.store.select(query)}

    def find(self, text: str, *, limit: int = 10) -> list[Match]:
        """Return the things whose names are nearest to a text, the best first."""
        return self.table().find(text, limit=limit)

    def table(self, projection: Path | str | None = None) -> Table:
        """Return the edges of the network, as the shipped projection or another says what is an edge.

        Args:
            projection: A file with a SELECT query; its columns are told in `kg.projection`.

        Raises:
            CallError: The file cannot be read, is no such query, or a row of it is no edge.
        """
        wanted = read_projection(None if projection is None else Path(projection))
        is_large = self.snapshot.engine is None and self.snapshot.manifest["quads"] > nearby.WHOLE_QUADS
        if is_large and not isinstance(self.store, Embedded):
            if wanted.is_own:
                raise TooLargeError(
                    f"The server holds more than {nearby.WHOLE_QUADS:,} quads, and a projection is run on the whole graph. "
                    "Build a snapshot with kg build --on-disk, and use --store."
                )
            return self._near(self.store)
        with _OPENING:
            if wanted.digest not in self._tables:
                self._tables[wanted.digest] = self.snapshot.open_table(wanted)
            return self._tables[wanted.digest]

    def _near(self, server: Store) -> Table:
        """Return what is known so far of the network of a large graph on a server."""
        with _OPENING:
            found = self._tables.get("")
            if not isinstance(found, nearby.Nearby) or found.is_full:
                self._tables[""] = found = nearby.Nearby(server)
            return found

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}

    def to_dataset(self) -> rdflib.Dataset:
        """Return a copy of the graph as an rdflib Dataset, whose queries still run in Oxigraph; pass them as text."""
        return self.embedded.to_dataset()


def _literal(param: Param, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    checks: dict[str, Callable[[str], object]] = {
        "date": date.fromisoformat,
        "integer": int,
        "decimal": Decimal,
        "boolean": {"true": True, "false": False}.__getitem__,
        "string": str,
    }
    try:
        checks[param.type](text)
    except (ValueError, KeyError, InvalidOperation) as exc:
        example = {"date": "2021-03-18", "integer": "7", "decimal": "6.5", "boolean": "true or false"}[param.type]
        raise CallError(f"The parameter {param.name!r} is a {param.type}, and {text!r} is none. Write it like {example}.") from exc
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"' if param.type == "string" else f'"{escaped}"^^<{XSD}{param.type}>'


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def open_any(
    graph: Path | str | None = None,
    *,
    store: Path | str | None = None,
    endpoint: str | None = None,
    sensitive: bool = False,
    engine: Engine | None = None,
    processes: int = 1,
    progress: Progress = say_nothing,
) -> Graph:
    """Open a graph.

    Args:
        graph: Folder of Turtle and TriG files; without it, the graph that ships with the library.
        store: Folder of a snapshot made by `kg build --out`, instead of a graph.
        endpoint: Address of a SPARQL server that holds the graph, instead of either.
        sensitive: Keep the facts that are marked sensitive.
        engine: Where the quads of a snapshot are: `memory` or `disk`; without it on disk, if the snapshot is large.
        processes: How many processes a build takes for a large graph, as `kg.compiler.build` says.
        progress: Is told what a build does, how much of it is done, and how much there is.

    Raises:
        CallError: More than one of these is given.
        DataError: The files do not hold, there is no snapshot, or the server holds no graph.
        UnavailableError: The server does not answer.
    """
    given = [name for name, value in (("graph", graph), ("store", store), ("endpoint", endpoint)) if value is not None]
    if len(given) > 1:
        raise CallError(f"A {given[0]} and {_article(given[1])} are given; give one of the two.")
    if endpoint is not None:
        from kg.remote import connect

        remote, manifest, note = connect(endpoint)
        # Only a server that tells the digest of what it holds can be known again.
        folder = server_folder(endpoint, manifest["sha256"]) if manifest["is_described"] else None
        return Graph(Snapshot(dict(manifest), lambda: remote, folder, note=note))
    if store is not None:
        return Graph(open_snapshot(Path(store), engine))
    folder = Path(graph) if graph is not None else shipped("graph")
    return Graph(open_graph(folder, sensitive=sensitive, processes=processes, progress=progress))
