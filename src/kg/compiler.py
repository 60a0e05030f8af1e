"""From files to a snapshot, and from a snapshot to the next: only what has changed is worked on.

Each named graph is a unit. A unit is worked on if its files have changed, or what is told of the things that it names; all
others are taken from the snapshot before. Both ways end in the same bytes, since a unit's parts depend on nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TypeVar

from kg.build import Scope, Stated, derive_into, derived_graph, find_sensitive, graph_files, locate, read_file, read_ontology
from kg.checks import Finding, check_rules
from kg.errors import CheckError, DataError, ParseError
from kg.parts import Part, digest_of, has_part, to_part
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
    Batch,
    Done,
    Draft,
    Entities,
    Survey,
    Unit,
    by_subject,
    conceal,
    describe,
    descriptions,
    parse_lines,
    survey,
    work,
    work_on_entities,
)
from kg.vocab import DERIVED_GRAPH, ENTITIES_GRAPH, ID, KG, ONTOLOGY_GRAPH, RDF, slug_of

BATCH_QUADS = 40_000
"""How many quads of sources are worked on together, so that what is done once for each time weighs little."""

KNOWN = 200_000
"""How many things that sources name are kept in mind while a table is written."""

CODE = ("build.py", "checks.py", "compiler.py", "dates.py", "parts.py", "store.py", "units.py", "vocab.py")
"""The modules that say what a snapshot holds."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""


