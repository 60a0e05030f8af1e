import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import DataError, ParseError, QueryError
from kg.store import Embedded, Rows, Triples, check_query, dataset_of, parse_file, refuse_service, to_data, to_rdflib

HOST = "<http://127.0.0.1:9/>"
CALL = f"SERVICE {HOST} {{ ?s ?p ?o }}"

CALLS = {
    "plain": f"SELECT * {{ {CALL} }}",
    "lower-case": f"SELECT * {{ {CALL.lower()} }}",
    "silent": f"SELECT * {{ SERVICE SILENT {HOST} {{ ?s ?p ?o }} }}",
    "variable": f"SELECT * {{ VALUES ?e {{ {HOST} }} SERVICE?e{{ ?s ?p ?o }} }}",
    "no-spaces": f"SELECT*{{{{}}SERVICE{HOST}{{?s ?p ?o}}}}",
    "after-a-comment": f"SELECT * {{ # a note\n{CALL} }}",
    "after-a-comment-ended-by-a-carriage-return": f"SELECT * {{ # a note\r{CALL} }}",
    "after-an-escaped-quote": f"""SELECT * {{ BIND("a\\"" AS ?q) {CALL} BIND("b" AS ?r) }}""",
    "after-a-long-string": f'''SELECT * {{ BIND("""a\\""" " "" """ AS ?q) {CALL} BIND("b" AS ?r) }}''',
    "after-an-iri-with-an-escape": f"SELECT * {{ BIND(<http://a\\u0062#c> AS ?q) {CALL} }}",
    "after-a-name-with-an-escaped-quote": f"PREFIX ex: <http://x/> SELECT * {{ BIND(ex:o\\'x AS ?q) {CALL} FILTER('a' = 'a') }}",
    "after-a-name-with-an-escaped-hash": f"PREFIX ex: <http://x/> SELECT * {{ BIND(ex:o\\#x AS ?q) {CALL} }}",
    "after-less-than": f"SELECT * {{ ?a ?b ?c FILTER(?a<?b&&?b>?a) {CALL} }}",
    "after-a-language": f'SELECT * {{ BIND("x"@en AS ?q) {CALL} }}',
    "against-the-empty-prefix": f"PREFIX : {HOST} SELECT * {{ SERVICE:e {{ ?s ?p ?o }} }}",
    "against-a-prefix": f"PREFIX ex: {HOST} SELECT * {{ SERVICEex:e {{ ?s ?p ?o }} }}",
    "against-silent": f"SELECT * {{ SERVICESILENT{HOST} {{ ?s ?p ?o }} }}",
    "against-a-boolean": f"SELECT * {{ ?a ?b true{CALL} }}",
    "against-a-number": f"SELECT * {{ ?a ?b 1e5{CALL} }}",
    "after-a-comparison": f"SELECT * {{ FILTER(1 < 2){CALL} }}",
    "in-a-sub-query": f"SELECT * {{ {{ SELECT * {{ OPTIONAL {{ {CALL} }} }} }} }}",
    "in-exists": f"ASK {{ ?a ?b ?c FILTER EXISTS {{ {CALL} }} }}",
    "in-construct": f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {CALL} }}",
}

WORDS = {
    "string": 'SELECT ("SERVICE <http://x/> {" AS ?a) {}',
    "other-string": "SELECT ('SERVICE' AS ?a) {}",
    "long-string": 'SELECT ("""one " two\nSERVICE""" AS ?a) {}',
    "other-long-string": "SELECT ('''one ' two\nSERVICE''' AS ?a) {}",
    "string-with-an-escape": r'SELECT ("a\" SERVICE \\" AS ?a) {}',
    "iri": "SELECT (<http://example.org/SERVICE> AS ?a) {}",
    "iri-fragment": "SELECT (<http://example.org/#SERVICE> AS ?a) {}",
    "comment": "SELECT (1 AS ?a) { # SERVICE <http://x/> {}\n }",
    "variable": "SELECT (1 AS ?SERVICE) (2 AS $service) {}",
    "local-name": "PREFIX ex: <http://example.org/> SELECT (ex:SERVICE AS ?a) (ex:a.SERVICE AS ?b) {}",
    "prefix": "PREFIX service: <http://example.org/> SELECT (service:a AS ?a) {}",
    "graph-name": "PREFIX service: <http://example.org/> SELECT * { GRAPH service:a { ?s ?p ?o } }",
    "blank-node": "SELECT * { ?a <http://x/p> _:SERVICE }",
    "language": 'SELECT ("x"@service AS ?a) {}',
}


