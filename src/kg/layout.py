"""Where the nodes of a picture stand: computed beforehand and by a seed, so that the same network is always the same picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import atan2, cos, dist, sin, sqrt
from typing import TYPE_CHECKING

from kg.elements import Edge

if TYPE_CHECKING:
    import rustworkx

SEED = 7

LARGE = 3_000
"""From so many nodes on igraph places a part, where it is installed: rustworkx compares every two of them."""

GAP, ROUNDS = 6, 60
"""How much room there is to be between two nodes, in the units of the picture, and in how many rounds they are moved."""

SPREAD = 44
"""Half the side of the square in which a part is placed is this times the root of its size, in the units of the picture."""


def place(ids: Sequence[str], edges: Sequence[Edge], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return a place for each node, as whole numbers.

    Parts that hang together are laid out each by itself; the smaller ones stand in rows below the largest.

    Args:
        ids: Nodes.
        edges: Edges among them.
        sizes: Half the width of each node, in the units of the picture.

    Example:
        >>> place(["a"], [], [10])
        [(0, 0)]
    """
    import rustworkx

    graph = rustworkx.PyGraph(multigraph=False)
    index = {id: number for number, id in enumerate(ids)}
    graph.add_nodes_from(list(ids))
    graph.add_edges_from_no_data(sorted({(index[edge.start], index[edge.end]) for edge in edges if edge.start != edge.end}))
    parts = sorted((sorted(part) for part in rustworkx.connected_components(graph)), key=lambda part: (-len(part), part))
    return _push_apart(_arrange(len(ids), parts, [_spring(graph, part) for part in parts]), sizes)


def _arrange(count: int, parts: list[list[int]], shapes: list[list[tuple[float, float]]]) -> list[tuple[int, int]]:
    """Put the largest part in the middle and the others in rows below it, no wider than it is."""
    places: list[tuple[int, int]] = [(0, 0)] * count
    width = _half(parts[0]) if parts else 0.0
    x, y, deepest = -width, width * 1.15, 0.0
    for number, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        half = _half(part)
        if number and x + 2 * half > width:
            x, y, deepest = -width, y + deepest, 0.0
        left, top = (x + half, y + half) if number else (0.0, 0.0)
        for node, (at_x, at_y) in zip(part, shape, strict=True):
            places[node] = (round(left + at_x * half), round(top + at_y * half))
        if number:
            x, deepest = x + 2 * half + SPREAD, max(deepest, 2 * half + SPREAD)
    return places


def _push_apart(places: list[tuple[int, int]], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Move nodes that cover one another away from one another, a little at a time; a large picture stays as it is."""
    if len(places) > LARGE:
        return places
    at = [(float(x), float(y)) for x, y in places]
    for _ in range(ROUNDS):
        moves = dict(_moves(at, sizes))
        if not moves:
            break
        at = [(x + moves[node][0], y + moves[node][1]) if node in moves else (x, y) for node, (x, y) in enumerate(at)]
    return [(round(x), round(y)) for x, y in at]


def _moves(at: list[tuple[float, float]], sizes: Sequence[int]) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield each node that stands too near to others, with half of the way to where it would not."""
    cell = 2 * max(sizes, default=0) + GAP
    cells: dict[tuple[int, int], list[int]] = {}
    for node, (x, y) in enumerate(at):
        cells.setdefault((int(x // cell), int(y // cell)), []).append(node)
    for (column, row), inside in cells.items():
        around = [other for x in (-1, 0, 1) for y in (-1, 0, 1) for other in cells.get((column + x, row + y), ())]
        for node in inside:
            overlaps = [(other, _overlap(at, sizes, node, other)) for other in around if other != node]
            if pushes := [(other, overlap) for other, overlap in overlaps if overlap > 0.5]:
                yield node, _push(at, node, pushes)


def _overlap(at: list[tuple[float, float]], sizes: Sequence[int], node: int, other: int) -> float:
    return sizes[node] + sizes[other] + GAP - dist(at[node], at[other])


def _push(at: list[tuple[float, float]], node: int, pushes: list[tuple[int, float]]) -> tuple[float, float]:
    x = y = 0.0
    for other, overlap in pushes:
        is_same = at[node] == at[other]
        # Two in one place part in directions that follow from their numbers.
        angle = 2.4 * node if is_same else atan2(at[node][1] - at[other][1], at[node][0] - at[other][0])
        x += cos(angle) * overlap / 2
        y += sin(angle) * overlap / 2
    return x, y


def _half(part: list[int]) -> float:
    return SPREAD * sqrt(max(len(part) - 1, 0))


def _spring(graph: rustworkx.PyGraph[str, None], part: list[int]) -> list[tuple[float, float]]:
    """Place one part by springs, in a square from -1 to 1."""
    import rustworkx

    if len(part) == 1:
        return [(0.0, 0.0)]
    inside = graph.subgraph(part)
    if len(part) > LARGE and find_spec("igraph"):
        return _spring_large(len(part), list(inside.edge_list()))
    found = rustworkx.spring_layout(inside, seed=SEED, num_iter=400 if len(part) < 1000 else 120, k=2.4 / len(part) ** 0.5)
    return [(float(found[number][0]), float(found[number][1])) for number in range(len(part))]


def _spring_large(count: int, edges: list[tuple[int, int]]) -> list[tuple[float, float]]:
    import random

    import igraph

    igraph.set_random_number_generator(random.Random(SEED))  # noqa: S311 # a seed is what is wanted
    try:
        found = igraph.Graph(count, edges).layout_fruchterman_reingold(niter=120, grid=True)
    finally:
        igraph.set_random_number_generator(random)
    reach = max(max(abs(x), abs(y)) for x, y in found) or 1.0
    return [(x / reach, y / reach) for x, y in found]
