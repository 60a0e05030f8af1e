"""Who stands at the centre: degree, PageRank and betweenness of the nodes of a network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from kg.elements import Node
from kg.network import Network

MEANINGS = {
    "degree": "Degree: in how many ties and roles of a fact it stands; who is spoken of often has many.",
    "pagerank": "PageRank: how often a reader who keeps following arrows, from facts to those they name, comes by; in per cent.",
    "betweenness": "Betweenness: on how many shortest paths between two others it lies; who joins what else would be apart; in per cent.",
}
"""What each measure says of a network of commitments."""

DAMPING = 0.85
"""How likely a reader follows another arrow and does not start afresh."""

TOLERANCE = 1e-12
"""When the shares of PageRank have settled; a looser one leaves a large network in the wrong order."""

MAX_BETWEENNESS = 5_000
"""Past so many nodes the betweenness, whose cost grows with nodes times edges, is left out unless it is asked for."""


@dataclass(frozen=True, slots=True)
class Rank:
    """The measures of one node: edges, and shares from 0 to 1."""

    node: Node
    degree: int
    pagerank: float
    betweenness: float | None


def rank(network: Network, by: str = "pagerank") -> list[Rank]:
    """Return the measures of every node, the highest first by one of them.

    Parallel edges count as often as they are for degree and PageRank, and once for betweenness, which takes no account of
    their direction.

    Args:
        network: Nodes and edges.
        by: `degree`, `pagerank` or `betweenness`.

    Sources:
        PageRank: Page, Brin, Motwani, Winograd (1999), http://ilpubs.stanford.edu:8090/422/
        Betweenness: Brandes (2001), https://doi.org/10.1080/0022250X.2001.9990249

    Example:
        >>> import kg
        >>> from kg.network import read_network
        >>> rank(read_network(kg.open()), by="degree")[0].node.id
        'person:matt-hancock'
    """
    import rustworkx

    index = {node.id: number for number, node in enumerate(network.nodes)}
    degrees = Counter(end for edge in network.edges for end in (edge.start, edge.end))
    arrows = rustworkx.PyDiGraph(multigraph=False)
    arrows.add_nodes_from(list(index))
    counted = Counter((index[edge.start], index[edge.end]) for edge in network.edges)
    arrows.add_edges_from([(start, end, float(count)) for (start, end), count in counted.items()])
    pages = rustworkx.pagerank(arrows, alpha=DAMPING, weight_fn=float, tol=TOLERANCE, max_iter=1000) if index else {}
    between = rustworkx.betweenness_centrality(arrows.to_undirected(multigraph=False)) if _is_wanted(network, by) else None
    found = [
        Rank(node, degrees[node.id], pages[number], None if between is None else between[number])
        for number, node in enumerate(network.nodes)
    ]
    return sorted(found, key=lambda row: (-round(getattr(row, by), 12), row.node.id))


def _is_wanted(network: Network, by: str) -> bool:
    return by == "betweenness" or len(network.nodes) <= MAX_BETWEENNESS
