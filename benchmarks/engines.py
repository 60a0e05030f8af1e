"""The engines that are compared: ours and its peers, each started, loaded, asked, and ended when it takes too long."""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import pyoxigraph as ox

from questions import Question
from servers import free_port, serving

RESULTS = "application/sparql-results+json"
PEERS = ("rdflib", "rdflib-endpoint", "oxigraph serve", "virtuoso")
PACKAGES = ("rdflib", "rdflib-endpoint[cli]", "oxigraph")
"""What the environment of the peers holds."""

WAIT_S = 3600
"""For how long an engine may load."""

VIRTUOSO_INI = """[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
FileExtend = 200
MaxCheckpointRemap = 50000

[TempDatabase]
DatabaseFile = {folder}/temporary.db
TransactionFile = {folder}/temporary.trx

[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
DirsAllowed = {quads}
NumberOfBuffers = 340000
MaxDirtyBuffers = 250000
MaxQueryMem = 2G

[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = {folder}
ServerThreads = 20
MaxClientConnections = 20

[SPARQL]
ResultSetMaxRows = 100000000
"""
"""Buffers for 2.7 GB of pages, which holds ten million quads.

Sources:
    https://docs.openlinksw.com/virtuoso/rdfperfgeneral/
"""

LOADING = "ld_dir('{folder}', '{name}', 'urn:benchmark'); rdf_loader_run(); checkpoint;"

Reply = dict[str, Any]
"""`seconds` and `rows`, or `late`, or `error`."""


class Engine(Protocol):
    """What can be asked."""

    def ask(self, question: Question, mode: str, bound_s: float) -> Reply:
        """Return how long the answer took and how many rows, or bytes, it has; an engine that is late is ended and started again."""

    def close(self) -> None:
        """End it."""


@dataclass
class Worker:
    """An engine inside a process that speaks Python.

    Args:
        kind: What `worker.py` calls it.
        path: What it loads.
        python: The interpreter.
    """

    kind: str
    path: Path
    python: Path = field(default_factory=lambda: Path(sys.executable))

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        command = [str(self.python), str(Path(__file__).with_name("worker.py")), self.kind, str(self.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        loaded = self._read(WAIT_S)
        if loaded is None:
            raise SystemExit(f"{self.kind} did not load {self.path}.")
        self.loaded = loaded

    def _read(self, wait_s: float) -> Reply | None:
        """Return the next line, or None if there is none in time or no process any more."""
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], wait_s)[0]:
            return None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else None

    def send(self, asked: Mapping[str, Any], wait_s: float) -> Reply:
        """Return its answer; one that is late or dies is started again."""
        assert self._process.stdin
        self._process.stdin.write((json.dumps(asked) + "\n").encode())
        if (found := self._read(wait_s)) is not None:
            return found
        died = self._process.poll() is not None
        self.close()
        self._start()
        return {"error": "the process died"} if died else {"late": True}

    def ask(self, question: Question, mode: str, bound_s: float) -> Reply:
        """Ask it."""
        asked = {"name": question.name, "param": question.param, "thing": question.thing, "text": question.text, "mode": mode}
        # rdflib ends its fork by itself at the bound, and may take a little longer when it is asked again.
        return self.send({**asked, "bound_s": bound_s}, bound_s * 2 if self.kind == "rdflib" else bound_s)

    def get(self, path: str, accept: str, bound_s: float) -> Reply:
        """Ask the application for a page."""
        return self.send({"path": path, "accept": accept}, bound_s)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


class TooLateError(Exception):
    """A server has not answered in time."""


