"""Every command as a process: its exit status, its one sentence, and never a traceback."""

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest

from conftest import BASE, TEXTS, Runner
from kg import compiler
from kg.vocab import PREFIXES

Done = subprocess.CompletedProcess[str]
SMALL = ["--graph", str(BASE)]
SENTENCE = re.compile(r"kg: \S.*", re.DOTALL)


def _refused(done: Done, status: int, *words: str) -> None:
    """The call failed with this status, nothing on standard output, and one message that holds these words."""
    assert done.returncode == status, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert SENTENCE.fullmatch(done.stderr.strip()), done.stderr
    assert "\nkg: " not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def _answered(done: Done, *words: str) -> None:
    assert (done.returncode, done.stderr) == (0, "")
    for word in words:
        assert word in done.stdout


# ---------------------------------------------------------------- a call that is right


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["query", "--help"], ["find", "--help"]])
def test_help_is_printed(warm: Runner, args: list[str]) -> None:
    _answered(warm(*args), "Usage: kg")


def test_the_version_is_printed(warm: Runner) -> None:
    assert re.fullmatch(r"kg \d+\.\d+\.\d+\n", warm("--version").stdout)


def test_the_help_of_a_query_has_its_parameters_and_columns(warm: Runner) -> None:
    _answered(warm("query", "pledges", "--help"), "Parameters", "maker", "strength", "Columns")


def test_every_command_answers_on_the_small_graph(warm: Runner, tmp_path: Path) -> None:
    _answered(warm("check", *SMALL), "every shape and rule holds")
    _answered(warm("check", *SMALL, "--sources", TEXTS), "every shape and rule holds", "verified", "source:gazette")
    _answered(warm("build", *SMALL, "--out", tmp_path / "out"), "Built")
    _answered(warm("stats", *SMALL), "Pledge,4\n")
    _answered(warm("queries"), "pledges,")
    _answered(warm("query", "pledges", *SMALL, "-p", "maker=person:ida-brandt", "-p", "strength=firm"), "gazette-cranes", "gazette-jobs")
    _answered(warm("find", "ida brant", *SMALL), "person:ida-brandt")
    _answered(warm("show", "person:ida-brandt", *SMALL), "Ida Brandt", "source:gazette 166-254", "https://gazette.example/cranes#:~:text=")
    _answered(warm("show", "person:ida-brandt", *SMALL, "--sources", TEXTS), "“told dockers in Solvik”")
    _answered(warm("network", *SMALL, "--out", tmp_path / "n.html"), "nodes")
    assert "<!doctype html>" in (tmp_path / "n.html").read_text("utf-8").lower()


def test_a_table_is_for_people_and_says_how_many_rows(warm: Runner) -> None:
    _answered(warm("query", "pledges", *SMALL, "--format", "table"), "Who promised what", "4 rows")


def test_the_answer_of_a_snapshot_is_that_of_its_graph(warm: Runner, tmp_path: Path) -> None:
    _answered(warm("build", *SMALL, "--out", tmp_path))
    assert warm("query", "pledges", "--store", tmp_path).stdout == warm("query", "pledges", *SMALL).stdout


def test_sensitive_facts_are_in_a_snapshot_only_when_asked_for(warm: Runner, tmp_path: Path) -> None:
    query = "ASK { statement:gazette-illness a kg:Statement }"
    for args, answer in (([], "false"), (["--sensitive"], "true")):
        out = tmp_path / answer
        _answered(warm("build", *SMALL, "--out", out, *args))
        assert warm("query", "-", "--store", out, stdin=query).stdout == f"answer\n{answer}\n"


# ---------------------------------------------------------------- formats


def test_records_parse_and_are_the_same_in_every_format(warm: Runner) -> None:
    def ask(format: str) -> str:
        done = warm("query", "pledges", *SMALL, "--format", format)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    records = json.loads(ask("json"))
    assert len(records) == 4
    assert [json.loads(line) for line in ask("jsonl").splitlines()] == records
    columns = list(records[0])
    for format, delimiter in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.DictReader(io.StringIO(ask(format)), delimiter=delimiter))
        assert [row["pledge"] for row in rows] == [record["pledge"] for record in records]
        assert list(rows[0]) == columns
    results = json.loads(ask("srj"))
    assert results["head"]["vars"] == columns
    iris = [row["pledge"]["value"] for row in results["results"]["bindings"]]
    assert [iri.rpartition("/")[2] for iri in iris] == [record["pledge"].partition(":")[2] for record in records]
    space = "{http://www.w3.org/2005/sparql-results#}"
    tree = ElementTree.fromstring(ask("xml"))
    assert [variable.get("name") for variable in tree.iter(f"{space}variable")] == columns
    assert [b[0].text for b in tree.iter(f"{space}binding") if b.get("name") == "pledge"] == iris


