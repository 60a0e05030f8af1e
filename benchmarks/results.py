"""RESULTS.md, drawn from the figures of `results.json` and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from figures import Figure, show_number, show_seconds, to_figure

SIDES = ("kg", "pyoxigraph", "kg, JSON", "pyoxigraph, JSON", "oxigraph serve", "virtuoso", "rdflib", "rdflib-endpoint")

MILLION, TEN_MILLION = 1_000_000, 10_000_000

HEAD = """# What it costs

Written by `benchmarks/scale.py` out of `results.json`; to be run again, not to be edited.

    make bench                                        100,000 and 1,000,000 quads
    make bench SIZES=10000000 WORK=/var/tmp/bench     another size; what is known of the others stays

It needs Virtuoso and wrk (on Debian: `apt-get install virtuoso-opensource wrk`), and fetches rdflib, rdflib-endpoint and oxigraph
from PyPI into an environment of their own. Ten million quads need 24 GiB of memory and 30 GB of disk. `BENCH="--without virtuoso"`
leaves a peer out, whose earlier figures stay and are told as such; `BENCH=--render` only draws this page again.

The graphs are generated: many small sources about invented people, with the frequencies of the shipped graph. All engines hold the
same quads and are asked in turn, round by round, on the same machine in the same run; rdflib only up to a million quads, since it
takes 2 KB of memory a quad. A figure is the median, with the quartiles of
the runs in brackets. "About all" is a question of the catalogue as it stands in its file. "About one" has its first parameter bound to
an ordinary thing: the one of median degree of its class in the network, or the nearest to it about which there is an answer.
"""


BUILDING = """## Build, load, export

A change is one character in the label of one source. Each build, export and load is a process of its own; builds and exports are told
with the start of the interpreter, loads without the imports. The check is that of the digest of what is loaded. A peak is that of the
process with its interpreter. A server holds the quads in memory while that leaves half of it free, once to serve pages and once for
free-form queries; its memory is that of all its processes after the pages below, what they share counted once.
"""

CATALOGUE = """Medians over the questions, with the quartiles of the questions; one that was late counts as long as it was waited for.
`kg` and `pyoxigraph` give rows of Python values, or JSON; the servers give JSON. Behind `>` stands after how long an answer was
ended; ↑ was late at a smaller size, or in rdflib whose evaluator rdflib-endpoint is, and was not tried again; ≠ has other rows
than `kg`.
"""

PAGES = """## Pages

Cold is the first request for a list after a start. Pages, subgraphs and searches are each about another ordinary thing, for which nobody
has asked yet; a search has a slip of the pen.
"""

SERVED = """## Requests a second

