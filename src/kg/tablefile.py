"""The SQLite file of a snapshot: its layout, and how a projection fills it.

The projection is run once a snapshot. The same snapshot and projection give the same rows in the same order.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import date
from hashlib import blake2b
from pathlib import Path
from threading import get_ident
from time import time

from kg.elements import TOTALS, Passage, to_proof
from kg.names import fold
from kg.parts import digest_file
from kg.projection import (
    EdgeRow,
    NamingRow,
    Projection,
    attribute_rows,
    chunks,
    edge_rows,
    name_rows,
    node_rows,
    passage_rows,
    period_rows,
    term_rows,
)
from kg.resources import release, write_whole
from kg.store import Store

FORMAT = "9"
"""Version of the layout of the file, and of what fills it."""

STALE_S = 3600
"""After how many seconds the draft of a table whose process was killed is cleared away."""

CREATED = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE thing (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class TEXT, label TEXT, kind TEXT,
    is_node INTEGER NOT NULL DEFAULT 0, degree INTEGER NOT NULL DEFAULT 0, attributes TEXT, passages TEXT);
CREATE TABLE relation (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, label TEXT NOT NULL, inverse_label TEXT NOT NULL,
    UNIQUE (id, label, inverse_label));
CREATE TABLE edge (
    at INTEGER PRIMARY KEY, number INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, relation INTEGER NOT NULL, fact INTEGER,
    source INTEGER, inferred INTEGER NOT NULL, known_by INTEGER, ended_by INTEGER, attributes TEXT);
CREATE TABLE record (at INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE address (source TEXT PRIMARY KEY, address TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE term (ancestor TEXT NOT NULL, term TEXT NOT NULL, PRIMARY KEY (ancestor, term)) WITHOUT ROWID;
CREATE TABLE name (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, length INTEGER NOT NULL, is_label INTEGER NOT NULL,
    is_entity INTEGER NOT NULL, class TEXT NOT NULL);
CREATE INDEX name_id ON name (id, is_label);
CREATE VIRTUAL TABLE gram USING fts5(folded, content='', tokenize='trigram', detail='none');
CREATE VIRTUAL TABLE gram_count USING fts5vocab('gram', 'row');
"""
DRAFT = """
CREATE TEMP TABLE row (
    at INTEGER PRIMARY KEY, number INTEGER, start TEXT, end TEXT, relation TEXT, label TEXT, inverse_label TEXT, fact TEXT, source TEXT,
    inferred INTEGER, attributes TEXT);
CREATE TEMP TABLE node (id TEXT PRIMARY KEY, class TEXT, label TEXT, kind TEXT) WITHOUT ROWID;
CREATE TEMP TABLE period (id TEXT PRIMARY KEY, known_by INTEGER, ended_by INTEGER) WITHOUT ROWID;
"""
_ARRANGE = """
INSERT INTO thing (id, class, label, kind, is_node, degree)
    SELECT id, class, label, kind, 1, ifnull(degree, 0)
    FROM temp.node LEFT JOIN (
        SELECT id, count(*) AS degree FROM (SELECT start AS id FROM row UNION ALL SELECT end FROM row) GROUP BY id
    ) USING (id) ORDER BY 6 DESC, id;
INSERT OR IGNORE INTO thing (id) SELECT fact FROM row WHERE fact NOT NULL UNION SELECT source FROM row WHERE source NOT NULL ORDER BY 1;
INSERT INTO relation (id, label, inverse_label) SELECT DISTINCT relation, label, inverse_label FROM row ORDER BY 1, 2, 3;
INSERT INTO edge
    SELECT
        row.at, row.number, one.number, other.number, named.number, proof.number, origin.number, inferred, known_by, ended_by,
        row.attributes
    FROM row
    JOIN thing one ON one.id = row.start
    JOIN thing other ON other.id = row.end
    JOIN relation named ON (named.id, named.label, named.inverse_label) = (row.relation, row.label, row.inverse_label)
    LEFT JOIN thing proof ON proof.id = row.fact
    LEFT JOIN thing origin ON origin.id = row.source
    LEFT JOIN period ON period.id = row.fact
    ORDER BY row.at;
DROP TABLE row; DROP TABLE temp.node; DROP TABLE period;
"""
INDEXES = """
CREATE INDEX edge_start ON edge (start, end, relation, source, known_by, ended_by);
CREATE INDEX edge_end ON edge (end, start, relation, source, known_by, ended_by);
CREATE INDEX thing_degree ON thing (is_node, degree DESC, id);
CREATE INDEX name_length ON name (length);
INSERT INTO gram (gram) VALUES ('optimize');
ANALYZE;
"""


def write_table(path: Path, store: Store, projection: Projection, snapshot: str) -> None:
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
    draft = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    _clear_drafts(path.parent)
    try:
        with closing(sqlite3.connect(draft)) as connection:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            fill(connection, store, projection, snapshot)
        digest = digest_file(draft)
        draft.replace(path)
        _write_seal(path, digest)
    except sqlite3.OperationalError as exc:
        raise OSError(None, str(exc)) from exc
    finally:
        draft.unlink(missing_ok=True)


