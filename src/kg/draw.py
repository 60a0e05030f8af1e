"""A network as one HTML file that opens anywhere and asks no other host for anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

from kg.elements import Edge, Node
from kg.network import Network
from kg.queries import Graph
from kg.sources import to_link

STYLES: Mapping[str, tuple[str, str]] = {
    "Person": ("dot", "#0b5394"),
    "Organisation": ("square", "#38761d"),
    "Trust": ("square", "#6aa84f"),
    "Group": ("square", "#93a8ac"),
    "Post": ("triangleDown", "#3d85c6"),
    "Programme": ("hexagon", "#674ea7"),
    "Wave": ("hexagon", "#9a86c9"),
    "Event": ("triangle", "#b45f06"),
    "Pledge": ("star", "#c4320a"),
    "Statement": ("diamond", "#bf9000"),
    "Outcome": ("diamond", "#0b7a75"),
    "Technology": ("dot", "#7f6000"),
    "Place": ("triangle", "#7a7a7a"),
    "Theme": ("dot", "#b4a7a0"),
    "Source": ("square", "#333333"),
}
"""Shape and colour of each class: two classes of one shape differ in colour, and the legend names both."""


def to_html(network: Network, graph: Graph, *, title: str = "Who promised what") -> str:
    """Return the network as a page: the picture, a legend that filters, a search, and a panel with the proof.

    Args:
        network: Nodes and edges to draw.
        graph: The graph they come from, for the passages.
        title: Heading of the page.

    Example:
        >>> import kg
        >>> from kg.network import read_network
        >>> g = kg.open()
        >>> "<title>Who promised what</title>" in to_html(read_network(g), g)
        True
    """
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader
    from pyvis import network as pyvis_network

    net = pyvis_network.Network(directed=True, cdn_resources="in_line", heading=title)
    degree = _degrees(network)
    for node, (x, y) in zip(network.nodes, _layout(network), strict=True):
        shape, colour = STYLES.get(node.class_name, ("dot", "#555555"))
        weight = degree[node.id] ** 0.5
        net.add_node(
            node.id,
            label=_wrap(node.label),
            shape=shape,
            color=colour,
            size=round(8 + 4 * min(weight, 10), 1),
            x=x,
            y=y,
            font={"size": round(12 + 4 * min(weight, 8))},
        )
    for number, edge in enumerate(network.edges):
        net.add_edge(edge.start, edge.end, id=number)
    own = Environment(loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), net.templateEnv.loader]), autoescape=True)
    own.globals["page"] = {
        "nodes": {node.id: _of(node, "id", "class_name", "label", "kind") for node in network.nodes},
        "edges": [_of(edge, "start", "end", "relation", "label", "inverse_label", "fact", "reported_in") for edge in network.edges],
        "proof": _proof(graph),
        "values": _values(graph),
        "styles": {name: style for name, style in STYLES.items() if any(node.class_name == name for node in network.nodes)},
    }
    net.templateEnv, net.path = own, "network.html"
    return str(net.generate_html())


def _of(element: Node | Edge, *names: str) -> dict[str, str | None]:
    return {name: getattr(element, name) for name in names}


def _degrees(network: Network) -> dict[str, int]:
    degree: dict[str, int] = defaultdict(int)
    for edge in network.edges:
        degree[edge.start] += 1
        degree[edge.end] += 1
    return degree


def _wrap(label: str) -> str:
    """A long label stands in two lines and is cut in the picture only; the panel has it whole."""
    lines = wrap(label, 26)
    return "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")


def _layout(network: Network) -> list[tuple[int, int]]:
    """Place the nodes beforehand and by a seed, so that the same network is always the same file.

    Parts that hang together are laid out each by itself; the smaller ones stand in a row below the largest.
    """
    import rustworkx

    graph = rustworkx.PyGraph()
    index = {node.id: number for number, node in enumerate(network.nodes)}
    graph.add_nodes_from(list(index))
    graph.add_edges_from_no_data([(index[edge.start], index[edge.end]) for edge in network.edges])
    places: dict[int, tuple[int, int]] = {}
    left, bottom = 0.0, 0.0
    for part in sorted((sorted(part) for part in rustworkx.connected_components(graph)), key=lambda part: (-len(part), part)):
        size = 75 * len(part) ** 0.5
        found = rustworkx.spring_layout(graph.subgraph(part), seed=7, num_iter=400, k=2.4 / len(part) ** 0.5)
        is_first = not places
        x0, y0 = (0.0, 0.0) if is_first else (left + size, bottom + size)
        places |= {node: (round(x0 + found[number][0] * size), round(y0 + found[number][1] * size)) for number, node in enumerate(part)}
        left, bottom = (-size, max(y for _, y in places.values())) if is_first else (x0 + size + 100, bottom)
    return [places[number] for number in range(len(index))]


def _values(graph: Graph) -> dict[str, list[list[str]]]:
    """Return the values and texts of each node, as pairs of what it is and how it reads."""
    values: dict[str, list[list[str]]] = defaultdict(list)
    query = """
    SELECT ?node ?sort ?text
    WHERE {
      { ?value kg:of ?node ; a ?class ; rdfs:label ?text . ?class rdfs:label ?sort }
      UNION
      {
        VALUES ?property { kg:purpose kg:condition kg:strength kg:polarity kg:hedge kg:gloss kg:note }
        ?node ?property ?value . ?property rdfs:label ?sort
        OPTIONAL { ?value rdfs:label ?label }
        BIND(COALESCE(?label, ?value) AS ?text)
      }
    } ORDER BY ?node ?sort ?text"""
    for node, sort, text in graph.store.select(query):
        values[str(node)].append([str(sort).capitalize(), str(text)])
    return values


def _proof(graph: Graph) -> dict[str, list[dict[str, str | int | None]]]:
    """Return the passages of each fact: source, span and the link to the public page."""
    proof: dict[str, list[dict[str, str | int | None]]] = defaultdict(list)
    for row in graph.query("provenance").to_dicts():
        link = to_link(*(str(row[name]) if row[name] else None for name in ("address", "starts_with", "ends_with")))
        span: dict[str, str | int | None] = {
            "source": str(row["source"]),
            "start": int(str(row["start"])),
            "end": int(str(row["end"])),
            "link": link,
        }
        proof[str(row["node_id"])].append(span)
    return proof
