"""A graph on a server answers as the one at hand does, and what a server does wrong is said in one sentence."""

import io
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import httpx2 as httpx
import pytest

import kg
from conftest import Runner
from kg.errors import TooLargeError, UnavailableError
from kg.queries import query_names
from kg.remote import PASSWORD, USER, Remote, connect
from kg.store import Value


@contextmanager
def _oxigraph(folder: Path, *options: str) -> Iterator[str]:
    """Start a server that holds the shipped graph; yield its address without a path."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("oxigraph")), "serve", "--location", str(folder), "--bind", f"127.0.0.1:{port}", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            address, last = f"http://127.0.0.1:{port}", monotonic() + 30
            out = io.BytesIO()
            kg.open().write(out, "nq")
            while True:
                try:
                    answer = httpx.post(f"{address}/store", content=out.getvalue(), headers={"Content-Type": "application/n-quads"})
                    break
                except httpx.ConnectError:
                    assert monotonic() < last, "the server does not start"
                    sleep(0.05)
            assert answer.status_code == 204, answer.text
            yield address
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _oxigraph(tmp_path_factory.mktemp("oxigraph"), "--union-default-graph") as found:
        yield f"{found}/query"


@pytest.fixture(scope="module")
def remote(address: str) -> kg.Graph:
    return kg.open(endpoint=address)


def _by_value(value: Value) -> Value:
    """Servers may write 5000000 for 5000000.0, and 1 for true."""
    return Decimal(str(int(value))) if isinstance(value, bool) else Decimal(str(value)) if isinstance(value, int | float) else value


@pytest.mark.parametrize("name", query_names())
def test_every_question_has_the_same_answer_as_at_hand(remote: kg.Graph, name: str) -> None:
    here, there = kg.open().query(name), remote.query(name)
    assert there.columns == here.columns
    assert [tuple(map(_by_value, row)) for row in there] == [tuple(map(_by_value, row)) for row in here]


def test_a_server_tells_what_it_holds(remote: kg.Graph) -> None:
    here = kg.open()
    assert remote.snapshot.manifest["sha256"] == here.snapshot.manifest["sha256"]
    assert remote.snapshot.manifest["classes"] == here.snapshot.manifest["classes"]
    assert remote.snapshot.manifest["quads"] == here.snapshot.manifest["quads"]
    assert remote.licence == here.licence


def test_the_network_is_the_same_as_at_hand(remote: kg.Graph) -> None:
    from kg.network import read_network, subgraph

    assert read_network(remote) == read_network(kg.open())
    assert subgraph(remote, ["person:matt-hancock"], depth=2) == subgraph(kg.open(), ["person:matt-hancock"], depth=2)
    assert remote.find("matt hancok") == kg.open().find("matt hancok")


@pytest.mark.parametrize(
    "args",
    [
        ["query", "money_total"],
        ["query", "pledges", "-p", "maker=person:matt-hancock", "--format", "json"],
        ["show", "trust:east-cheshire"],
        ["find", "hancok"],
        ["path", "place:birmingham", "person:matt-hancock"],
        ["neighbours", "organisation:nhsx"],
        ["stats"],
    ],
    ids=lambda args: args[0] + str(len(args)),
)
def test_a_command_prints_the_same_as_at_hand(kg: Runner, address: str, args: list[str]) -> None:
    there, here = kg(*args, "--endpoint", address), kg(*args)
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr


def test_queries_of_ones_own_are_asked_with_their_prefixes_and_graphs(remote: kg.Graph) -> None:
    for text in (
        "ASK { ?x a kg:Pledge }",
        "CONSTRUCT { ?x a kg:Pledge } WHERE { ?x a kg:Pledge }",
        "SELECT (COUNT(*) AS ?n) FROM <https://w3id.org/kg-commitments/graph/entities> WHERE { ?s ?p ?o }",
        "SELECT (COUNT(*) AS ?n) FROM NAMED <https://w3id.org/kg-commitments/graph/entities> WHERE { GRAPH ?g { ?s ?p ?o } }",
    ):
        assert _text(remote.sparql(text)) == _text(kg.open().sparql(text))


def _text(answer: object) -> list[str]:
    return sorted(map(str, answer))  # type: ignore[call-overload]  # rows and triples can be iterated


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("SELECT ?x {", "is not SPARQL at line 1"),
        ("SELECT * { SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }", "calls SERVICE"),
        ("SELECT * FROM <file:///etc/passwd> { ?a ?b ?c }", "no graph of this store"),
        ("INSERT DATA { <urn:a> <urn:b> <urn:c> }", "read-only"),
    ],
)
def test_what_is_not_allowed_is_refused_before_it_is_sent(remote: kg.Graph, text: str, say: str) -> None:
    with pytest.raises(kg.QueryError, match=say):
        remote.sparql(text)


def test_what_needs_the_quads_says_so(kg: Runner, address: str) -> None:
    import kg as library

    with pytest.raises(library.CallError, match="the graph is on a server"):
        library.open(endpoint=address).to_dataset()
    done = kg("query", "pledges", "--endpoint", address, "--store", "x")
    assert (done.returncode, done.stderr) == (2, "kg: A store and an endpoint are given; give one of the two.\n")


def test_a_server_whose_default_graph_is_not_the_union_is_named(tmp_path: Path) -> None:
    with _oxigraph(tmp_path) as found, pytest.raises(kg.DataError, match="is not the union of its named graphs"):
        connect(f"{found}/query")


# ---------------------------------------------------------------- servers that do wrong


@dataclass
class Wrong:
    """What a server does with the answer to a query."""

    status: int = 200
    body: bytes = b'{"head":{},"boolean":false}'
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/sparql-results+json"),)
    sent: int | None = None
    is_silent: bool = False


@contextmanager
def _wrong(how: Wrong) -> Iterator[str]:
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if how.is_silent:
                over.wait(20)
                return
            self.send_response(how.status)
            for name, value in how.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(how.body)))
            self.end_headers()
            self.wfile.write(how.body[: how.sent])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/query"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("how", "error", "say"),
    [
        (
            Wrong(401, b"<html><b>Who are</b> you?</html>"),
            kg.CallError,
            f"wants credentials. Set {USER} and {PASSWORD}. It says: Who are you\\?",
        ),
        (Wrong(404, b"no such path"), kg.CallError, "There is nothing at .* It says: no such path"),
        (Wrong(500, b"out of memory"), UnavailableError, r"cannot answer this \(500\). It says: out of memory"),
        (Wrong(503, b""), UnavailableError, r"\(503\). It says: nothing\."),
        (Wrong(400, b"Virtuoso 37000 Error SP030"), kg.QueryError, r"refuses the query \(400\). It says: Virtuoso 37000"),
        (Wrong(200, b"<html>Welcome</html>"), kg.DataError, "cannot be read: .* Is it the address of a SPARQL server\\?"),
        (Wrong(200, b'{"head":{"vars":["n"]},"results":{"bindings":[{"n":{"ty'), kg.DataError, "may have broken off"),
        (Wrong(200, sent=5), UnavailableError, "broke off in the middle of its answer"),
        (Wrong(206), TooLargeError, "has cut the answer at its own limit"),
        (Wrong(headers=(("X-SPARQL-MaxRows", "1048576"),)), TooLargeError, "has cut the answer"),
        (Wrong(is_silent=True), UnavailableError, r"was silent for 0\.5 seconds"),
        (Wrong(302, headers=(("Location", "http://127.0.0.1:9/"),)), kg.QueryError, r"refuses the query \(302\)"),
    ],
    ids=lambda value: f"{value.status}-{value.sent}-{len(value.body)}" if isinstance(value, Wrong) else "",
)
def test_what_a_server_does_wrong_is_said_with_its_words(how: Wrong, error: type[kg.KGError], say: str) -> None:
    with _wrong(how) as url, pytest.raises(error, match=say):
        Remote(url, timeout_s=0.5).select("ASK { ?s ?p ?o }")


def test_a_server_that_is_not_there_or_holds_nothing_is_named(kg: Runner) -> None:
    for url, status, say in (
        ("http://127.0.0.1:9/query", 1, "cannot be reached"),
        ("ftp://127.0.0.1/", 2, "is no address of a server"),
        ("nonsense", 2, "is no address of a server"),
        ("http://ida:secret@127.0.0.1:9/query", 2, "An address holds no credentials"),
    ):
        done = kg("query", "pledges", "--endpoint", url)
        assert (done.returncode, done.stdout) == (status, "")
        assert say in done.stderr
        assert "Traceback" not in done.stderr
        assert ".." not in done.stderr
        assert "secret" not in done.stderr


def test_the_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"head":{},"boolean":true}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(USER, "ida")
    monkeypatch.setenv(PASSWORD, "päss")
    assert Remote(f"http://127.0.0.1:{server.server_address[1]}/").select("ASK {}").rows == ((True,),)
    server.shutdown()
    thread.join()
    server.server_close()
    assert seen[0] is not None
    assert seen[0].startswith("Basic ")
