"""The commands of the network as processes: what they print and write, and how they refuse."""

import csv
import io
import json
from collections.abc import Callable, Container
from pathlib import Path

import networkx as nx
import pyoxigraph as ox
import pytest

from conftest import BASE, Runner
from test_cli import _answered, _refused

SMALL = ["--graph", str(BASE)]
IDA = "person:ida-brandt"
OWN = "SELECT ?start ?end ?relation { ?fact kg:maker ?start ; kg:event ?end BIND(kg:speaksAt AS ?relation) }"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.rq"
    path.write_text(OWN, "utf-8")
    return path


def test_a_subgraph_is_node_link_json_in_a_pipe(warm: Runner) -> None:
    done = warm("subgraph", IDA, *SMALL, "--depth", "2")
    assert done.stderr == ""
    graph = nx.node_link_graph(json.loads(done.stdout), edges="edges")
    assert IDA in graph
    assert graph.graph["truncated"] is False


def test_a_table_of_a_subgraph_reads_as_sentences(warm: Runner) -> None:
    _answered(warm("subgraph", IDA, *SMALL, "--format", "table"), "Ida Brandt", "made by", "source:gazette")


@pytest.mark.parametrize("suffix", ["json", "cyjs", "graphml", "gexf", "ttl", "jsonld", "html"])
def test_the_name_of_the_file_tells_the_format(warm: Runner, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ida.{suffix}"
    done = warm("subgraph", IDA, *SMALL, "--out", path)
    _answered(done, f"Wrote {path}: ", " nodes, ", " edges.")
    text = path.read_text("utf-8")
    readers: dict[str, Callable[[], Container[str]]] = {
        "json": lambda: nx.node_link_graph(json.loads(text), edges="edges"),
        "cyjs": lambda: nx.cytoscape_graph(json.loads(text)),
        "graphml": lambda: nx.read_graphml(path),
        "gexf": lambda: nx.read_gexf(path),
        "ttl": lambda: {str(triple.subject)[1:-1].rpartition("/id/")[2].replace("/", ":", 1) for triple in ox.parse(path=str(path))},
        "jsonld": lambda: {str(quad.subject)[1:-1].rpartition("/id/")[2].replace("/", ":", 1) for quad in ox.parse(path=str(path))},
        "html": lambda: text,
    }
    assert IDA in readers[suffix]()


def test_csv_is_two_files_in_a_folder(warm: Runner, tmp_path: Path) -> None:
    _answered(warm("network", *SMALL, "--format", "csv", "--out", tmp_path / "tables"), "Wrote ")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["edges.csv", "nodes.csv"]
    with (tmp_path / "tables" / "nodes.csv").open(newline="", encoding="utf-8") as file:
        assert IDA in {row["id"] for row in csv.DictReader(file)}


def test_the_whole_network_goes_into_any_format(warm: Runner, tmp_path: Path) -> None:
    _answered(warm("network", *SMALL, "--out", tmp_path / "n.gexf"), "Wrote ")
    whole = json.loads(warm("network", *SMALL, "--format", "json").stdout)
    assert nx.read_gexf(tmp_path / "n.gexf").number_of_edges() == len(whole["edges"])


def test_without_a_format_the_whole_network_is_a_page(kg: Runner) -> None:
    _answered(kg("network", *SMALL), "Wrote network.html", "Open it in a browser")
    assert (kg.home / "network.html").read_text("utf-8").startswith("<!doctype html>")


def test_what_was_cut_is_told_with_counts(warm: Runner) -> None:
    whole = json.loads(warm("subgraph", IDA, *SMALL, "--depth", "2").stdout)
    done = warm("subgraph", IDA, *SMALL, "--depth", "2", "--max-nodes", "3")
    graph = json.loads(done.stdout)
    assert done.returncode == 0
    assert (len(graph["nodes"]), graph["graph"]["nodes_reached"], graph["graph"]["truncated"]) == (3, len(whole["nodes"]), True)
    assert done.stderr.startswith(f"kg: 3 of {len(whole['nodes'])} nodes within reach are kept; ")
    assert "at 1 step and" in done.stderr
    assert "--max-nodes" in done.stderr


def test_edges_without_a_date_are_counted(warm: Runner) -> None:
    done = warm("network", "--format", "json", "--as-of", "2018-12-31")
    assert done.returncode == 0
    assert "kg: Edges without a date stay: " in done.stderr


def test_neighbours_are_counted_by_way_and_paged(warm: Runner) -> None:
    every = list(csv.DictReader(io.StringIO(warm("neighbours", IDA, *SMALL, "--limit", "1000").stdout)))
    done = warm("neighbours", IDA, *SMALL, "--limit", "2", "--offset", "1")
    assert list(csv.DictReader(io.StringIO(done.stdout))) == every[1:3]
    assert done.stderr == f"kg: 2 to 3 of {len(every)} edges. --offset goes on, --limit takes more.\n"
    _answered(
        warm("neighbours", IDA, *SMALL, "--format", "table"), "Ida Brandt", "way", "things", f"1 to {len(every)} of {len(every)} edges"
    )


def test_a_path_is_told_with_its_passages(warm: Runner) -> None:
    done = warm("path", IDA, "event:solvik-speech", *SMALL, "--format", "table")
    _answered(done, "shortest path", "Ida Brandt", "source:gazette", "event:solvik-speech")
    rows = list(csv.DictReader(io.StringIO(warm("path", IDA, "event:solvik-speech", *SMALL).stdout)))
    assert rows[0]["start"] == IDA
    assert all(row["fact"] and row["source"] and int(row["first"]) < int(row["last"]) for row in rows)


def test_a_rank_says_what_each_measure_means(warm: Runner) -> None:
    _answered(
        warm("rank", *SMALL, "--format", "table", "--limit", "3"), "Ida Brandt", "3 rows of", "Degree: ", "PageRank: ", "Betweenness: "
    )
    rows = list(csv.DictReader(io.StringIO(warm("rank", *SMALL, "--by", "betweenness").stdout)))
    shares = [float(row["betweenness_percent"]) for row in rows]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("command", [["network", "--format", "json"], ["subgraph", IDA], ["neighbours", IDA], ["rank"]])
def test_every_command_takes_a_projection_and_filters(warm: Runner, own: Path, command: list[str]) -> None:
    done = warm(*command, *SMALL, "--projection", own, "--relation", "speaksAt")
    assert done.returncode == 0
    assert "event:solvik-speech" in done.stdout


WRONG = {
    "seed": (["subgraph", "person:ida-brant", *SMALL], 2, "'person:ida-brant'", f"Did you mean '{IDA}'?"),
    "name-as-seed": (["subgraph", "Ida Brandt", *SMALL], 2, "'Ida Brandt'", f"Did you mean '{IDA}'?"),
    "no-seed": (["subgraph", *SMALL], 2, "ID", "--help"),
    "depth-99": (["subgraph", IDA, *SMALL, "--depth", "99"], 2, "The depth is 99", "from 0 to 4"),
    "depth-that-is-no-number": (["subgraph", IDA, *SMALL, "--depth", "two"], 2, "--depth", "--help"),
    "class": (["subgraph", IDA, *SMALL, "--class", "Plege"], 2, "'Plege'", "'Pledge'"),
    "relation": (["network", *SMALL, "--relation", "mker"], 2, "'mker'", "'maker'"),
    "source": (["rank", *SMALL, "--source", "source:gazete"], 2, "'source:gazete'", "'source:gazette'"),
    "day": (["network", *SMALL, "--as-of", "2021"], 2, "'2021'", "2021-03-18"),
    "limit-of-nodes": (["subgraph", IDA, *SMALL, "--max-nodes", "0"], 2, "is 0", "at least 1"),
    "measure": (["rank", *SMALL, "--by", "size"], 2, "'size'", "degree"),
    "hops": (["path", IDA, "event:solvik-speech", *SMALL, "--max-hops", "0"], 2, "is 0", "from 1 to 12"),
    "same-ends": (["path", IDA, IDA, *SMALL], 2, "both are", IDA),
    "end": (["path", IDA, "event:solvik-speach", *SMALL], 2, "'event:solvik-speach'", "'event:solvik-speech'"),
    "thing-without-an-edge": (["subgraph", "place:solvik", *SMALL], 2, "'place:solvik'", "no edge leads to it"),
    "value": (["subgraph", "money:gazette-jobs", *SMALL], 2, "'money:gazette-jobs'", "kg show"),
    "page": (["neighbours", IDA, *SMALL, "--limit", "0"], 2, "is 0", "from 1"),
    "empty-subgraph": (["subgraph", IDA, *SMALL, "--class", "Theme", "--relation", "maker"], 1, f"'{IDA}'", "under these filters"),
    "empty-network": (["network", *SMALL, "--class", "Theme", "--relation", "maker"], 1, "no node", "filters"),
    "page-behind-the-last": (["neighbours", IDA, *SMALL, "--offset", "1000"], 2, "after the last", "--offset"),
    "csv-as-a-file": (["network", *SMALL, "--out", "net.csv"], 2, "two files", "--format csv"),
    "unknown-suffix": (["network", *SMALL, "--out", "net.gml"], 2, "'net.gml'", "--format"),
    "story-without-a-page": (["network", *SMALL, "--format", "json", "--story", "digital-aspirant"], 2, "for a page", "--format html"),
    "nameless-story": (["network", *SMALL, "--story", ""], 2, "no name", "digital-aspirant"),
    "empty-class": (["network", *SMALL, "--class", ""], 2, "no class ''", "It has"),
    "missing-story": (["network", *SMALL, "--story", "none"], 2, "'none'", "digital-aspirant"),
    "story-of-another-graph": (["network", *SMALL, "--story", "digital-aspirant"], 2, "Step 1", "not in the picture"),
    "theme": (["network", *SMALL, "--theme", "sepia"], 2, "'sepia'", "dark"),
    "format-of-rows": (["rank", *SMALL, "--format", "ttl"], 2, "'ttl'", "jsonl"),
    "format-without-a-name": (["subgraph", IDA, *SMALL, "--out", "ida.xyz"], 2, "'ida.xyz'", "--format"),
    "csv-without-a-folder": (["subgraph", IDA, *SMALL, "--format", "csv"], 2, "two files", "--out DIR"),
    "table-in-a-file": (["subgraph", IDA, *SMALL, "--format", "table", "--out", "t.txt"], 2, "terminal", "--format"),
    "missing-projection": (["network", *SMALL, "--projection", "none.rq"], 2, "'none.rq'", "cannot be read"),
}


@pytest.mark.parametrize(("args", "status", "wrong", "hint"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_told_in_one_sentence(warm: Runner, args: list[str], status: int, wrong: str, hint: str) -> None:
    before = sorted(warm.home.iterdir())
    _refused(warm(*args), status, wrong, hint)
    assert sorted(warm.home.iterdir()) == before, "nothing is left behind"


@pytest.mark.parametrize(
    ("text", "words"),
    [("SELECT nonsense", ["own.rq", "line 1"]), ("SELECT ?start ?end { ?start kg:maker ?end }", ["own.rq", "no column ?relation"])],
)
def test_a_projection_that_is_none_is_told(warm: Runner, own: Path, tmp_path: Path, text: str, words: list[str]) -> None:
    own.write_text(text, "utf-8")
    _refused(warm("network", *SMALL, "--projection", own, "--out", tmp_path / "n.gexf"), 2, *words)
    assert not (tmp_path / "n.gexf").exists()


@pytest.mark.parametrize("format", ["gexf", "csv"])
def test_an_output_folder_that_does_not_exist_is_told(warm: Runner, tmp_path: Path, format: str) -> None:
    out = tmp_path / "none" / "n.gexf"
    _refused(warm("network", *SMALL, "--format", format, "--out", out), 2, repr(str(out)), "No such file or directory")
    assert list(tmp_path.iterdir()) == []


def test_when_one_of_two_files_cannot_be_written_neither_is(warm: Runner, tmp_path: Path) -> None:
    (tmp_path / "edges.csv").mkdir()
    _refused(warm("network", *SMALL, "--format", "csv", "--out", tmp_path), 2, "edges.csv", "no file that can be replaced")
    assert [path.name for path in tmp_path.iterdir()] == ["edges.csv"]


def test_a_limit_of_one_node_keeps_the_seed_and_says_so(warm: Runner) -> None:
    done = warm("subgraph", IDA, *SMALL, "--max-nodes", "1")
    assert done.returncode == 0
    assert [node["id"] for node in json.loads(done.stdout)["nodes"]] == [IDA]
    assert done.stderr.startswith("kg: 1 of ")


def test_two_files_cannot_go_into_one(warm: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", "utf-8")
    _refused(warm("network", *SMALL, "--format", "csv", "--out", tmp_path / "file"), 2, "is a file", "--out")
    assert (tmp_path / "file").read_text("utf-8") == "kept"


def test_a_seed_with_quotes_and_markup_is_only_a_name_that_is_not_there(warm: Runner) -> None:
    _refused(warm("subgraph", "person:a'); DROP TABLE edge; --<script>", *SMALL), 2, "There is no", "in the network")
