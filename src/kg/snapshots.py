"""Immutable snapshots on disk.

A snapshot is a folder named by the digest of its content: `parts.tsv` lists its named graphs with the digest of each,
`manifest.json` has digests and counts, and beside them are the tables of the projections that were asked for and the state
for the next build. The folder above it holds the parts, which snapshots share, and the file `CURRENT`, which names the
snapshot in force and is replaced in one step, so a build that fails or is killed leaves the previous snapshot whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from kg.errors import CallError, DataError
from kg.parts import Part, freshen, is_sealed, link, read_listing, read_part, read_seal, seal, to_listing
from kg.projection import Projection, read_projection
from kg.store import Embedded, Store
from kg.table import Table
from kg.tablefile import is_table, table_name, write_table
from kg.units import Unit

FORMAT = 3
"""Version of the layout of a snapshot."""


MAX_TABLES = 8
"""How many tables of projections are kept beside a snapshot."""

KEPT = 2
"""How many snapshots are kept below a folder: the one in force and those before."""

STALE_S = 3600
"""After how many seconds a part that no snapshot has is cleared away; a build that goes on may still want it."""


class Engine(StrEnum):
    """Where the quads of a snapshot are while they are asked."""

    memory = "memory"
    disk = "disk"


class Hold:
    """Has a folder in hand, so that no build clears it away, until it is closed or gone; a folder that is missing is in nobody's.

    Args:
        folder: The folder.

    Sources:
        The lock belongs to the open file and ends with its process: https://man7.org/linux/man-pages/man2/flock.2.html
    """

    def __init__(self, folder: Path) -> None:
        self._number: int | None = None
        with suppress(OSError):
            self._number = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._number, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def close(self) -> None:
        """Let go of it."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)

    __del__ = close


def is_free(folder: Path) -> bool:
    """Tell whether no process has a folder in hand."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(number)
    return True


@dataclass(frozen=True)
class Snapshot:
    """A graph that is ready to be asked; its quads and tables are loaded when they are first wanted.

    Args:
        manifest: Digests and counts, as in `manifest.json`.
        load: Returns the quads.
        folder: Where it is kept; None if only in memory.
        note: One sentence if this is not what the files say now, otherwise None.
        made: The day on which it was made, in UTC.
        engine: Where its quads are while they are asked.
        hold: Keeps its folder from being cleared away.
    """

    manifest: dict[str, Any]
    load: Callable[[], Store]
    folder: Path | None = None
    note: str | None = None
    made: date = field(default_factory=lambda: datetime.now(UTC).date())
    engine: Engine | None = None
    hold: Hold | None = field(default=None, compare=False, repr=False)

    @cached_property
    def store(self) -> Store:
        """The quads."""
        return self.load()

    @property
    def embedded(self) -> Embedded:
        """The quads in the engine inside this process.

        Raises:
            CallError: They are on a server.
        """
        if not isinstance(self.store, Embedded):
            raise CallError("This needs the quads themselves, and the graph is on a server. Name a graph with --graph or --store.")
        return self.store

    def open_table(self, projection: Projection) -> Table:
        """Open the table of a projection, which is made on first use and kept beside the quads.

        Where the folder cannot be written, the table is made in memory.

        Raises:
            QueryError: The projection is no query, or one of its rows is no edge.
        """
        if self.folder is None:
            return Table.in_memory(self.store, projection)
        path = self.folder / table_name(projection)
        digest = str(self.manifest["sha256"])
        if found := Table.open(path, projection, digest):
            return found
        try:
            write_table(path, self.store, projection, digest)
        except OSError:
            return Table.in_memory(self.store, projection)
        _drop_tables(self.folder, {path, self.folder / table_name(read_projection())})
        return Table.open(path, projection, digest) or Table.in_memory(self.store, projection)


def _drop_tables(folder: Path, keep: set[Path]) -> None:
    """Remove the tables that were made longest ago; a table can be made again. Another process may do the same."""
    made: dict[Path, float] = {}
    for path in set(folder.glob("table-*.sqlite")) - keep:
        with suppress(OSError):
            made[path] = path.stat().st_mtime
    for path in sorted(made, key=made.__getitem__)[: max(0, len(made) + len(keep) - MAX_TABLES)]:
        path.with_suffix(".sha256").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Across:
    """What follows from several sources together: the digest of what they gave for it, and lines of N-Quads."""

    digest: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """What a build has learnt, so that the next need not learn it again.

    Args:
        environment: Digest of all that it depended on beside the files.
        files: Digest and graphs of each file, by its name.
        units: What was made of each graph, by its IRI.
        across: What follows from several of them together.
        before: The folder of the snapshot that it belongs to; None if there is none.
    """

    environment: str
    files: Mapping[str, tuple[str, tuple[str, ...]]]
    units: Mapping[str, Unit]
    across: Across = Across()
    before: Path | None = None


def read_state(out: Path, environment: str) -> State:
    """Return what the build of the snapshot in force has learnt; nothing if there is none, or if it depended on something else."""
    nothing = State(environment, {}, {})
    manifest = read_manifest(out)
    if manifest is None:
        return nothing
    try:
        digest, _, data = (out / manifest["folder"] / STATE).read_bytes().partition(b"\n")
        head, *records = data.splitlines()
        known = orjson.loads(head)
        if sha256(data).hexdigest().encode() != digest or known["environment"] != environment:
            return nothing
        across = Across(known["across"]["digest"], tuple(known["across"]["lines"]))
        units = [Unit.from_record(orjson.loads(record)) for record in records]
    except (OSError, ValueError, KeyError, TypeError):
        return nothing
    files = {name: (digest, tuple(graphs)) for name, (digest, graphs) in known["files"].items()}
    return State(environment, files, {unit.graph: unit for unit in units}, across, out / manifest["folder"])


def _to_text(state: State) -> bytes:
    head = orjson.dumps({"environment": state.environment, "files": state.files, "across": state.across})
    data = b"\n".join([head, *(orjson.dumps(unit.to_record()) for unit in state.units.values())])
    return sha256(data).hexdigest().encode() + b"\n" + data


STATE = "state.jsonl"
LISTING = "parts.tsv"
PARTS = "parts"
STORE, SEAL = "store", "store.sha256"
"""The engine's own files, and their digests."""

