"""The explorer: a part of the network that a reader puts together, thing by thing.

The page is whole without script: a form, the neighbours by relation, and links that add one. With script the same is done in
a picture, which asks the routes of the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi import Query as Params
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kg.api.asking import format_of, service_of, show
from kg.api.frame import MAX_PARAMS
from kg.api.networks import MOST_SEEDS
from kg.api.pages import entity_path
from kg.draw import CALM, OTHER, STYLES
from kg.elements import OPEN, Edge, Filters, Node
from kg.errors import TooLargeError
from kg.network import neighbours
from kg.queries import Graph
from kg.vocab import shorten

MOST = min(MOST_SEEDS, MAX_PARAMS - 8)
"""How many things are explored at most: each is a parameter of the address, and the files that are saved need a few more."""

LONGEST = 12_000
"""How long an address becomes at most, in characters: the server refuses a head of more than 16 KiB.

Sources:
    https://h11.readthedocs.io/en/latest/api.html#h11.Connection
"""

PAGE = 50
"""How many ties of a thing are followed at once."""

OPENED = 5
"""Of so many things the neighbours are listed where there is no script; all are in the files that can be saved."""

TIES = 200
"""So many ties of each of them are looked at."""

LISTED = 12
"""So many things are listed for each way out of them."""

OFFERED = 8
"""How many things are offered to begin with, or for a name that is not clear."""

UNCLEAR = 5
"""For so many names that are not clear something is offered."""


class Start(BaseModel):
    """From what a reader starts."""

    model_config = ConfigDict(extra="forbid")

    seed: list[Annotated[str, Field(max_length=300)]] = Field([], max_length=MOST, description="what is explored, or a name to look for")
    to: str | None = Field(None, max_length=300, description="to what paths are wanted, from the first that is explored")


def add_explorer(app: FastAPI) -> None:
    """Add the page of the explorer."""
    app.get("/explorer", include_in_schema=False)(explore)


def explore(request: Request, params: Annotated[Start, Params()]) -> Response:
    """Show what lies around some things, and what can be added to them."""
    format_of(request, ("html",))
    graph = service_of(request).graph
    table = graph.table()
    wanted, to = [*dict.fromkeys(filter(None, map(str.strip, params.seed)))], (params.to or "").strip()
    known = table.numbers(map(shorten, [*wanted, to]))
    nodes = {node.id: node for node in table.nodes(known.values())}
    seeds = [nodes[id] for id in dict.fromkeys(map(shorten, wanted)) if id in nodes]
    unclear = [text for text in (*wanted, *([to] if to else [])) if shorten(text) not in nodes]
    offers = [(text, _nodes_named(graph, text), text == to and text not in wanted) for text in unclear[:UNCLEAR]]
    return show(request, "explorer", "Explorer", formats=(), unclear=offers, **_told(graph, seeds, nodes.get(shorten(to))))


def _told(graph: Graph, seeds: Sequence[Node], goal: Node | None) -> dict[str, Any]:
    """Return what the page needs to know: what is explored for the template, and where to start for the script."""
    classes = graph.table().classes
    to = {"id": goal.id, "label": goal.label} if goal else None
    return {
        "seeds": seeds,
        "goal": goal,
        "around": [_around(graph, node) for node in seeds[:OPENED]],
        "first": () if seeds or not graph.table().is_whole else _most_connected(graph),
        "styles": {name: STYLES.get(name, OTHER) for name in {*STYLES, *classes}},
        "start": {"seeds": [node.id for node in seeds], "to": to, "most": MOST, "longest": LONGEST, "page": PAGE, "classes": classes},
    }


def around(graph: Graph, id: str) -> dict[str, Any]:
    """Return the ways out of a thing, each with its counts and the first things to which it leads.

    Raises:
        NotFoundError: It is no node.

    Example:
        >>> import kg
        >>> found = around(kg.open(), "person:matt-hancock")
        >>> [(way["label"], way["nodes"], len(way["others"]), way["more"]) for way in found["ways"][1:3]]
        [('made', 25, 12, 13), ('holds or has held', 3, 3, 0)]
    """
    found = neighbours(graph, id, limit=TIES)
    names = {node.id: node for node in (*found.others, found.node)}
    ends: dict[tuple[str, str, bool], dict[str, Node]] = {}
    _sort_ends(found.edges, id, names, ends)
    ways = []
    for way in found.ways:
        if (way.relation, way.label, way.is_outward) not in ends:
            more = neighbours(graph, id, filters=Filters(relations=[way.relation]), limit=TIES)
            names |= {node.id: node for node in more.others}
            _sort_ends(more.edges, id, names, ends)
        others = list(ends.get((way.relation, way.label, way.is_outward), {}).values())[:LISTED]
        told = {"relation": way.relation, "label": way.label, "edges": way.edges, "nodes": way.nodes}
        ways.append({**told, "others": others, "more": way.nodes - len(others)})
    return {"node": found.node, "path": f"{entity_path(id)}/neighbours", "ways": ways, "refused": None}


def _around(graph: Graph, node: Node) -> dict[str, Any]:
    """Return the ways out of a thing, or why a server is not asked for them."""
    try:
        return around(graph, node.id)
    except TooLargeError as exc:
        return {"node": node, "path": f"{entity_path(node.id)}/neighbours", "ways": [], "refused": str(exc)}


def _sort_ends(edges: Iterable[Edge], id: str, names: Mapping[str, Node], ends: dict[tuple[str, str, bool], dict[str, Node]]) -> None:
    """Add the other ends of the edges of a node to the ways by which they are reached."""
    for edge in edges:
        is_outward = edge.start == id
        label, end = (edge.label, edge.end) if is_outward else (edge.inverse_label, edge.start)
        ends.setdefault((edge.relation, label, is_outward), {})[end] = names[end]


def _nodes_named(graph: Graph, text: str) -> Sequence[Node]:
    """Return the nodes whose names are nearest to a text, the nearest first."""
    table = graph.table()
    found = [match.id for match in graph.find(text, limit=OFFERED)]
    nodes = {node.id: node for node in table.nodes(table.numbers(found).values())}
    return [nodes[id] for id in found if id in nodes]


def _most_connected(graph: Graph) -> Sequence[Node]:
    """Return something to begin with: the most connected nodes."""
    table = graph.table()
    nodes = table.nodes(table.connected(OPEN, 5 * OFFERED))
    ranked = sorted(nodes, key=lambda node: (node.class_name in CALM, -node.degree, node.id))
    return ranked[:OFFERED]
