"""The interface over HTTP: every route in every format, what it refuses, and that it tells what the command line tells."""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from threading import Event
from typing import Any

import networkx as nx
import pyoxigraph as ox
import pytest
import rdflib
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.testclient import TestClient

import kg
from kg.api import Limits, create_app, ledgers, models
from kg.api.lists import ALIASES, prepare_lists
from kg.api.negotiation import choose
from kg.api.service import Packed, Service
from kg.elements import Filters
from kg.exports import to_json
from kg.network import neighbours, read_network, subgraph
from kg.paths import find_paths
from kg.queries import get_query, query_names
from kg.store import Embedded
from kg.vocab import prologue

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
LISTS = ["/pledges", "/events", "/sources", "/queries", "/entities", *(f"/queries/{name}" for name in query_names())]
THINGS = [
    "/entities/person/matt-hancock",
    "/entities/pledge/publictechnology-first-speech-fund",
    "/entities/money/publictechnology-first-speech-fund-headline",
    "/entities/conflict/publictechnology-first-speech-fund",
    "/sources/publictechnology-first-speech",
]
NETWORKS = ["/subgraph?seed=organisation:nhsx&depth=2", "/network?class=Pledge&class=Person"]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(limits=Limits(timeout_s=2, workers=1))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as found:
        yield found


def _paths(client: TestClient) -> Iterator[str]:
    yield from ("/", "/healthz", "/ontology", "/.well-known/void", "/path?from=place:birmingham&to=person:matt-hancock", "/sparql")
    yield from (*LISTS, *THINGS, *NETWORKS, THINGS[0] + "/neighbours", "/docs", "/openapi.json")


def _links(page: str) -> set[str]:
    return set(re.findall(r'href="(/[^"]*)"', page))


# ---------------------------------------------------------------- what is answered


def _model(client: TestClient, path: str) -> Any:
    """The schema that OpenAPI gives for the JSON of a path, as a model that takes nothing else."""
    if path.startswith("/queries/") or path in ("/pledges", "/events", "/sources"):
        return models.Listed.__class_getitem__(models.record_of(get_query(path.removeprefix("/queries/").strip("/"))))
    by_path = {
        "/": models.Home,
        "/healthz": models.Health,
        "/queries": models.Listed[models.Question],
        "/entities": models.Listed[models.Match],
    }
    if path in by_path:
        return by_path[path]
    for start, model in (
        ("/path", models.Paths),
        ("/subgraph", models.NodeLink),
        ("/network", models.NodeLink),
        ("/sources/", models.Source),
    ):
        if path.startswith(start):
            return model
    return models.Neighbours if path.endswith("/neighbours") else models.Entity


JSON_PATHS = ["/", "/healthz", *LISTS, *THINGS, *NETWORKS, THINGS[0] + "/neighbours", "/path?from=place:birmingham&to=person:matt-hancock"]


