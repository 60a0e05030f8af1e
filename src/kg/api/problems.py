"""What goes wrong, as problem documents.

Sources:
    RFC 9457: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kg.api.negotiation import choose, content_type, joined
from kg.api.pages import problem_page
from kg.errors import SEARCH, KGError, UnavailableError

LONGEST = 1000
"""A value of many thousand characters need not be told back whole."""


LONGEST_QUERY = 20_000
"""A longer query is not shown again."""


def problem(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return a problem document, or a page of the same content for a browser."""
    title = HTTPStatus(status).phrase
    detail = detail.replace(SEARCH, "/entities?q=NAME searches by name.")
    told = detail if len(detail) <= LONGEST else f"{detail[:500]} […] {detail[-300:]}"
    if choose(joined(request.headers, "accept"), ["problem", "html"]) == "html":
        query = request.query_params.get("query", "")[:LONGEST_QUERY] if request.scope["path"].endswith("/sparql") else ""
        body, format = problem_page(request, status, title, told, query), "html"
    else:
        record = {"type": "about:blank", "title": title, "status": status, "detail": told, "instance": request.scope["path"]}
        body, format = json.dumps(record, ensure_ascii=True).encode(), "problem"
    return Response(body, status, {**(headers or {}), "Cache-Control": "no-store"}, content_type(format))


def add_handlers(app: FastAPI) -> None:
    """Turn every error into a problem document."""

    @app.exception_handler(KGError)
    async def told(request: Request, exc: KGError) -> Response:
        retry = exc.retry_after_s if isinstance(exc, UnavailableError) else None
        return problem(request, exc.http_status, str(exc), {"Retry-After": str(retry)} if retry else None)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, exc: HTTPException) -> Response:
        details = {
            404: f"There is nothing at {request.scope['path'][:200]!r}. The home page lists what there is.",
            405: _not_allowed(request),
        }
        return problem(request, exc.status_code, details.get(exc.status_code, str(exc.detail)), dict(exc.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, exc: RequestValidationError) -> Response:
        return problem(request, 400, " ".join(dict.fromkeys(map(_sentence, exc.errors()[:5]))))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, _: Exception) -> Response:
        return problem(request, 500, "Something went wrong here that should not. Please report it.")


def _not_allowed(request: Request) -> str:
    return f"{request.method} is not done here. Nothing can be written; ask with GET."


def _sentence(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][1:])
    if error["type"] == "extra_forbidden":
        return f"There is no parameter {name[:100]!r} here."
    if error["type"] == "missing":
        return f"The parameter {name!r} is missing."
    value = str(error.get("input"))
    return f"The parameter {name!r} is {value[:100]!r}: {error['msg'][0].lower()}{error['msg'][1:]}."
