import pytest

import kg
from kg.network import Network, read_network


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


@pytest.fixture(scope="module")
def network(graph: kg.Graph) -> Network:
    return read_network(graph)


def test_values_and_literals_are_no_nodes(network: Network) -> None:
    assert {node.class_name for node in network.nodes}.isdisjoint({"Money", "Date", "Name", "Quantity", "Passage", "Furniture"})


def test_two_ties_between_the_same_two_are_two_edges(network: Network) -> None:
    held = [edge for edge in network.edges if edge.start == "person:matt-hancock" and edge.end == "post:health-secretary"]
    assert len(held) == 5, "each of the five sources tells of the office, and each is an edge of its own"
    assert len({edge.fact for edge in held}) == 5


def test_pledges_of_the_same_sum_are_not_connected_by_it(network: Network) -> None:
    known = {node.id for node in network.nodes}
    assert {edge.start for edge in network.edges} | {edge.end for edge in network.edges} <= known


def test_every_edge_has_a_fact_that_cites_a_passage(graph: kg.Graph, network: Network) -> None:
    proved = {row[0] for row in graph.sparql("SELECT DISTINCT ?fact { ?fact kg:cites ?passage }")}
    assert {edge.fact for edge in network.edges} <= proved


def test_an_edge_reads_from_either_end(network: Network) -> None:
    speaks = next(edge for edge in network.edges if edge.relation == "kg:speaksAt")
    assert (speaks.label, speaks.inverse_label) == ("speaks at", "has speaker")


def test_no_node_stands_alone(network: Network) -> None:
    assert {node.id for node in network.nodes} == {edge.start for edge in network.edges} | {edge.end for edge in network.edges}
