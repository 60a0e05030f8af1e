"""A network as one HTML file that opens anywhere, carries its proof and asks no other host for anything."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import Any

from kg.dossier import read_dossier
from kg.elements import Edge, Node
from kg.errors import CallError, DataError
from kg.layout import place
from kg.network import Network
from kg.queries import Graph
from kg.story import Story, require_nodes

STYLES: Mapping[str, tuple[str, str, str]] = {
    "Person": ("dot", "#0072b2", "#56a8e0"),
    "Organisation": ("square", "#00795a", "#2fb98f"),
    "Trust": ("square", "#57b894", "#8fdcc0"),
    "Group": ("square", "#7f8c8d", "#9aa7a8"),
    "Post": ("triangleDown", "#4aa3d8", "#8fcdf2"),
    "Programme": ("hexagon", "#6a4c9c", "#a88be0"),
    "Wave": ("hexagon", "#a58acb", "#c9b5ee"),
    "Event": ("triangle", "#d98e00", "#f0b441"),
    "Pledge": ("star", "#c8501e", "#ff8a57"),
    "Statement": ("diamond", "#8a7d1c", "#cfc04a"),
    "Outcome": ("diamond", "#12808c", "#4cc3cf"),
    "Technology": ("dot", "#7a5c3e", "#b8926b"),
    "Place": ("triangle", "#6f7678", "#aab1b3"),
    "Theme": ("dot", "#a99b91", "#8d8178"),
    "Source": ("square", "#2b2f33", "#d5dade"),
}
"""Shape and colour of each class, on a light and on a dark ground: two classes of one shape differ in lightness as well.

Sources:
    The hues start from those that a colour-blind reader can tell apart: https://jfly.uni-koeln.de/color/
"""

OTHER = ("dot", "#555555", "#bbbbbb")
"""What a class of a user's own projection looks like."""

OPENING = 2_000
"""How many nodes a page opens on, the most connected; the rest is in the file and shown when asked for."""

LARGEST = 15_000
"""How many nodes a page holds; a larger one would not open in a browser."""

CALM = ("Theme", "Statement", "Technology")
"""Classes that are in the file and not shown at first, where there are other classes to look at and many nodes."""

FEW = 100
"""So many nodes are all shown at once."""

THEMES = ("auto", "light", "dark")


def to_html(
    network: Network,
    graph: Graph,
    *,
    title: str = "Who promised what",
    story: Story | None = None,
    texts: Mapping[str, str] | None = None,
    theme: str = "auto",
) -> str:
    """Return the network as a page: the picture, its twin as tables, filters, a search, and a panel with the proof.

    Args:
        network: Nodes and edges to draw.
        graph: The graph they come from, for what is known of them and the passages.
        title: Heading of the page.
        story: Views that lead a reader through the picture.
        texts: The text of each source by its short form, if the words of the passages are to stand in the page.
        theme: `light`, `dark`, or `auto` for what the reader's system prefers.

    Raises:
        DataError: There is no node.
        NotFoundError: The story names what is not in the network.
        CallError: There is no such theme, or the network is too large for a page.

    Example:
        >>> import kg
        >>> from kg.network import read_network
        >>> g = kg.open()
        >>> "<title>Who promised what</title>" in to_html(read_network(g), g)
        True
    """
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader
    from markupsafe import Markup
    from pyvis import network as pyvis_network

    if not network.nodes:
        raise DataError("There is no node to draw.")
    if len(network.nodes) > LARGEST:
        raise CallError(
            f"A page holds {LARGEST:,} nodes at most, and the network has {len(network.nodes):,}. Take a part of it, or another format."
        )
    if theme not in THEMES:
        raise CallError(f"There is no theme {theme!r}. It is one of {', '.join(THEMES)}.")
    if story:
        require_nodes(story, network)
    net = pyvis_network.Network(directed=True, cdn_resources="in_line", heading=title)
    _draw(net, network)
    own = Environment(loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), net.templateEnv.loader]), autoescape=True)
    read = {
        name: own.loader.get_source(own, path)[0].replace("\r\n", "\n")  # type: ignore[union-attr]  # the loader is set above
        for name, path in {"css": "picture.css", "script": "picture.js", "vis": "lib/vis-9.1.2/vis-network.min.js"}.items()
    }
    own.globals |= {name: Markup(text) for name, text in read.items()}  # noqa: S704 # files of this package and of pyvis
    own.globals |= {"policy": _policy(read), "theme": theme, "page": _page(network, graph, title, story, texts)}
    own.policies["json.dumps_kwargs"] = {"sort_keys": False, "ensure_ascii": False, "separators": (",", ":")}
    net.templateEnv, net.path = own, "picture.html"
    return str(net.generate_html())


