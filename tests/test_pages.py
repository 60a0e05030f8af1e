"""The pages as a reader meets them: by clicks alone, with and without script, and every number the answer that it leads to."""

import gzip
import re
import shutil
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pyoxigraph as ox
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient

import kg
from conftest import TEXTS, served
from kg import compiler
from kg.api import Limits, create_app
from kg.api.ledgers import bars_of
from kg.api.pages import shorten_text
from kg.api.service import Service
from kg.api.views import GROUPS, bound_of, covered, kind_of, offices_of, pieces_of, promised_of, search_of
from kg.queries import query_names
from kg.resources import shipped
from kg.store import Embedded, parse_file
from kg.vocab import ID, KG, ONTOLOGY_GRAPH, RDFS

ACCEPT = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SERIOUS = ("serious", "critical")
PAGES = {
    "home": "/",
    "ledger": "/pledges",
    "ledger, filtered": "/pledges?strength=firm&with_money=true",
    "ledger, empty": "/pledges?maker=person:matt-hancock&theme=theme:bureaucracy",
    "timeline": "/timeline",
    "timeline of pledges": "/timeline?class=Pledge&since=2021-01-01",
    "conflicts": "/conflicts",
    "absences": "/absences?source=source:publictechnology-first-speech",
    "absences of a thing": "/absences?about=source:future-care-capital-digital-aspirants",
    "sources": "/sources",
    "source": "/sources/publictechnology-first-speech",
    "search": "/entities?q=hancok",
    "things": "/entities?class=Trust",
    "person": "/entities/person/matt-hancock",
    "pledge": "/entities/pledge/publictechnology-first-speech-fund",
    "trust": "/entities/trust/east-cheshire",
    "wave": "/entities/wave/digital-aspirant-second-seed",
    "conflict": "/entities/conflict/publictechnology-first-speech-fund",
    "neighbours": "/entities/person/matt-hancock/neighbours",
    "questions": "/queries",
    "a question": "/queries/money",
    "path": "/path?from=place:birmingham&to=person:matt-hancock",
    "sparql": "/sparql",
    "sparql, answered": "/sparql?query=SELECT%20%3Fx%20%7B%3Fx%20a%20kg%3ATrust%7D",
    "sparql, wrong": "/sparql?query=SELECT%20%7B",
    "method": "/method",
    "nothing there": "/entities/person/nobody",
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(limits=Limits(workers=1)), raise_server_exceptions=False) as found:
        yield found


