"""What the server does under load and under attack, beside its peers in the same run.

    python benchmarks/api.py --store SNAPSHOT --peers VENV

The load comes from wrk (on Debian: apt-get install wrk). VENV is an environment with rdflib-endpoint[cli] and oxigraph, which
are no part of this project; without it their lines are left out. A bare FastAPI route that asks Oxigraph, and one that returns
constant bytes, are the measure of what the framework itself costs. Everything listens on 127.0.0.1 and is ended at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import kg
from kg.queries import Graph, get_query
from kg.vocab import expand
from servers import Load, fetch, free_port, kg_command, memory_mib, rates, serving, wrk

SEED = 7

TWO_HOPS = """PREFIX kg: <https://w3id.org/kg-commitments/ontology#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
CONSTRUCT {
  ?n a ?class ; rdfs:label ?label ; ?tie ?m ; kg:cites ?passage .
  ?passage kg:start ?start ; kg:end ?end
}
WHERE {
  {
    SELECT DISTINCT ?n WHERE {
      { BIND(<%(seed)s> AS ?n) }
      UNION { <%(seed)s> ?p1 ?n } UNION { ?n ?p1 <%(seed)s> }
      UNION { <%(seed)s> ?p1 ?y . ?y ?p2 ?n } UNION { <%(seed)s> ?p1 ?y . ?n ?p2 ?y }
      UNION { ?y ?p1 <%(seed)s> . ?y ?p2 ?n } UNION { ?y ?p1 <%(seed)s> . ?n ?p2 ?y }
      FILTER(STRSTARTS(STR(?n), "https://w3id.org/kg-commitments/id/"))
    } LIMIT 500
  }
  ?n a ?class ; rdfs:label ?label .
  OPTIONAL { ?n ?tie ?m . FILTER(STRSTARTS(STR(?m), "https://w3id.org/kg-commitments/id/")) }
  OPTIONAL { ?n kg:cites ?passage . ?passage kg:start ?start ; kg:end ?end }
}"""
"""What `/subgraph?depth=2` tells, as nearly as one CONSTRUCT can: the things within two steps, their ties and their passages."""

PLACES = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i"
RUNAWAYS = {
    "a product that is counted": f"SELECT (COUNT(*) AS ?n) WHERE {{ {PLACES} }}",
    "a sort": "SELECT ?c ?f WHERE { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f LIMIT 1",
    "a self-join that streams": "SELECT ?a WHERE { ?a ?b ?c . ?d ?b ?f . ?g ?b ?i FILTER(STR(?c) = CONCAT(STR(?f), STR(?i), '!')) }",
    "a memory bomb": f"SELECT (GROUP_CONCAT(?x) AS ?y) {{ SELECT (CONCAT(STR(?a), STR(?d), STR(?g)) AS ?x) WHERE {{ {PLACES} }} }}",
}


# ---------------------------------------------------------------- servers


def bare(store: str, port: int) -> None:
    """Serve a loaded store with routes that do nothing but ask it."""
    import uvicorn
    from fastapi import FastAPI
    from starlette.responses import Response

    graph, app = kg.open(store=store), FastAPI()
    engine = graph.embedded.engine
    import pyoxigraph as ox

    constant = json.dumps({"results": ["x" * 100] * 250}).encode()

    def ask(query: str) -> Response:
        answer = engine.query(query, use_default_graph_as_union=True)
        if isinstance(answer, ox.QueryTriples):
            return Response(answer.serialize(format=ox.RdfFormat.TURTLE), media_type="text/turtle")
        return Response(answer.serialize(format=ox.QueryResultsFormat.JSON), media_type="application/sparql-results+json")

    def fixed() -> Response:
        return Response(constant, media_type="application/json")

    app.get("/sparql", response_model=None)(ask)
    app.get("/constant", response_model=None)(fixed)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


# ---------------------------------------------------------------- load


def show(what: str, found: dict[str, list[Load]]) -> None:
    """Print the requests a second of each side: the median, and the least and the most."""
    ours = median(load.rate for load in found["kg"])
    for name, loads in found.items():
        rate = sorted(load.rate for load in loads)
        middle = median(rate)
        ratio = "" if name == "kg" else f"{ours / middle:.2f}" if middle else "none answered"
        bad, p99 = sum(load.bad for load in loads), median(load.p99_ms for load in loads)
        print(f"| {what} | {name} | {middle:,.1f} ({rate[0]:,.1f}–{rate[-1]:,.1f}) | {p99:,.0f} ms | {bad} | {ratio} |", flush=True)


# ---------------------------------------------------------------- the tables


def seeds_of(graph: Graph, count: int) -> list[str]:
    """Return ordinary entities: of 3 to 6 edges, in an order that is always the same."""
    table = graph.table()
    nodes = [node.id for node in table.nodes(None) if 3 <= node.degree <= 6 and expand(node.id)]
    random.Random(SEED).shuffle(nodes)
    return nodes[:count]


def under_load(options: argparse.Namespace, folder: Path) -> None:
    """Print requests a second, ours and the peers' in turn."""
    graph = kg.open(store=options.store)
    seeds = seeds_of(graph, 20_000)
    iris = [str(expand(seed)) for seed in seeds]
    question = get_query("facts")
    hops = [f"/sparql?{urlencode({'query': TWO_HOPS % {'seed': iri}})}" for iri in iris[:3000]]
    named = [f"/sparql?{urlencode({'query': question.bind({'node': f'<{iri}>'})})}" for iri in iris[:3000]]
    ours, plain, peer = free_port(), free_port(), free_port()
    beside = [sys.executable, __file__, "--bare", options.store, str(plain)]
    with serving(kg_command(options.store, ours), ours, "/readyz", 300), serving(beside, plain, "/constant", 300):
        sides = {
            "two hops": ([f"/subgraph?seed={seed}&depth=2" for seed in seeds], hops),
            "a named query": ([f"/queries/facts?node={seed}" for seed in seeds], named),
        }
        found = {}
        for what, (own, theirs) in sides.items():
            found[what] = rates([("kg", ours, own), ("bare route", plain, theirs)], options.seconds, options.runs)
        repeated = rates([("kg", ours, ["/pledges"]), ("constant bytes", plain, ["/constant"])], options.seconds, options.runs)
        if options.peers:
            quads = to_quads(options.store, folder)
            command = [options.peers / "bin" / "rdflib-endpoint", "serve", quads, "--port", str(peer), "--host", "127.0.0.1"]
            with serving(command, peer, f"/?query={quote('ASK {}')}", 900):
                for what, (_, theirs) in sides.items():
                    paths = [path.removeprefix("/sparql") for path in theirs]
                    found[what] |= rates([("rdflib-endpoint", peer, [f"/{path}" for path in paths])], max(options.seconds, 20), 1)
        print("| what | side | requests a second | p99 | not 200 | kg is … times as fast |\n|---|---|---|---|---|---|")
        for what, loads in found.items():
            show(what, loads)
        show("the same again", repeated)


