"""From SPARQL to the rows of a table: what is an edge, what a node, and what is told of both.

The shipped projection is `sparql/network/edges.rq`. A user's own is any SELECT query with the columns `start`, `end` and
`relation`; the other columns of the shipped one may be there too, and any further column becomes an attribute of the edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from kg.elements import Plain, to_plain
from kg.errors import CallError, QueryError
from kg.resources import shipped
from kg.store import Store, Value, is_thing, to_python
from kg.vocab import expand, listed, to_iri

if TYPE_CHECKING:
    import pyoxigraph as ox

REQUIRED = ("start", "end", "relation")
RESERVED = ("source", "target", "key", "id", "networkx_key", "type", "viz", "slices", "spells")
"""Names that formats for networks keep for themselves."""

PROVED = ("known_by", "ended_by", "passages", "link")
"""What an edge has from the fact that proves it."""

TRUE = (True, 1)
"""Some servers write 1 for true."""

COLUMNS = (*REQUIRED, "label", "inverse_label", "fact", "reported_in", "inferred")


@dataclass(frozen=True)
class Projection:
    """A query that says what is an edge.

    Args:
        name: What to call it in a message.
        query: SPARQL.
        is_own: Whether it is a user's own; then its nodes are the ends of its edges and no others.
    """

    name: str
    query: str
    is_own: bool

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all the queries that fill a table."""
        total = sha256(self.query.encode())
        for path in sorted(_folder().glob("*.rq")):
            total.update(path.name.encode() + path.read_bytes())
        return total.hexdigest()


class EdgeRow(NamedTuple):
    """One row of a projection: short forms, labels read from either end, the fact behind it and further columns."""

    start: str
    end: str
    relation: str
    label: str
    inverse_label: str
    fact: str | None
    reported_in: str | None
    inferred: bool
    attributes: Mapping[str, Plain]


class NodeRow(NamedTuple):
    """A node: short form, class without prefix, label, kind where it has one."""

    id: str
    class_name: str
    label: str
    kind: str | None


def _folder() -> Path:
    return shipped("sparql") / "network"


def _text(name: str) -> str:
    return (_folder() / f"{name}.rq").read_text("utf-8")


def read_projection(path: Path | None = None) -> Projection:
    """Return the projection in a file, or the shipped one.

    Raises:
        CallError: The file cannot be read.
    """
    if path is None:
        return _own()
    try:
        return Projection(str(path), path.read_text("utf-8-sig"), is_own=True)
    except OSError as exc:
        raise CallError(f"The projection {str(path)!r} cannot be read: {exc.strerror}. Name a file with a SELECT query.") from exc
    except UnicodeDecodeError as exc:
        raise CallError(f"The projection {str(path)!r} is not UTF-8 text. Name a file with a SELECT query.") from exc


@cache
def _own() -> Projection:
    return Projection("sparql/network/edges.rq", _text("edges"), is_own=False)


def edge_rows(store: Store, projection: Projection) -> Iterator[EdgeRow]:
    """Yield the edges of a projection, in the order of their names.

    Raises:
        QueryError: It is no SELECT query, lacks a column, or has an end that is no thing but a text or nothing at all.
    """
    try:
        columns, rows = store.solutions(projection.query)
    except QueryError as exc:
        raise QueryError(f"{projection.name}: {exc}") from exc
    if missing := [name for name in REQUIRED if name not in columns]:
        raise QueryError(
            f"{projection.name}: the projection has no column ?{missing[0]}. It needs {', '.join('?' + name for name in REQUIRED)}; "
            f"{', '.join('?' + name for name in COLUMNS[3:])} are read as well, and any other column becomes an attribute."
        )
    if taken := [name for name in PROVED if name in columns]:
        raise QueryError(
            f"{projection.name}: an edge has ?{taken[0]} from the fact that proves it. Name the fact in ?fact, or this column otherwise."
        )
    if taken := [name for name in RESERVED if name in columns]:
        raise QueryError(
            f"{projection.name}: the column ?{taken[0]} has a name that formats for networks keep for themselves. Name it otherwise."
        )
    found = (_edge_row(projection, dict(zip(columns, row, strict=True))) for row in rows)
    # The shipped projection has an order of its own; a user's may have none, and the table must not depend on chance.
    yield from sorted(found, key=repr) if projection.is_own else found