def is_table(path: Path, projection: Projection, snapshot: str) -> bool:
    """Tell whether a file is, byte for byte, the table of a projection and a snapshot."""
    if not is_whole(path):
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return dict(connection.execute("SELECT name, value FROM meta")) == to_meta(projection, snapshot)
    except sqlite3.Error:
        return False


def finish(path: Path) -> None:
    """Write the digest of a table beside it, without which it is none."""
    _write_seal(path, digest_file(path))


def _write_seal(path: Path, digest: str) -> None:
    write_whole(_seal(path), digest + "\n")


def table_name(projection: Projection) -> str:
    """Return what the file of a projection's table is called."""
    return f"table-{projection.digest[:16]}.sqlite"


def is_whole(path: Path) -> bool:
    """Tell whether a file is there and is what its digest beside it says."""
    try:
        return digest_file(path) == _seal(path).read_text("utf-8").strip()
    except OSError:
        return False


def _seal(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _clear_drafts(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote a table."""
    for draft in folder.glob(".table-*"):
        with suppress(OSError):
            if time() - draft.stat().st_mtime > STALE_S:
                draft.unlink()


def to_meta(projection: Projection, snapshot: str) -> dict[str, str]:
    """Return what a table says of itself: the release and layout that made it, its snapshot and its projection."""
    return {"format": FORMAT, "release": release(), "snapshot": snapshot, "projection": projection.digest}


def fill(connection: sqlite3.Connection, store: Store, projection: Projection, snapshot: str) -> None:
    """Run a projection into an empty database, as `write_table` says."""
    connection.executescript(CREATED + DRAFT)
    connection.execute("BEGIN")
    _write_rows(connection, store, projection)
    connection.executescript(_ARRANGE)
    connection.execute("BEGIN")
    write_told(connection, store)
    write_passages(connection, store)
    write_records(connection)
    write_names(connection, name_rows(store))
    connection.executemany("INSERT INTO term VALUES (?, ?)", term_rows(store))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", to_meta(projection, snapshot).items())
    connection.execute("COMMIT")
    connection.executescript(INDEXES)


def _write_rows(connection: sqlite3.Connection, store: Store, projection: Projection) -> None:
    """Write what the projection says, in its own words."""
    write_edges(connection, edge_rows(store, projection))
    ends = {id for (id,) in connection.execute("SELECT start FROM row UNION SELECT end FROM row")}
    # A node with two classes or labels, which the check refuses, is one node all the same.
    connection.executemany("INSERT OR IGNORE INTO temp.node VALUES (?, ?, ?, ?)", node_rows(store, projection, ends))
    periods = ((id, to_day(known_by), to_day(ended_by)) for id, known_by, ended_by in period_rows(store))
    connection.executemany("INSERT INTO period VALUES (?, ?, ?)", periods)


def write_edges(connection: sqlite3.Connection, edges: Iterable[EdgeRow]) -> None:
    """Write edges, in the words of the projection and in its order, into the draft of the table."""

    def rows() -> Iterator[tuple[object, ...]]:
        before, nth = None, 0
        for edge in edges:
            names = (edge.start, edge.end, edge.relation, edge.fact or "")
            before, nth = names, nth + 1 if names == before else 0
            told = json.dumps(edge.attributes) if edge.attributes else None
            yield (to_number(*names, str(nth)), *edge[:5], edge.fact, edge.reported_in, edge.inferred, told)

    connection.executemany("INSERT INTO row VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())


def to_number(*names: str) -> int:
    """Return a number for something that has these names, the same in every table: the first 52 bits of their BLAKE2b.

    So many bits are whole numbers in JavaScript too, and among a million edges two have one number once in 10,000 graphs.

    Example:
        >>> to_number("person:a", "trust:b") < 2**52
        True

    Sources:
        BLAKE2: https://www.rfc-editor.org/rfc/rfc7693
    """
    return int.from_bytes(blake2b("\x1f".join(names).encode(), digest_size=8).digest(), "big") >> 12


def write_names(connection: sqlite3.Connection, names: Iterable[NamingRow]) -> None:
    """Write names for search. Their numbers follow from what they are, so a search has one order in every table."""
    # The index of letters is written in the order of the numbers.
    known = {to_number(row[0], row[1], str(row[2])): row for row in sorted(names, reverse=True)}
    for chunk in chunks(((number, *known[number]) for number in sorted(known)), 10_000):
        folded = [fold(name) for _, _, name, *_ in chunk]
        rows = [(number, id, name, len(text), *rest) for (number, id, name, *rest), text in zip(chunk, folded, strict=True)]
        connection.executemany("INSERT OR IGNORE INTO name VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO gram (rowid, folded) VALUES (?, ?)", zip((row[0] for row in rows), folded, strict=True))


def write_told(connection: sqlite3.Connection, store: Store, only: Collection[str] | None = None) -> None:
    """Write what is told of all things, or of some."""
    told = ((json.dumps(values, ensure_ascii=False), id) for id, values in attribute_rows(store) if only is None or id in only)
    connection.executemany("UPDATE thing SET attributes = ? WHERE id = ?", told)


def write_passages(connection: sqlite3.Connection, store: Store, only: Collection[str] | None = None) -> None:
    """Write the passages of all facts, or of some, and the addresses of their sources."""
    addresses: dict[str, str] = {}

    def rows() -> Iterator[tuple[str, str]]:
        for id, passages in passage_rows(store):
            if only is not None and id not in only:
                continue
            addresses.update((str(row[1]), str(row[-1])) for row in passages if row[-1])
            yield json.dumps([row[:-1] for row in passages], ensure_ascii=False), id

    connection.executemany("UPDATE thing SET passages = ? WHERE id = ?", rows())
    connection.executemany("INSERT OR REPLACE INTO address VALUES (?, ?)", addresses.items())


_RECORDS = """
CREATE TEMP TABLE due (at INTEGER PRIMARY KEY);
INSERT INTO temp.due
    SELECT at FROM edge WHERE fact IN (SELECT number FROM temp.ready) OR NOT EXISTS (SELECT 1 FROM record WHERE record.at = edge.at);
INSERT OR REPLACE INTO record
    SELECT due.at, CAST(format(
        '{"source":%s,"target":%s,"relation":%s%s,"key":"%d","label":%s,"inverse_label":%s,"inferred":%s%s%s}',
        json_quote(one.id), json_quote(other.id), json_quote(named.id),
        iif(proof.id IS NULL, '', ',"fact":' || json_quote(proof.id)), found.number,
        json_quote(named.label), json_quote(named.inverse_label), iif(inferred, 'true', 'false'),
        iif(origin.id IS NULL, '', ',"reported_in":' || json_quote(origin.id)),
        ifnull(',' || nullif(iif(
            found.attributes IS NULL, told, trim(json_patch('{' || ifnull(told, '') || '}', found.attributes), '{}')), ''), '')
    ) AS BLOB)
    FROM temp.due
    CROSS JOIN edge AS found ON found.at = due.at
    CROSS JOIN relation AS named ON named.number = found.relation
    CROSS JOIN thing AS one ON one.number = found.start
    CROSS JOIN thing AS other ON other.number = found.end
    LEFT JOIN temp.ready ON ready.number = found.fact
    LEFT JOIN thing AS proof ON proof.number = found.fact
    LEFT JOIN thing AS origin ON origin.number = found.source
    ORDER BY due.at;
DROP TABLE temp.ready;
DROP TABLE temp.due;
"""
"""CROSS JOIN keeps the order: the edges first, and for each the rows that it names."""


def write_records(connection: sqlite3.Connection, only: str = "1") -> None:
    """Write edges as they stand in JSON: those of all facts, or of the facts for which a condition holds; and any that is new.

    A record begins with its ends, its relation, its fact and its number, so that records in order are edges in order.
    """
    addresses = dict(connection.execute("SELECT source, address FROM address"))
    connection.execute("CREATE TEMP TABLE ready (number INTEGER PRIMARY KEY, told TEXT)")
    facts = connection.execute(
        f"SELECT DISTINCT fact, known_by, ended_by FROM edge JOIN thing ON thing.number = fact WHERE {only}"
    ).fetchall()
    for some in chunks(facts, 10_000):
        days = {fact: (known_by, ended_by) for fact, known_by, ended_by in some}
        query = "SELECT number, attributes, passages FROM thing WHERE number IN (SELECT value FROM json_each(?))"
        rows = connection.execute(query, (json.dumps(list(days)),)).fetchall()
        ready = ((number, _tell_fact(addresses, *days[number], told, proof)) for number, told, proof in rows)
        connection.executemany("INSERT OR REPLACE INTO temp.ready VALUES (?, ?)", ready)
    for statement in _RECORDS.split(";\n"):
        connection.execute(statement)


def _tell_fact(addresses: Mapping[str, str], known_by: int | None, ended_by: int | None, told: str | None, proof: str | None) -> str:
    """Return what every edge of a fact tells, as it stands inside a record in JSON."""
    passages = tuple(Passage._make([*row, addresses.get(row[1])]) for row in json.loads(proof or "[]"))
    days = {"known_by": known_by, "ended_by": ended_by}
    record = {
        **{name: date.fromordinal(day).isoformat() for name, day in days.items() if day},
        **to_proof(passages),
        **{name: value for name, value in json.loads(told or "{}").items() if name not in TOTALS},
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))[1:-1]


def to_day(value: date | None) -> int | None:
    """Return a day as the table has it: its number in the calendar of Python."""
    return value.toordinal() if value else None
