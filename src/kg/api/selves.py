"""What the server says of itself: what is inside, its vocabulary, its health and its documentation."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from kg.api.asking import envelope, format_of, reply, service_of, show
from kg.api.frame import to_json
from kg.api.models import PROBLEMS, Health, Home
from kg.api.pages import SITE, environment
from kg.api.views import POLYGONS, home_of
from kg.draw import STYLES
from kg.errors import NotFoundError, UnavailableError
from kg.resources import release
from kg.store import RDF_FORMATS, Triples
from kg.vocab import BASE, ID, ONTOLOGY_GRAPH, to_iri

TITLE = SITE

SCRIPTS = ("site.js", "explorer.js", "sparql.js")
"""The scripts of the pages; every page but the explorer is whole without."""

ROUTES = (
    ("/pledges", "Pledges: who promised what, to whom, where, for how much and by when"),
    ("/timeline", "What happened or was promised, and when"),
    ("/events", "Events"),
    ("/entities", "Things, by class and name"),
    ("/sources", "Sources"),
    ("/queries", "Every question that can be asked by name"),
    ("/queries/conflicts", "What does not agree"),
    ("/queries/absences", "What is not said"),
    ("/network", "The picture of the whole network"),
    ("/subgraph", "What lies around some things"),
    ("/path", "How two things hang together"),
    ("/sparql", "SPARQL"),
    ("/ontology", "The vocabulary"),
    ("/docs", "The interface, documented"),
)


def add_selves(app: FastAPI) -> None:
    """Add the routes by which the server tells of itself."""
    turtle: dict[str, Any] = {"content": {"text/turtle": {}}}
    app.get("/", responses={200: {"model": Home, "content": {"text/html": {}}}, **PROBLEMS}, tags=["self"])(home)
    app.get("/healthz", responses={200: {"model": Health}, **PROBLEMS}, tags=["self"])(healthz)
    app.get("/readyz", responses={200: {"model": Health}, **PROBLEMS}, tags=["self"])(readyz)
    linked: dict[str, Any] = {"content": {"text/turtle": {}, "application/ld+json": {}, "application/n-triples": {}}}
    app.get("/ontology", response_class=Response, responses={200: linked, **PROBLEMS}, tags=["self"])(ontology)
    app.get("/.well-known/void", response_class=Response, responses={200: turtle, **PROBLEMS}, tags=["self"])(void)
    app.get("/docs", include_in_schema=False)(docs)
    app.get("/method", include_in_schema=False)(method)
    app.get("/corrections", include_in_schema=False)(corrections)
    app.get("/static/{name}", include_in_schema=False)(static)
    app.mount("/docs/static", StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-static")


def home(request: Request) -> Response:
    """Tell what is inside, and where to begin."""
    service = service_of(request)
    manifest = service.graph.snapshot.manifest
    classes = {str(name).removeprefix("kg:"): int(count) for name, count in manifest["classes"].items()}
    if format_of(request, ("json", "html")) == "json":
        told = {"title": TITLE, "classes": classes, "quads": manifest["quads"], "routes": [path for path, _ in ROUTES]}
        return reply(to_json({**told, "version": release(), **envelope(request)}), "json")
    return show(request, "home", TITLE, formats=(), **home_of(service, classes))


def method(request: Request) -> Response:
    """Tell how a sentence becomes a pledge, under which licence, and how a fact is corrected."""
    format_of(request, ("html",))
    service = service_of(request)
    manifest = service.graph.snapshot.manifest
    told: dict[str, Any] = {"digest": service.digest, "quads": manifest["quads"], "made": service.graph.snapshot.made, "release": release()}
    told["newest"] = max((str(row["published"] or "") for row in service.rows("sources", {})), default="")
    return show(request, "method", "Method and corrections", formats=(), **told)


def corrections(request: Request) -> Response:
    """Lead to how a fact is corrected."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/method#corrections", 303)


async def healthz(request: Request) -> Response:
    """Tell that the server answers."""
    return _health(request, "ok")


async def readyz(request: Request) -> Response:
    """Tell whether every route can be answered at once.

    Raises:
        UnavailableError: The processes that answer SPARQL are being started, or the lists are being asked for.
    """
    if not service_of(request).ready.is_set():
        raise UnavailableError("The lists are being prepared; every route answers already, some of them slowly.")
    if not service_of(request).pool.is_ready:
        service_of(request).pool.wake()
        raise UnavailableError("The processes that answer SPARQL are being started.")
    return _health(request, "ok")


def _health(request: Request, status: str) -> Response:
    body = to_json({"status": status, "snapshot": service_of(request).digest})
    return reply(body, "json", {"Cache-Control": "no-store"})


