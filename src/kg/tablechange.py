"""The table of the next snapshot, from that of the one before: only what some sources tell is taken out and put in.

What a source tells is asked of a small store that holds the source, the things that it names and the ontology. What is told
of an entity by all sources together is asked of another, which holds what `around` finds of it in the whole graph. Both are
asked the queries that fill a whole table, so the table comes out the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import pyoxigraph as ox

from kg.names import fold
from kg.projection import Projection, chunks, edge_rows, name_rows, node_rows, period_rows, read_projection, term_rows
from kg.store import Embedded
from kg.tablefile import (
    CREATED,
    DRAFT,
    INDEXES,
    finish,
    to_day,
    to_meta,
    write_edges,
    write_names,
    write_passages,
    write_records,
    write_told,
)
from kg.vocab import KG, ONTOLOGY_GRAPH, RDF, shorten

AT_ONCE = 2_000
"""How many entities are looked at together."""

CLASS = RDF + "type"


@dataclass(frozen=True, slots=True)
class Change:
    """What some sources tell now.

    Args:
        sources: Their IRIs; those that are gone as well.
        quads: What they say and what follows from it, and what is said of the things that they name.
        own: IRIs of what they describe, now or before.
    """

    sources: frozenset[str]
    quads: tuple[ox.Quad, ...]
    own: frozenset[str]


def change_table(
    path: Path, before: Path | None, changes: Iterable[Change], entities: Collection[str], whole: Embedded, snapshot: str
) -> None:
    """Write the table of the shipped projection.

    Args:
        path: The file, which is not there yet.
        before: The table that is changed; without one, the changes are all there is.
        changes: What some sources tell now, a few sources at a time.
        entities: IRIs of the entities that they or the sources before them name, and of those described otherwise.
        whole: The graph.
        snapshot: Its digest.

    Raises:
        OSError: The file cannot be written.
    """
    projection = read_projection()
    try:
        if before:
            copyfile(before, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(_PRAGMAS)
            if before is None:
                connection.executescript(CREATED)
            connection.executescript(DRAFT + _NAMED)
            connection.execute("BEGIN")
            ontology = tuple(whole.engine.quads_for_pattern(None, None, None, ox.NamedNode(ONTOLOGY_GRAPH)))
            for change in changes:
                if before:
                    connection.executemany("INSERT INTO temp.source VALUES (?)", ((shorten(iri),) for iri in sorted(change.sources)))
                    _run(connection, _TAKE_OUT)
                _put_in(connection, change, ontology, projection)
            for some in chunks(sorted(entities), AT_ONCE):
                _tell(connection, Embedded.from_quads([*ontology, *around(whole, some)]), frozenset(some), projection)
            if before is None:
                _run(connection, INDEXES)
            _settle(connection, Embedded.from_quads(ontology), to_meta(projection, snapshot))
            connection.execute("COMMIT")
        finish(path)
    except sqlite3.OperationalError as exc:
        raise OSError(None, str(exc)) from exc


_PRAGMAS = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -200000;
PRAGMA secure_delete = ON;
"""
"""The file is a draft until it is whole; and what is taken out of it leaves nothing behind."""

_NAMED = """
CREATE TEMP TABLE touched (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE told (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE source (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_TAKE_OUT = """
INSERT OR IGNORE INTO touched SELECT thing.id FROM edge
    JOIN thing ON thing.number IN (edge.start, edge.end, edge.fact, edge.source)
    WHERE edge.source IN (SELECT number FROM thing WHERE id IN (SELECT id FROM temp.source));
DELETE FROM record WHERE at IN
    (SELECT at FROM edge WHERE source IN (SELECT number FROM thing WHERE id IN (SELECT id FROM temp.source)));
DELETE FROM edge WHERE source IN (SELECT number FROM thing WHERE id IN (SELECT id FROM temp.source));
DELETE FROM address WHERE source IN (SELECT id FROM temp.source);
DELETE FROM temp.source;
"""

_PUT_IN = """
INSERT OR IGNORE INTO touched
    SELECT start FROM temp.row UNION SELECT end FROM temp.row UNION SELECT fact FROM temp.row WHERE fact NOT NULL
    UNION SELECT source FROM temp.row WHERE source NOT NULL;
INSERT OR IGNORE INTO thing (id) SELECT id FROM touched;
INSERT OR IGNORE INTO relation (id, label, inverse_label)
    SELECT DISTINCT relation, label, inverse_label FROM temp.row ORDER BY 1, 2, 3;
INSERT INTO edge (number, start, end, relation, fact, source, inferred, known_by, ended_by, attributes)
    SELECT row.number, one.number, other.number, named.number, proof.number, origin.number, inferred, known_by, ended_by, row.attributes
    FROM temp.row AS row
    CROSS JOIN thing one ON one.id = row.start
    CROSS JOIN thing other ON other.id = row.end
    CROSS JOIN relation named ON (named.id, named.label, named.inverse_label) = (row.relation, row.label, row.inverse_label)
    LEFT JOIN thing proof ON proof.id = row.fact
    LEFT JOIN thing origin ON origin.id = row.source
    LEFT JOIN temp.period ON period.id = row.fact
    ORDER BY row.at;
DELETE FROM temp.row;
DELETE FROM temp.period;
"""

_FORGET = """
UPDATE thing SET class = NULL, label = NULL, kind = NULL, is_node = 0, attributes = NULL, passages = NULL
    WHERE id IN (SELECT id FROM temp.told);
INSERT OR IGNORE INTO touched SELECT id FROM temp.told;
"""

_SETTLE = """
UPDATE thing SET degree =
    (SELECT count(*) FROM edge WHERE start = thing.number) + (SELECT count(*) FROM edge WHERE end = thing.number)
    WHERE id IN (SELECT id FROM touched);
