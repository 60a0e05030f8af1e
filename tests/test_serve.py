"""`kg serve` as a process: how it starts, changes its snapshot, and stops."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import quote

import pytest

from conftest import Runner
from kg.api import Host
from kg.cli.serving import LOOK_S, _reload


class Server:
    """A running `kg serve` at a free port."""

    def __init__(self, runner: Runner, *args: str | Path) -> None:
        self.process = runner.start("serve", "--port", "0", "--workers", "1", *args)
        assert self.process.stderr
        self.said: list[str] = []
        line = ""
        while "serving http" not in line:
            line = self.process.stderr.readline().decode()
            assert line, self.said
            self.said.append(line)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        self.port = int(found[1])

    def get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def line(self) -> str:
        assert self.process.stderr
        return self.process.stderr.readline().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode


Serve = Callable[..., Server]


@pytest.fixture
def serve(warm: Runner) -> Iterator[Serve]:
    started: list[Server] = []

    def start(*args: str | Path) -> Server:
        started.append(Server(warm, *args))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate(timeout=20)


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid and text.rpartition(")")[2].split()[0] != "Z":
            found.append(int(path.parent.name))
    return found


def _wait_until_gone(*pids: int) -> None:
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"of {pids} some are left behind")


def test_it_serves_at_this_machine_only_until_it_is_stopped(serve: Serve) -> None:
    server = serve()
    status, body = server.get("/pledges?limit=1")
    assert (status, json.loads(body)["total"]) == (200, 28)
    assert server.get("/sparql?query=ASK%7B%7D")[0] == 200
    assert server.get("/readyz")[0] == 200
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert [place for place in listening if place.endswith(f":{server.port:04X}")] == [f"0100007F:{server.port:04X}"]
    loaders = _children(server.process.pid)
    workers = [pid for loader in loaders for pid in _children(loader)]
    assert len(workers) == 1
    assert server.stop() == 0
    _wait_until_gone(*loaders, *workers)


def test_ctrl_c_stops_it_with_a_word(serve: Serve) -> None:
    server = serve()
    server.process.send_signal(signal.SIGINT)
    said = server.process.communicate(timeout=20)[1].decode()
    assert (server.process.returncode, said) == (0, "kg: stopped.\n")


def test_a_server_that_is_killed_leaves_no_process_behind(serve: Serve) -> None:
    server = serve()
    server.get("/sparql?query=ASK%7B%7D")
    loaders = _children(server.process.pid)
    workers = [pid for loader in loaders for pid in _children(loader)]
    server.process.kill()
    _wait_until_gone(*loaders, *workers)


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--port", "99999"], 2, "'--port'"),
        (["--host", "no.such.host.invalid"], 2, "Nothing can listen at no.such.host.invalid"),
        (["--timeout", "0"], 2, "'--timeout'"),
        (["--workers", "many"], 2, "'--workers'"),
        (["--store", "nowhere"], 1, "holds no snapshot"),
        (["--graph", "a", "--store", "b"], 2, "give one of the two"),
        (["--sources", "nowhere"], 2, "nowhere"),
    ],
)
def test_what_goes_wrong_at_the_start_is_one_sentence(warm: Runner, args: list[str], status: int, words: str) -> None:
    done = warm("serve", "--port", "0", *args) if "--port" not in args else warm("serve", *args)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_port_in_use_and_a_broken_snapshot_are_one_sentence(warm: Runner, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = warm("serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Address already in use" in done.stderr
    assert warm("build", "--out", tmp_path / "snap").returncode == 0
    quads = max((tmp_path / "snap" / "parts").iterdir(), key=lambda path: path.stat().st_size)
    quads.write_text(quads.read_text("utf-8")[:-100], "utf-8")
    done = warm("serve", "--store", tmp_path / "snap", "--port", "0")
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_snapshot_is_served_from_disk_where_memory_is_short_and_says_so(
    serve: Serve, warm: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "snap"
    assert warm("build", "--out", out, "--on-disk").returncode == 0
    server = serve("--store", out)
    assert re.fullmatch(
        r"kg: [\d,]+ quads are in memory, where they take about 0\.0\d GiB of the \d+\.\d GiB that are free\.\n", server.said[0]
    )
    found = server.get("/pledges.json")
    (tmp_path / "sitecustomize.py").write_text("import kg.resources\nkg.resources.free_memory = lambda: 1_000_000\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    other = serve("--store", out)
    assert re.match(r"kg: [\d,]+ quads are on disk, since in memory they would take about .* that are free\.\n", other.said[0])
    assert other.get("/pledges.json") == found
    asked = f"/sparql?query={quote('SELECT (COUNT(*) AS ?n) { ?s ?p ?o }')}"
    assert other.get(asked) == server.get(asked)
    assert other.stop() == 0


def test_a_server_that_is_killed_leaves_nothing_and_the_next_serves_the_same(serve: Serve, warm: Runner, tmp_path: Path) -> None:
    out = tmp_path / "snap"
    assert warm("build", "--out", out, "--on-disk").returncode == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and not path.name.startswith("LOG")}
    server = serve("--store", out)
    found = server.get("/pledges.json")
    workers = _children(server.process.pid)
    assert workers
    server.stop(signal.SIGKILL)
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and not path.name.startswith("LOG")} == before
    assert serve("--store", out).get("/pledges.json") == found


def test_it_changes_to_a_new_snapshot_without_a_failed_request(serve: Serve, warm: Runner, small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "snap"
    assert warm("build", "--out", out).returncode == 0
    server = serve("--store", out)
    seen: list[tuple[int, str]] = []
    ended = threading.Event()

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        while not ended.is_set():
            for path in ("/pledges?limit=1", "/sparql?query=ASK%7B%7D", "/healthz"):
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                seen.append((answer.status, json.loads(body).get("snapshot", "") if b"snapshot" in body else ""))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for graph in (("--graph", small_graph), (), ("--graph", small_graph)):
        assert warm("build", *graph, "--out", out).returncode == 0
        server.process.send_signal(signal.SIGHUP)
        assert "kg: serving snapshot" in server.line()
        time.sleep(0.3)
    server.process.send_signal(signal.SIGHUP)
    assert "the snapshot is the one that is served" in server.line()
    (out / "CURRENT").write_text("nothing\n")
    server.process.send_signal(signal.SIGHUP)
    assert "What was served before is served on." in server.line()
    ended.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in seen} == {200}
    assert len({snapshot for _, snapshot in seen if snapshot}) == 2
    time.sleep(0.5)
    assert len(_children(server.process.pid)) == 1, "the processes of the snapshots before are gone"


def test_a_request_that_does_not_come_is_not_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), 30) as slow:
        slow.sendall(b"GET /pledges HTTP/1.1\r\nHost: x\r\n")
        slow.settimeout(25)
        started = time.monotonic()
        assert slow.recv(1000) == b"", "the server ends the connection"
        assert 5 < time.monotonic() - started < 25
    assert server.get("/healthz")[0] == 200


def test_a_body_that_does_not_come_gets_408(serve: Serve) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), 30) as slow:
        slow.sendall(b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 100\r\n\r\nASK")
        slow.settimeout(25)
        assert b"408" in slow.recv(1000)
    with socket.create_connection(("127.0.0.1", server.port), 5) as cut:
        cut.sendall(b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 100\r\n\r\nASK")
    assert server.get("/healthz")[0] == 200


def test_a_head_that_is_too_long_or_no_http_is_refused(serve: Serve) -> None:
    server = serve()
    for head in (
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            try:
                connection.sendall(head)
                assert b" 400 " in connection.recv(100)
            except ConnectionError:
                pass
    assert server.get("/healthz")[0] == 200


def test_a_reader_that_does_not_read_delays_the_stop_but_does_not_prevent_it(serve: Serve) -> None:
    server = serve()
    query = "SELECT * { ?a rdfs:label ?b . ?c rdfs:label ?d . ?e rdfs:label ?f } LIMIT 20000"
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect(("127.0.0.1", server.port))
        idle.sendall(f"GET /sparql.json?query={quote(query)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b" 200 " in idle.recv(100)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        said = server.process.communicate(timeout=40)[1].decode()
        assert (server.process.returncode, said.splitlines()[-1]) == (0, "kg: stopped.")
        assert 5 < time.monotonic() - started < 30, "it waits for the reader, and then no longer"


def test_a_server_that_waits_for_a_new_snapshot_serves_it_when_it_is_ready_and_can_be_ended_before() -> None:
    closed: list[str] = []
    following = SimpleNamespace(ready=threading.Event(), digest="a" * 64, pool=SimpleNamespace(close=lambda: closed.append("pool")))
    served: list[object] = []
    host = cast("Host", SimpleNamespace(prepare=lambda: following, change_to=served.append))

    async def turn(is_ended: bool) -> None:
        task = asyncio.create_task(_reload(host, asyncio.Lock()))
        await asyncio.sleep(3 * LOOK_S)
        assert not served, "its lists are not ready"
        if is_ended:
            task.cancel()
        else:
            following.ready.set()
        await asyncio.wait([task], timeout=10)
        assert task.done()

    asyncio.run(turn(is_ended=True))
    assert (closed, served) == (["pool"], [])
    asyncio.run(turn(is_ended=False))
    assert (closed, served) == (["pool"], [following])