def _edge_row(projection: Projection, row: dict[str, Any]) -> EdgeRow:
    for name in REQUIRED:
        if row[name] is None or (name != "relation" and not is_thing(row[name])):
            what = "nothing" if row[name] is None else f"{str(row[name])[:80]!r}"
            raise QueryError(f"{projection.name}: a row has {what} in ?{name}. An edge joins two things that have an IRI, by a relation.")
    values = {name: to_python(term) for name, term in row.items()}
    relation = str(values["relation"])
    label = str(values.get("label") or relation.rpartition("#")[2].rpartition("/")[2].rpartition(":")[2])
    if not isinstance(values.get("weight", 1), int | float | Decimal):
        raise QueryError(
            f"{projection.name}: a row has {values['weight']!r} in ?weight, which is a number in every format. Name it otherwise."
        )
    rest = {name: to_plain(value) for name, value in values.items() if name not in COLUMNS and value is not None}
    return EdgeRow(
        str(values["start"]),
        str(values["end"]),
        relation,
        label,
        str(values.get("inverse_label") or label),
        _name(values.get("fact")),
        _name(values.get("reported_in")),
        values.get("inferred") in TRUE,
        rest,
    )


def _name(value: Value) -> str | None:
    return None if value is None or value == "" else str(value)


def node_rows(store: Store, projection: Projection, ends: set[str]) -> Iterator[NodeRow]:
    """Yield the nodes: those of `nodes.rq`, or of a user's own projection the ends of its edges.

    An end that `nodes.rq` does not know has the class and label that the graph has for it, or else the class `Resource`.
    """
    missing = set(ends)
    for id, class_name, label, kind in store.rows(_text("nodes")):
        if not projection.is_own or id in ends:
            missing.discard(str(id))
            yield _node_row(id, class_name, label, kind)
    known: dict[str, NodeRow] = {}
    for some in listed(map(to_iri, sorted(missing))):
        for id, class_name, label in store.rows(
            f"SELECT ?id ?class ?label WHERE {{ VALUES ?id {{ {some} }} ?id a ?class OPTIONAL {{ ?id rdfs:label ?label }} }} ORDER BY ?id"
        ):
            known.setdefault(str(id), _node_row(id, class_name, label, None))
    for id in sorted(missing):
        yield known.get(id, NodeRow(id, "Resource", id, None))


def _node_row(id: Value, class_name: Value, label: Value, kind: Value) -> NodeRow:
    return NodeRow(str(id), str(class_name).removeprefix("kg:"), str(id if label is None else label), _name(kind))


NamingRow = tuple[str, str, bool, bool, str]
"""A name for search: short form, name, whether it is the label, whether the thing is an entity, and its class without prefix."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of a size."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def attribute_rows(store: Store) -> Iterator[tuple[str, dict[str, Plain]]]:
    """Yield what is told of each thing; several values of one name are joined by a semicolon."""
    for id, rows in groupby(store.rows(_text("attributes")), key=lambda row: row[0]):
        values: dict[str, list[Plain]] = {}
        # Where values are of several types, a server may leave them in no order.
        for _, name, value in sorted(rows, key=lambda row: (str(row[1]), str(row[2]))):
            values.setdefault(str(name), []).append(to_plain(value))
        yield str(id), {name: found[0] if len(found) == 1 else "; ".join(map(str, found)) for name, found in values.items()}


def period_rows(store: Store) -> Iterator[tuple[str, date | None, date | None]]:
    """Yield the day by which each fact has certainly begun to hold, and the one by which it has ended."""
    for id, known_by, ended_by in store.rows(_text("periods")):
        yield str(id), known_by if isinstance(known_by, date) else None, ended_by if isinstance(ended_by, date) else None


def passage_rows(store: Store) -> Iterator[tuple[str, list[tuple[Value, ...]]]]:
    """Yield the passages of each fact: passage, source, start, end, form, first words, last words, address."""
    for id, rows in groupby(store.rows(_text("passages")), key=lambda row: row[0]):
        yield str(id), [row[1:] for row in rows]


def degree_rows(store: Store, iris: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield how many edges of the shipped projection some things have, by their short forms; none for those that have none."""
    query = _text("degrees")
    for some in listed(sorted(iris), 10_000):
        for id, count in store.rows(query.replace("UNDEF", some)):
            yield str(id), int(str(count))


def name_rows(store: Store) -> Iterable[NamingRow]:
    """Yield the names for search."""
    for id, name, is_label, is_entity, class_name in store.rows(_text("names")):
        yield str(id), str(name), is_label in TRUE, is_entity in TRUE, str(class_name).removeprefix("kg:")


def term_rows(store: Store) -> Iterator[tuple[str, str]]:
    """Yield each class and relation with what it stands for: itself and those below it."""
    for ancestor, term in store.rows(_text("terms")):
        yield str(ancestor), str(term)


def triples_of(store: Store, ids: Sequence[str]) -> list[ox.Triple]:
    """Return all that a graph says of some things, with their values, identifiers and passages."""
    query = _text("triples")
    found: list[ox.Triple] = []
    for some in listed(iri for id in ids if (iri := expand(id))):
        found += store.construct(query.replace("UNDEF", some))
    return found