@pytest.mark.parametrize("query", CALLS.values(), ids=CALLS)
def test_a_query_that_calls_a_service_is_refused_before_it_runs(query: str) -> None:
    with pytest.raises(QueryError, match="calls SERVICE at line"):
        refuse_service(query)


HIDDEN = {
    "in-what-could-be-an-iri": f"SELECT*{{FILTER(1<2)SERVICE#>\n{HOST}{{?s ?p ?o}}}}",
    "in-what-could-be-an-iri-after-at-most": f"SELECT*{{FILTER(1<=2)SERVICE#>\n{HOST}{{?s ?p ?o}}}}",
    "in-what-could-be-a-string": f"SELECT * {{ FILTER(1<2#>'''\n) {CALL} FILTER('''x'''='x') }}",
    "in-what-could-be-a-short-string": f"SELECT * {{ FILTER(1<'x>') {CALL} FILTER('y'='y') }}",
}


@pytest.mark.parametrize("query", HIDDEN.values(), ids=HIDDEN)
def test_a_service_that_is_hidden_by_a_comparison_is_refused_before_it_runs(query: str) -> None:
    with pytest.raises(QueryError, match="an IRI that could be a comparison"):
        refuse_service(query)
    with pytest.raises(QueryError, match="an IRI that could be a comparison"):
        check_query(query)


@pytest.mark.parametrize("query", WORDS.values(), ids=WORDS)
def test_the_word_service_is_free_where_it_is_no_keyword(query: str) -> None:
    assert isinstance(Embedded.from_quads(()).query(query), Rows)


@given(st.text())
def test_a_string_may_hold_anything(text: str) -> None:
    literal = str(ox.Literal(text + " SERVICE <x> {"))
    refuse_service(f"SELECT ({literal} AS ?a) {{}}")


def _quad(subject: str, predicate: str, value: ox.NamedNode | ox.Literal | ox.BlankNode) -> ox.Quad:
    return ox.Quad(ox.NamedNode(subject), ox.NamedNode(predicate), value, ox.NamedNode("http://x/g"))


IRIS = st.sampled_from(["http://x/a", "http://x/b", "http://x/c"])
LITERALS = st.builds(ox.Literal, st.text()) | st.builds(ox.Literal, st.integers(-9, 9))
QUADS = st.builds(_quad, IRIS, IRIS, IRIS.map(ox.NamedNode) | LITERALS)


@given(st.lists(QUADS))
def test_lines_do_not_depend_on_order_or_repetition_and_read_back(quads: list[ox.Quad]) -> None:
    data = to_data(quads)
    assert to_data([*reversed(quads), *quads]) == data
    assert set(Embedded.from_chunks([data]).engine) == set(quads)


@given(st.lists(QUADS))
def test_rdflib_gets_every_triple(quads: list[ox.Quad]) -> None:
    graph = to_rdflib(quads)
    assert len(graph) == len({quad.triple for quad in quads})
    assert {str(value) for value in graph.objects()} == {str(getattr(quad.object, "value", "")) for quad in quads}


def test_rdflib_gets_languages_types_and_blank_nodes() -> None:
    day = ox.Literal("2020-01-02", datatype=ox.NamedNode(str(rdflib.XSD.date)))
    graph = to_rdflib([_quad("http://x/a", "http://x/p", value) for value in (ox.Literal("ja", language="de"), day, ox.BlankNode("n"))])
    assert set(graph.objects()) == {
        rdflib.Literal("ja", lang="de"),
        rdflib.Literal("2020-01-02", datatype=rdflib.XSD.date),
        rdflib.BNode("n"),
    }


def test_cells_are_values_of_python() -> None:
    query = """SELECT (7 AS ?a) (1.50 AS ?b) (2e0 AS ?c) (true AS ?d) ("2020-01-02"^^xsd:date AS ?e) ("x"@en AS ?f)
    (code:firm AS ?g) (kg:Pledge AS ?h) (<http://x/y> AS ?i) ("9999999-01-01"^^xsd:date AS ?j) (?none AS ?k) {}"""
    [row] = Embedded.from_quads(()).select(query)
    assert row == (7, Decimal("1.50"), 2.0, True, date(2020, 1, 2), "x", "firm", "kg:Pledge", "http://x/y", "9999999-01-01", None)
    assert [type(value) for value in row[:5]] == [int, Decimal, float, bool, date]


