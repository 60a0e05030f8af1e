import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from conftest import BASE, Runner, compiled
from kg import build, compiler, snapshots, units
from kg.errors import CheckError, DataError, ParseError
from kg.projection import read_projection
from kg.resources import shipped
from kg.store import Embedded, to_data
from kg.tablefile import table_name, write_table
from kg.vocab import DERIVED_GRAPH

GRAPHS = sorted(path for path in (Path(__file__).parent / "graphs").iterdir() if path.is_dir())
ILLNESS = {"statement:gazette-illness", "quantity:gazette-illness", "passage:gazette-539-609", "passage:gazette-594-608"}


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _built(graph: Path, *, sensitive: bool = False) -> Embedded:
    return compiled(graph, sensitive=sensitive).embedded


def _held(folder: Path) -> dict[str, Any]:
    """Return the manifest of the snapshot in force, once its quads are found whole."""
    opened = snapshots.open_snapshot(folder)
    assert len(opened.embedded.engine) == opened.manifest["quads"]
    return dict(opened.manifest)


def _subjects(store: Embedded) -> set[str]:
    return {str(row[0]) for row in store.select("SELECT DISTINCT ?s { ?s ?p ?o }")}


def _spoil(graph: Path, old: str, new: str) -> None:
    path = graph / "sources" / "gazette.trig"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_shipped_graph_builds_the_same_twice() -> None:
    first, second = compiled(shipped("graph")), compiled(shipped("graph"))
    assert first.manifest == second.manifest
    assert to_data(first.embedded.engine) == to_data(second.embedded.engine)


@pytest.mark.parametrize("sensitive", [False, True], ids=["plain", "sensitive"])
@pytest.mark.parametrize("graph", [BASE, shipped("graph"), *GRAPHS], ids=lambda path: path.name)
def test_graph_by_graph_and_all_at_once_the_build_comes_to_the_same(graph: Path, sensitive: bool) -> None:
    stated = build.read(graph)
    whole = build.derive(stated if sensitive else build.without_sensitive(stated))
    opened = compiled(graph, sensitive=sensitive)
    assert to_data(opened.embedded.engine) == to_data(whole.engine)
    assert opened.manifest["classes"] == whole.count_classes()
    assert opened.manifest["quads"] == len(whole.engine)


def test_a_build_has_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    found = []
    for seed in ("0", "4711"):
        runner = Runner(tmp_path, {"PYTHONHASHSEED": seed})
        assert runner("build", "--out", tmp_path / seed).returncode == 0
        found.append({path.relative_to(tmp_path / seed): path.read_bytes() for path in (tmp_path / seed).rglob("*") if path.is_file()})
    assert found[0] == found[1]
    assert {path.suffix for path in found[0]} == {"", ".json", ".jsonl", ".nq", ".sha256", ".sqlite", ".tsv"}


def test_a_folder_of_a_graph_may_stand_anywhere(small_graph: Path) -> None:
    assert compiled(small_graph).manifest == compiled(BASE).manifest


@pytest.mark.parametrize("graph", [BASE, shipped("graph")], ids=["base", "shipped"])
def test_no_triple_stands_in_two_graphs(graph: Path) -> None:
    found = Counter(quad.triple for quad in _built(graph, sensitive=True).engine)
    assert [triple for triple, count in found.items() if count > 1] == []


@pytest.mark.parametrize("graph", [BASE, shipped("graph")], ids=["base", "shipped"])
def test_what_is_derived_lies_in_derived_graphs_and_repeats_nothing_stated(graph: Path) -> None:
    stated = set(build.read(graph).to_store().engine)
    derived = set(_built(graph, sensitive=True).engine) - stated
    assert {quad.triple for quad in derived} & {quad.triple for quad in stated} == set()
    sources = [path.stem for path in (graph / "sources").iterdir()]
    names = {quad.graph_name.value for quad in derived if isinstance(quad.graph_name, ox.NamedNode)}
    assert names == {DERIVED_GRAPH, *(f"{DERIVED_GRAPH}/{source}" for source in sources)}