def to_quads(store: str, folder: Path) -> Path:
    """Write what a snapshot holds as N-Quads."""
    out = folder / "quads.nq"
    with out.open("wb") as file:
        kg.open(store=store).write(file, "nq")
    return out


def attacked(options: argparse.Namespace, folder: Path) -> None:
    """Print what runaways do: to themselves, to the others, and to the memory."""
    seeds = seeds_of(kg.open(store=options.store), 500)
    others = [f"/entities/{seed.replace(':', '/')}.json" for seed in seeds]
    limit, port = 3, free_port()
    print("\n| server | runaway | ended after | with |\n|---|---|---|---|")
    with serving(kg_command(options.store, port, "--workers", "4", "--timeout", str(limit)), port, "/readyz", 300) as pid:
        memory = {"at rest": memory_mib(pid)}
        idle = wrk(port, others, options.seconds, 4)
        memory["under load"] = memory_mib(pid)
        with ThreadPoolExecutor() as threads:
            load = threads.submit(wrk, port, others, 2 * limit, 4)
            memory["while runaways ran"] = max(run_away(pid, port), run_away(pid, port))
            busy = load.result()
        time.sleep(3)
        memory["afterwards"] = memory_mib(pid)
    ratio = busy.p99_ms / idle.p99_ms
    print(
        f"\nOther routes: p99 idle {idle.p99_ms:.1f} ms, beside four runaways {busy.p99_ms:.1f} ms, {ratio:.1f} times; not 200: {busy.bad}."
    )
    with serving([sys.executable, __file__, "--bare", options.store, str(port)], port, "/constant", 300) as pid:
        one = memory_mib(pid)
    told = ", ".join(f"{name} {size:.0f} ({size / one:.2f})" for name, size in memory.items())
    print(f"Proportional memory of all processes, MiB: one loaded store {one:.0f}; kg {told}.", flush=True)
    if options.peers:
        peers_attacked(options, folder, limit)


