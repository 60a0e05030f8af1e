"""The SQLite file of a snapshot: its layout, and how a projection fills it.

The projection is run once a snapshot. The same snapshot and projection give the same rows in the same order.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from kg.names import fold
from kg.projection import NodeRow, Projection, attribute_rows, chunks, edge_rows, name_rows, node_rows, passage_rows, period_rows, term_rows
from kg.store import Embedded

FORMAT = "1"
"""Version of the layout of the file."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE thing (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class TEXT, label TEXT, kind TEXT,
    is_node INTEGER NOT NULL DEFAULT 0, degree INTEGER NOT NULL DEFAULT 0, attributes TEXT, passages TEXT);
CREATE TABLE relation (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, label TEXT NOT NULL, inverse_label TEXT NOT NULL, UNIQUE (id, label, inverse_label));
CREATE TABLE edge (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL, relation INTEGER NOT NULL, fact INTEGER,
    source INTEGER, inferred INTEGER NOT NULL, known_by INTEGER, ended_by INTEGER, attributes TEXT);
CREATE TABLE address (source TEXT PRIMARY KEY, address TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE term (ancestor TEXT NOT NULL, term TEXT NOT NULL, PRIMARY KEY (ancestor, term)) WITHOUT ROWID;
CREATE TABLE name (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, length INTEGER NOT NULL, is_label INTEGER NOT NULL,
    is_entity INTEGER NOT NULL);
CREATE VIRTUAL TABLE gram USING fts5(folded, content='', tokenize='trigram', detail='none');
"""
_INDEXES = """
CREATE INDEX edge_start ON edge (start, end, relation, source, known_by, ended_by);
CREATE INDEX edge_end ON edge (end, start, relation, source, known_by, ended_by);
CREATE INDEX name_id ON name (id, is_label);
CREATE INDEX name_length ON name (length);
UPDATE thing SET degree = (SELECT count(*) FROM edge WHERE start = thing.number) + (SELECT count(*) FROM edge WHERE end = thing.number)
WHERE is_node;
INSERT INTO gram (gram) VALUES ('optimize');
ANALYZE;
"""


def write_table(path: Path, store: Embedded, projection: Projection, snapshot: str) -> None:
    """Run a projection and write the table of it, whole or not at all.

    Args:
        path: The file.
        store: The graph.
        projection: What is an edge.
        snapshot: Digest of the graph, kept in the file.

    Raises:
        QueryError: The projection is no query, or one of its rows is no edge.
        OSError: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(draft)) as connection:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            fill(connection, store, projection, snapshot)
        draft.replace(path)
    except sqlite3.OperationalError as exc:
        raise OSError(None, str(exc)) from exc
    finally:
        draft.unlink(missing_ok=True)


def fill(connection: sqlite3.Connection, store: Embedded, projection: Projection, snapshot: str) -> None:
    """Run a projection into an empty database, as `write_table` says."""
    connection.executescript(_SCHEMA)
    connection.execute("BEGIN")
    numbers = _Numbers({})
    ends = _write_edges(connection, store, projection, numbers)
    _write_things(connection, node_rows(store, projection, ends), numbers)
    _write_proof(connection, store)
    names = enumerate(name_rows(store), 1)
    for chunk in chunks(names, 10_000):
        folded = [fold(name) for _, (_, name, _, _) in chunk]
        rows = [(number, *row[:2], len(text), *row[2:]) for (number, row), text in zip(chunk, folded, strict=True)]
        connection.executemany("INSERT INTO name VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO gram (rowid, folded) VALUES (?, ?)", zip((row[0] for row in rows), folded, strict=True))
    connection.executemany("INSERT INTO term VALUES (?, ?)", term_rows(store))
    meta = {"format": FORMAT, "snapshot": snapshot, "projection": projection.digest}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute("COMMIT")
    connection.executescript(_INDEXES)


def _write_edges(connection: sqlite3.Connection, store: Embedded, projection: Projection, number: _Numbers) -> set[str]:
    """Write edges and relations; return the ends."""
    periods = {id: (_to_day(known_by), _to_day(ended_by)) for id, known_by, ended_by in period_rows(store)}
    relations = _Numbers({})
    ends: set[str] = set()

    def rows() -> Iterator[tuple[object, ...]]:
        for edge in edge_rows(store, projection):
            ends.update((edge.start, edge.end))
            yield (
                number[edge.start],
                number[edge.end],
                relations[edge[2:5]],
                edge.fact and number[edge.fact],
                edge.reported_in and number[edge.reported_in],
                edge.inferred,
                *periods.get(edge.fact or "", (None, None)),
                json.dumps(edge.attributes) if edge.attributes else None,
            )

    connection.executemany("INSERT INTO edge VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
    connection.executemany("INSERT INTO relation VALUES (?, ?, ?, ?)", ((number, *names) for names, number in relations.items()))
    return ends


class _Numbers(dict[Any, int]):
    """Gives each thing that it is asked for a number of its own, from 1."""

    def __missing__(self, thing: object) -> int:
        self[thing] = len(self) + 1
        return self[thing]


def _write_things(connection: sqlite3.Connection, nodes: Iterable[NodeRow], number: _Numbers) -> None:
    """Write the nodes, and the facts and sources that are known only from edges."""
    rows = ((number[node.id], *node) for node in nodes)
    # A node with two classes or labels, which the check refuses, is one node all the same.
    connection.executemany("INSERT OR IGNORE INTO thing (number, id, class, label, kind, is_node) VALUES (?, ?, ?, ?, ?, 1)", rows)
    connection.executemany("INSERT OR IGNORE INTO thing (id, number) VALUES (?, ?)", number.items())


def _write_proof(connection: sqlite3.Connection, store: Embedded) -> None:
    """Write what is told of things, and the passages of facts."""
    told = ((json.dumps(values, ensure_ascii=False), id) for id, values in attribute_rows(store))
    connection.executemany("UPDATE thing SET attributes = ? WHERE id = ?", told)
    addresses: dict[str, str] = {}

    def rows() -> Iterator[tuple[str, str]]:
        for id, passages in passage_rows(store):
            addresses.update((str(row[1]), str(row[-1])) for row in passages if row[-1])
            yield json.dumps([row[:-1] for row in passages], ensure_ascii=False), id

    connection.executemany("UPDATE thing SET passages = ? WHERE id = ?", rows())
    connection.executemany("INSERT INTO address VALUES (?, ?)", addresses.items())


def _to_day(value: date | None) -> int | None:
    return value.toordinal() if value else None
