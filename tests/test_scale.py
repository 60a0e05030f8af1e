"""The measuring of sizes: who is asked what, what is said of the figures, and that the page says what was recorded.

What the figures are is not for a test to say. The engines of most tests are made up; the sizes are written down here.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import kg
from engines import Peers, Reply, Worker, missing_tools
from growth import LINE, draw
from kg.queries import get_query, query_names
from questions import Plan, Question, make_plan
from results import Size, Target, parse, render, targets
from scale import Log, Settings, Side, ask_all, change, keep, late_of, machine

FOLDER = Path(__file__).parents[1] / "benchmarks"
RUNAWAY = "SELECT ?a WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(CONCAT(STR(?c), STR(?f), STR(?i)) = '!') }"


def _sizes() -> list[Size]:
    return parse((FOLDER / "results.json").read_text("utf-8"))


def _size(quads: int, figures: Mapping[str, list[float]], *answers: Mapping[str, Mapping[str, Any]], param: str | None = None) -> Size:
    """Return a size at which each question was answered so."""
    questions = [{"name": f"q{at}", "param": param, "thing": None, "answers": said} for at, said in enumerate(answers)]
    facts = {
        "bound_s": 60,
        "patience_s": 600,
        "rounds": 5,
        "snapshot_quads": quads,
        "sources": 5,
        "file_bytes": 9,
        "date": "",
        "machine": "",
        "versions": {},
    }
    [size] = parse(json.dumps([{"quads": quads, "facts": facts, "figures": figures, "questions": questions}]))
    return size


def _target(words: str, *sizes: Size) -> Target:
    [found] = [target for target in targets(sizes) if words in target.wanted]
    return found


# ---------------------------------------------------------------- what is recorded is what the page says


def test_the_page_is_what_the_recorded_figures_give() -> None:
    assert (FOLDER / "RESULTS.md").read_text("utf-8") == render(_sizes())


def test_the_picture_is_what_the_recorded_figures_give() -> None:
    assert (FOLDER / "growth.svg").read_text("utf-8") == draw(_sizes())


def test_every_question_of_the_catalogue_is_recorded_at_every_size() -> None:
    for size in _sizes():
        assert {one.name for one in size.questions} == set(query_names())


# ---------------------------------------------------------------- what is said of figures


def test_a_target_is_met_not_met_or_not_measured() -> None:
    words = "build after a change within 3 s"
    assert _target(words, _size(1_000_000, {"build changed s": [2.9]})).verdict == "met"
    assert _target(words, _size(1_000_000, {"build changed s": [3.1]})).verdict == "**not met**"
    assert _target(words, _size(100_000, {"build changed s": [2.9]})).verdict == "not measured"


def test_memory_is_judged_apart_for_a_build_and_a_load_into_memory() -> None:
    size = _size(10_000_000, {"build full bytes": [3e9], "load kg bytes": [7e9]})
    verdicts = [(one.measured, one.verdict) for one in targets([size]) if "500 bytes a quad" in one.wanted]
    assert verdicts == [("300 bytes", "met"), ("700 bytes", "**not met**")]


def test_a_peer_that_is_left_out_keeps_its_figures_which_are_told_as_earlier_ones() -> None:
    def run(date: str, seconds: float, *peers: str) -> dict[str, Any]:
        answers: dict[str, Any] = {name: {"seconds": [seconds]} for name in ("kg", *peers)}
        facts = {"date": date, "machine": "one", "versions": dict.fromkeys(peers, "1")}
        figures = {f"load {name} s": [seconds] for name in answers}
        return {"facts": facts, "figures": figures, "questions": [{"name": "q", "param": None, "thing": None, "answers": answers}]}

    found = keep(run("2026-11-23", 2), run("2026-11-22", 1, "rdflib", "virtuoso"), ["rdflib"])
    assert found["questions"][0]["answers"] == {"kg": {"seconds": [2]}, "rdflib": {"seconds": [1]}}
    assert found["figures"] == {"load kg s": [2], "load rdflib s": [1]}
    assert found["facts"]["kept"] == {"rdflib": "2026-11-22"}
    assert keep(run("2026-11-24", 3), found, ["rdflib"])["facts"]["kept"] == {"rdflib": "2026-11-22"}, "since when it is known"
    assert "kept" not in keep(run("2026-11-23", 2), None, ["rdflib"])["facts"]
    elsewhere = run("2026-11-22", 1, "rdflib")
    elsewhere["facts"]["machine"] = "another"
    assert keep(run("2026-11-23", 2), elsewhere, ["rdflib"]) == run("2026-11-23", 2)


def test_one_question_that_is_too_slow_is_enough_to_miss_a_target_of_all() -> None:
    good = {"kg": {"seconds": [1.2]}, "pyoxigraph": {"seconds": [1.0]}}
    bad = {"kg": {"seconds": [1.4]}, "pyoxigraph": {"seconds": [1.0]}}
    assert _target("as rows", _size(1000, {}, good, good)).verdict == "met"
    found = _target("as rows", _size(1000, {}, good, bad, good))
    assert (found.measured, found.verdict) == ("median 1.20, worst 1.40; 2 of 3 within", "**not met**")


def test_what_was_late_counts_as_the_bound_and_is_told_as_the_least() -> None:
    late: dict[str, dict[str, Any]] = {"kg": {"seconds": [0.5]}, "rdflib": {"late": True, "after_s": 60}}
    found = _target("faster than rdflib", _size(1_000_000, {}, late))
    assert (found.measured, found.verdict) == ("at least 120 times", "met")


def test_growth_is_told_for_the_questions_about_one_apart_from_those_about_all() -> None:
    small, large = ({"kg": {"seconds": [seconds]}} for seconds in (0.01, 0.1))
    about_one = (_size(1_000_000, {}, small, param="node"), _size(10_000_000, {}, large, param="node"))
    assert _target("3 times as long", *about_one).measured == "median 10.0, worst 10.0; 0 of 1 within"
    assert _target("16 times as long", *about_one).verdict == "not measured"
    about_all = (_size(1_000_000, {}, small), _size(10_000_000, {}, large))
    assert _target("16 times as long", *about_all).verdict == "met"
    ended = _size(10_000_000, {}, {"kg": {"late": True, "after_s": 0.1}})
    assert _target("16 times as long", about_all[0], ended).verdict == "**not met**", "nobody knows how much longer it takes"


def test_an_answer_that_is_late_wrong_or_missing_is_told_as_such() -> None:
    said: dict[str, dict[str, Any]] = {
        "kg": {"seconds": [0.1], "rows": 7},
        "virtuoso": {"error": "400 | no"},
        "rdflib": {"late": True, "after_s": 60, "carried": True},
    }
    page = render([_size(1000, {}, {**said, "oxigraph serve": {"seconds": [0.2], "rows": 6}})])
    assert "| q0 | 100 ms | 200 ms ≠ | no answer | > 60 s ↑ |" in page
    assert "- virtuoso, q0: 400   no\n- oxigraph serve, q0: 6 rows where kg has 7" in page


def test_the_names_in_the_picture_do_not_overlap_though_their_lines_end_together() -> None:
    names = ("build full s", "build changed s", "load kg s", "page, over HTTP s", "subgraph, over HTTP s")
    picture = draw([_size(quads, {name: [0.02] for name in names}) for quads in (1000, 10_000)])
    places = sorted(float(y) for y in re.findall(r'<text x="688\.0" y="([\d.]+)"', picture))
    assert len(places) == len(names)
    assert min(after - before for before, after in pairwise(places)) >= LINE - 0.1


# ---------------------------------------------------------------- who is asked what


@dataclass
class _Engine:
    """Answers as it was told to, and notes what it was asked."""

    reply: Reply
    asked: list[str] = field(default_factory=list)

    def ask(self, question: Question, mode: str, bound_s: float) -> Reply:
        self.asked.append(f"{question.key} {mode}")
        return self.reply

    def close(self) -> None:
        """Nothing is open."""


PLAN = Plan((Question("people", None, None, "SELECT"), Question("facts", "node", "person:x", "SELECT")), (), ())


def _ask(*sides: Side, late: frozenset[tuple[str, str]] = frozenset()) -> list[dict[str, Any]]:
    log = Log(1000)
    ask_all(log, Settings(Path(), 2, 60, 1, ()), sides, PLAN, late)
    return [question["answers"] for question in log.questions]


def test_the_first_round_is_not_counted() -> None:
    engine = _Engine({"seconds": 0.5, "rows": 3})
    assert _ask(Side("kg", engine, "bytes")) == [{"kg": {"seconds": [0.5, 0.5], "rows": 3}}] * 2
    assert engine.asked == ["people bytes", "facts node bytes"] * 3


def test_what_takes_long_is_counted_at_once_and_not_asked_past_the_bound() -> None:
    engine = _Engine({"seconds": 40, "rows": 3})
    assert _ask(Side("kg", engine))[0] == {"kg": {"seconds": [40, 40], "rows": 3}}
    assert engine.asked == ["people rows", "facts node rows"] * 2


@pytest.mark.parametrize(("reply", "kept"), [({"late": True}, "late"), ({"seconds": 61, "rows": 1}, "late"), ({"error": "no"}, "error")])
def test_who_is_late_or_cannot_answer_is_told_and_not_asked_again(reply: Reply, kept: str) -> None:
    engine = _Engine(reply)
    assert all(kept in answers["virtuoso"] for answers in _ask(Side("virtuoso", engine)))
    assert len(engine.asked) == 2


def test_what_rdflib_does_not_answer_rdflib_endpoint_is_not_asked() -> None:
    endpoint = _Engine({"seconds": 1, "rows": 1})
    found = _ask(Side("rdflib", _Engine({"late": True})), Side("rdflib-endpoint", endpoint))
    assert found[0]["rdflib-endpoint"] == {"late": True, "after_s": 60, "carried": True}
    assert endpoint.asked == []


def test_who_was_late_at_a_smaller_size_is_not_asked_at_a_larger_one() -> None:
    said = {"name": "facts", "param": "node", "answers": {"rdflib": {"late": True}, "kg": {"seconds": [1]}}}
    run = {"quads": 1000, "facts": {"bound_s": 60, "machine": machine()}, "questions": [said]}
    assert late_of([run], 2000, 60) == {("rdflib", "facts node")}
    assert not late_of([run], 1000, 60), "it is measured again at its own size"
    assert not late_of([run], 2000, 90), "it may answer with more time"
    assert not late_of([{**run, "facts": {"bound_s": 60, "machine": "another"}}], 2000, 60)
    engine = _Engine({"seconds": 1, "rows": 1})
    found = _ask(Side("rdflib", engine), late=frozenset({("rdflib", "facts node")}))
    assert found[1]["rdflib"] == {"late": True, "after_s": 60, "carried": True}
    assert set(engine.asked) == {"people rows"}


def test_each_question_is_asked_of_all_and_of_an_ordinary_thing_of_the_class_it_takes() -> None:
    graph = kg.open()
    plan = make_plan(graph)
    assert {one.name for one in plan.questions if one.param is None} == set(query_names())
    bound = {one.name for one in plan.questions if one.param}
    assert bound == {name for name in query_names() if any(param.type == "iri" for param in get_query(name).params)}
    [facts] = [one for one in plan.questions if one.key == "facts node"]
    [pledges] = [one for one in plan.questions if one.key == "pledges maker"]
    degrees = {node.id: node.degree for node in graph.table().nodes(None)}
    assert facts.thing
    assert pledges.thing
    assert degrees[facts.thing] < max(degrees.values()) / 20
    assert len(graph.query("facts", node=facts.thing)) > 0
    assert len(graph.query("pledges", maker=pledges.thing)) > 0, "most makers of this graph are bound by nothing"
    assert f"<https://w3id.org/kg-commitments/id/{pledges.thing.replace(':', '/')}>" in pledges.text


# ---------------------------------------------------------------- engines


@pytest.fixture(scope="module")
def quads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quads") / "all.nq"
    with path.open("wb") as file:
        kg.open().write(file, "nq")
    return path


@pytest.fixture(scope="module")
def workers(quads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Worker]]:
    snapshot = tmp_path_factory.mktemp("snapshot")
    subprocess.run([sys.executable, "-m", "kg", "build", "--out", snapshot], check=True, capture_output=True)
    started = {kind: Worker(kind, snapshot if kind in ("kg", "app") else quads) for kind in ("kg", "pyoxigraph", "rdflib", "app")}
    yield started
    for worker in started.values():
        worker.close()


def test_every_engine_in_a_process_gives_the_same_rows(workers: dict[str, Worker]) -> None:
    people = Question("people", None, None, get_query("people").text)
    rows = {kind: workers[kind].ask(people, "rows", 60)["rows"] for kind in ("kg", "pyoxigraph", "rdflib")}
    assert rows == dict.fromkeys(rows, len(kg.open().query("people")))
    sizes = {kind: workers[kind].ask(people, "bytes", 60)["rows"] for kind in ("kg", "pyoxigraph")}
    assert sizes["kg"] == sizes["pyoxigraph"] > rows["kg"]


@pytest.mark.parametrize("name", ["oxigraph", "virtuoso"])
def test_a_server_loads_the_quads_gives_the_same_rows_and_is_ended_when_it_is_late(quads: Path, tmp_path: Path, name: str) -> None:
    if name == "virtuoso" and missing_tools(["wrk"]):
        pytest.skip("Virtuoso is not installed")
    server, seconds = getattr(Peers(Path(sys.prefix), tmp_path), name)(quads)
    try:
        assert seconds > 0
        people = Question("people", None, None, get_query("people").text)
        assert server.ask(people, "rows", 60)["rows"] == len(kg.open().query("people"))
        assert "400" in server.ask(Question("wrong", None, None, "SELECT"), "rows", 60)["error"]
        assert server.ask(Question("runaway", None, None, RUNAWAY), "rows", 0.5) == {"late": True}
        assert server.ask(people, "rows", 60)["rows"] > 0, "it was started again with what it had loaded"
    finally:
        server.close()


@pytest.mark.parametrize("kind", ["pyoxigraph", "rdflib"])
def test_a_runaway_is_ended_at_the_bound_and_the_engine_answers_on(workers: dict[str, Worker], kind: str) -> None:
    assert workers[kind].ask(Question("runaway", None, None, RUNAWAY), "rows", 0.5) == {"late": True}
    people = Question("people", None, None, get_query("people").text)
    assert workers[kind].ask(people, "rows", 60)["rows"] > 0


def test_a_query_that_an_engine_refuses_is_an_error_in_its_words(workers: dict[str, Worker]) -> None:
    found = workers["pyoxigraph"].ask(Question("wrong", None, None, "SELECT"), "rows", 60)
    assert found["error"].startswith("SyntaxError: ")


def test_the_application_is_asked_for_pages_without_a_network(workers: dict[str, Worker]) -> None:
    assert workers["app"].get("/entities/person/matt-hancock", "text/html", 60)["rows"] > 1000
    assert "answers 404" in workers["app"].get("/nowhere", "text/html", 60)["error"]


# ---------------------------------------------------------------- the command


def test_a_change_is_one_character_of_a_label() -> None:
    text = 'source:x rdfs:label "Zebra" ; kg:title "Zoo" .\npledge:y rdfs:label "Zoo" .'
    assert change(text) == text.replace("Zebra", "Aebra")


def test_a_peer_that_is_not_installed_is_missed_at_once_and_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert [line.partition(" ")[0] for line in missing_tools([])] == ["Virtuoso", "wrk"]
    assert missing_tools(["virtuoso", "wrk"]) == []
    command = [sys.executable, str(FOLDER / "scale.py"), "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Virtuoso is not installed. On Debian: apt-get install virtuoso-opensource.")
    assert list(tmp_path.iterdir()) == [], "nothing is begun"


def test_the_examples_of_its_docstrings_run() -> None:
    files = [str(FOLDER / f"{name}.py") for name in ("figures", "growth", "questions", "scale")]
    done = subprocess.run([sys.executable, "-m", "doctest", *files], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