class _Numbers(HTMLParser):
    """The numbers of a page: where each leads, which part of that answer it is, and what stands there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "a" and "data-at" in told:
            self._open = (str(told["href"]), str(told["data-at"]))

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.append((*self._open, data))
            self._open = None


def _numbers(page: str) -> list[tuple[str, str, str]]:
    parser = _Numbers()
    parser.feed(page)
    return parser.found


def _answer(client: TestClient, address: str, at: str) -> Any:
    path, _, search = address.partition("?")
    found: Any = client.get(f"{path}.json" + (f"?{search}" if search else "")).json()
    if at.startswith("way:"):
        return sum(way["edges"] for way in found["ways"] if way["label"] == at[4:])
    if at.startswith("facts:"):
        rows = [row for row in _all_rows(client, address) if kind_of(row["fact_class"]) == at[6:]]
        return len({row["fact"] for row in rows})
    for step in at.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


def _all_rows(client: TestClient, address: str) -> list[dict[str, Any]]:
    path, _, search = address.partition("?")
    answer = client.get(f"{path}.json?{search}&limit=1000").json()
    assert not answer["truncated"]
    rows: list[dict[str, Any]] = answer["results"]
    return rows


def _all_pages(client: TestClient) -> list[str]:
    """Every page of the shipped graph: those above, and that of each thing."""
    things = client.get("/entities.json?limit=1000").json()["results"]
    things += client.get("/entities.json?limit=1000&offset=1000").json()["results"]
    paths = [f"/entities/{one['id'].replace(':', '/')}" for one in things if one["class"] not in ("Passage", "Furniture", "Identifier")]
    return [*PAGES.values(), *(f"/sources/{one['id'][7:]}" for one in things if one["class"] == "Source"), *paths]


def test_every_number_is_the_answer_that_it_leads_to(client: TestClient) -> None:
    seen, wrong = 0, []
    for path in _all_pages(client):
        for address, at, text in _numbers(client.get(path, headers=ACCEPT).text):
            seen += 1
            answer = _answer(client, address, at)
            shown = re.sub(r"[A-Z]{3} |,", "", text)
            if float(shown) != float(answer):
                wrong.append((path, address, at, text, answer))
    assert wrong == []
    assert seen > 1000, "the pages show numbers"


def test_every_link_within_leads_somewhere(client: TestClient) -> None:
    paths = [path for path in PAGES.values() if "nobody" not in path and "SELECT%20%7B" not in path]
    links = {
        unescape(link).partition("#")[0]
        for path in paths
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', client.get(path, headers=ACCEPT).text)
    }
    broken = [
        (link, answer.status_code) for link in sorted(links - {""}) if (answer := client.get(link, headers=ACCEPT)).status_code != 200
    ]
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small_and_names_what_it_is(client: TestClient, name: str) -> None:
    answer = client.get(PAGES[name], headers=ACCEPT)
    page = answer.text
    assert answer.status_code == {"nothing there": 404, "sparql, wrong": 400}.get(name, 200)
    assert len(gzip.compress(answer.content)) < 100_000
    assert page.count("<h1") == 1
    assert re.search(r"<title>[^<]+</title>", page)
    assert "script-src 'self'; connect-src 'self'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script>|\sstyle=|\son\w+=|javascript:", page), "the policy forbids what is written into a page"


@pytest.mark.parametrize(
    "name",
    [
        "ledger",
        "timeline",
        "sources",
        "source",
        "person",
        "pledge",
        "things",
        "a question",
        "conflicts",
        "absences",
        "neighbours",
        "search",
    ],
)
def test_a_page_links_to_the_same_as_data(client: TestClient, name: str) -> None:
    twins = re.findall(r'<link rel="alternate" type="([^"]+)" href="([^"]+)"', client.get(PAGES[name], headers=ACCEPT).text)
    assert len(twins) == 4
    for media, address in twins:
        answer = client.get(unescape(address))
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media)


def test_the_chart_counts_no_fund_twice(client: TestClient) -> None:
    for search in ("", "?source=source:publictechnology-first-speech", "?strength=firm"):
        page = _numbers(client.get(f"/pledges{search}", headers=ACCEPT).text)
        totals = {at.rpartition(".")[2]: text for address, at, text in page if address.startswith("/queries/money_total")}
        bars = [text for address, at, text in page if address.startswith("/queries/money_by_programme") and at.endswith("total_low")]
        assert sum(int(re.sub(r"\D", "", text)) for text in bars) == int(re.sub(r"\D", "", totals["total_low"]))


def test_facts_of_a_kind_can_all_be_seen(client: TestClient) -> None:
    page = client.get("/entities/person/matt-hancock", headers=ACCEPT).text
    more = re.findall(r'href="(/entities/person/matt-hancock\?all=\w+)">All (\d+)', page)
    assert more
    for address, count in more:
        assert client.get(address, headers=ACCEPT).text.count('<p class="when">') == int(count)
    assert client.get("/entities/person/matt-hancock?all=nonsense", headers=ACCEPT).status_code == 400
    assert "this page is past the last" in client.get("/pledges?offset=999", headers=ACCEPT).text
    assert client.get("/method.json").status_code == 406
    assert "/entities?q=NAME searches by name." in client.get("/entities/person/qqqqqqq").json()["detail"]
    assert {key for key, *_ in GROUPS} >= {address.rpartition("=")[2] for address, _ in more}


# ---------------------------------------------------------------- hostile data and texts


HOSTILE = "\"'></a></title><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }} javascript:alert(3)"


def _hostile(address: str = HOSTILE) -> Embedded:
    """A store that no check has seen: hostile labels, addresses and dates wherever a page shows them."""
    told = [HOSTILE.replace("\\", "\\\\").replace('"', '\\"'), address.replace('"', '\\"')]
    text, link = (f'"{one}"' for one in told)
    quads = list(
        ox.parse(
            f"""
    PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}> PREFIX : <{ID}> PREFIX code: <https://w3id.org/kg-commitments/code/>
    PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
    GRAPH <{ID}source/s> {{
      <{ID}person/x> a kg:Person ; rdfs:label {text} .
      <{ID}event/e> a kg:Event ; rdfs:label {text} ; kg:earliest "-0044-03-15"^^xsd:date ; kg:latest "12021-03-15"^^xsd:date .
      <{ID}pledge/s-y> a kg:Pledge ; rdfs:label {text} ; kg:maker <{ID}person/x> ; kg:condition {text} ; kg:strength code:firm ;
        kg:polarity code:act ; kg:event <{ID}event/e> ; kg:cites <{ID}passage/s-1> .
      <{ID}date/s-d> a kg:Date ; rdfs:label {text} ; kg:of <{ID}pledge/s-y> ; kg:kind code:horizon ; kg:edtf {text} ; kg:words {text} ;
        kg:earliest "-0044-03-15"^^xsd:date ; kg:latest "-0043-03-15"^^xsd:date .
      <{ID}conflict/s-z> a kg:Conflict ; rdfs:label {text} ; kg:between <{ID}pledge/s-y> ; kg:note {text} .
      <{ID}passage/s-1> a kg:Passage ; kg:source <{ID}source/s> ; kg:start 0 ; kg:end 9 ; kg:sha256 {text} ; kg:startsWith {text} ;
        kg:endsWith {text} .
      <{ID}source/s> a kg:Source ; rdfs:label {text} ; kg:title {text} ; kg:address {link} ; kg:sha256 {text} ; kg:length 100 .
    }}""",
            format=ox.RdfFormat.TRIG,
        )
    )
    vocabulary = (
        ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(ONTOLOGY_GRAPH))
        for name in ("kg.ttl", "schemes.ttl")
        for quad in parse_file(shipped("ontology") / name)
    )
    return Embedded.from_quads([*vocabulary, *quads])


@pytest.mark.parametrize("address", [HOSTILE, "javascript:alert(1)", "data:text/html,<script>alert(1)</script>"])
def test_a_hostile_label_is_inert_on_every_page(address: str) -> None:
    with TestClient(create_app(_hostile(address), limits=Limits(workers=1)), raise_server_exceptions=False) as client:
        paths = ["/", "/pledges", "/timeline", "/conflicts", "/absences", "/sources", "/sources/s", "/entities", "/entities?q=script"]
        paths += [f"/queries/{name}" for name in query_names()]
        paths += [f"/entities/{id}" for id in ("person/x", "pledge/s-y", "conflict/s-z", "event/e", "date/s-d", "passage/s-1", "source/s")]
        paths += ["/entities/person/x/neighbours", "/path?from=person:x&to=pledge:s-y", "/explorer?seed=person:x", "/method"]
        paths += ["/sparql?query=SELECT%20*%20%7B%3Fa%20%3Fb%20%3Fc%7D", "/pledges?maker=person:x", "/timeline?since=2021-01-01"]
        for path in paths:
            answer = client.get(path, headers=ACCEPT)
            assert answer.status_code == 200, (path, answer.text[-2000:])
            assert not re.search(r"<script>|<img|href=\"(?!https?:|/|#|mailto:|data:,\")|onerror=alert\(2\)>(?!&)", answer.text), path
            assert "49 javascript" not in answer.text


def test_signs_that_turn_the_direction_of_text_do_not_reach_a_page(client: TestClient) -> None:
    page = client.get("/entities?q=a%00b%E2%80%AEc", headers=ACCEPT).text
    assert "abc" in page
    assert not re.search("[\x00-\x08\u202a-\u202e]", page)


def test_a_text_is_cut_where_passages_and_furniture_begin_and_end() -> None:
    text = "Title. First second third. Share this"
    passages = [{"start": 7, "end": 19}, {"start": 13, "end": 26}]
    pieces = pieces_of(text, passages, [(27, 37)])
    assert "".join(piece["text"] for piece in pieces) == text
    assert [(piece["text"], piece["passages"]) for piece in pieces if piece["passages"]] == [
        ("First ", ["p7-19"]),
        ("second", ["p7-19", "p13-26"]),
        (" third.", ["p13-26"]),
    ]
    assert [piece["text"] for piece in pieces if piece["is_furniture"]] == ["Share this"]
    assert covered(passages, [(27, 37)], len(text)) == 19 / 27
    assert pieces_of("", [], []) == []


def test_what_is_too_long_is_cut_between_words() -> None:
    assert shorten_text("one two three", 8) == "one two…"
    assert shorten_text("x" * 30, 8) == "x" * 8 + "…"
    assert search_of({"a": None}) == ""


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(create_app(limits=Limits(workers=1))) as found:
        yield found


@pytest.fixture(scope="module")
def address_with_texts(source_texts: Path) -> Iterator[str]:
    with served(create_app(limits=Limits(workers=1), sources=source_texts)) as found:
        yield found


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Open a page; when the test is over, none may have complained or asked another host."""
    contexts, complaints, elsewhere = [], [], []

    def start(path: str = "/", *, script: bool = True, size: tuple[int, int] = (1280, 900), scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=script,
            color_scheme=scheme,  # type: ignore[arg-type]  # a test gives light or dark
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: elsewhere.append(request.url) if not request.url.startswith((address, "data:")) else None)
        page.goto(address + path)
        return page

    yield start
    for context in contexts:
        context.close()
    assert [text for text in complaints if "status of 40" not in text] == []
    assert elsewhere == []