def say_nothing(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def build(
    graph: Path,
    out: Path,
    *,
    sensitive: bool = False,
    on_disk: bool | None = None,
    processes: int = 1,
    progress: Progress = say_nothing,
) -> Path:
    """Compile a graph: parse, check, derive, and write a snapshot that is put in force when it is whole.

    Args:
        graph: Folder of Turtle and TriG files, or a file of `kg export`.
        out: Folder of snapshots. What is there of the graph's last snapshot and still holds is not made again.
        sensitive: Keep the facts that are marked sensitive.
        on_disk: Write the engine's own files too; without it from `DISK_QUADS` quads on.
        processes: How many processes check sources side by side, where there are many. More than one are started anew, so the
            script that calls this has to guard its first lines with `if __name__ == "__main__"`.
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
        run = _Run(graph, files, state, writing, sensitive=sensitive, processes=processes, progress=progress)
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
            is_clean = not run.held_before()
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
    return dict(zip((_name_of(graph, path) for path in paths), _side_by_side(_digest, paths), strict=True))


A = TypeVar("A")
B = TypeVar("B")


def _side_by_side(function: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Call a function for each item, in as many threads as there are processors; digests are computed outside of the interpreter's lock."""
    threads = os.cpu_count() or 1
    size = len(items) // threads + 1
    slices = [items[at : at + size] for at in range(0, len(items), size)]
    with ThreadPoolExecutor(threads) as pool:
        return [found for some in pool.map(lambda some: list(map(function, some)), slices) for found in some]


def _digest(path: Path) -> str:
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
    processes: int
    progress: Progress
    holds: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    surveys: dict[str, Survey] = field(default_factory=dict)
    failure: DataError | None = None

    def __post_init__(self) -> None:
        self.ontology = read_ontology()
        whole = _side_by_side(self._is_whole, list(self.state.units.values()))
        self.reused = {graph: unit for (graph, unit), found in zip(self.state.units.items(), whole, strict=True) if found}
        self._loaded = lru_cache(maxsize=64)(self._load)

    def _is_whole(self, unit: Unit) -> bool:
        return all(has_part(self.writing.parts, part) for part in (unit.stated, unit.derived) if part)

    def work(self) -> tuple[list[Unit], bytes]:
        """Return the units of the whole graph, in the order of their names, and the lines of the common graph."""
        self._read()
        for graph in set(self.reused) - {name for _, names in self.holds.values() for name in names}:
            del self.reused[graph]
        self.known = {graph: self._survey(unit) for graph, unit in self.reused.items()}
        old = self.state.units.get(ENTITIES_GRAPH)
        self.entities = Entities(self._loaded(ENTITIES_GRAPH) if self._is_there(ENTITIES_GRAPH) else b"")
        changed = self._changed_entities(old)
        self.left_out = self._find_left_out()
        self._draft_what_follows(changed)
        self.slugs = sorted({slug_of(graph) for graph in {*self.reused, *self.drafts} if graph == _source(slug_of(graph))})
        made = self._work_on_units(changed if old and old.graph in self.reused else None)
        if self.failure and not self.findings:
            raise self.failure
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
        spilled: dict[str, list[tuple[int, int]]] = {}
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

    def _spill(self, name: str, spilled: dict[str, list[tuple[int, int]]]) -> list[str]:
        """Parse a file and put what it states aside, graph by graph."""
        path = self.graph if self.graph.is_file() else self.graph / name
        by_graph: dict[str, list[Any]] = {}
        quads_read = read_file(path, is_dataset=path == self.graph)
        if _digest(path) != self.files[name]:
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
        self.drafts[graph] = Draft(graph, raw, data.count(b"\n"), found)

    def _survey(self, unit: Unit) -> Survey:
        """Return what the files of a unit name; the unit itself does not name what was cut out of it."""
        if unit.cut:
            return survey(parse_lines(self._loaded(unit.graph)))
        return Survey(frozenset(unit.names), frozenset(unit.kept), unit.is_marked)

    def _is_there(self, graph: str) -> bool:
        return graph in self.spilled or graph in self.reused

    def _load(self, graph: str) -> bytes:
        """Return the sorted lines of all that the files state in a graph."""
        if graph in self.spilled:
            texts = [self.writing.read_aside(place) for place in self.spilled[graph]]
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
            return frozenset(name for found in self.known.values() for name in found.names)
        if ENTITIES_GRAPH not in self.drafts:
            return frozenset()
        before = self.writing.read(old.stated) if old and old.graph in self.reused else b""
        lines = set(before.splitlines()) ^ set(self.entities.data.splitlines())
        return frozenset(line[1 : line.index(b" ") - 1].decode() for line in lines)

    def _draft_what_follows(self, changed: Collection[str]) -> None:
        """Draft the units whose files stay, but not what is told of the things that they name."""
        gone = self.state.units.keys() - self.reused.keys() - {ENTITIES_GRAPH}
        moved = {*changed, *self._named_of({slug_of(graph) for graph in gone})}
        for graph in self.drafts.keys() & self.reused.keys() - {ENTITIES_GRAPH}:
            before = descriptions(self.writing.read(self.reused[graph].stated))
            after = descriptions(self._loaded(graph))
            moved |= {node.decode() for node in before.keys() | after.keys() if before.get(node) != after.get(node)}
        for graph, found in self.known.items():
            if graph not in self.drafts and not moved.isdisjoint(found.names):
                self._draft(graph)

    def _named_of(self, slugs: Collection[str]) -> set[str]:
        """Return the things of some sources, known by their slugs alone, that others name."""
        named = {name for found in self.known.values() for name in found.names} if slugs else ()
        return {name for name in named if not {slug_of(name), *_prefixes(slug_of(name))}.isdisjoint(slugs)}

    def _find_left_out(self) -> frozenset[str]:
        """Return what the snapshot leaves out, and draft the units whose share of it has changed."""
        surveys = self.known | {graph: draft.survey for graph, draft in self.drafts.items()}
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
            if graph not in self.drafts:
                cut = self._cut(graph, left_out, surveys[graph])
                if (cut or unit.cut) and conceal(cut, self._loaded(graph)) != unit.cut:
                    self._draft(graph)
        return left_out

    def held_before(self) -> bool:
        """Tell whether the snapshot before holds something that is left out now, or may hold it."""
        old = [self.reused.get(graph) for graph in self.drafts.keys() & self.state.units.keys()] if self.left_out else []
        return any(unit is None or not self.left_out.isdisjoint(_nodes_in(self.writing.read(unit.stated))) for unit in old)

    def _cut(self, graph: str, left_out: frozenset[str], found: Survey) -> set[str]:
        if not left_out:
            return set()
        is_near = found.is_marked or not left_out.isdisjoint(found.names) or graph == ENTITIES_GRAPH
        return set(left_out & {*found.names, *(by_subject(self._loaded(graph)) if is_near else ())})

    def _context(self, draft: Draft) -> bytes:
        """Return what other sources say of the nodes that a source leads to, and all of those whose slug is like its own."""
        slug = slug_of(draft.graph)
        like = {other for other in _prefixes(slug) if self._has(other)}
        at = bisect_left(self.slugs, slug + "-")
        while at < len(self.slugs) and self.slugs[at].startswith(slug + "-"):
            like.add(self.slugs[at])
            at += 1
        for stray in draft.survey.strays:
            like |= {other for other in {*_prefixes(slug_of(stray)), slug_of(stray)} - {slug} if self._has(other)}
        wanted: dict[str, set[str]] = {}
        for name in draft.survey.names:
            if name not in self.entities.lines:
                for other in {*_prefixes(slug_of(name)), slug_of(name)} - {slug}:
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

    def _work_on_units(self, changed: Collection[str] | None) -> list[Unit]:
        units: list[Unit] = []
        if ENTITIES_GRAPH in self.drafts:
            batch = self._batch([ENTITIES_GRAPH])
            done = work_on_entities(batch, changed, {})
            self._keep(work_on_entities(batch, changed, self._lines(batch.drafts)) if done.findings else done, units)
        graphs = sorted(self.drafts.keys() - {ENTITIES_GRAPH})
        batches = list(_in_batches(graphs, lambda graph: self.drafts[graph].quads))
        count = 0
        self.progress("checking sources", count, len(graphs))
        for batch, done in _work_on(self._batch, batches, self.processes):
            self._keep(work(batch, self._lines(batch.drafts)) if done.findings else done, units)
            count += len(batch.drafts)
            self.progress("checking sources", count, len(graphs))
        return units

    def _batch(self, graphs: Collection[str]) -> Batch:
        """Return some graphs with what they are worked on beside, each line once; what is worked on itself is not beside it."""
        drafts, texts = tuple(map(self.drafts.__getitem__, graphs)), tuple(map(self._loaded, graphs))
        own = tuple(f" <{graph}> .\n".encode() for graph in graphs)
        found = {line for draft in drafts for line in self._context(draft).splitlines(keepends=True)}
        context = b"".join(sorted(line for line in found if not line.endswith(own)))
        entities = b"" if ENTITIES_GRAPH in graphs else self.entities.of({name for text in (*texts, context) for name in _nodes_in(text)})
        return Batch(drafts, texts, entities + context, self.left_out)

    def _keep(self, done: Done, units: list[Unit]) -> None:
        self.findings += done.findings
        self.failure = self.failure or done.failure
        for one in done.made:
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


def _work_on(load: Callable[[list[str]], Batch], batches: Sequence[list[str]], processes: int) -> Iterator[tuple[Batch, Done]]:
    """Yield what `work` makes of each batch, in their order.

    Raises:
        DataError: Another process was ended from outside.
    """
    processes = min(processes, len(batches))
    if processes < 2:
        yield from ((batch, work(batch, {})) for batch in map(load, batches))
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _follow) as pool:
        waiting: deque[tuple[Batch, Future[Done]]] = deque()
        try:
            for graphs in batches:
                if len(waiting) > processes:
                    batch, made = waiting.popleft()
                    yield batch, made.result()
                batch = load(graphs)
                waiting.append((batch, pool.submit(work, batch, {})))
            for batch, made in waiting:
                yield batch, made.result()
        except BrokenProcessPool as exc:
            raise DataError(
                "A process that checks sources was ended from outside, perhaps for want of memory: free some and build again. "
                "A script that builds in several processes guards its first lines with if __name__ == '__main__'."
            ) from exc
        finally:
            pool.shutdown(cancel_futures=True)


