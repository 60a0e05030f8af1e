"""Immutable snapshots on disk.

A snapshot is a folder named by the digest of its content, with `quads.nq` (sorted N-Quads), `manifest.json` and the tables
of the projections that were asked for. The folder above it holds the file `CURRENT`, which names the snapshot in force and
is replaced in one step, so a build that fails or is killed leaves the previous snapshot whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from kg.errors import CallError, DataError
from kg.projection import Projection, read_projection
from kg.store import Embedded, Store
from kg.table import Table
from kg.tablefile import write_table

FORMAT = 2
"""Version of the layout of a snapshot."""


MAX_TABLES = 8
"""How many tables of projections are kept beside a snapshot."""

STALE_S = 3600
"""After how many seconds the draft of a build that was killed is cleared away."""


@dataclass(frozen=True)
class Snapshot:
    """A graph that is ready to be asked; its quads and tables are loaded when they are first wanted.

    Args:
        manifest: Digests and counts, as in `manifest.json`.
        load: Returns the quads.
        folder: Where it is kept; None if only in memory.
        note: One sentence if this is not what the files say now, otherwise None.
        made: The day on which it was made, in UTC.
    """

    manifest: dict[str, Any]
    load: Callable[[], Store]
    folder: Path | None = None
    note: str | None = None
    made: date = field(default_factory=lambda: datetime.now(UTC).date())

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
        path = self.folder / f"table-{projection.digest[:16]}.sqlite"
        digest = str(self.manifest["sha256"])
        if found := Table.open(path, projection, digest):
            return found
        try:
            write_table(path, self.store, projection, digest)
        except OSError:
            return Table.in_memory(self.store, projection)
        _drop_tables(self.folder, {path, self.folder / f"table-{read_projection().digest[:16]}.sqlite"})
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


def write(lines: list[str], manifest: dict[str, Any], out: Path) -> Path:
    """Write a snapshot below a folder and put it in force; return its folder.

    Raises:
        DataError: The folder cannot be written.
    """
    name: str = manifest["sha256"][:16] + ("-sensitive" if manifest["sensitive"] else "")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as temporary:
            draft = Path(temporary) / name
            draft.mkdir()
            (draft / "quads.nq").write_text("".join(lines), "utf-8")
            (draft / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", "utf-8")
            _put_in_place(draft, out / name)
            pointer = Path(temporary) / "CURRENT"
            pointer.write_text(name + "\n", "utf-8")
            os.replace(pointer, out / "CURRENT")
    except OSError as exc:
        raise DataError(f"The snapshot cannot be written to {str(out)!r}: {exc.strerror}.") from exc
    return out / name


def _put_in_place(draft: Path, target: Path) -> None:
    """Move a snapshot to its name; one that is there already and whole has the same content and stays."""
    if target.exists() and any(_read(target / name) != _read(draft / name) for name in ("quads.nq", "manifest.json")):
        target.rename(draft.with_name("damaged"))
    try:
        draft.rename(target)
    except OSError:
        # Another build may have put the same content there in the meantime.
        if not target.exists():
            raise


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of the snapshot in force below a folder, or None if there is none."""
    try:
        name = (folder / "CURRENT").read_text("utf-8").strip()
        found = json.loads((folder / name / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    keys = {"format", "inputs", "sha256", "classes", "quads"}
    return {**found, "folder": name} if isinstance(found, dict) and keys <= found.keys() and found["format"] == FORMAT else None


def open_snapshot(folder: Path) -> Snapshot:
    """Open the snapshot in force below a folder.

    Raises:
        DataError: There is none, or its content is not what its digest says.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"The folder {str(folder)!r} holds no snapshot. Make one with kg build --out {folder}.")
    path = folder / manifest["folder"] / "quads.nq"
    try:
        actual, made = sha256(path.read_bytes()).hexdigest(), datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except OSError as exc:
        raise DataError(f"The snapshot file {str(path)!r} cannot be read: {exc.strerror}. Build it again.") from exc
    if actual != manifest["sha256"]:
        raise DataError(f"The snapshot file {str(path)!r} is damaged: its digest is not that of the manifest. Build it again.")
    return Snapshot(manifest, lambda: Embedded.from_file(path), path.parent, made=made)


def prune(folder: Path, keep: set[str]) -> None:
    """Remove the snapshots of the cache that are neither in force nor the last before."""
    for path in folder.iterdir():
        kept = any(digest.startswith(path.name[:16]) for digest in keep)
        killed = path.name.startswith(".build-") and time.time() - path.stat().st_mtime > STALE_S
        if path.is_dir() and (killed or not (kept or path.name.startswith("."))):
            shutil.rmtree(path, ignore_errors=True)