@pytest.mark.parametrize(
    ("format", "kind"), [("ttl", ox.RdfFormat.TURTLE), ("nt", ox.RdfFormat.N_TRIPLES), ("jsonld", ox.RdfFormat.JSON_LD)]
)
def test_triples_parse_in_every_format(warm: Runner, format: str, kind: ox.RdfFormat) -> None:
    query = "CONSTRUCT { ?s ?p ?o } WHERE { VALUES ?s { person:ida-brandt money:gazette-cranes } ?s ?p ?o }"
    done = warm("query", "-", *SMALL, "--format", format, stdin=query)
    store = ox.Store()
    for quad in compiler.open_graph(BASE).embedded.engine:
        if str(quad.subject).endswith(("person/ida-brandt>", "money/gazette-cranes>")):
            store.add(ox.Quad(quad.subject, quad.predicate, quad.object))
    assert {quad.triple for quad in ox.parse(done.stdout.encode(), format=kind)} == {quad.triple for quad in store}


def test_ask_has_an_answer_in_every_format(warm: Runner) -> None:
    def ask(format: str) -> str:
        return warm("query", "-", *SMALL, "--format", format, stdin="ASK { ?s a kg:Pledge }").stdout

    assert json.loads(ask("srj"))["boolean"] is True
    assert json.loads(ask("json")) == [{"answer": True}]
    assert "<boolean>true</boolean>" in ask("xml")


@pytest.mark.parametrize("format", ["ttl", "nt", "jsonld"])
def test_rows_are_not_written_as_triples(warm: Runner, format: str) -> None:
    _refused(warm("query", "pledges", *SMALL, "--format", format), 2, repr(format), "csv")


@pytest.mark.parametrize("format", ["csv", "tsv", "json", "jsonl", "xml", "srj", "table"])
def test_triples_are_not_written_as_rows(warm: Runner, format: str) -> None:
    _refused(warm("query", "-", *SMALL, "-f", format, stdin="DESCRIBE place:solvik"), 2, repr(format), "ttl")


@pytest.mark.parametrize("args", [["queries"], ["stats", *SMALL], ["find", "brandt", *SMALL]])
@pytest.mark.parametrize("format", ["xml", "ttl"])
def test_a_format_that_a_command_has_not_is_refused_and_not_replaced_by_another(warm: Runner, args: list[str], format: str) -> None:
    _refused(warm(*args, "--format", format), 2, repr(format))


# ---------------------------------------------------------------- a call that is wrong

