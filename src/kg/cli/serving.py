"""Serve: `kg serve`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.frame import EndpointOption, GraphOption, SourcesOption, StoreOption, app, open_graph
from kg.errors import CallError, KGError
from kg.resources import free_memory

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

    from kg.api import Host
    from kg.queries import Graph


LOOK_S = 0.1
"""How often is looked whether a new snapshot is ready."""


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen at; 0.0.0.0 lets everyone in the network ask.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that answer free-form SPARQL.")] = 2,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds that a free-form query may take.")] = 10,
    memory: Annotated[int, typer.Option("--memory", min=16, max=1_000_000, help="MiB that a free-form query may use.")] = 1024,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="ADDRESS", help="Where readers report an error: a mail address or a page.")
    ] = None,
    texts: SourcesOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Serve the graph over HTTP, for browsers and programs; read-only. SIGHUP looks for a new snapshot.

    A snapshot of --store is served from memory, or from disk if it is too large for the memory that is free.
    """
    from kg.api import Limits, create_app

    opened, why = _open(graph, store, endpoint)
    limits = Limits(timeout_s=timeout, memory_mib=memory, workers=workers)
    with _listen(host, port) as listening:
        application = create_app(opened, limits=limits, sources=texts, contact=contact, reopen=lambda: _open(graph, store, endpoint)[0])
        application.state.host.current.warm()
        if why:
            print(f"kg: {why}", file=sys.stderr)
        asyncio.run(_serve(application, listening))
        print("kg: stopped.", file=sys.stderr)


def _open(graph: Path | None, store: Path | None, endpoint: str | None) -> tuple[Graph, str]:
    """Open what the options name, and for a snapshot return whether it is served from memory or from disk, and why."""
    from kg.queries import open_any
    from kg.snapshots import SEAL, choose_engine, open_snapshot

    if store is None or graph is not None or endpoint is not None:
        return open_graph(graph, store, endpoint), ""
    found = open_snapshot(store)
    has_store = found.folder is not None and (found.folder / SEAL).is_file()
    engine, why = choose_engine(found.manifest["quads"], free_memory(), has_store=has_store)
    return open_any(store=store, engine=engine), why


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "this is no address"
        raise CallError(f"Nothing can listen at {host}:{port}: {reason}. Choose another with --host and --port.") from exc


async def _serve(application: FastAPI, listening: socket.socket) -> None:
    import uvicorn

    from kg.api.patience import PatientProtocol

    config = uvicorn.Config(application, http=PatientProtocol, ws="none", lifespan="off", log_level="warning", access_log=False)
    config.server_header, config.timeout_graceful_shutdown = False, 15
    loop, host = asyncio.get_running_loop(), application.state.host
    at_work: set[asyncio.Task[None]] = set()
    turn = asyncio.Lock()

    def look_again() -> None:
        task = loop.create_task(_reload(host, turn))
        at_work.add(task)
        task.add_done_callback(at_work.discard)

    server = uvicorn.Server(config)
    loop.add_signal_handler(signal.SIGHUP, look_again)
    # The server catches these itself, and raises them again when all is done; then they have done their work.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    name, port, *_ = listening.getsockname()
    print(f"kg: serving http://{f'[{name}]' if ':' in name else name}:{port}/ until Ctrl-C.", file=sys.stderr)
    try:
        await server.serve(sockets=[listening])
    finally:
        await asyncio.to_thread(host.current.pool.close)


async def _reload(host: Host, turn: asyncio.Lock) -> None:
    """Change to the snapshot that is in force; if that fails, the one before is served on."""
    async with turn:
        try:
            following = await asyncio.to_thread(host.prepare)
        except KGError as exc:
            print(f"kg: {exc} What was served before is served on.", file=sys.stderr)
            return
        if following is None:
            print("kg: the snapshot is the one that is served.", file=sys.stderr)
            return
        try:
            while not following.ready.is_set():
                await asyncio.sleep(LOOK_S)
        except asyncio.CancelledError:
            following.pool.close()
            raise
        host.change_to(following)
        print(f"kg: serving snapshot {following.digest[:16]} from now on.", file=sys.stderr)
