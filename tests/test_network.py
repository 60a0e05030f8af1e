"""The network holds against the rows of its projection, and its walks against NetworkX, for graphs of every shape."""

from collections import Counter
from datetime import date
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from kg.elements import Edge, Filters
from kg.errors import CallError, NotFoundError
from kg.exports import to_csv, to_cytoscape, to_gexf, to_graphml, to_json
from kg.network import Network, neighbours, read_network, subgraph, to_networkx
from kg.projection import read_projection
from networks import Told, graphs, plain, to_graph

LAW = settings(max_examples=40)


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


@pytest.fixture(scope="module")
def network(graph: kg.Graph) -> Network:
    return read_network(graph)


# ---------------------------------------------------------------- what is in it


def test_values_and_literals_are_no_nodes(network: Network) -> None:
    assert {node.class_name for node in network.nodes}.isdisjoint({"Money", "Date", "Name", "Quantity", "Passage", "Furniture"})


def test_two_ties_between_the_same_two_are_two_edges(network: Network) -> None:
    held = [edge for edge in network.edges if edge.start == "person:matt-hancock" and edge.end == "post:health-secretary"]
    assert len(held) == 5, "each of the five sources tells of the office, and each is an edge of its own"
    assert len({edge.fact for edge in held}) == 5


TWO_OF_A_KIND: list[Told] = [
    (("link", "supports", "person/p0", "organisation/o0"), "source/a", False, None),
    (("link", "supports", "person/p0", "organisation/o0"), "source/b", False, None),
    (("pledge", "maker", "person/p0", None), "source/a", False, None),
    (("pledge", "maker", "person/p0", None), "source/b", False, None),
]


def test_two_ties_are_two_edges_and_two_pledges_two_nodes_everywhere() -> None:
    graph = to_graph(TWO_OF_A_KIND)
    found = read_network(graph)
    ties = graph.sparql(
        'SELECT ?link { ?link kg:from person:p0 ; kg:to organisation:o0 FILTER(STRSTARTS(STR(?link), "https://w3id.org")) }'
    )
    assert len(ties) == sum(edge.relation == "kg:supports" for edge in found.edges) == 2
    assert len({node.id for node in found.nodes if node.class_name == "Pledge"}) == 2
    assert to_networkx(found).number_of_edges("person:p0", "organisation:o0") == 2
    assert to_cytoscape(found).count('"interaction": "kg:supports"') == to_cytoscape(found).count('"interaction": "kg:maker"') == 2
    for text in (to_json(found), to_graphml(found), to_gexf(found), to_csv(found)["edges.csv"]):
        assert text.count("kg:supports") == 2
        assert text.count("kg:maker") == 2


def test_every_edge_has_a_fact_that_cites_a_passage(graph: kg.Graph, network: Network) -> None:
    cited = {(fact, passage) for fact, passage in graph.sparql("SELECT ?fact ?passage { ?fact kg:cites ?passage }")}
    for edge in network.edges:
        assert edge.passages
        assert {(edge.fact, passage.id) for passage in edge.passages} <= cited
        assert {passage.source for passage in edge.passages} == {edge.reported_in}


def test_an_edge_reads_from_either_end(network: Network) -> None:
    speaks = next(edge for edge in network.edges if edge.relation == "kg:speaksAt")
    assert (speaks.label, speaks.inverse_label) == ("speaks at", "has speaker")


def test_an_edge_says_that_it_is_inferred_where_the_fact_does(graph: kg.Graph, network: Network) -> None:
    said = {(str(fact), str(property)) for fact, property in graph.sparql("SELECT ?fact ?p { ?fact kg:inferred ?p }")}
    ends = {"kg:servedIn": {"kg:from", "kg:to"}, "kg:heldPost": {"kg:from", "kg:post"}}
    for edge in network.edges:
        is_link = edge.fact is not None and edge.fact.startswith("link:")
        properties = {"kg:relation", "kg:from", "kg:to"} if is_link else ends.get(edge.relation, {edge.relation})
        assert edge.inferred == any((edge.fact, property) in said for property in properties), edge
    assert 0 < sum(edge.inferred for edge in network.edges) < len(network.edges)


def test_no_node_of_the_shipped_graph_stands_alone(network: Network) -> None:
    assert {node.id for node in network.nodes} == {edge.start for edge in network.edges} | {edge.end for edge in network.edges}


