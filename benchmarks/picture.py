"""How soon a page of a size is ready in a browser, and how smoothly it moves, beside plain vis-network and stock pyvis.

    python benchmarks/picture.py --nodes 2000 10000

Chromium is found on the path. Every page is opened a few times in a fresh context without a network; a figure is the median
with the least and the most. Ready is when the first picture is drawn and the page can be used; a frame counts when the
picture has moved. Stock pyvis computes its layout in the page, so it is given a limit of time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import networkx as nx
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from pyvis.network import Network as Stock

import kg
from kg.draw import to_html
from kg.elements import Edge, Node
from kg.network import Network

FRAMES = """async () => {
    const start = performance.now();
    let frames = 0;
    while (performance.now() - start < 2000) {
        const at = network.getViewPosition();
        network.moveTo({ position: { x: at.x + 10, y: at.y }, animation: false });
        await new Promise(requestAnimationFrame);
        frames += 1;
    }
    return frames * 1000 / (performance.now() - start);
}"""
"""Move the picture for two seconds; return the frames of each second."""

PLAIN = """<!doctype html><meta charset="utf-8"><style>#net {{ width: 100vw; height: 100vh }}</style><div id="net"></div>
<script>{vis}</script><script>
const network = new vis.Network(document.getElementById("net"), {{ nodes: {nodes}, edges: {edges} }}, {{ physics: false }});
network.once("afterDrawing", () => document.documentElement.dataset.ready = "yes");
</script>"""


def make_network(nodes: int) -> Network:
    """Return a network with hubs, in which a new node is tied to two that have many ties already."""
    graph = nx.barabasi_albert_graph(nodes, 2, seed=7)
    classes = ("Person", "Organisation", "Pledge", "Event", "Programme")
    made = tuple(Node(f"person:p{number}", classes[number % 5], f"Somebody number {number}") for number in graph)
    edges = (Edge(number, f"person:p{a}", f"person:p{b}", "kg:tie", "tied to", "tied to") for number, (a, b) in enumerate(graph.edges, 1))
    return Network(made, tuple(edges))


def to_plain(page: str) -> str:
    """Return a page with nothing but vis-network and the places that our page has."""
    drawn = page.partition('id="drawn">')[2].partition("</script>")[0]
    nodes, _, edges = drawn.partition('"edges":')
    vis = page.partition("</script>\n<script>")[2].partition("</script>")[0]
    return PLAIN.format(vis=vis, nodes=nodes.partition(":")[2].rstrip(","), edges=edges.rstrip("}"))


def to_stock(network: Network) -> str:
    """Return the page that pyvis makes by itself."""
    stock = Stock(directed=True, cdn_resources="in_line")
    for node in network.nodes:
        stock.add_node(node.id, label=node.label)
    for edge in network.edges:
        stock.add_edge(edge.start, edge.end)
    hook = "network.once('stabilizationIterationsDone', () => document.documentElement.dataset.ready = 'yes');"
    return str(stock.generate_html()).replace("return network;", hook + "return network;")


def open_once(browser: Browser, path: Path, limit_s: float) -> tuple[float, float] | None:
    """Return the seconds until a page is ready and its frames a second, or None if it is not ready in time."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    start = time.perf_counter()
    try:
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_selector("html[data-ready=yes]", timeout=limit_s * 1000, state="attached")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.perf_counter() - start, float(page.evaluate(FRAMES))
    except TooLate:
        return None
    finally:
        context.close()


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.1f}{unit} ({min(values):.1f}–{max(values):.1f})"


def print_row(browser: Browser, what: str, text: str, folder: Path, *, runs: int, limit_s: float) -> None:
    """Open a page some times and print one line of the table."""
    path = folder / "page.html"
    path.write_text(text, "utf-8")
    found = [open_once(browser, path, limit_s) for _ in range(runs)]
    kept = [one for one in found if one]
    size = f"{path.stat().st_size / 1e6:.2f} MB"
    if len(kept) < len(found):
        print(f"| {what} | {size} | not ready after {limit_s:.0f} s | |", flush=True)
        return
    ready, frames = zip(*kept, strict=True)
    print(f"| {what} | {size} | {_spread(ready, ' s')} | {_spread(frames, '')} |", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[2000, 10_000], help="sizes of the network")
    parser.add_argument("--runs", type=int, default=3, help="how often each page is opened")
    parser.add_argument("--stock-limit", type=float, default=100, help="seconds that stock pyvis is given; 0 leaves it out")
    args = parser.parse_args(argv)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("No chromium is installed; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    graph = kg.open()
    print("| page | size | ready | frames a second |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for nodes in args.nodes:
            network = make_network(nodes)
            start = time.perf_counter()
            page = to_html(network, graph)
            what = f"kg, {nodes:,} nodes, written in {time.perf_counter() - start:.1f} s"
            print_row(browser, what, page, Path(name), runs=args.runs, limit_s=60)
            print_row(browser, f"plain vis-network, {nodes:,} nodes", to_plain(page), Path(name), runs=args.runs, limit_s=60)
            if args.stock_limit and nodes <= 2000:
                print_row(browser, f"stock pyvis, {nodes:,} nodes", to_stock(network), Path(name), runs=1, limit_s=args.stock_limit)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
