"""Queries that never end, or take all memory, are ended by the kernel, and who asked is told why."""

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import kg
from conftest import BASE
from kg import compiler
from kg.errors import BusyError, KGError, LimitError, NotAcceptableError, QueryError, TooLargeError, UnavailableError
from kg.isolation import Limits, Pool
from kg.snapshots import Engine, load
from kg.store import Embedded, Question, count_rows

LIMITS = Limits(timeout_s=1, memory_mib=256, rows=100, body_mib=1, workers=2, waiting=2)
RUNAWAYS = {
    "a product that is counted": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "a self-join that streams": "SELECT ?a { ?a ?b ?c . ?d ?b ?f . ?g ?b ?i FILTER(STR(?c) = CONCAT(STR(?f), STR(?i), '!')) }",
}
GREEDY = {
    "a sort": "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f LIMIT 1",
    "a bomb": """SELECT (GROUP_CONCAT(?x) AS ?y)
                 { SELECT (CONCAT(STR(?a), STR(?d), STR(?g)) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } }""",
}

GROWING = """SELECT (COUNT(DISTINCT ?x) AS ?n)
             { { SELECT ?a ?d { ?a ?b ?c . ?d rdfs:label ?f } LIMIT 200000 } BIND(CONCAT(STR(?a), STR(?d), STR(RAND())) AS ?x) }"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits are set and read as Linux has them")


@pytest.fixture(scope="module")
def store() -> Embedded:
    return kg.open().embedded


@pytest.fixture(scope="module")
def pool(store: Embedded) -> Iterator[Pool]:
    with Pool(store, LIMITS) as started:
        yield started


def _ask(pool: Pool, query: str, rows: str | None = "srj", triples: str | None = "nt") -> bytes:
    return pool.ask(Question(query, rows=rows, triples=triples)).body


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while _is_running(pid):
        time.sleep(0.01)


def _settle(pool: Pool, workers: int = LIMITS.workers) -> list[int]:
    """Wait until the pool is whole again; return the process ids of its workers."""
    for _ in range(200):
        if len(pool._idle) == workers and all(_is_running(worker.pid) for worker in pool._idle):
            return [worker.pid for worker in pool._idle]
        time.sleep(0.05)
    raise AssertionError("the pool does not mend itself")


def test_an_answer_is_that_of_the_engine(pool: Pool, store: Embedded) -> None:
    query = "SELECT ?pledge ?label { ?pledge a kg:Pledge ; rdfs:label ?label } ORDER BY ?pledge"
    assert _ask(pool, query) == store.serialize(query, "srj")
    assert _ask(pool, "ASK { ?pledge a kg:Pledge }", rows="csv") == b"true"
    built = _ask(pool, "CONSTRUCT { ?person a kg:Person } { ?person a kg:Person }").splitlines()
    assert sorted(built) == sorted(set(built)), "a graph is a set"
    assert len(built) == store.select("SELECT ?x { ?x a kg:Person }").rows.__len__()


@pytest.mark.parametrize("query", RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_query_that_never_ends_is_ended_at_the_deadline(pool: Pool, query: str) -> None:
    started = time.monotonic()
    with pytest.raises(LimitError, match="ran longer than 1 seconds, which is the limit"):
        _ask(pool, query)
    assert time.monotonic() - started < LIMITS.timeout_s + 5
    assert _ask(pool, "ASK {}") == b'{"head":{},"boolean":true}'


@pytest.mark.parametrize("query", GREEDY.values(), ids=GREEDY)
def test_a_query_that_takes_all_memory_is_ended(store: Embedded, query: str) -> None:
    with Pool(store, Limits(timeout_s=60, memory_mib=64, workers=1)) as pool, pytest.raises(LimitError, match="more than 64 MiB of memory"):
        _ask(pool, query)


def test_an_answer_over_a_limit_is_refused_whole(pool: Pool) -> None:
    assert count_rows(_ask(pool, "SELECT ?s { ?s ?p ?o } LIMIT 100"), "srj") == 100
    with pytest.raises(TooLargeError, match=r"more than 100 rows or triples, which is the limit\. Page through it"):
        _ask(pool, "SELECT ?s { ?s ?p ?o } LIMIT 101")
    with pytest.raises(TooLargeError, match="more than 100 rows"):
        _ask(pool, "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }")
    with pytest.raises(TooLargeError, match="larger than 1 MiB, which is the limit"):
        _ask(pool, "SELECT * { ?s ?p ?o . ?a ?b ?c }")


@pytest.mark.parametrize("rows", ["srj", "xml", "csv", "tsv"])
def test_the_rows_of_an_answer_are_counted_as_they_are(store: Embedded, rows: str) -> None:
    nasty = r"""SELECT ?a ?b { VALUES (?a ?b) { ("x\ny" UNDEF) ("\"q\",{[{" ",{") (UNDEF UNDEF) ("<result>" "\\") ("é\r\n" "}]") } }"""
    format, body = store.answer(Question(nasty, rows=rows), max_rows=5, max_bytes=10_000)
    assert (format, count_rows(body, rows)) == (rows, 5)
    with pytest.raises(TooLargeError):
        store.answer(Question(nasty, rows=rows), max_rows=4, max_bytes=10_000)


def test_what_is_no_query_is_told_as_ever(pool: Pool) -> None:
    with pytest.raises(QueryError, match="not SPARQL at line 1"):
        _ask(pool, "SELECT nonsense")
    with pytest.raises(NotAcceptableError, match="answers with triples"):
        _ask(pool, "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o } LIMIT 1", triples=None)
    assert pool._busy == set()


def test_a_worker_can_open_no_socket_and_no_file(store: Embedded) -> None:
    with Pool(store, Limits(workers=1)) as pool:
        assert _ask(pool, "ASK {}")
        (pid,) = _settle(pool, 1)
        limits = Path(f"/proc/{pid}/limits").read_text()
        (files,) = [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")]
        used = sorted(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
        assert used == [0, 1, 2, 3, 4], "the standard three lead nowhere; a channel, and what tells its memory"
        assert files == ["5", "5"], "no number below the limit is free"
        assert {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)} == {"/dev/null"}
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)


def test_service_reaches_nobody_even_past_the_scanner(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scanner is asked first; without it the engine would call, if it could open a socket."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.5)
    port = listening.getsockname()[1]
    query = f"SELECT * {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"
    with Pool(store, LIMITS) as pool, pytest.raises(QueryError, match="calls SERVICE"):
        _ask(pool, query)
    monkeypatch.setattr(
        "kg.isolation.LOADER", "import kg.store; kg.store.refuse_service = lambda query: None; from kg.isolation import serve; serve()"
    )
    with Pool(store, LIMITS) as pool, pytest.raises(KGError):
        _ask(pool, query)
    with pytest.raises(TimeoutError):
        listening.accept()
    listening.close()


def test_a_worker_that_is_killed_is_replaced(store: Embedded) -> None:
    with Pool(store, LIMITS) as pool:
        for pid in _settle(pool):
            _kill(pid)
        assert _ask(pool, "ASK {}"), "who was not in flight notices nothing"
        before = _settle(pool)
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(_ask, pool, next(iter(RUNAWAYS.values())))
            time.sleep(0.3)
            (busy,) = pool._busy
            os.kill(busy, signal.SIGKILL)
            assert isinstance(asked.exception(), UnavailableError)
            assert "ended from outside" in str(asked.exception())
        assert busy in before
        assert busy not in _settle(pool)


def test_the_process_that_loads_is_started_again(store: Embedded) -> None:
    with Pool(store, LIMITS) as pool:
        workers = _settle(pool)
        assert pool._process
        pool._process.kill()
        pool._process.wait()
        for pid in workers:
            _kill(pid)
        assert _ask(pool, "ASK {}")
        assert set(_settle(pool)).isdisjoint(workers)


def test_a_worker_that_was_stopped_is_not_waited_for_for_ever(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.isolation.GRACE_S", 0.5)
    with Pool(store, Limits(timeout_s=0.5, workers=1)) as pool:
        (pid,) = _settle(pool, 1)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(UnavailableError):
            _ask(pool, "ASK {}")
        assert not _is_running(pid)


def test_a_worker_that_has_grown_is_replaced_between_queries(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(store, Limits(timeout_s=60, workers=1, rows=10**6)) as pool:
        (pid,) = _settle(pool, 1)
        assert _ask(pool, "SELECT * { ?s ?p ?o } LIMIT 10")
        assert _settle(pool, 1) == [pid]
        assert _ask(pool, GROWING)
        assert _settle(pool, 1) != [pid]


def test_no_more_wait_than_may(pool: Pool) -> None:
    _settle(pool)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(_ask, pool, RUNAWAYS["a product that is counted"]) for _ in range(8)]
        errors = [found.exception() for found in asked]
    kinds = [type(error) for error in errors]
    assert kinds.count(BusyError) >= 4, "two run, two wait, four are sent away at once"
    assert set(kinds) == {BusyError, LimitError}
    assert all(error.retry_after_s for error in errors if isinstance(error, BusyError))


def test_nothing_is_left_when_the_pool_is_closed(store: Embedded) -> None:
    with Pool(store, LIMITS) as pool:
        assert pool._process
        pids = [pool._process.pid, *_settle(pool)]
    time.sleep(0.2)
    assert not any(_is_running(pid) for pid in pids)
    with pytest.raises(UnavailableError):
        _ask(pool, "ASK {}")


def test_a_store_that_cannot_be_loaded_is_told(store: Embedded, tmp_path: Path) -> None:
    (tmp_path / "quads.nq").write_text("nonsense")
    with pytest.raises(UnavailableError, match="cannot be read"):
        Pool(store, LIMITS, tmp_path / "quads.nq").start()


def test_a_worker_reads_a_store_on_disk_and_can_open_nothing_else(store: Embedded, tmp_path: Path) -> None:
    folder = compiler.build(BASE, tmp_path, on_disk=True)
    limits = replace(LIMITS, timeout_s=3)
    with Pool(load(folder, Engine.disk), limits, folder, Engine.disk) as pool:
        assert json.loads(_ask(pool, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"))["results"]["bindings"][0]["n"]["value"] == str(
            len(load(folder).engine)
        )
        for pid in _settle(pool):
            for _ in range(100):  # one that was just forked has not set its limits yet
                most = int(Path(f"/proc/{pid}/limits").read_text().partition("Max open files")[2].split()[0])
                if most < 100:
                    break
                time.sleep(0.1)
            assert len(list(Path(f"/proc/{pid}/fd").iterdir())) >= most, "no number is free"
        with pytest.raises(LimitError, match="longer than 3 seconds"):
            _ask(pool, next(iter(RUNAWAYS.values())))
        assert _ask(pool, "ASK { ?pledge a kg:Pledge }")


def test_a_store_on_disk_that_is_damaged_is_told(store: Embedded, tmp_path: Path) -> None:
    folder = compiler.build(BASE, tmp_path, on_disk=True)
    max((folder / "store").glob("*.sst"), key=lambda path: path.stat().st_size).write_bytes(b"")
    with pytest.raises(UnavailableError, match="is damaged"):
        Pool(store, LIMITS, folder, Engine.disk).start()


def test_a_process_that_dies_while_it_loads_is_told_at_once(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.isolation.LOADER", "raise SystemExit(9)")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="could not be started"):
        Pool(store, LIMITS).start()
    assert time.monotonic() - started < 5


def test_the_process_that_loads_is_missed_without_a_question(store: Embedded) -> None:
    with Pool(store, LIMITS) as pool:
        before = _settle(pool)
        assert pool._process
        _kill(pool._process.pid)
        for _ in range(100):
            if pool.is_ready and set(_settle(pool)).isdisjoint(before):
                break
            time.sleep(0.05)
        with pytest.raises(LimitError, match="longer than 1 seconds"):
            _ask(pool, next(iter(RUNAWAYS.values())))


def test_a_process_that_loads_and_is_stopped_is_started_anew(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.isolation.GRACE_S", 0.5)
    with Pool(store, LIMITS) as pool:
        workers = _settle(pool)
        assert pool._process
        os.kill(pool._process.pid, signal.SIGSTOP)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        for _ in range(40):
            try:
                assert _ask(pool, "ASK {}")
                break
            except UnavailableError:
                time.sleep(0.1)
        else:
            raise AssertionError("it is not started anew")


def test_a_worker_may_have_any_descriptor(store: Embedded) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
    taken = [os.dup(0) for _ in range(1100)]
    try:
        with Pool(store, LIMITS) as pool:
            assert [_ask(pool, "ASK {}") for _ in range(3)] == [b'{"head":{},"boolean":true}'] * 3
            assert pool._idle[0].channel.fileno() > 1024
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_imported_from_the_folder_where_it_is_started(store: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Pool(store, LIMITS) as pool:
        assert _ask(pool, "ASK {}")


def test_a_query_that_ends_the_parser_is_the_fault_of_the_query(store: Embedded) -> None:
    with Pool(store, Limits(timeout_s=30, workers=1)) as pool, pytest.raises(QueryError):
        _ask(pool, "SELECT * {" + "UNION".join(["{}"] * 13_000) + "}")
