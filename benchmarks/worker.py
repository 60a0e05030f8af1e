"""One engine in a process of its own, which is asked over its standard input, so that what runs for too long can be ended.

    python benchmarks/worker.py kg SNAPSHOT
    python benchmarks/worker.py pyoxigraph QUADS.nq
    python benchmarks/worker.py rdflib QUADS.nq
    python benchmarks/worker.py app SNAPSHOT

The first line that it prints says how long loading took, and checks and imports beside it, and the peak of memory; then each line that it
reads is a question as JSON, and each that it prints the seconds and the rows of the answer. An engine that is slow to load is
asked each question first in a fork, which is ended at the bound, so that it need not be loaded again.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Asked = Mapping[str, Any]
Ask = Callable[[Asked], int]
"""Answers a question and returns how many rows, or bytes, the answer has."""

MOST_BYTES = 12 * 2**30
"""Memory of a fork, which nothing else would keep from taking all there is."""


@dataclass(frozen=True)
class Opened:
    """An engine that is loaded, and the seconds of that in which it checked what it was to load."""

    ask: Ask
    check_s: float = 0.0


def open_kg(path: str) -> Opened:
    """Open a snapshot through the interface of this project, which checks that it is whole before it loads it."""
    import kg
    from kg.snapshots import Engine

    started = time.perf_counter()
    graph = kg.open(store=path, engine=Engine.memory)
    checked = time.perf_counter()
    store = graph.store

    def ask(asked: Asked) -> int:
        if asked["mode"] == "bytes":
            return len(store.serialize(asked["text"], "srj"))
        given = {asked["param"]: asked["thing"]} if asked["param"] else {}
        return len(graph.query(asked["name"], **given))

    return Opened(ask, checked - started)


def open_pyoxigraph(path: str) -> Opened:
    """Load quads into Oxigraph without anything between."""
    import pyoxigraph as ox

    engine = ox.Store()
    engine.bulk_load(path=path, format=ox.RdfFormat.N_QUADS)

    def ask(asked: Asked) -> int:
        answer: Any = engine.query(asked["text"], use_default_graph_as_union=True)
        if asked["mode"] == "bytes":
            return len(answer.serialize(format=ox.QueryResultsFormat.JSON))
        return len([tuple(term.value if term is not None else None for term in row) for row in answer])

    return Opened(ask)


def open_rdflib(path: str) -> Opened:
    """Load quads into rdflib."""
    import rdflib

    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(path, format="nquads")
    return Opened(lambda asked: len(list(dataset.query(asked["text"]))))


def open_app(path: str) -> Opened:
    """Open the application of the server with its quads in memory, and ask it without a network."""
    import kg
    from kg.api import Limits, create_app
    from kg.snapshots import Engine

    app = create_app(kg.open(store=path, engine=Engine.memory), limits=Limits(workers=1))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(app.router.lifespan_context(app).__aenter__())
    app.state.host.current.ready.wait()

    async def get(path: str, accept: str) -> int:
        sent: list[dict[str, Any]] = []
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1"), (b"accept", accept.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app(scope, receive, send)  # type: ignore[arg-type]  # the messages are plain dictionaries
        if sent[0]["status"] != 200:
            raise ValueError(f"{path} answers {sent[0]['status']}")
        return sum(len(message.get("body", b"")) for message in sent)

    return Opened(lambda asked: loop.run_until_complete(get(asked["path"], asked["accept"])))


OPENERS: dict[str, Callable[[str], Opened]] = {"kg": open_kg, "pyoxigraph": open_pyoxigraph, "rdflib": open_rdflib, "app": open_app}
MODULES = {"kg": "kg.queries", "app": "kg.api"}


def answer(ask: Ask, asked: Asked) -> dict[str, Any]:
    """Return the seconds and rows of an answer, or why there is none."""
    started = time.perf_counter()
    try:
        rows = ask(asked)
    except Exception as exc:  # noqa: BLE001 # whatever a peer raises is its answer
        return {"error": f"{type(exc).__name__}: {str(exc)[:200]}"}
    return {"seconds": time.perf_counter() - started, "rows": rows}


def probe(ask: Ask, asked: Asked) -> dict[str, Any]:
    """Answer in a fork that is ended at the bound."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        signal.setitimer(signal.ITIMER_REAL, asked["bound_s"])
        os.write(write, json.dumps(answer(ask, asked)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return dict(json.loads(said)) if said else {"late": True}


def replies(ask: Ask, *, is_probed: bool) -> Iterator[dict[str, Any]]:
    """Yield the answer to each line that is read."""
    known: set[str] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        is_new = is_probed and asked["text"] not in known
        known.add(asked.get("text", ""))
        yield probe(ask, asked) if is_new else answer(ask, asked)


def main() -> None:
    """Load, and answer until there is nothing more to read."""
    kind, path = sys.argv[1:]
    started = time.perf_counter()
    __import__(MODULES.get(kind, kind))
    imported = time.perf_counter()
    opened = OPENERS[kind](path)
    load_s = time.perf_counter() - imported - opened.check_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"load_s": load_s, "check_s": opened.check_s, "import_s": imported - started, "peak_bytes": peak}
    print(json.dumps(told), flush=True)
    for reply in replies(opened.ask, is_probed=kind == "rdflib"):
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
