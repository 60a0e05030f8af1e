"""The network: subgraphs, paths and the picture, under the filters of the command line."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi import Query as Params
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kg.api.asking import envelope, format_of, reply, service_of, show
from kg.api.frame import to_json
from kg.api.models import PROBLEMS, Day, NodeLink
from kg.api.models import Paths as PathsModel
from kg.api.views import shown_passage
from kg.elements import Edge, Filters, Node, edge_attributes, node_attributes
from kg.errors import NotFoundError
from kg.exports import WRITERS, reach_to_json, to_triples
from kg.network import MAX_DEPTH, Network, Reach, reach, reach_all
from kg.paths import MAX_HOPS, find_paths
from kg.store import Value
from kg.vocab import shorten

FORMATS = ("json", "html", "cytoscape", "ttl", "jsonld", "graphml", "gexf")
NETWORK_MEDIA: dict[str, Any] = {
    "text/html": {},
    "application/vnd.cytoscape+json": {},
    "text/turtle": {},
    "application/ld+json": {},
    "application/graphml+xml": {},
    "application/gexf+xml": {},
}
MOST = 5_000
"""How many nodes an answer has at most."""

MOST_SEEDS = 200
"""From how many things a subgraph starts at most."""

Text = Annotated[str, Field(min_length=1, max_length=300)]


class Filtered(BaseModel):
    """What is looked at."""

    model_config = ConfigDict(extra="forbid")

    classes: list[Text] = Field([], alias="class", max_length=50, description="only nodes of these classes", examples=[["Pledge"]])
    relation: list[Text] = Field([], max_length=50, description="only edges of these relations", examples=[["maker"]])
    source: list[Text] = Field([], max_length=50, description="only what these sources say")
    as_of: Day | None = Field(None, description="only what was so by this day and had not ended; what has no date stays")

    def to_filters(self) -> Filters:
        """Return the filters of the library."""
        return Filters(self.classes, self.relation, self.source, self.as_of)


class Around(Filtered):
    """Where to start, and how far to go."""

    seed: list[Text] = Field(min_length=1, max_length=MOST_SEEDS, description="where to start", examples=[["person:matt-hancock"]])
    depth: int = Field(1, ge=0, le=MAX_DEPTH, description="steps from there; with 0, these alone and the edges among them")
    max_nodes: int = Field(500, ge=1, le=MOST, description="nodes to keep at most, the nearest first")
    format: Literal["json", "cytoscape", "ttl", "jsonld", "graphml", "gexf", "html"] | None = None


class Whole(Filtered):
    """The whole network, or what the filters leave of it."""

    max_nodes: int = Field(2000, ge=1, le=MOST, description="nodes to keep at most, the most connected first")
    format: Literal["json", "cytoscape", "ttl", "jsonld", "graphml", "gexf", "html"] | None = None


class Between(Filtered):
    """The two ends of a path."""

    first: Text = Field(alias="from", description="where the path starts", examples=["place:birmingham"])
    second: Text = Field(alias="to", description="where it ends", examples=["person:matt-hancock"])
    max_hops: int = Field(MAX_HOPS, ge=1, le=MAX_HOPS, description="steps of a path at most")
    limit: int = Field(10, ge=1, le=1000, description="paths at most")


def add_networks(app: FastAPI) -> None:
    """Add the routes of the network."""
    for path, handler in (("/subgraph", get_subgraph), ("/network", get_network)):
        app.get(path, responses={200: {"model": NodeLink, "content": NETWORK_MEDIA}, **PROBLEMS}, tags=["network"])(handler)
    paths = {"model": PathsModel, "content": {"text/html": {}}}
    app.get("/path", responses={200: paths, **PROBLEMS}, tags=["network"])(get_path)


def get_subgraph(request: Request, params: Annotated[Around, Params()]) -> Response:
    """Take what lies around some things out of the network."""
    graph = service_of(request).graph
    format = format_of(request, FORMATS, params.format)
    most = max(params.max_nodes, len(set(params.seed)))
    return _write(request, reach(graph, params.seed, depth=params.depth, filters=params.to_filters(), max_nodes=most), format, params)


def get_network(request: Request, params: Annotated[Whole, Params()]) -> Response:
    """Take the whole network, or what the filters leave of it."""
    format = format_of(request, FORMATS, params.format)
    found = reach_all(service_of(request).graph, filters=params.to_filters(), max_nodes=params.max_nodes)
    return _write(request, found, format, params)


def _write(request: Request, within: Reach, format: str, params: Filtered) -> Response:
    graph = service_of(request).graph
    headers = {"X-Total-Count": str(sum(within.reached) or len(within.numbers))}
    if within.not_walked:
        headers["X-Not-Walked"] = str(len(within.not_walked))
    if format == "json":
        return reply(reach_to_json(within), format, headers)
    found = within.to_network()
    if format == "html":
        return _picture(request, found, headers)
    if format in ("ttl", "jsonld"):
        return reply(to_triples(found, graph, sources=params.source).to_text(format).encode(), format, headers)
    return reply(WRITERS[format](found).encode(), format, headers)


def node_record(node: Node) -> dict[str, Any]:
    """Return a node as a record."""
    return {**node_attributes(node), "id": node.id}


def edge_record(edge: Edge) -> dict[str, Any]:
    """Return an edge as a record."""
    return {**edge_attributes(edge), "source": edge.start, "target": edge.end, "key": str(edge.number)}


def _picture(request: Request, found: Network, headers: dict[str, str]) -> Response:
    """The page has a policy of its own by the digests of its parts; it is said in the header as well."""
    from kg.draw import to_html

    service = service_of(request)
    if not found.nodes:
        raise NotFoundError("There is no node in the network under these filters.")
    text = to_html(found, service.graph, texts=service.texts or None)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy, "every picture has its policy"
    said = policy[1].replace("&#39;", "'").replace("&#x27;", "'")
    return reply(text.encode(), "html", {**headers, "Content-Security-Policy": f"{said}; frame-ancestors 'none'"})


def get_path(request: Request, params: Annotated[Between, Params()]) -> Response:
    """Find the shortest paths between two things, each step with the words that prove it."""
    graph = service_of(request).graph
    found = find_paths(graph, params.first, params.second, filters=params.to_filters(), max_hops=params.max_hops, limit=params.limit)
    format = format_of(request, ("json", "html"))
    steps = [[(step.start.id, step.end.id, step.edges) for step in path] for path in (found.paths if found else ())]
    nodes = {node.id: node for path in (found.paths if found else ()) for step in path for node in (step.start, step.end)}
    if format == "json":
        records = [[{"start": start, "end": end, "edges": list(map(edge_record, edges))} for start, end, edges in path] for path in steps]
        total = found.total if found else 0
        told = {"paths": records, "nodes": list(map(node_record, nodes.values())), "hops": found.hops if found else None, "total": total}
        return reply(to_json({**told, "truncated": len(steps) < total, **envelope(request)}), format)
    service = service_of(request)
    ways: list[list[dict[str, Any]]] = [
        [
            {
                "start": start,
                "end": end,
                "way": edge.label if edge.start == start else edge.inverse_label,
                "fact": edge.fact,
                "is_inferred": edge.inferred,
                "passages": [shown_passage(passage, service) for passage in edge.passages],
            }
            for start, end, edges in path
            for edge in edges
        ]
        for path in steps
    ]
    behind = graph.labels(id for path in steps for *_, edges in path for edge in edges for id in (edge.fact, edge.reported_in))
    labels: dict[Value, str] = {**behind, **{id: node.label for id, node in nodes.items()}}
    first, last = shorten(params.first), shorten(params.second)
    names = graph.labels([first, last])
    title = f"From {names.get(first, first)} to {names.get(last, last)}"
    context: dict[str, Any] = {
        "ends": (first, last),
        "paths": ways,
        "found": found,
        "max_hops": params.max_hops,
        "labels": {**names, **labels},
    }
    return show(request, "path", title, formats=("json",), **context)