def test_every_node_of_a_build_has_one_label() -> None:
    rows = _built(BASE).select(
        "SELECT ?node (COUNT(?label) AS ?labels) { ?node a ?c . ?c a owl:Class OPTIONAL { ?node rdfs:label ?label } } GROUP BY ?node"
    )
    # An identifier is read by its register and code.
    assert {str(node) for node, labels in rows if labels != 1 and not str(node).startswith("identifier:")} == set()


def test_what_follows_from_the_base_is_as_counted_by_hand() -> None:
    store = _built(BASE)

    def ask(text: str) -> Any:
        return store.select(f"ASK {{ {text} }}").rows[0][0]

    assert ask("pledge:gazette-cranes kg:totalLow 0.0 ; kg:totalHigh 8000000.0 ; kg:totalUnit 'NOK'")
    assert ask("pledge:gazette-training kg:totalLow 1000000.0 ; kg:totalHigh 1000000.0 ; kg:countedIn pledge:gazette-cranes")
    assert not ask("pledge:gazette-cranes kg:countedIn ?any")
    assert not ask("pledge:courier-money kg:totalLow ?any")
    assert ask("person:ida-brandt kg:heldPost post:mayor, post:harbour-minister ; kg:servedIn organisation:harbour-ministry")
    assert ask("person:nils-aker kg:wrote source:gazette")
    assert ask("event:solvik-speech kg:latest '2024-05-03'^^xsd:date")
    assert ask("date:gazette-horizon kg:latest '2026-12-31'^^xsd:date")
    assert not ask("date:gazette-horizon kg:earliest ?any")
    assert ask("place:norland kg:wikidata <http://www.wikidata.org/entity/Q1>")


# ---------------------------------------------------------------- sensitive


def test_sensitive_facts_are_left_out_with_their_values_and_passages() -> None:
    assert ILLNESS & _subjects(_built(BASE)) == set()
    text = to_data(_built(BASE).engine).decode()
    assert "illness" not in text
    assert "539" not in text


def test_nothing_of_a_sensitive_fact_is_in_any_file_of_a_snapshot(tmp_path: Path) -> None:
    compiler.build(BASE, tmp_path, on_disk=True)
    assert _with(tmp_path, b"illness") == []


def _with(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_what_is_marked_later_is_in_no_file_of_the_next_snapshot(small_graph: Path, tmp_path: Path) -> None:
    out, mark = tmp_path / "out", "kg:mark code:sensitive ;"
    text = (small_graph / "sources" / "gazette.trig").read_text("utf-8")
    assert mark in text
    _spoil(small_graph, mark, "")
    first = compiler.build(small_graph, out, on_disk=True)
    assert {path.suffix for path in _with(first, b"illness")} >= {".sst", ".sqlite"}
    (small_graph / "sources" / "gazette.trig").write_text(text, "utf-8")
    assert _with(compiler.build(small_graph, out, on_disk=True), b"illness") == []
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    assert _with(compiler.build(small_graph, out, on_disk=True), b"illness") == []


def test_sensitive_facts_are_kept_when_asked_for() -> None:
    plain, every = _subjects(_built(BASE)), _subjects(_built(BASE, sensitive=True))
    assert every - plain == ILLNESS


def test_a_passage_that_proves_something_else_too_stays(small_graph: Path) -> None:
    _spoil(
        small_graph,
        "    quantity:gazette-illness a kg:Quantity ;\n        kg:of statement:gazette-illness",
        "    quantity:gazette-illness a kg:Quantity ;\n        kg:of pledge:gazette-jobs",
    )
    found = _subjects(_built(small_graph))
    assert {"quantity:gazette-illness", "passage:gazette-594-608"} <= found
    assert {"statement:gazette-illness", "passage:gazette-539-609"} & found == set()


def test_nothing_leads_to_what_was_left_out(small_graph: Path) -> None:
    _spoil(
        small_graph, "kg:respondsTo statement:gazette-too-small ;", "kg:respondsTo statement:gazette-too-small, statement:gazette-illness ;"
    )
    _spoil(small_graph, "kg:between money:gazette-cranes, money:gazette-reply", "kg:between money:gazette-cranes, quantity:gazette-illness")
    store = _built(small_graph)
    found = _subjects(store)
    assert "conflict:gazette-sums" not in found
    assert "statement:gazette-reply" not in found, "what answers a left-out fact speaks of it"
    assert store.select('SELECT ?s { ?s ?p ?o FILTER(ISIRI(?o) && CONTAINS(STR(?o), "illness")) }').rows == ()


# ---------------------------------------------------------------- files that do not hold


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=str(tmp_path)):
        compiler.build(tmp_path, tmp_path / "out")


