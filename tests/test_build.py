import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from conftest import BASE, Runner
from kg import build, snapshots
from kg.errors import CheckError, DataError, ParseError
from kg.resources import shipped
from kg.store import Embedded
from kg.vocab import DERIVED_GRAPH, KG

ILLNESS = {"statement:gazette-illness", "quantity:gazette-illness", "passage:gazette-539-609", "passage:gazette-594-608"}


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _built(graph: Path, *, sensitive: bool = False) -> Embedded:
    return Embedded.from_lines(build.build(graph, sensitive=sensitive)[0])


def _subjects(store: Embedded) -> set[str]:
    return {str(row[0]) for row in store.select("SELECT DISTINCT ?s { ?s ?p ?o }")}


def _spoil(graph: Path, old: str, new: str) -> None:
    path = graph / "sources" / "gazette.trig"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_shipped_graph_builds_the_same_twice() -> None:
    assert build.build(shipped("graph")) == build.build(shipped("graph"))


def test_a_build_has_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    found = []
    for seed in ("0", "4711"):
        runner = Runner(tmp_path, {"PYTHONHASHSEED": seed})
        assert runner("build", "--out", tmp_path / seed).returncode == 0
        found.append({path.relative_to(tmp_path / seed): path.read_bytes() for path in (tmp_path / seed).rglob("*") if path.is_file()})
    assert found[0] == found[1]
    assert {path.suffix for path in found[0]} == {"", ".json", ".nq", ".sha256", ".sqlite"}


def test_a_folder_of_a_graph_may_stand_anywhere(small_graph: Path) -> None:
    assert build.build(small_graph) == build.build(BASE)


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
    text = "".join(build.build(BASE)[0])
    assert "illness" not in text
    assert "539" not in text


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
        build.build(tmp_path)


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
        build.build(small_graph)
    assert [finding.rule for finding in caught.value.findings] == ["code", "dangling"]
    assert "2 findings" in str(caught.value)


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_is_opened_as_it_was_built(tmp_path: Path) -> None:
    lines, manifest = build.build(BASE)
    folder = snapshots.write(lines, manifest, tmp_path / "out")
    opened = snapshots.open_snapshot(tmp_path / "out")
    assert folder == tmp_path / "out" / manifest["sha256"][:16]
    assert {quad.triple for quad in opened.embedded.engine} == {quad.triple for quad in Embedded.from_lines(lines).engine}
    assert opened.manifest["quads"] == len(lines) == len(opened.embedded.engine)
    assert opened.note is None


@pytest.mark.parametrize("name", ["quads.nq", "manifest.json", "CURRENT"])
@pytest.mark.parametrize("damage", ["empty", "cut", "other", "binary", "gone"])
def test_a_damaged_snapshot_is_never_opened(tmp_path: Path, name: str, damage: str) -> None:
    folder = snapshots.write(*build.build(BASE), tmp_path)
    path = tmp_path / name if name == "CURRENT" else folder / name
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut": whole[: len(whole) // 2], "other": b'{"format": 1}\n', "binary": b"\xff\x00\xfe", "gone": b""}[damage]
    )
    if damage == "gone":
        path.unlink()
    with pytest.raises(DataError, match=str(tmp_path)):
        snapshots.open_snapshot(tmp_path)


def test_building_again_mends_a_damaged_snapshot(tmp_path: Path) -> None:
    folder = snapshots.write(*build.build(BASE), tmp_path)
    (folder / "quads.nq").write_bytes(b"")
    snapshots.write(*build.build(BASE), tmp_path)
    assert len(snapshots.open_snapshot(tmp_path).embedded.engine) > 0


def test_a_damaged_cache_is_built_again(no_cache: Path, small_graph: Path) -> None:
    build.open_graph(small_graph)
    for path in no_cache.rglob("quads.nq"):
        path.write_bytes(path.read_bytes()[:-100])
    assert len(build.open_graph(small_graph).embedded.engine) > 0


def test_a_graph_that_has_not_changed_is_not_built_again(no_cache: Path, small_graph: Path) -> None:
    build.open_graph(small_graph)
    before = {path: path.stat().st_mtime_ns for path in no_cache.rglob("*")}
    build.open_graph(small_graph)
    assert {path: path.stat().st_mtime_ns for path in no_cache.rglob("*")} == before


def test_a_change_is_seen_and_a_mistake_answers_from_before(no_cache: Path, small_graph: Path) -> None:
    build.open_graph(small_graph)
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    changed = build.open_graph(small_graph)
    assert changed.note is None
    assert changed.store.select('ASK { ?s rdfs:label "Keep every crane driver" }').rows == ((True,),)
    _spoil(small_graph, "kg:strength code:planned", "kg:strength code:new")
    kept = build.open_graph(small_graph)
    assert kept.note is not None
    assert str(small_graph) in kept.note
    assert kept.manifest == changed.manifest


