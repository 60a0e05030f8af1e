"""Every format is loaded back with its own library and is then the same network."""

import csv
import io
import json
import warnings
from datetime import date
from pathlib import Path

import networkx as nx
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from kg import table
from kg.elements import Edge, Filters, Node, Passage, Plain, edge_attributes, node_attributes
from kg.errors import CallError, DataError
from kg.exports import reach_to_json, to_csv, to_cytoscape, to_gexf, to_graphml, to_json, to_triples
from kg.network import Network, reach, read_network, subgraph
from kg.vocab import KG
from networks import graphs

Nodes = dict[str, dict[str, object]]
Edges = dict[tuple[str, str, str], dict[str, object]]

LAW = settings(max_examples=60)

_xml = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
_any = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def _networks(text: st.SearchStrategy[str]) -> st.SearchStrategy[Network]:
    number = st.integers(-(2**31), 2**31 - 1)
    share = number | st.floats(allow_nan=False, allow_infinity=False)
    told = st.fixed_dictionaries({}, optional={"money": text, "position": number, "is_own": st.booleans(), "share": share})
    ids = [f"person:p{number}" for number in range(4)]
    nodes = st.tuples(*(st.builds(Node, st.just(id), st.just("Person"), text, st.none(), st.integers(0, 9), told) for id in ids))
    passage = st.builds(Passage, st.just("passage:a-1-2"), st.just("source:a"), st.just(1), st.just(2), address=st.none() | text)
    edge = st.builds(
        Edge,
        st.just(0),
        st.sampled_from(ids),
        st.sampled_from(ids),
        st.just("kg:tie"),
        text,
        text,
        st.none() | text.filter(bool),
        st.none(),
        st.booleans(),
        st.none() | st.dates(),
        st.none(),
        st.lists(passage, max_size=2).map(tuple),
        told,
    )

    def build(parts: tuple[tuple[Node, ...], list[Edge]]) -> Network:
        nodes, edges = parts
        return Network(nodes, tuple(edge._replace(number=number) for number, edge in enumerate(edges, 1)))

    return st.tuples(nodes, st.lists(edge, max_size=6)).map(build)


def _of(network: Network) -> tuple[Nodes, Edges]:
    nodes: Nodes = {node.id: dict(node_attributes(node)) for node in network.nodes}
    return nodes, {(edge.start, edge.end, str(edge.number)): dict(edge_attributes(edge)) for edge in network.edges}


def _loaded(graph: "nx.Graph[str]", *extra: str) -> tuple[Nodes, Edges]:
    """What a library has read, without what the format adds by itself."""
    nodes = {id: {name: value for name, value in told.items() if name not in extra} for id, told in graph.nodes(data=True)}
    assert isinstance(graph, nx.MultiDiGraph)
    edges = graph.edges(keys=True, data=True)
    return nodes, {(u, v, str(key)): {name: value for name, value in told.items() if name not in extra} for u, v, key, told in edges}


@LAW
@given(_networks(_any))
def test_node_link_json_loads_back(network: Network) -> None:
    assert _loaded(nx.node_link_graph(json.loads(to_json(network)), edges="edges")) == _of(network)


@LAW
@given(_networks(_any))
def test_cytoscape_json_loads_back(network: Network) -> None:
    data = json.loads(to_cytoscape(network))
    assert [node["data"]["name"] for node in data["elements"]["nodes"]] == [node.label for node in network.nodes]
    assert _loaded(nx.cytoscape_graph(data), "id", "value", "name", "source", "target", "key", "interaction") == _of(network)


@LAW
@given(_networks(_xml))
def test_graphml_loads_back(network: Network) -> None:
    assert _loaded(nx.parse_graphml(to_graphml(network), force_multigraph=True)) == _of(network)