def test_a_graph_file_with_another_graph_or_none_is_refused(small_graph: Path) -> None:
    path = small_graph / "sources" / "courier.trig"
    text = path.read_text("utf-8")
    path.write_text(text + 'place:solvik rdfs:label "Solvik" .\n', "utf-8")
    with pytest.raises(ParseError, match=r"courier\.trig:.*outside the graph"):
        build.read(small_graph)
    path.write_text(text + 'source:other { source:other rdfs:label "x" }\n', "utf-8")
    with pytest.raises(ParseError, match=r"courier\.trig:.*several graphs"):
        build.read(small_graph)


def test_every_finding_is_reported_at_once_in_the_order_of_the_files(small_graph: Path) -> None:
    _spoil(small_graph, "kg:strength code:planned", "kg:strength code:new")
    _spoil(small_graph, "kg:actor trust:solvik-harbour", "kg:actor trust:nowhere")
    with pytest.raises(CheckError) as caught:
        compiled(small_graph)
    assert [finding.rule for finding in caught.value.findings] == ["code", "dangling"]
    assert "2 findings" in str(caught.value)


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_is_opened_as_it_was_built(tmp_path: Path) -> None:
    folder = compiler.build(BASE, tmp_path / "out")
    opened = snapshots.open_snapshot(tmp_path / "out")
    assert folder == opened.folder == tmp_path / "out" / opened.manifest["sha256"][:16]
    assert opened.manifest["sha256"] == sha256((folder / "parts.tsv").read_bytes()).hexdigest()
    for line in (folder / "parts.tsv").read_text("utf-8").splitlines():
        digest, quads, graph = line.split("\t")
        data = (tmp_path / "out" / "parts" / f"{digest}.nq").read_bytes()
        assert (sha256(data).hexdigest(), data.count(b"\n")) == (digest, int(quads))
        assert all(row.endswith(f" <{graph}> .") for row in data.decode().split("\n")[:-1])
    assert opened.manifest["quads"] == len(opened.embedded.engine)
    assert opened.note is None


FILES = ["manifest.json", "parts.tsv", "CURRENT", "parts/*.nq"]


def _file(folder: Path, name: str) -> Path:
    return max(folder.rglob(name) if "/" not in name else folder.glob(name))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut", "other", "binary", "gone", "bit"])
