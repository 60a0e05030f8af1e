"""The network: the whole, subgraphs and neighbours, each edge with the words that prove it.

What counts as a node or an edge is said in `sparql/network/`, not here. An edge has a direction, but a walk goes both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kg.elements import OPEN, Edge, Filters, Node, edge_attributes, node_attributes
from kg.errors import SEARCH, CallError, NotFoundError
from kg.queries import Graph
from kg.table import Table
from kg.vocab import CLASSES, shorten, suggest

if TYPE_CHECKING:
    import networkx as nx

COMPARED = 5_000
"""Up to so many short forms of a class are compared with one that is not there; past it the names are searched."""

MAX_DEPTH = 4
"""How far from its seeds a subgraph reaches at most, in steps."""


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes in the order of their short forms and edges in that of the projection; parallel edges are kept apart.

    Args:
        nodes: The nodes.
        edges: The edges among them.
        reached: Of a subgraph: how many nodes lie at each distance from the seeds, from 0, before any was cut.
        kept: Of a subgraph: how many of those are in it.
        undated: How many of the edges have no date, if a day was asked for.
        not_walked: Of a subgraph of a large graph on a server: the nodes that so many facts name that no step leads on from them.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    reached: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    undated: int | None = None
    not_walked: tuple[str, ...] = ()

    @property
    def is_truncated(self) -> bool:
        """Whether nodes within reach were left out."""
        return self.kept != self.reached or bool(self.not_walked)


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a node: a relation in one direction, how it reads, and to how many edges and nodes it leads."""

    relation: str
    label: str
    is_outward: bool
    edges: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """One page of the edges of a node.

    Args:
        node: The node.
        ways: All ways out of it that pass the filters, the widest first.
        total: How many edges pass the filters.
        limit, offset: The page.
        edges: The edges of the page, by relation and direction.
        others: The nodes at their other ends, in the order of their short forms.
    """

    node: Node
    ways: tuple[Way, ...]
    total: int
    limit: int
    offset: int
    edges: tuple[Edge, ...]
    others: tuple[Node, ...]


# ---------------------------------------------------------------- what is asked for


def number_of(table: Table, text: str) -> int:
    """Return the number of a node.

    Raises:
        NotFoundError: There is none; the message suggests the nearest.
    """
    id = shorten(text.encode("utf-8", "replace").decode())
    if found := table.numbers([id]):
        return found[id]
    raise NotFoundError(f"There is no {text!r} in the network.{_hint(table, id)}")


def _hint(table: Table, id: str) -> str:
    """Return the nearest slug of the class that was meant, or else the nearest name."""
    prefix, colon, slug = id.lower().partition(":")
    same = [other.partition(":")[2] for other in table.ids(prefix + ":")] if colon else []
    if table.has_name(id):
        return " It is in the graph, but no edge leads to it."
    if prefix in CLASSES and not (same or table.has_name(prefix + ":", is_prefix=True)):
        return f" A {CLASSES[prefix]} is no node of it; kg show {id} tells to what it belongs."
    if len(same) <= COMPARED and (hint := suggest(slug, same)):
        return hint.replace("'", f"'{prefix}:", 1)
    found = [match.id for match in table.find(slug or id) if match.score >= 88 and table.numbers([match.id])]
    return f" Did you mean {found[0]!r}?" if found else f" {SEARCH}"


def resolve(table: Table, filters: Filters) -> Filters:
    """Return filters whose classes and relations are joined by those below them.

    Raises:
        NotFoundError: A class, relation or source is not in the network; the message suggests the nearest.
    """
    classes = [f"kg:{shorten(name).removeprefix('kg:')}" for name in filters.classes]
    relations = [name if ":" in name or name in table.relations else f"kg:{name}" for name in map(shorten, filters.relations)]
    sources = [shorten(name) for name in filters.sources]
    if classes:
        _require("class", classes, [f"kg:{name}" for name in table.classes])
    if relations:
        _require("relation", relations, table.relations)
    if sources:
        _require("source", sources, table.sources)
    return replace(
        filters,
        classes=frozenset(found.removeprefix("kg:") for name in classes for found in {name, *table.meanings(name)}),
        relations=frozenset(found for name in relations for found in {name, *table.meanings(name)}),
        sources=frozenset(sources),
    )


