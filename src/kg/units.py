"""One named graph at a time: what it names, what follows from it, and what it gives to the rest.

A source is worked on beside the ontology, the entities that it names and the nodes of other sources that it leads to, so
that its cost does not depend on how large the graph is. What several sources make together needs only what `across.rq`
takes out of each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from sys import intern
from typing import Any, NamedTuple

import pyoxigraph as ox

from kg.build import BELONGING, Scope, Stated, check, derive_into, derived_graph, read_ontology, without
from kg.checks import Finding, Lines
from kg.errors import DataError
from kg.parts import Part, to_part
from kg.resources import shipped
from kg.store import to_data
from kg.vocab import CODE, ENTITIES_GRAPH, ID, KG, RDF, RDFS, shorten, slug_of


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be told of a graph by looking at each of its triples alone.

    Args:
        names: IRIs of things that it names and does not describe.
        kept: Those of them that it names otherwise than as what something belongs to.
        is_marked: Whether it marks something as sensitive.
        strays: What it describes although its slug says that it belongs to another graph, which no rule allows.
    """

    names: frozenset[str]
    kept: frozenset[str]
    is_marked: bool
    strays: frozenset[str] = frozenset()


def survey(quads: Sequence[ox.Quad]) -> Survey:
    """Return what some quads name."""
    own = {str(quad.subject): quad.graph_name for quad in quads}
    names, kept, is_marked = set(), set(), False
    for quad in quads:
        value = quad.object
        if isinstance(value, ox.NamedNode):
            if value.value.startswith(ID) and str(value) not in own:
                name = intern(value.value)
                names.add(name)
                if quad.predicate.value not in BELONGING:
                    kept.add(name)
            is_marked |= value.value == SENSITIVE and quad.predicate.value == KG + "mark"
    strays = {node[1:-1] for node, graph in own.items() if not _is_of(node, str(graph))}
    return Survey(frozenset(names), frozenset(kept), is_marked, frozenset(strays))


def _is_of(node: str, graph: str) -> bool:
    return node == graph or slug_of(node).startswith(slug_of(graph[1:-1]) + "-")


SENSITIVE = CODE + "sensitive"


@dataclass(frozen=True, slots=True)
class Unit:
    """What is known of a graph whose files have not changed since it was worked on.

    Args:
        graph: IRI of the graph: of a source, or that of the entities.
        raw: Digest of all that its files state.
        stated: What the snapshot holds of that.
        derived: What follows from it alone; None if nothing does.
        names: As in `Survey`.
        kept: As in `Survey`.
        is_marked: As in `Survey`.
        cut: Says without names what was left out of it, as `conceal` does; empty if nothing was.
        given: N-Quads for the rules and derivations that look across sources.
        common: Lines of N-Quads that go to the common graph.
        classes: How many nodes it has of each class.
    """

    graph: str
    raw: str
    stated: Part
    derived: Part | None
    names: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    is_marked: bool = False
    cut: str = ""
    given: str = ""
    common: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return it as plain values."""
        derived = self.derived
        return {
            "graph": self.graph,
            "raw": self.raw,
            "stated": [self.stated.sha256, self.stated.quads],
            "derived": [derived.sha256, derived.quads] if derived else None,
            "names": self.names,
            "kept": self.kept,
            "is_marked": self.is_marked,
            "cut": self.cut,
            "given": self.given,
            "common": self.common,
            "classes": dict(self.classes),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Unit:
        """Return what `to_record` has made plain.

        Raises:
            KeyError, TypeError, ValueError: It is no such record.
        """
        graph: str = record["graph"]
        stated, derived = record["stated"], record["derived"]
        lists = {name: tuple(record[name]) for name in ("names", "kept", "common")}
        return cls(
            graph=graph,
            raw=record["raw"],
            stated=Part(graph, *stated),
            derived=Part(derived_graph(graph), *derived) if derived else None,
            is_marked=record["is_marked"],
            cut=record["cut"],
            given=record["given"],
            classes=record["classes"],
            **lists,
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A graph that is to be worked on.

    Args:
        graph: Its IRI.
        raw: Digest of all that its files state.
        quads: How many quads that is.
        survey: What it names.
    """

    graph: str
    raw: str
    quads: int
    survey: Survey


