"""From text files to a graph: parse, check, derive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.checks import Finding, Lines, check_rules, check_shapes, find_lines, place_of, read_head
from kg.dates import to_bounds, to_words
from kg.errors import CallError, DataError, ParseError
from kg.resources import shipped
from kg.store import DATASETS, Embedded, parse_file
from kg.vocab import DERIVED_GRAPH, ENTITIES_GRAPH, EXPORT_GRAPH, KG, ONTOLOGY_GRAPH, OWL, RDF, RDFS, XSD, shorten, slug_of


@dataclass(frozen=True, slots=True)
class Stated:
    """What the files say, before anything is computed.

    Args:
        ontology: Quads of the vocabulary and the code lists.
        data: Quads of the entities and of the sources.
        lines: Where each node is described.
    """

    ontology: tuple[ox.Quad, ...]
    data: tuple[ox.Quad, ...]
    lines: Lines

    def to_store(self) -> Embedded:
        """Return a store of all that is stated."""
        return Embedded.from_quads([*self.ontology, *self.data])


def read(graph: Path) -> Stated:
    """Parse the ontology and the files of a graph: Turtle for entities, one TriG file for each source.

    A file that `kg export` has written is read as well; what was computed is left out of it, and computed again.

    Raises:
        ParseError: The folder holds no graph, or a file is not what its suffix says.
    """
    data: list[ox.Quad] = []
    lines: dict[str, dict[str, int]] = {}
    for path in graph_files(graph):
        quads = read_file(path, is_dataset=path == graph)
        data += quads
        locate(path, quads, lines)
    return Stated(read_ontology(), tuple(data), lines)


def read_ontology() -> tuple[ox.Quad, ...]:
    """Return the quads of the vocabulary and the code lists."""
    return tuple(_in_graph(quad, ONTOLOGY_GRAPH) for name in ("kg.ttl", "schemes.ttl") for quad in parse_file(shipped("ontology") / name))


def read_file(path: Path, *, is_dataset: bool = False) -> list[ox.Quad]:
    """Return what a file of a graph states.

    Args:
        path: Turtle of entities, TriG of one source, or a whole dataset.
        is_dataset: Whether it holds a whole graph, as `kg export` writes it; then what was computed is left out.

    Raises:
        ParseError: The file is not what its suffix says, or has quads outside the graph that it is for.
    """
    quads = parse_file(path)
    if not is_dataset:
        return [_in_graph(quad, ENTITIES_GRAPH) for quad in quads] if path.suffix == ".ttl" else _named(quads, path)
    if any(isinstance(quad.graph_name, ox.DefaultGraph) for quad in quads):
        raise ParseError(f"{path}:1: the file holds triples outside the graph of a source. Keep each in a named graph, as kg export does.")
    stated = [quad for quad in quads if not str(quad.graph_name).strip("<>").startswith(COMPUTED)]
    if not stated:
        raise ParseError(f"{path}:1: the file holds nothing that a source states. Name a file of kg export.")
    return stated


def locate(path: Path, quads: Iterable[ox.Quad], lines: dict[str, dict[str, int]]) -> None:
    """Add to `lines` where a file describes its nodes; the file that gives the class of a node comes first."""
    described = {shorten(str(quad.subject).strip("<>")) for quad in quads if quad.predicate.value == RDF + "type"}
    for node, (file, line) in find_lines(path, path.read_text("utf-8")).items():
        others = lines.get(node, {})
        lines[node] = {file: line} | others if node in described else others | {file: line}


COMPUTED = (ONTOLOGY_GRAPH, DERIVED_GRAPH, EXPORT_GRAPH)
"""What the names of the graphs begin with that an export holds beside what is stated."""


def graph_files(graph: Path) -> list[Path]:
    """Return the files of a graph, in their order.

    Raises:
        ParseError, CallError: There are none.
    """
    if graph.is_file() and graph.suffix[1:] in DATASETS:
        return [graph]
    if graph.is_file():
        raise CallError(f"{str(graph)!r} is a file whose suffix is none of kg export: {', '.join(f'.{name}' for name in DATASETS)}.")
    if not graph.is_dir():
        raise CallError(f"There is no folder {str(graph)!r}. Name the folder that holds the graph, or a file of kg export.")
    found = sorted(path for path in _walk(graph, set()) if path.suffix in (".ttl", ".trig") and not path.name.startswith("."))
    if not found:
        raise ParseError(f"The folder {str(graph)!r} holds no Turtle (.ttl) and no TriG (.trig) file, so there is no graph in it.")
    return found


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield the regular files below a folder, through links but never in a circle; what cannot be read is an error."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as exc:
        raise ParseError(f"The folder {str(folder)!r} cannot be read: {exc.strerror}.") from exc
    for entry in entries:
        if not entry.name.isprintable():
            raise ParseError(f"The folder {str(folder)!r} holds a file whose name cannot be printed: {entry.name!a}. Rename it.")
        if entry.is_dir():
            yield from _walk(entry, seen)
        elif entry.is_file():
            yield entry


def _in_graph(quad: ox.Quad, name: str) -> ox.Quad:
    return ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(name))


def _named(quads: list[ox.Quad], path: Path) -> list[ox.Quad]:
    """A TriG file holds one graph, which is the source's own."""
    names = {str(quad.graph_name) for quad in quads}
    if len(names) > 1 or "DEFAULT" in names:
        raise ParseError(f"{path}:1: the file holds triples outside the graph of its source, or several graphs. Keep one graph a file.")
    return quads


