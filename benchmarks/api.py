"""What the server does under load and under attack, beside its peers in the same run.

    python benchmarks/api.py --store SNAPSHOT --peers VENV

The load comes from wrk (on Debian: apt-get install wrk). VENV is an environment with rdflib-endpoint[cli] and oxigraph, which
are no part of this project; without it their lines are left out. A bare FastAPI route that asks Oxigraph, and one that returns
constant bytes, are the measure of what the framework itself costs. Everything listens on 127.0.0.1 and is ended at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import kg
from kg.queries import Graph, get_query
from kg.vocab import expand

SEED = 7
CONNECTIONS = 16
ACCEPT = "application/json, application/sparql-results+json;q=0.9, text/turtle;q=0.5"

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

SCRIPT = """
local paths = {
%s
}
local at = 0
function init(args)
  math.randomseed(tonumber(tostring({}):match("0x(%%x+)"), 16))
  at = math.random(#paths)
end
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
function done(summary, latency)
  local bad = summary.errors
  local failed = bad.status + bad.timeout + bad.read + bad.connect
  io.write(string.format("RESULT %%d %%d %%f %%d\\n", summary.requests, summary.duration, latency:percentile(99) / 1000, failed))
end
"""
"""What wrk runs: each thread begins somewhere else in the list."""

PLACES = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i"
RUNAWAYS = {
    "a product that is counted": f"SELECT (COUNT(*) AS ?n) WHERE {{ {PLACES} }}",
    "a sort": "SELECT ?c ?f WHERE { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f LIMIT 1",
    "a self-join that streams": "SELECT ?a WHERE { ?a ?b ?c . ?d ?b ?f . ?g ?b ?i FILTER(STR(?c) = CONCAT(STR(?f), STR(?i), '!')) }",
    "a memory bomb": f"SELECT (GROUP_CONCAT(?x) AS ?y) {{ SELECT (CONCAT(STR(?a), STR(?d), STR(?g)) AS ?x) WHERE {{ {PLACES} }} }}",
}


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, the 99th percentile in ms, and how many answers were no 200."""

    rate: float
    p99_ms: float
    bad: int


# ---------------------------------------------------------------- servers


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def serving(command: Sequence[str | Path], port: int, path: str, wait_s: float) -> Iterator[int]:
    """Run a server until the block ends; yield its process id."""
    words, nowhere = [str(part) for part in command], subprocess.DEVNULL
    process = subprocess.Popen(words, stdout=nowhere, stderr=nowhere, start_new_session=True)
    try:
        for _ in range(int(wait_s * 5)):
            time.sleep(0.2)
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}.")
            if fetch(f"http://127.0.0.1:{port}{path}", 5)[0] == 200:
                break
        else:
            raise SystemExit(f"{command[0]} was not ready within {wait_s} s.")
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fetch(url: str, timeout_s: float) -> tuple[int, float, str]:
    """Return status (0 without an answer), seconds and the beginning of the answer."""
    started = time.perf_counter()
    request = urllib.request.Request(url, headers={"Accept": ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return answer.status, time.perf_counter() - started, answer.read(300).decode("utf-8", "replace")
    except urllib.error.HTTPError as exc:
        return exc.code, time.perf_counter() - started, exc.read(300).decode("utf-8", "replace")
    except OSError as exc:
        return 0, time.perf_counter() - started, type(exc).__name__


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


def kg_command(store: str, port: int, *more: str) -> list[str]:
    """Return the command that serves a snapshot."""
    return [sys.executable, "-m", "kg", "serve", "--store", store, "--port", str(port), *more]


# ---------------------------------------------------------------- load


def wrk(port: int, paths: Sequence[str], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Ask for the paths in turn, over some connections, and return what wrk saw."""
    script = SCRIPT % ",\n".join(json.dumps(path) for path in paths)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        url = f"http://127.0.0.1:{port}"
        command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "60s", "-H", f"Accept: {ACCEPT}", "-s", file.name, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) (\d+)", said)
    assert found, said
    return Load(int(found[1]) / (int(found[2]) / 1e6), float(found[3]), int(found[4]))


def rates(sides: Sequence[tuple[str, int, Sequence[str]]], seconds: float, runs: int) -> dict[str, list[Load]]:
    """Put load on several servers in turn, in every run."""
    found: dict[str, list[Load]] = {name: [] for name, *_ in sides}
    for name, port, paths in sides:
        if (first := fetch(f"http://127.0.0.1:{port}{paths[0]}", 60))[0] != 200:
            print(f"{name} answers {paths[0][:60]!r} with {first[0]}: {first[2][:200]!r}", flush=True)
        wrk(port, paths[-50:], 1)
    for _ in range(runs):
        for name, port, paths in sides:
            found[name].append(wrk(port, paths, seconds))
    return found


def show(what: str, found: dict[str, list[Load]]) -> None:
    """Print the requests a second of each side: the median, and the least and the most."""
    ours = median(load.rate for load in found["kg"])
    for name, loads in found.items():
        rate = sorted(load.rate for load in loads)
        middle = median(rate)
        ratio = "" if name == "kg" else f"{ours / middle:.2f}" if middle else "none answered"
        bad, p99 = sum(load.bad for load in loads), median(load.p99_ms for load in loads)
        print(f"| {what} | {name} | {middle:,.1f} ({rate[0]:,.1f}–{rate[-1]:,.1f}) | {p99:,.0f} ms | {bad} | {ratio} |", flush=True)


# ---------------------------------------------------------------- memory


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def memory_mib(pid: int) -> float:
    """Return the proportional memory of a process and all below it."""
    total = 0
    for one in family(pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)[1])  # type: ignore[index]  # every roll-up has the line
        except OSError:
            continue
    return total / 1024


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
            triples = to_triples(options.store, folder)
            command = [options.peers / "bin" / "rdflib-endpoint", "serve", triples, "--port", str(peer), "--host", "127.0.0.1"]
            with serving(command, peer, f"/?query={quote('ASK {}')}", 900):
                for what, (_, theirs) in sides.items():
                    paths = [path.removeprefix("/sparql") for path in theirs]
                    found[what] |= rates([("rdflib-endpoint", peer, [f"/{path}" for path in paths])], max(options.seconds, 20), 1)
        print("| what | side | requests a second | p99 | not 200 | kg is … times as fast |\n|---|---|---|---|---|---|")
        for what, loads in found.items():
            show(what, loads)
        show("the same again", repeated)


def to_triples(store: str, folder: Path) -> Path:
    """Write the quads as triples: the peer sees no named graphs."""
    quads = next(Path(store).glob("*/quads.nq")) if not (Path(store) / "quads.nq").exists() else Path(store) / "quads.nq"
    out = folder / "triples.nt"
    with quads.open(encoding="utf-8") as lines, out.open("w", encoding="utf-8") as file:
        file.writelines(re.sub(r" <[^<> ]*> \.\n$", " .\n", line) for line in lines)
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
    patience, triples = 30, to_triples(options.store, folder)
    oxigraph = options.peers / "bin" / "oxigraph"
    location, port = folder / "oxigraph", free_port()
    subprocess.run([oxigraph, "load", "--location", location, "--file", triples], check=True, capture_output=True)
    listen, here = ["--bind", f"127.0.0.1:{port}", "--timeout-s", str(limit)], ["--port", str(port), "--host", "127.0.0.1"]
    servers = {
        f"oxigraph serve --timeout-s {limit}": [oxigraph, "serve-read-only", "--location", location, *listen],
        "rdflib-endpoint": [options.peers / "bin" / "rdflib-endpoint", "serve", triples, *here],
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