@LAW
@given(_networks(_xml))
def test_gexf_loads_back(network: Network) -> None:
    nodes, edges = _loaded(nx.MultiDiGraph(nx.read_gexf(io.BytesIO(to_gexf(network).encode()))))
    # The reader gives back a graph without keys where no edges are parallel; the key is the id of the edge as well.
    assert (nodes, {(u, v, str(told.pop("id"))): told for (u, v, _), told in edges.items()}) == _of(network)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _cells(told: dict[str, Plain]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.items() if value != ""}


@LAW
@given(_networks(_any))
def test_csv_loads_back(network: Network) -> None:
    files = to_csv(network)
    nodes = {row.pop("id"): {name: value for name, value in row.items() if value} for row in _rows(files["nodes.csv"])}
    assert nodes == {node.id: _cells(node_attributes(node)) for node in network.nodes}
    edges = {
        (row.pop("source"), row.pop("target"), row.pop("key")): {name: value for name, value in row.items() if value}
        for row in _rows(files["edges.csv"])
    }
    assert edges == {(edge.start, edge.end, str(edge.number)): _cells(edge_attributes(edge)) for edge in network.edges}


def test_a_name_with_numbers_and_texts_is_text_where_a_format_declares_one_type() -> None:
    nodes = (Node("person:a", "Person", "A", attributes={"position": 1}), Node("person:b", "Person", "B", attributes={"position": "1; 2"}))
    for loaded in (nx.parse_graphml(to_graphml(Network(nodes, ()))), nx.read_gexf(io.BytesIO(to_gexf(Network(nodes, ())).encode()))):
        assert [told["position"] for _, told in loaded.nodes(data=True)] == ["1", "1; 2"]


@pytest.mark.parametrize("write", [to_graphml, to_gexf])
@pytest.mark.parametrize("sign", ["\x00", "\x0b", "\r", "\ufffe"])
def test_what_xml_cannot_carry_is_refused_and_not_altered(write: object, sign: str) -> None:
    network = Network((Node("person:a", "Person", f"An{sign}a"),), ())
    with pytest.raises(DataError, match=rf"^The label of 'person:a' holds the sign U\+{ord(sign):04X}, which XML cannot carry\."):
        write(network)  # type: ignore[operator]


def test_the_same_network_is_the_same_text_and_carries_no_date() -> None:
    network = read_network(kg.open())
    assert to_gexf(network) == to_gexf(network)
    assert "lastmodified" not in to_gexf(network)


@pytest.mark.parametrize("format", ["json", "graphml", "gexf", "cytoscape"])
def test_the_shipped_network_loads_back(format: str) -> None:
    network = read_network(kg.open())
    text = {"json": to_json, "graphml": to_graphml, "gexf": to_gexf, "cytoscape": to_cytoscape}[format](network)
    read = {
        "json": lambda: nx.node_link_graph(json.loads(text), edges="edges"),
        "cytoscape": lambda: nx.cytoscape_graph(json.loads(text)),
        "graphml": lambda: nx.parse_graphml(text, force_multigraph=True),
        "gexf": lambda: nx.read_gexf(io.BytesIO(text.encode())),
    }[format]()
    assert _loaded(read, "id", "value", "name", "source", "target", "key", "interaction") == _of(network)


OWN = r"""
SELECT ?start ?end ?relation ?fact (7 AS ?weight) (?firm AS ?strength) (?all AS ?total_low)
WHERE {
  ?fact kg:maker ?end
  BIND(?fact AS ?start) BIND(kg:maker AS ?relation) BIND(1 AS ?all)
  BIND("} by {their\"own'\n \u202E word}" AS ?firm)
}"""


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(classes=["Pledge", "Person"], as_of=date(2021, 1, 1)),
        Filters(relations=["involves"], sources=["source:publictechnology-first-speech"]),
    ],
    ids=["open", "classes and a day", "relations and sources"],
)
@pytest.mark.parametrize("projection", [None, OWN], ids=["shipped", "own"])
def test_the_table_writes_what_the_objects_do(filters: Filters, projection: str | None, tmp_path: Path) -> None:
    graph, path = kg.open(), None
    if projection:
        path = tmp_path / "own.rq"
        path.write_text(projection, "utf-8")
        filters = Filters(filters.classes, as_of=filters.as_of)
    for seed in graph.table(path).ids()[::25]:
        for most in (None, 20):
            objects = subgraph(graph, [seed], depth=2, filters=filters, projection=path, max_nodes=most)
            written = reach_to_json(reach(graph, [seed], depth=2, filters=filters, projection=path, max_nodes=most))
            assert json.loads(written) == json.loads(to_json(objects)), seed


