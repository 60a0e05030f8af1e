"""The query side of the SPARQL 1.1 Protocol; each query runs in a process of its own within limits.

Sources:
    SPARQL 1.1 Protocol: https://www.w3.org/TR/sparql11-protocol/
    SPARQL 1.1 Service Description: https://www.w3.org/TR/sparql11-service-description/
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from kg.api.asking import reply, service_of, show
from kg.api.frame import from_json
from kg.api.models import PROBLEMS, Documented
from kg.api.negotiation import MEDIA, choose, joined
from kg.api.pages import Listing
from kg.api.selves import service_description
from kg.api.service import Service
from kg.errors import CallError, NotAcceptableError
from kg.isolation import Answer
from kg.queries import get_query, query_names
from kg.store import MAX_QUERY, Question
from kg.vocab import shorten

ROWS = ("srj", "xml", "csv", "tsv")
TRIPLES = ("ttl", "rdf", "nt", "jsonld")

MAX_BODY = 1024 * 1024
"""How many bytes a request has at most."""

BODY_S = 10
"""Within how many seconds it must have come."""

PARAMETERS = {"query", "default-graph-uri", "named-graph-uri"}
UNSTEADY = re.compile(r"\b(?:NOW|RAND|UUID|STRUUID|BNODE)\b", re.IGNORECASE)
"""Functions with which the same query has another answer the next time."""

DESCRIPTION = {
    "summary": "Ask SPARQL",
    "description": "SPARQL 1.1 Protocol, query side. Without a query: the service description, or an editor for a browser. "
    "The union of all graphs is the default graph. SERVICE, updates and graphs from elsewhere are refused.",
}


def add_protocol(app: FastAPI) -> None:
    """Add the route of the protocol."""
    media: dict[str, Any] = {MEDIA[format][0]: {} for format in (*ROWS, *TRIPLES)}
    responses: Documented = {200: {"description": "The complete answer", "content": media}, **PROBLEMS}
    graphs = {"type": "array", "items": {"type": "string", "format": "graph-uri"}}
    query = {"type": "string", "format": "sparql-query", "minLength": 1, "maxLength": MAX_QUERY}
    parameters = [
        {"name": "query", "in": "query", "schema": query, "example": "ASK { ?pledge a kg:Pledge }"},
        {"name": "default-graph-uri", "in": "query", "schema": graphs},
        {"name": "named-graph-uri", "in": "query", "schema": graphs},
    ]
    form = {
        "type": "object",
        "additionalProperties": False,
        "required": ["query"],
        "properties": {"query": query, "default-graph-uri": graphs, "named-graph-uri": graphs},
    }
    body = {
        "required": True,
        "content": {"application/sparql-query": {"schema": query}, "application/x-www-form-urlencoded": {"schema": form}},
    }
    told: dict[str, Any] = {**DESCRIPTION, "responses": responses, "tags": ["SPARQL"]}
    app.get("/sparql", openapi_extra={"parameters": parameters}, **told)(get)
    app.post("/sparql", openapi_extra={"parameters": parameters[1:], "requestBody": body}, **told)(post)


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks: a query, or none, and the graphs that are asked."""

    query: str | None
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]


def get(request: Request) -> Response:
    """Answer a query in the address, or tell what this service can do."""
    call = _call(_pairs(request.scope["query_string"]))
    if call.query is None:
        return _describe(request)
    return _answer(request, call)


async def post(request: Request) -> Response:
    """Answer a query in the body, as it is or in a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _body(request)
    found = _pairs(request.scope["query_string"])
    if kind == "application/x-www-form-urlencoded":
        in_body = _pairs(body)
        call = _call({name: [*found.get(name, ()), *in_body.get(name, ())] for name in {**found, **in_body}})
    elif kind == "application/sparql-query":
        if "query" in found:
            raise CallError("There is a query in the body and one in the address; give one.")
        call = _call({**found, "query": [_text(body)]})
    elif kind == "application/sparql-update":
        raise CallError("The graph is read-only; nothing can be updated.")
    else:
        raise HTTPException(415, "Send application/sparql-query or application/x-www-form-urlencoded.")
    if call.query is None:
        raise CallError("The query is missing. Give it as query=…")
    return await run_in_threadpool(_answer, request, call)


async def _body(request: Request) -> bytes:
    """Return the whole body, unless it is too long or takes too long to come."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise HTTPException(413, f"The body is longer than {MAX_BODY:,} bytes.", {"Connection": "close"})
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                found += part
                if len(found) > MAX_BODY:
                    raise HTTPException(413, f"The body is longer than {MAX_BODY:,} bytes.", {"Connection": "close"})
    except TimeoutError:
        raise HTTPException(408, f"The body did not come within {BODY_S} seconds.", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "The connection was cut before the body was there.") from None
    return bytes(found)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CallError(f"The query is not UTF-8 at byte {exc.start}.") from exc