def test_a_damaged_snapshot_is_never_answered_from_and_mended_by_the_next_build(tmp_path: Path, name: str, damage: str) -> None:
    compiler.build(BASE, tmp_path)
    whole = _held(tmp_path)
    path = _file(tmp_path, name)
    data = path.read_bytes()
    spoilt = {"empty": b"", "cut": data[: len(data) // 2], "other": b'{"format": 1}\n', "binary": b"\xff\x00\xfe", "gone": b""}
    path.write_bytes(spoilt.get(damage, data[:10] + bytes([data[10] ^ 1]) + data[11:]))
    if damage == "gone":
        path.unlink()
    if (name, damage) != ("manifest.json", "bit"):
        with pytest.raises(DataError, match=str(tmp_path)):
            _held(tmp_path)
    compiler.build(BASE, tmp_path)
    assert _held(tmp_path) == whole


def test_a_damaged_cache_is_built_again(no_cache: Path, small_graph: Path) -> None:
    compiler.open_graph(small_graph)
    for path in no_cache.rglob("parts.tsv"):
        path.write_bytes(path.read_bytes()[:-100])
    assert len(compiler.open_graph(small_graph).embedded.engine) > 0


def test_a_graph_that_has_not_changed_is_not_built_again(no_cache: Path, small_graph: Path) -> None:
    compiler.open_graph(small_graph)
    before = {path: path.stat().st_mtime_ns for path in no_cache.rglob("*")}
    compiler.open_graph(small_graph)
    assert {path: path.stat().st_mtime_ns for path in no_cache.rglob("*")} == before


def test_a_change_is_seen_and_a_mistake_answers_from_before(no_cache: Path, small_graph: Path) -> None:
    compiler.open_graph(small_graph)
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    changed = compiler.open_graph(small_graph)
    assert changed.note is None
    assert changed.store.select('ASK { ?s rdfs:label "Keep every crane driver" }').rows == ((True,),)
    _spoil(small_graph, "kg:strength code:planned", "kg:strength code:new")
    kept = compiler.open_graph(small_graph)
    assert kept.note is not None
    assert str(small_graph) in kept.note
    assert kept.manifest == changed.manifest


def test_a_mistake_with_nothing_from_before_is_an_error(no_cache: Path, small_graph: Path) -> None:
    _spoil(small_graph, "kg:strength code:planned", "kg:strength code:new")
    with pytest.raises(CheckError):
        compiler.open_graph(small_graph)


def test_a_cache_that_cannot_be_written_is_said_and_the_graph_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = compiler.open_graph(BASE)
    assert opened.note is not None
    assert "cannot be written" in opened.note
    assert len(opened.embedded.engine) == opened.manifest["quads"]


def test_the_cache_keeps_the_snapshot_in_force_and_the_one_before(no_cache: Path, small_graph: Path) -> None:
    for number in range(4):
        _spoil(small_graph, 'rdfs:label "', f'rdfs:label "{number}')
        compiler.open_graph(small_graph)
    assert len(list(no_cache.rglob("manifest.json"))) == 2


def test_parts_that_no_snapshot_has_are_cleared_away_in_time(tmp_path: Path, small_graph: Path) -> None:
    out = tmp_path / "out"
    for number in range(4):
        _spoil(small_graph, 'rdfs:label "', f'rdfs:label "{number}')
        compiler.build(small_graph, out)
    young = len(list((out / "parts").iterdir()))
    for path in (out / "parts").iterdir():
        os.utime(path, (0, 0))
    _spoil(small_graph, 'rdfs:label "', 'rdfs:label "4')
    compiler.build(small_graph, out)
    listed = {line.split("\t")[0] for path in out.rglob("parts.tsv") for line in path.read_text("utf-8").splitlines()}
    assert {path.stem for path in (out / "parts").iterdir()} == listed
    assert len(listed) < young


# ---------------------------------------------------------------- killed, and at the same time

KILLED = """
import os, signal, sys
from pathlib import Path
from kg import compiler
left, out = int(sys.argv[3]), sys.argv[2]
def hook(event, args):
    global left
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.scandir", "os.utime"):
        if out in str(args[0]):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
compiler.build(Path(sys.argv[1]), Path(out))
"""


def test_a_build_that_is_killed_at_any_point_leaves_a_whole_snapshot(tmp_path: Path, small_graph: Path) -> None:
    """The process kills itself before its first, its fifth, its ninth … call to the file system, until it comes through."""
    out = tmp_path / "out"
    compiler.build(small_graph, out)
    first = _held(out)["sha256"]
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    second = compiled(small_graph).manifest["sha256"]
    seen, codes = [], []
    for calls in range(0, 400, 4):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, small_graph, out, str(calls)], capture_output=True, text=True, check=False, timeout=60
        )
        seen.append(_held(out)["sha256"])
        codes.append(done.returncode)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert codes[-1] == 0
    assert len(seen) > 5
    switch = seen.index(second)
    assert set(seen[:switch]) == {first}
    assert set(seen[switch:]) == {second}


OVERTAKEN = """
import sys
from pathlib import Path
from kg import compiler
graph, folder, is_same = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "same"
left, out = -1, None
def hook(event, args):
    global left
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.scandir", "os.utime"):
        if left >= 0 and str(out) in str(args[0]):
            left -= 1
            if left == -1:
                compiler.build(graph, out, sensitive=not is_same)
sys.addaudithook(hook)
for calls in range(0, 400, 7):
    out, left = folder / str(calls), -1
    compiler.build(graph, out)
    left = calls
    compiler.build(graph, out)
    if left >= 0:
        break
    left = -1
    from kg import snapshots
    assert snapshots.open_snapshot(out).store
print(calls)
"""


