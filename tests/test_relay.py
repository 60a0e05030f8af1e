"""`kg serve --endpoint` answers from a server as it does from a snapshot, and keeps its own limits."""

import json
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from time import monotonic, sleep
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

import kg
from conftest import Runner
from kg import nearby
from kg.api import create_app
from kg.errors import BusyError, LimitError, TooLargeError, UnavailableError
from kg.isolation import Limits, Pool
from kg.relay import Relay
from kg.remote import Remote
from kg.store import Question
from real_servers import Server, Wrong, oxigraph, push_graph, wrong
from test_serve import Server as Serving

ROWS = b'{"head":{"vars":["n"]},"results":{"bindings":[%s]}}' % b",".join([b'{"n":{"type":"literal","value":"1"}}'] * 50)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with oxigraph(tmp_path_factory.mktemp("oxigraph"), "--union-default-graph") as found:
        push_graph(found, kg.open())
        yield found


@pytest.fixture(scope="module")
def both(server: Server, warm: Runner) -> Iterator[tuple[Serving, Serving]]:
    """The same graph served from a server and from a snapshot."""
    there, here = Serving(warm, "--endpoint", server.url), Serving(warm)
    yield there, here
    for one in (there, here):
        one.stop()


SPARQL = [
    ("srj", "SELECT ?p ?label { ?p a kg:Pledge ; rdfs:label ?label } ORDER BY ?p"),
    ("csv", "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"),
    ("tsv", "SELECT ?p ?l { ?p a kg:Person ; rdfs:label ?l } ORDER BY ?p"),
    ("xml", "ASK { ?p a kg:Pledge }"),
    ("nt", "CONSTRUCT { ?p a kg:Person } WHERE { ?p a kg:Person }"),
]


@pytest.mark.parametrize(("format", "text"), SPARQL, ids=[format for format, _ in SPARQL])
def test_a_query_of_ones_own_has_the_same_answer_in_every_format(both: tuple[Serving, Serving], format: str, text: str) -> None:
    path = f"/sparql.{ {'srj': 'json'}.get(format, format) }?{urlencode({'query': text})}"
    (there_status, there), (here_status, here) = (one.get(path) for one in both)
    assert (there_status, here_status) == (200, 200), there
    if "COUNT" in text:
        assert int(there.split()[-1]) > int(here.split()[-1]), "the server describes what it holds as well"
    else:
        assert sorted(there.splitlines()) == sorted(here.splitlines())


@pytest.mark.parametrize(
    "path",
    [
        "/pledges.json",
        "/entities/person/matt-hancock.json",
        "/subgraph?seed=person:matt-hancock&depth=2",
        "/path?from=place:birmingham&to=person:matt-hancock",
        "/queries/money_total.json",
        "/sources.csv",
    ],
)
def test_everything_else_is_the_same_as_well(both: tuple[Serving, Serving], path: str) -> None:
    there, here = (one.get(path) for one in both)
    assert there == here
    assert there[0] == 200


@pytest.mark.parametrize("path", ["/", "/pledges", "/sparql", "/network", "/readyz", "/.well-known/void"])
def test_pages_are_there(both: tuple[Serving, Serving], path: str) -> None:
    assert both[0].get(path)[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?x {",
        "SELECT * { SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }",
        "INSERT DATA { <urn:a> <urn:b> <urn:c> }",
        "SELECT * FROM <file:///etc/passwd> { ?a ?b ?c }",
    ],
)
def test_what_is_not_allowed_is_refused_alike(both: tuple[Serving, Serving], query: str) -> None:
    told = [one.get(f"/sparql?{urlencode({'query': query})}") for one in both]
    (there, one), (here, other) = ((status, json.loads(body)) for status, body in told)
    assert there == here == 400
    assert one["detail"] == other["detail"]


def test_a_graph_of_the_call_is_asked_and_no_other(server: Server) -> None:
    graphs = ("https://w3id.org/kg-commitments/graph/entities",)
    text = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    relay = Relay(Remote(server.url))
    with Pool(kg.open().embedded) as pool:
        for question in (
            Question(text, "csv", default_graphs=graphs),
            Question(text.replace("?s ?p ?o", "GRAPH ?g { ?s ?p ?o }"), "csv", named_graphs=graphs),
        ):
            assert relay.ask(question).body == pool.ask(question).body
    with pytest.raises(kg.QueryError, match="which is no graph of this store"):
        relay.ask(Question(text, "csv", default_graphs=("urn:x> <y",)))