def _policy(read: Mapping[str, str]) -> str:
    """Allow only what is in the file, by its digest; nothing can be fetched, embedded, sent or run.

    Sources:
        https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    scripts = " ".join(_hash(read[name]) for name in ("vis", "script"))
    own = f"script-src {scripts}; style-src {_hash(read['css'])}; img-src data: blob:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _draw(net: Any, network: Network) -> None:
    """Hand nodes and edges to pyvis: numbers instead of names, so that no text of the data is read as markup."""
    index = {node.id: number for number, node in enumerate(network.nodes)}
    degrees = Counter(end for edge in network.edges for end in (edge.start, edge.end))
    sizes = [_size(node, degrees[node.id]) for node in network.nodes]
    places = place(list(index), network.edges, sizes)
    for node, size, (x, y) in zip(network.nodes, sizes, places, strict=True):
        shape, colour, _ = STYLES.get(node.class_name, OTHER)
        net.add_node(index[node.id], label=" ", shape=shape, color=colour, size=size, x=x, y=y)
    for edge in network.edges:
        net.add_edge(index[edge.start], index[edge.end])


def _size(node: Node, degree: int) -> int:
    """A pledge, which people come for, is larger than its few ties make it."""
    return round((10 if node.class_name == "Pledge" else 6) + 2.4 * min(sqrt(degree), 11))


def _page(network: Network, graph: Graph, title: str, story: Story | None, texts: Mapping[str, str] | None) -> dict[str, Any]:
    index = {node.id: number for number, node in enumerate(network.nodes)}
    relations = sorted({edge[3:6] for edge in network.edges})
    ways = {way: number for number, way in enumerate(relations)}
    classes = {node.class_name for node in network.nodes}
    styles = {name: style for name, style in STYLES.items() if name in classes} | dict.fromkeys(sorted(classes - set(STYLES)), OTHER)
    hidden = [name for name in CALM if name in classes] if classes - set(CALM) and len(network.nodes) > FEW else []
    return {
        "title": title,
        "limit": OPENING,
        "styles": styles,
        "hide": hidden,
        "relations": relations,
        "nodes": [_node(node) for node in network.nodes],
        "edges": [_edge(edge, index, ways) for edge in network.edges],
        "story": asdict(story) if story else None,
        "cut": _left_out(network),
        **read_dossier(network, graph, texts),
    }


def _left_out(network: Network) -> str | None:
    if not network.is_truncated:
        return None
    said = []
    if network.kept != network.reached:
        among = f"{len(network.nodes):,} of {sum(network.reached):,} nodes within reach"
        said.append(f"{among} are in this file; the others were cut when it was made.")
    if hubs := network.not_walked:
        more = f" and {len(hubs) - NAMED:,} more" if len(hubs) > NAMED else ""
        said.append(f"What lies beyond {', '.join(hubs[:NAMED])}{more} was not fetched, since so many facts name it.")
    return " ".join(said)


NAMED = 5
"""So many nodes beyond which nothing was fetched are named."""

NODE_TOLD = ("money", "date", "latest", "strength", "unit", "total_low", "total_high", "counted_in")
EDGE_TOLD = ("money", "date", "strength")
"""What the tables and filters need; the panel has all that is known from the passages' side."""


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.class_name,
        "label": node.label,
        "kind": node.kind,
        "told": _told(node.attributes, NODE_TOLD),
    }


def _edge(edge: Edge, index: Mapping[str, int], ways: Mapping[tuple[str, str, str], int]) -> dict[str, Any]:
    return {
        "key": edge.number,
        "start": index[edge.start],
        "end": index[edge.end],
        "relation": ways[edge[3:6]],
        "fact": edge.fact,
        "source": edge.reported_in,
        "inferred": edge.inferred,
        "known_by": edge.known_by and edge.known_by.isoformat(),
        "ended_by": edge.ended_by and edge.ended_by.isoformat(),
        "told": _told(edge.attributes, EDGE_TOLD),
    }


def _told(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
