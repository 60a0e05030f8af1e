"""A graph that was exported can be built again, and is the same snapshot."""

import json
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox
import pytest

import kg
from conftest import BASE, Runner, compiled
from kg.store import to_data
from kg.vocab import DERIVED_GRAPH, ENTITIES_GRAPH, EXPORT_GRAPH, ONTOLOGY_GRAPH

FORMATS = ("nq", "trig", "jsonld")
GRAPHS = sorted(path for path in (Path(__file__).parent / "graphs").iterdir() if path.is_dir())


def _export(runner: Runner, file: Path, *options: str | Path) -> Path:
    done = runner("export", "--out", file, *options)
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("folder", [None, BASE, *GRAPHS], ids=lambda folder: folder.name if folder else "shipped")
def test_what_was_exported_is_built_to_the_same_snapshot(folder: Path | None, format: str, tmp_path: Path) -> None:
    graph = kg.open(folder)
    file = tmp_path / f"all.{format}"
    with file.open("wb") as out:
        graph.write(out, format)
    assert compiled(file).manifest["sha256"] == graph.snapshot.manifest["sha256"]


def test_sensitive_facts_are_in_an_export_only_if_they_are_in_the_snapshot(kg: Runner, tmp_path: Path) -> None:
    kg("build", "--graph", BASE, "--sensitive", "--out", tmp_path / "all")
    kg("build", "--graph", BASE, "--out", tmp_path / "open")
    texts = {name: _export(kg, tmp_path / f"{name}.nq", "--store", tmp_path / name).read_text() for name in ("all", "open")}
    assert "gazette-illness" in texts["all"]
    assert "gazette-illness" not in texts["open"]


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_has_the_same_bytes_each_time_and_tells_licence_day_and_digest(kg: Runner, tmp_path: Path, format: str) -> None:
    first, second = (_export(kg, tmp_path / f"{name}.{format}").read_bytes() for name in ("a", "b"))
    assert first == second
    quads = list(ox.parse(first, format={"nq": ox.RdfFormat.N_QUADS, "trig": ox.RdfFormat.TRIG, "jsonld": ox.RdfFormat.JSON_LD}[format]))
    told = {quad.predicate.value.rpartition("/")[2]: quad.object for quad in quads if str(quad.graph_name) == f"<{EXPORT_GRAPH}>"}
    assert told["license"] == ox.NamedNode("https://creativecommons.org/licenses/by/4.0/")
    assert str(told["issued"]).endswith("XMLSchema#date>")
    others = [quad for quad in quads if str(quad.graph_name) != f"<{EXPORT_GRAPH}>"]
    graphs: dict[str, list[ox.Quad]] = {}
    for quad in others:
        graphs.setdefault(str(quad.graph_name).strip("<>"), []).append(quad)
    listed = [(to_data(quads), name) for name, quads in sorted(graphs.items())]
    listing = "".join(f"{sha256(data).hexdigest()}\t{len(data.splitlines())}\t{name}\n" for data, name in listed)
    assert told["identifier"] == ox.Literal(f"sha256:{sha256(listing.encode()).hexdigest()}")
    assert json.loads(str(told["void#triples"]).split('"')[1]) == len(others)


def test_an_export_holds_each_kind_of_graph_and_standard_output_is_n_quads(kg: Runner) -> None:
    done = kg("export", "--graph", BASE)
    names = {line.rpartition(" <")[2].removesuffix("> .") for line in done.stdout.splitlines()}
    assert {ONTOLOGY_GRAPH, ENTITIES_GRAPH, DERIVED_GRAPH, EXPORT_GRAPH} <= names
    assert done.stderr == ""


def test_an_edit_of_an_export_is_checked_like_any_other(kg: Runner, tmp_path: Path) -> None:
    file = _export(kg, tmp_path / "all.nq", "--graph", BASE)
    file.write_text(file.read_text().replace("/code/firm>", "/code/frim>"))
    done = kg("check", "--graph", file)
    assert done.returncode == 1
    assert f"{file}:" in done.stderr
    assert "frim" in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "say"),
    [
        (["export", "--out", "all.rdf"], 2, "names no format. Say --format nq, trig or jsonld."),
        (["export", "--format", "csv"], 2, "csv"),
        (["export", "--out", "."], 2, "names no format"),
        (["export", "--out", "no/such/all.nq"], 2, "cannot be written"),
        (["export", "--out", "/dev/full", "--format", "nq"], 2, "is no file that can be replaced"),
        (["build", "--graph", "gone.nq"], 2, "There is no folder 'gone.nq'."),
        (["build", "--graph", "cut.nq"], 1, "cut.nq:1: this is not N-Quads:"),
        (["build", "--graph", "graph.txt"], 2, "is a file whose suffix is none of kg export: .nq, .trig, .jsonld."),
        (["build", "--graph", "empty.nq"], 1, "holds nothing"),
    ],
)
def test_a_wrong_call_says_what_to_do(kg: Runner, args: list[str], status: int, say: str) -> None:
    (kg.home / "cut.nq").write_text("<https://example.org/a> <https://example.o")
    (kg.home / "empty.nq").write_text("")
    (kg.home / "graph.txt").write_text("")
    done = kg(*args)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert say in done.stderr
    assert "Traceback" not in done.stderr
    assert not (kg.home / "all.nq").exists()