class Entities:
    """The lines that describe each entity, found by its IRI."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def lines(self) -> dict[str, list[bytes]]:
        """The lines of each subject, by its IRI."""
        return by_subject(self.data)

    def of(self, iris: Iterable[str]) -> bytes:
        """Return the lines of some entities."""
        return b"".join(line for iri in sorted(iris) for line in self.lines.get(iri, ()))

    def with_identifiers(self, iris: Collection[str]) -> bytes:
        """Return the lines of some entities and of the identifiers that belong to them."""
        belongs = re.findall(rb"^<([^>]*)> <" + re.escape((KG + "of").encode()) + rb"> <([^>]*)>", self.data, re.MULTILINE)
        return self.of({*iris, *(one.decode() for one, of in belongs if of.decode() in iris)})


def by_subject(data: bytes) -> dict[str, list[bytes]]:
    """Return lines of N-Quads by the IRI of their subject."""
    found: dict[str, list[bytes]] = {}
    for line in data.splitlines(keepends=True):
        found.setdefault(line[1 : line.index(b" ") - 1].decode(), []).append(line)
    return found


_DESCRIBED = "|".join(map(re.escape, (RDF + "type", RDFS + "label", KG + "kind"))).encode()


def describe(data: bytes, iris: Iterable[str]) -> bytes:
    """Return the lines of a graph that give the class, label and kind of some of its nodes."""
    found = []
    for iri in sorted(iris):
        subject = re.escape(f"<{iri}>".encode())
        found += re.findall(rb"^" + subject + rb" <(?:" + _DESCRIBED + rb")> [^\n]*\n", data, re.MULTILINE)
    return b"".join(found)


def descriptions(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the lines that give the class, label and kind of every node of a graph, by its subject."""
    found: dict[bytes, list[bytes]] = {}
    for subject, rest in re.findall(rb"^<([^>]*)> (<(?:" + _DESCRIBED + rb")> [^\n]*)\n", data, re.MULTILINE):
        found.setdefault(subject, []).append(rest)
    return found


@dataclass(frozen=True, slots=True)
class Batch:
    """Some graphs that are worked on together, by this process or by another.

    Args:
        drafts: The graphs.
        texts: The sorted lines of N-Quads that the files of each state.
        beside: Lines of the entities and of the other sources that they have to do with.
        left_out: IRIs that the snapshot leaves out.
    """

    drafts: tuple[Draft, ...]
    texts: tuple[bytes, ...]
    beside: bytes
    left_out: frozenset[str] = frozenset()

    def parse(self) -> dict[str, list[ox.Quad]]:
        """Return the quads of each graph."""
        return {draft.graph: parse_lines(text) for draft, text in zip(self.drafts, self.texts, strict=True)}


@dataclass(frozen=True, slots=True)
class Made:
    """A unit with the lines of its parts, or what is wrong with it."""

    unit: Unit
    stated: bytes
    derived: bytes


class Done(NamedTuple):
    """What came of some graphs.

    Args:
        findings: What is wrong with them.
        made: What was made of each, in their order, if nothing is.
        failure: Why something could not be made though nothing is wrong with them: it is with what they name, or a figure is too large.
    """

    findings: list[Finding]
    made: list[Made]
    failure: DataError | None = None


def conceal(iris: Collection[str], text: bytes) -> str:
    """Return a digest of some IRIs that nobody can tell them from who has not the text as well; empty for none.

    Example:
        >>> conceal([], b"all of it"), len(conceal(["https://example.org/a"], b"all of it"))
        ('', 64)
    """
    return sha256(b"\0".join([text, *(iri.encode() for iri in sorted(iris))])).hexdigest() if iris else ""


_ontology = lru_cache(maxsize=1)(read_ontology)


def work(batch: Batch, lines: Lines) -> Done:
    """Check some sources and derive what follows from each.

    Args:
        batch: The sources.
        lines: Where nodes are described, for the findings.
    """
    own = batch.parse()
    mine = Stated(_ontology(), tuple(quad for quads in own.values() for quad in quads), {})
    stated = replace(mine, data=(*parse_lines(batch.beside), *mine.data))
    return _done(batch, own, stated, _findings(stated, mine, mine, lines))