def _require(what: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            hint = (
                suggest(name, known) if name.removeprefix("kg:") else ""
            ) or f" It has: {', '.join(known[:20])}{', …' if len(known) > 20 else ''}."
            raise NotFoundError(f"The network has no {what} {name.removeprefix('kg:')!r}.{hint.replace('kg:', '')}")


def require_bound(name: str, value: int, least: int, most: int | None = None) -> None:
    """Refuse a number that is out of range.

    Raises:
        CallError: It is below the least or above the most.
    """
    if value < least or (most is not None and value > most):
        upper = f"from {least} to {most:,}" if most is not None else f"at least {least}"
        raise CallError(f"The {name} is {value:,}; it must be {upper}.")


# ---------------------------------------------------------------- subgraphs


def read_network(graph: Graph, *, filters: Filters = OPEN, projection: Path | str | None = None) -> Network:
    """Return the whole network of a graph, or what the filters leave of it.

    Args:
        graph: The graph.
        filters: What is looked at.
        projection: A file with a SELECT query that says what is an edge, instead of the shipped one.

    Raises:
        NotFoundError: A filter names what is not in the network.
        CallError: The projection is no such query.

    Example:
        >>> import kg
        >>> network = read_network(kg.open())
        >>> {edge.start for edge in network.edges} <= {node.id for node in network.nodes}
        True
    """
    table = graph.table(projection)
    wanted = resolve(table, filters)
    edges = table.edges(None, wanted)
    nodes = table.nodes(None, wanted)
    if wanted.relations or wanted.sources or wanted.as_of:
        ends = {edge.start for edge in edges} | {edge.end for edge in edges}
        nodes = tuple(node for node in nodes if node.id in ends)
    return Network(nodes, edges, undated=_undated(edges, wanted))


def _undated(edges: Iterable[Edge], filters: Filters) -> int | None:
    return sum(edge.known_by is None for edge in edges) if filters.as_of else None


def subgraph(
    graph: Graph,
    seeds: Sequence[str],
    *,
    depth: int = 1,
    filters: Filters = OPEN,
    max_nodes: int | None = None,
    projection: Path | str | None = None,
) -> Network:
    """Return the nodes within some steps of the seeds, and every edge among them.

    A walk passes only edges and nodes that the filters let through; the seeds themselves are always there. Past the limit
    the nearest nodes are kept, and of those equally near the ones with most edges.

    Args:
        graph: The graph.
        seeds: Short forms or IRIs of nodes.
        depth: Steps from the seeds, 0 to 4; with 0, the seeds alone and the edges among them.
        filters: What is looked at.
        max_nodes: How many nodes to keep at most; None for all.
        projection: As for `read_network`.

    Raises:
        NotFoundError: A seed, or what a filter names, is not in the network.
        CallError: The depth or the limit is out of range, or the projection is no such query.

    Example:
        >>> import kg
        >>> found = subgraph(kg.open(), ["wave:digital-aspirant-second-seed"], filters=Filters(classes=["Trust"]))
        >>> len(found.nodes), found.reached
        (26, (1, 25))
    """
    return reach(graph, seeds, depth=depth, filters=filters, max_nodes=max_nodes, projection=projection).to_network()


@dataclass(frozen=True, slots=True)
class Reach:
    """What a network or a part of it consists of, before anything of it is read.

    Args:
        table: Where it can be read.
        numbers: The nodes.
        filters: The filters of the edges among them.
        reached, kept, not_walked: As in `Network`; empty if it is the whole.
    """

    table: Table
    numbers: Collection[int]
    filters: Filters
    reached: tuple[int, ...]
    kept: tuple[int, ...]
    not_walked: tuple[str, ...] = ()

    def to_network(self) -> Network:
        """Read it."""
        edges = self.table.edges(self.numbers, self.filters)
        return Network(self.table.nodes(self.numbers), edges, self.reached, self.kept, _undated(edges, self.filters), self.not_walked)


def reach_all(graph: Graph, *, filters: Filters = OPEN, max_nodes: int) -> Reach:
    """Return the most connected nodes of the network, or of what the filters leave of it.

    Raises:
        NotFoundError: A filter names what is not in the network.
        CallError: The limit is below 1.

    Example:
        >>> import kg
        >>> found = reach_all(kg.open(), max_nodes=10)
        >>> found.kept, found.reached > found.kept
        ((10,), True)
    """
    require_bound("limit of nodes", max_nodes, 1)
    table = graph.table()
    wanted = resolve(table, filters)
    numbers = table.connected(wanted)
    counts = ((len(numbers),), (max_nodes,)) if len(numbers) > max_nodes else ((), ())
    return Reach(table, numbers[:max_nodes], replace(wanted, classes=frozenset()), *counts)


def reach(
    graph: Graph,
    seeds: Sequence[str],
    *,
    depth: int = 1,
    filters: Filters = OPEN,
    max_nodes: int | None = None,
    projection: Path | str | None = None,
) -> Reach:
    """Return which nodes a subgraph has, as `subgraph` says.

    Raises:
        NotFoundError, CallError: As for `subgraph`.
    """
    require_bound("depth", depth, 0, MAX_DEPTH)
    if isinstance(seeds, str) or not seeds:
        raise CallError("A subgraph needs a list of seeds, at least one, such as [person:matt-hancock].")
    table = graph.table(projection)
    wanted = resolve(table, filters)
    start = {number_of(table, seed) for seed in seeds}
    if max_nodes is not None:
        require_bound("limit of nodes", max_nodes, len(start))
    if depth:
        table.require(start)
    levels = list(_levels(table, start, wanted, depth))
    kept = list(_cut(table, levels, max_nodes))
    counts = tuple(map(len, levels)), tuple(map(len, kept))
    hubs = table.hubs(set().union(*levels[1:depth]))
    return Reach(table, set().union(*kept), replace(wanted, classes=frozenset()), *counts, tuple(hubs))


def _levels(table: Table, start: set[int], filters: Filters, depth: int) -> Iterator[set[int]]:
    """Yield the nodes at each distance, as far as there are any."""
    seen, level = set(start), start
    yield level
    for at in range(depth):
        level = table.step(level, filters, is_first=at == 0) - seen
        if not level:
            return
        seen |= level
        yield level


def _cut(table: Table, levels: Iterable[set[int]], max_nodes: int | None) -> Iterator[set[int]]:
    room = max_nodes
    for level in levels:
        kept = level if room is None or len(level) <= room else table.most_connected(level, room)
        yield kept
        room = None if room is None else room - len(kept)


def neighbours(
    graph: Graph, id: str, *, filters: Filters = OPEN, limit: int = 50, offset: int = 0, projection: Path | str | None = None
) -> Neighbours:
    """Return one page of the edges of a node, with a count for each way out of it.

    Args:
        graph: The graph.
        id: Short form or IRI of the node.
        filters: What is looked at.
        limit: Edges on the page, from 1 to 10,000.
        offset: How many edges come before it.
        projection: As for `read_network`.

    Raises:
        NotFoundError: The node, or what a filter names, is not in the network.
        CallError: The limit or offset is out of range, or the projection is no such query.

    Example:
        >>> import kg
        >>> found = neighbours(kg.open(), "person:matt-hancock", filters=Filters(relations=["speaksAt"]))
        >>> [(way.label, way.edges) for way in found.ways]
        [('speaks at', 6)]
    """
    require_bound("limit", limit, 1, 10_000)
    require_bound("offset", offset, 0, 10**12)
    table = graph.table(projection)
    wanted = resolve(table, filters)
    number = number_of(table, id)
    ways = tuple(Way(*row) for row in table.tally(number, wanted))
    edges = table.edges_at(number, wanted, limit=limit, offset=offset)
    (node,) = table.nodes([number])
    others = table.numbers({end for edge in edges for end in (edge.start, edge.end)} - {node.id})
    return Neighbours(node, ways, sum(way.edges for way in ways), limit, offset, edges, table.nodes(others.values()))


# ---------------------------------------------------------------- NetworkX


def to_networkx(network: Network) -> nx.MultiDiGraph[str]:
    """Return a network as a NetworkX graph whose attributes every writer of NetworkX accepts.

    What is unknown is left out, since no format has a value for it. Money stands on edges as text, because a pledge has
    many edges and a sum over them would count one fund many times; its figures are `total_low` and `total_high` of the
    node, and a node with `counted_in` is part of another.

    Args:
        network: What `read_network` or `subgraph` returns.

    Returns:
        Nodes are short forms with `class`, `label`, `kind`, `network_degree` (edges in the whole
        network) and what else is told of them. The key of an edge is
        its number in the table; it has `relation`, `label`, `inverse_label`, `inferred`, `fact`, `reported_in`,
        `known_by`, `ended_by` (ISO 8601), `passages` (short forms, parted by blanks), `link` (to the public page at the
        first passage) and what else is told of the fact, such as `strength`, `date` and `money`. The graph of a subgraph
        has `nodes_reached`, `nodes_kept`, `truncated` and, if there are any, `not_walked` (short forms, parted by blanks).

    Example:
        >>> import kg
        >>> graph = to_networkx(read_network(kg.open()))
        >>> type(graph).__name__, graph.nodes["person:matt-hancock"]["label"]
        ('MultiDiGraph', 'Matt Hancock')
    """
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    if network.reached:
        graph.graph.update(nodes_reached=sum(network.reached), nodes_kept=sum(network.kept), truncated=network.is_truncated)
    if network.not_walked:
        graph.graph["not_walked"] = " ".join(network.not_walked)
    graph.add_nodes_from((node.id, node_attributes(node)) for node in network.nodes)
    edges = ((edge.start, edge.end, str(edge.number), edge_attributes(edge)) for edge in network.edges)
    graph.add_edges_from(edges)  # type: ignore[arg-type]  # the stubs do not know the form with a key
    return graph