def check(stated: Stated, shaped: Sequence[ox.Quad] | None = None) -> list[Finding]:
    """Return every breach of the shapes and rules, in the order of file and line.

    Args:
        stated: What is stated.
        shaped: The quads that are checked against the shapes and for their dates; without them, all that is stated.
    """
    wanted = stated.data if shaped is None else shaped
    findings = check_shapes(wanted, stated.lines)
    findings += check_rules(stated.to_store(), stated.lines)
    return sorted({*findings, *_bad_dates(wanted, stated.lines)})


def _bad_dates(quads: Iterable[ox.Quad], lines: Lines) -> Iterator[Finding]:
    for quad in quads:
        if quad.predicate.value == KG + "edtf" and isinstance(quad.object, ox.Literal):
            try:
                to_bounds(quad.object.value)
            except DataError as exc:
                node = shorten(str(quad.subject).strip("<>"))
                yield Finding(*place_of(node, lines), node, "edtf", str(exc))


def without_sensitive(stated: Stated) -> Stated:
    """Return what is stated without the facts that are marked sensitive, and what is known only through them.

    An entity or passage that none but these facts name goes with them, and so do its names, dates and identifiers.
    """
    return without(stated, find_sensitive(stated))


def find_sensitive(stated: Stated, named_elsewhere: Collection[str] = ()) -> frozenset[str]:
    """Return the IRIs that a snapshot without the sensitive facts leaves out.

    Args:
        stated: What is stated, or as much of it as has to do with a sensitive fact.
        named_elsewhere: IRIs that the rest names, otherwise than by belonging to them.
    """
    query = (shipped("sparql") / "derive" / "sensitive.rq").read_text("utf-8")
    left_out: set[Any] = {row[0] for row in stated.to_store().terms(query)}
    described = {quad.subject for quad in stated.data}
    kept = {ox.NamedNode(iri) for iri in named_elsewhere}
    below, above = RDFS + "subClassOf", ox.NamedNode(KG + "Fact")
    facts = {quad.subject for quad in stated.ontology if quad.predicate.value == below and quad.object == above}
    # What a sensitive fact answers or restates stays, for it was said of its own.
    described -= {quad.subject for quad in stated.data if quad.predicate.value == RDF + "type" and quad.object in facts}
    while orphans := _orphans(stated.data, left_out, kept) & described - left_out:
        left_out |= orphans
    return frozenset(term.value for term in left_out)


def without(stated: Stated, left_out: Collection[str]) -> Stated:
    """Return what is stated without the triples that lead from or to some nodes."""
    gone = {ox.NamedNode(iri) for iri in left_out}
    return replace(stated, data=tuple(q for q in stated.data if q.subject not in gone and q.object not in gone)) if gone else stated


def _orphans(data: Iterable[ox.Quad], left_out: set[Any], kept_elsewhere: Collection[Any]) -> set[Any]:
    """Return what only left-out nodes name, and what belongs to a left-out node."""
    named, kept, owned = set(), set(kept_elsewhere), set()
    for quad in data:
        if quad.predicate.value == KG + "of" and quad.object in left_out:
            owned.add(quad.subject)
        elif quad.subject in left_out:
            named.add(quad.object)
        elif quad.predicate.value not in BELONGING:
            kept.add(quad.object)
    return (named - kept) | owned


BELONGING = (KG + "of", OWL + "differentFrom")
"""What names a thing without saying anything of it that would keep it."""


class Scope(StrEnum):
    """How far a derivation looks: it says so in the head of its query.

    What belongs to one source follows from that source, the entities it names and the ontology. So does what is `common`,
    which several sources may give and which lies in the common graph. `entities` and `sources` need all of these.
    """

    source = "source"
    common = "common"
    entities = "entities"
    sources = "sources"


def derive(stated: Stated) -> Embedded:
    """Return a store of what is stated and all that follows from it.

    The queries of `sparql/derive/` run in the order of their names. A row with a source goes to the derived graph of
    that source, or to the common one if the scope of the query says so; one without to the common one. A triple that is
    stated is not derived again.
    """
    store = stated.to_store()
    known = {(quad.subject, quad.predicate, quad.object) for quad in stated.data}
    derive_into(store, known, *Scope)
    return store