WRONG_CALLS = {
    "command": (["qurey", "pledges"], "'qurey'", "'query'"),
    "option": (["query", "pledges", "--fromat", "csv"], "--fromat", "--format"),
    "format": (["query", "pledges", "--format", "cvs"], "'cvs'", "csv"),
    "query": (["query", "plegdes"], "'plegdes'", "'pledges'"),
    "help-of-a-query": (["query", "plegdes", "--help"], "'plegdes'", "'pledges'"),
    "parameter": (["query", "pledges", *SMALL, "-p", "makr=person:ida-brandt"], "'makr'", "'maker'"),
    "parameter-of-none": (["query", "money_total", *SMALL, "-p", "zzz=1"], "'zzz'", "It takes"),
    "parameter-without-a-value": (["query", "pledges", *SMALL, "-p", "maker"], "'maker'", "-p maker="),
    "parameter-twice": (["query", "pledges", *SMALL, "-p", "strength=firm", "-p", "strength=firm"], "'strength'", "twice"),
    "code": (["query", "pledges", *SMALL, "-p", "strength=frim"], "'frim'", "'firm'"),
    "identifier": (["query", "pledges", *SMALL, "-p", "maker=person:ida-brant"], "'person:ida-brant'", "'person:ida-brandt'"),
    "identifier-of-another-class": (["query", "pledges", *SMALL, "-p", "maker=place:solvik"], "'place:solvik'", "Agent"),
    "shown-identifier": (["show", "person:ida-brant", *SMALL], "'person:ida-brant'", "'person:ida-brandt'"),
    "shown-class": (["show", "persn:ida-brandt", *SMALL], "'persn:ida-brandt'", "'person:ida-brandt'"),
    "shown-name": (["show", "Ida Brandt", *SMALL], "'Ida Brandt'", "'person:ida-brandt'"),
    "identifier-with-a-quote": (["show", "person:a'b\"><", *SMALL], "person:a", "kg find TEXT searches"),
    "no-argument": (["find"], "text", "--help"),
    "limit": (["find", "brandt", "--limit", "0"], "--limit", "1"),
    "graph-and-store": (["stats", *SMALL, "--store", str(BASE)], "graph", "store"),
    "graph-and-store-of-a-query": (["query", "pledges", *SMALL, "--store", str(BASE)], "graph", "store"),
    "graph-and-store-of-a-picture": (["network", *SMALL, "--store", str(BASE)], "graph", "store"),
    "missing-query-file": (["query", "nothing.rq"], "'nothing.rq'", "cannot be read"),
    "missing-text": (["source", "nothing.txt"], "'nothing.txt'", "cannot be read"),
    "missing-folder-of-texts": (["check", *SMALL, "--sources", "nothing"], "'nothing'", "no folder"),
    "missing-folder-of-a-graph": (["stats", "--graph", "nothing"], "'nothing'", "no folder"),
    "source": (["cite", "gazete", "Olav Lind", *SMALL, "--sources", str(TEXTS)], "'gazete'", "'gazette'"),
    "words-that-do-not-occur": (["cite", "gazette", "Olav Brandt", *SMALL, "--sources", str(TEXTS)], "do not occur", "'Lind"),
    "words-without-a-text": (["cite", "gazette", "Olav Lind", *SMALL], "--sources", "texts"),
    "words-over-two-paragraphs": (["cite", "gazette", "is for training. “Silence", *SMALL, "--sources", str(TEXTS)], "paragraph", "each"),
}


