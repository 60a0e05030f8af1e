"""The interface over HTTP: entities, lists, subgraphs, paths and SPARQL, read-only by design."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from kg.api.explorer import add_explorer
from kg.api.frame import Frame
from kg.api.lists import add_lists, prepare_lists
from kg.api.networks import add_networks
from kg.api.pages import compile_templates
from kg.api.problems import add_handlers
from kg.api.protocol import add_protocol
from kg.api.selves import TITLE, add_selves
from kg.api.service import Host, Service
from kg.api.things import add_things
from kg.errors import CallError
from kg.isolation import Limits
from kg.proof import texts_by_source
from kg.queries import Graph, open_any
from kg.resources import release
from kg.snapshots import Snapshot
from kg.sources import is_web, read_documents
from kg.store import Embedded

__all__ = ["Host", "Limits", "Service", "create_app"]


def create_app(
    store: Graph | Embedded | Path | str | None = None,
    *,
    limits: Limits | None = None,
    sources: Path | str | None = None,
    contact: str | None = None,
    reopen: Callable[[], Graph] | None = None,
) -> FastAPI:
    """Return the application, which can be served or mounted in another.

    Args:
        store: A graph, a store of any quads, checked or not, or the folder of a snapshot; without it, the graph that ships
            with the library.
        limits: What a free-form query may use.
        sources: The folder of the source texts, for the words of the passages.
        contact: Where readers report an error: a mail address or a page of the web.
        reopen: Opens the snapshot that is in force now, when the server is told to look again.

    Raises:
        DataError: There is no snapshot.
        CallError: The contact is neither a mail address nor a page.

    Example:
        >>> app = create_app()
        >>> "/pledges" in {route.path for route in app.routes}
        True
    """
    wanted, reports_to = limits or Limits(), _to_contact(contact) if contact else None

    def to_service(graph: Graph) -> Service:
        texts = texts_by_source(graph.store, read_documents(Path(sources))) if sources else {}
        return Service(graph, wanted, texts, reports_to, prepare_lists)

    host = Host(to_service(_open(store)), (lambda: to_service(reopen())) if reopen else None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(host.current.warm)
        yield
        await run_in_threadpool(host.current.pool.close)
        host.current.renew_pool()

    app = FastAPI(
        title=TITLE,
        version=release(),
        description="Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source. Read-only.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        license_info={"name": "Licence of the data", "url": host.current.licence} if host.current.licence else None,
    )
    app.state.host = host
    compile_templates()
    add_selves(app)
    add_lists(app, host.current.graph)
    add_things(app)
    add_networks(app)
    add_explorer(app)
    add_protocol(app)
    add_handlers(app)
    app.add_middleware(Frame, host=host, router=app.router)
    return app


def _to_contact(text: str) -> str:
    """Return a mail address or a page as a link."""
    if is_web(text):
        return text
    if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", text, re.ASCII):
        return f"mailto:{text}"
    raise CallError(f"{text!r} is neither a mail address nor the address of a page, which begins with https://.")


def _open(store: Graph | Embedded | Path | str | None) -> Graph:
    if isinstance(store, Graph):
        return store
    if isinstance(store, Embedded):
        classes = {
            str(name): int(str(count)) for name, count in store.rows("SELECT ?c (COUNT(?s) AS ?n) { ?s a ?c } GROUP BY ?c ORDER BY ?c")
        }
        digest = sha256(b"".join(sorted(store.dump().splitlines(keepends=True)))).hexdigest()
        return Graph(Snapshot({"sha256": digest, "classes": classes, "quads": len(store.engine)}, lambda: store))
    return open_any(store=store) if store is not None else open_any()
