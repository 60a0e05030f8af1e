"""From text files to an immutable snapshot: parse, check, derive, write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.checks import Finding, check_rules, check_shapes, find_lines, place_of
from kg.dates import to_bounds, to_words
from kg.errors import CallError, CheckError, DataError, ParseError
from kg.resources import release, shipped
from kg.snapshots import FORMAT, Snapshot, open_snapshot, prune, read_manifest, write
from kg.store import DATASETS, Embedded, parse_file, to_lines
from kg.vocab import DERIVED_GRAPH, ENTITIES_GRAPH, EXPORT_GRAPH, KG, ONTOLOGY_GRAPH, OWL, RDF, RDFS, XSD, shorten


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
    lines: dict[str, dict[str, int]]

    def to_store(self) -> Embedded:
        """Return a store of all that is stated."""
        return Embedded.from_quads([*self.ontology, *self.data])


def read(graph: Path) -> Stated:
    """Parse the ontology and the files of a graph: Turtle for entities, one TriG file for each source.

    A file that `kg export` has written is read as well; what was computed is left out of it, and computed again.

    Raises:
        ParseError: The folder holds no graph, or a file is not what its suffix says.
    """
    ontology = [_in_graph(quad, ONTOLOGY_GRAPH) for name in ("kg.ttl", "schemes.ttl") for quad in parse_file(shipped("ontology") / name)]
    data: list[ox.Quad] = []
    lines: dict[str, dict[str, int]] = {}
    for path in _graph_files(graph):
        quads = parse_file(path)
        if path == graph:
            quads = [quad for quad in quads if not str(quad.graph_name).strip("<>").startswith(COMPUTED)]
            if not quads:
                raise ParseError(f"{path}:1: the file holds nothing that a source states. Name a file of kg export.")
            data += quads
        else:
            data += [_in_graph(quad, ENTITIES_GRAPH) for quad in quads] if path.suffix == ".ttl" else _named(quads, path)
        described = {shorten(str(quad.subject).strip("<>")) for quad in quads if quad.predicate.value == RDF + "type"}
        for node, (file, line) in find_lines(path, path.read_text("utf-8")).items():
            others = lines.get(node, {})
            lines[node] = {file: line} | others if node in described else others | {file: line}
    return Stated(tuple(ontology), tuple(data), lines)


COMPUTED = (ONTOLOGY_GRAPH, DERIVED_GRAPH, EXPORT_GRAPH)
"""What the names of the graphs begin with that an export holds beside what is stated."""


def _graph_files(graph: Path) -> list[Path]:
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


def check(stated: Stated) -> list[Finding]:
    """Return every breach of the shapes and rules, in the order of file and line."""
    findings = check_shapes(stated.data, stated.lines)
    findings += check_rules(stated.to_store(), stated.lines)
    return sorted({*findings, *_bad_dates(stated)})


def _bad_dates(stated: Stated) -> Iterator[Finding]:
    for quad in stated.data:
        if quad.predicate.value == KG + "edtf" and isinstance(quad.object, ox.Literal):
            try:
                to_bounds(quad.object.value)
            except DataError as exc:
                node = shorten(str(quad.subject).strip("<>"))
                yield Finding(*place_of(node, stated.lines), node, "edtf", str(exc))


def without_sensitive(stated: Stated) -> Stated:
    """Return what is stated without the facts that are marked sensitive, and what is known only through them.

    An entity or passage that none but these facts name goes with them, and so do its names, dates and identifiers.
    """
    query = (shipped("sparql") / "derive" / "sensitive.rq").read_text("utf-8")
    left_out: set[Any] = {row[0] for row in stated.to_store().terms(query)}
    described = {quad.subject for quad in stated.data}
    while orphans := _orphans(stated.data, left_out) & described - left_out:
        left_out |= orphans
    return replace(stated, data=tuple(q for q in stated.data if q.subject not in left_out and q.object not in left_out))


def _orphans(data: Iterable[ox.Quad], left_out: set[Any]) -> set[Any]:
    """Return what only left-out nodes name, and what belongs to a left-out node."""
    named, kept, owned = set(), set(), set()
    for quad in data:
        if quad.predicate.value == KG + "of" and quad.object in left_out:
            owned.add(quad.subject)
        elif quad.subject in left_out:
            named.add(quad.object)
        elif quad.predicate.value not in (KG + "of", OWL + "differentFrom"):
            kept.add(quad.object)
    return (named - kept) | owned


def derive(stated: Stated) -> Embedded:
    """Return a store of what is stated and all that follows from it.

    The queries of `sparql/derive/` run in the order of their names. A row with a source goes to the derived graph of
    that source, one without to the common one. A triple that is stated is not derived again.
    """
    store = stated.to_store()
    known = {(quad.subject, quad.predicate, quad.object) for quad in stated.data}
    for rows in (_date_bounds(store), _value_labels(store)):
        store.extend(list(_derived(rows, known)))
    for path in sorted((shipped("sparql") / "derive").glob("[0-9]*.rq")):
        store.extend(list(_derived(_rows(store, path.read_text("utf-8")), known)))
    return store


Row = tuple[Any, Any, Any, Any]
"""Source (or None), subject, predicate and object of a derived triple, as terms of the engine."""


def _rows(store: Embedded, query: str) -> list[Row]:
    rows = list(store.terms(query))
    return [row if len(row) == 4 else (None, *row) for row in rows]  # type: ignore[misc]  # three columns or four


def _derived(rows: Iterable[Row], known: set[tuple[Any, Any, Any]]) -> Iterator[ox.Quad]:
    for source, subject, predicate, value in rows:
        if subject is None or predicate is None or value is None:
            raise DataError(f"Something cannot be derived of {subject}: {predicate} has no value. A figure of it may be too large.")
        if (subject, predicate, value) not in known:
            known.add((subject, predicate, value))
            name = f"{DERIVED_GRAPH}/{source.value.rpartition('/')[2]}" if source else DERIVED_GRAPH
            yield ox.Quad(subject, predicate, value, ox.NamedNode(name))


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


def build(graph: Path, *, sensitive: bool = False) -> tuple[list[str], dict[str, Any]]:
    """Compile a graph: parse, check, derive.

    Args:
        graph: Folder of the Turtle and TriG files.
        sensitive: Keep the facts that are marked sensitive.

    Returns:
        The sorted lines of N-Quads, and the manifest.

    Raises:
        ParseError: A file cannot be read.
        CheckError: The data breaks a rule; the error carries every finding.
    """
    inputs = digest_inputs(graph, sensitive=sensitive)
    stated = read(graph)
    if findings := check(stated):
        raise CheckError(tuple(findings))
    store = derive(stated if sensitive else without_sensitive(stated))
    lines = to_lines(store.engine)
    manifest = {
        "format": FORMAT,
        "version": release(),
        "inputs": inputs,
        "sensitive": sensitive,
        "sha256": sha256("".join(lines).encode()).hexdigest(),
        "quads": len(lines),
        "classes": store.count_classes(),
    }
    return lines, manifest


def digest_inputs(graph: Path, *, sensitive: bool) -> str:
    """Return a digest of all that a snapshot depends on: data, ontology, derivations and their code, version and option."""
    total = sha256(f"{FORMAT} {release()} {sensitive}".encode())
    own = [*shipped("ontology").glob("*.ttl"), *(shipped("sparql") / "derive").glob("*.rq"), *(shipped("sparql") / "checks").glob("*.rq")]
    own += [Path(__file__), Path(__file__).with_name("dates.py")]
    for path in [*sorted(own), *_graph_files(graph)]:
        try:
            total.update(path.name.encode() + sha256(path.read_bytes()).digest())
        except OSError as exc:
            raise ParseError(f"{path}: the file cannot be read: {exc.strerror}.") from exc
    return total.hexdigest()


def cache_folder(graph: Path) -> Path:
    """Return the folder of the user's cache where the snapshots of a graph are kept."""
    from platformdirs import user_cache_path

    cache: Path = user_cache_path("kg-commitments")
    return cache / sha256(str(graph.resolve()).encode()).hexdigest()[:16]


