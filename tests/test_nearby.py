"""The network of a server that is too large to fetch it: each step has to give what the table of the whole graph gives."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from conftest import BASE, compiled
from kg import nearby
from kg.draw import to_html
from kg.elements import Filters
from kg.errors import NotFoundError, TooLargeError, UnavailableError
from kg.exports import reach_to_json
from kg.network import neighbours, reach, reach_all, read_network, subgraph, to_networkx
from kg.paths import find_paths
from kg.queries import Graph
from kg.resources import shipped
from kg.snapshots import Snapshot
from kg.store import Answer, Embedded, Store
from kg.vocab import to_iri

GRAPHS = [BASE, *sorted(path for path in (Path(__file__).parent / "graphs").iterdir() if path.is_dir())]


class Elsewhere(Store):
    """A server without the wire."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.asked = self.fails_at = 0

    def run(self, query: str) -> Answer:
        self.asked += 1
        if self.asked == self.fails_at:
            raise UnavailableError("The server breaks off.")
        return self.snapshot.store.run(query)


WHOLE = nearby.WHOLE_QUADS


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby, "WHOLE_QUADS", 0)


def _far(graph: Path) -> Graph:
    snapshot = compiled(graph)
    server = Elsewhere(snapshot)
    return Graph(replace(snapshot, load=lambda: server, engine=None))


def _told(graph: Graph, id: str, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reach_to_json(reach(graph, [id], **how)))
    return found


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.name)
def test_what_is_near_is_what_the_whole_table_says(path: Path) -> None:
    whole, far = Graph(compiled(path)), _far(path)
    for at, id in enumerate(whole.table().ids()):
        for depth in (0, 1, 2):
            # What was asked before must not matter.
            asked = far if at % 6 else _far(path)
            assert _told(asked, id, depth=depth) == _told(whole, id, depth=depth), (id, depth)
        for page in (neighbours(far, id, limit=3), neighbours(far, id, limit=3, offset=2)):
            assert page == neighbours(whole, id, limit=3, offset=page.offset)


def test_the_shipped_graph_with_filters_and_a_limit() -> None:
    whole, far = Graph(compiled(shipped("graph"))), _far(shipped("graph"))
    id = "organisation:nhsx"
    for filters in (Filters(classes=["Person"]), Filters(relations=["about"]), Filters(sources=whole.table().sources[:1])):
        assert _told(far, id, depth=2, filters=filters) == _told(whole, id, depth=2, filters=filters)
    assert _told(far, id, depth=2, max_nodes=20) == _told(whole, id, depth=2, max_nodes=20)
    assert far.table().classes == whole.table().classes
    assert set(far.table().relations) >= set(whole.table().relations)
    assert far.table().sources == sorted(whole.table().sources)


