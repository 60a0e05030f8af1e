"""What the data must hold: SHACL shapes for single nodes, and rules as queries for what shapes cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import yaml

from kg.resources import shipped
from kg.store import Embedded, to_rdflib
from kg.vocab import PREFIXES, shorten


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One breach of one rule.

    Args:
        file: File that holds the node, as it was given.
        line: Its line there, from 1.
        node: Short form of the node.
        rule: Name of the shape or of the rule, which is a file in `sparql/checks/`.
        message: What is wrong and what to do.
    """

    file: str
    line: int
    node: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.node}: {self.message} [{self.rule}]"


Lines = Mapping[str, Mapping[str, int]]
"""Where nodes are described: for each short form the files, and the line in each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the data: a query whose rows are its breaches.

    Its columns are `node`, `detail` and, where the node is described in several files, the `source` that errs. It looks at
    what one source says, at the entities that this one names and at the nodes that it leads to; a rule that follows steps
    through any number of sources says so with `scope: sources` in its head.
    """

    name: str
    rule: str
    remedy: str
    query: str
    is_across: bool


def read_rules() -> list[Rule]:
    """Return the rules of `sparql/checks/`, in the order of their names."""
    rules = []
    for path in sorted((shipped("sparql") / "checks").glob("*.rq")):
        text = path.read_text("utf-8")
        head = read_head(text)
        rules.append(Rule(path.stem, head["rule"], head["remedy"], text, head.get("scope") == "sources"))
    return rules


def read_head(query: str) -> dict[str, str]:
    r"""Return what the lines that begin with `#+` say of a query.

    Example:
        >>> read_head("#+ scope: source\nSELECT ?x WHERE {}")
        {'scope': 'source'}
    """
    head: dict[str, str] = yaml.safe_load("\n".join(line[3:] for line in query.splitlines() if line.startswith("#+ ")))
    return head


def check_rules(store: Embedded, lines: Lines, *, is_across: bool = False) -> list[Finding]:
    """Return every breach of a rule.

    Args:
        store: What is stated: ontology, entities and sources.
        lines: Where each node is described.
        is_across: Ask only the rules that look across sources, of a store of what these need.
    """
    return [
        _finding(str(row["node"]), rule.name, f"{rule.rule} {_shorten_all(str(row['detail']))}. {rule.remedy}", lines, row.get("source"))
        for rule in read_rules()
        if rule.is_across or not is_across
        for row in store.select(rule.query).to_dicts()
    ]


def check_shapes(quads: Iterable[ox.Quad], lines: Lines) -> list[Finding]:
    """Return every breach of the SHACL shapes.

    Args:
        quads: The quads to check: entities, or one source.
        lines: Where each node is described.
    """
    import rdflib
    from pyshacl import validate

    shapes = rdflib.Graph().parse(shipped("ontology") / "shapes.ttl")
    conforms, report, _ = validate(to_rdflib(quads), shacl_graph=shapes, advanced=False, inplace=True)
    if conforms:
        return []
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    assert isinstance(report, rdflib.Graph), "pyshacl answers with a graph unless it is told otherwise"
    findings = []
    for result in report.subjects(rdflib.RDF.type, sh.ValidationResult):
        node = shorten(str(report.value(result, sh.focusNode)))
        path, value = report.value(result, sh.resultPath), report.value(result, sh.value)
        where = shorten(str(path)) if path else "node"
        found = f" It has {str(value)!r}." if isinstance(value, rdflib.Literal) else ""
        findings.append(_finding(node, f"shape {where}", f"{report.value(result, sh.resultMessage)}{found}", lines))
    return findings


def _finding(node: str, rule: str, message: str, lines: Lines, source: object = None) -> Finding:
    short = shorten(node)
    return Finding(*place_of(short, lines, str(source)), short, rule, message)


def place_of(node: str, lines: Lines, source: str = "") -> tuple[str, int]:
    """Return file and line of a node: in the file of the source, or else where it is first described."""
    places = lines.get(node, {})
    here = next(iter(lines.get(source, {})), None)
    if here in places:
        return str(here), places[str(here)]
    return next(iter(places.items()), ("graph", 1))


def _shorten_all(text: str) -> str:
    return re.sub(r"https://w3id\.org/kg-commitments/[^\s,]*", lambda match: shorten(match[0]), text)


_SUBJECT = re.compile(r"^[ \t]*(?:([a-z]+):([\w.-]*\w)|<([^<>\s]+)>)(?=\s+(a\s|\{)?)", re.MULTILINE)
_PREFIX = re.compile(r"^\s*@?prefix\s+([\w-]*):\s*<([^>]*)>", re.MULTILINE | re.IGNORECASE)


def find_lines(path: Path, text: str) -> dict[str, tuple[str, int]]:
    """Return file and line of each node that a Turtle or TriG file describes, by short form.

    Where a node stands at the start of several lines, the one that gives its class is its line.
    """
    prefixes = PREFIXES | dict(_PREFIX.findall(text))
    found: dict[str, tuple[str, int]] = {}
    typed: set[str] = set()
    position, line = 0, 1
    for match in _SUBJECT.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        iri = match[3] or prefixes.get(match[1], "") + match[2]
        short = shorten(iri)
        if short not in found or (match[4] and short not in typed):
            found[short] = (str(path), line + match[0].count("\n"))
        if match[4]:
            typed.add(short)
    return found