def test_facts_in_named_graphs_are_seen() -> None:
    store = Embedded.from_quads([_quad("http://x/a", "http://x/p", ox.Literal("v"))])
    assert list(store.select("SELECT ?v { ?s ?p ?v }")) == [("v",)]


def test_ask_answers_with_one_row() -> None:
    assert Embedded.from_quads(()).select("ASK { ?s ?p ?o }").to_dicts() == [{"answer": False}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT", "not SPARQL at line 1"),
        ("SELECT *\nWHERE {\n  ?a ?b\n}", "not SPARQL at line 4"),
        ("DELETE WHERE { ?s ?p ?o }", "read-only"),
        ("", "not SPARQL"),
        ("SELECT (nope:f(1) AS ?x) {}", "not SPARQL"),
        ("SELECT (<http://x/f>(1) AS ?x) {}", "cannot be answered"),
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", "Write SELECT"),
    ],
)
def test_a_wrong_query_is_refused_with_a_sentence(query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Embedded.from_quads(()).select(query)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_refused_as_one(text: str) -> None:
    store = Embedded.from_quads(())
    try:
        answer = store.query(text)
    except QueryError:
        return
    assert len(answer) <= 1


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT * FROM <urn:g> { ?s ?p ?o }", True),
        ("SELECT*FROM<urn:g>{?s ?p ?o}", True),
        ("SELECT ?event_from FROM<urn:g>{?event_from ?p ?o}", True),
        ("SELECT(':'AS?x)FROM<urn:g>{?s ?p ?o}", True),
        ("PREFIX a:<urn:>SELECT*FROM a:g{?s ?p ?o}", True),
        ("PREFIX :<urn:>SELECT*FROM :g{?s ?p ?o}", True),
        ("PREFIX from:<urn:>SELECT*{?s from:p ?o}", False),
        ("SELECT ?event_from{?event_from ?p ?o}", False),
        ("PREFIX a:<urn:>SELECT*{?s a:from ?o}", False),
        ("SELECT*{?s ?p 'FROM <urn:g>'}", False),
    ],
)
def test_what_a_query_names_with_from_is_found_as_the_engine_finds_it(query: str, named: bool) -> None:
    node = ox.NamedNode("urn:a")
    store = ox.Store()
    store.extend([ox.Quad(node, node, node, ox.NamedNode("urn:g")), ox.Quad(node, node, node, ox.NamedNode("urn:other"))])
    assert list(dataset_of(query)) == ([("FROM", "urn:g")] if named else [])
    answer = store.query(query)
    # The default graph of this store is empty, so an answer comes from the graph that is named.
    assert (bool(answer) if isinstance(answer, ox.QueryBoolean) else next(iter(answer), None) is not None) == named


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("ASKFROM<urn:g>{?s ?p ?o}", "ASKFROM"),
        ("PREFIX :<urn:>SELECT*FROM:g{?s ?p ?o}", "FROM:g"),
        ("SELECT*FROMNAMED<urn:g>{GRAPH ?x{?s ?p ?o}}", "FROMNAMED"),
        ("PREFIX :<urn:>SELECT*FROM NAMED:g{GRAPH ?x{?s ?p ?o}}", "NAMED:g"),
        ("PREFIX b:<urn:>SELECT*FROMb:g{?s ?p ?o}", "FROMb:g"),
    ],
)
def test_a_graph_that_is_named_without_a_blank_is_not_passed_over(query: str, word: str) -> None:
    with pytest.raises(QueryError, match=f"{word}.*Put a blank before and after FROM"):
        Embedded.from_quads(()).query(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT((1<2)AS?x)FROM#>\n<urn:g>{?s ?p ?o}",
        "SELECT((1<'x>')AS?x)FROM <urn:g>{?s ?p ?o FILTER('y'='y')}",
        "SELECT((1<2#>'''\n)AS?x)FROM <urn:g>{?s ?p ?o FILTER('''y'''='y')}",
    ],
)
def test_a_graph_that_is_hidden_by_a_comparison_is_not_passed_over(query: str) -> None:
    with pytest.raises(QueryError, match="an IRI that could be a comparison"):
        Embedded.from_quads(()).query(query)


