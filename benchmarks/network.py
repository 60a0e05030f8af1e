"""How fast the network is at a size, beside what others do with the same quads in the same run.

    python benchmarks/network.py --quads 1000000
    python benchmarks/network.py --store SNAPSHOT

Without a snapshot a graph is generated and built first, in a folder that is removed at the end. Each figure is the median of
some runs with their quartiles; ours and the peer's take turns. The peers are the bridge of rdflib to NetworkX,
NetworkX on a graph that is in memory already, and RapidFuzz over all names.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import networkx as nx
import rdflib
from rdflib.extras.external_graph_libs import rdflib_to_networkx_multidigraph

import kg
from facts import misspell
from figures import Figure
from kg.names import Name, search
from kg.network import neighbours, read_network, subgraph, to_networkx
from kg.paths import find_paths
from kg.projection import name_rows

SEED = 7

LIMIT = 1000
"""How many nodes a neighbourhood keeps."""


def take_turns(calls: Sequence[Callable[[], object]], runs: int) -> list[Figure]:
    """Time each call as often, one after the other in every run."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, seconds in zip(calls, found, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [Figure(tuple(seconds)) for seconds in found]


def print_row(what: str, ours: object, peer: Figure | None = None, name: str = "", target: str = "") -> None:
    """Print one line of the table."""
    ratio = f"{peer.middle / ours.middle:.1f}" if peer and isinstance(ours, Figure) else ""
    print(f"| {what} | {ours} | {f'{name}: {peer}' if peer else ''} | {ratio} | {target} |", flush=True)


def prepare(quads: int, folder: Path) -> Path:
    """Generate a graph and build it; return the folder of its snapshot."""
    graph, snapshot = folder / "graph", folder / "snapshot"
    generate = Path(__file__).with_name("generate.py")
    subprocess.run([sys.executable, generate, graph, "--quads", str(quads), "--seed", str(SEED)], check=True)
    subprocess.run([sys.executable, "-m", "kg", "build", "--graph", graph, "--out", snapshot], check=True)
    return snapshot


def make_table(store: Path) -> tuple[float, float, float]:
    """Make the table in a process of its own; return its seconds, the growth of its peak memory in MB and its size in MB."""
    for path in store.rglob("table-*.sqlite"):
        path.unlink()
    code = (
        "import kg, resource, sys, time\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "graph = kg.open(store=sys.argv[1]); graph.store; before = peak(); start = time.perf_counter()\n"
        "graph.table(); print(time.perf_counter() - start, before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", code, store], check=True, capture_output=True, text=True)
    seconds, before, after = map(float, done.stdout.split())
    (path,) = store.rglob("table-*.sqlite")
    print(f"peak memory with the quads loaded: {before:,.0f} MB, after the table: {after:,.0f} MB")
    return seconds, after - before, path.stat().st_size / 1e6


def load_rdflib(graph: kg.Graph) -> rdflib.Graph:
    """Return the triples of a graph in one graph of rdflib, since its bridge refuses a dataset."""
    out = io.BytesIO()
    graph.write(out, "nq")
    triples = (line[: line.rindex("<")] + ".\n" for line in out.getvalue().decode().splitlines())
    return rdflib.Graph().parse(data="".join(triples), format="nt")


def compare_building(graph: kg.Graph, runs: int) -> None:
    """Time how the MultiDiGraph is built, from the table and by the bridge of rdflib."""
    bare = load_rdflib(graph)
    ours, peer = take_turns([lambda: to_networkx(read_network(graph)), partial(rdflib_to_networkx_multidigraph, bare)], runs)
    print_row("MultiDiGraph with dates, money, passages", ours, peer, "rdflib bridge, without them", "3 times faster")