@pytest.mark.parametrize(
    ("how", "limits", "error", "say"),
    [
        (Wrong(is_silent=True), Limits(timeout_s=0.3), LimitError, r"ran longer than 0\.3 seconds"),
        (Wrong(drips_s=0.1), Limits(timeout_s=0.4), LimitError, r"ran longer than 0\.4 seconds"),
        (Wrong(body=ROWS), Limits(rows=49), TooLargeError, "more than 49 rows"),
        (Wrong(body=ROWS, sent=30), Limits(), UnavailableError, "broke off"),
        (Wrong(body=b" " * 5_000_000), Limits(body_mib=1), TooLargeError, "larger than 4 MiB"),
        (Wrong(body=ROWS[:-30]), Limits(), kg.DataError, "cannot be read"),
        (Wrong(401, b"who?"), Limits(), kg.CallError, "wants credentials"),
    ],
)
def test_the_limits_are_those_of_a_snapshot(how: Wrong, limits: Limits, error: type[kg.KGError], say: str) -> None:
    started = monotonic()
    with wrong(how) as (url, _), pytest.raises(error, match=say):
        Relay(Remote(url), limits).ask(Question("SELECT ?n { ?s ?p ?n }", "csv"))
    assert monotonic() - started < 5


def test_who_asks_beyond_those_that_may_wait_is_told() -> None:
    with wrong(Wrong(is_silent=True)) as (url, seen):
        relay = Relay(Remote(url), Limits(timeout_s=2, workers=1, waiting=0))

        def ask() -> None:
            with suppress(LimitError):
                relay.ask(Question("ASK {}", "csv"))

        first = Thread(target=ask)
        first.start()
        while not seen:
            sleep(0.01)
        with pytest.raises(BusyError, match="0 queries wait already"):
            relay.ask(Question("ASK {}", "csv"))
        first.join()
        relay.close()
        with pytest.raises(UnavailableError, match="stopping"):
            relay.ask(Question("ASK {}", "csv"))
    assert not relay.is_ready


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (<bif:http_get>('http://127.0.0.1:9/') AS ?x) {}",
        "PREFIX b: <BIF:> SELECT (b:file_to_string('x') AS ?x) {}",
        "SELECT (<\\u0062if:http_get>('http://127.0.0.1:9/') AS ?x) {}",
        "BASE <sql:> SELECT (<x>() AS ?x) {}",
    ],
)
def test_functions_of_one_kind_of_server_are_not_sent(text: str) -> None:
    with wrong(Wrong()) as (url, seen), pytest.raises(kg.QueryError, match=r"custom function .* is not supported"):
        Relay(Remote(url)).ask(Question(text, "csv"))
    assert seen == []


SAME = (
    "/subgraph?seed=person:matt-hancock&depth=2",
    "/entities/person/matt-hancock",
    "/entities/wave/digital-aspirant-second-seed/neighbours",
    "/pledges?maker=person:matt-hancock",
    "/entities?class=Person",
)
PAGES = (
    "/",
    "/entities/person/matt-hancock",
    "/pledges",
    "/entities",
    "/entities?q=hancock",
    "/explorer",
    "/timeline",
    "/conflicts",
    "/sources",
)


def test_a_server_that_is_too_large_for_one_table_is_served_all_the_same(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby, "WHOLE_QUADS", 0)
    with TestClient(create_app(kg.open(endpoint=server.url))) as there, TestClient(create_app(kg.open())) as here:
        for path in SAME:
            answers = [client.get(path, headers={"Accept": "application/json"}) for client in (there, here)]
            assert [answer.status_code for answer in answers] == [200, 200], path
            assert answers[0].json() == answers[1].json(), path
        for path in PAGES:
            assert there.get(path, headers={"Accept": "text/html"}).status_code == 200, path
        for path in ("/network", "/path?from=person:matt-hancock&to=place:birmingham"):
            answer = there.get(path, headers={"Accept": "application/json"})
            assert answer.status_code == 422, path
            assert "the network is not fetched as a whole" in answer.json()["detail"]
    with monkeypatch.context() as small, TestClient(create_app(kg.open(endpoint=server.url))) as there:
        small.setattr(nearby, "HUB_FACTS", 20)
        answer = there.get("/subgraph?seed=outcome:health-tech-alliance-seven-lessons-vision&depth=2&format=ttl")
        told = there.get("/subgraph?seed=outcome:health-tech-alliance-seven-lessons-vision&depth=2").json()["graph"]
        assert answer.headers["x-not-walked"] == str(len(told["not_walked"].split())) != "0"
    monkeypatch.setattr(nearby, "MOST_FACTS", 60)
    with TestClient(create_app(kg.open(endpoint=server.url))) as there:
        for path in ("/entities/person/matt-hancock", "/explorer?seed=person:matt-hancock"):
            answer = there.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 200, path
            assert "and more than 60 are not fetched" in answer.text, path
            assert 'href="/queries/links?entity=person%3Amatt-hancock"' in answer.text, path
        assert there.get("/queries/links?entity=person%3Amatt-hancock").json()["total"] > 0