def _follow() -> None:
    """Make a process that checks sources end without a word at an interruption, and when the one that has started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = parent_process()
    assert parent is not None  # it was started by one

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


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
    whole = Embedded.on_disk(writing.folder / STORE)
    known = state.units if before else {}
    if before:
        graphs, entities = _find_moved(writing, parts, state, units, whole)
    else:
        stated = next((part for part in parts if part.graph == ENTITIES_GRAPH), None)
        graphs, entities = units.keys() - {ENTITIES_GRAPH}, set(Entities(_lines_of(writing, stated)).lines)

    told_of = lru_cache(maxsize=KNOWN)(lambda name: tuple(whole.quads(name)))

    def changes() -> Iterator[Change]:
        done = 0
        for some in _in_batches(sorted(graphs), lambda graph: units[graph].stated.quads if graph in units else 0):
            progress("writing the table of sources", done, len(graphs))
            yield _change(writing, some, known, units, whole, told_of)
            done += len(some)
        progress("writing the table of sources", len(graphs), len(graphs))

    path = writing.folder / table_name(read_projection())
    change_table(path, before, changes(), entities, whole, digest_of(parts))


def _find_moved(
    writing: Writing, parts: Collection[Part], state: State, units: Mapping[str, Unit], whole: Embedded
) -> tuple[set[str], set[str]]:
    """Return the sources and the entities of which the table tells otherwise than that of the snapshot before."""
    old = {part.graph: part for part in read_parts_of(state.before)} if state.before else {}
    new = {part.graph: part for part in parts}
    changed = {graph for graph in old.keys() | new.keys() if old.get(graph) != new.get(graph)}
    every = state.units.keys() | units.keys()
    graphs = {graph for graph in every if not changed.isdisjoint({graph, derived_graph(graph)})} - {ENTITIES_GRAPH}
    moved = set[str]()
    for graph in changed & {ENTITIES_GRAPH, DERIVED_GRAPH}:
        moved |= _moved(_lines_of(writing, old.get(graph)), _lines_of(writing, new.get(graph)))
    for node in list(moved):
        moved |= {str(quad.object)[1:-1] for quad in whole.quads(node, KG + "of")}
        found = next(whole.quads(node, RDF + "type"), None)
        if found and str(found.graph_name)[1:-1] != ENTITIES_GRAPH:
            graphs.add(str(found.graph_name)[1:-1])
        elif node.startswith(f"{ID}event/"):
            graphs |= {graph for graph, unit in units.items() if node in unit.names}
    for graph in graphs:
        texts = [
            b"".join(_lines_of(writing, part) for part in (unit.stated, unit.derived)) if unit else b""
            for unit in (state.units.get(graph), units.get(graph))
        ]
        moved |= _moved(*texts)
    return graphs, {node for node in moved if _is_entity(whole, node)}


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


def _change(
    writing: Writing,
    graphs: Collection[str],
    old: Mapping[str, Unit],
    units: Mapping[str, Unit],
    whole: Embedded,
    told_of: Callable[[str], Iterable[Any]],
) -> Change:
    """Return what some sources tell now, and what they have described."""
    texts = [writing.read(part) for graph in graphs if (unit := units.get(graph)) for part in (unit.stated, unit.derived) if part]
    own = {name for text in texts for name in by_subject(text)}
    quads = [quad for text in texts for quad in parse_lines(text)]
    named = {name for graph in graphs if (unit := units.get(graph)) for name in unit.names}
    quads += [quad for name in sorted(named - own) for quad in told_of(name)]
    pledges = (name for name in sorted(own) if name.startswith(f"{ID}pledge/"))
    quads += [quad for name in pledges for quad in whole.quads(name, KG + "countedIn")]
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


def open_graph(graph: Path, *, sensitive: bool = False, processes: int = 1, progress: Progress = say_nothing) -> Snapshot:
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
        build(graph, folder, processes=processes, progress=progress)
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
        build(graph, Path(folder), sensitive=sensitive, on_disk=False)
        opened = open_snapshot(Path(folder))
        store = opened.store
        return replace(opened, folder=None, load=lambda: store)
