"""Free-form SPARQL in processes that the kernel ends.

The engine cannot be told to stop, so each query runs in a process of its own kind: one process without threads loads the
quads and forks workers, which share what it loaded until they write to it. Before each query a worker sets a timer whose
signal keeps its default action, which is to end the process; its address space is limited, and it can open no file and no
socket. Who asked is told whether the time or the memory was used up.

Sources:
    Why nothing less holds: https://github.com/oxigraph/oxigraph/issues/1037 and `benchmarks/api.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Any

from kg.errors import BusyError, KGError, LimitError, NotAcceptableError, QueryError, TooLargeError, UnavailableError
from kg.snapshots import STORE, Engine, load
from kg.store import Embedded, Question

HEAD = struct.Struct("!II")
"""A message is two lengths, a head in JSON and a body."""

MIB = 1024 * 1024

GROWTH_SHARE = 4
"""A worker that owns more than this part of what was loaded is replaced, and so is one that owns more than `GROWTH_MIB`."""

GROWTH_MIB = 64

CHANNEL, STATM = 3, 4
"""The descriptors of a worker after the standard ones."""

OUT_OF_MEMORY = 3
"""Exit status of a worker whose memory was used up while Python, not the engine, wanted more."""

GRACE_S = 5.0
"""How much longer than its time a worker is waited for, before it is taken for stopped from outside."""

LOAD_S = 1800.0
"""For how long the loading of the quads is waited for."""

LOADER = "from kg.isolation import serve; serve()"
"""What the process does that loads the quads."""

ERRORS = {error.__name__: error for error in (QueryError, TooLargeError, NotAcceptableError)}
"""What a worker may find wrong with a question."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use.

    Args:
        timeout_s: Seconds for evaluation and writing together.
        memory_mib: Address space above that of the idle worker.
        rows: Rows or triples of an answer.
        body_mib: Size of an answer.
        workers: Queries that run at a time.
        waiting: Queries that wait for a worker at a time.
    """

    timeout_s: float = 10
    memory_mib: int = 1024
    rows: int = 100_000
    body_mib: int = 32
    workers: int = 2
    waiting: int = 8


# ---------------------------------------------------------------- messages


def _send(channel: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    text = json.dumps(head).encode()
    channel.sendall(HEAD.pack(len(text), len(body)) + text)
    if body:
        channel.sendall(body)


def _receive(channel: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Return the next message.

    Raises:
        EOFError: The other side is gone.
    """
    head, body = HEAD.unpack(_read(channel, HEAD.size))
    return json.loads(_read(channel, head)), _read(channel, body)


def _read(channel: socket.socket, size: int) -> bytes:
    found = bytearray(size)
    view, at = memoryview(found), 0
    while at < size:
        try:
            count = channel.recv_into(view[at:])
        except ConnectionError:
            count = 0
        if not count:
            raise EOFError
        at += count
    return bytes(found)


# ---------------------------------------------------------------- the worker


