"""The explorer is driven in a real browser: what a reader adds, drops and saves is what the interface answers."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pyoxigraph as ox
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

import kg
from conftest import served
from kg.api import Limits, create_app
from kg.api.explorer import LONGEST, MOST
from kg.network import neighbours, subgraph
from kg.paths import find_paths
from kg.store import Embedded
from kg.vocab import prologue

MATT, WAVE, NHSX, AIREDALE = "person:matt-hancock", "wave:digital-aspirant-second-seed", "organisation:nhsx", "trust:airedale"
SERIOUS = ("serious", "critical")
HOSTILE = [
    "</script><script>document.title = 'broken'</script>",
    "<img src=x onerror=\"document.title = 'broken'\">",
    "javascript:document.title='broken'",
    "<a href=x>link</a>",
    "‮right to left‬",
    "x" * 3000,
    "long " * 600,
    "{{ 7 * 7 }} ${7 * 7}",
    "quote \" and ' and ` & &amp; \\u003cb\\u003e",
    "]]><!--",
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(create_app(limits=Limits(workers=1))) as found:
        yield found


class Explorer:
    """A page that is open, with every request and every complaint that it has made."""

    def __init__(self, page: Page, url: str, *, is_whole: bool = True) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.errors.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        if is_whole:
            page.wait_for_selector("html[data-ready=yes]")

    def search(self, text: str) -> None:
        self.page.fill("#seed", text)
        self.page.press("#seed", "Enter")

    def follow(self, way: str) -> None:
        self.page.locator("#out button", has=self.page.get_by_text(way, exact=True)).click()

    def says(self, text: str) -> None:
        expect(self.page.locator("#said")).to_contain_text(text)

    def comes_to(self, script: str, expected: object) -> None:
        """Wait for a value; `wait_for_function` would need what the policy of the page forbids."""
        for _ in range(100):
            if self.page.evaluate(script) == expected:
                return
            self.page.wait_for_timeout(50)
        assert self.page.evaluate(script) == expected

    def has(self, things: int) -> None:
        expect(self.page.locator("#things tbody tr")).to_have_count(things)

    @property
    def things(self) -> set[str]:
        return set(self.page.evaluate("[...document.querySelectorAll('#things tbody tr')].map(row => row.dataset.id)"))

    @property
    def ties(self) -> set[str]:
        return set(self.page.evaluate("[...document.querySelectorAll('#ties li')].map(item => item.dataset.id)"))

    @property
    def drawn(self) -> tuple[set[str], set[str]]:
        return set(self.page.evaluate("dots.getIds()")), set(self.page.evaluate("lines.getIds()"))

    @property
    def in_address(self) -> set[str]:
        return set(parse_qs(urlsplit(self.page.url).query).get("seed", []))

    @property
    def chosen(self) -> str:
        return self.page.inner_text("#panel h2")

    def get(self, path: str) -> Any:
        return self.page.request.get(urlsplit(self.page.url)._replace(path="", query="", fragment="").geturl() + path).json()


Open = Callable[..., Explorer]


@pytest.fixture
def explore(browser: Browser, address: str) -> Iterator[Open]:
    """Open the page; when the test is over, none of those opened may have complained or asked another host."""
    opened: list[Explorer] = []
    contexts = []

    def start(path: str = "", *, size: tuple[int, int] = (1280, 900), scheme: str = "light", script: bool = True, at: str = "") -> Explorer:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]  # a test gives light or dark
            java_script_enabled=script,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        opened.append(Explorer(context.new_page(), f"{at or address}/explorer{path}", is_whole=script))
        return opened[-1]

    yield start
    for one in opened:
        hosts = {urlsplit(url).netloc for url in one.requests if not url.startswith("data:")}
        assert hosts == {urlsplit(one.page.url).netloc}, "no other host was asked"
        assert one.errors == []
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def graph() -> kg.Graph:
    return kg.open()


# ---------------------------------------------------------------- a network of depth 0


def test_a_subgraph_of_depth_0_is_the_seeds_and_the_ties_among_them(graph: kg.Graph) -> None:
    seeds = [MATT, "event:first-health-secretary-speech", NHSX]
    found = subgraph(graph, seeds, depth=0)
    assert {node.id for node in found.nodes} == set(seeds)
    assert found.reached == found.kept == (3,)
    whole = subgraph(graph, seeds, depth=1)
    assert found.edges == tuple(edge for edge in whole.edges if {edge.start, edge.end} <= set(seeds))
    assert found.edges


def test_an_address_takes_as_many_things_as_the_explorer_adds(graph: kg.Graph, address: str, explore: Open) -> None:
    ids = graph.table().ids()[:MOST]
    query = "&".join(f"seed={id}" for id in ids)
    page = explore().page
    for suffix in ("json", "html", "graphml", "ttl"):
        answer = page.request.get(f"{address}/subgraph?{query}&depth=0&format={suffix}")
        assert answer.status == 200, suffix
    assert page.request.get(f"{address}/explorer?{query}&to={MATT}", headers={"Accept": "text/html"}).status == 200


# ---------------------------------------------------------------- beginning


def test_one_starts_from_a_search_by_keyboard(explore: Open) -> None:
    opened = explore()
    opened.page.focus("#seed")
    opened.page.keyboard.type("speech")
    options = opened.page.locator("#seed-matches li")
    expect(options.first).to_be_visible()
    second = options.nth(1).locator("span").inner_text()
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("ArrowDown")
    assert opened.page.get_attribute("#seed", "aria-activedescendant") == "seed-matches-1"
    assert options.nth(1).get_attribute("aria-selected") == "true"
    opened.page.keyboard.press("Enter")
    opened.has(1)
    assert opened.chosen == second
    assert opened.page.get_attribute("#seed", "aria-expanded") == "false"
    assert opened.in_address == opened.things


def test_a_search_forgives_a_slip_and_enter_takes_the_first(explore: Open) -> None:
    opened = explore()
    opened.search("matt hancok")
    opened.says("Matt Hancock is in the picture: 1 thing, 0 ties.")
    opened.search("hancock")
    opened.says("Matt Hancock is in the picture already.")
    assert opened.things == {MATT}


def test_escape_closes_the_names_and_nothing_found_is_said(explore: Open) -> None:
    opened = explore()
    opened.page.fill("#seed", "trust")
    expect(opened.page.locator("#seed-matches")).to_be_visible()
    opened.page.press("#seed", "Escape")
    expect(opened.page.locator("#seed-matches")).to_be_hidden()
    opened.search("zzzzzz")
    opened.says("Nothing in the network is called “zzzzzz”.")


def test_the_page_offers_something_to_begin_with(explore: Open) -> None:
    opened = explore()
    opened.page.click("#empty a")
    opened.page.wait_for_selector("html[data-ready=yes]")
    assert opened.things == opened.in_address == {MATT}
    assert opened.chosen == "Matt Hancock"


# ---------------------------------------------------------------- adding and dropping


def test_the_ways_out_have_the_counts_of_the_interface(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.wait_for_selector("#out button")
    shown = [(text.split("\n")[0], text.split("\n")[-1]) for text in opened.page.locator("#out button").all_inner_texts()]
    told = opened.get(f"/entities/{MATT.replace(':', '/')}/neighbours.json?limit=1")["ways"]
    assert shown == [(way["label"], str(way["nodes"])) for way in told]


def test_a_way_adds_what_it_leads_to(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}")
    opened.follow("made")
    opened.says("25 things added. Matt Hancock made: 25 of 25 things shown.")
    made = {edge.start for edge in neighbours(graph, MATT, limit=10_000).edges if edge.end == MATT and edge.relation == "kg:maker"}
    assert opened.things == {MATT, *made} == opened.in_address
    expect(opened.page.locator("#out button", has_text="made")).to_contain_text("all 25")


def test_a_long_way_is_followed_page_by_page(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}")
    for count in (50, 100, 150, 154):
        opened.follow("said")
        opened.says(f"Matt Hancock said: {count} of 154 things shown.")
        opened.has(count + 1)
    said = {edge.start for edge in neighbours(graph, MATT, limit=10_000).edges if edge.end == MATT and edge.relation == "kg:speaker"}
    assert opened.things == {MATT, *said}


def test_what_was_dropped_on_the_way_comes_again(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}")
    opened.follow("has participant")
    opened.says("25 of 25")
    opened.page.click(f'[data-id="{AIREDALE}"] .drop')
    opened.has(25)
    opened.page.click(f'[data-key="thing {WAVE}"]')
    expect(opened.page.locator("#out button", has_text="has participant")).to_contain_text("24 of 25, more")
    opened.follow("has participant")
    opened.says("1 thing added.")
    assert AIREDALE in opened.things


def test_picture_list_address_and_interface_have_the_same_nodes_and_edges(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={WAVE}&seed={NHSX}&seed={MATT}")
    opened.page.click(f'[data-key="thing {WAVE}"]')
    opened.follow("has participant")
    opened.has(28)
    found = subgraph(graph, sorted(opened.in_address), depth=0)
    nodes, edges = {node.id for node in found.nodes}, {str(edge.number) for edge in found.edges}
    assert opened.drawn == (nodes, edges) == (opened.things, opened.ties)
    assert opened.page.inner_text("#count") == f"{len(nodes)} things, {len(edges)} ties"
    degrees = {node.id: node.degree for node in found.nodes}
    for row in opened.page.locator("#things tbody tr").all():
        id = str(row.get_attribute("data-id"))
        here = sum(id in (edge.start, edge.end) for edge in found.edges)
        assert row.locator(".number").inner_text() == f"{here} of {degrees[id]}"


def test_each_tie_reads_as_it_is_told_and_leads_to_its_fact(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}&seed=event:first-health-secretary-speech&seed=post:health-secretary")
    opened.page.click("#show-ties")
    edges = {str(edge.number): edge for edge in subgraph(graph, sorted(opened.in_address), depth=0).edges}
    labels = graph.labels([MATT, *opened.in_address])
    assert len(edges) > 2
    for key, edge in edges.items():
        item = opened.page.locator(f'#ties [data-id="{key}"]')
        words = " ".join(item.locator("div").inner_text().replace("(concluded)", "").split())
        assert words == f"{labels[edge.start]} {edge.label} {labels[edge.end]}"
        assert edge.fact
        proof = str(item.get_by_role("link", name="Proof").get_attribute("href"))
        assert proof == f"/entities/{edge.fact.replace(':', '/')}"
        assert opened.page.request.get(urlsplit(opened.page.url)._replace(path=proof, query="", fragment="").geturl()).status == 200
        if edge.passages[0].link:
            assert item.get_by_role("link", name="Words").get_attribute("href") == edge.passages[0].link


def test_what_is_dropped_is_gone_everywhere_and_undo_brings_it_back(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}")
    opened.follow("has participant")
    opened.says("25 of 25")
    before = opened.drawn
    opened.page.focus(f'[data-id="{AIREDALE}"] .drop')
    opened.page.keyboard.press("Enter")
    opened.says("Airedale NHS Foundation Trust is dropped: 25 things, 24 ties.")
    assert AIREDALE not in opened.things | opened.drawn[0] | opened.in_address
    assert opened.page.evaluate("document.activeElement.className") == "drop", "the reader goes on at the next row"
    opened.page.click("#undo")
    opened.says("Undone: 26 things, 25 ties.")
    assert (opened.drawn, opened.in_address) == (before, before[0])
    opened.page.click("#clear")
    opened.says("Everything is dropped.")
    assert (opened.drawn, opened.in_address) == ((set(), set()), set())
    expect(opened.page.locator("#empty")).to_be_visible()
    opened.page.click("#undo")
    opened.has(26)
    assert opened.drawn == before
    opened.page.click("#undo")
    opened.has(1)
    expect(opened.page.locator("#undo")).to_be_disabled()


def test_what_was_begun_with_can_be_dropped_and_something_else_added(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}")
    opened.page.focus("#stage")
    opened.page.keyboard.press("Delete")
    opened.says("is dropped")
    opened.search("airedale")
    opened.says("Airedale NHS Foundation Trust is in the picture: 1 thing, 0 ties.")
    opened.page.click("#undo")
    opened.page.click("#undo")
    opened.has(1)
    assert opened.things == {WAVE}


# ---------------------------------------------------------------- paths


def test_the_shortest_paths_to_another_thing_are_added_and_stand_out(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.fill("#to", "airedale")
    expect(opened.page.locator("#to-matches li").first).to_be_visible()
    opened.page.press("#to", "Enter")
    found = find_paths(graph, MATT, AIREDALE)
    assert found
    opened.says(f"{found.total} shortest path{'s' if found.total > 1 else ''} to Airedale NHS Foundation Trust, of {found.hops} steps")
    steps = [step for path in found.paths for step in path]
    assert opened.things == {node.id for step in steps for node in (step.start, step.end)}
    assert set(opened.page.evaluate("[...marked.edges]")) == {str(edge.number) for step in steps for edge in step.edges}
    link = opened.page.locator("#panel a", has_text="Step by step").get_attribute("href")
    assert link == f"/path?from={MATT}&to={AIREDALE}"
    opened.page.click("#undo")
    opened.has(1)


def test_more_paths_than_are_added_are_counted(explore: Open, graph: kg.Graph) -> None:
    first, second = "event:digital-health-rewired-speech", "event:first-health-secretary-speech"
    found = find_paths(graph, first, second, limit=1000)
    assert found
    opened = explore(f"?seed={first}&to={second}")
    if found.total > 10:
        opened.says(f"10 of {found.total} shortest paths")
    else:
        opened.says(f"{found.total} shortest path")
    assert second in opened.things


def test_an_address_asks_for_the_paths_between_two_things(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={NHSX}&to={AIREDALE}")
    found = find_paths(graph, NHSX, AIREDALE)
    assert found
    assert opened.things == {node.id for path in found.paths for step in path for node in (step.start, step.end)} == opened.in_address
    assert "to=" not in opened.page.url
    opened.says("NHS Foundation Trust, of 3 steps")


def test_a_path_to_itself_and_one_that_is_not_there_are_told(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.route("**/path.json*", lambda route: route.fulfill(json={"paths": [], "nodes": [], "hops": None, "total": 0}))
    opened.page.fill("#to", "airedale")
    opened.page.press("#to", "Enter")
    opened.says("There is no path between Matt Hancock and Airedale NHS Foundation Trust.")
    opened.page.unroute("**/path.json*")
    opened.page.fill("#to", "matt hancock")
    opened.page.press("#to", "Enter")
    opened.says("A path leads from one node to another")
    assert [error for error in opened.errors if "400" not in error] == []
    opened.errors.clear()
    assert opened.things == {MATT}


# ---------------------------------------------------------------- the address and the files


def test_a_copied_address_opens_the_same_view(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    opened.follow("speaks at")
    opened.says("6 things added.")
    opened.page.click('[data-key="thing event:health-and-care-forum"]')
    expect(opened.page.locator("#panel h2")).to_have_text("Health and Care Forum")
    again = explore(opened.page.url.partition("/explorer")[2])
    assert (again.drawn, again.things, again.chosen) == (opened.drawn, opened.things, opened.chosen)
    assert again.page.url == opened.page.url


def test_the_same_steps_lead_to_the_same_places(explore: Open) -> None:
    places = []
    for _ in range(2):
        opened = explore(f"?seed={MATT}")
        opened.follow("made")
        opened.says("25 of 25")
        opened.follow("speaks at")
        opened.says("6 of 6")
        places.append(opened.page.evaluate("[...places].map(([id, { x, y }]) => [id, x, y])"))
    assert places[0] == places[1]
    assert len({(x, y) for _, x, y in places[0]}) == 32, "no two lie on one another"


def test_no_two_nodes_cover_one_another(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    for way, text in (("said", "50 of 154"), ("said", "100 of 154"), ("made", "25 of 25"), ("speaks at", "6 of 6")):
        opened.follow(way)
        opened.says(text)
    apart = opened.page.evaluate("""Math.min(...ids.flatMap((a, n) => ids.slice(0, n).map(b =>
        Math.hypot(places.get(a).x - places.get(b).x, places.get(a).y - places.get(b).y) - sizeOf(a) - sizeOf(b))))""")
    assert apart > 0


@pytest.mark.parametrize("format", ["html", "json", "graphml", "ttl"])
def test_the_saved_file_has_what_is_explored(explore: Open, graph: kg.Graph, format: str) -> None:
    opened = explore(f"?seed={MATT}")
    opened.follow("speaks at")
    opened.says("6 of 6")
    with opened.page.expect_download() as download:
        opened.page.click(f"#save [data-format={format}]")
    text = download.value.path().read_text("utf-8")
    assert download.value.suggested_filename == f"explored.{format}"
    if format == "json":
        saved = opened.get(f"/subgraph.json?{'&'.join(f'seed={id}' for id in opened.things)}&depth=0")
        assert {node["id"] for node in saved["nodes"]} == opened.things
        assert {edge["key"] for edge in saved["edges"]} == opened.ties
    for id in opened.things:
        assert (id.replace(":", "/") if format == "ttl" and id not in text else id) in text


def test_the_saved_page_opens_without_a_network(explore: Open, browser: Browser, tmp_path: Path) -> None:
    opened = explore(f"?seed={WAVE}")
    opened.follow("has participant")
    opened.says("25 of 25")
    with opened.page.expect_download() as download:
        opened.page.click("#save [data-format=html]")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(saved.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    assert set(page.evaluate("nodes.map(node => node.id)")) == opened.things
    assert {str(key) for key in page.evaluate("edges.map(edge => edge.key)")} == opened.ties
    context.close()


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        (503, "Too many ask at once. Try again in some seconds.", "Too many ask at once."),
        (404, "There is no such thing.", "There is no such thing."),
        (502, None, "The server answers 502. Nothing is lost."),
    ],
)
def test_an_error_is_a_sentence_and_nothing_is_lost(explore: Open, status: int, detail: str | None, said: str) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.wait_for_selector("#out button")
    body = {"json": {"detail": detail}} if detail else {"body": "<html>bad gateway</html>"}
    opened.page.route("**/*.json*", lambda route: route.fulfill(status=status, **body))
    before = opened.page.url
    opened.follow("made")
    opened.says(said)
    assert (opened.things, opened.page.url) == ({MATT}, before)
    opened.page.unroute("**/*.json*")
    opened.follow("made")
    opened.says("25 of 25")
    assert all(str(status) in error for error in opened.errors)
    opened.errors.clear()


def test_a_view_that_cannot_be_opened_now_is_opened_later(explore: Open, browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/subgraph.json*", lambda route: route.abort())
    page.goto(f"{address}/explorer?seed={MATT}&seed={WAVE}")
    expect(page.locator("#said")).to_have_text("The server does not answer. Nothing is lost; try again.")
    assert f"seed={WAVE}" in page.url
    page.unroute("**/subgraph.json*")
    page.click("#again")
    expect(page.locator("#things tbody tr")).to_have_count(2)
    expect(page.locator("#again")).to_be_hidden()
    page.route("**/path.json*", lambda route: route.fulfill(status=503, json={"detail": "Too many ask at once."}))
    page.goto(f"{address}/explorer?seed={NHSX}&to={AIREDALE}")
    expect(page.locator("#said")).to_have_text("Too many ask at once.")
    assert page.url.partition("#")[0].endswith(f"to={AIREDALE}")
    page.unroute("**/path.json*")
    page.click("#again")
    expect(page.locator("#things tbody tr")).to_have_count(4)
    assert "to=" not in page.url
    context.close()


def test_ways_that_could_not_be_read_are_asked_for_again(explore: Open) -> None:
    opened = explore(f"?seed={MATT}&seed={WAVE}")
    opened.page.route("**/neighbours.json*", lambda route: route.fulfill(status=503, json={"detail": "Too many ask at once."}))
    opened.page.click(f'[data-key="thing {MATT}"]')
    opened.says("Too many ask at once.")
    opened.page.unroute("**/neighbours.json*")
    opened.page.click("#out button")
    expect(opened.page.locator("#out button")).to_have_count(8)
    opened.errors.clear()


def test_ways_that_a_server_refuses_to_fetch_are_a_link(explore: Open) -> None:
    opened = explore(f"?seed={MATT}&seed={WAVE}")
    opened.page.route("**/neighbours.json*", lambda route: route.fulfill(status=422, json={"detail": "30,000 statements name it."}))
    opened.page.click(f'[data-key="thing {MATT}"]')
    opened.says("30,000 statements name it.")
    expect(opened.page.locator("#out button")).to_have_count(0)
    asked = len([url for url in opened.requests if "neighbours" in url])
    opened.page.click(f'[data-key="drop {WAVE}"]')
    opened.has(1)
    assert len([url for url in opened.requests if "neighbours" in url]) == asked, "asking again would not help"
    opened.page.click("#out a")
    opened.page.wait_for_url(f"**/queries/links?entity={MATT}")
    opened.errors.clear()


def test_a_full_picture_takes_what_it_can_and_says_what_it_left_out(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.evaluate("start.most = 20")
    opened.follow("made")
    opened.says("Matt Hancock made: 19 of 25 things shown. The picture is full; 6 things were left out. Drop some first.")
    opened.has(20)
    opened.search("airedale")
    opened.says("The picture is full; 1 thing was left out.")
    opened.page.click("[data-id^=pledge] .drop")
    opened.has(19)
    opened.search("airedale")
    opened.says("Airedale NHS Foundation Trust is in the picture")


def test_an_address_does_not_become_longer_than_the_server_takes(explore: Open, graph: kg.Graph) -> None:
    opened = explore(f"?seed={MATT}")
    kept = opened.page.evaluate("ids => withRoom([], ids).length", [id + "x" * 60 for id in graph.table().ids()])
    assert 50 < kept < MOST
    assert opened.page.evaluate("ids => seedsOf(withRoom([], ids)).length", [id + "x" * 60 for id in graph.table().ids()]) <= LONGEST


def test_who_is_quick_loses_nothing(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    opened.page.wait_for_selector("#out button")
    opened.page.evaluate("""() => {
        const press = way => [...document.querySelectorAll("#out button")].find(one => one.textContent.startsWith(way)).click();
        for (const way of ["made", "speaks at", "said", "uses"]) press(way);
    }""")
    opened.says("Matt Hancock uses")
    assert opened.drawn == (opened.things, opened.ties)
    assert opened.drawn[0] == opened.in_address
    for _ in range(4):
        opened.page.click("#undo")
    opened.has(1)


# ---------------------------------------------------------------- the picture


def test_a_click_in_the_picture_chooses_a_node_and_one_beside_it_nothing(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}&seed={AIREDALE}")
    box = opened.page.locator("#stage").bounding_box()
    assert box
    spot = opened.page.evaluate("id => picture.canvasToDOM(picture.getPosition(id))", AIREDALE)
    opened.page.mouse.click(box["x"] + spot["x"], box["y"] + spot["y"])
    expect(opened.page.locator("#panel h2")).to_have_text("Airedale NHS Foundation Trust")
    assert opened.page.url.endswith(f"#node={AIREDALE}")
    opened.page.mouse.click(box["x"] + box["width"] - 8, box["y"] + box["height"] - 8)
    expect(opened.page.locator("#panel h2")).to_have_text("Nothing is chosen")


def test_a_node_stays_where_it_is_drawn_to(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}&seed={AIREDALE}")
    box = opened.page.locator("#stage").bounding_box()
    assert box
    spot = opened.page.evaluate("id => picture.canvasToDOM(picture.getPosition(id))", AIREDALE)
    opened.page.mouse.move(box["x"] + spot["x"], box["y"] + spot["y"])
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + spot["x"] + 60, box["y"] + spot["y"] - 40, steps=4)
    opened.page.mouse.up()
    moved = opened.page.evaluate("id => places.get(id)", AIREDALE)
    assert moved["isHeld"]
    opened.page.click(f'[data-key="thing {WAVE}"]')
    opened.follow("has participant")
    opened.says("25 of 25")
    after = opened.page.evaluate("id => places.get(id)", AIREDALE)
    assert (round(moved["x"]), round(moved["y"])) == (after["x"], after["y"])


def test_the_wheel_moves_the_page_until_the_picture_is_taken_in_hand(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}&seed={AIREDALE}", size=(1280, 500))
    opened.page.mouse.move(300, 400)
    scale = opened.page.evaluate("picture.getScale()")
    opened.page.mouse.wheel(0, 120)
    opened.comes_to("scrollY > 0", True)
    assert opened.page.evaluate("picture.getScale()") == scale
    opened.page.focus("#stage")
    opened.page.mouse.wheel(0, 120)
    opened.comes_to(f"picture.getScale() < {scale}", True)


def test_the_picture_follows_the_ground_of_the_system(explore: Open) -> None:
    opened = explore(f"?seed={MATT}")
    assert opened.page.evaluate("dots.get(ids[0]).color.background") == "#0072b2"
    opened.page.emulate_media(color_scheme="dark")
    opened.comes_to("[dots.get(ids[0]).color.background, colours.ground]", ["#56a8e0", "#14181b"])


def test_all_of_it_is_reached_by_keyboard_alone(explore: Open) -> None:
    opened = explore()
    page = opened.page

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"no tab leads to {selector}")

    tab_to("#seed")
    page.keyboard.type("second wave")
    expect(page.locator("#seed-matches li").first).to_be_visible()
    page.keyboard.press("Enter")
    opened.has(1)
    tab_to("#stage")
    page.keyboard.press("+")
    tab_to("#out button")
    page.keyboard.press("Enter")
    opened.says("added")
    assert page.evaluate("document.activeElement.closest('#out') !== null"), "the reader stays at the way that he followed"
    tab_to("#to")
    tab_to("#show-ties")
    page.keyboard.press("Enter")
    tab_to("#ties a")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Proof: ")
    tab_to("#save a")


def test_a_tie_that_is_clicked_is_shown_in_the_list(explore: Open) -> None:
    opened = explore(f"?seed={WAVE}&seed={AIREDALE}")
    (key,) = opened.ties
    opened.page.evaluate("key => act(() => showTie(key))", key)
    expect(opened.page.locator("#ties li.chosen")).to_be_visible()
    opened.says("Airedale NHS Foundation Trust takes part in")
    assert opened.page.evaluate("document.activeElement.textContent") == "Proof"


STATES = {"empty": "", "unclear": "?seed=hancok", "one": f"?seed={MATT}", "path": f"?seed={NHSX}&to={AIREDALE}", "ties": f"?seed={WAVE}"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious_in_any_state(explore: Open, state: str, scheme: str) -> None:
    opened = explore(STATES[state], scheme=scheme)
    if state == "ties":
        opened.follow("has participant")
        opened.says("25 of 25")
        opened.page.click("#show-ties")
        opened.page.fill("#seed", "trust")
        expect(opened.page.locator("#seed-matches")).to_be_visible()
    rules = Axe().run(opened.page).response["violations"]
    found = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in rules if rule["impact"] in SERIOUS]
    assert found == []


@pytest.mark.parametrize(("size", "scheme"), [((390, 844), "light"), ((390, 844), "dark"), ((820, 1180), "light"), ((1900, 1000), "dark")])
def test_nothing_is_cut_off_on_any_screen(explore: Open, size: tuple[int, int], scheme: str) -> None:
    opened = explore(f"?seed={WAVE}", size=size, scheme=scheme)
    opened.follow("has participant")
    opened.says("25 of 25")
    for view in ("things", "ties"):
        opened.page.click(f"#show-{view}")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    stage, beside = opened.page.locator("#stage canvas").bounding_box(), opened.page.locator("#panel").bounding_box()
    assert stage
    assert beside
    assert min(stage["width"], stage["height"]) > 250
    assert (beside["y"] > stage["y"] + stage["height"]) == (size[0] < 990), "the list stands below where there is no room beside"


# ---------------------------------------------------------------- hostile


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    """A graph of hostile names, mounted in another application."""
    text = [prologue(), "PREFIX graph: <https://w3id.org/kg-commitments/graph/>\n"]
    say = [str(ox.Literal(name)) for name in HOSTILE]
    text.append(f"graph:ontology {{ kg:maker rdfs:subPropertyOf kg:involves ; rdfs:label {say[0]} ; kg:inverseLabel {say[1]} .")
    text.append("kg:Person rdfs:subClassOf kg:Entity . }")
    text.append(f"source:s {{ source:s a kg:Source ; rdfs:label {say[2]} . person:x a kg:Person ; rdfs:label {say[0]} .")
    text += [f"pledge:s-{n} a kg:Pledge ; rdfs:label {name} ; kg:maker person:x ." for n, name in enumerate(say)]
    outer = FastAPI()
    outer.mount(
        "/kg", create_app(Embedded.from_quads(ox.parse("\n".join([*text, "}"]), format=ox.RdfFormat.TRIG)), limits=Limits(workers=1))
    )
    with served(outer) as found:
        yield f"{found}/kg"


def test_hostile_names_are_inert_wherever_the_application_is_mounted(explore: Open, hostile: str) -> None:
    opened = explore("", at=hostile)
    opened.page.locator("#empty a").first.wait_for()
    opened.search("</script><script>document.title")
    opened.has(1)
    opened.page.goto(f"{hostile}/explorer?seed=person:x")
    opened.page.wait_for_selector("html[data-ready=yes]")
    opened.page.locator("#out button").first.click()
    opened.has(1 + len(HOSTILE))
    for n in range(len(HOSTILE)):
        opened.page.evaluate("id => act(() => choose(id))", f"pledge:s-{n}")
    opened.page.click("#show-ties")
    for name in ("quote", "javascript", "long"):
        opened.page.fill("#seed", name)
        expect(opened.page.locator("#seed-matches li").first).to_be_visible()
    opened.page.fill("#to", "img src")
    expect(opened.page.locator("#to-matches li").first).to_be_visible()
    assert opened.page.title() == "Explorer · Who promised what"
    assert (
        opened.page.locator("main img, main a[href=x], main a[href^=javascript], main script:not([type='application/json'])").count() == 0
    )
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1280
    links = opened.page.locator("main a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links
    assert all(link.startswith("/kg/") for link in links)
    assert urlsplit(opened.page.url).path == "/kg/explorer"
    opened.page.set_viewport_size({"width": 390, "height": 844})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


# ---------------------------------------------------------------- without script


def test_without_script_one_searches_chooses_and_follows_ties(explore: Open) -> None:
    opened = explore(script=False)
    page = opened.page
    page.fill("#seed", "matt hancok")
    page.press("#seed", "Enter")
    page.get_by_role("link", name="Matt Hancock", exact=True).click()
    told = opened.get(f"/entities/{MATT.replace(':', '/')}/neighbours.json?limit=1")["ways"]
    shown = page.locator("#plain dt").all_inner_texts()
    counts = [(way["label"], str(way["edges"]), str(way["nodes"])) for way in told]
    assert [tuple(re.findall(r"^(.*?)\s+(\d+) ties? to (\d+) things?$", text)[0]) for text in shown] == counts
    page.locator("#plain dd a.thing").first.click()
    assert len(opened.in_address) == 2
    page.fill("#seed", "airedale")
    page.click("#start button")
    assert len(parse_qs(urlsplit(page.url).query)["seed"]) == 3, "what is explored stays"
    page.locator(".offers a").first.click()
    assert len(opened.in_address) == 3
    assert page.locator("#app").is_hidden()


def test_without_script_what_is_explored_can_be_saved_and_seen(explore: Open) -> None:
    opened = explore(f"?seed={MATT}&seed={WAVE}&to={AIREDALE}", script=False)
    base = opened.page.url.partition("/explorer")[0]
    saved = str(opened.page.get_attribute("#save [data-format=json]", "href"))
    nodes = opened.page.request.get(base + saved).json()["nodes"]
    assert {node["id"] for node in nodes} == {MATT, WAVE}
    links = opened.page.locator("main a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert f"/path?from={quote(MATT)}&to={quote(AIREDALE)}" in links
    assert f"/subgraph?seed={quote(MATT)}&format=html" in links
    for link in dict.fromkeys(links):
        assert opened.page.request.get(base + link, headers={"Accept": "text/html"}).status == 200, link


def test_an_address_that_makes_no_sense_opens_the_page(explore: Open) -> None:
    opened = explore(f"?seed=&seed=%20&seed=person:nobody&seed={MATT}&seed={MATT}&to=zzzz:qqqq#node=trust:nowhere")
    assert opened.things == {MATT}
    assert "Nothing in the network is called zzzz:qqqq." in opened.page.inner_text(".unclear >> nth=1")
    assert opened.chosen == "Matt Hancock"