@pytest.mark.parametrize("is_same", [True, False], ids=["same", "other"])
def test_a_build_may_overtake_another_at_any_point(tmp_path: Path, is_same: bool) -> None:
    """Before one call to the file system or another, a second build into the same folder comes through."""
    command = [sys.executable, "-c", OVERTAKEN, str(BASE), str(tmp_path), "same" if is_same else "other"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_two_commands_build_at_the_same_time(kg: Runner, tmp_path: Path) -> None:
    running = [kg.start("build", "--graph", BASE, "--out", tmp_path / "out") for _ in range(3)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert kg("stats", "--store", tmp_path / "out").returncode == 0


def test_a_snapshot_that_is_open_is_not_cleared_away(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def change(letter: str) -> Path:
        path = small_graph / "entities.ttl"
        path.write_text(path.read_text("utf-8") + f'place:else-{letter} a kg:Place ; rdfs:label "Else {letter}" .\n', "utf-8")
        return compiler.build(small_graph, out)

    first = change("a")
    opened = snapshots.open_snapshot(out)
    change("b")
    third = change("c")
    assert first.is_dir()
    del opened
    fourth = change("d")
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"parts", third.name, fourth.name}


def test_the_draft_of_a_build_that_was_killed_is_cleared_at_once_and_that_of_one_at_work_is_not(tmp_path: Path) -> None:
    dead, living = tmp_path / ".build-dead", tmp_path / ".build-living"
    for folder in (dead, living):
        (folder / "parts").mkdir(parents=True)
    with closing(snapshots.Hold(living)):
        compiler.build(BASE, tmp_path)
        assert (dead.exists(), living.exists()) == (False, True)
    compiler.build(BASE, tmp_path)
    assert not living.exists()


def test_several_processes_make_the_same_snapshot(small_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "BATCH_QUADS", 1)
    compiler.build(small_graph, tmp_path, processes=2)
    assert _held(tmp_path) == compiled(small_graph).manifest
    _spoil(small_graph, "a kg:Pledge", "a kg:Plege")
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    with pytest.raises(CheckError) as caught:
        compiler.build(small_graph, tmp_path / "other", processes=2)
    assert list(caught.value.findings) == build.check(build.read(small_graph))


def _end(*_: object) -> None:
    os._exit(9)


def test_a_process_of_a_build_that_is_ended_from_outside_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "BATCH_QUADS", 1)
    monkeypatch.setattr(compiler, "work", _end)
    with pytest.raises(DataError, match=r"ended from outside.*build again"):
        compiler.build(BASE, tmp_path, processes=2)


SLOW = """
import sys
from pathlib import Path
import patient
from kg import compiler
compiler.BATCH_QUADS, compiler.work = 1, patient.work
compiler.build(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
"""


def test_the_processes_of_a_build_that_is_killed_end_as_well(tmp_path: Path) -> None:
    (tmp_path / "patient.py").write_text("import os, time\ndef work(*_):\n    os.write(1, b'ready\\n')\n    time.sleep(60)\n", "utf-8")
    command = [sys.executable, "-c", SLOW, str(BASE), str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(tmp_path)}, text=True) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        process.kill()
        # The pipe ends when the last process that has it is gone.
        assert process.communicate(timeout=30)[0] == ""


def test_the_manifest_counts_what_is_there() -> None:
    opened = compiled(BASE)
    assert opened.manifest["quads"] == len(opened.embedded.engine)
    assert opened.manifest["classes"]["kg:Pledge"] == 4
    assert opened.manifest["classes"]["kg:Source"] == 2


def test_the_pointer_is_replaced_and_never_written_over(tmp_path: Path) -> None:
    compiler.build(BASE, tmp_path)
    before = (tmp_path / "CURRENT").read_text("utf-8")
    os.link(tmp_path / "CURRENT", tmp_path / "witness")
    compiler.build(BASE, tmp_path, sensitive=True)
    assert (tmp_path / "CURRENT").read_text("utf-8") != before
    assert (tmp_path / "witness").read_text("utf-8") == before


# ---------------------------------------------------------------- only what has changed