def open_graph(graph: Path, *, sensitive: bool = False) -> Snapshot:
    """Open a graph as its files are now, building it first if they have changed since the last time.

    If they do not hold, the last good snapshot answers, and its note says so. With sensitive facts the graph is built in
    memory and kept nowhere.

    Raises:
        ParseError, CheckError: The files do not hold and there is no earlier snapshot.
    """
    if sensitive:
        lines, fresh = build(graph, sensitive=True)
        return Snapshot(fresh, lambda: Embedded.from_lines(lines))
    folder = cache_folder(graph) / "plain"
    manifest = read_manifest(folder)
    try:
        if manifest and manifest["inputs"] == digest_inputs(graph, sensitive=False):
            with suppress(DataError):  # a damaged cache is built again
                return open_snapshot(folder)
        lines, fresh = build(graph)
    except (ParseError, CheckError):
        if manifest is None:
            raise
        note = f"The graph {str(graph)!r} does not hold; this is the answer of the last good snapshot. kg check says what is wrong."
        return replace(open_snapshot(folder), note=note)
    try:
        write(lines, fresh, folder)
    except DataError as exc:
        return Snapshot(fresh, lambda: Embedded.from_lines(lines), note=f"{exc} The graph was built in memory, for this call only.")
    prune(folder, {fresh["sha256"], (manifest or fresh)["sha256"]})
    return open_snapshot(folder)
