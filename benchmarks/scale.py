"""What everything costs at a size, beside the peers in the same run, and how it grows.

    python benchmarks/scale.py --work /tmp/bench
    python benchmarks/scale.py --work /tmp/bench --sizes 100000,1000000,10000000

For each size a graph of small sources is generated, built, changed in one character and built again, exported, and loaded into
every engine; then all engines are asked the catalogue in turn, round by round, pages are asked for, and load is put on the
servers. Every figure goes into `results.json`, from which `RESULTS.md` and `growth.svg` are drawn; a size that is measured again
replaces what was known of it. The folder keeps the generated graphs and the environment of the peers.

The peers are rdflib and rdflib-endpoint up to a million quads, `oxigraph serve` and Virtuoso. What an engine has not answered at the
bound is ended, and told as such; it is not asked that again, nor at a larger size. What rdflib does not answer, rdflib-endpoint is
not asked, since it is the same evaluator.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines import WAIT_S, Client, Engine, Peers, Reply, Server, Worker, missing_tools, virtuoso_version
from growth import draw
from kg.queries import get_query
from kg.vocab import expand
from questions import PAGES, Plan, Question, from_json
from results import parse, render
from servers import Load, free_port, kg_command, memory_mib, rates, serving

SOURCE_QUADS = 400
"""A million quads are some 2,400 sources."""

LARGEST_OF_RDFLIB = 1_000_000
"""It takes 2 KB and 70 microseconds a quad: ten million were twenty gigabytes and eleven minutes, twice over with rdflib-endpoint."""

CHANGES = 3
"""How often a source is changed."""

SLOW_S = 5
"""What takes so long takes hardly longer for being cold, and counts at once."""

PATIENCE_S = 600
"""For how long ours is waited for, and Oxigraph alone, so that growth is measured and not cut."""

REPEATS = 20
"""How often a list is asked for again."""

LISTS = ("/pledges", "/timeline", "/events", "/sources", "/conflicts", "/absences", "/entities")
FORMATS = ("graphml", "json")
HTML, JSON = "text/html", "application/json"

LABEL = re.compile(r'rdfs:label "([A-Za-z])')


@dataclass
class Log:
    """What was measured at a size.

    Args:
        quads: The size that was asked for.
        facts: What holds of the whole run, such as versions.
        figures: Seconds, bytes and rates by name, run by run.
        questions: What each engine answered to each question.
    """

    quads: int
    facts: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def times(self) -> int:
        """How often a graph is built, loaded and served afresh: what takes minutes is done once."""
        return 3 if self.quads <= LARGEST_OF_RDFLIB else 1

    def add(self, name: str, value: float) -> None:
        """Take a figure down, and print it."""
        self.figures.setdefault(name, []).append(value)
        print(f"{self.quads:,} {name} {value:,.4g}", flush=True)


@dataclass(frozen=True)
class Settings:
    """How it is measured.

    Args:
        work: Folder of graphs, snapshots and peers.
        rounds: How often every engine is asked every question.
        bound_s: After how long an engine is ended.
        seconds: How long each load lasts.
        without: What is left out.
    """

    work: Path
    rounds: int
    bound_s: float
    seconds: float
    without: tuple[str, ...]


# ---------------------------------------------------------------- build


def run(*command: str | Path) -> tuple[float, int]:
    """Run a command as a process of its own; return its seconds and its peak memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(process.args)} ended with {process.returncode}.")  # type: ignore[arg-type]  # a list of texts
    return time.perf_counter() - started, usage.ru_maxrss * 1024


def kg(*words: str | Path) -> tuple[float, int]:
    """Run the command line of this project."""
    return run(sys.executable, "-m", "kg", *words)


def generate(settings: Settings, quads: int) -> Path:
    """Return the folder of a graph, which is written if it is not there."""
    graph = settings.work / f"graph-{quads}"
    if not graph.exists():
        draft = graph.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        script = Path(__file__).with_name("generate.py")
        run(sys.executable, script, draft, "--quads", str(quads), "--source-quads", str(SOURCE_QUADS))
        draft.rename(graph)
    return graph