def test_money_is_told_on_edges_as_text_and_counted_on_nodes_only(network: Network) -> None:
    seed = "pledge:future-care-capital-digital-aspirants-seed"
    node = next(node for node in network.nodes if node.id == seed)
    assert (node.attributes["total_low"], node.attributes["total_high"], node.attributes["unit"]) == (250_000, 6_250_000, "GBP")
    edges = [edge for edge in network.edges if edge.fact == seed]
    assert {edge.attributes["money"] for edge in edges} == {"GBP 250,000, basis not stated"}
    assert all({"total_low", "total_high", "unit", "counted_in"}.isdisjoint(edge.attributes) for edge in network.edges)


def test_a_node_knows_its_edges(network: Network) -> None:
    counted = Counter(end for edge in network.edges for end in (edge.start, edge.end))
    assert {node.id: node.degree for node in network.nodes} == counted


@LAW
@given(graphs())
def test_the_table_is_the_rows_of_the_projection(graph: kg.Graph) -> None:
    found = read_network(graph)
    rows = graph.store.select(read_projection().query)
    columns = ("start", "end", "relation", "label", "inverse_label", "fact", "reported_in", "inferred")
    assert [tuple(getattr(edge, name) for name in columns) for edge in found.edges] == list(rows)
    nodes = graph.store.select((Path(kg.__file__).parents[2] / "sparql" / "network" / "nodes.rq").read_text("utf-8"))
    assert [(node.id, f"kg:{node.class_name}", node.label) for node in found.nodes] == [(row[0], row[1], row[2] or row[0]) for row in nodes]
    known = {node.id for node in found.nodes}
    assert {end for edge in found.edges for end in (edge.start, edge.end)} <= known


# ---------------------------------------------------------------- subgraphs


def _sample(data: st.DataObject, graph: kg.Graph) -> list[str]:
    ids = [node.id for node in read_network(graph).nodes]
    return data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3, unique=True)) if ids else []


@LAW
@given(graphs(), st.data(), st.integers(1, 4))
def test_a_subgraph_is_the_neighbourhood_that_networkx_finds(graph: kg.Graph, data: st.DataObject, depth: int) -> None:
    whole, near = read_network(graph), plain(graph)
    if not (seeds := _sample(data, graph)):
        return
    found = subgraph(graph, seeds, depth=depth)
    inside = set().union(*(nx.ego_graph(near, seed, radius=depth) for seed in seeds))
    assert {node.id for node in found.nodes} == inside
    assert found.edges == tuple(edge for edge in whole.edges if edge.start in inside and edge.end in inside)
    assert set(found.nodes) <= set(whole.nodes) if not whole.nodes else [n for n in whole.nodes if n.id in inside] == list(found.nodes)


@LAW
@given(graphs(), st.data(), st.integers(1, 3))
def test_a_greater_depth_holds_all_of_a_lesser(graph: kg.Graph, data: st.DataObject, depth: int) -> None:
    if not (seeds := _sample(data, graph)):
        return
    lesser, greater = subgraph(graph, seeds, depth=depth), subgraph(graph, seeds, depth=depth + 1)
    assert {node.id for node in lesser.nodes} <= {node.id for node in greater.nodes}
    assert {edge.number for edge in lesser.edges} <= {edge.number for edge in greater.edges}


@LAW
@given(graphs())
def test_a_subgraph_of_every_node_with_every_filter_open_is_the_whole(graph: kg.Graph) -> None:
    whole = read_network(graph)
    if not whole.nodes:
        return
    found = subgraph(graph, [node.id for node in whole.nodes], max_nodes=len(whole.nodes))
    every = Filters(
        classes=sorted({node.class_name for node in whole.nodes}),
        relations=sorted({edge.relation for edge in whole.edges}),
        sources=sorted({edge.reported_in for edge in whole.edges if edge.reported_in}),
    )
    assert (found.nodes, found.edges) == (whole.nodes, whole.edges)
    assert subgraph(graph, [node.id for node in whole.nodes], filters=every).edges == whole.edges
    assert read_network(graph, filters=every).edges == whole.edges


