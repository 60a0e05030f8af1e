"""A projection is SPARQL: the shipped one, or a user's own with the columns start, end and relation."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import kg
from kg.elements import Filters, to_plain
from kg.errors import CallError, QueryError
from kg.exports import to_json
from kg.network import neighbours, read_network, subgraph
from kg.projection import read_projection

MAKERS = """
SELECT ?start ?end ?relation (COUNT(?pledge) AS ?weight)
WHERE { ?pledge a kg:Pledge ; kg:maker ?start ; kg:event ?end BIND(kg:speaksAt AS ?relation) }
GROUP BY ?start ?end ?relation"""


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "own.rq"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_projection_of_ones_own_makes_a_network_of_its_own(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    network = read_network(graph, projection=own(MAKERS))
    rows = graph.sparql(MAKERS)
    assert sorted((edge.start, edge.end, edge.attributes["weight"]) for edge in network.edges) == sorted(
        (row[0], row[1], row[3]) for row in rows
    )
    assert {edge.label for edge in network.edges} == {"speaksAt"}, "without a column of labels an edge reads as its relation"
    ends = {end for edge in network.edges for end in (edge.start, edge.end)}
    assert {node.id for node in network.nodes} == ends, "its nodes are the ends of its edges"
    assert {node.id: node.label for node in network.nodes}["person:matt-hancock"] == "Matt Hancock"


def test_every_walk_takes_a_projection_of_ones_own(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    path = own(MAKERS)
    found = subgraph(graph, ["event:first-health-secretary-speech"], projection=path)
    assert [edge.start for edge in found.edges] == ["person:matt-hancock"]
    assert neighbours(graph, "person:matt-hancock", projection=path).total == len(read_network(graph, projection=path).edges)


def test_a_fact_named_by_a_projection_proves_its_edges(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    text = "SELECT ?start ?end ?relation ?fact { ?fact kg:maker ?start ; kg:event ?end BIND(kg:speaksAt AS ?relation) }"
    edges = read_network(graph, projection=own(text)).edges
    assert edges
    assert all(edge.passages and edge.attributes["strength"] in ("firm", "planned") for edge in edges)


def test_a_thing_that_the_shipped_projection_does_not_know_keeps_its_class_and_label(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    text = "SELECT ?start ?end ?relation { ?start kg:of ?end ; a kg:Money BIND(kg:of AS ?relation) }"
    nodes = {node.id: node for node in read_network(graph, projection=own(text)).nodes}
    seed = nodes["money:future-care-capital-digital-aspirants-seed"]
    assert (seed.class_name, seed.label) == ("Money", "GBP 250,000, basis not stated")


def test_codes_and_terms_keep_their_class_and_label(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    text = "SELECT ?start ?end ?relation { ?start kg:strength ?end BIND(kg:strength AS ?relation) }"
    nodes = {node.id: node for node in read_network(graph, projection=own(text)).nodes}
    assert (nodes["firm"].label, nodes["firm"].class_name) == ("Firm", "http://www.w3.org/2004/02/skos/core#Concept")


def test_a_relation_that_is_a_text_can_be_filtered(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    path = own("SELECT ?start ?end ('near' AS ?relation) { ?start kg:maker ?end }")
    assert read_network(graph, projection=path, filters=Filters(relations=["near"])).edges


def test_a_figure_that_is_no_finite_number_is_text(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    path = own("SELECT ?start ?end ?relation ('NaN'^^xsd:double AS ?share) { ?start ?relation ?end ; kg:maker ?end }")
    network = read_network(graph, projection=path)
    assert {edge.attributes["share"] for edge in network.edges} == {"nan"}
    assert '"share": "nan"' in to_json(network)


def test_a_whole_number_that_readers_of_json_round_is_text(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    path = own("SELECT ?start ?end ?relation (12345678901234567 AS ?share) (7 AS ?few) { ?start ?relation ?end ; kg:maker ?end }")
    [edge, *_] = read_network(graph, projection=path).edges
    assert (edge.attributes["share"], edge.attributes["few"]) == ("12345678901234567", 7)


def test_a_fact_that_is_an_empty_text_is_none(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    path = own("SELECT ?start ?end ?relation ?fact { ?start ?relation ?end ; kg:maker ?end { BIND('' AS ?fact) } UNION {} }")
    edges = read_network(graph, projection=path).edges
    assert {edge.fact for edge in edges} == {None}
    assert len({edge.number for edge in edges}) == len(edges)


def test_a_thing_of_another_host_is_a_resource(graph: kg.Graph, own: Callable[[str], Path]) -> None:
    text = "SELECT ?start ?end ?relation { ?start kg:wikidata ?end BIND(kg:wikidata AS ?relation) }"
    nodes = read_network(graph, projection=own(text)).nodes
    assert {node.class_name for node in nodes if node.id.startswith("http")} == {"Resource"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT ?start ?end WHERE", "own.rq: The query is not SPARQL at line 1"),
        ("", "own.rq: The query is not SPARQL"),
        ("ASK { ?s ?p ?o }", "own.rq: The query builds triples or a truth value where rows are wanted. Write SELECT."),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "own.rq: The query builds triples or a truth value"),
        ("SELECT ?start ?end { ?start kg:maker ?end }", "own.rq: the projection has no column ?relation. It needs ?start, ?end, ?relation"),
        ("SELECT ?start ?end ?relation { ?start kg:maker ?end }", "own.rq: a row has nothing in ?relation."),
        ("SELECT ?start ?end ?relation { ?start rdfs:label ?end BIND(kg:of AS ?relation) }", "own.rq: a row has "),
        ("SELECT (BNODE() AS ?start) ?end ?relation { ?s kg:maker ?end BIND(kg:of AS ?relation) }", "joins two things that have an IRI"),
        ("SELECT (<person:matt-hancock> AS ?start) ?end ?relation { ?s ?relation ?end ; kg:maker ?end }", "a row has '<person:matt"),
        ("SELECT ?start ?end ?relation (1 AS ?known_by) { ?start ?relation ?end ; kg:maker ?end }", "an edge has ?known_by from the fact"),
        ("SELECT ?start ?end ?relation ('x' AS ?weight) { ?start ?relation ?end ; kg:maker ?end }", "a row has 'x' in ?weight"),
        ("SELECT ?start ?end ?relation ?source { ?start ?relation ?end ; kg:maker ?source }", "own.rq: the column ?source"),
        ("SELECT ?start ?end ?relation { SERVICE <http://127.0.0.1:9/> { ?start ?relation ?end } }", "own.rq: "),
        ("DELETE WHERE { ?s ?p ?o }", "own.rq: The graph is read-only"),
    ],
)
def test_what_is_no_projection_is_refused(graph: kg.Graph, own: Callable[[str], Path], text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_network(graph, projection=own(text))
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(graph: kg.Graph, tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"The projection .*none\.rq' cannot be read: No such file"):
        read_network(graph, projection=tmp_path / "none.rq")
    (tmp_path / "latin.rq").write_bytes(b"# \xe9\nSELECT")
    with pytest.raises(CallError, match="is not UTF-8 text"):
        read_network(graph, projection=tmp_path / "latin.rq")


def test_the_digest_follows_the_query(own: Callable[[str], Path]) -> None:
    first = read_projection(own(MAKERS)).digest
    assert first == read_projection(own(MAKERS)).digest
    assert first != read_projection(own(MAKERS + " ")).digest != read_projection().digest


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("5000000.0"), 5_000_000),
        (Decimal("0.1"), 0.1),
        (Decimal("0.12345678901234567890"), "0.12345678901234567890"),
        (Decimal(2**53), str(2**53)),
        (date(2021, 3, 18), "2021-03-18"),
        (True, True),
        (7, 7),
    ],
)
def test_a_value_becomes_plain_without_a_loss(value: Decimal | date | bool | int, plain: object) -> None:
    found = to_plain(value)
    assert (found, type(found)) == (plain, type(plain))
