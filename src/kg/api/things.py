"""Things: an entity with all that is known of it, its neighbours, a source, and the IRI that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import FastAPI, Path, Request
from fastapi import Query as Params
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from kg.api.asking import LIST_FORMATS, envelope, format_of, next_page, paging, reply, service_of, show, triples
from kg.api.frame import to_json
from kg.api.lists import Paged
from kg.api.models import PROBLEMS, TWINS, Entity, Neighbours, Source
from kg.api.networks import Filtered, edge_record, node_record
from kg.api.pages import entity_path, path_of, sort_of
from kg.api.service import Service
from kg.api.views import (
    GROUPS,
    IDENTIFIERS,
    SHOWN,
    covered,
    disputes_of,
    groups_of,
    horizon_of,
    offices_of,
    origin_of,
    passage_of,
    picture_of,
    pieces_of,
    plain,
    promised_of,
    proofs_of,
    properties_of,
    shown_passage,
    sides_of,
    total_of,
)
from kg.elements import to_plain
from kg.errors import NotFoundError, TooLargeError
from kg.network import neighbours
from kg.show import Known, Record, read_known, read_own
from kg.store import to_csv
from kg.vocab import KG, to_iri

Class = Annotated[str, Path(max_length=40, description="first part of the short form", examples=["person"])]
Slug = Annotated[str, Path(max_length=300, description="second part of the short form", examples=["matt-hancock"])]


def add_things(app: FastAPI) -> None:
    """Add the routes of single things."""
    twins = {"content": TWINS}
    app.get("/entities/{class_name}/{slug}", responses={200: {"model": Entity, **twins}, **PROBLEMS}, tags=["things"])(get_entity)
    app.get(
        "/entities/{class_name}/{slug}/neighbours",
        responses={200: {"model": Neighbours, **twins}, **PROBLEMS},
        tags=["things"],
    )(list_neighbours)
    app.get("/sources/{slug}", responses={200: {"model": Source, **twins}, **PROBLEMS}, tags=["things"])(get_source)
    app.get(
        "/id/{class_name}/{slug}",
        status_code=303,
        response_class=Response,
        responses={303: {"description": "The thing's page"}, **PROBLEMS},
        tags=["things"],
    )(follow)


def follow(request: Request, class_name: Class, slug: Slug) -> Response:
    """Lead from the IRI of a thing to what is known of it."""
    id = f"{class_name}:{slug}"
    service_of(request).graph.require(id)
    suffix = f".{request.scope['kg_format']}" if request.scope["kg_format"] else ""
    return RedirectResponse(request.scope.get("root_path", "") + path_of(id) + suffix, 303, {"Cache-Control": "public, no-cache"})


KINDS = tuple(key for key, *_ in GROUPS)


class Whole(BaseModel):
    """Of which kind of facts a page shows all."""

    model_config = ConfigDict(extra="forbid")

    all: Literal[KINDS] | None = Field(None, description="for a browser: show all facts of this kind", examples=["pledges"])  # type: ignore[valid-type]  # the kinds are data


def get_entity(request: Request, class_name: Class, slug: Slug, params: Annotated[Whole, Params()]) -> Response:
    """Tell all that is known of a thing, each line with its passages."""
    service = service_of(request)
    format = format_of(request, LIST_FORMATS)
    if format == "html":
        return _entity_page(request, f"{class_name}:{slug}", params.all)
    known = read_known(service.graph, f"{class_name}:{slug}")
    if format == "json":
        return reply(to_json(_entity(known, service) | envelope(request)), format)
    if format in ("ttl", "jsonld"):
        return triples(request, [known.id, *(str(rows[0]["fact"]) for rows in known.facts)], format)
    return reply(to_csv([FACT_COLUMNS, *_facts(known, service)]).encode(), format)


def _entity_page(request: Request, short: str, whole: str | None) -> Response:
    """Show all that is known of a thing, by kind and by date."""
    service = service_of(request)
    graph = service.graph
    id, class_label, label, properties = read_own(graph, short)
    groups = groups_of(service, id, whole)
    codes = [row for row in service.rows("names", {"node": id}) if row["name_kind"] != "label" and not row["reported_in"]]
    told: dict[str, Any] = {
        "id": id,
        "class_label": class_label,
        "class_name": sort_of(id),
        "is_fact": sort_of(id) in FACTS,
        "iri": to_iri(id),
        "groups": groups,
        "identifiers": [(f"{row['name_kind']}: {row['name']}", _register(row)) for row in codes],
        **_network_of(service, id),
        "is_whole": whole is None,
    }
    if whole is None:
        told |= {
            "properties": properties_of(properties),
            "own_proof": proofs_of(service, [id]).get(id, []),
            "total": total_of(properties),
            "disputes": disputes_of(service, [id]).get(id, []),
            "offices": offices_of(service, id) if sort_of(id) == "Person" else [],
            "promised": promised_of(service, id),
            "received": _received(service, id) if sort_of(id) == "Trust" else [],
            "sides": sides_of(service, id) if sort_of(id) == "Conflict" else [],
            "origin": origin_of(service, id) if sort_of(id) in FACTS else None,
            "due": horizon_of(service, id) if sort_of(id) == "Pledge" else [],
            "manner": _manner(service, id) if sort_of(id) == "Pledge" else None,
        }
    things = [fact["reported_in"] for group in groups for fact in group["facts"]]
    things += [told["origin"][0]] if told.get("origin") else []
    things += [one["source"] for group in groups for fact in group["facts"] for one in fact["passages"]]
    things += [one["source"] for one in told.get("own_proof", ())]
    things += [one["source"] for side in told.get("sides", ()) for one in side["passages"]]
    things += [report["reported_in"] for office in told.get("offices", ()) for report in office["reports"]]
    return show(request, "entity", label or id, labels=graph.labels(things), **told)


def _network_of(service: Service, id: str) -> dict[str, Any]:
    """Return the picture and the ways out of a thing, if it is a node, or why a server is not asked for them."""
    if not service.graph.table().numbers([id]):
        return {"picture": None, "ways": (), "refused": None}
    try:
        ways = neighbours(service.graph, id, limit=1).ways
        return {"picture": picture_of(service, id), "ways": ways, "refused": None}
    except TooLargeError as exc:
        return {"picture": None, "ways": (), "refused": str(exc)}


def _received(service: Service, id: str) -> list[dict[str, Any]]:
    """Return the first rows of what a trust gets; the question has them all."""
    if not service.graph.store.select(f"ASK {{ <{to_iri(id)}> <{KG}takesPartIn> ?wave }}").rows[0][0]:
        return []  # as of most trusts; the question itself takes longer than all else that is told of one
    return [plain(row) for row in service.rows("trusts", {"trust": id}).page(0, SHOWN).to_dicts()]


def _manner(service: Service, id: str) -> str | None:
    """Return how the sum of a pledge is meant, where one is stated."""
    sums = list(service.rows("money", {"of": id}))
    return str(sums[0]["qualifier"]) if len(sums) == 1 and sums[0]["qualifier"] else None


FACTS = ("Pledge", "Statement", "Outcome", "Link", "Tenure", "Money", "Quantity", "Date", "Name", "Conflict", "Absence")
"""Classes whose things say something."""


def _register(row: Record) -> str | None:
    address = IDENTIFIERS.get(str(row["name_kind"]))
    return address.format(quote(str(row["name"]))) if address else None


def _entity(known: Known, service: Service) -> dict[str, Any]:
    class_name = service.graph.store.select(f"SELECT ?class WHERE {{ <{to_iri(known.id)}> a ?class }}").rows[0][0]
    return {
        "id": known.id,
        "iri": to_iri(known.id),
        "class": str(class_name).removeprefix("kg:"),
        "label": known.label,
        "properties": [
            {"property": row["property"], "property_label": row["property_label"], "value": to_plain(row["value_label"])}
            for row in known.properties
        ],
        "names": [{"name": row["name"], "kind": row["name_kind"], "reported_in": row["reported_in"]} for row in known.names],
        "passages": [_told_passage(row, service) for row in known.proof.get(known.id, ())],
        "facts": [_fact(rows, known, service) for rows in known.facts],
    }


def _fact(rows: tuple[Record, ...], known: Known, service: Service) -> dict[str, Any]:
    first = rows[0]
    return {
        "id": first["fact"],
        "class": str(first["fact_class"]).removeprefix("kg:"),
        "label": first["label"],
        "roles": [row["role_label"] for row in rows],
        "date": first["date"],
        "earliest": first["earliest"] and str(first["earliest"]),
        "latest": first["latest"] and str(first["latest"]),
        "dated_by": first["dated_by"],
        "reported_in": first["reported_in"],
        "passages": [_told_passage(row, service) for row in known.proof.get(str(first["fact"]), ())],
    }


def _told_passage(row: Record, service: Service) -> dict[str, Any]:
    return {name: value for name, value in passage_of(row, service).items() if name not in ("starts_with", "ends_with")}


FACT_COLUMNS = ("date", "earliest", "latest", "dated_by", "role", "fact", "label", "reported_in", "characters", "link")


def _facts(known: Known, service: Service) -> list[tuple[Any, ...]]:
    """One row for each passage of each fact, so that every line has its proof."""
    rows: list[tuple[Any, ...]] = []
    for found in known.facts:
        first, roles = found[0], ", ".join(str(row["role_label"]) for row in found)
        for proof in known.proof.get(str(first["fact"]), ()) or ({},):
            span = f"{proof['start']}-{proof['end']}" if proof else None
            link = passage_of(proof, service)["link"] if proof else None
            rows.append(
                (
                    first["date"],
                    first["earliest"],
                    first["latest"],
                    first["dated_by"],
                    roles,
                    first["fact"],
                    first["label"],
                    first["reported_in"],
                    span,
                    link,
                )
            )
    return rows


class Near(Filtered, Paged):
    """Which neighbours."""


def list_neighbours(request: Request, class_name: Class, slug: Slug, params: Annotated[Near, Params()]) -> Response:
    """List what a thing is tied to, by relation, with counts for each way out of it."""
    graph = service_of(request).graph
    found = neighbours(graph, f"{class_name}:{slug}", filters=params.to_filters(), limit=params.limit, offset=params.offset)
    format = format_of(request, LIST_FORMATS)
    following = next_page(request, found.total, params.limit, params.offset)
    headers = {"X-Total-Count": str(found.total), **({"Link": f'<{following}>; rel="next"'} if following else {})}
    if format == "json":
        counts = {"total": found.total, "limit": found.limit, "offset": found.offset, "next": following, "truncated": following is not None}
        ways = [
            {"relation": way.relation, "label": way.label, "outward": way.is_outward, "edges": way.edges, "nodes": way.nodes}
            for way in found.ways
        ]
        record = {
            "node": node_record(found.node),
            "ways": ways,
            "results": list(map(edge_record, found.edges)),
            "nodes": list(map(node_record, found.others)),
            **counts,
        }
        return reply(to_json(record | envelope(request)), format, headers)
    id = found.node.id
    if format in ("ttl", "jsonld"):
        return triples(request, [id, *(edge.fact or edge.end for edge in found.edges)], format, headers)
    rows = [
        (edge.label if edge.start == id else edge.inverse_label, edge.end if edge.start == id else edge.start, edge.fact, edge.reported_in)
        for edge in found.edges
    ]
    if format == "csv":
        return reply(to_csv([("way", "thing", "fact", "reported_in"), *rows]).encode(), format, headers)
    service = service_of(request)
    ties = [
        {
            "way": way,
            "id": other,
            "fact": fact,
            "is_inferred": edge.inferred,
            "passages": [shown_passage(passage, service) for passage in edge.passages],
        }
        for (way, other, fact, _), edge in zip(rows, found.edges, strict=True)
    ]
    told = {
        "node": found.node,
        "ways": found.ways,
        "is_filtered": bool(params.classes or params.relation or params.source or params.as_of),
        "ties": ties,
        "labels": graph.labels(value for row in rows for value in row),
        **paging(request, found.total, params.limit, params.offset),
    }
    return show(request, "neighbours", f"What {found.node.label} is tied to", headers=headers, **told)


def get_source(request: Request, slug: Slug) -> Response:
    """Tell what a source is, which of it is no article, and how many facts it tells."""
    service, id = service_of(request), f"source:{slug}"
    service.graph.require(id, "Source")
    if (at := service.place_of(id)) is None:
        raise NotFoundError(f"Of the source {id!r} nothing is told but its name; {entity_path(id)} has what there is.")
    [row] = service.rows("sources", {}).page(at, 1).to_dicts()
    format = format_of(request, LIST_FORMATS)
    if format in ("ttl", "jsonld"):
        return triples(request, [id], format)
    furniture: dict[tuple[Any, ...], list[str]] = {}
    for region in service.rows("furniture", {"source": id}):
        furniture.setdefault((region["start"], region["end"], region["kind"]), []).extend([str(region["holds"])] if region["holds"] else [])
    if format == "json":
        told = {"id": id, **{name: to_plain(value) if value is not None else None for name, value in row.items() if name != "source"}}
        regions = [{"start": start, "end": end, "kind": kind, "holds": holds} for (start, end, kind), holds in furniture.items()]
        return reply(to_json({**told, "furniture": regions, **envelope(request)}), format)
    if format == "csv":
        return reply(to_csv([tuple(row), tuple(row.values())]).encode(), format)
    return _source_page(request, id, plain(row), furniture)


def _source_page(request: Request, id: str, row: Mapping[str, Any], furniture: Mapping[tuple[Any, ...], list[str]]) -> Response:
    """Show a source: what it tells, with each passage, and where the text is at hand the text itself."""
    service = service_of(request)
    proof = service.rows("provenance", {"source": id})
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for one in proof.page(0, MOST_PASSAGES).to_dicts():
        passage = passage_of(one, service)
        entry = found.setdefault((passage["start"], passage["end"]), {**passage, "facts": []})
        entry["facts"].append((str(one["node_id"]), str(one["node_label"])))
    passages = [found[span] for span in sorted(found)]
    regions = [(int(start), int(end)) for start, end, _ in furniture]
    told: dict[str, Any] = {
        "id": id,
        "row": row,
        "at": service.place_of(id),
        "origin": next((str(row[0]) for row in service.select(f"SELECT ?o WHERE {{ <{to_iri(id)}> <{KG}origin> ?o }} ORDER BY ?o")), None),
        "passages": passages,
        "cited_rows": proof.total,
        "is_whole": proof.total <= MOST_PASSAGES,
        "furniture": [{"start": start, "end": end, "kind": kind, "holds": holds} for (start, end, kind), holds in furniture.items()],
        "pieces": pieces_of(service.texts[id], passages, regions) if id in service.texts else [],
        "cover": covered(passages, regions, int(row["length"])) if row["length"] else None,
        "labels": service.graph.labels([id]),
    }
    return show(request, "source", str(row["label"]), **told)


MOST_PASSAGES = 2_000
"""How many rows of passages the page of a source holds."""
