"""The documents say what is so: terms, lists, questions, commands, Turtle, and the output that they show.

A document shows real output by a comment `<!-- run: kg … -->` before a fenced block: the command is run, and the block must be
what it prints. Blanks at the end of a line do not count, since editors take them away.
"""

import json
import os
import re
import shlex
import subprocess
import sysconfig
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
import typer
import yaml
from rdflib import OWL, RDF, RDFS
from rdflib.term import Node

import kg
from conftest import compiled
from kg import build
from kg.cli import app
from kg.network import read_network
from kg.proof import changed_passages, spans_of, texts_by_source
from kg.queries import get_query, query_names
from kg.resources import shipped
from kg.sources import read_document
from kg.vocab import CODE, EDTF, ID, KG, PREFIXES, XSD

ROOT = Path(__file__).parents[1]
TERMS = ROOT / "ontology" / "README.md"
QUESTIONS = ROOT / "sparql" / "README.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", TERMS, QUESTIONS]
SCHEMA = rdflib.Namespace("https://schema.org/")
SKOS = rdflib.Namespace("http://www.w3.org/2004/02/skos/core#")
SHELLS = ("", "sh", "bash", "shell", "console")
RUN = re.compile(r"^<!-- run: (?P<command>.+?) -->\n+```[a-z]*\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path, *languages: str) -> list[str]:
    return [match["block"] for match in FENCE.finditer(path.read_text("utf-8")) if match["language"] in languages]


def runs(path: Path) -> list[tuple[str, str]]:
    return [(match["command"], match["block"]) for match in RUN.finditer(path.read_text("utf-8"))]


def commands(path: Path) -> list[str]:
    """Every call of kg that a document shows: the lines of its shell blocks and indented blocks, and its code spans."""
    outside = FENCE.sub("", path.read_text("utf-8"))
    lines = [line.strip().removeprefix("$ ").removeprefix(".venv/bin/") for block in blocks(path, *SHELLS) for line in block.splitlines()]
    indented = re.findall(r"^ {4}(?:\$ )?(kg .+)$", outside, re.MULTILINE)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", outside)
    shown = [*lines, *indented, *spans, *(command for command, _ in runs(path))]
    return [re.split(r"\s+(?:\||>|&&|;|→|#)", line)[0] for line in shown if re.match(r"kg [a-z-]", line)]


def faults(command: str) -> list[str]:
    """What of a call the command line does not know: command, option, question or parameter."""
    name, *words = shlex.split(re.sub(r"[\[\]|…]", " ", command))[1:]
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    if name.startswith("-"):
        return [] if name in ("--version", "--help", "-h") else [f"option {name}"]
    if name not in group.commands:
        return [f"command {name}"]
    flags = {opt: bool(getattr(param, "is_flag", False)) for param in group.commands[name].params for opt in param.opts if opt[0] == "-"}
    flags |= {"--help": True, "-h": True}
    unknown, named, given = [], "", []
    while words:
        word = words.pop(0)
        option, equals, _ = word.partition("=")
        if not option.startswith("-") or word == "-":
            named = named or word
        elif option not in flags:
            unknown.append(f"option {option}")
        elif not flags[option] and not equals:
            value = words.pop(0) if words else ""
            given += [value.partition("=")[0]] if option in ("-p", "--param") else []
    return unknown + (_unknown_in_query(named, given) if name == "query" else [])


def _unknown_in_query(name: str, given: list[str]) -> list[str]:
    if not re.fullmatch(r"[a-z_]+", name):
        return []
    if name not in query_names():
        return [f"query {name}"]
    known = {param.name for param in get_query(name).params} | {"name", "NAME"}
    return [f"parameter {param} of {name}" for param in given if param not in known]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def vocabulary() -> rdflib.Graph:
    graph = rdflib.Graph().parse(shipped("ontology") / "kg.ttl")
    return graph.parse(shipped("ontology") / "schemes.ttl")


def run(command: str, cache: Path) -> str:
    program = Path(sysconfig.get_path("scripts")) / "kg"
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    env |= {"XDG_CACHE_HOME": str(cache), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [program, *shlex.split(command)[1:]], env=env, cwd=cache, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    return done.stdout or done.stderr


def plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


# ---------------------------------------------------------------- output


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_shown_output_is_what_the_command_prints(path: Path, cache: Path) -> None:
    for command, block in runs(path):
        assert re.match(r"kg [a-z]", command), f"{command!r} is no command of kg"
        assert plain(run(command, cache)) == plain(block), f"{path.name}: the output of {command!r} is another now"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_marked_output_is_followed_by_a_block(path: Path) -> None:
    assert path.read_text("utf-8").count("<!-- run:") == len(runs(path))


def test_the_mechanism_sees_a_wrong_output(tmp_path: Path, cache: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n<!-- run: kg --version -->\n```text\nkg 0.0.0\n```\n", "utf-8")
    [(command, block)] = runs(page)
    assert command == "kg --version"
    assert plain(run(command, cache)) != plain(block)


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shown_command_exists(path: Path) -> None:
    assert {command: found for command in commands(path) if (found := faults(command))} == {}


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("kg stats --graph DIR", []),
        ("kg build [--out DIR|--graph DIR]", []),
        ("kg query pledges -p maker=person:a -f csv", []),
        ("kg query NAME --help", []),
        ("kg statz", ["command statz"]),
        ("kg stats --colour", ["option --colour"]),
        ("kg query plegdes", ["query plegdes"]),
        ("kg query -p makr=person:a pledges", ["parameter makr of pledges"]),
    ],
)
def test_the_reading_of_commands(command: str, fault: list[str]) -> None:
    assert faults(command) == fault


# ---------------------------------------------------------------- terms, lists and questions


def test_the_terms_of_the_readme_are_those_of_the_vocabulary(vocabulary: rdflib.Graph) -> None:
    defined = {str(term)[len(KG) :] for term in vocabulary.subjects() if str(term).startswith(KG)}
    assert set(re.findall(r"\bkg:([A-Za-z]\w*)", TERMS.read_text("utf-8"))) == defined


def test_the_terms_table_says_where_a_property_stands_and_leads(vocabulary: rdflib.Graph) -> None:
    rows = re.findall(r"^\| `kg:(\w+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", TERMS.read_text("utf-8"), re.MULTILINE)
    listed = {name: (_listed(on), _listed(to)) for name, on, to in rows}
    assert len(rows) == len(listed), "a property stands in the table twice"
    assert listed == {
        str(term)[len(KG) :]: (
            {_bare(node) for node in vocabulary.objects(term, SCHEMA.domainIncludes)},
            {_bare(node) for path in (SCHEMA.rangeIncludes, RDFS.range) for node in vocabulary.objects(term, path)},
        )
        for term in properties(vocabulary)
    }


def properties(vocabulary: rdflib.Graph) -> set[Node]:
    return {t for t in vocabulary.subjects() if str(t).startswith(KG) and (t, RDF.type, OWL.Class) not in vocabulary}


def _listed(cell: str) -> set[str]:
    return set() if cell.strip() == "–" else {word.strip() for word in cell.split(",")}


def _bare(node: Node) -> str:
    return "code" if node == SKOS.Concept else re.split(r"[#/]", str(node))[-1]


def test_every_code_list_stands_in_the_readme_with_its_codes(vocabulary: rdflib.Graph) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|`]+) \| `kg:(\w+)` \| ([^|]+) \|$", TERMS.read_text("utf-8"), re.MULTILINE)
    assert {name: (_listed(on), prop, set(re.findall(r"`([a-z-]+)`", codes))) for name, on, prop, codes in rows} == {
        _bare(scheme): (
            {_bare(node) for node in vocabulary.objects(scheme, rdflib.URIRef(KG + "codesOf"))},
            _bare(vocabulary.value(scheme, rdflib.URIRef(KG + "codesFor")) or scheme),
            {_bare(code) for code in vocabulary.subjects(SKOS.inScheme, scheme)},
        )
        for scheme in vocabulary.subjects(RDF.type, SKOS.ConceptScheme)
    }


def test_every_question_stands_in_the_guide_and_their_number_in_the_readme() -> None:
    text = QUESTIONS.read_text("utf-8")
    assert [name for name in query_names() if not re.search(rf"^{name} ", text, re.MULTILINE)] == []
    assert f"Each of {len(query_names())} questions" in (ROOT / "README.md").read_text("utf-8")


def test_every_query_of_the_network_stands_in_the_guide() -> None:
    text = QUESTIONS.read_text("utf-8")
    assert [path.name for path in (ROOT / "sparql" / "network").glob("*.rq") if f"`{path.name}`" not in text] == []


def test_the_projection_of_the_guide_is_one(tmp_path: Path) -> None:
    (block,) = blocks(QUESTIONS, "sparql")
    (tmp_path / "own.rq").write_text(block, "utf-8")
    network = read_network(kg.open(), projection=tmp_path / "own.rq")
    assert {edge.relation for edge in network.edges} == {"kg:speaksAt"}
    assert all(edge.attributes["facts"] for edge in network.edges)


# ---------------------------------------------------------------- Turtle


def test_the_turtle_of_the_documents_parses() -> None:
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    for path in DOCUMENTS:
        for block in blocks(path, "turtle", "ttl", "trig"):
            assert len(rdflib.Graph().parse(data=prefixes + block, format="turtle"))


def test_the_turtle_of_the_guide_is_that_of_the_sixth_article() -> None:
    folder = ROOT / "tests" / "sixth"
    walked = "".join((folder / name).read_text("utf-8") for name in ("entities.ttl", "facts.ttl"))
    nodes = {node for block in blocks(ROOT / "CONTRIBUTING.md", "turtle") for node in re.split(r"\n\n|(?<= \.)\n", block.strip())}
    assert [node for node in nodes if not node.startswith("passage:") and node.strip() not in walked] == []


def test_the_worked_example_holds_and_gives_what_is_said_of_it(tmp_path: Path) -> None:
    entities, facts = blocks(TERMS, "turtle")
    [text] = [block for block in blocks(TERMS, "text") if block.startswith("At the Harvest Fair")]
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    (tmp_path / "entities.ttl").write_text(prefixes + entities, "utf-8")
    (tmp_path / "source.trig").write_text(f"{prefixes}source:valley-herald-harvest-fair {{\n{facts}\n}}\n", "utf-8")
    (tmp_path / "source.txt").write_text(text, "utf-8")
    stated = build.read(tmp_path)
    store, document = stated.to_store(), read_document(tmp_path / "source.txt")
    texts = texts_by_source(store, {document.sha256: document})
    assert build.check(stated) == []
    assert len(texts) == 1
    assert changed_passages(spans_of(store), texts) == []
    rows = compiled(tmp_path).store.select("SELECT ?node ?property ?value { ?node ?property ?value }")
    derived = {(str(node), str(term)): value for node, term, value in rows}
    name = "valley-herald-harvest-fair-support"
    assert (derived[f"money:{name}", "kg:low"], derived[f"money:{name}", "kg:high"]) == (0, 20_000)
    assert (derived[f"pledge:{name}", "kg:totalLow"], derived[f"pledge:{name}", "kg:totalHigh"]) == (0, 800_000)
    assert derived[f"pledge:{name}", "kg:totalUnit"] == "EUR"
    assert derived[f"date:{name}", "kg:latest"] == date(2027, 6, 30)
    assert derived["person:ana-prado", "kg:heldPost"] == "post:farm-minister"
    assert derived[f"money:{name}", f"{RDFS}label"] == "up to EUR 20,000 each"
    assert derived["tenure:valley-herald-harvest-fair-minister", f"{RDFS}label"] == "Ana Prado: Farm minister (current)"


# ---------------------------------------------------------------- JSON-LD


CONTEXT: dict[str, Any] = json.loads((shipped("ontology") / "context.jsonld").read_text("utf-8"))["@context"]

PLEDGE = {
    "@context": CONTEXT,
    "id": "pledge:valley-herald-wells",
    "type": "kg:Pledge",
    "rdfs:label": "Dig wells",
    "kg:maker": "person:ana-prado",
    "kg:strength": "code:firm",
    "kg:inferred": ["kg:maker"],
    "kg:position": 1,
    "kg:totalLow": "20000.0",
    "kg:cites": {"id": "passage:valley-herald-0-9", "type": "kg:Passage", "kg:start": 0, "kg:source": "source:valley-herald"},
}

HORIZON = {"@context": CONTEXT, "id": "date:valley-herald-wells", "kg:edtf": "2027-06", "kg:latest": "2027-06-30"}


def test_the_context_has_every_prefix_and_property_with_its_type(vocabulary: rdflib.Graph) -> None:
    assert PREFIXES.items() <= CONTEXT.items()
    for term in properties(vocabulary):
        name, datatype = "kg:" + _bare(term), vocabulary.value(term, RDFS.range)
        is_text = str(datatype) == XSD + "string" or name == "kg:inverseLabel"
        expected = None if is_text else "@id" if datatype is None else str(datatype)
        found = CONTEXT[name].get("@type")
        prefix, _, local = (found or "").partition(":")
        assert CONTEXT[name]["@id"] == name
        assert (CONTEXT[prefix] + local if local else found) == expected, name
    assert {name for name in CONTEXT if name.startswith("kg:")} == {"kg:" + _bare(term) for term in properties(vocabulary)}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's own parser still uses it
def test_json_with_the_context_reads_as_triples() -> None:
    pledge, passage = f"<{ID}pledge/valley-herald-wells>", f"<{ID}passage/valley-herald-0-9>"
    horizon = f"<{ID}date/valley-herald-wells>"
    expected = f"""
    {pledge} a <{KG}Pledge> ; <{RDFS.label}> "Dig wells" ; <{KG}maker> <{ID}person/ana-prado> ;
        <{KG}strength> <{CODE}firm> ; <{KG}inferred> <{KG}maker> ; <{KG}position> 1 ;
        <{KG}totalLow> "20000.0"^^<{XSD}decimal> ; <{KG}cites> {passage} .
    {passage} a <{KG}Passage> ; <{KG}start> 0 ; <{KG}source> <{ID}source/valley-herald> .
    {horizon} <{KG}edtf> "2027-06"^^<{EDTF}> ; <{KG}latest> "2027-06-30"^^<{XSD}date> .
    """
    text = json.dumps([PLEDGE, HORIZON])
    by_oxigraph = {quad.triple for quad in ox.parse(text, format=ox.RdfFormat.JSON_LD)}
    assert by_oxigraph == {quad.triple for quad in ox.parse(expected, format=ox.RdfFormat.TURTLE)}
    by_rdflib = rdflib.Graph().parse(data=text, format="json-ld")
    assert set(by_rdflib) == set(rdflib.Graph().parse(data=expected, format="turtle"))


# ---------------------------------------------------------------- release


def test_the_release_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert f"## {citation['version']} · {citation['date-released']}" in changes
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