def ontology(request: Request) -> Response:
    """Return the vocabulary and its code lists."""
    format = format_of(request, tuple(RDF_FORMATS))
    store = service_of(request).graph.store
    found = store.construct(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{ONTOLOGY_GRAPH}> {{ ?s ?p ?o }} }}")
    return reply(Triples(found).to_text(format).encode(), format)


VOID = """@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .
@prefix void: <http://rdfs.org/ns/void#> .

"""


def void(request: Request) -> Response:
    """Describe the graph as a dataset, in VoID."""
    service = service_of(request)
    manifest, root = service.graph.snapshot.manifest, request.scope.get("root_path", "")
    format_of(request, ("ttl",))
    things = sum(int(count) for count in manifest["classes"].values())
    lines = [
        f"<{BASE}> a void:Dataset ;",
        f'    dcterms:title "{TITLE}" ;',
        *([f"    dcterms:license <{service.licence}> ;"] if service.licence else []),
        f"    void:sparqlEndpoint <{root}/sparql> ;",
        f'    void:uriSpace "{ID}" ;',
        f"    void:vocabulary <{BASE}ontology> ;",
        f"    void:triples {int(manifest['quads'])} ;",
        f"    void:entities {things} ;",
        f'    dcterms:identifier "{service.digest}" .',
    ]
    return reply((VOID + "\n".join(lines) + "\n").encode(), "ttl")


def service_description(request: Request) -> bytes:
    """Describe the SPARQL service, with its graphs, as Turtle."""
    store = service_of(request).graph.store
    query = "SELECT ?graph (COUNT(*) AS ?triples) WHERE { GRAPH ?graph { ?s ?p ?o } } GROUP BY ?graph ORDER BY ?graph"
    graphs = [f"[ sd:name <{to_iri(str(graph))}> ; sd:graph [ a sd:Graph ; void:triples {count} ] ]" for graph, count in store.rows(query)]
    formats = (
        "SPARQL_Results_JSON",
        "SPARQL_Results_XML",
        "SPARQL_Results_CSV",
        "SPARQL_Results_TSV",
        "Turtle",
        "RDF_XML",
        "N-Triples",
        "JSON-LD",
    )
    lines = [
        "<> a sd:Service ;",
        f"    sd:endpoint <{request.scope.get('root_path', '')}/sparql> ;",
        "    sd:supportedLanguage sd:SPARQL11Query ;",
        "    sd:feature sd:UnionDefaultGraph ;",
        "    sd:resultFormat " + ", ".join(f"<http://www.w3.org/ns/formats/{name}>" for name in formats) + " ;",
        "    sd:defaultDataset [ a sd:Dataset ; sd:defaultGraph [ a sd:Graph ] ; sd:namedGraph " + ", ".join(graphs or ["[]"]) + " ] .",
    ]
    return (VOID + "\n".join(lines) + "\n").encode()


DOCS_FRAME = (
    (b"<html>", b'<html lang="en">'),
    (
        b'<div id="swagger-ui">',
        b'<main><h1 style="position:absolute;clip-path:inset(50%)">For programs: every route</h1><div id="swagger-ui">',
    ),
    (b"</body>", b"</main></body>"),
)
"""What the page of the interface lacks for readers of screens, and where it goes."""


def docs(request: Request) -> Response:
    """Show the interface, from files of this server."""
    root = request.scope.get("root_path", "")
    found = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=TITLE,
        swagger_js_url=f"{root}/docs/static/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/static/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/static/favicon.png",
    )
    body = bytes(found.body)
    for before, after in DOCS_FRAME:
        body = body.replace(before, after, 1)
    scripts = " ".join(
        f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in re.findall(rb"<script>(.*?)</script>", body, re.DOTALL)
    )
    policy = (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return reply(body, "html", {"Content-Security-Policy": policy})


def static(name: Annotated[str, Path(max_length=40)]) -> Response:
    """Return a file of the pages: their look and their scripts.

    Raises:
        NotFoundError: There is no such file.
    """
    if name == "site.css":
        return Response(environment().get_template("site.css").render(styles=STYLES, polygons=POLYGONS), media_type="text/css")
    if name == "explorer.css":
        return Response((files("kg") / "templates" / name).read_bytes(), media_type="text/css")
    if name == "vis-network.js":
        text = (files("pyvis") / "templates" / "lib" / "vis-9.1.2" / "vis-network.min.js").read_bytes()
        return Response(text, media_type="text/javascript")
    if name not in SCRIPTS:
        raise NotFoundError(f"There is no file {name!r} here.")
    return Response((files("kg") / "templates" / name).read_bytes(), media_type="text/javascript")