@LAW
@given(graphs(), st.data(), st.integers(1, 8))
def test_a_limit_keeps_the_nearest_and_counts_what_it_cuts(graph: kg.Graph, data: st.DataObject, limit: int) -> None:
    if not (seeds := _sample(data, graph)[:1]):
        return
    whole, cut = subgraph(graph, seeds, depth=3), subgraph(graph, seeds, depth=3, max_nodes=limit)
    assert cut.reached == whole.reached == whole.kept
    assert len(cut.nodes) == sum(cut.kept) == min(limit, len(whole.nodes))
    assert cut.is_truncated == (limit < len(whole.nodes))
    full = [kept == reached for kept, reached in zip(cut.kept, cut.reached, strict=True)]
    assert full == sorted(full, reverse=True), "no distance is cut before a farther one is empty"
    assert {edge.number for edge in cut.edges} <= {edge.number for edge in whole.edges}
    reach = nx.Graph(to_networkx(cut))
    assert nx.is_connected(reach), "what is kept hangs together"


def _passes(edge: Edge, day: date) -> bool:
    return (edge.known_by is None or edge.known_by <= day) and (edge.ended_by is None or edge.ended_by >= day)


@LAW
@given(graphs(), st.sampled_from([date(2018, 7, 30), date(2018, 7, 31), date(2019, 12, 31), date(2020, 1, 1)]))
def test_as_of_a_day_holds_what_has_begun_and_not_ended_by_it(graph: kg.Graph, day: date) -> None:
    whole = read_network(graph)
    found = read_network(graph, filters=Filters(as_of=day))
    assert found.edges == tuple(edge for edge in whole.edges if _passes(edge, day))
    assert found.undated == sum(edge.known_by is None for edge in found.edges)


def _one(graph: kg.Graph, fact: str, relation: str) -> Edge:
    (edge,) = (edge for edge in read_network(graph).edges if edge.fact == fact and edge.relation == relation)
    return edge


def test_what_is_told_of_edges_worked_by_hand(graph: kg.Graph) -> None:
    fund = _one(graph, "pledge:publictechnology-first-speech-fund", "kg:maker")
    assert fund.attributes["money"] == "GBP 475,000,000 in total; almost GBP 500,000,000 in total"
    assert fund.attributes["capacity"] == "Matt Hancock: Secretary of State for Health and Social Care (new)"
    assert fund.attributes["strength"] == "firm"
    assert str(fund.attributes["conflict"]).startswith("The headline has £475m")
    assert (fund.known_by, fund.ended_by) == (date(2018, 7, 23), None), "the day of the publication"
    six = _one(graph, "pledge:future-care-capital-digital-aspirants-six-million", "kg:beneficiary")
    assert six.attributes["date"] == "horizon 2021-03~/2024-03~"
    exported = next(told for *_, told in to_networkx(read_network(graph)).edges(data=True) if told.get("fact") == fund.fact)
    assert str(exported["passages"]).split() == [passage.id for passage in fund.passages]
    assert len(fund.passages) > 1


def test_a_former_tenure_has_ended_by_the_publication_that_calls_it_so(graph: kg.Graph) -> None:
    former = _one(graph, "tenure:publictechnology-first-speech-wright-attorney-general", "kg:heldPost")
    assert (former.known_by, former.ended_by) == (None, date(2018, 7, 23))
    told = next(told for *_, told in to_networkx(read_network(graph)).edges(data=True) if told.get("fact") == former.fact)
    assert told["ended_by"] == "2018-07-23"
    posts = {edge.end for edge in subgraph(graph, ["person:jeremy-wright"], filters=Filters(as_of=date(2018, 7, 24))).edges}
    assert "post:culture-secretary" in posts
    assert "post:attorney-general" not in posts


def test_an_own_day_comes_before_that_of_the_event_and_that_before_the_publication() -> None:
    said = ("statement", "event", "event/e0", None)
    told: list[Told] = [(said, "source/a", False, None), (said, "source/b", False, ("start", "2018-07"))]
    edges = {edge.fact: edge.known_by for edge in read_network(to_graph(told, held="2019-05", published="2020")).edges}
    assert edges == {"statement:a-0": date(2019, 5, 31), "statement:b-1": date(2018, 7, 31)}
    bare: list[Told] = [(("statement", "speaker", "person/p0", None), "source/a", False, None)]
    assert [edge.known_by for edge in read_network(to_graph(bare, published="2020")).edges] == [date(2020, 12, 31)]
    assert [edge.known_by for edge in read_network(to_graph(bare)).edges] == [None]


def test_as_of_a_day_leaves_no_node_alone(graph: kg.Graph) -> None:
    found = read_network(graph, filters=Filters(as_of=date(2018, 7, 22)))
    assert {node.id for node in found.nodes} == {end for edge in found.edges for end in (edge.start, edge.end)}


