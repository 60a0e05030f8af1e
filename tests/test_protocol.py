"""The SPARQL 1.1 Protocol, query side: what it must answer, and what it must refuse."""

import csv
import io
import json
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pyoxigraph as ox
import pytest
from starlette.testclient import TestClient

import kg
from kg.api import Limits, create_app
from kg.vocab import ENTITIES_GRAPH, ONTOLOGY_GRAPH

SOURCE = "https://w3id.org/kg-commitments/id/source/publictechnology-first-speech"
OTHER = "https://w3id.org/kg-commitments/id/source/recruiter-tech-driven-nhs"
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DIRECT = {"Content-Type": "application/sparql-query"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    limits = Limits(timeout_s=1, memory_mib=256, rows=500, body_mib=1, workers=2)
    with TestClient(create_app(limits=limits), raise_server_exceptions=False) as found:
        yield found


def _count(body: bytes) -> int:
    return int(json.loads(body)["results"]["bindings"][0]["n"]["value"])


def _in_graph(*iris: str) -> int:
    """How many different triples these graphs hold."""
    engine = kg.open().embedded.engine
    return len({quad.triple for iri in iris for quad in engine.quads_for_pattern(None, None, None, ox.NamedNode(iri))})


# ---------------------------------------------------------------- the three ways to ask


def test_a_query_is_asked_by_get_by_form_and_directly(client: TestClient) -> None:
    by_get = client.get("/sparql", params={"query": COUNT})
    by_form = client.post("/sparql", content=urlencode({"query": COUNT}), headers=FORM)
    direct = client.post("/sparql", content=COUNT, headers=DIRECT)
    assert by_get.status_code == by_form.status_code == direct.status_code == 200
    assert by_get.content == by_form.content == direct.content
    assert _count(by_get.content) == len(kg.open().embedded.engine)


def test_a_form_is_decoded_once(client: TestClient) -> None:
    query = 'SELECT ("100%25 & a+b é 😀" AS ?x) {}'
    for answer in (
        client.get(f"/sparql?query={quote(query)}"),
        client.post("/sparql", content=urlencode({"query": query}), headers=FORM),
        client.post("/sparql", content=query.encode(), headers=DIRECT | {"Content-Type": "application/sparql-query; charset=utf-8"}),
    ):
        assert answer.json()["results"]["bindings"][0]["x"]["value"] == "100%25 & a+b é 😀"


ROWS = {
    "application/sparql-results+json": "application/sparql-results+json",
    "application/json": "application/sparql-results+json",
    "application/sparql-results+xml": "application/sparql-results+xml",
    "application/xml": "application/sparql-results+xml",
    "text/csv": "text/csv; charset=utf-8",
    "text/tab-separated-values": "text/tab-separated-values; charset=utf-8",
    "text/csv;q=0.1, application/sparql-results+xml": "application/sparql-results+xml",
    "*/*": "application/sparql-results+json",
}


@pytest.mark.parametrize(("accept", "kind"), ROWS.items())
def test_rows_are_there_in_all_four_formats(client: TestClient, accept: str, kind: str) -> None:
    query = "SELECT ?pledge ?label { ?pledge a kg:Pledge ; rdfs:label ?label } ORDER BY ?pledge"
    answer = client.get("/sparql", params={"query": query}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    formats = {"json": ox.QueryResultsFormat.JSON, "xml": ox.QueryResultsFormat.XML, "values": ox.QueryResultsFormat.TSV}
    if "csv" in kind:
        assert len(list(csv.reader(io.StringIO(answer.text)))) == 29
        return
    (format,) = [found for name, found in formats.items() if name in kind]
    parsed = ox.parse_query_results(answer.content, format=format)
    assert isinstance(parsed, ox.QuerySolutions)
    assert len(list(parsed)) == 28
    truth = client.get("/sparql", params={"query": "ASK { ?pledge a kg:Pledge }"}, headers={"Accept": accept})
    assert b"true" in truth.content


TRIPLES = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "*/*": ox.RdfFormat.TURTLE,
}


@pytest.mark.parametrize(("accept", "format"), TRIPLES.items())
def test_triples_are_there_in_the_formats_of_rdf(client: TestClient, accept: str, format: ox.RdfFormat) -> None:
    for query in ("CONSTRUCT { ?s a ?c } { ?s a ?c . ?c rdfs:subClassOf* kg:Agent }", f"DESCRIBE <{SOURCE}>"):
        answer = client.get("/sparql", params={"query": query}, headers={"Accept": accept})
        assert answer.status_code == 200
        assert len(list(ox.parse(answer.content, format=format))) > 3


def test_the_kind_of_the_answer_decides_which_format_is_meant(client: TestClient) -> None:
    both = {"Accept": "text/turtle, application/sparql-results+xml"}
    assert client.get("/sparql", params={"query": "ASK {}"}, headers=both).headers["content-type"] == "application/sparql-results+xml"
    built = client.get("/sparql", params={"query": "CONSTRUCT { ?s a ?c } { ?s a ?c } LIMIT 1"}, headers=both)
    assert built.headers["content-type"].startswith("text/turtle")
    for accept, query in (("text/csv", "CONSTRUCT { ?s a ?c } { ?s a ?c } LIMIT 1"), ("text/turtle", "ASK {}"), ("image/png", "ASK {}")):
        assert client.get("/sparql", params={"query": query}, headers={"Accept": accept}).status_code == 406


def test_a_suffix_names_the_format(client: TestClient) -> None:
    assert client.get("/sparql.csv", params={"query": "ASK {}"}).headers["content-type"].startswith("text/csv")
    assert client.get("/sparql.json", params={"query": "ASK {}"}).headers["content-type"] == "application/sparql-results+json"
    assert client.get("/sparql.ttl", params={"query": "DESCRIBE kg:Pledge"}).headers["content-type"].startswith("text/turtle")


# ---------------------------------------------------------------- which graphs are asked


def test_the_call_names_the_graphs_that_are_asked(client: TestClient) -> None:
    assert _in_graph(SOURCE)
    for graphs in ([SOURCE], [SOURCE, OTHER], [ENTITIES_GRAPH, ONTOLOGY_GRAPH, OTHER]):
        asked, named = urlencode({"query": COUNT}), urlencode([("default-graph-uri", graph) for graph in graphs])
        answers = [
            client.get(f"/sparql?{asked}&{named}"),
            client.post("/sparql", content=f"{asked}&{named}", headers=FORM),
            client.post(f"/sparql?{named}", content=COUNT, headers=DIRECT),
        ]
        assert [_count(answer.content) for answer in answers] == [_in_graph(*graphs)] * 3


def test_named_graphs_leave_the_default_graph_empty(client: TestClient) -> None:
    def ask(query: str, *graphs: tuple[str, str]) -> int:
        return _count(client.get(f"/sparql?{urlencode([('query', query), *graphs])}").content)

    inside = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
    named = ("named-graph-uri", SOURCE), ("named-graph-uri", OTHER)
    assert ask(COUNT, *named) == 0
    assert ask(inside, *named) == _in_graph(SOURCE) + _in_graph(OTHER)
    assert ask(inside, ("default-graph-uri", SOURCE)) == 0
    assert ask(COUNT, ("default-graph-uri", OTHER), ("named-graph-uri", SOURCE)) == _in_graph(OTHER)


def test_the_call_comes_before_the_query(client: TestClient) -> None:
    query = f"SELECT (COUNT(*) AS ?n) FROM <{SOURCE}> {{ ?s ?p ?o }}"
    assert _count(client.get("/sparql", params={"query": query}).content) == _in_graph(SOURCE)
    assert _count(client.get("/sparql", params={"query": query, "default-graph-uri": OTHER}).content) == _in_graph(OTHER)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "words"),
    [
        ("GET", "/sparql?query=", b"", {}, 400, "not SPARQL"),
        ("GET", "/sparql?query=ASK{}&query=ASK{}", b"", {}, 400, "There are 2 queries"),
        ("GET", "/sparql?quary=ASK{}", b"", {}, 400, "There is no parameter 'quary'"),
        ("GET", "/sparql?update=CLEAR+ALL", b"", {}, 400, "read-only"),
        ("GET", "/sparql?query=CLEAR+ALL", b"", {}, 400, "CLEAR is an update"),
        ("GET", "/sparql?query=SELECT+%3Fx+%7B%0A+%3Fx+a+%7D", b"", {}, 400, "at line 2"),
        ("GET", "/sparql?query=%ff", b"", {}, 400, "not UTF-8"),
        ("GET", "/sparql?query=ASK{}&default-graph-uri=file:///etc/passwd", b"", {}, 400, "no graph of this store"),
        ("GET", "/sparql?query=ASK{}&named-graph-uri=not+an+iri", b"", {}, 400, "which is no IRI"),
        ("POST", "/sparql", b"query=INSERT+DATA+%7B%7D", FORM, 400, "INSERT is an update"),
        ("POST", "/sparql", b"update=CLEAR+ALL", FORM, 400, "read-only"),
        ("POST", "/sparql", b"", FORM, 400, "The query is missing"),
        ("POST", "/sparql?query=ASK{}", b"query=ASK{}", FORM, 400, "There are 2 queries"),
        ("POST", "/sparql?query=ASK{}", b"ASK{}", DIRECT, 400, "one in the address"),
        ("POST", "/sparql", b"CLEAR ALL", {"Content-Type": "application/sparql-update"}, 400, "read-only"),
        ("POST", "/sparql", b"{}", {"Content-Type": "application/json"}, 415, "application/sparql-query"),
        ("POST", "/sparql", b"ASK{}", {}, 415, "application/sparql-query"),
        ("POST", "/sparql", b"\xff", DIRECT, 400, "not UTF-8 at byte 0"),
        ("POST", "/sparql", b"#" * (1024 * 1024 + 1), DIRECT, 413, "longer than 1,048,576 bytes"),
        ("POST", "/sparql", b"[" * 500_000, {"Content-Type": "application/json"}, 415, "Send"),
        ("POST", "/sparql", b"ASK {" + b"(" * 9_000 + b"}", DIRECT, 400, "too deep"),
        ("PUT", "/sparql", b"ASK{}", DIRECT, 405, "Nothing can be written"),
        ("DELETE", "/sparql", b"", {}, 405, "Nothing can be written"),
        ("GET", "/sparql?query=SELECT+*+%7B%3Fs+%3Fp+%3Fo%7D", b"", {}, 422, "Page through it: ORDER BY, LIMIT and OFFSET"),
        ("GET", "/sparql?" + "default-graph-uri=x&" * 150 + "query=ASK{}", b"", {}, 400, ""),
        ("POST", "/sparql", b"default-graph-uri=x&" * 10_000 + b"query=ASK{}", FORM, 400, "more than 200 parameters"),
    ],
)
def test_what_the_protocol_forbids_is_a_problem(
    client: TestClient, method: str, path: str, content: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = client.request(method, path, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text[:300]
    assert words in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 1100


SERVICES = [
    "SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} }}",
    "SELECT * {{ sErViCe SILENT <{url}> {{ ?s ?p ?o }} }}",
    "SELECT * {{ # nothing here\n SERVICE # nor here\n <{url}> {{ ?s ?p ?o }} }}",
    "SELECT * {{ {{ SELECT * {{ {{ SELECT * {{ SERVICE<{url}>{{ ?s ?p ?o }} }} }} }} }} }}",
    "SELECT * {{ BIND(<{url}> AS ?url) SERVICE ?url {{ ?s ?p ?o }} }}",
    "PREFIX x: <{url}> SELECT * {{ SERVICE x: {{ ?s ?p ?o }} }}",
    "ASK {{ FILTER EXISTS {{ SERVICE <{url}> {{ ?s ?p ?o }} }} }}",
    "CONSTRUCT {{ ?s ?p ?o }} {{ OPTIONAL {{ SERVICE <{url}> {{ ?s ?p ?o }} }} }}",
    "SELECT * {{ ?x ?y 'a' SERVICE <{url}> {{ ?s ?p ?o }} }}",
    'SELECT * {{ ?x ?y """a""" . SERVICE <{url}> {{ ?s ?p ?o }} }}',
]


@pytest.mark.parametrize("query", SERVICES)
def test_no_query_reaches_another_host(client: TestClient, query: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    answer = client.get("/sparql", params={"query": query.format(url=url)})
    assert answer.status_code == 400
    assert "SERVICE" in answer.json()["detail"]
    with pytest.raises(TimeoutError):
        listening.accept()
    listening.close()


@pytest.mark.parametrize(
    "query",
    [
        'SELECT ("SERVICE <http://x/> {}" AS ?x) {}',
        "SELECT * { # SERVICE <http://x/> {}\n }",
        "SELECT ?service { BIND(1 AS ?service) }",
        "PREFIX service: <http://example.org/service#> SELECT * { ?s service:of ?o }",
        "SELECT * { ?s <http://example.org/SERVICE> ?o }",
        "SELECT * { ?s rdfs:label '''the service'''@en }",
    ],
)
def test_the_word_itself_is_free(client: TestClient, query: str) -> None:
    assert client.get("/sparql", params={"query": query}).status_code == 200


@pytest.mark.parametrize(
    "clause",
    [
        "FROM <file:///etc/passwd>",
        "FROM NAMED <file:///etc/passwd>",
        "fRoM # a comment\n <http://127.0.0.1:9/>",
        "FROM <https://w3id.org/kg-commitments/graph/nothing>",
    ],
)
def test_no_query_reads_a_graph_from_elsewhere(client: TestClient, clause: str) -> None:
    answer = client.get("/sparql", params={"query": f"SELECT * {clause} {{ ?s ?p ?o }}"})
    assert answer.status_code == 400
    assert "no graph of this store" in answer.json()["detail"]


# ---------------------------------------------------------------- limits


def test_a_query_that_never_ends_gets_503_with_the_limit(client: TestClient) -> None:
    started = time.monotonic()
    answer = client.get("/sparql", params={"query": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"})
    assert time.monotonic() - started < 5
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "longer than 1 seconds" in answer.json()["detail"]
    assert "retry-after" not in answer.headers, "the same query would take as long again"


def test_what_changes_by_itself_is_not_kept(client: TestClient) -> None:
    for function in ("RAND()", "rand ()", "NOW()", "UUID()", "STRUUID()"):
        answers = [client.get("/sparql", params={"query": f"SELECT ({function} AS ?x) {{}}"}) for _ in range(2)]
        assert answers[0].content != answers[1].content
        assert answers[0].headers["cache-control"] == "no-store"
    kept = [client.get("/sparql", params={"query": COUNT}) for _ in range(2)]
    assert kept[0].headers["server-timing"] == kept[1].headers["server-timing"], "the second is the first"


def test_a_browser_gets_an_editor_and_a_table_or_the_line_of_the_error(client: TestClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = client.get("/sparql", headers=browser).text
    assert "<textarea" in page
    assert "Up to 1 seconds, 500 rows and 1 MiB" in page
    found = client.get("/sparql", params={"query": "SELECT ?x { ?x a kg:Trust } ORDER BY ?x LIMIT 3"}, headers=browser).text
    assert len(re.findall(r'<td[^>]*><a class="thing c-Trust" href="/entities/trust/', found)) == 3
    assert 'href="/sparql.csv?query=SELECT+' in found, "the whole answer can be had"
    wrong = client.get("/sparql", params={"query": "SELECT ?x {\n ?x a"}, headers=browser)
    assert wrong.status_code == 400
    assert "at line 2" in wrong.text
    assert re.search(r'<li class="wrong"[^>]*><code> \?x <mark>a</mark></code>', wrong.text)
    assert "Yes" in client.get("/sparql", params={"query": "ASK { ?x a kg:Trust }"}, headers=browser).text
    assert "kg:Trust" in client.get("/sparql", params={"query": "CONSTRUCT WHERE { ?x a kg:Trust }"}, headers=browser).text


def test_an_etag_is_that_of_a_get(client: TestClient) -> None:
    first = client.post("/sparql", content="ASK {}", headers=DIRECT)
    assert "etag" not in first.headers
    tag = client.get("/sparql", params={"query": "ASK {}"}).headers["etag"]
    other = client.post("/sparql", content="ASK { ?x a kg:Nothing }", headers=DIRECT | {"If-None-Match": tag})
    assert (other.status_code, other.json()["boolean"]) == (200, False)


@pytest.mark.parametrize(
    ("accepts", "kind"),
    [
        (["application/json, text/csv;q=0.1"], "application/sparql-results+json"),
        (["application/json;q=0, text/csv"], "text/csv"),
        (["image/png", "text/csv"], "text/csv"),
    ],
)
def test_every_wish_counts_with_its_weight(client: TestClient, accepts: list[str], kind: str) -> None:
    request = client.build_request("GET", "/sparql", params={"query": "ASK {}"})
    del request.headers["Accept"]
    headers = [*request.headers.raw, *((b"accept", accept.encode()) for accept in accepts)]
    answer = client.get("/sparql", params={"query": "ASK {}"}, headers=headers)
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("query", ["SELECT (RAND#x\n() AS ?x) {}", "SELECT (STRUUID#a\n() AS ?x) {}"])
def test_a_comment_does_not_hide_what_changes_by_itself(client: TestClient, query: str) -> None:
    assert client.get("/sparql", params={"query": query}).headers["cache-control"] == "no-store"


def test_a_prefix_in_a_comment_hides_no_graph(client: TestClient) -> None:
    hidden = "PREFIX g: <urn:evil:> SELECT * # PREFIX g: <https://w3id.org/kg-commitments/graph/>\n FROM g:entities { ?s ?p ?o }"
    assert "urn:evil:entities" in client.get("/sparql", params={"query": hidden}).json()["detail"]
    based = "BASE <https://w3id.org/kg-commitments/graph/> SELECT (COUNT(*) AS ?n) FROM <entities> { ?s ?p ?o }"
    assert _count(client.get("/sparql", params={"query": based}).content) == _in_graph(ENTITIES_GRAPH)
