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