DISK_QUADS = 1_000_000
"""From how many quads a snapshot holds the engine's own files too, since loading takes longer than most answers."""


class Writing:
    """A snapshot that is being made in a folder beside those that are there; nothing of it is seen before it is whole.

    Args:
        out: Folder of snapshots.
        draft: Folder of what is being made, which is gone afterwards.
    """

    def __init__(self, out: Path, draft: Path) -> None:
        self.parts = out / PARTS
        self._out = out
        self._draft = draft
        # A file without a name: nothing of it is left when the process is killed, and it may hold what is to be left out.
        self._aside = tempfile.TemporaryFile(dir=draft)  # noqa: SIM115 # closed by `close`
        for name in (PARTS, "snapshot"):
            (draft / name).mkdir()

    def put_aside(self, data: bytes) -> tuple[int, int]:
        """Keep something until the snapshot is made; return where it is."""
        place = (self._aside.seek(0, os.SEEK_END), len(data))
        self._aside.write(data)
        return place

    def read_aside(self, place: tuple[int, int]) -> bytes:
        """Return what was kept at a place."""
        self._aside.seek(place[0])
        return self._aside.read(place[1])

    def close(self) -> None:
        """Let go of what was kept."""
        self._aside.close()

    def put(self, part: Part, data: bytes) -> None:
        """Write a part."""
        (self._draft / PARTS / part.name).write_bytes(data)

    def read(self, part: Part) -> bytes:
        """Return the lines of a part that is written, now or before.

        Raises:
            DataError: It is missing or damaged.
        """
        new = self._draft / PARTS
        return read_part(new if (new / part.name).is_file() else self.parts, part)

    @property
    def folder(self) -> Path:
        """What will be the folder of the snapshot."""
        return self._draft / "snapshot"

    def write_store(self, parts: Sequence[Part], last: Path | None) -> None:
        """Write the engine's own files: those of a snapshot before with what has changed, or all of them.

        Raises:
            DataError: A part is damaged.
        """
        store = self.folder / STORE
        text = _read_text(last / SEAL) if last else ""
        if last is None:
            Embedded.write_on_disk(store, map(self.read, sorted(parts)))
        else:
            link(last / STORE, store)
            gone, new = set(_listed(last / LISTING)) - set(parts), set(parts) - set(_listed(last / LISTING))
            old_lines, new_lines = ({line for part in some for line in self.read(part).splitlines(keepends=True)} for some in (gone, new))
            Embedded.change_on_disk(store, b"".join(old_lines - new_lines), b"".join(new_lines - old_lines))
        known = {name: digest for name, digest in read_seal(text).items() if name.endswith(".sst")}
        (self.folder / SEAL).write_text(seal(store, known), "utf-8")

    def commit(self, manifest: dict[str, Any], parts: Sequence[Part], state: State) -> Path:
        """Put the snapshot in force, and return its folder."""
        name: str = manifest["sha256"][:16] + ("-sensitive" if manifest["sensitive"] else "")
        folder = self.folder
        texts = {"manifest.json": json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"}
        texts |= {LISTING: to_listing(parts).encode(), STATE: _to_text(state)}
        for file, data in texts.items():
            (folder / file).write_bytes(data)
        self.parts.mkdir(exist_ok=True)
        for part in parts:
            made = self._draft / PARTS / part.name
            if made.is_file():
                os.replace(made, self.parts / part.name)
            elif not freshen(self.parts, part):
                raise DataError(f"The part {part.name} of {str(self._out)!r} was cleared away by another build. Build again.")
        with closing(Hold(folder)), closing(Hold(self._out / name)):
            self._put_in_place(folder, self._out / name)
            os.utime(self._out / name)
            pointer = self._draft / "CURRENT"
            pointer.write_text(name + "\n", "utf-8")
            os.replace(pointer, self._out / "CURRENT")
        return self._out / name

    def _put_in_place(self, folder: Path, target: Path) -> None:
        """Move a snapshot to its name; one that is there already has the same content, file by file, or gets it."""
        if target.is_dir():
            has_store = has_disk_store(target)
            if not has_store:
                (target / SEAL).unlink(missing_ok=True)
            for path in sorted(folder.iterdir()):
                if path.name in (STORE, SEAL):
                    if not has_store:
                        _exchange(path, target / path.name, self._draft / f"damaged-{path.name}")
                elif _read(target / path.name) != _read(path):
                    os.replace(path, target / path.name)
            return
        try:
            folder.rename(target)
        except OSError:
            # Another build may have put the same content there in the meantime.
            if not target.is_dir():
                raise


@contextmanager
def write(out: Path) -> Iterator[Writing]:
    """Make a snapshot below a folder.

    Raises:
        DataError: The folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".build-", dir=out, ignore_cleanup_errors=True) as draft,
            closing(Hold(Path(draft))),
            closing(Writing(out, Path(draft))) as writing,
        ):
            yield writing
        _clear(out)
    except OSError as exc:
        raise DataError(f"The snapshot cannot be written to {str(out)!r}: {exc.strerror or exc}. What was there is as it was.") from exc


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _read_text(path: Path) -> str:
    return (_read(path) or b"").decode("utf-8", "replace")


def has_disk_store(folder: Path) -> bool:
    """Tell whether a snapshot holds the engine's own files, and whole."""
    return is_sealed(folder / STORE, _read_text(folder / SEAL))


def _exchange(source: Path, target: Path, aside: Path) -> None:
    if target.exists():
        target.rename(aside)
    source.rename(target)


def _clear(out: Path) -> None:
    """Remove the drafts of builds that were killed, all but the last snapshots, and the parts that none of these has.

    What a process has in hand stays.
    """
    snapshots: list[tuple[float, Path]] = []
    for path in out.iterdir():
        with suppress(OSError):  # another build may clear as well
            if (path / "manifest.json").is_file():
                snapshots.append((path.stat().st_mtime, path))
    snapshots.sort()
    current = (out / "CURRENT").read_text("utf-8").strip()
    stale = [path for _, path in snapshots if path.name != current][: 1 - KEPT]
    for path in [*stale, *out.glob(".build-*")]:
        if is_free(path):
            shutil.rmtree(path, ignore_errors=True)
    wanted = {part.name for path in out.glob(f"*/{LISTING}") for part in _listed(path)}
    old = time.time() - STALE_S
    for path in (out / PARTS).iterdir():
        with suppress(OSError):
            if path.name not in wanted and path.stat().st_mtime < old:
                path.unlink()


def _listed(path: Path) -> tuple[Part, ...]:
    try:
        return read_listing(path.read_text("utf-8"))
    except (OSError, ValueError):
        return ()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of the snapshot in force below a folder, or None if there is none."""
    try:
        name = (folder / "CURRENT").read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return _manifest_of(folder / name)


def _manifest_of(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    keys = {"format", "inputs", "sha256", "classes", "quads"}
    return {**found, "folder": folder.name} if isinstance(found, dict) and keys <= found.keys() and found["format"] == FORMAT else None


QUAD_BYTES = 400
"""How much memory a quad takes in the engine, measured with graphs of 1 and 10 million quads, and rounded up."""


def choose_engine(quads: int, free_bytes: int, *, has_store: bool) -> tuple[Engine, str]:
    """Return where a server should have the quads, and why, as a sentence.

    They are held twice: by the process that serves, and by the one that answers free-form queries.

    Example:
        >>> choose_engine(50_000, 2 * 2**30, has_store=False)[1]
        '50,000 quads are in memory, where they take about 0.04 GiB of the 2.0 GiB that are free.'
    """
    wanted = 2 * quads * QUAD_BYTES
    takes = f"they take about {wanted / 2**30:.2f} GiB of the {free_bytes / 2**30:.1f} GiB that are free"
    if wanted <= free_bytes // 2:
        return Engine.memory, f"{quads:,} quads are in memory, where {takes}."
    if has_store:
        return Engine.disk, f"{quads:,} quads are on disk, since in memory {takes.replace('they take', 'they would take')}."
    return Engine.memory, f"{quads:,} quads are in memory, where {takes}. Build with --on-disk, and they are read from the disk."


def open_snapshot(folder: Path, engine: Engine | None = None) -> Snapshot:
    """Open the snapshot in force below a folder.

    Its quads are read, and compared with their digests, when they are first wanted.

    Args:
        folder: As for `kg build --out`.
        engine: Where its quads are to be; without it on disk if it holds the engine's own files, and else in memory.

    Raises:
        DataError: There is none, or the list of its parts is not what its digest says.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"The folder {str(folder)!r} holds no snapshot. Make one with kg build --out {folder}.")
    path = folder / manifest["folder"] / LISTING
    try:
        data, made = path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except OSError as exc:
        raise DataError(f"The snapshot file {str(path)!r} cannot be read: {exc.strerror}. Build it again.") from exc
    if sha256(data).hexdigest() != manifest["sha256"]:
        raise DataError(f"The snapshot file {str(path)!r} is damaged: its digest is not that of the manifest. Build it again.")
    chosen = engine or (Engine.disk if (path.parent / SEAL).is_file() else Engine.memory)
    return Snapshot(manifest, lambda: load(path.parent, chosen), path.parent, made=made, engine=chosen, hold=Hold(path.parent))