def compare_walking(graph: kg.Graph, runs: int) -> None:
    """Time neighbourhoods, paths and pages, from the table and in NetworkX on a graph in memory."""
    whole = to_networkx(read_network(graph))
    simple = nx.Graph(whole)
    # The graphs of the peers are millions of objects, which the garbage collector would look through in our time.
    gc.collect()
    gc.freeze()
    chosen = random.Random(SEED)
    degrees = {node: told["network_degree"] for node, told in whole.nodes(data=True)}
    hub = min(degrees, key=lambda node: (-degrees[node], node))
    facts = [node for node, told in whole.nodes(data=True) if told["class"] in ("Pledge", "Statement", "Outcome")]
    usual = {
        "an entity": [node for node in sorted(set(degrees) - set(facts)) if 3 <= degrees[node] <= 6],
        "a fact": [node for node in sorted(facts) if 3 <= degrees[node] <= 6],
    }
    for name, nodes in usual.items():
        sample = chosen.sample(nodes, min(50, len(nodes)))
        reached = median(sum(subgraph(graph, [node], depth=2).reached) for node in sample)
        ours = Figure(tuple(_second(partial(subgraph, graph, [node], depth=2, max_nodes=LIMIT)) for node in sample))
        peer = Figure(tuple(_second(partial(nx.ego_graph, simple, node, radius=2)) for node in sample[:10]))
        what = f"two hops from {name} of 3 to 6 edges, {len(sample)} of them, {reached:,.0f} nodes in reach"
        print_row(what, ours, peer, "ego_graph without attributes", "5 ms" if name == "an entity" else "")
    ours, peer = take_turns(
        [partial(subgraph, graph, [hub], depth=2, max_nodes=LIMIT), partial(nx.ego_graph, whole, hub, radius=2, undirected=True)], runs
    )
    reached = sum(subgraph(graph, [hub], depth=2).reached)
    print_row(f"two hops from the largest hub, {degrees[hub]:,} edges, {reached:,} nodes in reach", ours, peer, "ego_graph", "60 ms")
    (ours,) = take_turns([partial(subgraph, graph, [hub], depth=2)], runs)
    print_row("the same without a limit of nodes", ours)
    print_row("first page of the hub, with counts", take_turns([partial(neighbours, graph, hub)], runs * 3)[0])
    pairs = [chosen.sample(sorted(simple), 2) for _ in range(50)]
    ours = Figure(tuple(_second(partial(find_paths, graph, *pair)) for pair in pairs))
    peer = Figure(tuple(_second(partial(_one_path, simple, *pair)) for pair in pairs))
    print_row("shortest paths of 50 pairs, with proof", ours, peer, "one path in memory, without")


def _second(call: Callable[[], object]) -> float:
    """Return the seconds of a second call, since the first may fill a cache."""
    call()
    return take_turns([call], 1)[0].middle


def _one_path(graph: nx.Graph[str], first: str, second: str) -> object:
    return nx.shortest_path(graph, first, second) if nx.has_path(graph, first, second) else None


def compare_search(graph: kg.Graph) -> None:
    """Time the search for misspelt names, through the table and over all names in memory; tell how many are found first."""
    names = [Name(*row[:4]) for row in name_rows(graph.store)]
    chosen = random.Random(SEED)
    meant = chosen.sample([name for name in names if name.is_entity and name.is_label and len(name.name) > 6], 50)
    texts = [misspell(chosen, name.name) for name in meant]
    ours = Figure(tuple(take_turns([partial(graph.find, text)], 1)[0].middle for text in texts))
    peer = Figure(tuple(take_turns([partial(search, names, text)], 1)[0].middle for text in texts[:5]))
    first = sum(name.id in [match.id for match in graph.find(text, limit=1)] for text, name in zip(texts, meant, strict=True))
    print_row(f"search for 50 misspelt names among {len(names):,}, {first} found first", ours, peer, "RapidFuzz over all", "20 ms")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quads", type=int, default=100_000, help="size of the graph to generate")
    parser.add_argument("--store", type=Path, help="a snapshot that is there already")
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is taken")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        store = args.store or prepare(args.quads, Path(folder))
        seconds, memory, size = make_table(store)
        graph = kg.open(store=store)
        quads, nodes = graph.snapshot.manifest["quads"], len(graph.table().ids())
        print(f"{quads:,} quads, {nodes:,} nodes; Python {sys.version.split()[0]}, {os.cpu_count()} cores\n")
        print("| what | kg, median (quartiles) | peer | times faster | target |\n|---|---|---|---|---|")
        table = f"{seconds:.1f} s, {memory:,.0f} MB over the loaded quads, {size:,.1f} MB on disk"
        print_row("table of the projection", table, target="1 minute")
        compare_walking(graph, args.runs)
        compare_search(graph)
        compare_building(graph, args.runs)
        print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