def change(text: str) -> str:
    """Return the text of a source with the first letter of its first label changed for the next.

    Example:
        >>> change('rdfs:label "About food" ; rdfs:label "Zinc"')
        'rdfs:label "Bbout food" ; rdfs:label "Zinc"'
    """
    return LABEL.sub(lambda found: found[0][:-1] + ("A" if found[1] in "Zz" else chr(ord(found[1]) + 1)), text, count=1)


def build(log: Log, graph: Path, place: Path) -> Path:
    """Build a graph from nothing, and again after each of some changes of one source; return the snapshot."""
    edited, snapshot = place / "edited", place / "snapshot"
    shutil.copytree(graph, edited)
    for _ in range(log.times):
        shutil.rmtree(snapshot, ignore_errors=True)
        seconds, peak = kg("build", "--graph", edited, "--out", snapshot)
        log.add("build full s", seconds)
        log.add("build full bytes", peak)
    sources = sorted((edited / "sources").iterdir(), key=lambda path: (path.stat().st_size, path.name))
    for source in sources[len(sources) // 2 :][:CHANGES]:
        source.write_text(change(source.read_text("utf-8")), "utf-8")
        seconds, peak = kg("build", "--graph", edited, "--out", snapshot)
        log.add("build changed s", seconds)
        log.add("build changed bytes", peak)
    log.facts["sources"] = len(sources)
    return snapshot


def export(log: Log, snapshot: Path, place: Path) -> Path:
    """Write the snapshot as N-Quads, which every peer loads."""
    quads = place / "quads" / "all.nq"
    quads.parent.mkdir()
    log.add("export s", kg("export", "--store", snapshot, "--out", quads)[0])
    log.facts["file_bytes"] = quads.stat().st_size
    with quads.open("rb") as lines:
        log.facts["snapshot_quads"] = sum(1 for _ in lines)
    return quads


def make_plan(snapshot: Path) -> Plan:
    """Return what is asked, which a process of its own finds out."""
    command = [sys.executable, str(Path(__file__).with_name("questions.py")), str(snapshot)]
    return from_json(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# ---------------------------------------------------------------- the catalogue


@dataclass(frozen=True)
class Side:
    """An engine that is compared.

    Args:
        name: What the tables call it.
        engine: Who answers.
        mode: `rows` of Python values, or `bytes` of JSON.
        patience_s: For how long it is waited for, whatever the bound.
    """

    name: str
    engine: Engine
    mode: str = "rows"
    patience_s: float = 0

    def wait_s(self, bound_s: float) -> float:
        """Return for how long it is waited for."""
        return max(bound_s, self.patience_s)


def load_own(log: Log, snapshot: Path, quads: Path) -> tuple[Worker, Worker]:
    """Load ours and Oxigraph alone in turn, each in fresh processes; return the last two."""
    for at in range(log.times):
        pair = Worker("kg", snapshot), Worker("pyoxigraph", quads)
        for worker in pair:
            log.add(f"load {worker.kind} s", worker.loaded["load_s"])
            log.add(f"load {worker.kind} bytes", worker.loaded["peak_bytes"])
        log.add("check kg s", pair[0].loaded["check_s"])
        for worker in pair:
            if at < log.times - 1:
                worker.close()
    return pair


@contextmanager
def all_sides(log: Log, settings: Settings, peers: Peers, snapshot: Path, quads: Path) -> Iterator[list[Side]]:
    """Load every engine, and end them with the block."""
    with ExitStack() as stack:
        ours, direct = load_own(log, snapshot, quads)
        pair = (("kg", ours), ("pyoxigraph", direct))
        kinds = (("", "rows"), (", JSON", "bytes"))
        sides = [Side(name + suffix, engine, mode, PATIENCE_S) for suffix, mode in kinds for name, engine in pair]
        stack.callback(ours.close)
        stack.callback(direct.close)
        start = {"oxigraph serve": peers.oxigraph, "virtuoso": peers.virtuoso}
        if log.quads <= LARGEST_OF_RDFLIB:
            start |= {"rdflib": peers.rdflib, "rdflib-endpoint": peers.rdflib_endpoint}  # type: ignore[dict-item]  # one is a worker
        for name, load in start.items():
            if name not in settings.without:
                engine, seconds = load(quads)
                stack.callback(engine.close)
                log.add(f"load {name} s", seconds)
                sides.append(Side(name, engine))
        yield sides


def ask_all(log: Log, settings: Settings, sides: Sequence[Side], plan: Plan, late: frozenset[tuple[str, str]]) -> None:
    """Ask every engine the whole catalogue, round by round; the first round warms them and is not counted, unless it is slow."""
    answers: dict[str, dict[str, Reply]] = {one.key: {side.name: {"seconds": []} for side in sides} for one in plan.questions}
    for at in range(settings.rounds + 1):
        print(f"{log.quads:,} catalogue, round {at} of {settings.rounds}, {datetime.now(UTC):%H:%M}", flush=True)
        for question in plan.questions:
            known = answers[question.key]
            # Who comes first in one round comes last in the next.
            for side in reversed(sides) if at % 2 else sides:
                if (side.name, question.key) in late or (side.name == "rdflib-endpoint" and known.get("rdflib", {}).get("late")):
                    known[side.name] = {"late": True, "after_s": side.wait_s(settings.bound_s), "carried": True}
                elif not is_over(known[side.name], settings.bound_s):
                    ask_once(known[side.name], side, question, side.wait_s(settings.bound_s), is_warm=at > 0)
    log.questions = [{"name": one.name, "param": one.param, "thing": one.thing, "answers": answers[one.key]} for one in plan.questions]


def is_over(known: Reply, bound_s: float) -> bool:
    """Tell whether an engine need not be asked once more: in vain, or for longer than the bound in all.

    Example:
        >>> is_over({"late": True}, 60), is_over({"seconds": [40.0, 41.0]}, 60), is_over({"seconds": [0.2]}, 60)
        (True, True, False)
    """
    return "late" in known or "error" in known or sum(known["seconds"]) > bound_s


def ask_once(known: Reply, side: Side, question: Question, bound_s: float, *, is_warm: bool) -> None:
    """Ask one engine one question, and add to what is known of its answers."""
    found = side.engine.ask(question, side.mode, bound_s)
    if "error" in found:
        known["error"] = found["error"]
    elif "late" in found or found["seconds"] > bound_s:
        known |= {"late": True, "after_s": bound_s}
    else:
        known["rows"] = found["rows"]
        if is_warm or found["seconds"] > SLOW_S:
            known["seconds"].append(found["seconds"])


# ---------------------------------------------------------------- pages


def ask_pages(log: Log, where: str, asker: Worker | Client, plan: Plan) -> None:
    """Ask a server that has just started for lists, twice and more, and then for pages that nobody has asked for."""

    def get(name: str, path: str, accept: str) -> None:
        found = asker.get(path, accept, PATIENCE_S)
        if "seconds" not in found:
            raise SystemExit(f"{where} does not answer {path}: {found}")
        log.figures.setdefault(f"{name}, {where} s", []).append(found["seconds"])

    for path in LISTS:
        get(f"list cold {path}", path, HTML)
    for path in LISTS * REPEATS:
        get(f"list again {path}", path, HTML)
    for thing in plan.things[:PAGES]:
        path = f"/entities/{thing.replace(':', '/')}"
        get("page", path, HTML)
        get("page again", path, HTML)
        get("page, JSON", path, JSON)
        get("subgraph", f"/subgraph?seed={thing}&depth=2", JSON)
    for name in plan.names:
        get("search", f"/entities?q={'%20'.join(name.split())}".encode("ascii", "ignore").decode(), JSON)


def measure_pages(log: Log, snapshot: Path, plan: Plan) -> None:
    """Ask for pages, in the process and over HTTP, each from some fresh starts."""
    for _ in range(log.times):
        with closing(Worker("app", snapshot)) as worker:
            log.add("open app s", worker.loaded["load_s"])
            ask_pages(log, "in process", worker, plan)
        port, started = free_port(), time.perf_counter()
        with serving(kg_command(str(snapshot), port, "--workers", "1"), port, "/readyz", WAIT_S) as pid:
            log.add("open serve s", time.perf_counter() - started)
            ask_pages(log, "over HTTP", Client(port), plan)
            log.add("serve bytes", memory_mib(pid) * 2**20)


def measure_load(log: Log, settings: Settings, sides: Sequence[Side], snapshot: Path, plan: Plan) -> None:
    """Put load on our server and on the peers in turn, with the same question about one thing after another."""
    port, question = free_port(), get_query("links")
    texts = [question.bind({"entity": f"<{expand(thing)}>"}) for thing in plan.things]
    with serving(kg_command(str(snapshot), port, "--workers", "1"), port, "/readyz", WAIT_S):
        asked = [("kg", port, [f"/queries/links?entity={thing}" for thing in plan.things])]
        asked += [
            (side.name, side.engine.port, [side.engine.to_path(text) for text in texts])
            for side in sides
            if isinstance(side.engine, Server)
        ]
        for name, loads in rates(asked, settings.seconds, log.times).items():
            _add_loads(log, f"links of a thing, {name}", loads)
        own = {
            "entity page": [f"/entities/{thing.replace(':', '/')}" for thing in plan.things],
            "two hops": [f"/subgraph?seed={thing}&depth=2" for thing in plan.things],
        }
        for name, paths in own.items():
            _add_loads(log, f"{name}, kg", rates([("kg", port, paths)], settings.seconds, log.times)["kg"])


def _add_loads(log: Log, name: str, loads: Sequence[Load]) -> None:
    for load in loads:
        log.add(f"HTTP {name} rate", load.rate)
        log.add(f"HTTP {name} p99 s", load.p99_ms / 1000)
        log.add(f"HTTP {name} refused", load.bad)


def measure_network(log: Log, snapshot: Path, place: Path) -> None:
    """Write the whole network into a file of each format."""
    for format in FORMATS:
        out = place / f"network.{format}"
        seconds, peak = kg("network", "--store", snapshot, "--out", out)
        log.add(f"network {format} s", seconds)
        log.add(f"network {format} bytes", peak)
        out.unlink()


# ---------------------------------------------------------------- all of it


def measure(settings: Settings, peers: Peers, quads: int, late: frozenset[tuple[str, str]]) -> Log:
    """Measure everything at one size."""
    log = Log(quads)
    log.facts |= {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "rounds": settings.rounds,
        "bound_s": settings.bound_s,
        "patience_s": PATIENCE_S,
    }
    graph = generate(settings, quads)
    place = settings.work / f"run-{quads}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    snapshot = build(log, graph, place)
    file = export(log, snapshot, place)
    plan = make_plan(snapshot)
    with all_sides(log, settings, peers, snapshot, file) as sides:
        ask_all(log, settings, sides, plan, late)
        for side in sides[:2]:
            side.engine.close()
        if "wrk" not in settings.without:
            measure_load(log, settings, sides, snapshot, plan)
    measure_pages(log, snapshot, plan)
    measure_network(log, snapshot, place)
    shutil.rmtree(place)
    return log


def machine() -> str:
    """Return what it is measured on."""
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}, {memory:.0f} GiB, {platform.system()}"


def versions(peers: Peers, without: Sequence[str]) -> dict[str, str]:
    """Return the versions of everything that is compared."""
    own = {name: importlib.metadata.version(name) for name in ("kg-commitments", "pyoxigraph")}
    found = {"Python": platform.python_version(), **own, **peers.install()}
    return found if "virtuoso" in without else {**found, "virtuoso": virtuoso_version()}


def late_of(runs: Sequence[dict[str, Any]], quads: int, bound_s: float) -> frozenset[tuple[str, str]]:
    """Return which engine was late with which question at a smaller size, on this machine and with as much time."""
    return frozenset(
        (name, f"{question['name']} {question['param']}" if question["param"] else question["name"])
        for run in runs
        if run["quads"] < quads and run["facts"]["bound_s"] >= bound_s and run["facts"]["machine"] == machine()
        for question in run["questions"]
        for name, answer in question["answers"].items()
        if answer.get("late")
    )


def keep(run: dict[str, Any], earlier: dict[str, Any] | None, without: Sequence[str]) -> dict[str, Any]:
    """Return a run with what an earlier one on this machine knew of the peers that were left out, and say since when."""
    if earlier is None or earlier["facts"]["machine"] != run["facts"]["machine"]:
        return run
    known = {(one["name"], one["param"], one["thing"]): one["answers"] for one in earlier["questions"]}
    for question in run["questions"]:
        answers = known.get((question["name"], question["param"], question["thing"]), {})
        question["answers"] |= {name: answers[name] for name in without if name in answers}
    starts = tuple("HTTP " if name == "wrk" else f"load {name} s" for name in without)
    run["figures"] |= {name: values for name, values in earlier["figures"].items() if name.startswith(starts)}
    run["facts"]["versions"] = earlier["facts"]["versions"] | run["facts"]["versions"]
    dates = earlier["facts"].get("kept", {})
    run["facts"]["kept"] = {name: dates.get(name, earlier["facts"]["date"]) for name in without}
    return run


def write(out: Path, runs: Sequence[dict[str, Any]]) -> None:
    """Write the figures and what is drawn from them."""
    text = json.dumps(runs, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (out / "results.json").write_text(text, "utf-8")
    sizes = parse(text)
    (out / "RESULTS.md").write_text(render(sizes), "utf-8")
    (out / "growth.svg").write_text(draw(sizes), "utf-8")


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of graphs, snapshots and peers, which is made")
    parser.add_argument("--sizes", default="100000,1000000", help="quads of each graph, with commas between (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of results.json, RESULTS.md and growth.svg")
    parser.add_argument("--rounds", type=int, default=5, help="how often every question is asked (default: %(default)s)")
    parser.add_argument("--bound", type=float, default=60, help="seconds after which an engine is ended (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="how long each load lasts (default: %(default)s)")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        metavar="NAME",
        help="virtuoso, wrk, rdflib, rdflib-endpoint, oxigraph serve; what is known stays",
    )
    parser.add_argument("--render", action="store_true", help="only draw again what results.json holds")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size, and write what is known so far after each."""
    args = read_arguments(argv)
    # The servers are ended where the blocks that started them end, which a signal would pass over.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kept = args.out / "results.json"
    runs: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    if args.render:
        write(args.out, runs)
        return 0
    if missing := missing_tools(args.without):
        print("\n".join(missing), file=sys.stderr)
        return 2
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    settings = Settings(work, args.rounds, args.bound, args.seconds, tuple(args.without))
    peers = Peers(work / "peers", work / "served")
    found = versions(peers, settings.without)
    print(", ".join(f"{name} {version}" for name, version in found.items()), flush=True)
    for quads in sorted(map(int, args.sizes.split(","))):
        log = measure(settings, peers, quads, late_of(runs, quads, args.bound))
        log.facts["versions"] = found
        earlier = next((run for run in runs if run["quads"] == quads), None)
        run = keep(asdict(log), earlier, settings.without)
        runs = sorted([*(run for run in runs if run["quads"] != quads), run], key=lambda run: int(run["quads"]))
        write(args.out, runs)
    print(render(parse(json.dumps(runs))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