@pytest.mark.parametrize("clause", ["FROM<urn:g#a>", "FROM NAMED<urn:g#a>", "FROM#c\n<urn:g>", "FROM <http://x/o'brien(1)#a>"])
def test_a_server_is_asked_of_the_graphs_that_a_query_names(clause: str) -> None:
    assert check_query(f"SELECT*{clause}{{?s ?p ?o}}") == (f"SELECT*{clause}{{?s ?p ?o}}", False)
    assert [iri for _, iri in dataset_of(f"SELECT*{clause}{{?s ?p ?o}}")] == [re.findall("<(.*)>", clause)[0]]


def test_a_query_does_not_read_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret.ttl"
    file.write_text('<http://x/a> <http://x/p> "secret" .', "utf-8")
    store = Embedded.from_quads(())
    for clause in (f"FROM <{file.as_uri()}>", f"FROM NAMED <{file.as_uri()}>"):
        try:
            rows = store.select(f"SELECT * {clause} WHERE {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?g {{ ?s ?p ?o }} }} }}").rows
        except QueryError:
            continue
        assert rows == ()


ROWS = Rows(("id", "n"), (('a,b\t"c"\n', Decimal("1.50")), (None, Decimal("3.0")), ("é", date(2020, 1, 2)), ("x", True)))


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_csv_and_tsv_read_back(format: str, delimiter: str) -> None:
    rows = list(csv.reader(io.StringIO(ROWS.to_text(format), newline=""), delimiter=delimiter))
    assert rows == [["id", "n"], ['a,b\t"c"\n', "1.50"], ["", "3.0"], ["é", "2020-01-02"], ["x", "true"]]


def test_json_reads_back() -> None:
    expected: list[dict[str, Any]] = [
        {"id": 'a,b\t"c"\n', "n": 1.5},
        {"id": None, "n": 3},
        {"id": "é", "n": "2020-01-02"},
        {"id": "x", "n": True},
    ]
    assert json.loads(ROWS.to_text("json")) == expected
    assert [json.loads(line) for line in ROWS.to_text("jsonl").splitlines()] == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.decimals(-1, 1, places=30))
def test_a_decimal_comes_through_json_unchanged(value: Decimal) -> None:
    [record] = json.loads(Rows(("n",), ((value,),)).to_text("json"))
    assert Decimal(str(record["n"])) == value


@given(st.lists(st.text(), min_size=1))
def test_records_in_lines_have_a_line_each(texts: list[str]) -> None:
    written = Rows(("text",), tuple((text,) for text in texts)).to_text("jsonl")
    assert [json.loads(line)["text"] for line in io.StringIO(written, newline="\n")] == texts


@pytest.mark.parametrize("format", ["ttl", "nt", "jsonld"])
@given(quads=st.lists(QUADS, min_size=1))
def test_triples_read_back_and_are_the_same_text_in_any_order(format: str, quads: list[ox.Quad]) -> None:
    triples = tuple({quad.triple for quad in quads})
    text = Triples(triples).to_text(format)
    assert Triples(tuple(reversed(triples))).to_text(format) == text
    kind = {"ttl": ox.RdfFormat.TURTLE, "nt": ox.RdfFormat.N_TRIPLES, "jsonld": ox.RdfFormat.JSON_LD}[format]
    assert {quad.triple for quad in ox.parse(text.encode(), format=kind)} == set(triples)


def test_the_dataset_of_a_notebook_asks_the_same_memory() -> None:
    store = Embedded.from_quads([_quad("http://x/a", "http://x/p", ox.Literal("v"))])
    [row] = store.to_dataset().query("SELECT ?v { ?s ?p ?v }")
    assert str(row[0]) == "v"  # type: ignore[index]  # a row of SELECT has cells


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ttl", b"<http://x/a> <http://x/b>\n\n 'unclosed .\n", r"a\.ttl:3: this is not turtle"),
        ("a.trig", b"<http://x/g> {\n <http://x/a> <http://x/b> }\n", r"a\.trig:2: this is not trig"),
        ("a.ttl", b"\n\xff\xfe\x00", r"a\.ttl:"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ParseError, match=message):
        parse_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"nothing\.ttl: the file cannot be read"):
        parse_file(tmp_path / "nothing.ttl")
    with pytest.raises(DataError, match=r"nothing\.nq"):
        Embedded.from_file(tmp_path / "nothing.nq")
