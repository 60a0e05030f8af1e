"""What the build computes, by hand-worked examples of a few triples each."""

import pyoxigraph as ox
import pytest

from kg import build
from kg.resources import shipped
from kg.store import Embedded
from kg.vocab import ENTITIES_GRAPH, prologue

PREFIXES = "".join(line.replace("PREFIX ", "@prefix ") + " .\n" for line in prologue().splitlines())


def derive(entities: str, **sources: str) -> Embedded:
    """Return the derived graph of entities and of sources given as bodies of Turtle."""
    ontology = build.read(shipped("graph")).ontology
    trig = f"{PREFIXES}<{ENTITIES_GRAPH}> {{ {entities} }}\n"
    trig += "".join(f"source:{name} {{ source:{name} a kg:Source . {body} }}\n" for name, body in sources.items())
    return build.derive(build.Stated(ontology, tuple(ox.parse(trig, format=ox.RdfFormat.TRIG)), {}))


def one(store: Embedded, query: str) -> tuple[object, ...]:
    rows = store.select(query).rows
    assert len(rows) == 1, rows
    return tuple(str(value) if value is not None else None for value in rows[0])


@pytest.mark.parametrize(
    ("qualifier", "low", "high"),
    [
        ("exactly", "20", "20"),
        ("about", "20", "20"),
        ("almost", "20", "20"),
        ("up-to", "0", "20"),
        ("over", "20", None),
        ("at-least", "20", None),
    ],
)
def test_a_qualifier_bounds_its_figure(qualifier: str, low: str, high: str | None) -> None:
    store = derive("", a=f"quantity:a-x a kg:Quantity ; kg:amount 20.0 ; kg:qualifier code:{qualifier} .")
    query = "SELECT ?low ?high { OPTIONAL { quantity:a-x kg:low ?low } OPTIONAL { quantity:a-x kg:high ?high } }"
    assert one(store, query) == (low, high)


def test_an_event_is_not_later_than_the_first_publication_that_reports_it() -> None:
    def told(name: str, day: str) -> str:
        date = f'date:{name}-p a kg:Date ; kg:of source:{name} ; kg:kind code:published ; kg:edtf "{day}"^^<{build_edtf}> .'
        return f"{date} statement:{name}-s a kg:Statement ; kg:event event:fair ."

    build_edtf = "http://id.loc.gov/datatypes/edtf/EDTF"
    store = derive("event:fair a kg:Event .", a=told("a", "2030-05-07"), b=told("b", "2030-05-03"))
    assert one(store, "SELECT ?latest { event:fair kg:latest ?latest }") == ("2030-05-03",)
    assert store.select("SELECT ?earliest { event:fair kg:earliest ?earliest }").rows == ()


def test_a_date_of_its_own_bounds_an_event_whatever_was_published_when() -> None:
    edtf = "http://id.loc.gov/datatypes/edtf/EDTF"
    body = f"""date:a-p a kg:Date ; kg:of source:a ; kg:kind code:published ; kg:edtf "2030-05-07"^^<{edtf}> .
        date:a-h a kg:Date ; kg:of event:fair ; kg:kind code:held ; kg:edtf "2030-04"^^<{edtf}> .
        statement:a-s a kg:Statement ; kg:event event:fair ."""
    store = derive("event:fair a kg:Event .", a=body)
    assert one(store, "SELECT ?from ?to { event:fair kg:earliest ?from ; kg:latest ?to }") == ("2030-04-01", "2030-04-30")


def test_a_link_derives_its_tie_and_a_tenure_its_post_and_organisation() -> None:
    entities = "person:p a kg:Person . organisation:o a kg:Organisation . post:q a kg:Post . trust:t a kg:Trust ."
    body = """link:a-l a kg:Link ; kg:from trust:t ; kg:relation kg:collaboratesWith ; kg:to organisation:o .
        tenure:a-t a kg:Tenure ; kg:from person:p ; kg:to organisation:o ; kg:post post:q ; kg:status code:current ."""
    store = derive(entities, a=body, b=body.replace("a-", "b-"))
    query = "SELECT ?s ?p ?o { GRAPH <https://w3id.org/kg-commitments/graph/derived> { ?s ?p ?o } } ORDER BY ?s ?p"
    assert store.select(query).rows == (
        ("organisation:o", "kg:collaboratesWith", "trust:t"),
        ("person:p", "kg:heldPost", "post:q"),
        ("person:p", "kg:servedIn", "organisation:o"),
        ("trust:t", "kg:collaboratesWith", "organisation:o"),
    )


@pytest.mark.parametrize(
    ("basis", "recipients", "low", "high"),
    [
        ("each", "7.0", "0", "42"),
        ("each", None, "0", None),
        ("total", "7.0", "0", "6"),
        ("not-stated", "7.0", "0", "42"),
        ("not-stated", None, "0", "6"),
    ],
)
def test_the_basis_decides_whether_a_sum_is_multiplied(basis: str, recipients: str | None, low: str, high: str | None) -> None:
    body = f"""pledge:a-p a kg:Pledge .
        money:a-m a kg:Money ; kg:of pledge:a-p ; kg:amount 6.0 ; kg:unit "NOK" ; kg:qualifier code:up-to ; kg:basis code:{basis} ."""
    if recipients:
        count = f"kg:kind code:recipients ; kg:amount {recipients} ; kg:qualifier code:exactly"
        body += f" quantity:a-r a kg:Quantity ; kg:of pledge:a-p ; {count} ."
    query = "SELECT ?low ?high { pledge:a-p kg:totalLow ?low OPTIONAL { pledge:a-p kg:totalHigh ?high } }"
    assert one(derive("", a=body), query) == (low, high)


