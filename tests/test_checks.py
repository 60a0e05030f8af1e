"""Every rule and every message of a shape has a case that breaks it and nothing else.

A case changes the graph in `breaches/base` at one place. Its keys:

    node or nodes   what the findings name; all of them and no other
    block           the node whose Turtle is changed, if it is not that one
    without, with   properties that are taken out of its Turtle, and what is put in
    replace         text of its Turtle, and what stands there instead
    add, to         Turtle put at the end of a file; the file, `gazette` if not given
    at              the start of the line that the finding names, if it is not `<node> a `
    also            rules that cannot but be broken at the same node
    path            for a shape: the property that its message speaks of
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import yaml

from conftest import BASE
from kg import build, compiler
from kg.checks import Finding, find_lines, read_rules
from kg.errors import CheckError
from kg.resources import shipped
from kg.store import Embedded, parse_file
from kg.vocab import shorten

BREACHES = Path(__file__).parent / "breaches"
FILES = {"entities": "entities.ttl", "gazette": "sources/gazette.trig", "courier": "sources/courier.trig"}
Case = dict[str, Any]


def _cases(folder: str) -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}-{number}")
        for path in sorted((BREACHES / folder).glob("*.yaml"))
        for number, case in enumerate(yaml.safe_load(path.read_text("utf-8")))
    ]


RULE_CASES = _cases("rules")
SHAPE_CASES = _cases("shapes")


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _nodes(case: Case) -> list[str]:
    return _listed(case.get("nodes", case.get("node")))


def _change(block: str, case: Case) -> str:
    """Return the block of a node with one thing changed."""
    for name in _listed(case.get("without", [])):
        block, last = re.subn(rf"\s*;\s*{name} [^;]* \.\n$", " .\n", block)
        block, inner = (block, 0) if last else re.subn(rf"(?<=\s){name} [^;]*;\s*", "", block)
        assert last + inner, f"{name} is not in the block"
    for old, new in case.get("replace", {}).items():
        assert block.count(old) == 1
        block = block.replace(old, new)
    if "with" in case:
        block = re.sub(r" a [^;]*?(?= [;.])", lambda match: f"{match[0]} ; {case['with']}", block, count=1)
    return block


def _spoil(graph: Path, case: Case) -> None:
    if {"without", "with", "replace"} & case.keys():
        node = case.get("block") or _nodes(case)[0]
        pattern = re.compile(rf"^ *{re.escape(node)} a .*? \.\n", re.MULTILINE | re.DOTALL)
        [path] = [graph / name for name in FILES.values() if pattern.search((graph / name).read_text("utf-8"))]
        text = path.read_text("utf-8")
        changed = pattern.sub(lambda match: _change(match[0], case), text)
        assert changed != text
        path.write_text(changed, "utf-8")
    if "add" in case:
        path = graph / FILES[case.get("to", "gazette")]
        text = path.read_text("utf-8").rstrip()
        closed = path.suffix == ".trig"
        path.write_text((text.removesuffix("}") if closed else text) + f"\n{case['add']}\n" + ("}\n" if closed else ""), "utf-8")


def _place(graph: Path, node: str, case: Case) -> tuple[str, int]:
    """Return the file and line where a node gets its class, found without the code under test."""
    start = case.get("at") or (f"{node} {{" if node.startswith("source:") else f"{node} a ")
    found = [
        (str(graph / name), number)
        for name in FILES.values()
        for number, line in enumerate((graph / name).read_text("utf-8").splitlines(), 1)
        if line.lstrip().startswith(start)
    ]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of the base, which a case changes at one place."""
    out = tmp_path_factory.mktemp("built")
    compiler.build(BASE, out)
    return out


def _findings(graph: Path, built: Path) -> list[Finding]:
    """Check the whole graph, and as a build does that works on what has changed only: both find the same."""
    found = build.check(build.read(graph))
    out = graph.with_name("out")
    shutil.copytree(built, out)
    if found:
        with pytest.raises(CheckError) as caught:
            compiler.build(graph, out)
        assert list(caught.value.findings) == found
    else:
        compiler.build(graph, out)
    return found


def _hold(findings: list[Finding], graph: Path, case: Case, rule: str) -> None:
    """The findings are those of the case: these rules at these nodes, each with its place."""
    expected = {(name, node) for node in _nodes(case) for name in (rule, *case.get("also", ()))}
    assert {(finding.rule, finding.node) for finding in findings} == expected
    for node in _nodes(case):
        assert {(finding.file, finding.line) for finding in findings if finding.node == node} == {_place(graph, node, case)}