def _work(channel: socket.socket, open_store: Callable[[], Embedded], limits: Limits) -> None:
    """Answer questions until the other side is gone or this process has grown; it never returns."""
    os.nice(10)
    _keep_only(channel.detach())
    channel = socket.socket(fileno=CHANNEL)
    store = open_store()
    page = resource.getpagesize()
    size, resident = _memory()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bound = max(GROWTH_MIB * MIB, resident * page // GROWTH_SHARE)
    limit = size * page + limits.memory_mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Every number below the first free one is taken, so nothing can be opened any more.
    free = os.dup(STATM)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while True:
        question, _ = _receive(channel)
        signal.setitimer(signal.ITIMER_REAL, limits.timeout_s)
        head, body = _answer(store, Question(**question), limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        # What is shared is copied when it is written to, which only the faults tell.
        copied = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        leaves = max(_memory()[1] - resident, copied) * page > bound
        _send(channel, {**head, "leaves": leaves}, body)
        if leaves:
            return


def _memory() -> tuple[int, int]:
    """Return the address space and the resident memory of this process, in pages."""
    size, resident, *_ = os.pread(STATM, 200, 0).split()
    return int(size), int(resident)


def _keep_only(channel: int) -> None:
    """Let the standard descriptors lead nowhere, put the two that are needed after them, and close every other."""
    needed = os.open(os.devnull, os.O_RDWR), channel, os.open("/proc/self/statm", os.O_RDONLY)
    aside = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in needed]
    for place, number in enumerate((aside[0], aside[0], *aside)):
        os.dup2(number, place)
    os.closerange(STATM + 1, 1024)


def _answer(store: Embedded, question: Question, limits: Limits) -> tuple[dict[str, Any], bytes]:
    try:
        format, body = store.answer(question, max_rows=limits.rows, max_bytes=limits.body_mib * MIB)
    except (QueryError, TooLargeError, NotAcceptableError) as exc:
        return {"error": type(exc).__name__, "message": str(exc)}, b""
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    return {"format": format}, body


# ---------------------------------------------------------------- the process that loads and forks

ORDER = struct.Struct("!cI")
"""What that process is told once it has loaded: fork a worker for the channel that comes along, or tell how one ended."""


def serve() -> None:
    """Load the quads that the first message names, then fork a worker for each channel, until the other side is gone."""
    control = socket.socket(fileno=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        head, _ = _receive(control)
        limits = Limits(**head["limits"])
        try:
            open_store = _opener(Path(head["path"]), Engine(head["engine"]))
        except KGError as exc:
            return _send(control, {"error": str(exc)})
        _send(control, {"ready": True})
        while True:
            text, channels, _, _ = socket.recv_fds(control, ORDER.size, 1)
            if not text:
                return None
            _, pid = ORDER.unpack(text)
            if channels:
                _fork(control, socket.socket(fileno=channels[0]), open_store, limits)
            else:
                try:
                    _send(control, {"status": os.waitpid(pid, 0)[1]})
                except ChildProcessError:
                    _send(control, {})


def _opener(path: Path, engine: Engine) -> Callable[[], Embedded]:
    """Return what gives a worker its store: what was loaded before it was forked, or files on disk that it opens itself."""
    if not path.is_dir():
        store = Embedded.from_file(path)
    else:
        store = load(path, engine)
        if engine == Engine.disk:
            # A fork has none of the threads with which the engine reads files.
            return lambda: Embedded.on_disk(path / STORE)
    return lambda: store


def _fork(control: socket.socket, channel: socket.socket, open_store: Callable[[], Embedded], limits: Limits) -> None:
    pid = os.fork()
    if pid == 0:
        with suppress(EOFError, BrokenPipeError):
            _work(channel, open_store, limits)
        os._exit(0)
    channel.close()
    _send(control, {"pid": pid})


# ---------------------------------------------------------------- who asks


def _has_ended(worker: _Worker) -> bool:
    """An idle worker says nothing, so a channel that can be read is at its end."""
    worker.channel.setblocking(False)
    try:
        worker.channel.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is complete: its format, its bytes, and the seconds that it took."""

    format: str
    body: bytes
    elapsed_s: float


@dataclass(slots=True)
class _Worker:
    pid: int
    channel: socket.socket


@dataclass
class Pool:
    """A few processes that answer free-form queries, each within the limits.

    Several threads may ask at once. The processes are started by `start` and ended by `close`.

    Args:
        store: What is asked.
        limits: What a query may use.
        path: A snapshot, or a file of N-Quads, with the content of the store; without it, one is written and removed again.
        engine: Where the quads of a snapshot are.

    Example:
        >>> import kg
        >>> with Pool(kg.open().store) as pool:
        ...     pool.ask(Question("ASK { ?pledge a kg:Pledge }", rows="csv")).body
        b'true'
    """

    store: Embedded
    limits: Limits = field(default_factory=Limits)
    path: Path | None = None
    engine: Engine = Engine.memory
    _process: subprocess.Popen[bytes] | None = None
    _control: socket.socket | None = None
    _idle: list[_Worker] = field(default_factory=list)
    _busy: set[int] = field(default_factory=set)
    _waiting: int = 0
    _ended: list[int] = field(default_factory=list)
    _is_mending: bool = False
    _is_wanted: bool = False
    _failure: str | None = None
    _is_closed: bool = False
    _changed: Condition = field(default_factory=Condition)
    _starting: Lock = field(default_factory=Lock)
    _ordering: Lock = field(default_factory=Lock)

    def __enter__(self) -> Pool:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_ready(self) -> bool:
        """Whether a query can be asked now."""
        return self._process is not None and self._process.poll() is None and not self._is_closed

    def start(self) -> None:
        """Load the quads in a process of their own and fork the workers; does nothing where that is done.

        Raises:
            UnavailableError: The process cannot be started.
        """
        with self._starting:
            if not self.is_ready and not self._is_closed:
                self._load()
            with self._changed:
                missing = self.limits.workers - len(self._idle) - len(self._busy)
            for _ in range(0 if self._is_closed else missing):
                self._give_back(self._fork())

    def _load(self) -> None:
        self._end()
        mine, theirs = socket.socketpair()
        with tempfile.TemporaryDirectory(prefix="kg-") as folder, theirs:
            path = self.path
            if path is None:
                path = Path(folder) / "quads.nq"
                path.write_bytes(self.store.dump())
            command = [sys.executable, "-P", "-c", LOADER]
            nowhere = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=nowhere, stderr=nowhere)  # noqa: S603 # our own code
            self._control = mine
            # Only the other side may hold its end, or its death would not be noticed.
            theirs.close()
            mine.settimeout(LOAD_S)
            try:
                _send(mine, {"path": str(path), "engine": self.engine, "limits": asdict(self.limits)})
                head, _ = _receive(mine)
            except (EOFError, OSError):
                self._process.kill()
                head = {"error": "The process that answers SPARQL could not be started. Try again."}
        if "error" in head:
            self._end()
            raise UnavailableError(head["error"])
        mine.settimeout(GRACE_S)
        with self._changed:
            # Nobody could tell how one that the loader before has forked would end.
            orphans, self._idle = self._idle, []
        for worker in orphans:
            worker.channel.close()
        Thread(target=self._watch, args=(self._process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Load again when the process that loads is ended from outside."""
        process.wait()
        if process is self._process and not self._is_closed:
            self._later(None)

    def wake(self) -> None:
        """Start the processes beside whatever else is done, if they are not started."""
        if not self.is_ready:
            self._later(None)

    def _end(self) -> None:
        """End the process that loads, if there is one."""
        with self._ordering:
            if self._control is not None:
                self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def _fork(self) -> _Worker:
        mine, theirs = socket.socketpair()
        with theirs:
            pid = self._order(ORDER.pack(b"f", 0), [theirs.fileno()]).get("pid")
        if pid is None:
            mine.close()
            raise UnavailableError("The process that answers SPARQL has ended; it is being started again. Try again in some seconds.")
        return _Worker(pid, mine)

    def _order(self, text: bytes, channels: Sequence[int] = ()) -> dict[str, Any]:
        """Return what the loading process replies, or nothing if it is gone; one that does not reply is ended."""
        with self._ordering:
            if self._control is None:
                return {}
            try:
                socket.send_fds(self._control, [text], channels)
                return _receive(self._control)[0]
            except (EOFError, OSError):
                if self._process is not None:
                    self._process.kill()
                return {}

    def ask(self, question: Question) -> Answer:
        """Return the complete answer of a query.

        Raises:
            QueryError: The text is no query, or one that is not allowed.
            TooLargeError: The answer has more rows or bytes than the limits say.
            NotAcceptableError: The answer cannot be written in a format that was asked for.
            LimitError: The time or the memory was used up.
            BusyError: Too many wait already.
            UnavailableError: The worker was ended from outside.
        """
        worker, started = self._take(), time.monotonic()
        worker.channel.settimeout(self.limits.timeout_s + GRACE_S)
        try:
            _send(worker.channel, asdict(question))
            head, body = _receive(worker.channel)
        except (EOFError, OSError):
            self._drop(worker)
            raise self._reason(worker.pid, time.monotonic() - started) from None
        elapsed = time.monotonic() - started
        if head["leaves"]:
            self._drop(worker)
            self._later(worker.pid)
        else:
            self._give_back(worker)
        if "error" in head:
            raise ERRORS[head["error"]](head["message"])
        return Answer(head["format"], body, elapsed)

    def _take(self) -> _Worker:
        with self._changed:
            ended = [worker for worker in self._idle if _has_ended(worker)]
            self._idle = [worker for worker in self._idle if worker not in ended]
            is_empty = not self._idle and not self._busy
        for worker in ended:
            worker.channel.close()
            self._later(worker.pid)
        if is_empty:
            self._later(None)
        with self._changed:
            if not self._idle and self._waiting >= self.limits.waiting:
                raise BusyError(f"{self._waiting} queries wait already, which is the limit. Try again in some seconds.")
            self._waiting += 1
            try:
                if not self._changed.wait_for(lambda: self._idle or self._is_closed or self._failure, self.limits.timeout_s):
                    raise BusyError(f"No worker was free within {self.limits.timeout_s:g} seconds. Try again in some seconds.")
            finally:
                self._waiting -= 1
            if self._is_closed:
                raise UnavailableError("The server is stopping.")
            if not self._idle:
                raise UnavailableError(str(self._failure))
            worker = self._idle.pop()
            self._busy.add(worker.pid)
            return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._changed:
            self._busy.discard(worker.pid)
            if self._is_closed:
                worker.channel.close()
            else:
                self._idle.append(worker)
            self._changed.notify_all()

    def _drop(self, worker: _Worker) -> None:
        worker.channel.close()
        with self._changed:
            self._busy.discard(worker.pid)
            self._changed.notify_all()

    def _reason(self, pid: int, elapsed_s: float) -> KGError:
        """Return why a worker ended, as the kernel tells it, and have another take its place."""
        # One that was stopped from outside is still there; to one that has ended the signal does nothing.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        status = self._order(ORDER.pack(b"w", pid)).get("status")
        self._later(None)
        ended_by = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None
        if ended_by == signal.SIGALRM or (status is None and self.limits.timeout_s <= elapsed_s < self.limits.timeout_s + GRACE_S / 2):
            return LimitError(
                f"The query ran longer than {self.limits.timeout_s:g} seconds, which is the limit. "
                "Ask for less: bind more, count less, or set a LIMIT."
            )
        if ended_by == signal.SIGABRT or (status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == OUT_OF_MEMORY):
            return LimitError(
                f"The query used more than {self.limits.memory_mib:,} MiB of memory, which is the limit. "
                "Ask for less: sort or group fewer rows, or set a LIMIT."
            )
        if ended_by in (signal.SIGSEGV, signal.SIGBUS):
            return QueryError("The query cannot be read: it nests or chains too much. Write it flatter.")
        return UnavailableError("The process that answered the query was ended from outside. Try again.")

    def _later(self, ended: int | None) -> None:
        """Make the pool whole again in a thread of its own, one at a time; a process that has ended is taken leave of."""
        with self._changed:
            if ended is not None:
                self._ended.append(ended)
            self._is_wanted = True
            self._failure = None
            if self._is_mending or self._is_closed:
                return
            self._is_mending = True
        Thread(target=self._mend, daemon=True).start()

    def _mend(self) -> None:
        while True:
            with self._changed:
                if not self._is_wanted:
                    self._is_mending = False
                    return
                self._is_wanted = False
                ended, self._ended = self._ended, []
            for pid in ended:
                self._order(ORDER.pack(b"w", pid))
            try:
                self.start()
            except (UnavailableError, OSError) as exc:
                # Those who wait are told.
                with self._changed:
                    self._failure = str(exc)
                    self._changed.notify_all()

    def close(self) -> None:
        """End the processes, once the queries that run have been answered."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and not self._waiting, self.limits.timeout_s + GRACE_S)
            self._is_closed = True
            for worker in self._idle:
                worker.channel.close()
            self._idle.clear()
            self._changed.notify_all()
        with self._starting:
            self._end()