def test_as_of_a_day_before_the_publication_a_source_has_said_nothing(graph: kg.Graph) -> None:
    before = read_network(graph, filters=Filters(as_of=date(2018, 7, 22), sources=["source:publictechnology-first-speech"]))
    after = read_network(graph, filters=Filters(as_of=date(2018, 7, 23), sources=["source:publictechnology-first-speech"]))
    assert len(before.edges) < len(after.edges)
    assert all(edge.known_by is None or edge.known_by <= date(2018, 7, 22) for edge in before.edges)


def test_a_tie_is_there_from_the_day_by_which_it_has_begun_to_the_one_by_which_it_has_ended() -> None:
    tenure = ("tenure", "to", "person/p0", "organisation/o0")
    begun = to_graph([(tenure, "source/a", False, ("start", "2018-07"))])
    (edge,) = read_network(begun).edges
    assert edge.known_by == date(2018, 7, 31), "the month has certainly begun by its end"
    assert read_network(begun, filters=Filters(as_of=date(2018, 7, 30))).edges == ()
    assert read_network(begun, filters=Filters(as_of=date(2018, 7, 31))).edges == (edge,)
    ended = to_graph([(tenure, "source/a", False, ("end", "2019"))])
    assert [edge.ended_by for edge in read_network(ended).edges] == [date(2019, 12, 31)]
    assert read_network(ended, filters=Filters(as_of=date(2020, 1, 1))).edges == ()
    assert len(read_network(ended, filters=Filters(as_of=date(2019, 12, 31))).edges) == 1


def test_a_class_stands_for_those_below_it(graph: kg.Graph) -> None:
    found = subgraph(graph, ["wave:digital-aspirant-second-seed"], filters=Filters(classes=["Organisation"]))
    assert {node.class_name for node in found.nodes} == {"Wave", "Trust"}


def test_a_relation_stands_for_those_below_it(graph: kg.Graph) -> None:
    found = read_network(graph, filters=Filters(relations=["involves"]))
    assert {"kg:maker", "kg:speaker", "kg:about"} < {edge.relation for edge in found.edges}
    assert {"kg:heldPost", "kg:partOf"}.isdisjoint(edge.relation for edge in found.edges)


def test_a_filter_of_sources_leaves_only_what_they_say(graph: kg.Graph) -> None:
    source = "source:recruiter-tech-driven-nhs"
    found = subgraph(graph, ["person:matt-hancock"], depth=4, filters=Filters(sources=[source]))
    assert {edge.reported_in for edge in found.edges} == {source}


def test_at_depth_0_there_are_the_seeds_and_what_ties_them(graph: kg.Graph) -> None:
    seeds = ["person:matt-hancock", "organisation:nhsx", "pledge:publictechnology-first-speech-fund"]
    found = subgraph(graph, seeds, depth=0)
    assert [node.id for node in found.nodes] == sorted(seeds)
    assert {(edge.start, edge.end) for edge in found.edges} == {("pledge:publictechnology-first-speech-fund", "person:matt-hancock")}


@pytest.mark.parametrize("depth", [-1, 5, 99])
def test_a_depth_out_of_range_is_refused(graph: kg.Graph, depth: int) -> None:
    with pytest.raises(CallError, match=rf"^The depth is {depth}; it must be from 0 to 4\.$"):
        subgraph(graph, ["person:matt-hancock"], depth=depth)


def test_a_limit_below_the_seeds_is_refused(graph: kg.Graph) -> None:
    with pytest.raises(CallError, match="at least 2"):
        subgraph(graph, ["person:matt-hancock", "organisation:nhsx"], max_nodes=1)
    with pytest.raises(CallError, match="at least one, such as"):
        subgraph(graph, [])


