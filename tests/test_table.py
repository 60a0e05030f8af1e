"""The table is a cache: made once, found again, made anew when it is not what it should be."""

import os
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import kg
from kg import compiler, snapshots
from kg.names import Name, search
from kg.network import read_network
from kg.projection import name_rows, read_projection
from kg.table import CONNECTIONS
from kg.tablefile import write_table

BASE = Path(__file__).parent / "breaches" / "base"


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    compiler.build(BASE, tmp_path)
    return tmp_path


def _table(folder: Path) -> Path:
    (path,) = folder.rglob("table-*.sqlite")
    return path


def _count(folder: Path) -> int:
    return len(read_network(kg.open(store=folder)).edges)


def test_a_table_is_made_on_first_use_and_found_again(snapshot: Path) -> None:
    assert list(snapshot.rglob("*.sqlite")) == []
    edges = _count(snapshot)
    made = _table(snapshot).stat().st_mtime_ns
    assert _count(snapshot) == edges > 0
    assert _table(snapshot).stat().st_mtime_ns == made


def test_a_search_or_subgraph_needs_no_quads_once_the_table_is_there(snapshot: Path) -> None:
    graph = kg.open(store=snapshot)
    graph.table()
    fresh = kg.open(store=snapshot)
    assert fresh.find("brandt")
    assert "store" not in vars(fresh.snapshot)


@pytest.mark.parametrize(
    "spoil", [lambda data: b"", lambda data: data[:5000], lambda data: b"no database" * 100], ids=["empty", "cut", "text"]
)
def test_a_table_that_is_none_is_made_anew(snapshot: Path, spoil: Callable[[bytes], bytes]) -> None:
    edges = _count(snapshot)
    path = _table(snapshot)
    path.write_bytes(spoil(path.read_bytes()))
    assert _count(snapshot) == edges


def test_a_table_of_another_snapshot_is_not_taken(snapshot: Path) -> None:
    edges = _count(snapshot)
    path = _table(snapshot)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 'another' WHERE name = 'snapshot'")
        connection.execute("DELETE FROM edge")
    assert _count(snapshot) == edges


def test_a_byte_that_is_changed_makes_the_table_anew(snapshot: Path) -> None:
    edges = _count(snapshot)
    path = _table(snapshot)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert _count(snapshot) == edges
    assert path.read_bytes() != bytes(data)


def test_a_damage_that_is_met_while_reading_is_told(snapshot: Path) -> None:
    graph = kg.open(store=snapshot)
    table = graph.table()
    for _ in range(CONNECTIONS):
        connection = table._idle.get()
        connection.close()
        table._idle.put(connection)
    with pytest.raises(kg.DataError, match=r"The table of the network, .* cannot be read: .*Delete it"):
        read_network(graph)


def test_what_a_killed_process_left_is_cleared_away(snapshot: Path) -> None:
    folder = next(snapshot.glob("*/manifest.json")).parent
    old, new = folder / ".table-x.sqlite.1-1", folder / ".table-x.sqlite.2-2"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    _count(snapshot)
    assert (old.exists(), new.exists()) == (False, True), "the other may still be at work"


def test_threads_that_want_a_table_together_make_it_once(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def count(*args: object) -> None:
        made.append(args)
        write_table(*args)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr("kg.snapshots.write_table", count)
    graph = kg.open(store=snapshot)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: len(read_network(graph).edges), range(8)))
    assert len(set(found)) == len(made) == 1


def test_where_nothing_can_be_written_the_table_is_in_memory(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("kg.snapshots.write_table", refuse)
    assert _count(snapshot) > 0
    assert list(snapshot.rglob("*.sqlite")) == []


def test_a_disk_that_is_full_leaves_no_half_of_a_table(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("kg.tablefile.fill", full)
        graph = kg.open(store=snapshot)
        with pytest.raises(OSError, match="database or disk is full"):
            write_table(snapshot / "t.sqlite", graph.store, read_projection(), "")
    assert [path.name for path in snapshot.rglob("*sqlite*")] == []


def test_the_oldest_tables_of_own_projections_are_dropped(snapshot: Path, tmp_path: Path) -> None:
    graph = kg.open(store=snapshot)
    graph.table()
    shipped = _table(snapshot)
    own = tmp_path / "own.rq"
    for number in range(snapshots.MAX_TABLES + 3):
        own.write_text(f"SELECT ?start ?end ?relation {{ ?start kg:maker ?end BIND(kg:maker AS ?relation) }} # {number}", "utf-8")
        graph.table(own)
    left = list(snapshot.rglob("table-*.sqlite"))
    assert len(left) == snapshots.MAX_TABLES
    assert shipped in left, "the table of the shipped projection stays"


def test_a_refused_projection_leaves_no_file(snapshot: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.rq"
    own.write_text("SELECT ?start { ?start a kg:Pledge }", "utf-8")
    with pytest.raises(kg.QueryError):
        kg.open(store=snapshot).table(own)
    assert [path.name for path in snapshot.rglob("*sqlite*")] == []


# ---------------------------------------------------------------- names


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


@pytest.fixture(scope="module")
def names(graph: kg.Graph) -> list[Name]:
    return [Name(*row[:4]) for row in name_rows(graph.store)]


def _misspell(name: str, chosen: random.Random) -> str:
    at = chosen.randrange(len(name) - 1)
    return chosen.choice(
        [name[:at] + name[at + 1 :], name[:at] + name[at + 1] + name[at] + name[at + 2 :], name[:at] + "x" + name[at + 1 :]]
    )


def test_a_misspelt_name_finds_through_the_table_what_ranking_all_names_finds(graph: kg.Graph, names: list[Name]) -> None:
    chosen = random.Random(7)
    entities = [name for name in names if name.is_entity and len(name.name) >= 4]
    for name in chosen.sample(entities, 120):
        text = _misspell(name.name, chosen)
        every, found = search(names, text), graph.find(text)
        assert [match.id for match in found][:1] == [match.id for match in every][:1], text


def test_a_short_name_is_found_though_it_shares_no_three_letters(graph: kg.Graph) -> None:
    assert "organisation:nhsx" in [match.id for match in graph.find("nhxs")]


@pytest.mark.parametrize("text", ["", "  ", "…", '" OR "', "*", "AND NOT", "'; DROP TABLE name; --", "x" * 10_000, "\x00", "مرحبا"])
def test_no_text_breaks_the_search(graph: kg.Graph, text: str) -> None:
    assert isinstance(graph.find(text), list)


def test_an_accent_does_not_matter(graph: kg.Graph) -> None:
    assert graph.find("Mátt Hancöck")[0].id == "person:matt-hancock"
