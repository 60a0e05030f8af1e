"""From files to a snapshot, and from a snapshot to the next: only what has changed is worked on.

Each named graph is a unit. A unit is worked on if its files have changed, or what is told of the things that it names; all
others are taken from the snapshot before. Both ways end in the same bytes, since a unit's parts depend on nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from kg.build import Scope, Stated, derive_into, derived_graph, find_sensitive, graph_files, locate, read_file, read_ontology
from kg.checks import Finding, check_rules
from kg.errors import CheckError, DataError, ParseError
from kg.parts import Part, digest_of, is_whole, to_part
from kg.projection import read_projection
from kg.resources import release, shipped
from kg.snapshots import (
    DISK_QUADS,
    FORMAT,
    KEPT,
    STORE,
    Across,
    Snapshot,
    State,
    Writing,
    open_snapshot,
    read_manifest,
    read_parts_of,
    read_state,
    store_of,
    table_of,
    write,
)
from kg.store import Embedded, to_data
from kg.tablechange import Change, change_table
from kg.tablefile import table_name
from kg.units import (
    Draft,
    Entities,
    Made,
    Surroundings,
    Survey,
    Unit,
    by_subject,
    describe,
    descriptions,
    parse_lines,
    survey,
    work,
    work_on_entities,
)
from kg.vocab import DERIVED_GRAPH, ENTITIES_GRAPH, ID, KG, ONTOLOGY_GRAPH, RDF

BATCH_QUADS = 40_000
"""How many quads of sources are worked on together, so that what is done once for each time weighs little."""

CODE = ("build.py", "checks.py", "compiler.py", "dates.py", "parts.py", "units.py")
"""The modules that say what a snapshot holds."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""


def say_nothing(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def build(graph: Path, out: Path, *, sensitive: bool = False, on_disk: bool | None = None, progress: Progress = say_nothing) -> Path:
    """Compile a graph: parse, check, derive, and write a snapshot that is put in force when it is whole.

    Args:
        graph: Folder of Turtle and TriG files, or a file of `kg export`.
        out: Folder of snapshots. What is there of the graph's last snapshot and still holds is not made again.
        sensitive: Keep the facts that are marked sensitive.
        on_disk: Write the engine's own files too; without it from `DISK_QUADS` quads on.
        progress: Is told how far it is.

    Returns:
        The folder of the snapshot.

    Raises:
        ParseError: A file cannot be read.
        CheckError: The data breaks a rule; the error carries every finding.
        DataError: The folder cannot be written.
    """
    files = digest_files(graph)
    environment = digest_environment(sensitive=sensitive)
    state = read_state(out, environment)
    with write(out) as writing, ThreadPoolExecutor() as pool:
        # These read all of their files, while other things are done.
        store_before = pool.submit(store_of, state.before)
        table_before = pool.submit(table_of, state.before)
        run = _Run(graph, files, state, writing, sensitive=sensitive, progress=progress)
        units, common = run.work()
        ontology = to_data(Embedded.from_quads(run.ontology).engine)
        parts = [to_part(ONTOLOGY_GRAPH, ontology), to_part(DERIVED_GRAPH, common)]
        for part, data in zip(parts, (ontology, common), strict=True):
            writing.put(part, data)
        parts += [part for unit in units for part in (unit.stated, unit.derived) if part]
        manifest = {
            "format": FORMAT,
            "version": release(),
            "inputs": _digest_inputs(environment, files),
            "sensitive": sensitive,
            "sha256": digest_of(parts),
            "quads": sum(part.quads for part in parts),
            "classes": _sum_classes(units),
        }
        if on_disk or (on_disk is None and sum(part.quads for part in parts) >= DISK_QUADS):
            progress("writing the store", 0, 1)
            # Files of an engine keep traces of what was taken out of them, so what is newly left out is never taken out of one.
            is_clean = all(set(unit.cut) <= set(state.units[unit.graph].cut) for unit in units if unit.graph in state.units)
            writing.write_store(parts, store_before.result() if is_clean else None)
            known = {unit.graph: unit for unit in units}
            _write_table(writing, parts, state, known, table_before.result() if is_clean else None, progress)
        return writing.commit(manifest, parts, State(environment, run.holds, {unit.graph: unit for unit in units}, run.across))


def _sum_classes(units: Iterable[Unit]) -> dict[str, int]:
    found: dict[str, int] = {}
    for unit in units:
        for name, count in unit.classes.items():
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items()))