def load(folder: Path, engine: Engine = Engine.memory) -> Embedded:
    """Return the quads of the snapshot in a folder.

    Raises:
        DataError: A part is missing, or is not what its digest says.
    """
    if engine == Engine.memory:
        return Embedded.from_chunks(read_part(folder.parent / PARTS, part) for part in _listed(folder / LISTING))
    if not (folder / SEAL).is_file():
        raise DataError(f"The snapshot {str(folder)!r} holds no files of the engine. Build it with --on-disk, or serve it from memory.")
    if not has_disk_store(folder):
        raise DataError(
            f"The snapshot's store {str(folder / STORE)!r} is damaged: its files are not what their digests say. Build it again."
        )
    return Embedded.on_disk(folder / STORE)


def read_parts_of(folder: Path) -> tuple[Part, ...]:
    """Return the parts of the snapshot in a folder; none, if there is none."""
    return _listed(folder / LISTING)


def store_of(folder: Path | None) -> Path | None:
    """Return the folder of a snapshot if it holds the engine's own files, and whole."""
    return folder if folder and has_disk_store(folder) else None


def table_of(folder: Path | None) -> Path | None:
    """Return the table of the shipped projection in the folder of a snapshot, if it is there, whole and of this release."""
    if folder is None:
        return None
    projection, manifest = read_projection(), _manifest_of(folder)
    path = folder / table_name(projection)
    return path if manifest and is_table(path, projection, manifest["sha256"]) else None
