"""What every answer has in common: one snapshot from beginning to end, caches, compression and headers.

An answer is complete before its first byte leaves, so it can be given a digest, and nobody gets half of one.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kg.api.negotiation import SUFFIXES, accepts_gzip, choose, joined
from kg.api.service import Host, Service, Stored

POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may do, if it does not say so itself: only files of this server, and no script or style within the page."""

SECURE = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Link, Retry-After, Server-Timing, X-Not-Walked, X-Total-Count"),
)
TRACKING = ("fbclid", "gclid", "mc_cid", "mc_eid", "msclkid")
"""What others append to links that are passed on; with it an address is still the same."""

SMALL = 500
"""Below so many bytes compressing saves nothing."""

LARGE = 64 * 1024
"""Above so many bytes it takes longer than others should wait."""

AT_ONCE = 4
"""How many answers are made at a time, apart from those of SPARQL, which have limits of their own; the others wait."""

WAITING = 64
"""How many wait."""

PATIENCE_S = 20
"""For how long they wait."""

MAX_PARAMS = 400
"""How many parameters an address has at most."""


class Frame:
    """Wraps the application: see the module.

    Args:
        app: What answers GET and POST.
        host: Holds the snapshot in force.
        router: Tells which methods a path knows.
    """

    def __init__(self, app: ASGIApp, host: Host, router: Router) -> None:
        self.app = app
        self.host = host
        self.router = router
        self.room = asyncio.Semaphore(AT_ONCE)
        self.present = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; anything else goes on to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        service = self.host.take()
        try:
            stored = await self._answer(_plain(scope, service), receive, service)
        finally:
            service.release()
        await _send(stored, scope, send)

    async def _answer(self, scope: Scope, receive: Receive, service: Service) -> Stored:
        if scope["method"] == "OPTIONS":
            return self._options(scope)
        if scope["query_string"].count(b"&") >= MAX_PARAMS:
            return _refuse(400, f"The address has more than {MAX_PARAMS} parameters.")
        headers = Headers(scope=scope)
        gzipped = accepts_gzip(joined(headers, "accept-encoding"))
        asked = (scope.get("root_path"), scope["path"], scope["query_string"], scope["kg_format"], joined(headers, "accept"), gzipped)
        # The digest keeps a key small, however long the headers of a stranger are.
        key = sha256(repr(asked).encode()).digest()
        is_read = scope["method"] == "GET"
        if is_read and (found := service.answers.get(key)):
            return found
        if scope["path"].endswith(FREE):
            return await self._make(scope, receive, service, gzipped, key)
        if self.present >= AT_ONCE + WAITING:
            return _busy()
        self.present += 1
        try:
            async with asyncio.timeout(PATIENCE_S) as patience, self.room:
                patience.reschedule(None)
                # Who waited may have waited for the same.
                if is_read and (found := service.answers.get(key)):
                    return found
                return await self._make(scope, receive, service, gzipped, key)
        except TimeoutError:
            return _busy()
        finally:
            self.present -= 1

    async def _make(self, scope: Scope, receive: Receive, service: Service, gzipped: bool, key: bytes) -> Stored:
        is_read = scope["method"] == "GET"
        status, told, body = await _capture(self.app, scope, receive)
        if status == 405:
            told = [*(pair for pair in told if pair[0] != b"allow"), (b"allow", self._methods(scope).encode())]
        # A large answer is compressed beside the loop, so that the others are answered meanwhile.
        finish = partial(_finish, status, told, body, service, gzipped, is_read)
        stored = await run_in_threadpool(finish) if len(body) > LARGE else finish()
        if is_read and stored.etag:
            service.answers.put(key, stored)
        return stored

    def _options(self, scope: Scope) -> Stored:
        """Tell what a path knows, to browsers that ask before they ask."""
        allowed = self._methods(scope)
        if not allowed:
            return Stored(404, _raw(SECURE), b"", "")
        headers = (
            ("allow", allowed),
            ("access-control-allow-methods", allowed),
            ("access-control-allow-headers", "Accept, Content-Type, If-None-Match"),
            ("access-control-max-age", "86400"),
        )
        return Stored(204, _raw((*SECURE, *headers)), b"", "")

    def _methods(self, scope: Scope) -> str:
        """Return what a path knows, or nothing if there is no such path."""
        methods: set[str] = set()
        for route in self.router.routes:
            if route.matches({**scope, "method": "GET"})[0] is not Match.NONE:
                methods |= getattr(route, "methods", None) or {"GET"}
        return ", ".join(sorted(methods | {"HEAD", "OPTIONS"})) if methods else ""