def digest_files(graph: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a graph, by its path below the graph.

    Raises:
        ParseError: A file cannot be read.
    """
    paths = graph_files(graph)
    return dict(zip((_name_of(graph, path) for path in paths), _side_by_side(_digest_file, paths), strict=True))


A = TypeVar("A")
B = TypeVar("B")


def _side_by_side(function: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Call a function for each item, in as many threads as there are processors; digests are computed outside of the interpreter's lock."""
    threads = os.cpu_count() or 1
    size = len(items) // threads + 1
    slices = [items[at : at + size] for at in range(0, len(items), size)]
    with ThreadPoolExecutor(threads) as pool:
        return [found for some in pool.map(lambda some: list(map(function, some)), slices) for found in some]


def _digest_file(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        raise ParseError(f"{path}: the file cannot be read: {exc.strerror}.") from exc


def _name_of(graph: Path, path: Path) -> str:
    return path.name if path == graph else path.relative_to(graph).as_posix()


def digest_environment(*, sensitive: bool) -> str:
    """Return a digest of all that a snapshot depends on beside the files: ontology, rules, derivations, code and option."""
    total = sha256(f"{FORMAT} {release()} {sensitive}".encode())
    own = [*shipped("ontology").glob("*.ttl"), *(shipped("sparql") / "derive").glob("*.rq"), *(shipped("sparql") / "checks").glob("*.rq")]
    for path in [*sorted(own), *(Path(__file__).with_name(name) for name in CODE)]:
        total.update(path.name.encode() + sha256(path.read_bytes()).digest())
    return total.hexdigest()


def digest_inputs(graph: Path, *, sensitive: bool = False) -> str:
    """Return a digest of all that a snapshot of a graph depends on."""
    return _digest_inputs(digest_environment(sensitive=sensitive), digest_files(graph))


def _digest_inputs(environment: str, files: Mapping[str, str]) -> str:
    return sha256(f"{environment}{sorted(files.items())}".encode()).hexdigest()


# ---------------------------------------------------------------- one build


@dataclass
class _Run:
    """One build, from the files to the units of the next snapshot."""

    graph: Path
    files: Mapping[str, str]
    state: State
    writing: Writing
    sensitive: bool
    progress: Progress
    holds: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    surveys: dict[str, Survey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ontology = read_ontology()
        whole = _side_by_side(self._is_whole, list(self.state.units.values()))
        self.reused = {graph: unit for (graph, unit), found in zip(self.state.units.items(), whole, strict=True) if found}
        self._loaded = lru_cache(maxsize=64)(self._load)

    def _is_whole(self, unit: Unit) -> bool:
        return all(is_whole(self.writing.parts, part) for part in (unit.stated, unit.derived) if part)

    def work(self) -> tuple[list[Unit], bytes]:
        """Return the units of the whole graph, in the order of their names, and the lines of the common graph."""
        self._read()
        for graph in set(self.reused) - {name for _, names in self.holds.values() for name in names}:
            del self.reused[graph]
        old = self.state.units.get(ENTITIES_GRAPH)
        self.entities = Entities(self._loaded(ENTITIES_GRAPH) if self._is_there(ENTITIES_GRAPH) else b"")
        changed = self._changed_entities(old)
        left_out = self._find_left_out()
        self._draft_what_follows(changed)
        self.slugs = sorted({_slug(graph) for graph in {*self.reused, *self.drafts} if graph == _source(_slug(graph))})
        around = Surroundings(self.ontology, self.entities, self._context, left_out)
        made = self._work_on_units(around, changed if old and old.graph in self.reused else None)
        units = sorted([*made, *(unit for graph, unit in self.reused.items() if graph not in self.drafts)], key=lambda unit: unit.graph)
        common = self._join(units)
        if self.findings:
            raise CheckError(tuple(sorted(set(self.findings))))
        return units, common

    # ---- reading

    def _read(self) -> None:
        """Read the files that have changed, and with them all that say something in the same graphs."""
        known = {name: entry for name, entry in self.state.files.items() if self.files.get(name) == entry[0]}
        known = {name: entry for name, entry in known.items() if all(graph in self.reused for graph in entry[1])}
        gone = {graph for name, entry in self.state.files.items() if name not in known for graph in entry[1]}
        wanted = [name for name in self.files if name not in known or gone.intersection(known[name][1])]
        spilled: dict[str, list[Path]] = {}
        for count, name in enumerate(wanted):
            self.progress("reading files", count, len(wanted))
            self.holds[name] = (self.files[name], tuple(self._spill(name, spilled)))
        self.progress("reading files", len(wanted), len(wanted))
        again = {name for name, entry in known.items() if name not in self.holds and not spilled.keys().isdisjoint(entry[1])}
        for name in sorted(again):
            self.holds[name] = (self.files[name], tuple(self._spill(name, spilled)))
        self.holds |= {name: entry for name, entry in known.items() if name not in self.holds}
        self.holds = dict(sorted(self.holds.items()))
        self.spilled = spilled
        for graph in sorted(spilled):
            self._draft(graph, only_if_changed=True)

    def _spill(self, name: str, spilled: dict[str, list[Path]]) -> list[str]:
        """Parse a file and put what it states aside, graph by graph."""
        path = self.graph if self.graph.is_file() else self.graph / name
        by_graph: dict[str, list[Any]] = {}
        quads_read = read_file(path, is_dataset=path == self.graph)
        if _digest_file(path) != self.files[name]:
            raise ParseError(f"{path}: the file was changed while it was read. Build again.")
        for quad in quads_read:
            by_graph.setdefault(str(quad.graph_name).strip("<>"), []).append(quad)
        for graph, quads in by_graph.items():
            spilled.setdefault(graph, []).append(self.writing.put_aside(to_data(quads)))
            self.surveys[graph] = survey(quads)
        return sorted(by_graph)

    def _draft(self, graph: str, *, only_if_changed: bool = False) -> None:
        data = self._loaded(graph)
        raw = sha256(data).hexdigest()
        if only_if_changed and graph in self.reused and self.reused[graph].raw == raw:
            return
        is_one = len(self.spilled.get(graph, ())) == 1
        found = self.surveys[graph] if is_one else survey(parse_lines(data))
        self.drafts[graph] = Draft(graph, raw, lambda: self._loaded(graph), found)

    def _is_there(self, graph: str) -> bool:
        return graph in self.spilled or graph in self.reused

    def _load(self, graph: str) -> bytes:
        """Return the sorted lines of all that the files state in a graph."""
        if graph in self.spilled:
            texts = [path.read_bytes() for path in self.spilled[graph]]
            return texts[0] if len(texts) == 1 else b"".join(sorted({line for text in texts for line in text.splitlines(keepends=True)}))
        unit = self.reused[graph]
        if not unit.cut:
            return self.writing.read(unit.stated)
        for name, (_, graphs) in self.holds.items():
            if graph in graphs:
                self._spill(name, self.spilled)
        return self._load(graph)

    # ---- what has to be worked on

    def _changed_entities(self, old: Unit | None) -> frozenset[str]:
        """Return the entities that are described otherwise than in the snapshot before; all, if that is not known."""
        if old and not self._is_there(ENTITIES_GRAPH):
            return frozenset(name for unit in self.reused.values() for name in unit.names)
        if ENTITIES_GRAPH not in self.drafts:
            return frozenset()
        before = self.writing.read(old.stated) if old and old.graph in self.reused else b""
        lines = set(before.splitlines()) ^ set(self.entities.data.splitlines())
        return frozenset(line[1 : line.index(b" ") - 1].decode() for line in lines)

    def _draft_what_follows(self, changed: Collection[str]) -> None:
        """Draft the units whose files stay, but not what is told of the things that they name."""
        moved = set(changed)
        for graph in {*self.drafts, *(self.state.units.keys() - self.reused.keys())} - {ENTITIES_GRAPH}:
            unit = self.reused.get(graph)
            before = descriptions(self.writing.read(unit.stated)) if unit else None
            after = descriptions(self._loaded(graph)) if graph in self.drafts else {}
            if before is None:
                gone = self.state.units.get(graph)
                moved |= self._named_of(_slug(graph)) if gone else set()
            else:
                moved |= {node.decode() for node in before.keys() | after.keys() if before.get(node) != after.get(node)}
        for graph, unit in self.reused.items():
            if graph not in self.drafts and not moved.isdisjoint(unit.names):
                self._draft(graph)

    def _named_of(self, slug: str) -> set[str]:
        """Return the things of a source, known by its slug alone, that others name."""
        named = {name for unit in self.reused.values() for name in unit.names}
        return {name for name in named if (name.rpartition("/")[2] + "-").startswith(slug + "-")}

    def _find_left_out(self) -> frozenset[str]:
        """Return what the snapshot leaves out, and draft the units whose share of it has changed."""
        surveys = {graph: Survey(frozenset(unit.names), frozenset(unit.kept), unit.is_marked) for graph, unit in self.reused.items()}
        surveys |= {graph: draft.survey for graph, draft in self.drafts.items()}
        group = {graph for graph, found in surveys.items() if found.is_marked}
        left_out: frozenset[str] = frozenset()
        if group and not self.sensitive:
            while True:
                named = {name for graph in group for name in surveys[graph].names}
                data = self.entities.with_identifiers(named) + b"".join(self._loaded(graph) for graph in sorted(group - {ENTITIES_GRAPH}))
                rest = {name for graph in surveys.keys() - group for name in surveys[graph].kept}
                left_out = find_sensitive(Stated(self.ontology, tuple(parse_lines(data)), {}), rest)
                more = {graph for graph in surveys.keys() - group if not left_out.isdisjoint(surveys[graph].names)}
                if not more:
                    break
                group |= more
        for graph, unit in self.reused.items():
            if graph not in self.drafts and set(unit.cut) != self._cut(graph, left_out, surveys[graph]):
                self._draft(graph)
        return left_out

    def _cut(self, graph: str, left_out: frozenset[str], found: Survey) -> set[str]:
        if not left_out:
            return set()
        is_near = found.is_marked or not left_out.isdisjoint(found.names) or graph == ENTITIES_GRAPH
        return set(left_out & {*found.names, *(by_subject(self._loaded(graph)) if is_near else ())})

    def _context(self, draft: Draft) -> bytes:
        """Return what other sources say of the nodes that a source leads to, and all of those whose slug is like its own."""
        slug = _slug(draft.graph)
        like = {other for other in _prefixes(slug) if self._has(other)}
        at = bisect_left(self.slugs, slug + "-")
        while at < len(self.slugs) and self.slugs[at].startswith(slug + "-"):
            like.add(self.slugs[at])
            at += 1
        for stray in draft.survey.strays:
            like |= {other for other in {*_prefixes(_slug(stray)), _slug(stray)} - {slug} if self._has(other)}
        wanted: dict[str, set[str]] = {}
        for name in draft.survey.names:
            if name not in self.entities.lines:
                for other in {*_prefixes(_slug(name)), _slug(name)} - {slug}:
                    if self._has(other):
                        wanted.setdefault(other, set()).add(name)
        found = [self._loaded(_source(other)) for other in sorted(like)]
        for other in sorted(wanted.keys() - like):
            found.append(describe(self._loaded(_source(other)), {*wanted[other], _source(other)}))
        return b"".join(found)

    def _has(self, slug: str) -> bool:
        at = bisect_left(self.slugs, slug)
        return at < len(self.slugs) and self.slugs[at] == slug

    # ---- working

    def _work_on_units(self, around: Surroundings, changed: Collection[str] | None) -> list[Unit]:
        units: list[Unit] = []
        if entities := self.drafts.get(ENTITIES_GRAPH):
            self._keep(*work_on_entities(entities, around, changed, {}), units)
            if self.findings:
                self.findings = work_on_entities(entities, around, changed, self._lines([entities]))[0]
        total, done = len(self.drafts.keys() - {ENTITIES_GRAPH}), 0
        for graphs in _in_batches(sorted(self.drafts.keys() - {ENTITIES_GRAPH}), lambda graph: self._loaded(graph).count(b"\n")):
            batch = [self.drafts[graph] for graph in graphs]
            self.progress("checking sources", done, total)
            findings, made = work(batch, around, {})
            if findings:
                findings, made = work(batch, around, self._lines(batch))
            self._keep(findings, made, units)
            done += len(batch)
        self.progress("checking sources", done, total)
        return units

    def _keep(self, findings: list[Finding], made: list[Made], units: list[Unit]) -> None:
        self.findings += findings
        for one in made:
            self.writing.put(one.unit.stated, one.stated)
            if one.unit.derived:
                self.writing.put(one.unit.derived, one.derived)
            units.append(one.unit)

    def _lines(self, drafts: Iterable[Draft] | None) -> dict[str, dict[str, int]]:
        """Return where nodes are described: those of some graphs, or of all, and the entities."""
        some = [] if drafts is None else list(drafts)
        graphs = {ENTITIES_GRAPH, *(draft.graph for draft in some)} if some and not any(draft.survey.strays for draft in some) else None
        found: dict[str, dict[str, int]] = {}
        for name, (_, names) in self.holds.items():
            if graphs is None or graphs.intersection(names):
                path = self.graph if self.graph.is_file() else self.graph / name
                locate(path, read_file(path, is_dataset=path == self.graph), found)
        return found

    def _join(self, units: Iterable[Unit]) -> bytes:
        """Return the lines of the common graph; what several sources make together is asked again if what they give has changed."""
        units = list(units)
        text = "".join(unit.given for unit in units).encode()
        common = {line.encode() for unit in units for line in unit.common}
        self.across = Across(sha256(text).hexdigest(), self.state.across.lines)
        if self.across != self.state.across:
            self.across = replace(self.across, lines=tuple(line.decode() for line in self._look_across(text)))
        return b"".join(sorted({*common, *(line.encode() for line in self.across.lines)}))

    def _look_across(self, text: bytes) -> list[bytes]:
        """Check and derive what several sources make together out of what they give; return lines of the common graph."""
        given = parse_lines(text)
        stated = Stated(self.ontology, tuple(given), {})
        store = stated.to_store()
        if check_rules(store, {}, is_across=True):
            self.findings += check_rules(store, self._lines(None), is_across=True)
        known = {(quad.subject, quad.predicate, quad.object) for quad in given}
        return to_data(quad for _, quad in derive_into(store, known, Scope.sources)).splitlines(keepends=True)


def _in_batches(graphs: Iterable[str], size_of: Callable[[str], int]) -> Iterator[list[str]]:
    """Yield graphs in lists of `BATCH_QUADS` quads at most, or of one."""
    batch: list[str] = []
    size = 0
    for graph in graphs:
        quads = size_of(graph)
        if batch and size + quads > BATCH_QUADS:
            yield batch
            batch, size = [], 0
        batch.append(graph)
        size += quads
    if batch:
        yield batch


def _slug(iri: str) -> str:
    return iri.rpartition("/")[2]


def _source(slug: str) -> str:
    return f"{ID}source/{slug}"


def _prefixes(slug: str) -> Iterator[str]:
    """Yield the slugs with one word of a slug less, two less, and so on.

    Example:
        >>> list(_prefixes("a-b-c"))
        ['a-b', 'a']
    """
    while "-" in slug:
        slug = slug.rpartition("-")[0]
        yield slug


# ---------------------------------------------------------------- the table


def _write_table(
    writing: Writing, parts: Collection[Part], state: State, units: Mapping[str, Unit], before: Path | None, progress: Progress
) -> None:
    """Write the table of the shipped projection, out of that of the snapshot before if there is one."""
    old = {part.graph: part for part in read_parts_of(state.before)} if before and state.before else {}
    new = {part.graph: part for part in parts}
    changed = {graph for graph in old.keys() | new.keys() if old.get(graph) != new.get(graph)}
    known = state.units if before else {}
    whole = Embedded.on_disk(writing.folder / STORE)
    graphs = {graph for graph in known.keys() | units.keys() if not changed.isdisjoint({graph, derived_graph(graph)})} - {ENTITIES_GRAPH}
    moved = set[str]()
    for graph in changed & {ENTITIES_GRAPH, DERIVED_GRAPH}:
        moved |= _moved(_lines_of(writing, old.get(graph)), _lines_of(writing, new.get(graph)))
    for node in list(moved):
        moved |= {str(quad.object)[1:-1] for quad in whole.quads(node, KG + "of")}
        found = next(whole.quads(node, RDF + "type"), None)
        if found and str(found.graph_name)[1:-1] != ENTITIES_GRAPH:
            graphs.add(str(found.graph_name)[1:-1])
        elif before and node.startswith(f"{ID}event/"):
            graphs |= {graph for graph, unit in units.items() if node in unit.names}
    for graph in graphs if before else ():
        texts = [
            b"".join(_lines_of(writing, part) for part in (unit.stated, unit.derived)) if unit else b""
            for unit in (known.get(graph), units.get(graph))
        ]
        moved |= _moved(*texts)
    entities = (
        {node for node in moved if _is_entity(whole, node)} if before else Entities(_lines_of(writing, new.get(ENTITIES_GRAPH))).lines
    )

    def changes() -> Iterator[Change]:
        done = 0
        for some in _in_batches(sorted(graphs), lambda graph: units[graph].stated.quads if graph in units else 0):
            progress("writing the table of sources", done, len(graphs))
            yield _change(writing, some, known, units, whole)
            done += len(some)
        progress("writing the table of sources", len(graphs), len(graphs))

    path = writing.folder / table_name(read_projection())
    change_table(path, before, changes(), entities, whole, digest_of(parts))


def _lines_of(writing: Writing, part: Part | None) -> bytes:
    return writing.read(part) if part else b""


def _moved(old: bytes, new: bytes) -> set[str]:
    """Return the nodes of the lines that stand in one of two texts only, and those that are two steps from them there."""
    changed = b"".join(set(old.splitlines(keepends=True)) ^ set(new.splitlines(keepends=True)))
    nodes = _nodes_in(changed)
    around = [by_subject(text) for text in (old, new)]
    for _ in range(2):
        nodes |= _nodes_in(b"".join(line for lines in around for node in nodes for line in lines.get(node, ())))
    return nodes


_NODE = re.compile(rb"<(" + re.escape(ID.encode()) + rb"[^>]*)>(?! \.)")


def _nodes_in(text: bytes) -> set[str]:
    return {node.decode() for node in _NODE.findall(text)}


def _is_entity(whole: Embedded, iri: str) -> bool:
    """Tell whether something is an entity or nothing any more, and not what a source describes."""
    found = next(whole.quads(iri, RDF + "type"), None)
    return found is None or str(found.graph_name)[1:-1] == ENTITIES_GRAPH


def _change(writing: Writing, graphs: Collection[str], old: Mapping[str, Unit], units: Mapping[str, Unit], whole: Embedded) -> Change:
    """Return what some sources tell now, and what they have described."""
    texts = [writing.read(part) for graph in graphs if (unit := units.get(graph)) for part in (unit.stated, unit.derived) if part]
    own = {name for text in texts for name in by_subject(text)}
    quads = [quad for text in texts for quad in parse_lines(text)]
    named = {name for graph in graphs if (unit := units.get(graph)) for name in unit.names}
    quads += [quad for name in sorted(named - own) for quad in whole.quads(name)]
    quads += [quad for name in sorted(own) for quad in whole.quads(name, KG + "countedIn")]
    gone = {name for graph in graphs if (unit := old.get(graph)) for name in by_subject(writing.read(unit.stated))}
    return Change(frozenset(graphs), tuple(quads), frozenset(own | gone))


# ---------------------------------------------------------------- the cache


def cache_folder(graph: Path) -> Path:
    """Return the folder of the user's cache where the snapshots of a graph are kept."""
    from platformdirs import user_cache_path

    cache: Path = user_cache_path("kg-commitments")
    return cache / sha256(str(graph.resolve()).encode()).hexdigest()[:16]


def server_folder(url: str, digest: str) -> Path | None:
    """Return the folder of the user's cache for the tables of what a server holds now; None if it cannot be written.

    Those of the last `KEPT` states of each server are kept.
    """
    from platformdirs import user_cache_path

    above: Path = user_cache_path("kg-commitments") / f"server-{sha256(url.encode()).hexdigest()[:16]}"
    folder = above / digest[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        for path in sorted(above.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)
    except OSError:
        return None
    return folder


def open_graph(graph: Path, *, sensitive: bool = False, progress: Progress = say_nothing) -> Snapshot:
    """Open a graph as its files are now, building it first if they have changed since the last time.

    If they do not hold, the last good snapshot answers, and its note says so. With sensitive facts the graph is built for
    this call and kept nowhere.

    Raises:
        ParseError, CheckError: The files do not hold and there is no earlier snapshot.
    """
    if sensitive:
        return build_for_now(graph, sensitive=True)
    folder = cache_folder(graph) / "plain"
    manifest = read_manifest(folder)
    try:
        if manifest and manifest["inputs"] == digest_inputs(graph):
            with suppress(DataError):  # a damaged cache is built again
                return open_snapshot(folder)
        build(graph, folder, progress=progress)
    except (ParseError, CheckError):
        if manifest is None:
            raise
        note = f"The graph {str(graph)!r} does not hold; this is the answer of the last good snapshot. kg check says what is wrong."
        return replace(open_snapshot(folder), note=note)
    except DataError as exc:
        return replace(build_for_now(graph), note=f"{exc} The graph was built in memory, for this call only.")
    return open_snapshot(folder)


def build_for_now(graph: Path, *, sensitive: bool = False) -> Snapshot:
    """Build a graph that is in memory when the folder is gone."""
    with TemporaryDirectory(prefix="kg-") as folder:
        build(graph, Path(folder), sensitive=sensitive)
        opened = open_snapshot(Path(folder))
        store = opened.store
        return replace(opened, folder=None, load=lambda: store)