@pytest.mark.parametrize(("args", "wrong", "hint"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_has_status_2_and_a_sentence_with_the_value_and_what_to_do(
    warm: Runner, args: list[str], wrong: str, hint: str
) -> None:
    _refused(warm(*args), 2, wrong, hint)


QUERIES = {
    "no-sparql": ("What was promised?", "line 1"),
    "unfinished": ("SELECT *\nWHERE {\n", "line 3"),
    "update": ("INSERT DATA { place:solvik rdfs:label 'x' }", "read-only"),
    "empty": ("", "not SPARQL"),
    "unknown-prefix": ("SELECT * { ?s nope:p ?o }", "nope:p"),
    "unknown-function": ("SELECT (<http://x/f>(1) AS ?y) {}", "http://x/f"),
    "service": ("SELECT * {\n SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", "SERVICE at line 2"),
    "silent-service": ("select * { service silent <http://127.0.0.1:9/> { ?s ?p ?o } }", "SERVICE at line 1"),
}


@pytest.mark.parametrize(("text", "hint"), QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("way", ["file", "input"])
def test_a_text_that_is_no_query_or_calls_others_is_refused(warm: Runner, tmp_path: Path, text: str, hint: str, way: str) -> None:
    path = tmp_path / "a.rq"
    path.write_text(text or "\n", "utf-8")
    done = warm("query", path, *SMALL) if way == "file" else warm("query", "-", *SMALL, stdin=text)
    _refused(done, 2, "holds no text" if way == "file" and not text else hint)


def test_a_query_may_hold_the_word_service(warm: Runner) -> None:
    query = """PREFIX service: <http://example.org/service#>  # a comment on SERVICE
    SELECT (1 AS ?service) ("SERVICE <x> {" AS ?text) (service:service AS ?name) (<http://example.org/SERVICE> AS ?iri) {}"""
    _answered(warm("query", "-", *SMALL, stdin=query), "1,SERVICE <x> {,http://example.org/service#service,http://example.org/SERVICE")


@pytest.mark.parametrize(
    ("content", "hint"), [(b"\x89PNG\r\n\x1a\n\xff", "UTF-8"), (b"a\x00b", "null byte"), (b"", "no text"), (b" \n ", "no text")]
)
def test_a_file_that_is_no_text_is_refused(warm: Runner, tmp_path: Path, content: bytes, hint: str) -> None:
    path = tmp_path / "article.txt"
    path.write_bytes(content)
    _refused(warm("source", path, "--graph", tmp_path / "graph"), 2, repr(str(path)), hint)
    _refused(warm("query", path, *SMALL), 2, repr(str(path)), hint)
    assert not (tmp_path / "graph").exists()


def test_binary_input_is_no_query(warm: Runner) -> None:
    _refused(warm("query", "-", *SMALL, stdin=b"\x89PNG\xff\x00\x00"), 2, "not SPARQL")


def test_a_folder_without_a_text_is_refused(warm: Runner, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    _refused(warm("check", *SMALL, "--sources", tmp_path), 2, repr(str(tmp_path)), "no source text")


# ---------------------------------------------------------------- data that is wrong


@pytest.mark.parametrize("command", ["build", "check", "stats"])
def test_an_empty_folder_is_no_graph(warm: Runner, tmp_path: Path, command: str) -> None:
    _refused(warm(command, "--graph", tmp_path), 1, repr(str(tmp_path)), "no graph")


def test_an_empty_folder_is_no_snapshot(warm: Runner, tmp_path: Path) -> None:
    _refused(warm("stats", "--store", tmp_path), 1, repr(str(tmp_path)), "no snapshot", "kg build --out")


@pytest.mark.parametrize("command", ["build", "check", "stats"])
@pytest.mark.parametrize("name", ["entities.ttl", "sources/gazette.trig"])
def test_broken_turtle_is_named_with_file_and_line(kg: Runner, small_graph: Path, command: str, name: str) -> None:
    path = small_graph / name
    lines = path.read_text("utf-8").splitlines()
    number = next(number for number, line in enumerate(lines) if "rdfs:label" in line)
    lines[number] = lines[number].replace("rdfs:label", "rdfs:label rdfs:label")
    path.write_text("\n".join(lines), "utf-8")
    _refused(kg(command, "--graph", small_graph), 1, f"{path}:{number + 1}: ")


def test_a_graph_file_that_is_no_text_is_named(kg: Runner, small_graph: Path) -> None:
    (small_graph / "more.ttl").write_bytes(b"\x89PNG\xff\x00")
    _refused(kg("build", "--graph", small_graph), 1, str(small_graph / "more.ttl"))


def _break(graph: Path) -> str:
    """Take the strength from a pledge; return the place that the message must name."""
    path = graph / "sources" / "gazette.trig"
    text = path.read_text("utf-8")
    before, after = text.split("        kg:strength code:planned ;\n")
    path.write_text(before + after, "utf-8")
    line = text.splitlines().index("    pledge:gazette-training a kg:Pledge ;") + 1
    return f"{path}:{line}: pledge:gazette-training: "


@pytest.mark.parametrize("command", ["build", "check"])
def test_an_invalid_fact_fails_and_is_named_with_file_line_node_and_rule(kg: Runner, small_graph: Path, command: str) -> None:
    place = _break(small_graph)
    _refused(kg(command, "--graph", small_graph), 1, place, "[shape kg:strength]")


def test_after_an_invalid_fact_the_last_good_snapshot_answers_and_says_so(kg: Runner, small_graph: Path, tmp_path: Path) -> None:
    assert kg("build", "--graph", small_graph).returncode == 0
    assert kg("build", "--graph", small_graph, "--out", tmp_path / "out").returncode == 0
    before = kg("query", "pledges", "--graph", small_graph)
    kept = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    _break(small_graph)
    assert kg("build", "--graph", small_graph, "--out", tmp_path / "out").returncode == 1
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == kept
    assert kg("build", "--graph", small_graph).returncode == 1
    for command in (["stats"], ["find", "brandt"], ["network", "--out", str(tmp_path / "n.html")]):
        done = kg(*command, "--graph", small_graph)
        assert done.returncode == 0
        assert "last good snapshot" in done.stderr
        assert str(small_graph) in done.stderr
        assert done.stdout
    assert kg("query", "pledges", "--graph", small_graph).stdout == before.stdout


def test_a_passage_whose_text_has_changed_is_named(kg: Runner, small_graph: Path, small_texts: Path) -> None:
    # The article is put right by a letter of the same length, and the digest and length of the source follow it.
    path, trig = small_texts / "gazette.txt", small_graph / "sources" / "gazette.trig"
    old = path.read_text("utf-8")
    new = old.replace("Olav Lind", "Olaf Lind")
    path.write_text(new, "utf-8")
    trig.write_text(trig.read_text("utf-8").replace(sha256(old.encode()).hexdigest(), sha256(new.encode()).hexdigest()), "utf-8")
    done = kg("check", "--graph", small_graph, "--sources", small_texts)
    start = old.index("She follows")
    node = f"passage:gazette-{start}-{start + len('She follows Olav Lind as minister')}"
    line = next(number for number, text in enumerate(trig.read_text("utf-8").splitlines(), 1) if f" {node} a " in text)
    _refused(done, 1, f"{trig}:{line}: {node}: ", "[digest]", "1 finding")


def test_a_text_that_is_not_the_one_cited_is_named(kg: Runner, small_graph: Path, small_texts: Path) -> None:
    (small_texts / "courier.txt").write_text("Another text", "utf-8")
    _refused(kg("check", "--graph", small_graph, "--sources", small_texts), 1, "source:courier", "[text]")


@pytest.mark.parametrize("name", ["parts.tsv", "manifest.json", "CURRENT", "*.nq"])
def test_a_damaged_snapshot_is_named_and_not_answered_from(kg: Runner, tmp_path: Path, name: str) -> None:
    assert kg("build", *SMALL, "--out", tmp_path / "out").returncode == 0
    path = max((tmp_path / "out").rglob(name))
    data = path.read_bytes()
    path.write_bytes(data[:-30] + b"x" + data[-29:] if name in ("parts.tsv", "*.nq") else b'{"format": 1}')
    _refused(kg("query", "people", "--store", tmp_path / "out"), 1, str(tmp_path / "out"))


# ---------------------------------------------------------------- folders that cannot be written


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """A path below a file, which nobody can write, not even root."""
    (tmp_path / "file").write_text("", "utf-8")
    return tmp_path / "file" / "below"


def test_an_output_folder_that_cannot_be_written_is_named(warm: Runner, no_folder: Path) -> None:
    _refused(warm("build", *SMALL, "--out", no_folder), 1, repr(str(no_folder)), "cannot be written")


def test_an_output_file_that_cannot_be_written_is_named(warm: Runner, no_folder: Path, tmp_path: Path) -> None:
    _refused(warm("network", *SMALL, "--out", no_folder), 2, repr(str(no_folder)), "cannot be written")
    _refused(warm("network", *SMALL, "--out", tmp_path), 2, repr(str(tmp_path)), "no file that can be replaced")
    _refused(warm("network", *SMALL, "--out", "/dev/full"), 2, "no file that can be replaced")
    assert Path("/dev/full").is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_graph_folder_that_cannot_be_written_is_named(warm: Runner, no_folder: Path) -> None:
    _refused(warm("source", TEXTS / "gazette.txt", "--graph", no_folder), 1, str(no_folder), "cannot be written")


def test_a_cache_that_cannot_be_written_does_not_keep_from_answering(small_graph: Path, no_folder: Path) -> None:
    done = Runner(small_graph.parent, {"XDG_CACHE_HOME": str(no_folder)})("stats", "--graph", small_graph)
    assert done.returncode == 0
    assert "Pledge,4" in done.stdout
    assert SENTENCE.fullmatch(done.stderr.strip())
    assert "memory" in done.stderr


# ---------------------------------------------------------------- pipes and signals

LARGE = "SELECT ?a ?b { ?a a ?x . ?b a ?y } LIMIT 6000"


def _close(process: subprocess.Popen[bytes], *statuses: int) -> None:
    """Close the reading end of standard output; the process ends with one of these statuses and a line at most."""
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    status = process.wait(60)
    assert "Traceback" not in said
    assert "Exception" not in said
    assert said.count("\n") <= 1
    assert status in statuses


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "xml", "srj", "table"])
def test_a_pipe_that_is_closed_early_ends_the_command_quietly(warm: Runner, format: str, tmp_path: Path) -> None:
    (tmp_path / "large.rq").write_text(LARGE, "utf-8")
    process = warm.start("query", tmp_path / "large.rq", *SMALL, "--format", format)
    assert process.stdout is not None
    assert process.stdout.read(1)
    _close(process, 0, -signal.SIGPIPE)


@pytest.mark.parametrize("args", [["stats", *SMALL], ["--help"], ["queries"], ["find", "qqqqxxxx", *SMALL]])
def test_a_pipe_that_nobody_reads_makes_no_traceback(warm: Runner, args: list[str]) -> None:
    _close(warm.start(*args), 0, 1, -signal.SIGPIPE)


@pytest.mark.parametrize(
    "args", [["stats", *SMALL], ["--help"], ["query", "people", *SMALL], ["find", "lind", *SMALL, "--format", "table"]]
)
def test_a_full_disk_is_one_sentence(warm: Runner, args: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([warm.command, *args], cwd=warm.home, env=warm.environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().strip() == "kg: the output cannot be written: No space left on device."


def test_a_name_like_none_is_an_empty_answer_and_no_wrong_call(warm: Runner) -> None:
    _refused(warm("find", "qqqqxxxx", *SMALL), 1, "'qqqqxxxx'", "name")


@pytest.mark.parametrize(
    "query", ["SELECT * {FILTER(" + "(" * 5000 + "1" + ")" * 5000 + ")}", "SELECT * " + "{" * 20000, "ASK {FILTER(" + "1+" * 40000 + "1)}"]
)
def test_a_query_that_would_end_the_parser_is_refused(warm: Runner, query: str) -> None:
    _refused(warm("query", "-", *SMALL, stdin=query), 2, "too deep")


@pytest.mark.parametrize("args", [["build", "--out", ""], ["network", "--out", ""], ["check", "--graph", ""], ["stats", "--store", ""]])
def test_an_empty_path_is_not_the_current_folder(kg: Runner, args: list[str]) -> None:
    _refused(kg(*args), 2, "path is empty")
    assert list(kg.home.iterdir()) == []


def test_an_update_is_called_an_update(warm: Runner) -> None:
    _refused(warm("query", "-", *SMALL, stdin="# gone\nPREFIX a: <b:>\nDROP ALL"), 2, "read-only", "DROP")


def test_a_folder_that_is_a_link_is_read_and_a_circle_ends(warm: Runner, small_graph: Path) -> None:
    (small_graph / "sources").rename(small_graph.parent / "elsewhere")
    (small_graph / "sources").symlink_to(small_graph.parent / "elsewhere", target_is_directory=True)
    (small_graph / "circle").symlink_to(small_graph, target_is_directory=True)
    assert "Pledge,4" in warm("stats", "--graph", small_graph).stdout


ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?a != ?l) }"


def _catches_interrupts(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the process has a handler for SIGINT now; Python has one, the engine at work has not."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    mask = int(re.findall(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)[0], 16)
    return bool(mask >> (signal.SIGINT - 1) & 1)


def _wait_for(process: subprocess.Popen[bytes], *, catches: bool) -> None:
    until = time.monotonic() + 30
    while _catches_interrupts(process) is not catches:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="whether the engine is at work is read from /proc")
@pytest.mark.parametrize("format", ["csv", "srj"])
def test_an_interrupt_ends_a_query_that_would_run_for_ever(warm: Runner, tmp_path: Path, format: str) -> None:
    (tmp_path / "endless.rq").write_text(ENDLESS, "utf-8")
    process = warm.start("query", tmp_path / "endless.rq", *SMALL, "--format", format)
    _wait_for(process, catches=True)
    _wait_for(process, catches=False)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in said[1]
    assert said[0] == b""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="whether Python has started is read from /proc")
@pytest.mark.parametrize("delay_s", [0.15, 0.3, 0.5, 0.8])
def test_an_interrupt_while_a_graph_is_built_leaves_no_traceback(kg: Runner, delay_s: float, tmp_path: Path) -> None:
    process = kg.start("build", "--out", tmp_path / "out")
    # Python catches the signal first, then the entry point gives it up while the command line is loaded, then that catches it.
    for catches in (True, False, True):
        _wait_for(process, catches=catches)
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    assert process.returncode in (0, 130, -signal.SIGINT), said
    assert "Traceback" not in said
    if process.returncode == 0:
        assert kg("stats", "--store", tmp_path / "out").returncode == 0


def test_an_interrupt_in_a_callback_of_the_interpreter_ends_the_command() -> None:
    code = """
import sys
from kg.cli import _heed_interrupt
sys.unraisablehook = _heed_interrupt
class Dying:
    def __del__(self): raise KeyboardInterrupt
Dying()
print("went on")
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (said.returncode, said.stdout, said.stderr) == (130, "", "kg: Interrupted.\n")


# ---------------------------------------------------------------- a new article


def test_a_new_source_is_registered_and_its_words_are_cited(kg: Runner, tmp_path: Path) -> None:
    graph, article = shutil.copytree(BASE, tmp_path / "graph"), tmp_path / "article.txt"
    article.write_text("A «new» pier 🛥 opens.\r\n\r\nThe minister said “soon”, and soon again.\r\n", "utf-8", newline="")
    _answered(kg("source", article, "--slug", "tribune-pier", "--title", 'A "new" pier', "--graph", graph), "tribune-pier.trig", "kg cite")
    _answered(kg("check", "--graph", graph))
    done = kg("cite", "tribune-pier", '"soon"', "--sources", tmp_path, "--graph", graph)
    _answered(done)
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    quads = list(ox.parse((prefixes + done.stdout).encode(), format=ox.RdfFormat.TURTLE))
    start = article.read_bytes().decode().index("“soon”")
    assert {str(quad.subject) for quad in quads} == {f"<{PREFIXES['passage']}tribune-pier-{start}-{start + 6}>"}
    # The passage may be pasted as it is, with a fact that cites it.
    passage = f"passage:tribune-pier-{start}-{start + 6}"
    fact = f'statement:tribune-pier-soon a kg:Statement ; rdfs:label "It will not be long." ; kg:kind code:hint ; kg:cites {passage} .\n'
    trig = graph / "sources" / "tribune-pier.trig"
    trig.write_text(trig.read_text("utf-8").rstrip().removesuffix("}") + done.stdout + fact + "}\n", "utf-8")
    _answered(kg("check", "--graph", graph))
    _answered(kg("cite", "tribune-pier", "soon", "--sources", tmp_path, "--graph", graph), "# The words occur 2 times")


@pytest.mark.parametrize("slug", ["../evil", "a/b", 'a"b', "a\nb"])
def test_a_hostile_slug_writes_nothing(kg: Runner, small_graph: Path, tmp_path: Path, slug: str) -> None:
    article = tmp_path / "article.txt"
    article.write_text("Some words.", "utf-8")
    before = sorted(tmp_path.rglob("*.trig"))
    done = kg("source", article, f"--slug={slug}", "--graph", small_graph)
    _refused(done, 2, "slug")
    assert sorted(tmp_path.rglob("*.trig")) == before


@pytest.mark.parametrize("title", ["one\ntwo", 'a "b" \\', "}} <a> <b> <c> ."])
def test_a_hostile_title_stays_a_title(kg: Runner, small_graph: Path, tmp_path: Path, title: str) -> None:
    article = tmp_path / "article.txt"
    article.write_text("Some words.", "utf-8")
    assert kg("source", article, "--slug", "tribune-a", "--title", title, "--graph", small_graph).returncode == 0
    _answered(kg("check", "--graph", small_graph))
    query = "SELECT ?title { source:tribune-a kg:title ?title }"
    assert json.loads(kg("query", "-", "--graph", small_graph, "--format", "json", stdin=query).stdout) == [{"title": title}]


def test_a_label_with_markup_is_text_in_table_and_picture(kg: Runner, small_graph: Path, tmp_path: Path) -> None:
    path = small_graph / "entities.ttl"
    label = "[bold]Ida[/bold] <img src=x onerror=alert(1)> </script><script>alert(2)</script>"
    path.write_text(path.read_text("utf-8").replace('"Ida Brandt"', json.dumps(label)), "utf-8")
    _answered(kg("query", "people", "--graph", small_graph, "--format", "csv"), label)
    _answered(kg("query", "people", "--graph", small_graph, "--format", "table"), "[bold]Ida[/bold]")
    _answered(kg("network", "--graph", small_graph, "--out", tmp_path / "n.html"))
    page = (tmp_path / "n.html").read_text("utf-8")
    assert "<img src=x" not in page
    assert "<script>alert(2)" not in page
