"""Lists: the questions of the catalogue, each with a route of its own, and the things by class and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi import Query as Params
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.responses import Response

from kg.api.asking import LIST_FORMATS, MAX_LIMIT, answer_list, envelope, format_of, next_page, paging, reply, service_of, show
from kg.api.frame import to_json
from kg.api.ledgers import conflicts_of, fields_of, ledger_of, timeline_of
from kg.api.models import PROBLEMS, TWINS, Day, Listed, Match, Question, record_of
from kg.api.pages import Field as FormField
from kg.api.service import Service
from kg.api.views import plain, search_of, things_in
from kg.errors import KGError
from kg.queries import Graph, Param, Query, get_query, query_names
from kg.store import Rows, Value, to_csv
from kg.vocab import RDFS, expand, listed, shorten

FIRST = 50
"""How many results a page has, if nothing else is said."""


class Paged(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(FIRST, ge=1, le=MAX_LIMIT, description="results on the page")
    offset: int = Field(0, ge=0, le=10**9, description="results before the page")


class Wanted(Paged):
    """Which things."""

    class_name: str | None = Field(
        None, alias="class", max_length=100, description="only of this class, such as Pledge", examples=["Pledge"]
    )
    q: str | None = Field(
        None, max_length=200, description="a name; typing errors are forgiven, and the 1,000 nearest are found", examples=["matt hancok"]
    )


PYTHON: dict[str, Any] = {"date": Day, "boolean": bool}
"""The types of the parameters of a query; every other is a text."""

ALIASES = {
    "/pledges": "pledges",
    "/timeline": "timeline",
    "/events": "events",
    "/sources": "sources",
    "/conflicts": "conflicts",
    "/absences": "absences",
}
"""Lists that have a name of their own."""


def add_lists(app: FastAPI, graph: Graph) -> None:
    """Add the routes of the catalogue and of the things."""
    for name in query_names():
        _add_query(app, graph, get_query(name), f"/queries/{name}")
    for path, name in ALIASES.items():
        _add_query(app, graph, get_query(name), path)
    app.get("/queries", responses={200: {"model": Listed[Question], "content": TWINS}, **PROBLEMS}, tags=["lists"])(list_queries)
    app.get("/entities", responses={200: {"model": Listed[Match], "content": TWINS}, **PROBLEMS}, tags=["lists"])(list_entities)


def prepare_lists(service: Service) -> None:
    """Ask for what the lists show when nothing is filtered. Who asks for one that cannot be had will be told why."""
    for name in ALIASES.values():
        with suppress(KGError):
            part = service.rows(name, {}).page(0, FIRST).to_dicts()
            if name == "pledges":
                ledger_of(service, get_query(name), {}, part)
            else:
                fields_of(service, get_query(name), {})


def _add_query(app: FastAPI, graph: Graph, query: Query, path: str) -> None:
    fields = {param.name: (PYTHON.get(param.type, str) | None, _field(graph, param)) for param in query.params}
    model = create_model("".join(part.capitalize() for part in path.strip("/").split("/")) + "Params", __base__=Paged, **fields)  # type: ignore[call-overload]  # fields are made of data
    row: Any = Listed.__class_getitem__(record_of(query))
    app.get(
        path,
        name=path.strip("/").replace("/", "_"),
        summary=query.summary,
        description=query.description,
        responses={200: {"model": row, "content": TWINS}, **PROBLEMS},
        tags=["lists" if path in ALIASES else "queries"],
    )(_handler(query, model, path))


def _field(graph: Graph, param: Param) -> Any:
    codes = graph.codes(param.code_list) if param.code_list else []
    extra: dict[str, Any] = {"enum": codes} if codes else {}
    return (
        Field(None, max_length=300, description=param.doc, json_schema_extra=extra)
        if param.type not in PYTHON
        else Field(None, description=param.doc)
    )


def _handler(query: Query, model: type[Paged], path: str) -> Callable[..., Response]:
    def ask(request: Request, params: Annotated[Any, Params()]) -> Response:
        given = params.model_dump(exclude={"limit", "offset"})
        service = service_of(request)
        if path in PAGES and format_of(request, LIST_FORMATS) == "html":
            return PAGES[path](request, query, given, params)
        rows = service.rows(query.name, given)
        part = rows.page(params.offset, params.limit)
        told: dict[str, Any] = {"query": query, "lead": query.description, "fields": fields_of(service, query, given)}
        return answer_list(request, part, query.summary, total=rows.total, limit=params.limit, offset=params.offset, **told)

    ask.__annotations__["params"] = Annotated[model, Params()]
    return ask


def _ledger(request: Request, query: Query, given: Mapping[str, Any], params: Paged) -> Response:
    rows = service_of(request).rows(query.name, given)
    part = rows.page(params.offset, params.limit).to_dicts()
    told = ledger_of(service_of(request), query, given, part)
    return show(request, "ledger", query.summary, **told, **paging(request, rows.total, params.limit, params.offset))


def _timeline(request: Request, query: Query, given: Mapping[str, Any], params: Paged) -> Response:
    service = service_of(request)
    rows = service.rows(query.name, given)
    part = rows.page(params.offset, params.limit).to_dicts()
    told: dict[str, Any] = {
        "years": timeline_of(part),
        "fields": fields_of(service, query, given),
        "search": search_of(given),
        "labels": service.graph.labels(things_in(part)),
    }
    return show(request, "timeline", query.summary, **told, **paging(request, rows.total, params.limit, params.offset))


def _conflicts(request: Request, query: Query, given: Mapping[str, Any], _: Paged) -> Response:
    told = conflicts_of(service_of(request), given)
    return show(
        request, "conflicts", "What does not agree, and what is not said", fields=fields_of(service_of(request), query, given), **told
    )


def _sources(request: Request, query: Query, given: Mapping[str, Any], params: Paged) -> Response:
    rows = service_of(request).rows(query.name, given)
    part = [plain(row) for row in rows.page(params.offset, params.limit).to_dicts()]
    return show(request, "sources", "The sources", rows=part, **paging(request, rows.total, params.limit, params.offset))


PAGES: dict[str, Callable[[Request, Query, Mapping[str, Any], Paged], Response]] = {
    "/pledges": _ledger,
    "/timeline": _timeline,
    "/conflicts": _conflicts,
    "/absences": _conflicts,
    "/sources": _sources,
}
"""Lists that have a page of their own for a browser."""


TOPICS = ("pledges", "money", "programmes", "trusts", "people", "events", "outcomes", "statements", "conflicts", "sources", "provenance")
"""In which order the questions stand; a topic that is not here follows."""


def list_queries(request: Request, params: Annotated[Paged, Params()]) -> Response:
    """List the questions of the catalogue."""
    found = [get_query(name) for name in query_names()]
    rows = Rows(("name", "summary", "path"), tuple((query.name, query.summary, f"/queries/{query.name}") for query in found))
    format = format_of(request, ("json", "html", "csv"))
    if format == "html":
        topics: dict[str, list[Query]] = {topic: [] for topic in TOPICS}
        for query in found:
            topics.setdefault(query.tags[0], []).append(query)
        return show(request, "questions", "Questions", formats=("json", "csv"), topics=topics)
    if format == "csv":
        return reply(to_csv([rows.columns, *rows]).encode(), format)
    part = found[params.offset : params.offset + params.limit]
    following = next_page(request, len(found), params.limit, params.offset)
    counts = {"total": len(found), "limit": params.limit, "offset": params.offset, "next": following, "truncated": following is not None}
    return reply(to_json({"results": [_question(query) for query in part], **counts, "labels": {}, **envelope(request)}), "json")


def _question(query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "summary": query.summary,
        "description": query.description,
        "parameters": [{"name": param.name, "type": param.type, "doc": param.doc} for param in query.params],
        "columns": [column.name for column in query.columns],
        "tags": list(query.tags),
        "path": f"/queries/{query.name}",
    }


def list_entities(request: Request, params: Annotated[Wanted, Params()]) -> Response:
    """List the things that have a name, those of a class, or find them by a name.

    Links, tenures, sums and dates are listed when their class is asked for.
    """
    graph, first, last = service_of(request).graph, params.offset, params.offset + params.limit
    if params.q:
        found = _find(graph, params.q, params.class_name)
        total, cells = len(found), found[first:last]
    else:
        total, things = _page(service_of(request), params)
        cells = [(*thing, None, None) for thing in things]
    named = tuple((id, str(class_name).removeprefix("kg:"), *rest) for id, class_name, *rest in cells)
    fields = [
        FormField("q", "Name", params.q or "", kind="search"),
        FormField("class", "Class", params.class_name or "", choices=sorted({*graph.table().classes, *filter(None, [params.class_name])})),
    ]
    part = Rows(("id", "class", "label", "name", "score"), named)
    if format_of(request, LIST_FORMATS) == "html":
        told = {"rows": part.to_dicts(), "asked": params.q, "fields": fields, **paging(request, total, params.limit, params.offset)}
        return show(request, "things", "Things", **told)
    return answer_list(request, part, "Things", total=total, limit=params.limit, offset=params.offset)


def _page(service: Service, params: Wanted) -> tuple[int, Iterable[tuple[Value, ...]]]:
    """Return how many things there are, of a class or with a name, and a page of them: from the table, if all of a class have a name."""
    table = service.graph.table()
    terms = service.graph.terms(get_query("entities"), {"class": params.class_name})
    classes = {name.removeprefix("kg:") for name in table.meanings(shorten(terms["class"][1:-1]))} if terms else set()
    total, things = table.named(classes, limit=params.limit, offset=params.offset)
    known = service.graph.snapshot.manifest["classes"]
    if total and (not classes or total == sum(known.get(f"kg:{name}", 0) for name in classes)):
        return total, things
    everything = service.rows("entities", {"class": params.class_name})
    return everything.total, everything.page(params.offset, params.limit)


def _find(graph: Graph, text: str, class_name: str | None) -> list[tuple[Value, ...]]:
    """Return id, class, label, name and score of what is found, the best first."""
    terms = graph.terms(get_query("entities"), {"class": class_name})
    only = f"FILTER EXISTS {{ ?class_name <{RDFS}subClassOf>* {terms['class']} }}" if terms else ""
    found = {match.id: match for match in graph.find(text, limit=MAX_LIMIT)}
    known: dict[Value, tuple[Value, Value]] = {}
    for some in listed(str(expand(id)) for id in found):
        query = f"SELECT ?id ?class_name ?label WHERE {{ VALUES ?id {{ {some} }} ?id a ?class_name ; <{RDFS}label> ?label {only} }}"
        known |= {id: (class_name, label) for id, class_name, label in graph.store.select(query)}
    return [(id, *known[id], match.name, round(match.score, 1)) for id, match in found.items() if id in known]