@dataclass
class Client:
    """A connection to a server that is kept open."""

    port: int

    def send(self, method: str, path: str, body: str | None, headers: Mapping[str, str], bound_s: float) -> tuple[int, float, bytes]:
        """Return status, seconds and body.

        Raises:
            TooLateError: There is no answer in time.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=bound_s)
        connection.connect()
        started = time.perf_counter()
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            told = answer.read()
        except TimeoutError as exc:
            raise TooLateError from exc
        finally:
            connection.close()
        return answer.status, time.perf_counter() - started, told

    def get(self, path: str, accept: str, bound_s: float) -> Reply:
        """Ask for a page."""
        try:
            status, seconds, body = self.send("GET", path, None, {"Accept": accept}, bound_s)
        except TooLateError:
            return {"late": True}
        return {"seconds": seconds, "rows": len(body)} if status == 200 else {"error": f"{status} {body[:200]!r}"}


@dataclass
class Server:
    """A SPARQL server.

    Args:
        command: Starts it at a port.
        path: Where it takes queries.
    """

    command: Callable[[int], Sequence[str | Path]]
    path: str

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.port = free_port()
        ready = self.to_path("ASK {}")
        self._running: AbstractContextManager[int] = serving(self.command(self.port), self.port, ready, WAIT_S)
        self._running.__enter__()

    def ask(self, question: Question, mode: str, bound_s: float) -> Reply:  # noqa: ARG002 # a server gives JSON
        """Ask it for JSON, which is all that it gives."""
        headers = {"Accept": RESULTS, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            status, seconds, body = Client(self.port).send("POST", self.path, urlencode({"query": question.text}), headers, bound_s)
        except TooLateError:
            self._restart()
            return {"late": True}
        except (OSError, http.client.HTTPException) as exc:
            self._restart()
            return {"error": f"the server broke off: {type(exc).__name__}"}
        if status != 200:
            return {"error": f"{status} {' '.join(body.decode('utf-8', 'replace').split())[:200]}"}
        return {"seconds": seconds, "rows": _count_rows(body)}

    def to_path(self, text: str) -> str:
        """Return the path that asks a query."""
        return f"{self.path}?{urlencode({'query': text})}"

    def _restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """End it."""
        self._running.__exit__(None, None, None)


def _count_rows(body: bytes) -> int:
    """Return how many rows an answer in JSON has, without holding them; -1 if it is no such answer."""
    try:
        found = ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
        return sum(1 for _ in found) if isinstance(found, ox.QuerySolutions) else -1
    except SyntaxError:
        return -1


# ---------------------------------------------------------------- the environment of the peers


@dataclass(frozen=True)
class Peers:
    """Where the peers are.

    Args:
        folder: Their environment.
        work: Where they keep what they load.
    """

    folder: Path
    work: Path

    @property
    def bin(self) -> Path:
        """Their commands."""
        return self.folder / "bin"

    def install(self) -> dict[str, str]:
        """Make the environment on first use; return the versions of what is in it."""
        if not (self.bin / "rdflib-endpoint").exists():
            print(f"Installing {', '.join(PACKAGES)} into {self.folder} ...", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
            subprocess.run([self.bin / "python", "-m", "pip", "--disable-pip-version-check", "-q", "install", *PACKAGES], check=True)
        code = (
            "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('rdflib', 'rdflib-endpoint', 'oxigraph')}))"
        )
        found: dict[str, str] = json.loads(subprocess.run([self.bin / "python", "-c", code], check=True, capture_output=True).stdout)
        return {"rdflib": found["rdflib"], "rdflib-endpoint": found["rdflib-endpoint"], "oxigraph serve": found["oxigraph"]}

    def rdflib(self, quads: Path) -> tuple[Worker, float]:
        """Start rdflib; return it, and the seconds of its load."""
        worker = Worker("rdflib", quads, self.bin / "python")
        return worker, worker.loaded["load_s"]

    def rdflib_endpoint(self, quads: Path) -> tuple[Server, float]:
        """Start rdflib-endpoint; it loads when it starts."""
        here = ["--host", "127.0.0.1", "--port"]
        started = time.perf_counter()
        server = Server(lambda port: [self.bin / "rdflib-endpoint", "serve", quads, *here, str(port)], "/")
        return server, time.perf_counter() - started

    def oxigraph(self, quads: Path) -> tuple[Server, float]:
        """Load quads into a store of Oxigraph on disk, and serve it."""
        place = self.work / "oxigraph"
        shutil.rmtree(place, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        subprocess.run([self.bin / "oxigraph", "load", "--location", place, "--file", quads], check=True, capture_output=True)
        seconds = time.perf_counter() - started
        serve = ["serve-read-only", "--union-default-graph", "--location", str(place), "--bind"]
        return Server(lambda port: [self.bin / "oxigraph", *serve, f"127.0.0.1:{port}"], "/query"), seconds

    def virtuoso(self, quads: Path) -> tuple[Server, float]:
        """Load quads into a database of Virtuoso of its own, and serve it."""
        place = self.work / "virtuoso"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        sql = free_port()

        def command(port: int) -> list[str | Path]:
            ini = VIRTUOSO_INI.format(folder=place, quads=quads.parent, sql=sql, http=port)
            (place / "virtuoso.ini").write_text(ini, "utf-8")
            with suppress(FileNotFoundError):  # it was killed before
                os.unlink(place / "virtuoso.lck")  # noqa: PTH108
            return ["virtuoso-t", "+foreground", "+configfile", place / "virtuoso.ini"]

        server = Server(command, "/sparql")
        started = time.perf_counter()
        self._isql(sql, LOADING.format(folder=quads.parent, name=quads.name))
        seconds = time.perf_counter() - started
        if failed := self._isql(sql, "SELECT ll_error FROM DB.DBA.load_list WHERE ll_error IS NOT NULL;").strip():
            raise SystemExit(f"Virtuoso did not load {quads}: {failed}")
        return server, seconds

    @staticmethod
    def _isql(port: int, text: str) -> str:
        command = [isql(), f"127.0.0.1:{port}", "dba", "dba", "VERBOSE=OFF", "BANNER=OFF", "PROMPT=OFF", f"exec={text}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def isql() -> str:
    """Return the command of Virtuoso that takes SQL, which Debian calls otherwise than its maker."""
    return "isql-vt" if shutil.which("isql-vt") else "isql"


def virtuoso_version() -> str:
    """Return the version of Virtuoso that is installed."""
    done = subprocess.run([shutil.which("virtuoso-t") or "virtuoso-t", "-?"], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).partition("Version ")[2].split()
    return words[0] if words else "unknown"


def missing_tools(without: Sequence[str]) -> list[str]:
    """Return what has to be installed first, each in one sentence that says how."""
    found = []
    if "virtuoso" not in without and not shutil.which("virtuoso-t"):
        found.append("Virtuoso is not installed. On Debian: apt-get install virtuoso-opensource. Or leave it out: --without virtuoso.")
    if "wrk" not in without and not shutil.which("wrk"):
        found.append("wrk is not installed. On Debian: apt-get install wrk. Or leave it out: --without wrk.")
    return found