def test_money_without_a_figure_is_an_open_end() -> None:
    body = """pledge:a-p a kg:Pledge .
        money:a-m a kg:Money ; kg:of pledge:a-p ; kg:unit "NOK" ; kg:basis code:not-stated ; kg:words "new money" ."""
    query = "SELECT ?low ?high { pledge:a-p kg:totalLow ?low OPTIONAL { pledge:a-p kg:totalHigh ?high } }"
    assert one(derive("", a=body), query) == ("0", None)


@pytest.mark.parametrize("words", ["kg:polarity code:refrain", "kg:polarity code:act"])
def test_only_what_is_to_be_done_is_money_promised(words: str) -> None:
    body = f"""pledge:a-p a kg:Pledge ; {words} .
        money:a-m a kg:Money ; kg:of pledge:a-p ; kg:amount 6.0 ; kg:unit "NOK" ; kg:qualifier code:exactly ; kg:basis code:total ."""
    assert len(derive("", a=body).select("SELECT ?low { pledge:a-p kg:totalLow ?low }")) == ("act" in words)


def test_a_figure_before_a_change_is_no_money_promised() -> None:
    body = """pledge:a-p a kg:Pledge .
        money:a-m a kg:Money ; kg:of pledge:a-p ; kg:amount 6.0 ; kg:unit "NOK" ; kg:qualifier code:exactly ; kg:basis code:total ;
            kg:kind code:before ."""
    assert len(derive("", a=body).select("SELECT ?low { pledge:a-p kg:totalLow ?low }")) == 0


def test_recipients_without_a_number_leave_the_end_open() -> None:
    body = """pledge:a-p a kg:Pledge .
        money:a-m a kg:Money ; kg:of pledge:a-p ; kg:amount 6.0 ; kg:unit "NOK" ; kg:qualifier code:exactly ; kg:basis code:not-stated .
        quantity:a-r a kg:Quantity ; kg:of pledge:a-p ; kg:kind code:recipients ; kg:unit "ports" ; kg:words "dozens of ports" ."""
    query = "SELECT ?low ?high { pledge:a-p kg:totalLow ?low OPTIONAL { pledge:a-p kg:totalHigh ?high } }"
    assert one(derive("", a=body), query) == ("6", None)


def test_an_open_date_of_an_event_is_not_closed_by_a_publication() -> None:
    edtf = "http://id.loc.gov/datatypes/edtf/EDTF"
    body = f"""date:a-p a kg:Date ; kg:of source:a ; kg:kind code:published ; kg:edtf "2024-05-03"^^<{edtf}> .
        date:a-h a kg:Date ; kg:of event:fair ; kg:kind code:held ; kg:edtf "2025/.."^^<{edtf}> .
        statement:a-s a kg:Statement ; kg:event event:fair ."""
    store = derive("event:fair a kg:Event .", a=body)
    assert one(store, "SELECT ?from { event:fair kg:earliest ?from }") == ("2025-01-01",)
    assert store.select("SELECT ?to { event:fair kg:latest ?to }").rows == ()


SENSITIVE = """
    passage:a-0-5 a kg:Passage . passage:a-6-9 a kg:Passage .
    statement:a-private a kg:Statement ; kg:mark code:sensitive ; kg:about group:clinic ; kg:cites passage:a-0-5 .
    statement:a-reply a kg:Statement ; kg:respondsTo statement:a-private ; kg:cites passage:a-6-9 .
    outcome:a-effect a kg:Outcome ; kg:resultOf statement:a-private ; kg:cites passage:a-6-9 .
    absence:a-when a kg:Absence ; kg:about statement:a-private .
    name:a-clinic a kg:Name ; kg:of group:clinic ; kg:written "The Clinic" ; kg:cites passage:a-6-9 .
    statement:a-public a kg:Statement ; kg:about group:town ; kg:cites passage:a-6-9 .
"""


def test_what_is_known_only_through_a_sensitive_fact_goes_with_it() -> None:
    trig = f"{PREFIXES}<{ENTITIES_GRAPH}> {{ group:clinic a kg:Group . group:town a kg:Group . }}\n"
    trig += f"source:a {{ source:a a kg:Source . {SENSITIVE} }}"
    stated = build.Stated(build.read(shipped("graph")).ontology, tuple(ox.parse(trig, format=ox.RdfFormat.TRIG)), {})
    kept = {str(quad.subject).rpartition("/id/")[2].rstrip(">") for quad in build.without_sensitive(stated).data}
    assert kept == {"source/a", "passage/a-6-9", "statement/a-public", "group/town"}


def test_the_shipped_graph_holds_without_its_sensitive_facts() -> None:
    stated = build.read(shipped("graph"))
    reduced = build.without_sensitive(stated)
    assert len(reduced.data) < len(stated.data)
    assert build.check(reduced) == []