def test_a_page_of_many_facts_leads_to_the_server_and_a_step_leads_past_them(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Graph(compiled(shipped("graph")))
    hub = whole.table().nodes(whole.table().connected(Filters(), 1))[0].id
    seed = next(edge.end if edge.start == hub else edge.start for edge in neighbours(whole, hub, limit=1).edges)
    monkeypatch.setattr(nearby, "HUB_FACTS", 20)
    found = subgraph(_far(shipped("graph")), [seed], depth=2)
    assert hub in found.not_walked
    assert found.is_truncated
    every = subgraph(whole, [seed], depth=2)
    assert {node.id for node in found.nodes} < {node.id for node in every.nodes}
    among = {node.id for node in found.nodes}
    assert [edge for edge in every.edges if {edge.start, edge.end} <= among] == list(found.edges)
    told = _told(_far(shipped("graph")), seed, depth=2)["graph"]
    assert (told["truncated"], hub in told["not_walked"].split()) == (True, True)
    assert to_networkx(found).graph["not_walked"] == told["not_walked"]
    assert f"What lies beyond {found.not_walked[0]}" in to_html(found, whole)
    monkeypatch.setattr(nearby, "MOST_FACTS", 10)
    with pytest.raises(
        TooLargeError, match=rf"statements name {hub}, and more than 10 are not fetched\. The question links, with entity={hub}, asks"
    ):
        neighbours(_far(shipped("graph")), hub)


def test_what_was_asked_of_a_hub_before_changes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Graph(compiled(shipped("graph")))
    hub = whole.table().nodes(whole.table().connected(Filters(), 1))[0].id
    seed = next(edge.end if edge.start == hub else edge.start for edge in neighbours(whole, hub, limit=1).edges)
    monkeypatch.setattr(nearby, "HUB_FACTS", 20)
    far = _far(shipped("graph"))
    before = _told(far, seed, depth=2)
    assert _told(far, hub, depth=1) == _told(whole, hub, depth=1)
    assert _told(far, seed, depth=2) == before


def test_what_others_keep_on_the_server_does_no_harm() -> None:
    id = "pledge:gazette-cranes"
    meant = _told(Graph(compiled(BASE)), id, depth=2)
    far = _far(BASE)
    engine = ox.Store()
    engine.bulk_extend(compiled(BASE).embedded.engine)
    knows, other = ox.NamedNode("http://xmlns.com/foaf/0.1/knows"), ox.NamedNode("http://others.example/g")
    for node in meant["nodes"]:
        engine.add(ox.Quad(ox.BlankNode(), knows, ox.NamedNode(to_iri(node["id"])), other))
        engine.add(ox.Quad(ox.NamedNode(to_iri(node["id"])), knows, ox.BlankNode(), other))
    crowded = Embedded(engine)
    object.__setattr__(far.snapshot, "load", lambda: Elsewhere(replace(far.snapshot, load=lambda: crowded)))
    assert _told(far, id, depth=2) == meant


def test_a_list_of_what_has_a_name_is_that_of_the_whole_table() -> None:
    whole, far = Graph(compiled(shipped("graph"))).table(), _far(shipped("graph")).table()
    for classes in ((), ("Person",), ("Trust", "Conflict"), ("Link",)):
        for offset in (0, 7):
            assert far.named(classes, limit=5, offset=offset) == whole.named(classes, limit=5, offset=offset), classes


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    id = "pledge:gazette-cranes"
    meant = _told(Graph(compiled(BASE)), id, depth=2)
    for fails_at in range(2, 200, 3):
        far = _far(BASE)
        server = far.store
        assert isinstance(server, Elsewhere)
        server.fails_at = fails_at
        try:
            assert _told(far, id, depth=2) == meant
        except UnavailableError:
            assert _told(far, id, depth=2) == meant
        else:
            break
    assert fails_at > 20


def test_what_needs_the_whole_network_is_refused(tmp_path: Path) -> None:
    far = _far(BASE)
    first, second = Graph(compiled(BASE)).table().ids()[:2]
    own = tmp_path / "own.rq"
    own.write_text("SELECT ?start ?end ?relation { ?start ?relation ?end }", "utf-8")
    for ask in (
        lambda: read_network(far),
        lambda: reach_all(far, max_nodes=5),
        lambda: find_paths(far, first, second),
        lambda: far.table(own),
    ):
        with pytest.raises(TooLargeError, match="--on-disk"):
            ask()


def test_a_name_is_found_by_a_part_of_it_and_what_is_not_there_is_told() -> None:
    far = _far(shipped("graph"))
    assert [match.id for match in far.find("hancock", limit=1)] == ["person:matt-hancock"]
    assert far.find('"}) DROP ALL #') == []
    with pytest.raises(NotFoundError, match="There is no 'person:nobody' in the network"):
        neighbours(far, "person:nobody")
    with pytest.raises(NotFoundError, match="kg find"):
        neighbours(far, "person:x> . ?s ?p ?o")


def test_a_table_that_has_grown_large_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    far = _far(BASE)
    first = far.table()
    assert far.table() is first
    monkeypatch.setattr(nearby, "MOST_KEPT", 1)
    id = Graph(compiled(BASE)).table().ids()[0]
    neighbours(far, id)
    assert far.table() is not first


def test_the_limits_are_those_of_the_readme() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    text = " ".join(text.split())
    assert f"Past {WHOLE:,} quads neighbours and subgraphs are asked hop by hop" in text
    assert f"what over {nearby.HUB_FACTS:,} statements name" in text
    assert f"a step fetches {nearby.MOST_FACTS:,} at most, a search ranks {nearby.NAMES} names" in text