def test_a_mistake_with_nothing_from_before_is_an_error(no_cache: Path, small_graph: Path) -> None:
    _spoil(small_graph, "kg:strength code:planned", "kg:strength code:new")
    with pytest.raises(CheckError):
        build.open_graph(small_graph)


def test_a_cache_that_cannot_be_written_is_said_and_the_graph_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = build.open_graph(BASE)
    assert opened.note is not None
    assert "cannot be written" in opened.note
    assert len(opened.embedded.engine) == opened.manifest["quads"]


def test_the_cache_keeps_the_snapshot_in_force_and_the_one_before(no_cache: Path, small_graph: Path) -> None:
    for number in range(4):
        _spoil(small_graph, 'rdfs:label "', f'rdfs:label "{number}')
        build.open_graph(small_graph)
    assert len(list(no_cache.rglob("quads.nq"))) == 2


# ---------------------------------------------------------------- killed, and at the same time

KILLED = """
import json, os, signal, sys
from pathlib import Path
from kg import build, snapshots
lines, manifest = json.loads(Path(sys.argv[1]).read_text("utf-8"))
left = int(sys.argv[3])
def hook(event, args):
    global left
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.scandir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
snapshots.write(lines, manifest, Path(sys.argv[2]))
"""


def test_a_build_that_is_killed_leaves_a_whole_snapshot(tmp_path: Path, small_graph: Path) -> None:
    """The process kills itself before its first, its second, its third … call to the file system, until it comes through."""
    first = build.build(small_graph)
    _spoil(small_graph, '"Dismiss no crane driver"', '"Keep every crane driver"')
    second = build.build(small_graph)
    (tmp_path / "second.json").write_text(json.dumps(second), "utf-8")
    out = tmp_path / "out"
    snapshots.write(*first, out)
    seen = []
    for calls in range(100):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, tmp_path / "second.json", out, str(calls)], capture_output=True, check=False, timeout=60
        )
        seen.append(snapshots.open_snapshot(out).manifest["sha256"])
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.returncode == 0
    assert len(seen) > 5
    switch = seen.index(second[1]["sha256"])
    assert set(seen[:switch]) == {first[1]["sha256"]}
    assert set(seen[switch:]) == {second[1]["sha256"]}


OVERTAKEN = """
import json, sys
from pathlib import Path
from kg import build, snapshots
mine, other = json.loads(Path(sys.argv[1]).read_text("utf-8"))
left = -1
def hook(event, args):
    global left
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.scandir"):
        left -= 1
        if left == -1:
            snapshots.write(*other, out)
sys.addaudithook(hook)
for calls in range(100):
    out = Path(sys.argv[2]) / str(calls)
    left = calls
    snapshots.write(*mine, out)
    if left >= 0:
        break
    snapshots.open_snapshot(out)
print(calls)
"""


@pytest.mark.parametrize("is_same", [True, False], ids=["same", "other"])
def test_a_build_may_overtake_another_at_any_point(tmp_path: Path, is_same: bool) -> None:
    """Before the first, the second, the third … call to the file system another build into the same folder comes through."""
    mine, other = build.build(BASE), build.build(BASE, sensitive=not is_same)
    (tmp_path / "both.json").write_text(json.dumps([mine, other]), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", OVERTAKEN, tmp_path / "both.json", tmp_path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_two_commands_build_at_the_same_time(kg: Runner, tmp_path: Path) -> None:
    running = [kg.start("build", "--graph", BASE, "--out", tmp_path / "out") for _ in range(3)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert kg("stats", "--store", tmp_path / "out").returncode == 0


def test_the_manifest_counts_what_is_there() -> None:
    lines, manifest = build.build(BASE)
    assert manifest["quads"] == len(lines)
    assert manifest["classes"]["kg:Pledge"] == 4
    assert manifest["classes"]["kg:Source"] == 2
    assert f"<{KG}Pledge>" in "".join(lines)


def test_the_pointer_is_replaced_and_never_written_over(tmp_path: Path) -> None:
    lines, manifest = build.build(BASE)
    snapshots.write(lines, manifest, tmp_path)
    before = (tmp_path / "CURRENT").read_text("utf-8")
    os.link(tmp_path / "CURRENT", tmp_path / "witness")
    more, other = build.build(BASE, sensitive=True)
    snapshots.write(more, other, tmp_path)
    assert (tmp_path / "CURRENT").read_text("utf-8") != before
    assert (tmp_path / "witness").read_text("utf-8") == before