@pytest.mark.parametrize("path", JSON_PATHS)
def test_an_answer_in_json_is_what_its_model_says(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    TypeAdapter(_model(client, path)).validate_json(answer.content, strict=False)


def test_a_model_takes_no_field_that_it_does_not_have(client: TestClient) -> None:
    answer = client.get("/entities/person/matt-hancock").json() | {"surprise": 1}
    with pytest.raises(ValueError, match="surprise"):
        TypeAdapter(models.Entity).validate_python(answer)


@pytest.mark.parametrize("name", query_names())
def test_a_list_is_the_answer_of_its_query(client: TestClient, name: str) -> None:
    rows = kg.open().query(name)
    found = client.get(f"/queries/{name}?limit=1000").json()
    assert (found["total"], len(found["results"])) == (len(rows), min(len(rows), 1000))
    assert found["truncated"] is (len(rows) > 1000)
    assert found["results"] == json.loads(rows.to_text("json"))[:1000]
    as_csv = client.get(f"/queries/{name}.csv?limit=1000").text
    assert list(csv.reader(io.StringIO(as_csv))) == list(csv.reader(io.StringIO(rows.to_text("csv"))))[:1001]


def test_pages_of_a_list_are_the_list(client: TestClient) -> None:
    found, path = [], "/pledges?limit=5&strength=firm"
    while path:
        answer = client.get(path)
        page = answer.json()
        found += page["results"]
        assert page["truncated"] is (page["next"] is not None)
        assert (f'<{page["next"]}>; rel="next"' == answer.headers.get("link")) or page["next"] is None
        path = page["next"]
    assert found == json.loads(kg.open().query("pledges", strength="firm").to_text("json"))
    assert len(found) == page["total"] == int(answer.headers["x-total-count"])
    beyond = client.get("/pledges?offset=1000").json()
    assert (beyond["results"], beyond["total"], beyond["next"], beyond["truncated"]) == ([], 28, None, False)


def test_the_next_page_keeps_the_suffix_and_the_filters(client: TestClient) -> None:
    link = client.get("/pledges.csv?limit=3&strength=firm").headers["link"]
    assert link == '</pledges.csv?strength=firm&limit=3&offset=3>; rel="next"'


def test_a_typed_parameter_is_that_of_the_query(client: TestClient) -> None:
    firm = client.get("/pledges?strength=firm&conditional=true&due_by=2030-01-01&maker=person:matt-hancock")
    rows = kg.open().query("pledges", strength="firm", conditional=True, due_by="2030-01-01", maker="person:matt-hancock")
    assert firm.json()["results"] == json.loads(rows.to_text("json"))


def test_a_search_is_that_of_the_command_line(client: TestClient) -> None:
    found = client.get("/entities?q=matt hancok").json()["results"]
    assert [match["id"] for match in found[:10]] == [match.id for match in kg.open().find("matt hancok", limit=10)]
    only = client.get("/entities?q=matt hancok&class=Person").json()["results"]
    assert {match["class"] for match in only} == {"Person"}
    assert only[0]["id"] == "person:matt-hancock"


RECRUITER = "source:recruiter-tech-driven-nhs"
SUBGRAPHS = [
    ("seed=person:matt-hancock", Filters(), {}),
    ("seed=organisation:nhsx&depth=2", Filters(), {"depth": 2}),
    ("seed=organisation:nhsx&depth=3&class=Pledge&class=Wave", Filters(classes=["Pledge", "Wave"]), {"depth": 3}),
    ("seed=person:matt-hancock&relation=speaksAt", Filters(relations=["speaksAt"]), {}),
    (f"seed=person:matt-hancock&source={RECRUITER}&max_nodes=5", Filters(sources=[RECRUITER]), {"max_nodes": 5}),
]


@pytest.mark.parametrize(("query", "filters", "options"), SUBGRAPHS)
def test_a_subgraph_is_that_of_the_command_line(client: TestClient, query: str, filters: Filters, options: dict[str, Any]) -> None:
    seeds = re.findall(r"seed=([^&]*)", query)
    expected = subgraph(kg.open(), seeds, filters=filters, **{"max_nodes": 500} | options)
    found = client.get(f"/subgraph?{query}")
    wanted = json.loads(to_json(expected))
    assert found.json()["graph"] == wanted["graph"]
    assert sorted(found.json()["nodes"], key=lambda node: node["id"]) == sorted(wanted["nodes"], key=lambda node: node["id"])
    assert {edge["key"]: edge for edge in found.json()["edges"]} == {edge["key"]: edge for edge in wanted["edges"]}
    graph = nx.node_link_graph(found.json(), edges="edges")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (len(expected.nodes), len(expected.edges))


def test_a_source_is_found_where_it_stands_when_the_rows_are_asked_for_again(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    service: Service = app.state.host.current
    rows = service.rows("sources", {})
    last = next(reversed(list(rows)))["source"]
    assert service.place_of(str(last)) == rows.total - 1
    fewer = Packed.of(rows.columns, iter(rows.page(1, rows.total).rows))
    monkeypatch.setattr(service, "rows", lambda *_: fewer)
    assert service.place_of(str(last)) == rows.total - 2
    assert service.place_of("source:gone") is None


def test_a_filter_offers_all_its_things_by_their_labels_or_none_of_too_many(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    service: Service = app.state.host.current
    for name in ("maker", "theme", "programme"):
        labels = service.graph.labels(id for id, _ in ledgers.choices_of(service, name))
        things = [id for id, label in sorted(labels.items(), key=lambda pair: (pair[1], pair[0]))]
        assert [id for id, _ in ledgers.choices_of(service, name)] == things
        assert all(service.rows("pledges", {name: id}).total for id in things), "each of them finds something"
        monkeypatch.setattr(ledgers, "MOST_CHOICES", len(things))
        assert len(ledgers.choices_of(service, name)) == len(things)
        monkeypatch.setattr(ledgers, "MOST_CHOICES", len(things) - 1)
        assert ledgers.choices_of(service, name) == []
        monkeypatch.undo()
    monkeypatch.setitem(ledgers.CHOICES, "maker", "?fact a kg:Pledge ; kg:maker ?thing , kg:Nobody .")
    assert ledgers.choices_of(service, "maker") == []


def test_a_subgraph_that_was_cut_says_so(client: TestClient) -> None:
    answer = client.get("/subgraph?seed=person:matt-hancock&max_nodes=5")
    assert answer.json()["graph"] == {"nodes_reached": int(answer.headers["x-total-count"]), "nodes_kept": 5, "truncated": True}
    whole = client.get("/network?max_nodes=10").json()
    assert (len(whole["nodes"]), whole["graph"]["nodes_reached"]) == (10, len(read_network(kg.open()).nodes))


def test_a_path_and_neighbours_are_those_of_the_command_line(client: TestClient) -> None:
    expected = find_paths(kg.open(), "place:birmingham", "person:matt-hancock")
    assert expected
    found = client.get("/path?from=place:birmingham&to=person:matt-hancock").json()
    assert (found["hops"], found["total"]) == (expected.hops, expected.total)
    assert [[step["end"] for step in path] for path in found["paths"]] == [[step.end.id for step in path] for path in expected.paths]
    assert all(edge["passages"] for path in found["paths"] for step in path for edge in step["edges"])
    none = client.get("/path?from=place:birmingham&to=person:matt-hancock&max_hops=1").json()
    assert (none["hops"], none["paths"], none["total"]) == (None, [], 0)
    page = client.get("/entities/person/matt-hancock/neighbours?relation=speaksAt&limit=4").json()
    wanted = neighbours(kg.open(), "person:matt-hancock", filters=Filters(relations=["speaksAt"]), limit=4)
    assert (page["total"], [edge["key"] for edge in page["results"]]) == (wanted.total, [str(edge.number) for edge in wanted.edges])
    assert page["truncated"]


def test_every_fact_of_an_entity_has_its_passages(client: TestClient) -> None:
    facts = client.get("/entities/person/matt-hancock").json()["facts"]
    assert len(facts) > 100
    assert all(fact["passages"] for fact in facts)
    assert {fact["id"] for fact in facts} == {row["fact"] for row in kg.open().query("facts", node="person:matt-hancock").to_dicts()}


@pytest.mark.parametrize("path", [*LISTS[:3], *THINGS, *NETWORKS])
def test_linked_data_is_there_as_turtle_and_json_ld(client: TestClient, path: str) -> None:
    turtle = client.get(path, headers={"Accept": "text/turtle"})
    assert turtle.headers["content-type"] == "text/turtle; charset=utf-8"
    triples = set(map(str, ox.parse(turtle.content, format=ox.RdfFormat.TURTLE)))
    assert len(triples) >= 5
    linked = client.get(path, headers={"Accept": "application/ld+json"})
    assert set(map(str, ox.parse(linked.content, format=ox.RdfFormat.JSON_LD))) == triples
    whole = kg.open().embedded.engine
    for triple in ox.parse(turtle.content, format=ox.RdfFormat.TURTLE):
        assert any(whole.quads_for_pattern(triple.subject, triple.predicate, triple.object))


def test_a_network_is_there_in_every_format_of_the_command_line(client: TestClient) -> None:
    for format, start in (("graphml", "<graphml"), ("gexf", "<gexf"), ("cytoscape", "{"), ("html", "<!doctype html>")):
        by_name = client.get(f"/subgraph?seed=organisation:nhsx&format={format}")
        assert by_name.text.startswith(start)
        assert client.get(f"/subgraph.{format}?seed=organisation:nhsx").content == by_name.content


def test_the_iri_of_a_thing_leads_to_it(client: TestClient) -> None:
    answer = client.get("/id/person/matt-hancock")
    assert (answer.status_code, answer.headers["location"]) == (303, "/entities/person/matt-hancock")
    assert client.get("/id/person/matt-hancock.ttl").headers["location"] == "/entities/person/matt-hancock.ttl"
    assert client.get("/id/person/nobody").status_code == 404


def test_the_server_tells_what_it_is(client: TestClient) -> None:
    void = rdflib.Graph().parse(data=client.get("/.well-known/void").text, format="turtle", publicID="http://x/")
    assert (None, rdflib.URIRef("http://rdfs.org/ns/void#sparqlEndpoint"), rdflib.URIRef("http://x/sparql")) in void
    service = rdflib.Graph().parse(data=client.get("/sparql").text, format="turtle", publicID="http://x/")
    graphs = set(service.objects(None, rdflib.URIRef("http://www.w3.org/ns/sparql-service-description#name")))
    assert {str(graph) for graph in graphs} == {str(name.value) for name in kg.open().embedded.engine.named_graphs()}
    ontology = rdflib.Graph().parse(data=client.get("/ontology").text, format="turtle")
    assert (rdflib.URIRef("https://w3id.org/kg-commitments/ontology#Pledge"), None, None) in ontology
    assert client.get("/readyz").status_code in (200, 503)
    client.get("/sparql?query=ASK{}")
    assert _service(client).ready.wait(30)
    assert client.get("/readyz").json()["status"] == "ok"
    assert client.get("/healthz").headers["cache-control"] == "no-store"


def _service(client: TestClient) -> Service:
    app: Any = client.app
    service: Service = app.state.host.current
    return service


def test_a_server_answers_before_its_lists_are_prepared_and_says_when_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    go = Event()

    def late(service: Service) -> None:
        assert go.wait(30)
        prepare_lists(service)

    monkeypatch.setattr("kg.api.prepare_lists", late)
    with TestClient(create_app()) as client:
        assert client.get("/queries/people?limit=1").status_code == 200
        answer = client.get("/readyz")
        assert (answer.status_code, "lists are being prepared" in answer.json()["detail"]) == (503, True)
        go.set()
        assert _service(client).ready.wait(30)
        client.get("/sparql?query=ASK{}")
        assert client.get("/readyz").status_code == 200
        assert all(_service(client)._rows.get((name, ())) for name in ALIASES.values())


def test_lists_that_cannot_be_prepared_keep_no_server_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(service: Service) -> None:
        raise MemoryError

    monkeypatch.setattr("kg.api.prepare_lists", fail)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    with TestClient(create_app()) as client:
        assert _service(client).ready.wait(30)


def test_a_class_of_which_some_have_no_name_is_listed_whole(client: TestClient) -> None:
    for name in ("Fact", "Person", "Link", "Entity"):
        found = client.get(f"/entities?class={name}&limit=1").json()
        assert found["total"] == len(kg.open().query("entities", **{"class": name})), name


# ---------------------------------------------------------------- how it is answered


ACCEPTS = [
    (None, "json"),
    ("", "json"),
    ("*/*", "json"),
    (BROWSER, "html"),
    ("text/csv", "csv"),
    ("text/csv;q=0.1, text/turtle;q=0.2", "ttl"),
    ("text/*;q=0.5, text/csv;q=0.9", "csv"),
    ("application/ld+json, */*;q=0.1", "jsonld"),
    ("application/json;q=0, */*", "html"),
    ("image/png", None),
    ("text/turtle;q=nonsense", None),
    ("TEXT/Turtle ; Q=1", "ttl"),
    (",,;;,", None),
]


@pytest.mark.parametrize(("accept", "format"), ACCEPTS)
def test_the_format_is_the_one_that_is_wanted_most(accept: str | None, format: str | None) -> None:
    assert choose(accept, ("json", "html", "csv", "ttl", "jsonld")) == format


def test_what_is_not_there_in_a_format_is_406(client: TestClient) -> None:
    for path in ("/pledges", "/subgraph?seed=organisation:nhsx", "/entities/person/matt-hancock", "/sparql?query=ASK{}"):
        answer = client.get(path, headers={"Accept": "image/png"})
        assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json"), path
    assert client.get("/pledges.graphml").status_code == 406
    assert client.get("/pledges.exe").status_code == 404


def test_an_etag_stands_for_the_bytes(client: TestClient) -> None:
    tags = set()
    for accept in ("application/json", "text/csv", "text/html"):
        for encoding in ("identity", "gzip"):
            first = client.get("/pledges", headers={"Accept": accept, "Accept-Encoding": encoding})
            assert first.headers["vary"] == "Accept, Accept-Encoding"
            assert first.headers.get("content-encoding", "identity") == encoding
            tags.add(first.headers["etag"])
            wanted = {"Accept": accept, "Accept-Encoding": encoding, "If-None-Match": f'"x", {first.headers["etag"]}'}
            again = client.get("/pledges", headers=wanted)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
            assert client.get("/pledges", headers=wanted | {"If-None-Match": '"x"'}).status_code == 200
    assert len(tags) == 6
    assert create_app(limits=Limits(timeout_s=3)).state.host.current.seal != create_app().state.host.current.seal


def test_a_repeated_request_has_the_same_bytes(client: TestClient) -> None:
    for path in _paths(client):
        first, second = client.get(path), client.get(path)
        assert first.status_code == 200, path
        assert first.content == second.content


def test_a_link_that_was_passed_on_is_the_same_address(client: TestClient) -> None:
    plain = client.get("/pledges?limit=2")
    shared = client.get("/pledges?utm_source=news&limit=2&fbclid=x")
    assert shared.content == plain.content


def test_head_is_get_without_a_body_and_options_tells_the_methods(client: TestClient) -> None:
    for path in _paths(client):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-length"] == got.headers["content-length"]
        allowed = client.options(path, headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"})
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert {"GET", "HEAD", "OPTIONS"} <= set(allowed.headers["allow"].split(", "))
    assert "POST" in client.options("/sparql").headers["allow"]
    assert "POST" not in client.options("/pledges").headers["allow"]
    assert client.options("/nothing").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(client: TestClient, method: str) -> None:
    for path in ("/", "/pledges", "/entities/person/matt-hancock", "/subgraph", "/queries/pledges"):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


def test_what_is_not_allowed_tells_what_is(client: TestClient) -> None:
    assert client.put("/sparql").headers["allow"] == client.options("/sparql").headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_part_is_not_cut_out_of_a_compressed_answer(client: TestClient) -> None:
    answer = client.get("/static/site.css", headers={"Range": "bytes=0-99", "Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.text.startswith(":root")


def test_every_answer_has_the_headers_that_keep_it_harmless(client: TestClient) -> None:
    for path in (*_paths(client), "/nothing", "/pledges?limit=0", "/sparql?query=nonsense"):
        for accept in (BROWSER, "*/*"):
            answer = client.get(path, headers={"Accept": accept})
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-inline" not in policy or path == "/docs"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_large_answer_is_compressed_and_a_small_one_is_not(client: TestClient) -> None:
    large = client.get("/network", headers={"Accept-Encoding": "gzip"})
    assert large.headers["content-encoding"] == "gzip"
    assert int(large.headers["content-length"]) < len(large.content) / 4
    assert "content-encoding" not in client.get("/healthz", headers={"Accept-Encoding": "gzip"}).headers
    assert gzip.compress(b"x", mtime=0) == gzip.compress(b"x", mtime=0)


# ---------------------------------------------------------------- for a browser


def test_every_link_of_every_page_leads_somewhere(client: TestClient) -> None:
    seen: set[str] = set()
    pages = [
        "/",
        "/pledges",
        "/entities?class=Event",
        "/queries",
        "/sources",
        "/sparql",
        "/path?from=place:birmingham&to=person:matt-hancock",
    ]
    for path in (*pages, *THINGS, THINGS[0] + "/neighbours"):
        page = client.get(path, headers={"Accept": BROWSER})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        seen |= {link.replace("&amp;", "&") for link in _links(page.text)}
    assert len(seen) > 150
    for link in sorted(seen):
        answer = client.get(link, headers={"Accept": BROWSER if not re.search(r"\.(csv|json|ttl|jsonld)\b", link) else "*/*"})
        assert answer.status_code == 200, link


def test_a_problem_is_a_page_for_a_browser(client: TestClient) -> None:
    answer = client.get("/entities/person/mat-hancock", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Did you mean &#39;person:matt-hancock&#39;?" in answer.text


# ---------------------------------------------------------------- what is refused


WRONG = [
    ("/pledges?limit=0", 400, "limit"),
    ("/pledges?limit=1001", 400, "limit"),
    ("/pledges?limit=x", 400, "limit"),
    ("/pledges?offset=-1", 400, "offset"),
    ("/pledges?colour=red", 400, "There is no parameter 'colour' here."),
    ("/pledges?strength=weak", 400, "It takes: firm, planned."),
    ("/pledges?maker=person:mat-hancock", 404, "Did you mean 'person:matt-hancock'?"),
    ("/pledges?maker=event:rec-conference", 400, "is no Agent"),
    ("/pledges?due_by=tomorrow", 400, "due_by"),
    ("/pledges?conditional=perhaps", 400, "conditional"),
    ("/entities?class=Persn", 404, "Did you mean 'Person'?"),
    ("/entities/person/nobody", 404, "There is no 'person:nobody'"),
    ("/entities/nothing/x", 404, "There is no 'nothing:x'"),
    ("/entities/person/../../etc/passwd", 404, "There is nothing at"),
    ("/entities/person/%2e%2e%2fetc", 404, "There is n"),
    ("/sources/nothing", 404, "There is no 'source:nothing'"),
    ("/queries/nothing", 404, "There is nothing at '/queries/nothing'"),
    ("/subgraph", 400, "The parameter 'seed' is missing."),
    ("/subgraph?seed=", 400, "seed"),
    ("/subgraph?seed=person:nobody", 404, "There is no 'person:nobody' in the network"),
    ("/subgraph?seed=person:matt-hancock&depth=9", 400, "depth"),
    ("/subgraph?seed=person:matt-hancock&max_nodes=100000", 400, "max_nodes"),
    ("/subgraph?seed=person:matt-hancock&class=Persn", 404, "has no class"),
    ("/subgraph?seed=person:matt-hancock&format=exe", 400, "format"),
    ("/subgraph?seed=person:matt-hancock&as_of=2021-99-99", 400, "as_of"),
    ("/path?from=person:matt-hancock&to=person:matt-hancock", 400, "both are"),
    ("/path?from=person:matt-hancock", 400, "The parameter 'to' is missing."),
    ("/network?class=Nothing", 404, "has no class"),
    ("/static/../../pyproject.toml", 404, "There is nothing at"),
    ("/docs/static/../../../../etc/passwd", 404, "nothing"),
    ("/docs/static/%2e%2e/%2e%2e/core.py", 404, "nothing"),
    ("/nothing", 404, "There is nothing at '/nothing'."),
    ("/?x=" + "&x=".join("y" * 500), 400, "more than 400 parameters"),
]


@pytest.mark.parametrize(("path", "status", "words"), WRONG)
def test_a_wrong_call_is_a_problem_in_one_sentence(client: TestClient, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text[:300]
    told = TypeAdapter(models.Problem).validate_json(answer.content)
    assert told.status == status
    assert words in told.detail
    assert "Traceback" not in answer.text
    assert "etag" not in answer.headers


def test_markup_in_an_address_is_inert(client: TestClient) -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    for start in ("/pledges?maker=", "/entities?q=", "/entities/person/", "/sparql?query=", "/subgraph?seed=", "/"):
        path = start + attack
        page = client.get(path, headers={"Accept": BROWSER}).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page
        problem = client.get(path, headers={"Accept": "application/json"})
        assert problem.headers["content-type"].startswith("application/"), "no browser takes it for a page"


def test_no_header_can_be_put_in(client: TestClient) -> None:
    break_in = "%0d%0aSet-Cookie:%20x=1"
    for path in (f"/pledges?limit=2&strength=firm{break_in}", f"/id/person/x{break_in}", f"/entities?limit=2&q=a{break_in}"):
        answer = client.get(path)
        assert "set-cookie" not in answer.headers
        assert "x" not in answer.headers


HOSTILE = '"</td><script>alert(1)</script>'


@pytest.fixture(scope="module")
def hostile() -> Iterator[TestClient]:
    """A store that nobody has checked: hostile labels, an unknown class, no ontology."""
    kg_, rdfs = "https://w3id.org/kg-commitments/ontology#", "http://www.w3.org/2000/01/rdf-schema#"
    node = ox.NamedNode("https://w3id.org/kg-commitments/id/person/x")
    graph = ox.NamedNode("https://example.org/<b>g".replace("<b>", "b"))
    quads = [
        ox.Quad(node, ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), ox.NamedNode(kg_ + "Person"), graph),
        ox.Quad(node, ox.NamedNode(rdfs + "label"), ox.Literal(HOSTILE), graph),
    ]
    with TestClient(create_app(Embedded.from_quads(quads), limits=Limits(workers=1)), raise_server_exceptions=False) as found:
        yield found


def test_a_store_that_nobody_has_checked_is_served_and_its_labels_are_inert(hostile: TestClient) -> None:
    for path in ("/", "/entities", "/entities/person/x", "/queries/names", "/pledges", "/sparql", "/queries"):
        page = hostile.get(path, headers={"Accept": BROWSER})
        assert page.status_code == 200, path
        assert "<script>" not in page.text
    assert "&lt;script&gt;" in hostile.get("/entities/person/x", headers={"Accept": BROWSER}).text
    assert hostile.get("/entities/person/x").json()["label"] == HOSTILE


def test_the_application_can_be_mounted_in_another(app: FastAPI) -> None:
    outer = FastAPI()
    outer.mount("/kg", app)
    client = TestClient(outer, raise_server_exceptions=False)
    assert client.get("/kg/pledges?limit=2").json()["next"] == "/kg/pledges?limit=2&offset=2"
    assert client.get("/kg/pledges.csv").headers["content-type"] == "text/csv; charset=utf-8"
    page = client.get("/kg/pledges?limit=2", headers={"Accept": BROWSER}).text
    links = {link.replace("&amp;", "&") for link in _links(page)}
    assert links
    for link in links:
        assert link.startswith("/kg/"), link
        assert client.get(link).status_code == 200, link
    assert client.get("/kg/id/person/matt-hancock", follow_redirects=False).headers["location"] == "/kg/entities/person/matt-hancock"


def test_a_long_page_of_things_with_long_names_has_all_its_labels() -> None:
    long = "a" * 300
    lines = (f"programme:{long}-{number} a kg:Programme ; rdfs:label 'Programme {number}' .\n" for number in range(1000))
    store = Embedded.from_quads(ox.parse(prologue() + "".join(lines), format=ox.RdfFormat.TURTLE))
    client = TestClient(create_app(store))
    found = client.get("/entities?limit=1000").json()
    assert (found["total"], len(found["labels"])) == (1000, 1000)
    assert client.get("/entities?limit=1000", headers={"accept": "text/turtle"}).text.count("rdfs:label") == 1000
