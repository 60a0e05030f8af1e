"""Paths are worked by hand in `paths.yaml` for the shipped graph, and held against NetworkX for graphs of every shape."""

import random
from datetime import date
from pathlib import Path

import networkx as nx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from kg.elements import Filters
from kg.errors import CallError, NotFoundError
from kg.network import read_network, to_networkx
from kg.paths import Step, find_paths
from networks import graphs, plain

CASES = yaml.safe_load((Path(__file__).parent / "paths.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


def _told(steps: tuple[Step, ...]) -> list[dict[str, object]]:
    return [
        {
            "reads": edge.label if edge.start == step.start.id else edge.inverse_label,
            "to": step.end.id,
            "fact": edge.fact,
            "spans": [[passage.start, passage.end] for passage in edge.passages],
        }
        for step in steps
        for edge in step.edges
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['from']}-{case['steps'][-1]['to']}")
def test_a_path_worked_by_hand(graph: kg.Graph, case: dict[str, object]) -> None:
    steps = case["steps"]
    assert isinstance(steps, list)
    found = find_paths(graph, str(case["from"]), steps[-1]["to"])
    assert found is not None
    assert found.total == 1
    assert _told(found.paths[0]) == steps


def test_there_are_a_dozen_worked_by_hand() -> None:
    assert len(CASES) == 12


def test_any_two_things_of_the_shipped_graph_have_the_path_that_networkx_finds(graph: kg.Graph) -> None:
    whole = nx.Graph(to_networkx(read_network(graph)))
    lengths = dict(nx.all_pairs_shortest_path_length(whole))
    chosen = random.Random(7)
    nodes = sorted(whole)
    for _ in range(150):
        first, second = chosen.sample(nodes, 2)
        found = find_paths(graph, first, second, limit=2)
        assert (found.hops if found else None) == lengths[first].get(second), (first, second)
        for path in found.paths if found else ():
            assert all(edge.passages for step in path for edge in step.edges), "each step is proved"


def test_what_is_not_connected_has_no_path(graph: kg.Graph) -> None:
    assert find_paths(graph, "person:john-johnston", "person:matt-hancock") is None


def test_a_path_may_not_be_longer_than_asked_for(graph: kg.Graph) -> None:
    assert find_paths(graph, "trust:airedale", "trust:walton-centre", max_hops=3) is None
    found = find_paths(graph, "trust:airedale", "trust:walton-centre", max_hops=4)
    assert found is not None
    assert found.hops == 4


def test_the_filter_of_classes_holds_between_the_ends_only(graph: kg.Graph) -> None:
    found = find_paths(graph, "trust:airedale", "trust:york-teaching-hospital", filters=Filters(classes=["Programme"]))
    assert found is not None
    assert [step.end.id for step in found.paths[0]] == ["wave:digital-aspirant-second-seed", "trust:york-teaching-hospital"]
    assert find_paths(graph, "trust:airedale", "trust:york-teaching-hospital", filters=Filters(classes=["Person"])) is None


def test_the_other_filters_hold_for_every_step_and_its_proof(graph: kg.Graph) -> None:
    ends = ("person:matt-hancock", "post:health-secretary")
    every, one = find_paths(graph, *ends), find_paths(graph, *ends, filters=Filters(sources=["source:recruiter-tech-driven-nhs"]))
    assert every is not None
    assert one is not None
    assert len(every.paths[0][0].edges) == 5
    assert {edge.reported_in for edge in one.paths[0][0].edges} == {"source:recruiter-tech-driven-nhs"}
    assert find_paths(graph, *ends, filters=Filters(relations=["speaksAt"])) is None
    airedale = ("trust:airedale", "trust:york-teaching-hospital")
    assert find_paths(graph, *airedale, filters=Filters(as_of=date(2021, 3, 17))) is None
    assert find_paths(graph, *airedale, filters=Filters(as_of=date(2021, 3, 18))) is not None


@pytest.mark.parametrize("bound", [{"max_hops": 0}, {"max_hops": 13}, {"limit": 0}, {"limit": 1001}])
def test_a_bound_out_of_range_is_refused(graph: kg.Graph, bound: dict[str, int]) -> None:
    with pytest.raises(CallError, match="must be from 1 to"):
        find_paths(graph, "person:matt-hancock", "organisation:nhsx", **bound)  # type: ignore[arg-type]  # one number each


def test_a_path_from_a_thing_to_itself_is_refused(graph: kg.Graph) -> None:
    with pytest.raises(CallError, match="both are 'person:matt-hancock'"):
        find_paths(graph, "person:matt-hancock", "person:matt-hancock")


def test_an_unknown_end_suggests_the_nearest(graph: kg.Graph) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'person:matt-hancock'"):
        find_paths(graph, "person:mat-hancok", "organisation:nhsx")


@settings(max_examples=40)
@given(graphs(), st.data())
def test_the_shortest_paths_are_those_of_networkx(graph: kg.Graph, data: st.DataObject) -> None:
    whole = plain(graph)
    if len(whole) < 2:
        return
    first, second = data.draw(st.lists(st.sampled_from(sorted(whole)), min_size=2, max_size=2, unique=True))
    found = find_paths(graph, first, second, limit=1000)
    expected = sorted(nx.all_shortest_paths(whole, first, second)) if nx.has_path(whole, first, second) else []
    if found is None:
        assert not expected or len(expected[0]) - 1 > 12
    else:
        assert [[steps[0].start.id, *(step.end.id for step in steps)] for steps in found.paths] == expected[:1000]
        assert found.total == len(expected)