def _done(batch: Batch, own: Mapping[str, Sequence[ox.Quad]], stated: Stated, findings: list[Finding], *scopes: Scope) -> Done:
    if findings:
        return Done(findings, [])
    try:
        return Done([], list(_make(batch, own, without(stated, batch.left_out), *scopes)))
    except DataError as exc:
        return Done([], [], exc)


def work_on_entities(batch: Batch, changed: Collection[str] | None, lines: Lines) -> Done:
    """Check the entities and derive what follows from them; shapes are asked of those that have changed only, if that is known."""
    own = batch.parse()
    mine = Stated(_ontology(), tuple(quad for quads in own.values() for quad in quads), {})
    stated = replace(mine, data=(*parse_lines(batch.beside), *mine.data))
    shaped = mine if changed is None else replace(mine, data=tuple(quad for quad in mine.data if str(quad.subject)[1:-1] in changed))
    return _done(batch, own, stated, _findings(stated, mine, shaped, lines), Scope.entities)


def parse_lines(data: bytes) -> list[ox.Quad]:
    """Return the quads of lines of N-Quads."""
    return list(ox.parse(data, format=ox.RdfFormat.N_QUADS))


def _findings(stated: Stated, mine: Stated, shaped: Stated, lines: Lines) -> list[Finding]:
    """Return what is wrong with some graphs, not with what stands beside them only in part."""
    own = {shorten(str(quad.subject).strip("<>")) for quad in mine.data}
    own |= {shorten(str(quad.graph_name).strip("<>")) for quad in mine.data}
    beside = {shorten(str(quad.subject).strip("<>")) for quad in stated.data} - own
    return [finding for finding in check(replace(stated, lines=lines), shaped.data) if finding.node not in beside]


def _make(batch: Batch, own: Mapping[str, Sequence[ox.Quad]], stated: Stated, *scopes: Scope) -> Iterator[Made]:
    drafts, left_out = batch.drafts, batch.left_out
    store = stated.to_store()
    known = {(quad.subject, quad.predicate, quad.object) for quad in stated.data}
    derived: dict[str, list[ox.Quad]] = {draft.graph: [] for draft in drafts}
    common: dict[str, list[ox.Quad]] = {draft.graph: [] for draft in drafts}
    for source, quad in derive_into(store, known, *(scopes or (Scope.source, Scope.common))):
        graph = source or ENTITIES_GRAPH
        if graph in derived:
            (derived if quad.graph_name == ox.NamedNode(derived_graph(graph)) else common)[graph].append(quad)
    across = (shipped("sparql") / "derive" / "across.rq").read_text("utf-8")
    given: dict[str, list[ox.Quad]] = {draft.graph: [] for draft in drafts}
    rows: Iterable[Any] = () if scopes else store.terms(across)
    for source, subject, predicate, value in rows:
        if source.value in given:
            given[source.value].append(ox.Quad(subject, predicate, value, source))
    for draft, text in zip(drafts, batch.texts, strict=True):
        graph = draft.graph
        cut = left_out & {*draft.survey.names, *(str(q.subject)[1:-1] for q in own[graph])}
        # As the engine has it, which writes 7.0 as 7, so that a file is what a query answers.
        data = to_data(store.engine.quads_for_pattern(None, None, None, ox.NamedNode(graph)))
        follows = to_data(derived[graph])
        unit = Unit(
            graph=graph,
            raw=draft.raw,
            stated=to_part(graph, data),
            derived=to_part(derived_graph(graph), follows) if follows else None,
            names=tuple(sorted(draft.survey.names - cut)),
            kept=tuple(sorted(draft.survey.kept - cut)),
            is_marked=draft.survey.is_marked,
            cut=conceal(cut, text),
            given=to_data(given[graph]).decode(),
            common=tuple(line.decode() for line in to_data(common[graph]).splitlines(keepends=True)),
            classes=_count_classes(data),
        )
        yield Made(unit, data, follows)


_CLASS = re.compile(rb"^<" + re.escape(ID.encode()) + rb"[^>]*> <" + re.escape((RDF + "type").encode()) + rb"> <([^>]*)>", re.MULTILINE)


def _count_classes(data: bytes) -> dict[str, int]:
    found: dict[str, int] = {}
    for iri in _CLASS.findall(data):
        name = shorten(iri.decode())
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))