def _pairs(text: bytes) -> Mapping[str, Sequence[str]]:
    """Return the parameters, percent-decoded once."""
    try:
        return parse_qs(text.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except UnicodeDecodeError as exc:
        raise CallError("The parameters are not UTF-8.") from exc
    except ValueError as exc:
        raise CallError("There are more than 200 parameters.") from exc


def _call(found: Mapping[str, Sequence[str]]) -> Call:
    for name in found:
        if name == "update":
            raise CallError("The graph is read-only; nothing can be updated.")
        if name not in PARAMETERS:
            raise CallError(f"There is no parameter {name[:100]!r} here. There are {', '.join(sorted(PARAMETERS))}.")
    queries = found.get("query", ())
    if len(queries) > 1:
        raise CallError(f"There are {len(queries)} queries; give one.")
    return Call(queries[0] if queries else None, tuple(found.get("default-graph-uri", ())), tuple(found.get("named-graph-uri", ())))


def _answer(request: Request, call: Call) -> Response:
    accept = joined(request.headers, "accept")
    rows, triples = _format(request, accept, ROWS), _format(request, accept, TRIPLES)
    is_browser = request.scope["kg_format"] is None and choose(accept, ("srj", "html", *TRIPLES)) == "html"
    if rows is None and triples is None and not is_browser:
        raise NotAcceptableError(f"This is not there in the format that was asked for. There are {', '.join((*ROWS, *TRIPLES))}.")
    pool = service_of(request).pool
    question = Question(
        str(call.query), "srj" if is_browser else rows, "ttl" if is_browser else triples, call.default_graphs, call.named_graphs
    )
    found = pool.ask(question)
    headers = {"Server-Timing": f"query;dur={found.elapsed_s * 1000:.1f}"}
    if UNSTEADY.search(str(call.query)):
        headers["Cache-Control"] = "no-store"
    if is_browser:
        return _show(request, call, headers, found)
    return reply(found.body, found.format, headers)


def _format(request: Request, accept: str | None, formats: Sequence[str]) -> str | None:
    if named := request.scope["kg_format"]:
        wanted = {"json": "srj"}.get(named, named)
        return wanted if wanted in formats else None
    return choose(accept, formats)


def _show(request: Request, call: Call, headers: Mapping[str, str] | None = None, found: Answer | None = None) -> Response:
    """Show the editor, and with an answer its first rows, its downloads, and how long it took."""
    service = service_of(request)
    limits = service.limits
    told: dict[str, Any] = {
        "query": call.query or EXAMPLE,
        "examples": [(get_query(name).summary, f"/sparql?{urlencode({'query': get_query(name).text})}") for name in query_names()],
        "limits": f"Up to {limits.timeout_s:g} seconds, {limits.rows:,} rows and {limits.body_mib} MiB for each query.",
        "elapsed": found.elapsed_s if found else None,
        "listing": None,
        "answer": None,
        "text": "",
        "downloads": [],
        "more": 0,
    }
    if found:
        formats = TRIPLES if found.format == "ttl" else ROWS
        graphs = [("default-graph-uri", iri) for iri in call.default_graphs] + [("named-graph-uri", iri) for iri in call.named_graphs]
        asked = urlencode([("query", str(call.query)), *graphs])
        told["downloads"] = [(format, f"/sparql.{_SUFFIX.get(format, format)}?{asked}") for format in formats]
        if found.format == "ttl":
            text = found.body.decode()
            told["text"], told["more"] = text[:SHOWN_SIGNS], max(0, len(text) - SHOWN_SIGNS)
        else:
            told |= _rows_of(service, found.body)
    return show(request, "sparql", "SPARQL", formats=(), headers=headers, **told)


def _rows_of(service: Service, body: bytes) -> dict[str, Any]:
    """Return the first rows of an answer in JSON as a table whose things are links."""
    answer = from_json(body)
    if "boolean" in answer:
        return {"answer": answer["boolean"]}
    bindings = answer["results"]["bindings"]
    names = answer["head"]["vars"]
    rows = [[_cell(row.get(name)) for name in names] for row in bindings[:SHOWN_ROWS]]
    labels = service.graph.labels(cell for row in rows for cell in row)
    return {
        "listing": Listing("Answer", [f"?{name}" for name in names], rows),
        "labels": labels,
        "total": len(bindings),
        "more": max(0, len(bindings) - SHOWN_ROWS),
    }


def _cell(term: Mapping[str, Any] | None) -> str:
    if term is None:
        return ""
    return shorten(term["value"]) if term["type"] == "uri" else str(term["value"])


EXAMPLE = "SELECT ?pledge ?label\nWHERE { ?pledge a kg:Pledge ; rdfs:label ?label }\nORDER BY ?label\nLIMIT 10"

SHOWN_ROWS = 500
"""How many rows of an answer a page shows; the downloads have them all."""

SHOWN_SIGNS = 50_000
"""How much of an answer in Turtle a page shows."""

_SUFFIX = {"srj": "json"}


def _describe(request: Request) -> Response:
    """Tell what this service can do, to programs as linked data and to people as an editor."""
    format = choose(joined(request.headers, "accept"), ("ttl", "html"))
    if format == "html":
        return _show(request, Call(None, (), ()))
    if format is None:
        raise NotAcceptableError("The service description is there as Turtle.")
    return reply(service_description(request), format)
