"""One interface to a graph that answers SPARQL, and the engine inside the process.

Facts lie in named graphs, so every query sees the union of all graphs as its default graph.
"""

from __future__ import annotations

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from string import ascii_lowercase, digits
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

import pyoxigraph as ox

from kg.errors import CallError, DataError, KGError, NotAcceptableError, ParseError, QueryError, TooLargeError
from kg.vocab import ID, PREFIXES, RDF, RDFS, XSD, expand, prologue, shorten

if TYPE_CHECKING:
    import rdflib

Value = str | int | float | bool | Decimal | date | None
"""A cell of a result: an IRI in its short form, a literal as its Python value, or None where it is unbound."""

RDF_FORMATS = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
}
ANSWER_TRIPLES = {**RDF_FORMATS, "rdf": ox.RdfFormat.RDF_XML}
ANSWER_ROWS = {
    "srj": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
"""The formats of the SPARQL protocol."""
DATASETS = {
    "nq": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "jsonld": ox.RdfFormat.JSON_LD,
}
"""The formats that hold named graphs."""
STANDARD_RESULTS = {
    "xml": ox.QueryResultsFormat.XML,
    "srj": ox.QueryResultsFormat.JSON,
}
RECORD_FORMATS = ("csv", "tsv", "json", "jsonl")

UPDATES = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"})
"""The keywords with which an update begins."""

_TYPE = ox.NamedNode(RDF + "type")

_CASTS: dict[str, Callable[[str], Value]] = {
    XSD + "integer": int,
    XSD + "decimal": Decimal,
    XSD + "double": float,
    XSD + "boolean": lambda text: text in ("true", "1"),
    XSD + "date": date.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer of a SELECT query: named columns and rows of plain Python values.

    Example:
        >>> rows = Rows(("pledge", "amount"), (("pledge:x", Decimal("5")),))
        >>> rows.to_dicts()
        [{'pledge': 'pledge:x', 'amount': Decimal('5')}]
        >>> [amount for _, amount in rows]
        [Decimal('5')]
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dicts(self) -> list[dict[str, Value]]:
        """Return a dict for each row, with the columns as keys."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_text(self, format: str) -> str:
        """Return the rows as `csv`, `tsv`, `json` or `jsonl`.

        A decimal is a number in JSON unless binary floating point would change it; then it is a string.

        Raises:
            CallError: The format is none of those.
        """
        _require(format, RECORD_FORMATS)
        if format in ("csv", "tsv"):
            return to_csv([self.columns, *self.rows], delimiter="," if format == "csv" else "\t")
        records = [{key: _json(value) for key, value in record.items()} for record in self.to_dicts()]
        if format == "jsonl":
            return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        return json.dumps(records, ensure_ascii=False, indent=2) + "\n"


def _require(format: str, formats: Iterable[str]) -> None:
    if format not in formats:
        raise CallError(f"This cannot be written as {format!r}. It can be written as {', '.join(formats)}.")


def to_csv(rows: Iterable[Sequence[Value]], *, delimiter: str = ",") -> str:
    r"""Return rows as CSV, with a line feed at the end of each.

    Example:
        >>> to_csv([("id", "is_firm"), ("pledge:x", True)])
        'id,is_firm\npledge:x,true\n'
    """
    out = io.StringIO()
    plain = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    # A carriage return ends a line for a reader, and the writer quotes only those signs that end a line for itself.
    quoted = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        has_return = any(isinstance(value, str) and "\r" in value for value in row)
        (quoted if has_return else plain).writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else value


def _json(value: Value) -> str | int | float | bool | None:
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class Triples:
    """The answer of a CONSTRUCT or DESCRIBE query.

    Example:
        >>> Triples(()).to_text("nt")
        ''
    """

    triples: tuple[ox.Triple, ...]

    def __iter__(self) -> Iterator[ox.Triple]:
        return iter(self.triples)

    def __len__(self) -> int:
        return len(self.triples)

    def to_text(self, format: str) -> str:
        """Return the triples as `ttl`, `nt` or `jsonld`, the same text for the same triples.

        Raises:
            CallError: The format is none of those.
        """
        _require(format, RDF_FORMATS)
        ordered = sorted(self.triples, key=str)
        prefixes = {name: iri for name, iri in PREFIXES.items() if any(iri in str(triple) for triple in ordered)}
        data = ox.serialize(ordered, format=RDF_FORMATS[format], prefixes=prefixes if format != "nt" else None)
        assert data is not None, "without an output, serialize returns the bytes"
        return data.decode()


@dataclass(frozen=True, slots=True)
class Question:
    """A query of the SPARQL protocol.

    Args:
        query: Its text.
        rows: How rows or a truth value are written: `srj` (JSON), `xml`, `csv` or `tsv`; None if they are not wanted.
        triples: How triples are written: `ttl`, `nt`, `rdf` (XML) or `jsonld`; None if they are not wanted.
        default_graphs: IRIs of the graphs that are the default graph, in place of those that the text names.
        named_graphs: IRIs of the graphs that the text can name; with neither, every graph is in both.
    """

    query: str
    rows: str | None = None
    triples: str | None = None
    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()


class _Bounded(io.BytesIO):
    """Takes what the engine writes, up to a bound."""

    def __init__(self, bound: int) -> None:
        super().__init__()
        self.bound = bound

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.bound:
            raise TooLargeError(
                f"The answer is larger than {self.bound / 1024 / 1024:g} MiB, which is the limit. "
                "Page through it: ORDER BY, LIMIT and OFFSET."
            )
        return super().write(data)


Answer = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples
"""What an engine answers, before it is read."""


class Store(ABC):
    """A graph that answers SPARQL 1.1 queries, wherever its engine is."""

    __slots__ = ()

    @abstractmethod
    def run(self, query: str) -> Answer:
        """Return the answer of a query as it comes from the engine.

        Raises:
            QueryError: The text is no query, or one that is not allowed.
        """

    def query(self, query: str) -> Rows | Triples:
        """Return the rows of SELECT, one row with the column `answer` for ASK, the triples of CONSTRUCT or DESCRIBE.

        Raises:
            QueryError: The text is no query, or one that is not allowed.
        """
        answer = self.run(query)
        if isinstance(answer, ox.QueryBoolean):
            return Rows(("answer",), ((bool(answer),),))
        with _reading():
            if isinstance(answer, ox.QueryTriples):
                return Triples(tuple(answer))
            columns = tuple(variable.value for variable in answer.variables)
            return Rows(columns, tuple([tuple(map(to_python, row)) for row in answer]))

    def select(self, query: str) -> Rows:
        """Return the rows of a SELECT or ASK query.

        Raises:
            QueryError: The text is no such query.
        """
        answer = self.query(query)
        if isinstance(answer, Triples):
            raise QueryError("The query builds triples where rows are wanted. Write SELECT.")
        return answer

    def serialize(self, query: str, format: str) -> bytes:
        """Return the answer of SELECT or ASK in a W3C format, `xml` or `srj` (JSON), with full IRIs.

        Raises:
            QueryError: The text is no such query.
        """
        _require(format, STANDARD_RESULTS)
        answer = self.run(query)
        if isinstance(answer, ox.QueryTriples):
            raise QueryError(f"The query builds triples, which cannot be written as {format!r}. Ask for ttl, nt or jsonld.")
        with _reading():
            data = answer.serialize(format=STANDARD_RESULTS[format])
        assert data is not None, "without an output, serialize returns the bytes"
        return data

    def count_classes(self) -> dict[str, int]:
        """Return how many things there are of each class, by its short form."""
        query = f"""
        SELECT ?class (COUNT(DISTINCT ?node) AS ?nodes)
        WHERE {{ ?node a ?class FILTER(STRSTARTS(STR(?node), "{ID}")) }}
        GROUP BY ?class ORDER BY ?class"""
        return {str(name): int(str(count)) for name, count in self.select(query)}

    def classes_of(self, iri: str) -> set[str]:
        """Return the IRIs of the classes of a thing, and of those above them; none if it is not there."""
        query = f"SELECT ?class WHERE {{ <{iri}> a/<{RDFS}subClassOf>* ?class }}"
        return {term.value for (term,) in self.terms(query) if isinstance(term, ox.NamedNode)}

    def solutions(self, query: str) -> tuple[tuple[str, ...], Iterator[tuple[ox.NamedNode | ox.Literal | None, ...]]]:
        """Return the columns of a SELECT query and, one by one, its rows as terms of the engine.

        Raises:
            QueryError: The text is no such query.
        """
        answer = self.run(query)
        if not isinstance(answer, ox.QuerySolutions):
            raise QueryError("The query builds triples or a truth value where rows are wanted. Write SELECT.")
        return tuple(variable.value for variable in answer.variables), _iterate(answer)

    def terms(self, query: str) -> Iterator[tuple[ox.NamedNode | ox.Literal | None, ...]]:
        """Yield the rows of a SELECT query as terms of the engine, for the build."""
        return self.solutions(query)[1]

    def rows(self, query: str) -> Iterator[tuple[Value, ...]]:
        """Yield the rows of a SELECT query as plain values, for answers that need not be in memory at once."""
        return (tuple(map(to_python, row)) for row in self.terms(query))

    def construct(self, query: str) -> tuple[ox.Triple, ...]:
        """Return the triples of CONSTRUCT or DESCRIBE.

        Raises:
            QueryError: The text is no such query.
        """
        answer = self.query(query)
        if isinstance(answer, Rows):
            raise QueryError("The query answers with rows where triples are wanted. Write CONSTRUCT.")
        return answer.triples


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that is read once; what they raise is kept, since the engine would wrap it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.error: KGError | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except KGError as exc:
            self.error = exc
            raise OSError(str(exc)) from exc
        end = len(self._rest) if size < 0 else size
        piece, self._rest = bytes(self._rest[:end]), self._rest[end:]
        return piece


@dataclass(frozen=True, slots=True)
class Embedded(Store):
    """Oxigraph inside this process, in memory.

    Example:
        >>> Embedded.from_quads(()).select("SELECT (1 + 1 AS ?two) WHERE {}").to_dicts()
        [{'two': 2}]
    """

    engine: ox.Store
    _above: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The classes above each that was asked for: a few, which do not change."""

    @classmethod
    def from_quads(cls, quads: Iterable[ox.Quad]) -> Embedded:
        """Return a store that holds these quads."""
        engine = ox.Store()
        engine.bulk_extend(quads)
        return cls(engine)

    @classmethod
    def from_file(cls, path: Path) -> Embedded:
        """Load a file of N-Quads.

        Raises:
            DataError: The file is missing or is not N-Quads.
        """
        engine = ox.Store()
        try:
            engine.bulk_load(path=str(path), format=ox.RdfFormat.N_QUADS)
        except (OSError, SyntaxError) as exc:
            raise DataError(f"The snapshot file {str(path)!r} cannot be read: {exc}. Build it again.") from exc
        return cls(engine)

    @classmethod
    def from_chunks(cls, chunks: Iterable[bytes]) -> Embedded:
        """Load N-Quads that come in pieces, each of whole lines.

        Raises:
            DataError: They are not N-Quads; and what the pieces raise.
        """
        engine = ox.Store()
        stream = _Stream(chunks)
        try:
            engine.bulk_load(cast(IO[bytes], stream), format=ox.RdfFormat.N_QUADS)
        except (OSError, SyntaxError) as exc:
            raise stream.error or DataError(f"The snapshot cannot be read: {exc}. Build it again.") from exc
        return cls(engine)

    @classmethod
    def on_disk(cls, folder: Path) -> Embedded:
        """Open what `write_on_disk` has written, for reading; it takes no time and little memory, whatever its size.

        Raises:
            DataError: It cannot be opened.
        """
        try:
            return cls(ox.Store.read_only(str(folder)))
        except (OSError, ValueError) as exc:
            raise DataError(f"The snapshot's store {str(folder)!r} cannot be opened: {exc}. Build it again.") from exc

    @staticmethod
    def write_on_disk(folder: Path, chunks: Iterable[bytes]) -> None:
        """Load N-Quads that come in pieces into the engine's own files.

        Raises:
            DataError: What the pieces raise.
            OSError: The folder cannot be written.
        """
        stream = _Stream(chunks)
        engine = ox.Store(str(folder))
        try:
            engine.bulk_load(cast(IO[bytes], stream), format=ox.RdfFormat.N_QUADS)
            engine.flush()
        except OSError as exc:
            raise stream.error or exc from exc

    @staticmethod
    def change_on_disk(folder: Path, gone: bytes, new: bytes) -> None:
        """Take lines of N-Quads out of the engine's own files, and put others in.

        Raises:
            OSError: The folder cannot be written.
        """
        engine = ox.Store(str(folder))
        for quad in ox.parse(gone, format=ox.RdfFormat.N_QUADS):
            engine.remove(quad)
        engine.extend(ox.parse(new, format=ox.RdfFormat.N_QUADS))
        for graph in list(engine.named_graphs()):
            if next(engine.quads_for_pattern(None, None, None, graph), None) is None:
                engine.remove_graph(graph)
        engine.flush()

    def quads(self, subject: str | None = None, predicate: str | None = None, value: str | None = None) -> Iterator[ox.Quad]:
        """Yield the quads with this subject, predicate and object, each an IRI or None for any."""
        return self.engine.quads_for_pattern(*(ox.NamedNode(iri) if iri else None for iri in (subject, predicate, value)))

    def classes_of(self, iri: str) -> set[str]:
        """Return the IRIs of the classes of a thing, and of those above them; none if it is not there."""
        types = self.engine.quads_for_pattern(ox.NamedNode(iri), _TYPE, None)
        return {name for quad in types if isinstance(quad.object, ox.NamedNode) for name in self._above_of(quad.object.value)}

    def _above_of(self, name: str) -> frozenset[str]:
        if name not in self._above:
            found, new = {name}, {name}
            while new:
                new = {str(quad.object)[1:-1] for one in new for quad in self.quads(one, RDFS + "subClassOf")} - found
                found |= new
            self._above[name] = frozenset(found)
        return self._above[name]

    def extend(self, quads: Iterable[ox.Quad]) -> None:
        """Add quads; only the build does so, before anyone reads."""
        self._above.clear()
        self.engine.extend(quads)

    def answer(self, question: Question, *, max_rows: int, max_bytes: int) -> tuple[str, bytes]:
        """Return the format and the bytes of the whole answer of a query, written by the engine.

        Args:
            question: The query, its formats and its graphs.
            max_rows: Rows, or triples, that the answer may have.
            max_bytes: Bytes that it may have.

        Raises:
            QueryError: The text is no query, is not allowed, or a graph is not here.
            TooLargeError: The answer is over a limit.
            NotAcceptableError: There is no format for this kind of answer.

        Sources:
            SPARQL 1.1 Protocol, section 2.1.4, for the graphs: https://www.w3.org/TR/sparql11-protocol/
        """
        answer = self._run(question.query, default_graphs=question.default_graphs, named_graphs=question.named_graphs)
        return write_answer(answer, question, max_rows=max_rows, max_bytes=max_bytes)

    def write(self, out: IO[bytes], format: str, head: str = "") -> None:
        """Write every quad, the same bytes for the same quads: graph by graph, and each in order.

        Args:
            out: Where to write to.
            format: `nq`, `trig` or `jsonld`.
            head: Lines of N-Quads that stand first.

        Raises:
            CallError: The format is none of those.
        """
        _require(format, DATASETS)

        def quads() -> Iterator[ox.Quad]:
            yield from ox.parse(head, format=ox.RdfFormat.N_QUADS)
            for name in sorted(self.engine.named_graphs(), key=str):
                yield from sorted(self.engine.quads_for_pattern(None, None, None, name), key=str)

        ox.serialize(quads(), out, format=DATASETS[format], prefixes=PREFIXES if format == "trig" else None)

    def dump(self) -> bytes:
        """Return all quads as N-Quads, in no order."""
        data = self.engine.dump(format=ox.RdfFormat.N_QUADS)
        assert data is not None, "without an output, dump returns the bytes"
        return data

    def to_dataset(self) -> rdflib.Dataset:
        """Return a copy of the graph as an rdflib Dataset, for notebooks; a change to it changes nothing here.

        Its queries run in Oxigraph. Pass them as text: a query that rdflib has prepared bypasses the engine.
        """
        import rdflib
        from oxrdflib import OxigraphStore

        copy = ox.Store()
        copy.bulk_extend(self.engine)
        return rdflib.Dataset(store=OxigraphStore(store=copy), default_union=True)

    def run(self, query: str) -> Answer:
        """Return the answer as it comes from the engine.

        Raises:
            QueryError: The text is no query, or one that is not allowed.
        """
        return self._run(query)

    def _run(self, query: str, *, default_graphs: Sequence[str] = (), named_graphs: Sequence[str] = ()) -> Answer:
        _refuse_monsters(query)
        refuse_service(query)
        dataset = self._dataset(query, default_graphs, named_graphs)
        return _with_prologue(query, lambda text: _evaluated(self.engine, text, dataset))[1]

    def _dataset(self, query: str, default_graphs: Sequence[str], named_graphs: Sequence[str]) -> Mapping[str, Any]:
        """Return which graphs are asked: those of the call, else those that the query names, else all.

        The union would override FROM without a word.

        Raises:
            QueryError: A graph is not here; nothing is fetched from elsewhere.
        """
        named = [iri for _, iri in dataset_of(query)]
        for iri in (*named, *default_graphs, *named_graphs):
            if not self._has_graph(iri):
                raise QueryError(f"The query reads FROM <{iri}>, which is no graph of this store. Only its own graphs can be asked.")
        if default_graphs or named_graphs:
            return {"default_graph": list(map(ox.NamedNode, default_graphs)), "named_graphs": list(map(ox.NamedNode, named_graphs))}
        return {} if named else {"use_default_graph_as_union": True}

    def _has_graph(self, iri: str) -> bool:
        try:
            return self.engine.contains_named_graph(ox.NamedNode(iri))
        except ValueError as exc:
            raise QueryError(f"The query reads FROM {iri[:200]!r}, which is no IRI.") from exc


def _with_prologue(query: str, ask: Callable[[str], Answer]) -> tuple[str, Answer]:
    """Return a query as it can be answered, and its answer: the prefixes of this graph need not be declared.

    Raises:
        QueryError: The text is no query.
    """
    try:
        return query, ask(query)
    except SyntaxError as exc:
        text = prologue() + query
        try:
            return text, ask(text)
        except SyntaxError:
            raise QueryError(_syntax_message(query, str(exc))) from exc


def _evaluated(engine: ox.Store, query: str, dataset: Mapping[str, Any]) -> Answer:
    with engine_errors():
        return engine.query(query, **dataset)


def write_answer(answer: Answer, question: Question, *, max_rows: int, max_bytes: int) -> tuple[str, bytes]:
    """Return the format and the bytes of a whole answer.

    Args:
        answer: What an engine answers.
        question: What it was asked.
        max_rows: Rows, or triples, that the answer may have.
        max_bytes: Bytes that it may have.

    Raises:
        TooLargeError, NotAcceptableError, QueryError: As for `Embedded.answer`.
    """
    out = _Bounded(max_bytes)
    is_triples = isinstance(answer, ox.QueryTriples)
    format = question.triples if is_triples else question.rows
    if format is None:
        kinds = ("triples", ANSWER_TRIPLES) if is_triples else ("rows", ANSWER_ROWS)
        raise NotAcceptableError(f"The query answers with {kinds[0]}, and no format for them is accepted. There are {', '.join(kinds[1])}.")
    with _reading():
        if isinstance(answer, ox.QueryTriples):
            triples = list(dict.fromkeys(islice(answer, max_rows + 1)))
            _require_rows(len(triples), max_rows)
            prefixes = PREFIXES if format in ("ttl", "rdf", "jsonld") else None
            ox.serialize(triples, out, format=ANSWER_TRIPLES[format], prefixes=prefixes)
        else:
            answer.serialize(out, format=ANSWER_ROWS[format])
    body = out.getvalue()
    if isinstance(answer, ox.QuerySolutions):
        _require_rows(count_rows(body, format), max_rows)
    return format, body


def check_query(query: str) -> tuple[str, bool]:
    """Return a query with the prefixes that it needs, and whether it answers with triples; it is asked of nothing.

    Raises:
        QueryError: The text is no query, or one that is not allowed.

    Example:
        >>> check_query("ASK { ?x a <https://example.org/c> }")
        ('ASK { ?x a <https://example.org/c> }', False)
    """
    _refuse_monsters(query)
    refuse_service(query)
    deque(dataset_of(query), maxlen=0)
    nothing = ox.Store()
    text, answer = _with_prologue(query, lambda text: _evaluated(nothing, text, {}))
    return text, isinstance(answer, ox.QueryTriples)


def read_answer(body: bytes, *, is_triples: bool) -> Answer:
    """Return what a server has answered: rows or a truth value in JSON, or triples as N-Triples.

    Raises:
        SyntaxError, ValueError: It is neither.
    """
    if not is_triples:
        return ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
    found = ox.Store()
    found.bulk_load(body, format=ox.RdfFormat.N_TRIPLES)
    return found.query("CONSTRUCT WHERE { ?s ?p ?o }")


def _require_rows(count: int, most: int) -> None:
    if count > most:
        raise TooLargeError(
            f"The answer has more than {most:,} rows or triples, which is the limit. Page through it: ORDER BY, LIMIT and OFFSET."
        )


def count_rows(body: bytes, format: str) -> int:
    r"""Return how many rows an answer of the engine has, so that it need not be taken apart into objects.

    Example:
        >>> count_rows(b'a\r\n"x\ny"\r\nz\r\n', "csv")
        2
    """
    if format == "xml":
        return body.count(b"<result>")
    if format == "tsv":
        return body.count(b"\n") - 1
    if format == "csv":
        return sum(part.count(b"\n") for part in body.split(b'"')[::2]) - 1
    bare = _JSON_TEXT.sub(b"", body)
    return bare.count(b"[{") + bare.count(b",{")


_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


def _iterate(answer: ox.QuerySolutions) -> Iterator[tuple[ox.NamedNode | ox.Literal | None, ...]]:
    with _reading():
        yield from map(tuple, answer)


@contextmanager
def _reading() -> Iterator[None]:
    """What a server has sent is read while rows are fetched, so that an answer which broke off is noticed then."""
    try:
        with engine_errors():
            yield
    except SyntaxError as exc:
        raise DataError(f"The answer of the server cannot be read: {exc.msg}. It may have broken off; ask again.") from exc


@contextmanager
def engine_errors() -> Iterator[None]:
    """The engine evaluates while rows are fetched, so its errors come then as well."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as exc:
        raise QueryError(f"The query cannot be answered: {exc}.") from exc


MAX_QUERY = 100_000
"""The longest query, in characters."""

MAX_DEPTH = 500
"""How deep brackets may nest, and how many signs may follow one another; the engine's stack ends at some thousands."""


def _refuse_monsters(query: str) -> None:
    """Refuse what would end the process instead of raising: the engine's parser recurses without a limit of its own."""
    if len(query) > MAX_QUERY:
        raise QueryError(f"The query is {len(query):,} characters long; at most {MAX_QUERY:,} are allowed. Ask for less at a time.")
    if sum(map(query.count, "([{")) <= MAX_DEPTH and sum(map(query.count, "!^+*/|&=-")) < MAX_DEPTH:
        return  # as almost every query; there are not enough of them
    depth = deepest = 0
    for sign in re.findall(r"[(\[{}\])]", query):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    chain = max((len(run[0]) for run in re.finditer(r"(?:[!^+*/|&=-][\s\w]*){500,}", query)), default=0)
    if deepest > MAX_DEPTH or chain:
        raise QueryError(f"The query nests {deepest:,} brackets or chains signs without end, which is too deep. Write it flatter.")


def _syntax_message(query: str, message: str) -> str:
    """Say where the query stops being SPARQL; the engine's list of what it expected is too long to read."""
    words = re.sub(r"#[^\r\n]*|(?i:PREFIX|BASE)\s+[^<]*<[^>]*>", " ", query).split()
    if words and words[0].upper() in UPDATES:
        return f"The graph is read-only, and {words[0].upper()} is an update. Ask with SELECT, ASK, CONSTRUCT or DESCRIBE."
    where = re.match(r"error at (\d+):(\d+): (.*)", message, re.DOTALL)
    if where is None:
        return f"The query is not SPARQL: {message}."
    line, column = int(where[1]), int(where[2])
    text = query.splitlines()[line - 1 : line] or [""]
    return f"The query is not SPARQL at line {line}, column {column}: {text[0].strip()[:80]!r}. Mend it there or just before."


def is_thing(term: object) -> bool:
    """Tell whether a term of the engine is a thing with an IRI that no short form can be mistaken for."""
    return isinstance(term, ox.NamedNode) and shorten(term.value) not in ("", *((term.value,) if expand(term.value) else ()))


def to_triple(subject: str, predicate: str, value: str) -> ox.Triple:
    """Return three IRIs as a triple of the engine."""
    return ox.Triple(ox.NamedNode(subject), ox.NamedNode(predicate), ox.NamedNode(value))


_shorten = lru_cache(maxsize=2**15)(shorten)
"""Answers name the same few things again and again."""


def to_python(term: object) -> Value:
    """Return a term of the engine as a plain value: the short form of an IRI, a literal as what its datatype says."""
    if isinstance(term, ox.NamedNode):
        return _shorten(term.value)
    if isinstance(term, ox.Literal):
        cast = _CASTS.get(term.datatype.value)
        try:
            return cast(term.value) if cast else term.value
        except (ValueError, ArithmeticError):
            return term.value
    return None if term is None else str(term)


_IRI = r"<(?:[^<>\"{}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>"
_TOKENS = re.compile(
    rf"""(?P<skip>
        \"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*\"\"\" | '''(?:[^'\\]|\\.|'(?!''))*'''
      | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*'
      | {_IRI} | \#[^\r\n]* | [?$]\w+ | @[A-Za-z-]+
      | (?P<prefix>[\w.-]*):(?:[\w.:%-]|\\.)*
      )|(?P<word>[A-Za-z_]\w*)|(?P<open>\{{)""",
    re.VERBOSE | re.DOTALL,
)
_UNSURE = re.compile(r"<(?![A-Za-z][A-Za-z0-9+.-]*://)[^>]*['#)]")
_BASE = re.compile(r"BASE\s+<([^>]*)>", re.IGNORECASE)
_DECLARED = re.compile(r"PREFIX\s+([\w.-]*):\s*<([^>]*)>", re.IGNORECASE)


def refuse_service(query: str) -> None:
    """Refuse a query that would make the engine call other hosts.

    Strings, comments, IRIs, variables and prefixed names are skipped, so the word itself is free in all of those. The
    engine needs no white space around a keyword, so a word that holds it is refused, and so is a prefix that holds it
    before a brace.

    Raises:
        QueryError: The query holds the keyword SERVICE, or what could hide it.

    Sources:
        SPARQL 1.1 grammar, section 19.8: https://www.w3.org/TR/sparql11-query/#sparqlGrammar
    """
    if "service" not in query.lower():
        return
    tokens = _tokens(query)
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        word, prefix = (token["word"] or "").upper(), (token["prefix"] or "").upper()
        is_graph_name = before is not None and (before["word"] or "").upper() == "GRAPH"
        is_called = "SERVICE" in prefix and after is not None and after["open"] and not is_graph_name
        if "SERVICE" in word or is_called:
            line = query.count("\n", 0, token.start()) + 1
            raise QueryError(f"The query calls SERVICE at line {line}, which would reach for other hosts. Take it out.")


def _tokens(query: str) -> list[re.Match[str]]:
    """Return the tokens of a query but for comments.

    What stands between < and > may be an IRI, or the engine may read a comparison there. It cannot where a scheme and two
    slashes follow, or where a keyword wants an IRI; and a comparison hides nothing from us unless it closes a bracket, or
    begins a string or a comment.

    Raises:
        QueryError: A part of the text can be read in two ways.
    """
    tokens = [match for match in _TOKENS.finditer(query) if not match[0].startswith("#")]
    for before, token in zip([None, *tokens], tokens, strict=False):
        if _UNSURE.match(token[0]) and (before is None or (before["word"] or "").upper() not in ("FROM", "NAMED", "GRAPH", "BASE")):
            raise QueryError(f"The query has {token[0]}, an IRI that could be a comparison. Declare a prefix, or put a blank after <.")
    return tokens


_NAMING = re.compile(r"(FROM|NAMED)$")
_LONGEST_NAME = 100
_IN_NAMES = f"{ascii_lowercase}{digits}_"
_BEFORE_NAMES = (":", "?", "$")


def _may_name(query: str) -> bool:
    """Tell whether FROM can be a keyword anywhere; after some signs a name or a variable goes on as far as it can."""
    text = query.lower()
    at = text.find("from")
    while at >= 0 and text[max(at - _LONGEST_NAME, 0) : at].rstrip(_IN_NAMES)[-1:] in _BEFORE_NAMES:
        at = text.find("from", at + 1)
    return at >= 0


def dataset_of(query: str) -> Iterator[tuple[str, str]]:
    """Yield `FROM` or `NAMED` and the IRI for each graph that a query names with FROM or FROM NAMED, prefixes resolved.

    The engine needs no blank around a keyword; here one is wanted, so that no graph that is named is missed.

    Raises:
        QueryError: The keyword is one word with what stands beside it.

    Example:
        >>> list(dataset_of("SELECT ?x FROM <https://example.org/g> { ?x ?p 'FROM <b>' }"))
        [('FROM', 'https://example.org/g')]
    """
    if not _may_name(query):
        return  # as in almost every query; taking one apart takes longer than most answers
    bare = _TOKENS.sub(lambda match: " " if match[0][0] in "#\"'" else match[0], query)
    prefixes = PREFIXES | dict(_DECLARED.findall(bare))
    base = _BASE.findall(bare)[-1:] or [""]
    for token, following in pairwise(_tokens(query)):
        word, prefix = (token["word"] or "").upper(), token["prefix"] or ""
        if (word not in ("FROM", "NAMED") and _NAMING.search(word)) or (prefix not in prefixes and re.search("FROM|NAMED", prefix.upper())):
            raise QueryError(f"The query has {token[0]!r}. Put a blank before and after FROM and NAMED.")
        if (word == "FROM" and (following["word"] or "").upper() != "NAMED") or (word == "NAMED" and following["skip"]):
            text = following[0]
            prefix, _, local = text.partition(":")
            yield word, urljoin(base[0], text[1:-1]) if text.startswith("<") else prefixes.get(prefix, "") + local


NAMES = {".ttl": "turtle", ".nq": "N-Quads", ".jsonld": "JSON-LD", ".trig": "trig"}
"""What the formats of files are called."""


def parse_file(path: Path) -> list[ox.Quad]:
    """Return the quads of a file of Turtle, TriG, N-Quads or JSON-LD, by its suffix.

    Raises:
        ParseError: The file cannot be read or is not what its suffix says; the message has the line.
    """
    format = {"ttl": ox.RdfFormat.TURTLE, **DATASETS}[path.suffix[1:]]
    try:
        return list(ox.parse(path.read_bytes(), format=format))
    except OSError as exc:
        raise ParseError(f"{path}: the file cannot be read: {exc.strerror}.") from exc
    except SyntaxError as exc:
        raise ParseError(f"{path}:{exc.lineno or 1}: this is not {NAMES.get(path.suffix, path.suffix)}: {exc.msg}") from exc
    except ValueError as exc:
        raise ParseError(f"{path}:1: the file is not UTF-8 text: {exc}") from exc
    except MemoryError as exc:
        raise ParseError(f"{path}:1: the file has a name or text of many megabytes, which is too long to read.") from exc


def to_data(quads: Iterable[ox.Quad]) -> bytes:
    """Return the quads as sorted lines of N-Quads, the same for the same set whatever its order."""
    data = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    assert data is not None, "without an output, serialize returns the bytes"
    # Only the line feed ends a line; N-Quads leaves U+2028 and others as they are.
    return b"".join(sorted({line + b"\n" for line in data.split(b"\n") if line}))


def to_rdflib(quads: Iterable[ox.Quad]) -> rdflib.Graph:
    """Return the triples of the quads as one rdflib Graph, for the validation with SHACL."""
    import rdflib

    def convert(term: object) -> rdflib.term.Node:
        if isinstance(term, ox.NamedNode):
            return rdflib.URIRef(term.value)
        if isinstance(term, ox.Literal):
            language = term.language
            return rdflib.Literal(term.value, lang=language, datatype=None if language else rdflib.URIRef(term.datatype.value))
        assert isinstance(term, ox.BlankNode), f"RDF 1.1 has no other term: {term!r}"
        return rdflib.BNode(term.value)

    graph = rdflib.Graph()
    for quad in quads:
        graph.add((convert(quad.subject), convert(quad.predicate), convert(quad.object)))
    return graph
