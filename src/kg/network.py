"""The graph as a network of nodes and edges, each edge with the fact that proves it.

What counts as a node or an edge is said in `sparql/network/`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.queries import Graph
from kg.resources import shipped


@dataclass(frozen=True, slots=True)
class Node:
    """A node: short form, class without prefix, label, and kind where it has one."""

    id: str
    class_name: str
    label: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed edge, with the label read from either end, the fact that proves it and the source of that fact."""

    start: str
    end: str
    relation: str
    label: str
    inverse_label: str
    fact: str
    source: str


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes and edges in the order of their names; parallel edges are kept apart."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def read_network(graph: Graph) -> Network:
    """Return the whole network of a graph.

    Edges whose ends are no nodes of the projection, such as a passage about a value, are not part of it.

    Example:
        >>> import kg
        >>> network = read_network(kg.open())
        >>> {edge.start for edge in network.edges} <= {node.id for node in network.nodes}
        True
    """
    folder = shipped("sparql") / "network"
    nodes = tuple(
        Node(str(id), str(class_name).partition(":")[2], str(label), str(kind) if kind else None)
        for id, class_name, label, kind in graph.store.select((folder / "nodes.rq").read_text("utf-8"))
    )
    known = {node.id for node in nodes}
    rows = graph.store.select((folder / "edges.rq").read_text("utf-8"))
    edges = (Edge(*(str(value) for value in row)) for row in rows)
    return Network(nodes, tuple(edge for edge in edges if edge.start in known and edge.end in known))
