import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import kg
from kg.draw import to_html
from kg.elements import Edge, Node
from kg.network import Network, read_network

HOSTILE = [
    "</script><script>document.title = 'broken'</script>",
    "<img src=x onerror=\"document.title = 'broken'\">",
    "javascript:document.title='broken'",
    'href="https://example.org"',
    "‮right to left‬",
    "long " * 2000,
    "😀 emoji",
    "{{ 7 * 7 }}",
]


@pytest.fixture(scope="module")
def html() -> str:
    graph = kg.open()
    return to_html(read_network(graph), graph)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


def open_page(browser: Browser, path: Path, html: str) -> tuple[Page, list[str], list[str]]:
    path.write_text(html, "utf-8")
    page = browser.new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("document.getElementById('count').textContent !== ''")
    return page, requests, errors


def test_the_same_network_is_the_same_file(html: str) -> None:
    graph = kg.open()
    assert to_html(read_network(graph), graph) == html


def test_the_file_names_no_other_file_and_fits_in_an_email(html: str) -> None:
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", html)
    assert len(html.encode()) < 1_500_000


def test_the_page_opens_without_a_request_and_without_an_error(browser: Browser, tmp_path: Path, html: str) -> None:
    page, requests, errors = open_page(browser, tmp_path / "network.html", html)
    assert requests == [(tmp_path / "network.html").as_uri()]
    assert errors == []
    page.close()


def test_a_search_shows_what_is_known_with_its_proof(browser: Browser, tmp_path: Path, html: str) -> None:
    page, _, errors = open_page(browser, tmp_path / "network.html", html)
    page.fill("#search", "Put data standards in place")
    page.press("#search", "Tab")
    assert page.inner_text("#panel h2") == "Put data standards in place"
    link = page.get_attribute("#panel a", "href")
    assert link is not None
    assert "#:~:text=" in link
    assert errors == []
    page.close()


def test_the_legend_takes_a_class_out_and_back(browser: Browser, tmp_path: Path, html: str) -> None:
    page, _, _ = open_page(browser, tmp_path / "network.html", html)
    before = page.inner_text("#count")
    page.get_by_label("Pledge").uncheck()
    assert page.inner_text("#count") != before
    page.get_by_label("Pledge").check()
    assert page.inner_text("#count") == before
    page.close()


def test_hostile_labels_are_inert(browser: Browser, tmp_path: Path) -> None:
    nodes = tuple(Node(f"person:x-{number}", "Person", label, label) for number, label in enumerate(HOSTILE))
    edges = tuple(
        Edge(number, nodes[0].id, node.id, "kg:tie", label, label, label, label)
        for number, (node, label) in enumerate(zip(nodes, HOSTILE, strict=True))
    )
    html = to_html(Network(nodes, edges), kg.open(), title=HOSTILE[0])
    page, requests, errors = open_page(browser, tmp_path / "hostile.html", html)
    for label in HOSTILE:
        page.evaluate("label => showNode(search(label))", label)
    assert page.title() == HOSTILE[0]
    assert page.locator("#panel script, #panel img").count() == 0
    assert len(requests) == 1
    assert errors == []
    page.close()


@pytest.mark.parametrize("typed", ["matt hancock", " STOKES ", "Matt Hackcock"])
def test_a_search_forgives_case_and_takes_parts_and_other_names(browser: Browser, tmp_path: Path, html: str, typed: str) -> None:
    page, _, _ = open_page(browser, tmp_path / "network.html", html)
    page.fill("#search", typed)
    page.press("#search", "Tab")
    assert page.inner_text("#panel h2") in ("Matt Hancock", "Helen Stokes-Lampard")
    page.fill("#search", "zzzz")
    page.press("#search", "Tab")
    assert "zzzz" in page.inner_text("#panel")
    page.close()


def test_a_pledge_shows_its_money(browser: Browser, tmp_path: Path, html: str) -> None:
    page, _, _ = open_page(browser, tmp_path / "network.html", html)
    page.fill("#search", "Give seven trusts money")
    page.press("#search", "Tab")
    assert "up to GBP 6,000,000 each" in page.inner_text("#panel")
    page.close()
