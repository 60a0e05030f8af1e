"""Servers of linked data that are started for a test and end with it, and one that does wrong.

- `oxigraph` is the server of the package of that name; `virtuoso` is that of Debian, in a folder of the test, with little memory.
- Both start empty. `push_graph` fills one as `kg build --endpoint` does.
- `wrong` answers every request as a test tells it to.
"""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import httpx2 as httpx
import pytest

import kg
from kg.parts import Part, to_part
from kg.push import Pushed, push
from kg.store import to_data
from kg.wire import PASSWORD, USER

CREDENTIALS = {USER: "dba", PASSWORD: "dba"}
"""Those of a Virtuoso that is new."""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it takes queries and graphs, and what the environment of who pushes must hold."""

    url: str
    graphs: str
    env: Mapping[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _running(command: Sequence[str | Path], folder: Path, ready: str) -> Iterator[None]:
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            last = monotonic() + 60
            while True:
                try:
                    httpx.get(ready, params={"query": "ASK {}"})
                    break
                except httpx.TransportError:
                    assert server.poll() is None, f"{command[0]} has ended"
                    assert monotonic() < last, f"{command[0]} does not start"
                    sleep(0.05)
            yield
        finally:
            server.kill()


@contextmanager
def oxigraph(folder: Path, *options: str, port: int = 0) -> Iterator[Server]:
    """An Oxigraph that keeps its data in a folder."""
    address = f"127.0.0.1:{port or free_port()}"
    binary = Path(sys.executable).with_name("oxigraph")
    with _running([binary, "serve", "--location", folder, "--bind", address, *options], folder, f"http://{address}/query"):
        yield Server(f"http://{address}/query", f"http://{address}/store")


INI = """
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
FileExtend = 200
[TempDatabase]
DatabaseFile = temporary.db
TransactionFile = temporary.trx
[Parameters]
ServerPort = 127.0.0.1:{port}
ServerThreads = 10
NumberOfBuffers = 4000
MaxDirtyBuffers = 3000
CheckpointInterval = 0
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 5
[SPARQL]
ResultSetMaxRows = {rows}
"""
MAX_ROWS = 10_000
"""After how many rows this Virtuoso cuts an answer."""


@contextmanager
def virtuoso(folder: Path) -> Iterator[Server]:
    """A Virtuoso with its database in a folder."""
    binary = shutil.which("virtuoso-t")
    if binary is None:
        pytest.skip("no Virtuoso is installed; on Debian: apt-get install virtuoso-opensource-7-bin")
    http = free_port()
    (folder / "virtuoso.ini").write_text(INI.format(port=free_port(), http=http, rows=MAX_ROWS), "utf-8")
    address = f"http://127.0.0.1:{http}"
    with _running([binary, "+foreground", "+configfile", "virtuoso.ini"], folder, f"{address}/sparql"):
        yield Server(f"{address}/sparql", f"{address}/sparql-graph-crud-auth", CREDENTIALS)


def to_parts(graph: kg.Graph) -> dict[Part, bytes]:
    """The named graphs of a graph, with their lines."""
    lines: dict[str, list[bytes]] = {}
    for line in to_data(graph.embedded.engine).splitlines(keepends=True):
        lines.setdefault(line.rpartition(b" <")[2].removesuffix(b"> .\n").decode(), []).append(line)
    return {to_part(name, b"".join(some)): b"".join(some) for name, some in lines.items()}


def push_graph(server: Server, graph: kg.Graph, *, pauses: Sequence[float] = ()) -> Pushed:
    """Have a server hold a graph and no other of this vocabulary."""
    parts = to_parts(graph)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.env.items():
            patch.setenv(name, value)
        described = graph.describe().encode()
        return push(list(parts), parts.__getitem__, server.url, server.graphs, description=described, pauses=pauses)


# ---------------------------------------------------------------- a server that does wrong


@dataclass
class Wrong:
    """What a server does with a request; one that `asks` another has its answer from there."""

    status: int = 200
    body: bytes = b'{"head":{},"boolean":false}'
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/sparql-results+json"),)
    sent: int | None = None
    is_silent: bool = False
    drips_s: float | None = None
    asks: str | None = None


@contextmanager
def wrong(*hows: Wrong) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Yield the address of a server, and the method and credentials of each request so far; the last way is kept to."""
    over = Event()
    seen: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            how = hows[min(len(seen), len(hows) - 1)]
            if how.asks is not None:
                wanted = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
                found = httpx.request(self.command, how.asks + self.path, content=body, headers=wanted)
                how = replace(how, status=found.status_code, body=found.content)
            seen.append((self.command, self.headers.get("Authorization")))
            if how.is_silent:
                over.wait(20)
                return
            if how.sent == 0:
                self.close_connection = True
                return
            self.send_response(how.status)
            for name, value in how.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(how.body)))
            self.end_headers()
            if how.drips_s is None:
                self.wfile.write(how.body[: how.sent])
            for sign in how.body if how.drips_s is not None else b"":
                if over.wait(how.drips_s):
                    break
                self.wfile.write(bytes([sign]))
            self.close_connection = True

        do_PUT = do_GET = do_DELETE = do_POST  # noqa: N815 # the library names them

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked has had enough
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/query", seen
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
