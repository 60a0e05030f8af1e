"""The page is driven in a real browser: what it shows, what it refuses to do, and that nothing leaves it."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

import kg
from kg.draw import CALM, OPENING, STYLES, to_html
from kg.elements import Edge, Node
from kg.errors import CallError, DataError
from kg.network import Network, read_network, subgraph
from kg.story import read_story

HOSTILE = [
    "</script><script>document.title = 'broken'</script>",
    "<img src=x onerror=\"document.title = 'broken'\">",
    "javascript:document.title='broken'",
    'href="https://example.org"',
    "<a href=x>link</a>",
    "‮right to left‬",
    "long " * 2000,
    "x" * 10_000,
    "😀 emoji",
    "{{ 7 * 7 }} ${7 * 7}",
    "]]><!--",
    "quote \" and ' and `",
]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def html() -> str:
    graph = kg.open()
    return to_html(read_network(graph), graph, story=read_story("digital-aspirant"))


class Opened:
    """A page that is open, with every request and every complaint that it has made."""

    def __init__(self, context: BrowserContext, path: Path, fragment: str = "") -> None:
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.refused: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.refused.append(request.url) if request.failure == "csp" else None)
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri() + fragment)
        self.page.wait_for_selector("html[data-ready=yes]")

    def find(self, text: str) -> None:
        self.page.fill("#search", text)
        self.page.press("#search", "Enter")

    @property
    def panel(self) -> str:
        return self.page.inner_text("#panel")

    @property
    def count(self) -> list[int]:
        return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", self.page.inner_text("#count"))]

    def state(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def chosen(self) -> list[str]:
        return list(self.page.evaluate("part ? [...part.nodes].map(node => node.id).sort() : []"))


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path, html: str) -> Iterator[Open]:
    """Open a page; when the test is over, none of those opened may have asked for anything or complained."""
    opened: list[Opened] = []
    contexts: list[BrowserContext] = []

    def start(text: str = html, fragment: str = "", *, size: tuple[int, int] = (1280, 800), scheme: str = "light") -> Opened:
        path = tmp_path / f"page-{len(opened)}.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]  # a test gives light or dark
            accept_downloads=True,
        )
        contexts.append(context)
        opened.append(Opened(context, path, fragment))
        return opened[-1]

    yield start
    for one in opened:
        assert [url for url in one.requests if not url.startswith("blob:")] == [one.requests[0]], "only the file itself was asked for"
        assert one.errors == []
    for context in contexts:
        context.close()


# ---------------------------------------------------------------- the file


def test_the_same_network_is_the_same_file_whatever_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import kg, sys; from kg.draw import to_html; from kg.network import read_network; from kg.story import read_story\n"
        "g = kg.open(); open(sys.argv[1], 'w').write(to_html(read_network(g), g, story=read_story('digital-aspirant')))"
    )
    for seed in ("0", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, tmp_path / seed], env=environment, check=True, timeout=60)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "4711").read_bytes()


def test_the_file_names_no_other_file_and_fits_in_an_email(html: str) -> None:
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", html)
    assert len(html.encode()) < 1_500_000


def test_places_are_whole_numbers(html: str) -> None:
    drawn = json.loads(re.findall(r'<script type="application/json" id="drawn">(.*?)</script>', html, re.DOTALL)[0])
    assert {type(node[axis]) for node in drawn["nodes"] for axis in "xy"} == {int}
    assert len({(node["x"], node["y"]) for node in drawn["nodes"]}) == len(drawn["nodes"])


def test_no_two_nodes_cover_one_another(html: str) -> None:
    drawn = json.loads(re.findall(r'<script type="application/json" id="drawn">(.*?)</script>', html, re.DOTALL)[0])["nodes"]
    apart = [
        ((a["x"] - b["x"]) ** 2 + (a["y"] - b["y"]) ** 2) ** 0.5 - a["size"] - b["size"] for n, a in enumerate(drawn) for b in drawn[:n]
    ]
    assert min(apart) > -4, "they touch at most"


def test_two_classes_of_one_shape_differ_in_colour_on_either_ground() -> None:
    assert len({style[:2] for style in STYLES.values()}) == len({style[::2] for style in STYLES.values()}) == len(STYLES)


def test_the_policy_lets_nothing_else_run(open_page: Open) -> None:
    opened = open_page()
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = 1' }))")
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }))")
    opened.page.wait_for_timeout(100)
    assert opened.page.title() == "Who promised what"
    assert opened.refused == opened.requests[1:], "the picture was refused before it was asked for"
    del opened.requests[1:]
    assert any("Content Security Policy" in error for error in opened.errors), "the browser says that it refused"
    opened.errors.clear()


def test_a_graph_without_nodes_an_unknown_theme_and_a_story_beside_the_point_are_refused() -> None:
    graph = kg.open()
    network = read_network(graph)
    with pytest.raises(DataError, match="no node to draw"):
        to_html(Network((), ()), graph)
    with pytest.raises(CallError, match=r"There is no theme 'sepia'\. It is one of auto, light, dark"):
        to_html(network, graph, theme="sepia")
    with pytest.raises(CallError, match="Step 1 of the story names 'programme:digital-aspirant', which is not in the picture"):
        to_html(Network(network.nodes[:1], ()), graph, story=read_story("digital-aspirant"))


# ---------------------------------------------------------------- looking


def test_the_page_opens_calm_and_says_how_much_it_shows(open_page: Open, html: str) -> None:
    opened = open_page()
    network = read_network(kg.open())
    shown = [node for node in network.nodes if node.class_name not in CALM]
    assert opened.count[0] == len(shown)
    assert (opened.count[1], opened.count[3]) == (len(network.nodes), len(network.edges))
    assert "Choose a node or a tie" in opened.panel


def test_a_search_suggests_as_one_types_and_shows_what_is_known_with_its_proof(open_page: Open) -> None:
    opened = open_page()
    opened.page.locator("#search").press_sequentially("standards in place")
    assert opened.page.locator("#matches li").first.inner_text().startswith("Put data standards in place")
    opened.page.keyboard.press("Enter")
    assert opened.page.inner_text("#panel h2") == "Put data standards in place"
    link = opened.page.locator("#panel ol a").first.get_attribute("href")
    assert link is not None
    assert "#:~:text=" in link
    assert "node=pledge" in opened.state()


@pytest.mark.parametrize("typed", ["matt hancock", " HANCOCK ", "Matt Hackcock", "the rt hon matt"])
def test_a_search_forgives_case_and_takes_parts_and_other_names(open_page: Open, typed: str) -> None:
    opened = open_page()
    opened.find(typed)
    assert opened.page.inner_text("#panel h2") == "Matt Hancock"


def test_a_search_that_finds_nothing_says_so(open_page: Open) -> None:
    opened = open_page()
    opened.page.fill("#search", "zzzz")
    assert "Nothing here is called “zzzz”." in opened.page.inner_text("#matches")


def test_a_search_is_walked_with_the_arrow_keys(open_page: Open) -> None:
    opened = open_page()
    opened.page.fill("#search", "trust")
    second = opened.page.locator("#matches li").nth(1).inner_text()
    opened.page.press("#search", "ArrowDown")
    assert opened.page.get_attribute("#search", "aria-activedescendant") == "match-1"
    opened.page.press("#search", "Enter")
    assert second.startswith(opened.page.inner_text("#panel h2"))
    opened.page.fill("#search", "nhs")
    opened.page.press("#search", "Escape")
    assert opened.page.locator("#matches").is_hidden()


def test_a_pledge_shows_its_money_its_conflict_and_what_is_not_said(open_page: Open) -> None:
    opened = open_page(fragment="#node=pledge:publictechnology-first-speech-fund")
    assert "These do not agree" in opened.panel
    assert "GBP 475,000,000 in total" in opened.panel
    assert "almost GBP 500,000,000 in total" in opened.panel
    assert "The source does not say" in opened.panel
    opened = open_page(fragment="#node=pledge:future-care-capital-digital-aspirants-six-million")
    assert "up to GBP 6,000,000 each" in opened.panel
    assert "Concluded by the archivist" in opened.panel


def test_every_passage_of_the_graph_is_in_the_page(open_page: Open) -> None:
    graph = kg.open()
    network = read_network(graph)
    facts = {edge.fact for edge in network.edges}
    page = open_page().page
    told = page.evaluate("""() => {
        const spans = ({ proof = [] }) => proof.map(number => page.passages[number].slice(0, 3));
        return Object.fromEntries(Object.entries(page.told).map(([id, known]) => [id, spans(known)]));
    }""")
    expected: dict[str, list[list[object]]] = {}
    for row in graph.query("provenance").to_dicts():
        expected.setdefault(str(row["node_id"]), []).append([row["source"], row["start"], row["end"]])
    assert {fact: told[fact] for fact in facts} == {fact: expected[str(fact)] for fact in facts}


def test_a_selection_stands_out_with_its_neighbours_and_the_rest_fades(open_page: Open) -> None:
    opened = open_page(fragment="#node=wave:digital-aspirant-second-seed")
    near = {edge.start for edge in read_network(kg.open()).edges if edge.end == "wave:digital-aspirant-second-seed"}
    shown = {id for id in near if not id.startswith(("statement:", "theme:"))}
    assert shown < set(opened.chosen())
    opened.page.keyboard.press("Escape")
    assert opened.chosen() == []


def test_a_click_in_the_picture_chooses_a_node_and_one_beside_it_nothing(open_page: Open) -> None:
    opened = open_page()
    place = opened.page.evaluate("""() => {
        const at = network.canvasToDOM(byId.get('person:matt-hancock').at), box = document.getElementById('stage').getBoundingClientRect();
        return [at.x + box.x, at.y + box.y];
    }""")
    opened.page.mouse.click(*place)
    opened.page.wait_for_function("document.querySelector('#panel h2').textContent === 'Matt Hancock'")
    opened.page.mouse.click(300, 780)
    opened.page.wait_for_function("document.querySelector('#panel h2').textContent === 'What is known'")


WRITTEN = """() => {
    const written = [], proto = CanvasRenderingContext2D.prototype, own = proto.fillText;
    proto.fillText = function (text, x, y) {
        const at = this.getTransform(), box = this.measureText(text);
        const wide = box.width * at.a, middle = at.a * x + at.e, top = at.d * y + at.f;
        written.push([text, middle - wide / 2, top, middle + wide / 2, top + 11]);
        return own.apply(this, arguments);
    };
    network.redraw();
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => { proto.fillText = own; done(written); })));
}"""
"""What is written in the picture, with the box of each line in pixels."""


def test_an_arrow_is_labelled_as_it_reads_along_the_arrow(open_page: Open) -> None:
    opened = open_page(fragment="#node=wave:digital-aspirant-second")
    network = read_network(kg.open())
    along = {edge.label for edge in network.edges if "wave:digital-aspirant-second" in (edge.start, edge.end)}
    against = {edge.inverse_label for edge in network.edges if edge.end == "wave:digital-aspirant-second"} - along
    texts = {line[0] for line in opened.page.evaluate(WRITTEN)}
    assert "part of" in texts
    assert against
    assert against.isdisjoint(texts)


@pytest.mark.parametrize(
    ("fragment", "size"), [("", (1280, 800)), ("#node=person:matt-hancock", (1280, 800)), ("#step=4", (1280, 800)), ("#step=4", (360, 740))]
)
def test_no_label_covers_another_or_leaves_the_picture(open_page: Open, fragment: str, size: tuple[int, int]) -> None:
    opened = open_page(fragment=fragment, size=size)
    written = opened.page.evaluate(WRITTEN)
    ratio = opened.page.evaluate("document.querySelector('#stage canvas').width / document.querySelector('#stage').clientWidth")
    wide = opened.page.evaluate("document.querySelector('#stage canvas').width")
    assert len(written) > 8
    lines = list({tuple(line) for line in written})
    for number, (text, left, top, right, bottom) in enumerate(lines):
        assert -2 * ratio <= left, text
        assert right <= wide + 2 * ratio, text
        for other in lines[:number]:
            apart = right <= other[1] or left >= other[3] or bottom <= other[2] or top >= other[4]
            assert apart, (text, other[0])
        nav = opened.page.evaluate("(({ offsetLeft: l, offsetTop: t, offsetWidth: w, offsetHeight: h }) => [l, t, l + w, t + h])($('nav'))")
        assert right <= nav[0] * ratio or left >= nav[2] * ratio or bottom <= nav[1] * ratio or top >= nav[3] * ratio, text


def test_a_tie_shows_its_fact_and_its_passages(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.get_by_role("button", name="Proof of this tie").first.click()
    assert " — " in opened.page.inner_text("#panel h2")
    assert opened.page.locator("#panel ol li").count() >= 1
    assert "tie=" in opened.state()


def test_from_a_neighbour_one_goes_on_to_the_next(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.locator("#panel li button.plain").first.click()
    assert opened.page.inner_text("#panel h2") != "Jeremy Wright"


# ---------------------------------------------------------------- filters


def test_the_legend_takes_a_class_out_and_back(open_page: Open) -> None:
    opened = open_page()
    before = opened.count
    opened.page.get_by_label("Pledge").uncheck()
    assert opened.count[0] == before[0] - 28
    opened.page.get_by_label("Pledge").check()
    assert opened.count == before


def test_the_filters_of_source_strength_date_and_money_leave_what_passes(open_page: Open) -> None:
    network = read_network(kg.open())
    opened = open_page()
    page = opened.page
    page.get_by_role("button", name="Show everything").click()
    page.locator("#filters summary").nth(1).click()
    page.locator("#filters summary").nth(2).click()
    every = {source for edge in network.edges if (source := edge.reported_in)}
    for box in page.locator("#by-source input").all()[1:]:
        box.uncheck()
    kept = page.evaluate("[...new Set([...view.edges].map(edge => edge.source))]")
    assert len(kept) == 1
    assert opened.count[2] == sum(edge.reported_in == kept[0] for edge in network.edges)
    assert len(every) > 1
    page.get_by_role("button", name="Show everything").click()
    page.get_by_label("planned").check()
    strengths = page.evaluate("[...view.nodes].filter(node => node.name === 'Pledge').map(node => node.told.strength)")
    assert set(strengths) == {"planned"}
    page.get_by_role("button", name="Show everything").click()
    page.fill("#to-day", "2018-12-31")
    page.press("#to-day", "Tab")
    page.uncheck("#undated")
    days = page.evaluate("[...view.edges].map(edge => edge.known_by).filter(Boolean)")
    assert days
    assert max(days) <= "2018-12-31"
    page.get_by_role("button", name="Show everything").click()
    ended = page.evaluate("[...view.edges].filter(edge => edge.ended_by && edge.ended_by < '2020-01-01').length")
    assert ended
    page.fill("#from-day", "2020-01-01")
    page.press("#from-day", "Tab")
    assert page.evaluate("[...view.edges].filter(edge => edge.ended_by && edge.ended_by < '2020-01-01').length") == 0
    assert page.evaluate("[...view.edges].some(edge => edge.known_by && edge.known_by < '2020-01-01')"), "what had begun before still holds"
    page.get_by_role("button", name="Show everything").click()
    page.check("#with-money")
    page.fill("#least-money", "400000000")
    page.press("#least-money", "Tab")
    pledges = page.evaluate("[...view.nodes].filter(node => node.name === 'Pledge').map(node => node.told.money)")
    assert sorted(pledges) == ["GBP 475,000,000 in total; almost GBP 500,000,000 in total", "about GBP 400,000,000 in total"]


# ---------------------------------------------------------------- the tables


def test_the_tables_follow_the_picture_and_are_sorted_and_filtered(open_page: Open) -> None:
    opened = open_page()
    page = opened.page
    page.click("#view-nodes")
    assert page.inner_text("#caption") == f"{opened.count[0]} of {opened.count[0]} nodes"
    assert page.locator("tbody tr").first.inner_text().startswith("Matt Hancock"), "the most connected first"
    page.get_by_role("button", name="Name").click()
    names = page.locator("tbody tr td:first-child").all_inner_texts()
    assert page.get_attribute("th >> nth=0", "aria-sort") == "ascending"
    collated = "names => [...names].sort(new Intl.Collator('en', { numeric: true, sensitivity: 'base' }).compare)"
    assert names == page.evaluate(collated, names)
    page.get_by_role("button", name="Name").click()
    assert page.locator("tbody tr td:first-child").all_inner_texts()[0] == names[-1]
    assert page.evaluate("document.activeElement.textContent").startswith("Name"), "who sorts by keyboard stays there"
    page.fill("#row-filter", "trust salisbury")
    assert page.locator("tbody tr").count() == 1
    page.locator("tbody button").click()
    assert "Salisbury" in page.inner_text("#panel h2")
    assert page.locator("tr.chosen").count() == 1
    page.fill("#row-filter", "")
    page.click("#view-edges")
    page.check("#only-chosen")
    assert page.locator("tbody tr").count() == len(opened.chosen()) - 1


# ---------------------------------------------------------------- saving and the address


def _saved(opened: Opened, button: str) -> bytes:
    opened.page.click("#save summary")
    with opened.page.expect_download() as found:
        opened.page.click(button)
    return Path(found.value.path()).read_bytes()


def _ink(opened: Opened, png: bytes) -> int:
    """How many points of a picture are darker than its fainter parts."""
    page = opened.page.context.new_page()
    page.goto("about:blank")
    code = """data => new Promise(done => { const image = new Image(); image.onload = () => {
      const canvas = document.createElement("canvas"); canvas.width = image.width; canvas.height = image.height;
      const ctx = canvas.getContext("2d"); ctx.drawImage(image, 0, 0);
      const { data } = ctx.getImageData(0, 0, image.width, image.height);
      let ink = 0; for (let at = 0; at < data.length; at += 4) if (data[at] + data[at + 1] + data[at + 2] < 400) ink++;
      done(ink); }; image.src = "data:image/png;base64," + data; })"""
    found = page.evaluate(code, base64.b64encode(png).decode())
    page.close()
    return int(found)


def test_what_is_not_selected_fades(open_page: Open) -> None:
    opened = open_page()
    whole = _ink(opened, _saved(opened, "#save-png"))
    opened.page.evaluate("choose(byId.get('person:jeremy-wright'))")
    opened.page.wait_for_timeout(200)
    assert 200 < _ink(opened, _saved(opened, "#save-png")) < whole / 2


def test_each_class_has_its_shape_and_colour_and_each_tie_its_arrow(open_page: Open) -> None:
    opened = open_page()
    drawn = opened.page.evaluate(
        """[...view.nodes].map(node => [node.name, dots.get(node.number)])
           .map(([name, { shape, color }]) => [name, shape, color.background])"""
    )
    for name, shape, colour in drawn:
        assert (shape, colour) == STYLES[name][:2]
    assert len({shape for _, shape, _ in drawn}) >= 6
    forms = opened.page.evaluate("[...document.querySelectorAll('#legend path')].map(path => path.getAttribute('d'))")
    assert len(set(forms)) == len({shape for shape, *_ in STYLES.values()})
    ties = opened.page.evaluate(
        """[...view.edges].map(edge => [edge.inferred, network.body.edges[edge.number].options])
           .map(([inferred, { dashes, arrows }]) => [inferred, Boolean(dashes), arrows.to.enabled])"""
    )
    assert all(inferred == dashed and arrow for inferred, dashed, arrow in ties)
    assert {inferred for inferred, *_ in ties} == {True, False}


def test_ties_between_the_same_two_do_not_lie_on_one_another(open_page: Open) -> None:
    nodes = (Node("person:a", "Person", "Ann"), Node("person:b", "Person", "Bob"))
    ends = [("person:a", "person:b"), ("person:a", "person:b"), ("person:b", "person:a")]
    edges = tuple(Edge(number, *pair, "kg:tie", "pays", "is paid by") for number, pair in enumerate(ends, 1))
    opened = open_page(to_html(Network(nodes, edges), kg.open()))
    bends = opened.page.evaluate("[0, 1, 2].map(number => network.body.edges[number].options.smooth.enabled)")
    assert bends == [False, True, True]


def test_the_panel_lists_every_tie_of_a_node(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:matt-hancock")
    ties = sum("person:matt-hancock" in (edge.start, edge.end) for edge in read_network(kg.open()).edges)
    assert ties > 30
    assert opened.page.locator("#panel details > ul > li").count() == ties


def test_only_an_address_of_the_web_becomes_a_link(open_page: Open) -> None:
    links = ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "https://example.org/a", "file:///etc/passwd"]
    assert open_page().page.evaluate("links => links.map(safe)", links) == ["#", "#", "#", "https://example.org/a", "#"]


def test_a_network_that_is_saved_from_a_filtered_table_hangs_together(open_page: Open) -> None:
    for view in ("nodes", "edges"):
        opened = open_page(fragment=f"#view={view}&rows=nhsx")
        network = json.loads(_saved(opened, "#save-json"))
        ids = {node["id"] for node in network["nodes"]}
        assert ids
        assert {end for edge in network["edges"] for end in (edge["source"], edge["target"])} <= ids
        assert len(network[view]) == opened.page.locator("tbody tr").count()


def test_a_page_of_a_part_that_was_cut_says_so(open_page: Open) -> None:
    graph = kg.open()
    part = subgraph(graph, ["organisation:nhsx"], max_nodes=3)
    assert f"3 of {sum(part.reached)} nodes within reach are in this file" in open_page(to_html(part, graph)).panel
    assert "within reach" not in open_page().panel


def test_the_page_opens_in_a_viewer_that_allows_no_address(browser: Browser, html: str) -> None:
    page = browser.new_page()
    page.set_content("<iframe sandbox='allow-scripts' style='width:1200px;height:700px'></iframe>")
    page.evaluate("html => { document.querySelector('iframe').srcdoc = html; }", html)
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready=yes]").wait_for()
    frame.locator("#view-nodes").click()
    assert frame.locator("tbody tr").count() > 100
    page.close()


def test_the_filters_of_the_reader_wait_while_a_story_is_told(open_page: Open) -> None:
    opened = open_page(fragment="#without=source:publictechnology-first-speech&hide=Trust")
    count = opened.count
    opened.page.get_by_role("button", name="Story: ").click()
    opened.page.click("#story-next")
    assert opened.count != count
    opened.page.click("#story-end")
    assert opened.count == count


def test_a_selection_is_saved_as_picture_tables_and_network(open_page: Open) -> None:
    opened = open_page(fragment="#node=wave:digital-aspirant-second-seed")
    assert _ink(opened, _saved(opened, "#save-png")) > 2_000, "the picture is in the picture"
    rows = list(csv.DictReader(io.StringIO(_saved(opened, "#save-nodes").decode())))
    assert sorted(row["id"] for row in rows) == opened.chosen()
    ties = list(csv.DictReader(io.StringIO(_saved(opened, "#save-edges").decode())))
    assert all(re.match(r"source:\S+ \d+-\d+", row["passages"]) for row in ties)
    network = json.loads(_saved(opened, "#save-json"))
    assert sorted(node["id"] for node in network["nodes"]) == opened.chosen()
    assert len(network["edges"]) == len(ties)
    assert all(edge["passages"] for edge in network["edges"])


def test_the_address_restores_the_view(open_page: Open) -> None:
    first = open_page()
    first.page.get_by_label("Outcome").uncheck()
    first.page.locator("#filters summary").nth(2).click()
    first.page.get_by_label("firm: promised or announced").check()
    first.find("nhsx")
    first.page.click("#view-edges")
    again = open_page(fragment=first.state())
    assert (again.count, again.panel, again.chosen()) == (first.count, first.panel, first.chosen())
    assert again.page.locator("#twin").is_visible()


def test_the_address_restores_how_a_table_was_sorted_and_filtered(open_page: Open) -> None:
    first = open_page(fragment="#node=organisation:nhsx&view=nodes")
    first.page.get_by_role("button", name="Name", exact=True).click()
    first.page.fill("#row-filter", "digital")
    first.page.get_by_label("only what is selected").check()
    again = open_page(fragment=first.state())
    assert again.page.inner_text("#twin table") == first.page.inner_text("#twin table")
    assert 1 < again.page.locator("tbody tr").count() < 12
    assert again.page.is_checked("#only-chosen")


def test_the_address_restores_where_the_reader_stood(open_page: Open) -> None:
    stand = "(({ x, y }) => [Math.round(x), Math.round(y), network.getScale().toFixed(3)])(network.getViewPosition())"
    first = open_page()
    assert first.state() == "", "who has not moved has the plain address"
    for _ in range(3):
        first.page.click("#zoom-in")
    first.page.mouse.move(600, 300)
    first.page.mouse.down()
    first.page.mouse.move(700, 380, steps=4)
    first.page.mouse.up()
    first.page.wait_for_timeout(500)
    assert open_page(fragment=first.state()).page.evaluate(stand) == first.page.evaluate(stand)
    first.page.click("#fit")
    assert first.state() == ""


FILTERED = [
    "without=source:future-care-capital-digital-aspirants",
    "money=yes",
    "strength=planned",
    "from=2022-01-01&undated=no",
    "to=2018-12-31&undated=no",
    "least=5000000",
    "hide=Pledge,Statement,Technology,Theme",
    "least=0x10&from=2021-02-31",
    "at=1e20,0,1",
    "at=0,0,1e9",
]


@pytest.mark.parametrize("where", ["", "step=2", "step=5", "step=1.5", "node=person:matt-hancock", "view=edges"])
def test_any_view_with_any_filter_is_the_same_when_it_is_opened_again(open_page: Open, where: str) -> None:
    opened = open_page()
    plain = opened.count

    def show(fragment: str) -> tuple[str, list[int], str, list[str]]:
        opened.page.evaluate("fragment => new Promise(done => { location.hash = fragment; setTimeout(done, 50); })", fragment)
        return opened.state(), opened.count, opened.panel, opened.chosen()

    for filtered in FILTERED:
        first = show(f"#{where}&{filtered}")
        show("#view=picture")
        assert show(first[0]) == first
        if filtered.startswith("least=0x10"):
            assert opened.page.input_value("#least-money") == ""
            assert "least" not in first[0], "no filter is in force that the reader cannot see"
        elif not filtered.startswith("at"):
            assert filtered.partition("=")[0] in first[0]
            assert where or first[1] != plain
    fresh = open_page(fragment=first[0])
    assert (fresh.state(), fresh.count, fresh.panel, fresh.chosen()) == first


@pytest.mark.parametrize(
    "fragment", ["#node=person:nobody", "#step=99", "#hide=Nothing,,&from=never&least=x", "#node=%3Cscript%3E", "#%%%", "#tie=-1"]
)
def test_an_address_that_makes_no_sense_opens_the_page(open_page: Open, fragment: str) -> None:
    assert "What is known" in open_page(fragment=fragment).panel


# ---------------------------------------------------------------- the story


def test_the_story_leads_step_by_step_and_each_step_shows_its_proof(open_page: Open) -> None:
    story = read_story("digital-aspirant")
    opened = open_page()
    opened.page.get_by_role("button", name="Story: ").click()
    for number, step in enumerate(story.steps, 1):
        assert opened.page.inner_text("#story-title") == step.title
        assert f"{number} of {len(story.steps)}" in opened.page.inner_text("#story-at")
        assert opened.chosen() == sorted(step.show)
        assert opened.page.locator("#panel ol li").count() >= 1 or "Passage" in opened.panel
        assert f"step={number}" in opened.state()
        if number < len(story.steps):
            opened.page.click("#story-next")
    assert opened.page.is_disabled("#story-next")
    opened.page.click("#story-back")
    assert opened.page.inner_text("#story-title") == story.steps[-2].title
    opened.page.click("#story-end")
    assert opened.page.locator("#story").is_hidden()
    assert opened.page.evaluate("document.activeElement !== document.body")


def test_a_step_keeps_its_proof_whatever_is_filtered(open_page: Open) -> None:
    opened = open_page(fragment="#step=5")
    assert opened.page.locator("#panel h2").count() == 2, "the sum is that of two pledges"
    assert "GBP 0 to 42,000,000" in opened.panel
    assert "GBP 250,000 to 6,250,000" in opened.panel
    opened.page.get_by_label("Pledge", exact=False).first.uncheck()
    assert "GBP 0 to 42,000,000" in opened.panel
    assert opened.page.locator("#story").is_visible()
    assert not any(id.startswith("pledge:") for id in opened.chosen())


# ---------------------------------------------------------------- for everyone


def test_all_of_it_is_reached_by_keyboard_alone(open_page: Open) -> None:
    opened = open_page()
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to what is known"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("stokes")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2") == "Helen Stokes-Lampard"
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"view-nodes", "theme", "reset", "zoom-in", "fit"} <= reached
    page.focus("#view-edges")
    page.keyboard.press("Enter")
    assert page.locator("#twin").is_visible()
    name = page.inner_text("tbody button >> nth=0")
    page.focus("tbody button")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2") == name
    page.focus("#view-picture")
    page.keyboard.press("Enter")
    stand = page.evaluate("network.getViewPosition().x")
    page.focus("#stage")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("network.getViewPosition().x") > stand
    scale = page.evaluate("network.getScale()")
    page.keyboard.press("+")
    assert page.evaluate("network.getScale()") > scale


def test_what_happens_is_said_to_who_cannot_see_it(open_page: Open) -> None:
    opened = open_page()
    said = opened.page.locator("#said")
    assert said.get_attribute("role") == "status"
    opened.find("stokes")
    assert said.text_content() == "Helen Stokes-Lampard, Person, 4 ties."
    opened.page.fill("#search", "zzzz")
    assert said.text_content() == "Nothing here is called that."
    opened.page.click("#view-nodes")
    opened.page.fill("#row-filter", "salisbury trust")
    assert said.text_content() == "1 of 1 nodes"


def test_escape_closes_the_menu_and_leaves_the_selection(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.click("#save summary")
    opened.page.keyboard.press("Escape")
    assert not opened.page.evaluate("$('save').open")
    assert opened.page.inner_text("#panel h2") == "Jeremy Wright"
    opened.page.keyboard.press("Escape")
    assert opened.page.inner_text("#panel h2") == "What is known"


STATES = {
    "opening": "",
    "node": "#node=pledge:publictechnology-first-speech-fund",
    "person": "#node=person:matt-hancock",
    "tie": "#tie=1",
    "nodes": "#view=nodes",
    "edges": "#view=edges&node=person:matt-hancock",
    "story": "#step=3",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious_in_any_state(open_page: Open, state: str, scheme: str) -> None:
    opened = open_page(fragment=STATES[state], scheme=scheme)
    if state == "opening":
        for summary in opened.page.locator("details summary").all():
            summary.click()
        opened.page.fill("#search", "trust")
    opened.page.evaluate("document.querySelectorAll('#panel details').forEach(found => { found.open = true; })")
    rules = Axe().run(opened.page).response["violations"]
    found = [(rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in rules if rule["impact"] in SERIOUS]
    assert found == []


@pytest.mark.parametrize(("size", "scheme"), [((390, 844), "light"), ((390, 844), "dark"), ((1280, 800), "dark"), ((2200, 1200), "light")])
def test_nothing_is_cut_off_on_any_screen(open_page: Open, size: tuple[int, int], scheme: str) -> None:
    opened = open_page(size=size, scheme=scheme, fragment="#node=person:matt-hancock")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    box = opened.page.locator("#stage canvas").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 250


def test_the_ground_follows_the_system_and_the_button(open_page: Open) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        opened = open_page(scheme=scheme)
        grounds[scheme] = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        opened.page.click("#theme")
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != grounds[scheme]
    assert grounds["light"] != grounds["dark"]


def test_on_paper_the_picture_and_the_panel_stay(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#filters").is_hidden()
    assert opened.page.locator("#stage canvas").is_visible()
    assert opened.page.locator("#panel h2").is_visible()


def test_on_paper_the_ground_is_white_and_afterwards_all_is_as_before(open_page: Open) -> None:
    opened = open_page(fragment="#node=pledge:publictechnology-first-speech-fund", scheme="dark")
    for _ in range(3):
        opened.page.click("#zoom-in")
    state = "[colours.ground, network.getScale().toFixed(4), panel.querySelectorAll('details[open]').length, table.rows]"
    shown = opened.page.evaluate(state)
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    ground, scale, unfolded, _ = opened.page.evaluate(state)
    assert ground == "#ffffff"
    assert scale < shown[1]
    assert unfolded == opened.page.locator("#panel details").count() > shown[2]
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.page.evaluate(state) == shown


def test_on_paper_a_picture_is_not_stretched_and_a_table_stands_alone(open_page: Open) -> None:
    opened = open_page()
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.querySelector('#stage canvas')).objectFit") == "contain"
    opened = open_page(fragment="#view=nodes")
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#stage").is_hidden()
    assert opened.page.locator(".bar").is_hidden()


def test_on_paper_a_table_has_all_its_rows(open_page: Open) -> None:
    opened = open_page(fragment="#view=edges")
    assert opened.page.locator("tbody tr").count() == 200
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator("tbody tr").count() == opened.count[2] > 200


# ---------------------------------------------------------------- hostile and large


def test_hostile_labels_are_inert(open_page: Open) -> None:
    nodes = tuple(
        Node(f"person:x-{number}{label[:20]}", label[:30] if number % 2 else "Person", label, label, 1, {"money": label, "date": label})
        for number, label in enumerate(HOSTILE)
    )
    edges = tuple(
        Edge(number, nodes[0].id, node.id, label, label, label, label, label, attributes={"strength": label})
        for number, (node, label) in enumerate(zip(nodes, HOSTILE, strict=True))
    )
    opened = open_page(to_html(Network(nodes, edges), kg.open(), title=HOSTILE[0]))
    for view in ("picture", "nodes", "edges"):
        opened.page.click(f"#view-{view}")
        for number in range(len(HOSTILE)):
            opened.page.evaluate("number => choose(nodes[number], true)", number)
            opened.page.evaluate("number => choose(edges[number])", number)
            opened.page.fill("#search", HOSTILE[number][:200])
    assert opened.page.title() == " ".join(HOSTILE[0].split())
    assert opened.page.locator("#panel script, #panel img, tbody script, tbody img, #matches img").count() == 0
    assert opened.page.locator("#panel a[href^=javascript], #panel a[href='x']").count() == 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1280


def _large(count: int) -> Network:
    nodes = tuple(Node(f"person:p{number:05}", "Person", f"Person {number}") for number in range(count))
    ends = [(nodes[number].id, nodes[number * 7919 % number // 3].id) for number in range(1, count)]
    return Network(nodes, tuple(Edge(number, *pair, "kg:tie", "tied to", "tied to") for number, pair in enumerate(ends, 1)))


def test_the_skip_link_leads_to_the_panel_and_changes_nothing(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.focus(".skip")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "panel"
    assert opened.page.inner_text("#panel h2") == "Jeremy Wright"


def test_the_focus_stays_where_the_reader_is(open_page: Open) -> None:
    opened = open_page(fragment="#node=person:jeremy-wright")
    opened.page.focus("#class-Pledge")
    opened.page.keyboard.press("Space")
    assert opened.page.evaluate("document.activeElement.id") == "class-Pledge"
    opened.page.focus("#panel li button.plain")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.tagName") == "H2"


def test_a_tie_to_what_is_hidden_brings_it_into_view(open_page: Open) -> None:
    network = read_network(kg.open())
    edge = next(edge for edge in network.edges if edge.start.startswith("statement:"))
    opened = open_page(fragment=f"#tie={edge.number}")
    assert opened.chosen() == sorted({edge.start, edge.end})
    opened.page.click("#theme")
    assert opened.chosen() == sorted({edge.start, edge.end})


def test_what_was_concluded_is_marked_on_values_and_ties(open_page: Open) -> None:
    opened = open_page(fragment="#node=pledge:publictechnology-first-speech-fund")
    assert "concluded by the archivist: basis" in opened.panel
    assert "may be a rounding of £475m" in opened.panel, "the note of the conflict"
    opened = open_page(fragment="#node=pledge:future-care-capital-digital-aspirants-seed")
    assert opened.page.locator("#panel li", has_text="Matt Hancock").locator(".mark").count() == 1


def test_every_conflict_and_absence_of_the_graph_is_in_the_page(open_page: Open) -> None:
    graph = kg.open()
    labels = {str(row[0]) for row in graph.sparql("SELECT ?label { ?x a ?c ; rdfs:label ?label FILTER(?c IN (kg:Conflict, kg:Absence)) }")}
    told = open_page().page.evaluate(
        "Object.values(page.told).flatMap(({ conflicts = [], absences = [] }) => [...conflicts, ...absences].map(entry => entry.label))"
    )
    assert labels == set(told)


def test_money_is_sorted_by_the_figure_and_the_table_is_what_is_saved(open_page: Open) -> None:
    opened = open_page(fragment="#view=nodes")
    opened.page.get_by_role("button", name="Comes to").click()
    opened.page.get_by_role("button", name="Comes to").click()
    assert "GBP 475,000,000 to 500,000,000" in opened.page.locator("tbody tr").first.inner_text()
    opened.page.fill("#row-filter", "nhsx")
    rows = list(csv.DictReader(io.StringIO(_saved(opened, "#save-nodes").decode())))
    assert [row["label"] for row in rows] == opened.page.locator("tbody tr td:first-child").all_inner_texts()


def test_what_a_pledge_comes_to_stands_in_the_panel_and_names_the_sum_it_is_part_of(open_page: Open) -> None:
    opened = open_page(fragment="#node=pledge:publictechnology-first-speech-hospitals")
    line = opened.page.locator("#panel dt", has_text="Comes to").locator("+ dd")
    assert line.inner_text().splitlines()[0] == "GBP 400,000,000 computed"
    fund = opened.page.evaluate("byId.get('pledge:publictechnology-first-speech-fund').label")
    assert f"counted already in {fund}" in line.inner_text()
    line.get_by_role("button", name=fund).click()
    assert "GBP 475,000,000 to 500,000,000" in opened.panel
    rows = list(csv.DictReader(io.StringIO(_saved(opened, "#save-nodes").decode())))
    counted = {row["id"]: (row["total_low"], row["total_high"], row["counted_in"]) for row in rows if row["total_low"]}
    assert counted["pledge:publictechnology-first-speech-fund"] == ("475000000", "500000000", "")
    assert counted["pledge:publictechnology-first-speech-trusts"] == ("75000000", "75000000", "pledge:publictechnology-first-speech-fund")


def test_a_cell_that_would_be_a_formula_is_a_text_in_a_spreadsheet(open_page: Open) -> None:
    names = ['=HYPERLINK("http://127.0.0.1/","x")', "+1", "-1", "@SUM(A1)", "plain, with a comma"]
    nodes = tuple(Node(f"person:p{number}", "Person", name) for number, name in enumerate(names))
    opened = open_page(to_html(Network(nodes, (Edge(1, "person:p0", "person:p1", "kg:tie", "pays", "is paid by"),)), kg.open()))
    rows = list(csv.DictReader(io.StringIO(_saved(opened, "#save-nodes").decode())))
    assert {row["label"] for row in rows} == {f"'{name}" for name in names[:4]} | {names[4]}
    assert {node["label"] for node in json.loads(_saved(opened, "#save-json"))["nodes"]} == set(names)


def test_a_small_part_opens_with_every_class(open_page: Open) -> None:
    graph = kg.open()
    part = subgraph(graph, ["organisation:nhsx"], depth=2)
    assert {node.class_name for node in part.nodes} & set(CALM)
    opened = open_page(to_html(part, graph))
    assert opened.count == [len(part.nodes), len(part.nodes), len(part.edges), len(part.edges)]


def test_a_mark_of_direction_turns_nothing_round(open_page: Open) -> None:
    nodes = (Node("person:a", "Person", "\u202eevil"), Node("person:b", "Person", "Bob"))
    network = Network(nodes, (Edge(1, "person:a", "person:b", "kg:tie", "pays", "is paid by"),))
    opened = open_page(to_html(network, kg.open()), "#tie=1")
    assert opened.page.inner_text("#panel h2") == "evil — pays — Bob"


def test_a_large_graph_opens_on_its_most_connected_part_and_says_so(open_page: Open) -> None:
    opened = open_page(to_html(_large(OPENING + 500), kg.open()))
    assert opened.count[:2] == [OPENING, OPENING + 500]
    assert "Opened on the 2,000 most connected of 2,500 nodes" in opened.panel
    opened.find(f"Person {OPENING + 499}")
    assert opened.page.inner_text("#panel h2") == f"Person {OPENING + 499}", "what is left out is found all the same"
    assert opened.count[:2] == [OPENING + 1, OPENING + 500], "and only that is added"
    opened.page.click("#reset")
    opened.page.keyboard.press("Escape")
    assert opened.count[:2] == [OPENING + 500, OPENING + 500]
    opened.page.get_by_role("button", name="Show the most connected").click()
    assert opened.count[:2] == [OPENING + 1, OPENING + 500]


def test_the_words_are_in_the_page_if_the_texts_are_at_hand(open_page: Open, source_texts: Path) -> None:
    from kg.proof import texts_by_source
    from kg.sources import read_documents

    graph = kg.open()
    texts = texts_by_source(graph.store, read_documents(source_texts))
    opened = open_page(to_html(read_network(graph), graph, texts=texts), "#node=pledge:publictechnology-first-speech-standards")
    assert opened.page.locator("#panel blockquote").count() >= 1
    bare = open_page(fragment="#node=pledge:publictechnology-first-speech-standards")
    assert bare.page.locator("#panel blockquote").count() == 0
