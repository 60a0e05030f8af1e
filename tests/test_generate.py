"""The invented graph of the benchmarks holds, has the size that was asked for, and is the same every time."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

import pytest

from kg import build
from kg.resources import shipped
from kg.store import Embedded, parse_file
from kg.vocab import CLASSES, ENTITIES_GRAPH, RDF, shorten

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUADS = 12_000


def _run(*args: str | Path, hash_seed: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "generate.py"), *map(str, args)]
    return subprocess.run(command, env={"PYTHONHASHSEED": str(hash_seed)}, capture_output=True, text=True, timeout=60, check=False)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "graph"
    done = _run(folder, "--quads", str(QUADS), "--seed", "7")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def small_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "graph"
    done = _run(folder, "--quads", str(QUADS), "--seed", "7", "--source-quads", "400")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def stated(graph: Path) -> build.Stated:
    return build.read(graph)


def _terms(stated: build.Stated) -> Iterator[tuple[str, str, str, str]]:
    """Yield graph, subject, predicate and object of what is stated, in short forms."""
    for quad in stated.data:
        graph, subject, predicate, object = (
            shorten(str(term).strip("<>")) for term in (quad.graph_name, quad.subject, quad.predicate, quad.object)
        )
        yield graph, subject, predicate, object


def _objects(stated: build.Stated, property: str) -> Counter[str]:
    """Return how often each term is the object of a property."""
    return Counter(object for _, _, predicate, object in _terms(stated) if predicate == property)


def _entities(stated: build.Stated) -> set[str]:
    return {subject for graph, subject, _, _ in _terms(stated) if graph == ENTITIES_GRAPH and not subject.startswith("identifier:")}


def test_the_same_arguments_give_the_same_bytes_whatever_the_order_of_hashes(graph: Path, tmp_path: Path) -> None:
    assert _run(tmp_path / "again", "--quads", str(QUADS), "--seed", "7", hash_seed=1).returncode == 0
    assert _contents(tmp_path / "again") == _contents(graph)


def test_another_seed_gives_another_graph(graph: Path, tmp_path: Path) -> None:
    assert _run(tmp_path / "other", "--quads", str(QUADS), "--seed", "8").returncode == 0
    assert _contents(tmp_path / "other")["people.ttl"] != _contents(graph)["people.ttl"]


def test_the_files_are_laid_out_as_in_the_shipped_graph(graph: Path) -> None:
    names = {path.name for path in graph.iterdir()}
    assert names == {path.name for path in shipped("graph").iterdir() if path.name not in ("LICENSE", "stories")}
    assert {path.suffix for path in (graph / "sources").iterdir()} == {".trig"}


def test_a_generated_graph_breaks_no_shape_and_no_rule(stated: build.Stated) -> None:
    assert build.check(stated) == []


def test_the_snapshot_has_the_quads_that_were_asked_for(stated: build.Stated) -> None:
    assert len(build.derive(stated).engine) == pytest.approx(QUADS, rel=0.02)


def test_sources_are_as_small_as_was_asked_for_and_the_graph_holds(small_sources: Path) -> None:
    stated = build.read(small_sources)
    assert build.check(stated) == []
    assert len(build.derive(stated).engine) == pytest.approx(QUADS, rel=0.02)
    sizes = Counter(graph for graph, *_ in _terms(stated) if graph.startswith("source:"))
    assert max(sizes.values()) < 2 * median(sizes.values()), "none takes the room of the others"
    # What the build derives of a source, labels above all, is in the mean that was asked for and not in its own graph.
    assert 250 < mean(sizes.values()) < 400
    assert set(_objects(stated, RDF + "type")) == {f"kg:{name}" for name in CLASSES.values()}


def test_a_source_without_room_for_facts_is_refused(tmp_path: Path) -> None:
    done = _run(tmp_path / "graph", "--quads", str(QUADS), "--source-quads", "399")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "A source of 399 quads has no room for facts; ask for 400 or more.\n"
    assert not (tmp_path / "graph").exists()


def test_every_class_occurs(stated: build.Stated) -> None:
    assert set(_objects(stated, RDF + "type")) == {f"kg:{name}" for name in CLASSES.values()}


def test_every_relation_occurs_that_a_link_can_have(stated: build.Stated) -> None:
    ontology = Embedded.from_quads(parse_file(shipped("ontology") / "kg.ttl"))
    ties = {str(row[0]) for row in ontology.select("SELECT ?tie WHERE { ?tie rdfs:subPropertyOf kg:tie }")}
    assert set(_objects(stated, "kg:relation")) == ties - {"kg:heldPost", "kg:servedIn"}


@pytest.mark.parametrize(("property", "list"), [("qualifier", "qualifiers"), ("basis", "bases"), ("polarity", "polarities")])
def test_every_code_of_a_figure_and_of_a_promise_occurs(stated: build.Stated, property: str, list: str) -> None:
    schemes = Embedded.from_quads(parse_file(shipped("ontology") / "schemes.ttl"))
    codes = {str(row[0]) for row in schemes.select(f"SELECT ?code WHERE {{ ?code skos:inScheme code:{list} }}")}
    assert set(_objects(stated, f"kg:{property}")) == codes


@pytest.mark.parametrize(
    "property", ["capacity", "partOf", "restates", "respondsTo", "follows", "replaces", "anchor", "condition", "position"]
)
def test_facts_are_joined_in_every_way(stated: build.Stated, property: str) -> None:
    assert _objects(stated, f"kg:{property}")


def test_a_few_entities_are_in_many_facts_and_most_are_in_few(stated: build.Stated) -> None:
    entities = _entities(stated)
    named = Counter(object for _, _, _, object in _terms(stated) if object in entities)
    assert max(named.values()) > 20 * median(named[entity] for entity in entities)


def test_every_entity_is_named_by_a_source(stated: build.Stated) -> None:
    named = {object for graph, _, predicate, object in _terms(stated) if graph != ENTITIES_GRAPH and predicate != "kg:of"}
    assert _entities(stated) <= named


def test_nothing_is_sensitive(stated: build.Stated) -> None:
    assert build.without_sensitive(stated) == stated


def test_a_graph_without_room_for_a_source_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    done = _run(tmp_path / "graph", "--quads", "2000")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("A graph of 2,000 quads is too small to hold one source;")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "graph").exists()


def test_the_least_graph_that_the_refusal_names_is_written(tmp_path: Path) -> None:
    least = _run(tmp_path / "graph", "--quads", "2000").stderr.split()[-3].replace(",", "")
    assert _run(tmp_path / "graph", "--quads", least).returncode == 0


def test_a_folder_that_is_not_empty_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine", "utf-8")
    done = _run(tmp_path, "--quads", str(QUADS))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"The folder {str(tmp_path)!r} is not empty; name one that is, or a new one.\n"
    assert _contents(tmp_path) == {"note.txt": b"mine"}


@pytest.mark.parametrize("args", [["--quads", "many"], ["--quads"], [], ["--quads", "9000", "--colour", "red"]])
def test_a_call_that_is_wrong_is_refused_in_one_sentence(args: list[str], tmp_path: Path) -> None:
    done = _run(tmp_path / "graph", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(".\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "graph").exists()


def test_the_examples_of_its_docstrings_run() -> None:
    files = [str(BENCHMARKS / f"{name}.py") for name in ("world", "article", "facts", "generate")]
    done = subprocess.run([sys.executable, "-m", "doctest", *files], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