def test_the_base_of_the_cases_breaks_no_rule(small_graph: Path, built: Path) -> None:
    assert _findings(small_graph, built) == []


def test_the_base_of_the_cases_has_every_class() -> None:
    stated = build.read(BASE)
    used = {shorten(str(quad.object)[1:-1]) for quad in stated.data if quad.predicate.value.endswith("#type")}
    # Nothing is only an Entity, an Agent, a Fact or a Value.
    concrete = {f"kg:{name}" for name in _classes()} - {"kg:Entity", "kg:Agent", "kg:Fact", "kg:Value"}
    assert used == concrete


def _classes() -> Iterator[str]:
    for quad in parse_file(shipped("ontology") / "kg.ttl"):
        if isinstance(quad.object, ox.NamedNode) and quad.object.value.endswith("owl#Class") and isinstance(quad.subject, ox.NamedNode):
            yield quad.subject.value.partition("#")[2]


@pytest.mark.parametrize(("rule", "case"), RULE_CASES)
def test_a_broken_rule_is_found_at_its_node_and_line_and_no_other(rule: str, case: Case, tmp_path: Path, built: Path) -> None:
    graph = shutil.copytree(BASE, tmp_path / "graph")
    _spoil(graph, case)
    _hold(_findings(graph, built), graph, case, rule)


def test_every_rule_has_a_case() -> None:
    files = {path.stem for path in (shipped("sparql") / "checks").glob("*.rq")}
    assert {param.values[0] for param in RULE_CASES} == files | {"edtf"}


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    for rule in read_rules():
        assert re.fullmatch(r"[A-Zk][^\n]*\.", rule.rule), rule.name
        assert re.fullmatch(r"[A-Z][^\n]*\.", rule.remedy), rule.name


MESSAGES = """
PREFIX sh: <http://www.w3.org/ns/shacl#>
SELECT ?shape ?path ?message
WHERE {
  ?shape a sh:NodeShape .
  { ?shape sh:property ?property . ?property sh:path ?path FILTER(ISIRI(?path)) OPTIONAL { ?property sh:message ?message } }
  UNION { ?shape sh:property ?property . ?property sh:path/sh:alternativePath/rdf:rest*/rdf:first ?path ; sh:message ?message }
  UNION { ?shape sh:message ?message BIND("node" AS ?path) }
} ORDER BY ?shape ?path"""


def _messages() -> dict[tuple[str, str], str]:
    """Return the message of each property of each shape, and of the shape itself."""
    store = Embedded.from_quads(parse_file(shipped("ontology") / "shapes.ttl"))
    rows = list(store.select(MESSAGES))
    found = {(str(shape).removeprefix("kg:"), _short(str(path))): str(message) for shape, path, message in rows}
    assert len(found) == len(rows), "a shape speaks twice of one property"
    return found


def _short(path: str) -> str:
    return path.replace("http://www.w3.org/2000/01/rdf-schema#", "rdfs:")


def test_every_message_of_a_shape_has_a_case() -> None:
    assert {(param.values[0], param.values[1]["path"]) for param in SHAPE_CASES} == set(_messages())


def test_every_constraint_of_a_shape_has_a_message_for_people() -> None:
    for key, message in _messages().items():
        assert re.fullmatch(r"[A-Z][^\n]*\.", message), key


@pytest.mark.parametrize(("shape", "case"), SHAPE_CASES)
def test_a_broken_shape_is_found_with_its_message_at_its_node_and_line_and_no_other(
    shape: str, case: Case, tmp_path: Path, built: Path
) -> None:
    graph = shutil.copytree(BASE, tmp_path / "graph")
    _spoil(graph, case)
    findings = _findings(graph, built)
    path = case["path"].replace("rdfs:", "http://www.w3.org/2000/01/rdf-schema#")
    _hold(findings, graph, case, f"shape {path}")
    assert any(finding.message.startswith(_messages()[shape, case["path"]]) for finding in findings)


def test_the_line_of_a_node_is_the_one_that_gives_its_class(tmp_path: Path) -> None:
    text = '@prefix p: <https://w3id.org/kg-commitments/id/person/> .\n\np:a-b\n  kg:x "y" .\n\n# p:a-b a\np:a-b\n  a kg:Person .\n'
    assert find_lines(tmp_path, text)["person:a-b"] == (str(tmp_path), 7)


def test_a_finding_reads_as_file_line_node_message_and_rule() -> None:
    assert str(Finding("a.ttl", 3, "person:a", "slug", "Wrong.")) == "a.ttl:3: person:a: Wrong. [slug]"