def derive_into(store: Embedded, known: set[tuple[Any, Any, Any]], *scopes: Scope) -> list[tuple[str | None, ox.Quad]]:
    """Derive what some scopes say and add it to a store.

    Args:
        store: What is stated, as much as the scopes need.
        known: The triples that are stated; what is derived is added.
        scopes: Which derivations run.

    Returns:
        Every new quad with the IRI of the source that it follows from, or None if it takes several.
    """
    found: list[tuple[str | None, ox.Quad]] = []
    for scope, rows in _derivations(store, scopes):
        if scope == Scope.common:
            # Several sources may give the same, and each is known to do so.
            by_source = {row[0]: [other for other in rows if other[0] == row[0]] for row in rows}
            new = [pair for some in by_source.values() for pair in _derived(some, set(known), is_common=True)]
            known |= {(quad.subject, quad.predicate, quad.object) for _, quad in new}
        else:
            new = list(_derived(rows, known, is_common=False))
        store.extend(quad for _, quad in new)
        found += new
    return found


def _derivations(store: Embedded, scopes: Collection[Scope]) -> Iterator[tuple[Scope, list[Row]]]:
    if Scope.source in scopes:
        yield Scope.source, _date_bounds(store)
        yield Scope.source, _value_labels(store)
    for path in sorted((shipped("sparql") / "derive").glob("[0-9]*.rq")):
        query = path.read_text("utf-8")
        scope = Scope(read_head(query)["scope"])
        if scope in scopes:
            yield scope, _rows(store, query)


Row = tuple[Any, Any, Any, Any]
"""Source (or None), subject, predicate and object of a derived triple, as terms of the engine."""


def _rows(store: Embedded, query: str) -> list[Row]:
    rows = list(store.terms(query))
    return [row if len(row) == 4 else (None, *row) for row in rows]  # type: ignore[misc]  # three columns or four


def _derived(rows: Iterable[Row], known: set[tuple[Any, Any, Any]], *, is_common: bool) -> Iterator[tuple[str | None, ox.Quad]]:
    for source, subject, predicate, value in rows:
        if subject is None or predicate is None or value is None:
            raise DataError(f"Something cannot be derived of {subject}: {predicate} has no value. A figure of it may be too large.")
        if (subject, predicate, value) not in known:
            known.add((subject, predicate, value))
            name = derived_graph(source.value) if source and not is_common else DERIVED_GRAPH
            yield source.value if source else None, ox.Quad(subject, predicate, value, ox.NamedNode(name))


def derived_graph(source: str) -> str:
    """Return the IRI of the graph of what follows from a source.

    Example:
        >>> derived_graph("https://w3id.org/kg-commitments/id/source/gazette")
        'https://w3id.org/kg-commitments/graph/derived/gazette'
    """
    return f"{DERIVED_GRAPH}/{slug_of(source)}"


def _date_bounds(store: Embedded) -> list[Row]:
    query = f"SELECT ?source ?date ?edtf WHERE {{ GRAPH ?source {{ ?source a <{KG}Source> . ?date <{KG}edtf> ?edtf }} }}"
    rows: list[Row] = []
    for source, node, edtf in store.terms(query):
        bounds = to_bounds(edtf.value)  # type: ignore[union-attr]  # the pattern binds it
        for name, day in (("earliest", bounds.earliest), ("latest", bounds.latest)):
            if day:
                rows.append((source, node, ox.NamedNode(KG + name), ox.Literal(day.isoformat(), datatype=ox.NamedNode(XSD + "date"))))
    return rows


_VALUES = f"""
PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
SELECT ?source ?value ?written ?edtf ?amount ?unit ?qualifier ?basis ?words
WHERE {{
  GRAPH ?source {{ ?source a kg:Source . ?value kg:of ?node }}
  OPTIONAL {{ ?value kg:written ?written }}
  OPTIONAL {{ ?value kg:edtf ?edtf }}
  OPTIONAL {{ ?value kg:amount ?amount }}
  OPTIONAL {{ ?value kg:unit ?unit }}
  OPTIONAL {{ ?value kg:qualifier/rdfs:label ?qualifier }}
  OPTIONAL {{ ?value kg:basis/rdfs:label ?basis }}
  OPTIONAL {{ ?value kg:words ?words }}
}}"""


def _value_labels(store: Embedded) -> list[Row]:
    rows: list[Row] = []
    for source, value, *parts in store.terms(_VALUES):
        written, edtf, amount, unit, qualifier, basis, words = (part.value if part else "" for part in parts)
        label = written or (to_words(edtf, words) if edtf else to_label(amount, unit, qualifier, basis, words))
        rows.append((source, value, ox.NamedNode(RDFS + "label"), ox.Literal(label)))
    return rows


def to_label(amount: str, unit: str, qualifier: str, basis: str, words: str) -> str:
    """Return how a quantity reads.

    Example:
        >>> to_label("6000000.0", "GBP", "Up to", "Each", "")
        'up to GBP 6,000,000 each'
        >>> to_label("", "years", "", "", "the next few years")
        '“the next few years” (years)'
    """
    if not amount:
        return f"“{words}” ({unit})"
    whole, _, fraction = amount.partition(".")
    figure = f"{int(whole):,}" + (f".{fraction}" if fraction.strip("0") else "")
    figure = f"{unit} {figure}" if basis else f"{figure} {unit}"
    before = "" if qualifier == "Exactly" else qualifier.lower() + " "
    after = {"Each": " each", "Total": " in total", "Not stated": ", basis not stated"}.get(basis, "")
    return before + figure + after