def run_away(pid: int, port: int) -> float:
    """Let the four runaways run at once, print how each ends, and return the most memory that was in use."""
    peak = 0.0
    with ThreadPoolExecutor() as threads:
        base = f"http://127.0.0.1:{port}/sparql?"
        asked = {name: threads.submit(fetch, base + urlencode({"query": query}), 60) for name, query in RUNAWAYS.items()}
        while not all(one.done() for one in asked.values()):
            peak = max(peak, memory_mib(pid))
            time.sleep(0.2)
    for name, one in asked.items():
        status, seconds, said = one.result()
        reason = "memory" if "memory" in said else "deadline" if "longer" in said else said[:80]
        print(f"| kg | {name} | {seconds:.2f} s | {status}, {reason} |", flush=True)
    return peak


def peers_attacked(options: argparse.Namespace, folder: Path, limit: int) -> None:
    """Print what the same runaways do to the peers, one after the other, waiting for each as long as is bearable."""
    patience, quads = 30, to_quads(options.store, folder)
    oxigraph = options.peers / "bin" / "oxigraph"
    location, port = folder / "oxigraph", free_port()
    subprocess.run([oxigraph, "load", "--location", location, "--file", quads], check=True, capture_output=True)
    listen, here = ["--bind", f"127.0.0.1:{port}", "--timeout-s", str(limit)], ["--port", str(port), "--host", "127.0.0.1"]
    servers = {
        f"oxigraph serve --timeout-s {limit}": [oxigraph, "serve-read-only", "--union-default-graph", "--location", location, *listen],
        "rdflib-endpoint": [options.peers / "bin" / "rdflib-endpoint", "serve", quads, *here],
    }
    print("\n| server | runaway | ended after | with | memory |\n|---|---|---|---|---|")
    for name, command in servers.items():
        for runaway in ("a product that is counted", "a sort", "a self-join that streams"):
            path = {"oxigraph": "/query", "rdflib-e": "/"}[name[:8]]
            with serving(["prlimit", f"--as={12 * 1024**3}", *command], port, f"{path}?query={quote('ASK {}')}", 900) as pid:
                status, seconds, said = fetch(f"http://127.0.0.1:{port}{path}?{urlencode({'query': RUNAWAYS[runaway]})}", patience)
                told = f"{status} {said[:60]!r}" if status else f"no answer ({said})"
                alive = fetch(f"http://127.0.0.1:{port}{path}?query={quote('ASK {}')}", 5)[0] or "unanswered"
                print(f"| {name} | {runaway} | {seconds:.1f} s | {told}, then ASK {alive} | {memory_mib(pid):.0f} MiB |", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="a snapshot of kg build --out")
    parser.add_argument("--peers", type=Path, help="an environment with rdflib-endpoint[cli] and oxigraph")
    parser.add_argument("--seconds", type=float, default=8, help="how long each load lasts")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["load", "attack"])
    parser.add_argument("--bare", nargs=2, metavar=("STORE", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.bare[0], int(options.bare[1]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        if options.only != "attack":
            under_load(options, Path(temporary))
        if options.only != "load":
            attacked(options, Path(temporary))


if __name__ == "__main__":
    main()