def _follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait until all of that page has come."""
    with page.expect_navigation(wait_until="load"):
        page.click(selector)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
class TestWhatAJournalistDoesFirst:
    """Each from the first page, by clicks and typing alone."""

    def test_who_promised_most_and_in_which_words(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "text=The whole ledger")
        page.select_option("select[name=with_money]", "true")
        _follow(page, "main form button")
        _follow(page, ".ledger a:has-text('Fund the NHS')")
        assert "GBP 475,000,000 to 500,000,000" in page.inner_text(".told")
        assert "#:~:text=" in str(page.get_attribute(".proof a:has-text('public page')", "href"))

    def test_what_one_person_promised(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        page.fill("#q", "matt hancok")
        with page.expect_navigation(wait_until="load"):
            page.keyboard.press("Enter")
        _follow(page, ".entries a:has-text('Matt Hancock') >> nth=0")
        assert page.inner_text("h1") == "Matt Hancock"
        assert "Pledges" in page.inner_text("main")

    def test_which_office_he_held(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, ".entries a:has-text('Matt Hancock') >> nth=0")
        assert "Secretary of State for Health and Social Care" in page.inner_text(".offices")

    def test_what_a_trust_gets(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, ".classes a:has-text('Trust') >> nth=0")
        _follow(page, ".entries a >> nth=0")
        assert "What it is promised" in page.inner_text("main")
        _follow(page, ".tally a >> nth=0")
        assert page.locator(".entries a").count()

    def test_what_does_not_agree(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "text=What does not agree?")
        assert page.locator(".sides > li").count() == 7
        assert page.locator(".sides .proof").count() >= 7

    def test_what_is_not_said(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "nav >> text=Conflicts")
        _follow(page, "#absences ~ .entries a >> nth=0")
        assert "Absence" in page.inner_text(".kicker")

    def test_when_it_was(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "nav >> text=Timeline")
        page.select_option("select[name=class]", "Pledge")
        _follow(page, "main form button")
        assert page.locator(".timeline a.c-Pledge").count() == 28
        assert page.locator(".timeline a.c-Outcome").count() == 0

    def test_where_it_says_so(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "nav >> text=Sources")
        _follow(page, "main a:has-text('PublicTechnology') >> nth=0")
        assert page.locator(".proof").count() > 20
        assert "What is not the article" in page.inner_text("main")

    def test_a_number_leads_to_its_answer(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, ".figures a >> nth=3")
        assert "480,250,000" in page.inner_text("main table")

    def test_a_question_of_ones_own(self, visit: Visit, script: bool) -> None:
        page = visit(script=script)
        _follow(page, "nav >> text=SPARQL")
        page.fill("#query", "SELECT ?name { ?x a kg:Person ; rdfs:label ?name } ORDER BY ?name")
        _follow(page, "main form button")
        assert page.locator("main td").count() == 6
        assert page.locator(".twins >> nth=0").locator("a").count() == 4


def test_names_are_offered_while_one_types(visit: Visit) -> None:
    page = visit("/pledges")
    page.locator("#q").press_sequentially("hancok")
    page.wait_for_selector(".matches li")
    assert page.get_attribute("#q", "aria-expanded") == "true"
    page.press("#q", "ArrowDown")
    assert page.get_attribute("#q", "aria-activedescendant") == "q-matches-0"
    page.press("#q", "Escape")
    assert page.get_attribute("#q", "aria-expanded") == "false"
    page.fill("#q", "hanco")
    page.wait_for_selector(".matches li >> text=Matt Hancock")
    page.press("#q", "ArrowDown")
    page.press("#q", "Enter")
    page.wait_for_url("**/entities/**")


LOOKS = [(name, "light") for name in PAGES]
DARK = ("home", "ledger", "timeline", "conflicts", "source", "person", "sparql, answered", "sparql, wrong")
"""What has a colour that no other page has."""


@pytest.mark.parametrize(("name", "scheme"), [*LOOKS, *((name, "dark") for name in DARK)])
def test_axe_finds_nothing_serious(visit: Visit, name: str, scheme: str) -> None:
    page = visit(PAGES[name], scheme=scheme)
    rules = Axe().run(page).response["violations"]
    found = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in rules if rule["impact"] in SERIOUS]
    assert found == []


@pytest.mark.parametrize("width", [360, 768, 1280, 2200])
def test_nothing_is_cut_off(visit: Visit, width: int) -> None:
    page = visit(size=(width, 900))
    origin = page.url.rstrip("/")
    for path in PAGES.values():
        page.goto(origin + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_texts_are_shown_where_they_are_at_hand(small_graph: Path) -> None:
    app = create_app(kg.open(small_graph), limits=Limits(workers=1), sources=TEXTS)
    client = TestClient(app, raise_server_exceptions=False)
    pages = [client.get(f"/sources/{one['source'][7:]}", headers=ACCEPT).text for one in client.get("/sources.json").json()["results"]]
    for page in pages:
        marked = re.findall(r'<a href="#f-(p\d+-\d+)" data-in=', page)
        assert marked
        for anchor in marked:
            assert f'id="f-{anchor}"' in page
            assert f'id="{anchor}"' in page
    assert any('class="furniture"' in page for page in pages)


# ---------------------------------------------------------------- what the views arrange


def test_money_of_two_currencies_is_drawn_on_two_scales() -> None:
    def row(unit: str, low: int, high: int | None, open_ends: int = 0) -> dict[str, Any]:
        return {"unit": unit, "total_low": low, "total_high": high, "open_ends": open_ends}

    found = bars_of([row("GBP", 50, 100), row("EUR", 4, 4), row("GBP", 10, 0, 1), row("GBP", 0, 20)])
    assert [(bar["unit"], bar["at"], bar["least"], bar["most"]) for bar in found] == [
        ("GBP", 0, 100, 200),
        ("GBP", 3, 0, 40),
        ("GBP", 2, 20, 20),
        ("EUR", 1, 200, 200),
    ]


def test_offices_stand_in_their_order_with_what_each_source_reports() -> None:
    service = Service(kg.open(), Limits(workers=1))
    found = offices_of(service, "person:matt-hancock")
    assert [office["post"] for office in found] == [
        None,
        "Minister for digital",
        "Secretary of State for Digital, Culture, Media and Sport",
        "Secretary of State for Health and Social Care",
    ]
    reports = [(report["status"], report["published"]) for report in found[-1]["reports"]]
    assert reports == [("new", "2018-07-23"), ("current", "2021-03-18"), ("current", ""), ("current", ""), ("former", "")]


def test_a_thing_tells_what_is_promised_by_it_to_it_and_under_it() -> None:
    service = Service(kg.open(), Limits(workers=1))
    for id, search in {
        "person:matt-hancock": "?maker=person%3Amatt-hancock",
        "programme:digital-aspirant": "?programme=programme%3Adigital-aspirant",
        "event:first-health-secretary-speech": "?event=event%3Afirst-health-secretary-speech",
        "organisation:nhs": "?beneficiary=organisation%3Anhs",
    }.items():
        assert search in [way["search"] for way in promised_of(service, id)], id
    assert promised_of(service, "place:birmingham") == []
    (programme,) = promised_of(service, "programme:digital-aspirant")
    assert programme["total"] == len(programme["rows"]) == 5
    assert (programme["money"][0]["total_low"], programme["money"][0]["total_high"]) == (250_000, 48_250_000)


def test_a_pledge_tells_of_the_conflict_about_its_sum(client: TestClient) -> None:
    for path in ("/entities/pledge/publictechnology-first-speech-fund", "/pledges"):
        assert 'href="/entities/conflict/publictechnology-first-speech-fund"' in client.get(path, headers=ACCEPT).text


def test_a_pledge_of_two_makers_names_both() -> None:
    text = f"""<{ID}pledge/s-y> <{KG}maker> <{ID}person/a>, <{ID}organisation/b> ; <{KG}beneficiary> <{ID}trust/c> .
    <{ID}person/a> <{RDFS}label> "A" . <{ID}organisation/b> <{RDFS}label> "B" ."""
    graph = ox.NamedNode(ID + "source/s")
    quads = (ox.Quad(quad.subject, quad.predicate, quad.object, graph) for quad in ox.parse(text, format=ox.RdfFormat.TURTLE))
    store = Embedded.from_quads(quads)
    service = create_app(store, limits=Limits(workers=1)).state.host.current
    assert bound_of(service, ["pledge:s-y"]) == {
        "pledge:s-y": {"maker": [("organisation:b", "B"), ("person:a", "A")], "beneficiary": [("trust:c", "trust:c")]}
    }


@pytest.mark.parametrize(
    ("path", "right", "address"),
    [
        ("/entities/person/mat-hancock", "person:matt-hancock", "/entities/person/matt-hancock"),
        ("/pledges?maker=person:mat-hancock&strength=firm", "person:matt-hancock", "/pledges?maker=person%3Amatt-hancock&strength=firm"),
        ("/queries/trusts?trust=East+Cheshire", "trust:east-cheshire", "/queries/trusts?trust=trust%3Aeast-cheshire"),
        ("/path?from=Birmingham&to=person:matt-hancock", "place:birmingham", "/path?from=place%3Abirmingham&to=person%3Amatt-hancock"),
    ],
)
def test_a_page_of_a_problem_leads_to_what_was_meant(client: TestClient, path: str, right: str, address: str) -> None:
    page = client.get(path, headers=ACCEPT).text
    assert f'<a href="{address.replace("&", "&amp;")}">Take {right}</a>' in page
    assert client.get(address, headers=ACCEPT).status_code == 200


def test_a_wrong_query_is_marked_where_it_is_wrong(client: TestClient) -> None:
    page = client.get("/sparql?query=SELECT%20*%20%7B%0A%20%3Fa%20%25%20%7D", headers=ACCEPT).text
    assert "<h1>The query is wrong</h1>" in page
    assert re.search(r'class="wrong"[^>]*><code> \?a % <mark>}</mark></code>', page), "the engine has read on to the end of the line"


@pytest.mark.parametrize(
    ("contact", "link"),
    [("desk@example.org", "mailto:desk@example.org"), ("https://example.org/errors", "https://example.org/errors")],
)
def test_readers_are_told_where_to_report_an_error(contact: str, link: str) -> None:
    with TestClient(create_app(limits=Limits(workers=1), contact=contact)) as client:
        assert f'href="{link}' in client.get("/entities/person/matt-hancock", headers=ACCEPT).text
        assert f'<a href="{link}"' in client.get("/corrections", headers=ACCEPT).text


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "desk", "a b@example.org", "https://a b", "x@y", "@example.org"])
def test_a_contact_that_is_none_is_refused(contact: str) -> None:
    with pytest.raises(kg.CallError, match="neither a mail address nor"):
        create_app(limits=Limits(workers=1), contact=contact)


def test_a_date_stands_as_its_source_has_it_and_never_in_edtf(client: TestClient) -> None:
    """Where a source gives a time only in words, its words stand, and no date that was made of them."""
    ledger = client.get("/pledges", headers=ACCEPT).text
    assert "about March 2021 to about March 2024 (“over the next three years”)" in ledger
    assert "“shortly”" in ledger
    for path in PAGES.values():
        assert "XXXX" not in client.get(path, headers=ACCEPT).text, path
    event = client.get("/entities/event/rec-conference", headers=ACCEPT).text
    assert "30 June, year not stated" in event


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_text_with_its_passages_is_readable_and_marks_the_one_that_is_asked_for(
    browser: Browser, address_with_texts: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address_with_texts}/sources/publictechnology-first-speech#p313-393")
    marked = page.locator(".text .chosen").all_inner_texts()
    assert len(marked) > 1, "other passages lie within it"
    assert len("".join(marked)) == 393 - 313
    page.goto(f"{address_with_texts}/sources/publictechnology-first-speech#p34-109")
    assert len("".join(page.locator(".text .chosen").all_inner_texts())) == 109 - 34
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS] == []
    context.close()


def test_what_the_archivist_concluded_is_marked_where_it_stands(client: TestClient) -> None:
    """The sentence names nobody who pays; that it is the minister was concluded."""
    seed = "pledge:future-care-capital-digital-aspirants-six-million"
    mark = re.compile(r"Matt Hancock</a>\s*<a [^>]*class=\"[^\"]*inferred|Matt Hancock</a> <a class=\"soft inferred\"")
    for path in (f"/entities/{seed.replace(':', '/')}", "/pledges?programme=programme:digital-aspirant", "/"):
        assert mark.search(client.get(path, headers=ACCEPT).text), path
    path = client.get(f"/path?from={seed}&to=person:matt-hancock", headers=ACCEPT).text
    assert re.search(r"Matt Hancock</a>\s*<a class=\"soft inferred\"", path)
    stated = client.get("/entities/pledge/publictechnology-first-speech-fund", headers=ACCEPT).text
    assert not re.search(r"<dt>Made by</dt><dd>[^\n]*inferred", stated)
    assert "In 2 of the pledges that are added up the archivist concluded who is bound." in (
        client.get("/entities/person/matt-hancock", headers=ACCEPT).text
    )


@pytest.mark.parametrize("kind", [key for key, *_ in GROUPS])
def test_each_kind_of_facts_can_be_asked_for_of_anything(client: TestClient, kind: str) -> None:
    for name in ("person", "trust", "conflict", "wave", "pledge"):
        assert client.get(f"{PAGES[name]}?all={kind}", headers=ACCEPT).status_code == 200, name


def test_a_sum_that_is_about_a_figure_says_so_and_a_single_figure_stands_alone(client: TestClient) -> None:
    hospitals = client.get("/entities/pledge/publictechnology-first-speech-hospitals", headers=ACCEPT).text
    assert "<strong>about GBP 400,000,000</strong>" in hospitals
    assert "about GBP 400,000,000" in client.get("/pledges", headers=ACCEPT).text
    group = client.get("/entities/group/gps", headers=ACCEPT).text
    assert re.search(r'<p class="sum"><a class="number"[^>]*>GBP 5,000,000</a>\. No fund', group)


def test_a_conflict_shows_its_sides_with_their_words(client: TestClient) -> None:
    page = client.get("/entities/conflict/publictechnology-first-speech-fund", headers=ACCEPT).text
    assert page.count('<li class="proof">') >= 2
    assert "Reported by" in page
    assert "Nothing in the graph names it" not in page


def test_a_pledge_says_who_reports_it_and_by_when_it_is_due(client: TestClient) -> None:
    page = client.get("/entities/pledge/future-care-capital-digital-aspirants-six-million", headers=ACCEPT).text
    assert "<dt>Due</dt><dd>about March 2021 to about March 2024 (“over the next three years”)</dd>" in page
    assert re.search(r"<dt>Reported by</dt><dd><a [^>]*>Future Care Capital[^<]*</a>, 18 March 2021</dd>", page)


def test_a_trust_to_which_nothing_is_promised_says_so(client: TestClient) -> None:
    page = client.get("/entities/trust/st-helens-and-knowsley-teaching-hospitals", headers=ACCEPT).text
    assert "no pledge to it is known" in page


def test_the_page_of_the_snapshot_needs_its_files_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    compiler.build(Path(__file__).parent / "graphs" / "quiet", folder)
    with TestClient(create_app(str(folder), limits=Limits(workers=1)), raise_server_exceptions=False) as client:
        client.get("/", headers=ACCEPT)
        shutil.rmtree(folder)
        assert client.get("/method", headers=ACCEPT).status_code == 200
