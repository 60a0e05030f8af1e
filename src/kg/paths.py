"""The shortest paths between two nodes, each step with the words that prove it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

from kg.elements import OPEN, Edge, Filters, Node
from kg.errors import CallError
from kg.network import number_of, require_bound, resolve
from kg.queries import Graph
from kg.table import Table

MAX_HOPS = 12
"""How long a path is at most, in steps."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path, from a node to the next, with every edge between the two: each proves the step by itself."""

    start: Node
    end: Node
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest paths between two nodes, in the order of their short forms.

    Args:
        paths: The steps of each.
        total: How many there are, of which `paths` may be the first.
        hops: How many steps each has.
    """

    paths: tuple[tuple[Step, ...], ...]
    total: int
    hops: int


def find_paths(
    graph: Graph,
    first: str,
    second: str,
    *,
    filters: Filters = OPEN,
    max_hops: int = MAX_HOPS,
    limit: int = 10,
    projection: Path | str | None = None,
) -> Paths | None:
    """Return the shortest paths between two nodes, or None if there is none within reach.

    A path goes along edges in either direction. The filter of classes holds for the nodes between the two.

    Args:
        graph: The graph.
        first: Short form or IRI of the node where the path starts.
        second: Short form or IRI of the node where it ends.
        filters: What is looked at.
        max_hops: Steps of a path at most, 1 to 12.
        limit: How many paths to return at most, from 1 to 1,000.
        projection: As for `read_network`.

    Raises:
        NotFoundError: A node, or what a filter names, is not in the network.
        CallError: A bound is out of range, both nodes are the same, or the projection is no such query.

    Example:
        >>> import kg
        >>> found = find_paths(kg.open(), "person:matt-hancock", "event:first-health-secretary-speech")
        >>> found.hops, found.paths[0][0].edges[0].label
        (1, 'speaks at')
    """
    require_bound("number of hops", max_hops, 1, MAX_HOPS)
    require_bound("limit", limit, 1, 1000)
    table = graph.table(projection)
    table.require(None)
    wanted = resolve(table, filters)
    start, goal = number_of(table, first), number_of(table, second)
    if start == goal:
        raise CallError(f"A path leads from one node to another, and both are {first!r}.")
    levels = _shortest(table, start, goal, wanted, max_hops)
    if levels is None:
        return None
    onward = _onward(table, levels, wanted)
    chosen = list(islice(_walk((start,), goal, onward), limit))
    nodes = {node.id: node for node in table.nodes({number for path in chosen for number in path})}
    by_number = {number: nodes[id] for id, number in table.numbers(nodes).items()}
    proof = {pair: table.edges_between(*pair, wanted) for path in chosen for pair in pairwise(path)}
    steps = (tuple(Step(by_number[a], by_number[b], proof[a, b]) for a, b in pairwise(path)) for path in chosen)
    return Paths(tuple(steps), _count(goal, levels, onward), len(levels) - 1)


def _shortest(table: Table, start: int, goal: int, filters: Filters, max_hops: int) -> list[set[int]] | None:
    """Return the nodes that lie on any shortest path, by their distance from the start.

    The search goes out from both ends, each time from the side that has fewer nodes at its edge, until they meet.
    """
    ends = replace(filters, classes=frozenset())
    sides: tuple[list[set[int]], list[set[int]]] = ([{start}], [{goal}])
    seen = {start}, {goal}
    while sum(map(len, sides)) - 2 < max_hops:
        mine = 0 if len(sides[0][-1]) <= len(sides[1][-1]) else 1
        step = table.step(sides[mine][-1], ends)
        if meeting := step & sides[1 - mine][-1]:
            return _between(table, sides, mine, meeting, ends)
        level = table.keep(step - seen[mine], filters)
        if not level:
            return None
        seen[mine].update(level)
        sides[mine].append(level)
    return None


def _between(table: Table, sides: tuple[list[set[int]], list[set[int]]], mine: int, meeting: set[int], filters: Filters) -> list[set[int]]:
    """Return what lies on a shortest path, given the levels of both sides and where the step of one met the other."""
    there = [meeting]
    for level in reversed(sides[1 - mine][:-1]):
        there.append(level & table.step(there[-1], filters))
    here = [meeting]
    for level in reversed(sides[mine]):
        here.append(level & table.step(here[-1], filters))
    levels = [*reversed(here[1:]), *there]
    return levels if mine == 0 else levels[::-1]


Onward = dict[int, list[int]]
"""To which nodes a shortest path can go on from a node, in the order of their short forms."""


def _onward(table: Table, levels: list[set[int]], filters: Filters) -> Onward:
    ends = replace(filters, classes=frozenset())
    ids = table.ids_of(set().union(*levels))
    onward: Onward = {}
    for near, far in pairwise(levels):
        for a, b in table.pairs(near, far, ends):
            onward.setdefault(a, []).append(b)
    return {a: sorted(found, key=ids.__getitem__) for a, found in onward.items()}


def _walk(path: tuple[int, ...], goal: int, onward: Onward) -> Iterator[tuple[int, ...]]:
    if path[-1] == goal:
        yield path
        return
    for number in onward[path[-1]]:
        yield from _walk((*path, number), goal, onward)


def _count(goal: int, levels: list[set[int]], onward: Onward) -> int:
    """Return how many shortest paths there are, from the goal backwards."""
    ways = {goal: 1}
    for level in reversed(levels[:-1]):
        ways = {number: sum(ways[further] for further in onward[number]) for number in level}
    return sum(ways.values())