@LAW
@given(graphs())
def test_the_table_writes_what_the_objects_do_in_any_graph(graph: kg.Graph) -> None:
    for seed in graph.table().ids()[:3]:
        assert json.loads(reach_to_json(reach(graph, [seed], depth=2))) == json.loads(to_json(subgraph(graph, [seed], depth=2)))


@pytest.mark.parametrize("kept", [{"FEW": 0}, {"LONG": 0}, {"NEAR": 2}, {"RECORDS": 0}, {"RECORDS": 30}, {"TOP": 0}, {"TOP": 9}], ids=str)
def test_what_a_table_keeps_changes_no_answer(kept: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = kg.open().table().ids()[::40]

    def ask() -> list[bytes]:
        graph = kg.open()
        return [reach_to_json(reach(graph, [seed], depth=2, max_nodes=most)) for seed in seeds for most in (None, 20)]

    whole = ask()
    for name, value in kept.items():
        monkeypatch.setattr(table, name, value)
    assert ask() == whole
    assert b'"truncated": true' in whole[1]


def test_of_the_nodes_equally_near_the_most_connected_are_kept() -> None:
    graph = kg.open()
    near = subgraph(graph, ["organisation:nhsx"])
    others = sorted((-node.degree, node.id) for node in near.nodes if node.id != "organisation:nhsx")
    for most in (2, 10, len(others)):
        kept = {id for _, id in others[: most - 1]}
        assert {node.id for node in subgraph(graph, ["organisation:nhsx"], max_nodes=most).nodes} == {"organisation:nhsx", *kept}


# ---------------------------------------------------------------- linked data

EDGES = """
PREFIX kg: <https://w3id.org/kg-commitments/ontology#>
SELECT DISTINCT ?start ?relation ?end ?fact ?source
WHERE {
  ?fact kg:cites/kg:source ?source .
  { ?fact kg:relation ?relation ; kg:from ?start ; kg:to ?end }
  UNION { ?fact a kg:Tenure ; kg:from ?start ; kg:to ?end BIND(kg:servedIn AS ?relation) }
  UNION { ?fact a kg:Tenure ; kg:from ?start ; kg:post ?end BIND(kg:heldPost AS ?relation) }
  UNION {
    VALUES ?relation {
      kg:maker kg:actor kg:speaker kg:via kg:about kg:event kg:beneficiary kg:theme kg:partOf kg:restates kg:respondsTo kg:resultOf
    }
    ?fact ?relation ?end ; a ?class . FILTER(?class IN (kg:Pledge, kg:Statement, kg:Outcome)) BIND(?fact AS ?start)
  }
}"""


def _edges_in(graph: rdflib.Graph) -> set[tuple[str, ...]]:
    names = {"https://w3id.org/kg-commitments/ontology#": "kg:", "https://w3id.org/kg-commitments/id/": ""}

    def short(term: object) -> str:
        text = str(term)
        for iri, prefix in names.items():
            text = prefix + text.removeprefix(iri).replace("/", ":", 1) if text.startswith(iri) else text
        return text

    return {tuple(map(short, row)) for row in graph.query(EDGES)}  # type: ignore[arg-type]  # a row is a tuple


def _parse(text: str, format: str) -> rdflib.Graph:
    with warnings.catch_warnings():
        # The parser of rdflib 7 for JSON-LD uses a class of its own that it has deprecated.
        warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated", DeprecationWarning)
        return rdflib.Graph().parse(data=text, format={"ttl": "turtle", "jsonld": "json-ld"}[format])


@pytest.mark.parametrize(
    "seeds", [["pledge:publictechnology-first-speech-fund"], ["wave:digital-aspirant-second-seed", "person:jeremy-wright"]]
)
@pytest.mark.parametrize("format", ["ttl", "jsonld"])
def test_linked_data_loads_back(seeds: list[str], format: str) -> None:
    graph = kg.open()
    network = subgraph(graph, seeds, depth=2, max_nodes=60)
    text = to_triples(network, graph).to_text(format)
    loaded = _parse(text, format)
    assert _edges_in(loaded) == {(edge.start, edge.relation, edge.end, edge.fact, edge.reported_in) for edge in network.edges}
    labels = {str(row[0]) for row in loaded.query("SELECT ?label { ?x rdfs:label ?label }")}  # type: ignore[index]
    assert {node.label for node in network.nodes} <= labels
    spans = {str(row[0]) for row in loaded.query("SELECT ?p { ?p a <https://w3id.org/kg-commitments/ontology#Passage> }")}  # type: ignore[index]
    assert {passage.id.replace(":", "/", 1) for edge in network.edges for passage in edge.passages} <= {
        span.split("/id/")[1] for span in spans
    }


def _subjects(text: str, name: str) -> set[str]:
    loaded = _parse(text, "ttl")
    return {
        str(subject).partition("/id/")[2].replace("/", ":", 1) for subject in loaded.subjects(rdflib.RDF.type, rdflib.URIRef(KG + name))
    }


def test_linked_data_has_values_with_their_passages_tenures_and_disputes() -> None:
    graph = kg.open()
    fund = "pledge:publictechnology-first-speech-fund"
    text = to_triples(subgraph(graph, [fund]), graph).to_text("ttl")
    money = {"money:publictechnology-first-speech-fund-headline", "money:publictechnology-first-speech-fund-text"}
    assert money <= _subjects(text, "Money")
    for id in money:
        passages = {str(row["passage"]) for row in graph.query("provenance", node=id).to_dicts() if row["node_id"] == id}
        assert passages <= _subjects(text, "Passage")
    assert "tenure:publictechnology-first-speech-health-secretary" in _subjects(text, "Tenure")
    assert "conflict:publictechnology-first-speech-fund" in _subjects(text, "Conflict")
    assert len(_subjects(text, "Absence")) >= 2


def test_linked_data_of_one_source_holds_nothing_that_another_says() -> None:
    graph = kg.open()
    source = "source:recruiter-tech-driven-nhs"
    network = subgraph(graph, ["person:matt-hancock"], filters=Filters(sources=[source]))
    loaded = _parse(to_triples(network, graph, sources=[source]).to_text("ttl"), "ttl")
    assert {str(value).rpartition("/")[2] for value in loaded.objects(None, rdflib.URIRef(KG + "source"))} == {source.partition(":")[2]}
    cited = set(loaded.objects(None, rdflib.URIRef(KG + "cites")))
    assert cited <= set(loaded.subjects(rdflib.RDF.type, rdflib.URIRef(KG + "Passage"))), "every passage that is cited is there"


@LAW
@given(graphs())
def test_the_linked_data_of_a_whole_is_its_edges(graph: kg.Graph) -> None:
    network = read_network(graph)
    loaded = rdflib.Graph().parse(data=to_triples(network, graph).to_text("nt"), format="nt")
    stated = {(str(s).partition("/id/")[2].replace("/", ":", 1), str(p).partition("#")[2]) for s, p, _ in loaded}
    assert {(edge.start, edge.relation.removeprefix("kg:")) for edge in network.edges} <= stated


def test_a_text_as_relation_is_refused_in_linked_data(tmp_path: Path) -> None:
    own = tmp_path / "own.rq"
    own.write_text("SELECT ?start ?end ('near' AS ?relation) { ?start kg:maker ?end }", "utf-8")
    graph = kg.open()
    network = read_network(graph, projection=own)
    with pytest.raises(CallError, match="the text 'near' where linked data needs an IRI"):
        to_triples(network, graph, own)