DELETE FROM thing WHERE id IN (SELECT id FROM touched) AND NOT is_node AND degree = 0
    AND number NOT IN (SELECT fact FROM edge WHERE fact NOT NULL UNION SELECT source FROM edge WHERE source NOT NULL);
DELETE FROM relation WHERE number NOT IN (SELECT relation FROM edge);
DELETE FROM meta;
DELETE FROM term;
"""


def _put_in(connection: sqlite3.Connection, change: Change, ontology: tuple[ox.Quad, ...], projection: Projection) -> None:
    """Put what some sources tell now into a table that has nothing of what they told before."""
    store = Embedded.from_quads([*ontology, *change.quads])
    names = {shorten(iri) for iri in change.sources}
    own = {shorten(iri) for iri in change.own}
    write_edges(connection, (edge for edge in edge_rows(store, projection) if edge.reported_in in names))
    periods = ((id, to_day(known_by), to_day(ended_by)) for id, known_by, ended_by in period_rows(store) if id in own)
    connection.executemany("INSERT INTO temp.period VALUES (?, ?, ?)", periods)
    _run(connection, _PUT_IN)
    _tell(connection, store, change.own, projection, with_passages=True)


def _tell(
    connection: sqlite3.Connection, store: Embedded, iris: Collection[str], projection: Projection, *, with_passages: bool = False
) -> None:
    """Write what is told of some things anew: class and label, names, attributes and passages."""
    ids = {shorten(iri) for iri in iris}
    connection.execute("DELETE FROM temp.told")
    connection.executemany("INSERT INTO temp.told VALUES (?)", ((id,) for id in sorted(ids)))
    _run(connection, _FORGET)
    rows = (row for row in node_rows(store, projection, set()) if row.id in ids)
    connection.executemany(
        "INSERT INTO thing (id, class, label, kind, is_node) VALUES (?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET "
        "class = excluded.class, label = excluded.label, kind = excluded.kind, is_node = 1",
        rows,
    )
    named = connection.execute("SELECT number, name FROM name WHERE id IN (SELECT id FROM temp.told)").fetchall()
    gone = ((number, fold(name)) for number, name in named)
    connection.executemany("INSERT INTO gram (gram, rowid, folded) VALUES ('delete', ?, ?)", gone)
    connection.execute("DELETE FROM name WHERE id IN (SELECT id FROM temp.told)")
    write_names(connection, (row for row in name_rows(store) if row[0] in ids))
    write_told(connection, store, ids)
    if with_passages:
        write_passages(connection, store, ids)


def start_table(ontology: Embedded) -> sqlite3.Connection:
    """Make an empty table in memory to which facts can be added."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(CREATED + DRAFT + _NAMED + INDEXES)
    connection.executemany("INSERT INTO term VALUES (?, ?)", term_rows(ontology))
    return connection


def add_facts(
    connection: sqlite3.Connection,
    store: Embedded,
    facts: Collection[str],
    told: Collection[str],
    degrees: Mapping[str, int],
    projection: Projection,
) -> None:
    """Add the edges of some facts to a table, and what is told of some things.

    Args:
        connection: The table.
        store: What the queries of the network need to tell of these.
        facts: IRIs of facts, none of which is in the table.
        told: IRIs of these, and of things that are told of for the first time.
        degrees: How many edges each thing has in the whole graph, by its short form.
        projection: The shipped one.
    """
    names = {shorten(iri) for iri in facts}
    with connection:
        connection.execute("DELETE FROM touched")
        write_edges(connection, (edge for edge in edge_rows(store, projection) if edge.fact in names))
        periods = ((id, to_day(known_by), to_day(ended_by)) for id, known_by, ended_by in period_rows(store) if id in names)
        connection.executemany("INSERT INTO temp.period VALUES (?, ?, ?)", periods)
        _run(connection, _PUT_IN)
        _tell(connection, store, told, projection, with_passages=True)
        connection.executemany("UPDATE thing SET degree = ? WHERE id = ?", ((count, id) for id, count in degrees.items()))
        write_records(connection, "thing.id IN (SELECT id FROM touched)")


def _settle(connection: sqlite3.Connection, ontology: Embedded, meta: dict[str, str]) -> None:
    _run(connection, _SETTLE)
    connection.executemany("INSERT INTO term VALUES (?, ?)", term_rows(ontology))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    write_records(connection, "thing.id IN (SELECT id FROM touched)")


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Run statements inside the transaction; `executescript` would end it."""
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def around(whole: Embedded, iris: Iterable[str]) -> Iterator[ox.Quad]:
    """Yield what the queries of a table need to tell of some entities, out of a graph of any size.

    That is their description, their names, dates and figures with the conflicts between these, what is said to be absent of
    them, and for each way in which a fact names them one fact that does.
    """
    for iri in iris:
        yield from whole.quads(iri)
        seen: set[str] = set()
        for quad in whole.quads(value=iri):
            role, subject = quad.predicate.value, str(quad.subject)[1:-1]
            if role in (KG + "of", KG + "between") or (role == KG + "about" and _is_absence(whole, subject)):
                yield from whole.quads(subject)
                for conflict in whole.quads(None, KG + "between", subject):
                    yield from whole.quads(str(conflict.subject)[1:-1])
            elif role not in seen and not _is_absence(whole, subject):
                seen.add(role)
                yield quad
                yield from whole.quads(subject, CLASS)


def _is_absence(whole: Embedded, iri: str) -> bool:
    return next(whole.quads(iri, CLASS, KG + "Absence"), None) is not None
