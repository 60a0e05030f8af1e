"""What the routes share: the service of a request, the format of its answer, and how lists are answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from kg.api.frame import to_json
from kg.api.negotiation import SUFFIXES, choose, content_type, joined
from kg.api.pages import Listing, render
from kg.api.service import Service
from kg.elements import to_plain
from kg.errors import NotAcceptableError
from kg.projection import triples_of
from kg.queries import Query
from kg.store import Rows, Triples, Value, to_csv

LIST_FORMATS = ("json", "html", "csv", "ttl", "jsonld")
"""The formats of every list and thing, in the order in which they are preferred."""

MAX_LIMIT = 1000
"""How long a page of a list is at most."""


def service_of(request: Request) -> Service:
    """Return the service that answers this request from beginning to end."""
    found: Service = request.scope["kg_service"]
    return found


def format_of(request: Request, offered: Sequence[str], wanted: str | None = None) -> str:
    """Return the format of the answer: by the suffix, by the parameter `format`, or by the Accept header.

    Raises:
        NotAcceptableError: None that is offered is wanted.
    """
    named = request.scope["kg_format"] or wanted
    found = named if named in offered else None if named else choose(joined(request.headers, "accept"), offered)
    if found is None:
        raise NotAcceptableError(f"This is not there in the format that was asked for. There are {', '.join(offered)}.")
    return found


def reply(body: bytes, format: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in a format."""
    return Response(body, 200, dict(headers or {}), content_type(format))


def show(
    request: Request,
    template: str,
    title: str,
    *,
    formats: Iterable[str] = LIST_FORMATS,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """Return a page with a template of its own, with the links to the same in other formats."""
    service = service_of(request)
    context |= {"formats": twins(request, formats), "contact": service.contact}
    return reply(render(request, template, title, service.licence or "", service.digest, **context), "html", headers)


def twins(request: Request, formats: Iterable[str]) -> list[tuple[str, str]]:
    """Return the names and addresses of the same in other formats."""
    wanted = [format for format in formats if format in SUFFIXES and format != "html"]
    return [(format, _relative(request, _twin(request, format))) for format in wanted]


def _relative(request: Request, path: str) -> str:
    return path.removeprefix(request.scope.get("root_path", ""))


def _twin(request: Request, format: str) -> str:
    query = request.url.query
    return f"{request.scope['path']}.{format}" + (f"?{query}" if query else "") if request.scope["path"] != "/" else "/"


def envelope(request: Request) -> dict[str, Any]:
    """Return what stands below every answer in JSON."""
    service = service_of(request)
    return {"licence": service.licence, "snapshot": service.digest}


def triples(request: Request, ids: Iterable[str], format: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return what the graph says of some things, as linked data."""
    found = Triples(tuple(dict.fromkeys(triples_of(service_of(request).graph.store, sorted(set(ids))))))
    return reply(found.to_text(format).encode(), format, headers)


def records(rows: Rows) -> list[dict[str, Any]]:
    """Return rows as records for JSON; a decimal is a number unless binary floating point would change it."""
    return [{name: _to_json(value) for name, value in row.items()} for row in rows.to_dicts()]


def _to_json(value: Value) -> Any:
    return None if value is None else to_plain(value) if not isinstance(value, bool) else value


def next_page(request: Request, total: int, limit: int, offset: int) -> str | None:
    """Return the address of the page after this one, or None at the end."""
    if offset + limit >= total:
        return None
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "offset")]
    suffix = f".{request.scope['kg_format']}" if request.scope["kg_format"] else ""
    return f"{request.scope['path']}{suffix}?{urlencode([*pairs, ('limit', limit), ('offset', offset + limit)])}"


def paging(request: Request, total: int, limit: int, offset: int) -> dict[str, Any]:
    """Return where a page of a list stands among the others."""
    before = next_page(request, total, limit, max(offset - limit, 0) - limit) if offset else None
    following = next_page(request, total, limit, offset)
    return {
        "total": total,
        "first": offset + 1,
        "last": min(offset + limit, total),
        "limit": limit,
        "offset": offset,
        "following": following and _relative(request, following),
        "before": before and _relative(request, before),
    }


def answer_list(
    request: Request, part: Rows, title: str, *, total: int, limit: int, offset: int, query: Query | None = None, **told: Any
) -> Response:
    """Return one page of rows in the format that is wanted.

    Args:
        request: The request.
        part: The rows of the page.
        title: The heading for a browser.
        total: How many rows there are in all.
        limit: Rows on the page.
        offset: Rows before it.
        query: The question that the rows answer; it says which columns a browser shows, and what they mean.
        told: What else a browser shows: `lead` and `fields`.
    """
    format = format_of(request, LIST_FORMATS)
    following = next_page(request, total, limit, offset)
    headers = {"X-Total-Count": str(total), **({"Link": f'<{following}>; rel="next"'} if following else {})}
    if format == "csv":
        return reply(to_csv([part.columns, *part]).encode(), format, headers)
    labels = service_of(request).graph.labels(value for row in part for value in row)
    if format in ("ttl", "jsonld"):
        return triples(request, map(str, labels), format, headers)
    if format == "json":
        counts = {"total": total, "limit": limit, "offset": offset, "next": following, "truncated": following is not None}
        return reply(to_json({"results": records(part), **counts, "labels": labels, **envelope(request)}), format, headers)
    told |= {"listing": listing_of(part, query), "labels": labels, "query": query, **paging(request, total, limit, offset)}
    return show(request, "list", title, headers=headers, **told)


def listing_of(rows: Rows, query: Query | None = None) -> Listing:
    """Return rows as a table for people: a thing stands once, under its label, and a code is written as words.

    Args:
        rows: The rows.
        query: The question that they answer; without one, all columns are shown.
    """
    known = {column.name: column for column in query.columns} if query else {}
    shown = dict.fromkeys(_without_label(name, rows.columns) for name in (query.table if query else rows.columns))
    cells = [rows.columns.index(name) for name in shown]
    codes = {at for at, name in zip(cells, shown, strict=True) if name in known and known[name].type == "code"}
    return Listing(
        "",
        [name.removesuffix("_id").replace("_", " ").capitalize() for name in shown],
        [[_words(row[at]) if at in codes else row[at] for at in cells] for row in rows],
        [known[name].doc if name in known else "" for name in shown],
    )


def _without_label(name: str, columns: Sequence[str]) -> str:
    """Return the column of the thing that a column of labels names, if there is one."""
    thing = name.removesuffix("_label")
    return next((other for other in (thing, f"{thing}_id") if name.endswith("_label") and other in columns), name)


def _words(code: Value) -> Value:
    return code.replace("-", " ") if isinstance(code, str) else code