def _worked_on(monkeypatch: pytest.MonkeyPatch, graph: Path, out: Path) -> list[str]:
    """Build, and return the slugs of the sources that were worked on again."""
    seen: list[str] = []

    def watch(batch: Any, *args: Any) -> Any:
        seen.extend(draft.graph.rpartition("/")[2] for draft in batch.drafts)
        return units.work(batch, *args)

    with monkeypatch.context() as patched:
        patched.setattr("kg.compiler.work", watch)
        compiler.build(graph, out)
    return seen


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_only_what_has_changed_is_worked_on(small_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    entities, gazette, courier = (small_graph / name for name in ("entities.ttl", "sources/gazette.trig", "sources/courier.trig"))
    assert _worked_on(monkeypatch, small_graph, out) == ["courier", "gazette"]
    assert _worked_on(monkeypatch, small_graph, out) == []
    _replace(courier, "source:courier {", "# A remark.\nsource:courier {")
    assert _worked_on(monkeypatch, small_graph, out) == [], "what it states is the same"
    _replace(gazette, '"Dismiss no crane driver"', '"Keep every crane driver"')
    assert "gazette" in _worked_on(monkeypatch, small_graph, out)
    _replace(entities, '"Ministry of Harbours of Norland"', '"Ministry of Ports of Norland"')
    named = [path.stem for path in (courier, gazette) if "organisation:harbour-ministry" in path.read_text("utf-8")]
    assert _worked_on(monkeypatch, small_graph, out) == named != []
    entities.write_text(entities.read_text("utf-8") + 'place:elsewhere a kg:Place ; rdfs:label "Elsewhere" .\n', "utf-8")
    assert _worked_on(monkeypatch, small_graph, out) == [], "nobody names it"
    assert _held(out) == compiled(small_graph).manifest


def test_a_change_elsewhere_is_seen_by_the_source_that_leads_there(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compiler.build(small_graph, out)
    before = _held(out)
    (small_graph / "sources" / "gazette.trig").unlink()
    with pytest.raises(CheckError) as caught:
        compiler.build(small_graph, out)
    assert list(caught.value.findings) == build.check(build.read(small_graph))
    assert {finding.rule for finding in caught.value.findings} == {"dangling"}
    assert _held(out) == before


def test_what_is_wrong_with_a_thing_is_told_and_not_what_cannot_be_derived_of_it(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compiler.build(small_graph, out)
    _replace(small_graph / "entities.ttl", 'a kg:Event ; rdfs:label "Speech to the dockers of Solvik"', "a kg:Event")
    for folder in (out, tmp_path / "new"):
        with pytest.raises(CheckError) as caught:
            compiler.build(small_graph, folder)
        assert list(caught.value.findings) == build.check(build.read(small_graph))


EDITS = st.lists(
    st.tuples(st.sampled_from(["entities.ttl", "sources/gazette.trig", "sources/courier.trig"]), st.integers(0, 10_000), st.integers(0, 3)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=8)
@given(EDITS)
def test_after_any_edits_a_build_comes_to_what_one_from_nothing_does(edits: list[tuple[str, int, int]]) -> None:
    """A statement is taken out, doubled under another name, or has a word changed; what breaks a rule is found alike."""
    with TemporaryDirectory() as folder:
        graph, out = Path(folder) / "graph", Path(folder) / "out"
        shutil.copytree(BASE, graph)
        compiler.build(graph, out, on_disk=True)
        for name, place, kind in edits:
            path = graph / name
            path.write_text(_edit(path.read_text("utf-8"), place, kind), "utf-8")
            try:
                stated = build.read(graph)
            except ParseError:
                with pytest.raises(ParseError):
                    compiler.build(graph, out)
                continue
            if findings := build.check(stated):
                with pytest.raises(CheckError) as caught:
                    compiler.build(graph, out)
                # Steps through several sources are looked at where each of these holds by itself.
                assert [one for one in caught.value.findings if one.rule != "circle"] == [one for one in findings if one.rule != "circle"]
            else:
                made = compiler.build(graph, out, on_disk=True)
                assert _held(out) == compiled(graph).manifest
                whole = build.derive(build.without_sensitive(stated))
                for engine in snapshots.Engine:
                    assert to_data(snapshots.load(made, engine).engine) == to_data(whole.engine)
                write_table(Path(folder) / "whole.sqlite", whole, read_projection(), _held(out)["sha256"])
                assert _told(made / table_name(read_projection())) == _told(Path(folder) / "whole.sqlite")


TABLES = {
    "thing": "SELECT id, class, label, kind, is_node, degree, attributes, passages FROM thing ORDER BY id",
    "edge": """SELECT edge.number, one.id, other.id, relation.id, relation.label, proof.id, origin.id, inferred, known_by,
        ended_by, edge.attributes FROM edge JOIN thing one ON one.number = start JOIN thing other ON other.number = end
        JOIN relation ON relation.number = edge.relation LEFT JOIN thing proof ON proof.number = fact
        LEFT JOIN thing origin ON origin.number = source ORDER BY edge.number""",
    "relation": "SELECT id, label, inverse_label FROM relation ORDER BY 1, 2, 3",
    "record": "SELECT text FROM record LEFT JOIN edge USING (at) ORDER BY text, edge.number",
    "name": "SELECT * FROM name ORDER BY number",
    "grams": "SELECT term, doc FROM gram_count ORDER BY term",
    "address": "SELECT * FROM address ORDER BY source",
    "term": "SELECT * FROM term ORDER BY 1, 2",
    "meta": "SELECT * FROM meta ORDER BY name",
}
"""What a table tells, whatever numbers its rows have."""


def _told(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(query).fetchall() for name, query in TABLES.items()}


def test_a_store_on_disk_that_is_damaged_is_never_answered_from_and_mended_by_the_next_build(tmp_path: Path) -> None:
    folder = compiler.build(BASE, tmp_path, on_disk=True)
    whole = to_data(snapshots.load(folder).engine)
    path = max((folder / "store").glob("*.sst"), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(DataError, match=r"is damaged.*Build it again"):
        assert snapshots.open_snapshot(tmp_path).store
    assert to_data(snapshots.open_snapshot(tmp_path, snapshots.Engine.memory).embedded.engine) == whole
    compiler.build(BASE, tmp_path, on_disk=True)
    assert to_data(snapshots.open_snapshot(tmp_path).embedded.engine) == whole


def test_the_next_store_shares_the_files_that_stay(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = compiler.build(small_graph, out, on_disk=True)
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    second = compiler.build(small_graph, out, on_disk=True)
    numbers = [{path.stat().st_ino for path in (folder / "store").glob("*.sst")} for folder in (first, second)]
    assert numbers[0] & numbers[1]
    assert snapshots.has_disk_store(first)
    assert "Dismiss no crane driver" in str(snapshots.load(first, snapshots.Engine.disk).select("SELECT ?label { ?s rdfs:label ?label }"))


def test_a_snapshot_says_where_its_quads_are_and_why() -> None:
    free = 4 * 2**30
    assert snapshots.choose_engine(1_000, free, has_store=True)[0] == snapshots.Engine.memory
    engine, why = snapshots.choose_engine(10_000_000, free, has_store=True)
    assert engine == snapshots.Engine.disk
    assert why == "10,000,000 quads are on disk, since in memory they would take about 7.45 GiB of the 4.0 GiB that are free."
    assert snapshots.choose_engine(10_000_000, free, has_store=False)[1].endswith("Build with --on-disk, and they are read from the disk.")


def test_a_full_disk_leaves_what_was_there_and_says_so(small_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    compiler.build(small_graph, out)
    before = _held(out)
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(DataError, match=r"cannot be written to .*No space left on device\. What was there is as it was"):
            compiler.build(small_graph, out)
    assert _held(out) == before
    assert list(out.glob(".build-*")) == []


def _edit(text: str, place: int, kind: int) -> str:
    if kind == 0:
        labels = list(re.finditer(r'(?<=rdfs:label )"[^"]*"', text))
        found = labels[place % len(labels)]
        return text[: found.start()] + f'"Other {place}"' + text[found.end() :]
    properties = list(re.finditer(r";\s*(?:kg|owl|rdfs):\w+ [^;.]*(?= [;.])", text))
    found = properties[place % len(properties)]
    if kind == 1:
        return text[: found.start()] + text[found.end() :]
    names = re.findall(r"\b(?:person|place|event|pledge|statement|trust|organisation):[\w-]+", text)
    swapped = re.sub(r"\b(?:person|place|event|pledge|statement|trust|organisation):[\w-]+", names[place % len(names)], found[0])
    if kind == 2:
        return text[: found.start()] + swapped + text[found.end() :]
    return text[: found.end()] + " " + swapped + text[found.end() :]


LINK = """
    link:{source}-both a kg:Link ; kg:relation kg:memberOf ; kg:from person:olav-lind ; kg:to organisation:dockers-union ;
        kg:cites passage:{source}-{span} .
"""


def _add(graph: Path, source: str, text: str) -> None:
    path = graph / "sources" / f"{source}.trig"
    path.write_text(path.read_text("utf-8").rstrip().removesuffix("}") + text + "}\n", "utf-8")


def test_what_two_sources_tell_stays_when_one_no_longer_tells_it(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spans = {name: _a_passage(small_graph, name) for name in ("gazette", "courier")}
    for name, span in spans.items():
        _add(small_graph, name, LINK.format(source=name, span=span))
    compiler.build(small_graph, out)
    path = small_graph / "sources" / "gazette.trig"
    path.write_text(path.read_text("utf-8").replace(LINK.format(source="gazette", span=spans["gazette"]), ""), "utf-8")
    compiler.build(small_graph, out)
    assert _held(out) == compiled(small_graph).manifest
    assert snapshots.open_snapshot(out).store.select("ASK { person:olav-lind kg:memberOf organisation:dockers-union }").rows == ((True,),)


def _a_passage(graph: Path, source: str) -> str:
    found = re.search(rf"kg:cites passage:{source}-(\d+-\d+)", (graph / "sources" / f"{source}.trig").read_text("utf-8"))
    assert found
    return found[1]


def test_entities_that_are_all_gone_are_missed(small_graph: Path, tmp_path: Path) -> None:
    compiler.build(small_graph, tmp_path / "out")
    (small_graph / "entities.ttl").unlink()
    with pytest.raises(CheckError) as caught:
        compiler.build(small_graph, tmp_path / "out")
    assert list(caught.value.findings) == build.check(build.read(small_graph))


def test_an_entity_that_a_source_describes_as_its_own_is_found(small_graph: Path, tmp_path: Path) -> None:
    entities = small_graph / "entities.ttl"
    entities.write_text(entities.read_text("utf-8") + 'programme:gazette-fund a kg:Programme ; rdfs:label "A fund" .\n', "utf-8")
    _add(small_graph, "gazette", 'programme:gazette-fund a kg:Programme ; rdfs:label "Another fund" .\n')
    with pytest.raises(CheckError) as caught:
        compiler.build(small_graph, tmp_path / "out")
    assert {"entity-in-source", "triple-in-two-graphs"} <= {finding.rule for finding in caught.value.findings}


def test_a_name_that_is_the_label_too_is_found(small_graph: Path, tmp_path: Path) -> None:
    _spoil(small_graph, 'kg:written "', 'kg:written "Dockers\' Union" ; kg:note "')
    path = small_graph / "sources" / "gazette.trig"
    text = path.read_text("utf-8")
    name = re.search(r"name:gazette-\S+(?= a kg:Name)", text)
    assert name
    path.write_text(re.sub(rf"({name[0]} a kg:Name ;\s*kg:of) [^ ;]+", r"\1 organisation:dockers-union", text), "utf-8")
    compiler.build(small_graph, tmp_path / "out", on_disk=True)
    assert kg.open(store=tmp_path / "out").find("Dockers' Union")[0].id == "organisation:dockers-union"


def test_what_is_marked_sensitive_later_leaves_no_trace(small_graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = (small_graph / "sources" / "gazette.trig").read_text("utf-8")
    (small_graph / "sources" / "gazette.trig").write_text(text.replace("kg:mark code:sensitive ;", ""), "utf-8")
    compiler.build(small_graph, out, on_disk=True)
    (small_graph / "sources" / "gazette.trig").write_text(text, "utf-8")
    folder = compiler.build(small_graph, out, on_disk=True)
    nodes = "SELECT ?label { <https://w3id.org/kg-commitments/id/statement/gazette-illness> rdfs:label ?label }"
    [[label]] = build.read(small_graph).to_store().select(nodes)
    assert [path for path in folder.rglob("*") if path.is_file() and str(label).encode() in path.read_bytes()] == []
