"""The measures hold against those of NetworkX, or against a sum worked by hand."""

import networkx as nx
import pytest
from hypothesis import given, settings

import kg
from kg.elements import Edge, Node
from kg.measures import DAMPING, MEANINGS, rank
from kg.network import Network, read_network, to_networkx
from networks import graphs


def _ring(edges: list[tuple[str, str]]) -> Network:
    ids = sorted({end for edge in edges for end in edge})
    return Network(
        tuple(Node(id, "Person", id) for id in ids),
        tuple(Edge(number, start, end, "kg:tie", "a", "b") for number, (start, end) in enumerate(edges, 1)),
    )


def test_a_degree_counts_parallel_edges() -> None:
    found = rank(_ring([("a", "b"), ("a", "b"), ("b", "c")]), by="degree")
    assert [(row.node.id, row.degree) for row in found] == [("b", 3), ("a", 2), ("c", 1)]


def test_a_page_rank_worked_by_hand() -> None:
    # Two nodes that point at each other have a half each, whatever the damping.
    assert [round(row.pagerank, 6) for row in rank(_ring([("a", "b"), ("b", "a")]))] == [0.5, 0.5]


@settings(max_examples=30)
@given(graphs())
def test_page_rank_is_where_its_own_equation_holds(graph: kg.Graph) -> None:
    network = read_network(graph)
    pages = {row.node.id: row.pagerank for row in rank(network)}
    whole = to_networkx(network)
    if not pages:
        return
    assert sum(pages.values()) == pytest.approx(1, abs=1e-4)
    resting = sum(pages[node] for node in whole if whole.out_degree(node) == 0)
    for node in whole:
        moved = sum(pages[start] / whole.out_degree(start) for start, _ in whole.in_edges(node))
        expected = (1 - DAMPING) / len(pages) + DAMPING * (moved + resting / len(pages))
        assert pages[node] == pytest.approx(expected, abs=1e-4)


def test_page_rank_has_settled_in_a_network_of_thousands() -> None:
    """A chain passes its share on and on, so it settles late; each node has what the one before it hands over."""
    count = 3000
    found = {row.node.id: row.pagerank for row in rank(_ring([(f"{n:04}", f"{n + 1:04}") for n in range(count)]), by="pagerank")}
    start = (1 - DAMPING + DAMPING * found[f"{count:04}"]) / (count + 1)
    assert found["0000"] == pytest.approx(start, rel=1e-6)
    for number in range(1, count + 1, 97):
        assert found[f"{number:04}"] == pytest.approx(start + DAMPING * found[f"{number - 1:04}"], rel=1e-6)


@settings(max_examples=30)
@given(graphs())
def test_betweenness_is_that_of_networkx(graph: kg.Graph) -> None:
    network = read_network(graph)
    simple = nx.Graph(to_networkx(network))
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    expected = nx.betweenness_centrality(simple) if len(simple) else {}
    assert {row.node.id: row.betweenness for row in rank(network)} == pytest.approx(expected)


def test_a_large_network_has_betweenness_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.measures.MAX_BETWEENNESS", 2)
    network = _ring([("a", "b"), ("b", "c")])
    assert {row.betweenness for row in rank(network)} == {None}
    assert [(row.node.id, row.betweenness) for row in rank(network, by="betweenness")] == [("b", 1.0), ("a", 0.0), ("c", 0.0)]


def test_an_empty_network_has_no_rank() -> None:
    assert rank(Network((), ())) == []


def test_every_measure_has_a_meaning() -> None:
    assert list(MEANINGS) == ["degree", "pagerank", "betweenness"]