FREE = ("/healthz", "/readyz", "/sparql")
"""What is answered however much else is asked."""


def _busy() -> Stored:
    return _refuse(503, "Too many ask at once. Try again in some seconds.", (("retry-after", "5"),))


def _plain(scope: Scope, service: Service) -> Scope:
    """Return the request as the application sees it: HEAD is GET, a suffix is a format, and tracking is gone."""
    path, format = scope["path"], None
    stem, dot, suffix = path.rpartition(".")
    if dot and suffix in SUFFIXES and not path.endswith("/openapi.json") and "/docs/" not in path.removeprefix(scope.get("root_path", "")):
        path, format = stem, suffix
    query = scope["query_string"]
    if b"utm_" in query or any(name.encode() in query for name in TRACKING):
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
        query = urlencode([pair for pair in pairs if not pair[0].startswith("utm_") and pair[0] not in TRACKING]).encode()
    if b"=&" in query + b"&" and choose(joined(Headers(scope=scope), "accept"), ("json", "html")) == "html":
        # A browser sends every field of a form, those that are left empty too.
        query = b"&".join(part for part in query.split(b"&") if not part.endswith(b"="))
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    # A part of a compressed answer would be a part of nothing.
    headers = [pair for pair in scope["headers"] if pair[0] not in (b"range", b"if-range")]
    return {**scope, "headers": headers, "path": path, "method": method, "query_string": query, "kg_format": format, "kg_service": service}


async def _capture(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    start: Message = {}
    parts: list[bytes] = []

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    return start["status"], list(start["headers"]), b"".join(parts)


def _finish(status: int, headers: list[tuple[bytes, bytes]], body: bytes, service: Service, gzipped: bool, is_read: bool) -> Stored:
    told = dict(headers)
    told.pop(b"content-length", None)
    kind = told.get(b"content-type", b"").decode("latin-1")
    for name, value in _raw((*SECURE, ("content-security-policy", POLICY), ("vary", "Accept, Accept-Encoding"))):
        told.setdefault(name, value)
    etag = ""
    if not is_read:
        told[b"cache-control"] = b"no-store"
    if status == 200 and b"cache-control" not in told:
        etag = f'"{sha256(f"{service.seal} {kind} {gzipped}".encode()).hexdigest()[:32]}"'
        told |= {b"etag": etag.encode(), b"cache-control": b"public, no-cache"}
    if gzipped and len(body) >= SMALL and b"content-encoding" not in told:
        body = gzip.compress(body, 6, mtime=0)
        told[b"content-encoding"] = b"gzip"
    return Stored(status, tuple(told.items()), body, etag)


def _refuse(status: int, detail: str, more: Iterable[tuple[str, str]] = ()) -> Stored:
    body = to_json({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail})
    return Stored(status, _raw((*SECURE, ("content-type", "application/problem+json"), ("cache-control", "no-store"), *more)), body, "")


def _raw(headers: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers)


async def _send(stored: Stored, scope: Scope, send: Send) -> None:
    status, headers, body = stored.status, stored.headers, stored.body
    if stored.etag and scope["method"] in ("GET", "HEAD") and _has_it(scope, stored.etag):
        status, body = 304, b""
        headers = tuple(pair for pair in headers if pair[0] not in (b"content-type", b"content-encoding"))
    elif status != 204:
        headers = (*headers, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _has_it(scope: Scope, etag: str) -> bool:
    asked = joined(Headers(scope=scope), "if-none-match") or ""
    return asked.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in asked.split(",")]


def to_json(value: Any) -> bytes:
    """Return a value as the bytes of JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # A whole number of more than 64 bits is one of JSON all the same.
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def from_json(body: bytes) -> Any:
    """Return the value that the bytes of JSON hold; only what this server has written is read."""
    return orjson.loads(body)