@pytest.mark.parametrize(
    ("seed", "hint"),
    [
        ("person:mat-hancok", "Did you mean 'person:matt-hancock'?"),
        ("Matt Hancock", "Did you mean 'person:matt-hancock'?"),
        ("https://w3id.org/kg-commitments/id/person/mat-hancock", "Did you mean 'person:matt-hancock'?"),
        ("money:future-care-capital-digital-aspirants-seed", "A Money is no node of it; kg show"),
        ("qqqqqqq", "kg find TEXT searches by name."),
        ("person:matt_hancock", "Did you mean 'person:matt-hancock'?"),
        ("Person:Matt-Hancock", "Did you mean 'person:matt-hancock'?"),
        ("person:%", "kg find TEXT searches by name."),
        ("person:\udcff", "kg find TEXT searches by name."),
    ],
)
def test_an_unknown_seed_suggests_the_nearest(graph: kg.Graph, seed: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        subgraph(graph, [seed])
    assert str(caught.value).startswith(f"There is no {seed!r} in the network. ")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (Filters(classes=["Plege"]), "The network has no class 'Plege'. Did you mean 'Pledge'?"),
        (Filters(relations=["speker"]), "The network has no relation 'speker'. Did you mean 'speaker'?"),
        (Filters(sources=["source:recruiter"]), "The network has no source 'source:recruiter'."),
    ],
)
def test_an_unknown_filter_suggests_the_nearest(graph: kg.Graph, filters: Filters, message: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        read_network(graph, filters=filters)
    assert message in str(caught.value)


# ---------------------------------------------------------------- neighbours


@LAW
@given(graphs(), st.data(), st.integers(1, 4))
def test_the_pages_of_a_node_are_its_edges_and_the_ways_count_them(graph: kg.Graph, data: st.DataObject, size: int) -> None:
    if not (seeds := _sample(data, graph)):
        return
    expected = {edge.number for edge in read_network(graph).edges if seeds[0] in (edge.start, edge.end)}
    first = neighbours(graph, seeds[0], limit=size)
    pages = [neighbours(graph, seeds[0], limit=size, offset=at) for at in range(0, first.total + size, size)]
    numbers = [edge.number for page in pages for edge in page.edges]
    assert len(numbers) == len(set(numbers)) == first.total == sum(way.edges for way in first.ways)
    assert set(numbers) == expected
    for way in first.ways:
        found = [edge for page in pages for edge in page.edges if edge.relation == way.relation]
        found = [edge for edge in found if (edge.start == seeds[0]) == way.is_outward]
        assert len(found) == way.edges
        assert len({edge.end if way.is_outward else edge.start for edge in found}) == way.nodes


def test_neighbours_take_the_same_filters(graph: kg.Graph) -> None:
    found = neighbours(graph, "person:matt-hancock", filters=Filters(classes=["Pledge"], relations=["maker"]))
    assert [(way.label, way.edges) for way in found.ways] == [("made", 25)]
    assert {node.class_name for node in found.others} == {"Pledge"}
    trusts = neighbours(graph, "wave:digital-aspirant-second-seed", filters=Filters(classes=["Trust"]))
    assert len(trusts.edges) == trusts.total == 25
    assert {node.class_name for node in trusts.others} == {"Trust"}


def test_a_page_goes_by_relation_and_then_direction(graph: kg.Graph) -> None:
    found = neighbours(graph, "person:matt-hancock", limit=1000).edges
    order = [
        (edge.relation, edge.start != "person:matt-hancock", *sorted({edge.start, edge.end} - {"person:matt-hancock"}), edge.fact or "")
        for edge in found
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 10_001}, {"offset": -1}])
def test_a_page_out_of_range_is_refused(graph: kg.Graph, page: dict[str, int]) -> None:
    with pytest.raises(CallError, match="must be from"):
        neighbours(graph, "person:matt-hancock", **page)  # type: ignore[arg-type]  # one number each


# ---------------------------------------------------------------- NetworkX


def test_networkx_has_plain_values_only(network: Network) -> None:
    whole = to_networkx(network)
    assert type(whole) is nx.MultiDiGraph
    told = [value for _, values in whole.nodes(data=True) for value in values.values()]
    told += [value for *_, values in whole.edges(data=True) for value in values.values()]
    assert {type(value) for value in told} <= {str, int, float, bool}
    assert (len(whole), whole.number_of_edges()) == (len(network.nodes), len(network.edges))


def test_an_edge_in_networkx_has_dates_money_and_passage(graph: kg.Graph) -> None:
    whole = to_networkx(read_network(graph))
    made = whole.get_edge_data("pledge:publictechnology-first-speech-fund", "person:matt-hancock")
    assert made
    (edge,) = [values for values in made.values() if values["relation"] == "kg:maker"]
    assert {"money", "passages", "link", "known_by", "strength", "reported_in", "inverse_label"} <= edge.keys()


def test_a_subgraph_says_in_networkx_what_was_cut(graph: kg.Graph) -> None:
    found = to_networkx(subgraph(graph, ["person:matt-hancock"], max_nodes=10))
    assert found.graph == {"nodes_reached": 177, "nodes_kept": 10, "truncated": True}