16 connections of wrk ask about one ordinary thing after another. `kg` keeps the answers that it has given, as an unchanging snapshot
allows; the peers compute each anew.
"""


@dataclass(frozen=True)
class Answer:
    """What an engine answered to a question.

    Args:
        seconds: Run by run; None without an answer.
        rows: How many rows, or bytes, it had.
        late_s: After how many seconds it was ended; None if it was not.
        is_carried: It was not even asked, since it was late with the like before.
        error: What it said instead.
    """

    seconds: Figure | None = None
    rows: int | None = None
    late_s: float | None = None
    is_carried: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Asked:
    """A question, and what each engine answered."""

    name: str
    thing: str | None
    param: str | None
    answers: Mapping[str, Answer]

    @property
    def key(self) -> str:
        """The same at every size."""
        return f"{self.name} {self.param}" if self.param else self.name


@dataclass(frozen=True)
class Size:
    """What was measured at a size."""

    quads: int
    facts: Mapping[str, Any]
    figures: Mapping[str, Figure]
    questions: tuple[Asked, ...]

    def named(self, start: str, end: str = "") -> list[Figure]:
        """Return the figures whose names begin and end so."""
        return [figure for name, figure in self.figures.items() if name.startswith(start) and name.endswith(end)]

    def cost(self, question: Asked, side: str) -> float | None:
        """Return the median seconds of an answer, how long was waited for one that was late, and None for none."""
        answer = question.answers.get(side, Answer())
        return answer.seconds.middle if answer.seconds else answer.late_s

    def costs(self, side: str, *, about_one: bool) -> list[float]:
        """Return what the questions about one thing or about all cost an engine."""
        found = (self.cost(question, side) for question in self.questions if bool(question.param) == about_one)
        return [seconds for seconds in found if seconds is not None]

    def ratios(self, side: str, base: str, *, about_one: bool | None = None) -> list[float]:
        """Return how many times as long as another an engine takes; at least so long where it was late."""
        wanted = [one for one in self.questions if about_one is None or bool(one.param) == about_one]
        pairs = ((self.cost(question, side), question.answers.get(base, Answer()).seconds) for question in wanted)
        return [seconds / other.middle for seconds, other in pairs if seconds is not None and other is not None]


def parse(text: str) -> list[Size]:
    """Return the sizes that `results.json` tells of, the smallest first."""
    return sorted((_to_size(run) for run in json.loads(text)), key=lambda size: size.quads)


def _to_size(run: Mapping[str, Any]) -> Size:
    figures = {name: to_figure(values) for name, values in run["figures"].items()}
    questions = tuple(
        Asked(one["name"], one["thing"], one["param"], {name: _to_answer(said) for name, said in one["answers"].items()})
        for one in run["questions"]
    )
    return Size(run["quads"], run["facts"], figures, questions)


def _to_answer(said: Mapping[str, Any]) -> Answer:
    seconds = to_figure(said["seconds"]) if said.get("seconds") and not said.keys() & {"late", "error"} else None
    return Answer(seconds, said.get("rows"), said.get("after_s"), bool(said.get("carried")), said.get("error"))


# ---------------------------------------------------------------- targets


@dataclass(frozen=True)
class Target:
    """What was wanted, what was measured, and whether it is met."""

    wanted: str
    measured: str
    verdict: str


UNKNOWN = "not measured"


def _judge(wanted: str, value: float | None, most: float, write: Callable[[float], str]) -> Target:
    """Judge one figure."""
    if value is None:
        return Target(wanted, "", UNKNOWN)
    return Target(wanted, write(value), "met" if value <= most else "**not met**")


def _judge_all(wanted: str, values: Sequence[float], most: float) -> Target:
    """Judge many ratios, all of which have to be small."""
    if not values:
        return Target(wanted, "", UNKNOWN)
    good = sum(value <= most for value in values)
    told = f"median {show_number(median(values))}, worst {show_number(max(values))}; {good} of {len(values)} within"
    return Target(wanted, told, "met" if good == len(values) else "**not met**")


def _growth(sizes: Mapping[int, Size], *, about_one: bool) -> list[float]:
    small, large = sizes.get(MILLION), sizes.get(TEN_MILLION)
    if not small or not large:
        return []
    before = {one.key: one.answers["kg"].seconds for one in small.questions if bool(one.param) == about_one}
    pairs = ((before.get(one.key), one.answers["kg"]) for one in large.questions)
    # How much longer it takes than the wait nobody knows, so it is never within.
    return [after.seconds.middle / now.middle if after.seconds else inf for now, after in pairs if now]


def _middle(size: Size | None, name: str) -> float | None:
    return size.figures[name].middle if size and name in size.figures else None


def _a_quad(size: Size | None, name: str) -> float | None:
    return _quotient(_middle(size, name), size.facts["snapshot_quads"]) if size else None


def _worst(size: Size | None, start: str) -> float | None:
    return max((figure.middle for figure in size.named(start, "over HTTP s")), default=None) if size else None


def _quotient(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _times(value: float) -> str:
    return f"{show_number(value)} times"


def targets(sizes: Sequence[Size]) -> list[Target]:
    """Return every target beside what was measured."""
    by = {size.quads: size for size in sizes}
    million, ten = by.get(MILLION), by.get(TEN_MILLION)
    loads = [_quotient(_middle(size, "load kg s"), _middle(size, "load pyoxigraph s")) for size in sizes]
    peers = million.ratios("rdflib", "kg") if million else []
    rdflib = Target("20 times faster than rdflib on the median of the catalogue, at 1 million quads", "", UNKNOWN)
    if peers:
        late = "at least " if million and any(one.answers.get("rdflib", Answer()).late_s for one in million.questions) else ""
        rdflib = Target(rdflib.wanted, f"{late}{_times(median(peers))}", "met" if median(peers) >= 20 else "**not met**")
    full, changed = _middle(million, "build full s"), _middle(million, "build changed s")
    memory = {
        "a build, which loads onto disk,": "build full bytes",
        "a load into memory": "load kg bytes",
    }
    return [
        *(
            _judge(f"load within 1.3 times of Oxigraph's own, at {size.quads:,} quads", ratio, 1.3, _times)
            for size, ratio in zip(sizes, loads, strict=True)
        ),
        *(
            _judge(
                f"peak memory of {what} below 500 bytes a quad, at 10 million", _a_quad(ten, name), 500, lambda found: f"{found:.0f} bytes"
            )
            for what, name in memory.items()
        ),
        *(
            _judge_all(
                f"questions within 1.3 times of Oxigraph alone, as {what}, at {size.quads:,} quads",
                size.ratios(f"kg{mode}", f"pyoxigraph{mode}"),
                1.3,
            )
            for what, mode in (("rows", ""), ("JSON", ", JSON"))
            for size in sizes
        ),
        rdflib,
        _judge_all("3 times as long for a question about one, from 1 to 10 million quads", _growth(by, about_one=True), 3),
        _judge_all("16 times as long for a question about all, from 1 to 10 million quads", _growth(by, about_one=False), 16),
        _judge("page of a thing within 20 ms, at 10 million quads", _middle(ten, "page, over HTTP s"), 0.020, show_seconds),
        _judge("slowest list: first page within 3 s, at 10 million quads", _worst(ten, "list cold"), 3, show_seconds),
        _judge("slowest list: the same again within 5 ms, at 10 million quads", _worst(ten, "list again"), 0.005, show_seconds),
        _judge("subgraph of two hops within 20 ms, at 10 million quads", _middle(ten, "subgraph, over HTTP s"), 0.020, show_seconds),
        _judge("build after a change within 3 s, at 1 million quads", changed, 3, show_seconds),
        _judge("build after a change within 5 % of a full one, at 1 million quads", _quotient(changed, full), 0.05, lambda n: f"{n:.1%}"),
    ]


# ---------------------------------------------------------------- tables


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _by_size(sizes: Sequence[Size], rows: Mapping[str, Callable[[Size], str]]) -> str:
    """Return a table with a column for each size, without the rows that no size has."""
    told = {name: [write(size) for size in sizes] for name, write in rows.items()}
    return _table(["", *(f"{size.quads:,} quads" for size in sizes)], [[name, *cells] for name, cells in told.items() if any(cells)])


def _seconds(name: str) -> Callable[[Size], str]:
    return lambda size: str(size.figures[name]) if name in size.figures else ""


def _bytes(name: str) -> Callable[[Size], str]:
    def write(size: Size) -> str:
        if name not in size.figures:
            return ""
        peak = size.figures[name].middle
        return f"{peak / 2**20:,.0f} MiB, {peak / size.facts['snapshot_quads']:,.0f} bytes a quad"

    return write


def _rate(name: str) -> Callable[[Size], str]:
    def write(size: Size) -> str:
        if f"HTTP {name} rate" not in size.figures:
            return ""
        if not size.figures[f"HTTP {name} rate"].middle:
            return "none answered in time"
        late, refused = size.figures[f"HTTP {name} p99 s"].middle, sum(size.figures[f"HTTP {name} refused"].values)
        told = size.figures[f"HTTP {name} rate"].show(show_number)
        return f"{told}, 99th percentile {show_seconds(late)}" + (f", {refused:.0f} refused" if refused else "")

    return write


def _quotients(top: str, base: str, show: Callable[[float], str]) -> Callable[[Size], str]:
    def write(size: Size) -> str:
        found = _quotient(_middle(size, top), _middle(size, base))
        return show(found) if found is not None else ""

    return write


def _runs(sizes: Sequence[Size]) -> str:
    rows: dict[str, Callable[[Size], str]] = {
        "measured on": lambda size: f"{size.facts['date']}, {size.facts['machine']}",
        "with": lambda size: ", ".join(f"{name} {version}" for name, version in sorted(size.facts["versions"].items())),
        "rounds": lambda size: (
            f"{size.facts['rounds']}; a peer is ended after {size.facts['bound_s']:g} s, "
            f"kg and pyoxigraph after {size.facts['patience_s']:g} s"
        ),
        "remark": lambda size: size.facts.get("remark", ""),
        "of an earlier run": lambda size: ", ".join(f"{name} ({date})" for name, date in sorted(size.facts.get("kept", {}).items())),
        "quads and sources": lambda size: f"{size.facts['snapshot_quads']:,} in {size.facts['sources']:,} sources",
        "file of N-Quads": lambda size: f"{size.facts['file_bytes'] / 1e6:,.0f} MB",
    }
    return _by_size(sizes, rows)


def _building(sizes: Sequence[Size]) -> str:
    loads = {f"load, {name}": _seconds(f"load {name} s") for name in SIDES if "JSON" not in name}
    return _by_size(
        sizes,
        {
            "full build": _seconds("build full s"),
            "its peak": _bytes("build full bytes"),
            "build after a change": _seconds("build changed s"),
            "its peak ": _bytes("build changed bytes"),
            "a change, share of a full build": _quotients("build changed s", "build full s", lambda found: f"{found:.1%}"),
            **loads,
            "check before the load, kg": _seconds("check kg s"),
            "kg, times Oxigraph's own load": _quotients("load kg s", "load pyoxigraph s", show_number),
            "peak of the load, kg": _bytes("load kg bytes"),
            "peak of the load, pyoxigraph": _bytes("load pyoxigraph bytes"),
            "memory of a server, kg": _bytes("serve bytes"),
            "export": _seconds("export s"),
            "network as GraphML": _seconds("network graphml s"),
            "network as JSON": _seconds("network json s"),
        },
    )


def _catalogue(size: Size) -> str:
    """Return how the engines compare on the whole catalogue."""
    heads = ["engine", "about all", "times kg", "about one", "times kg", "late", "no answer"]
    rows = [_compare(size, side) for side in SIDES if any(side in one.answers for one in size.questions)]
    return _table(heads, rows)


def _compare(size: Size, side: str) -> list[str]:
    base = "kg, JSON" if "JSON" in side else "kg"
    cells = []
    for about_one in (False, True):
        costs, ratios = size.costs(side, about_one=about_one), size.ratios(side, base, about_one=about_one)
        cells += [str(to_figure(costs)) if costs else "", to_figure(ratios).show(show_number) if ratios else ""]
    answers = [one.answers[side] for one in size.questions if side in one.answers]
    return [side, *cells, str(sum(one.late_s is not None for one in answers)), str(sum(one.error is not None for one in answers))]


def _details(size: Size) -> str:
    sides = [side for side in SIDES if any(side in one.answers for one in size.questions)]
    rows = [[one.key, *(_cell(one, side) for side in sides)] for one in size.questions]
    return _table(["question", *sides], rows)


def _cell(question: Asked, side: str) -> str:
    answer = question.answers.get(side, Answer())
    if answer.late_s is not None:
        return f"> {answer.late_s:g} s" + (" ↑" if answer.is_carried else "")
    if answer.error is not None:
        return "no answer"
    return (str(answer.seconds) if answer.seconds else "") + (" ≠" if _differs(question, side) else "")


def _differs(question: Asked, side: str) -> bool:
    ours, theirs = question.answers.get("kg", Answer()).rows, question.answers.get(side, Answer()).rows
    return "JSON" not in side and ours is not None and theirs is not None and ours != theirs


def _remarks(size: Size) -> list[str]:
    """Return what else there is to say of the answers."""
    found = []
    for question in size.questions:
        for side, answer in question.answers.items():
            if answer.error is not None:
                found.append(f"- {side}, {question.key}: {answer.error.partition(' SPARQL query:')[0].replace('|', ' ')}")
            elif _differs(question, side):
                found.append(f"- {side}, {question.key}: {answer.rows:,} rows where kg has {question.answers['kg'].rows:,}")
    return found


def _pages(sizes: Sequence[Size]) -> str:
    places = ("in process", "over HTTP")
    plain = ("page", "page again", "page, JSON", "subgraph", "search")
    names = [*plain, *sorted({name.rpartition(", ")[0] for size in sizes for name in size.figures if name.startswith("list ")})]
    rows = {f"{name}, {place}": _seconds(f"{name}, {place} s") for name in names for place in places}
    return _by_size(
        sizes, rows | {"start until ready, in process": _seconds("open app s"), "start until ready, over HTTP": _seconds("open serve s")}
    )


def _served(sizes: Sequence[Size]) -> str:
    starts = ("HTTP ", " rate")
    names = dict.fromkeys(
        name.removeprefix(starts[0]).removesuffix(starts[1])
        for size in sizes
        for name in size.figures
        if name.startswith(starts[0]) and name.endswith(starts[1])
    )
    return _by_size(sizes, {name: _rate(name) for name in names})


def render(sizes: Sequence[Size]) -> str:
    """Return the page."""
    wanted = _table(["target", "measured", ""], [[one.wanted, one.measured, one.verdict] for one in targets(sizes)])
    parts = [HEAD, "![How cost grows with size](growth.svg)\n", f"## Targets\n\n{wanted}", f"## Runs\n\n{_runs(sizes)}"]
    parts += [f"{BUILDING}\n{_building(sizes)}", *map(_told_of, sizes)]
    return "\n".join([*parts, f"{PAGES}\n{_pages(sizes)}", f"{SERVED}\n{_served(sizes)}"])


def _told_of(size: Size) -> str:
    remarks, details = "\n".join(_remarks(size)), f"<details><summary>Every question</summary>\n\n{_details(size)}"
    return f"## The catalogue at {size.quads:,} quads\n\n{CATALOGUE}\n{_catalogue(size)}\n{details}\n{remarks}\n\n</details>\n"
