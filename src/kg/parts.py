"""Named graphs as files of sorted N-Quads, each called by the SHA-256 of its content.

A part that is the same in two snapshots is one file, so a change of one source writes the parts of that source and no
other. The digest of a snapshot is that of the list of its parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from shutil import copyfile

from kg.errors import DataError


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A named graph as it was written.

    Args:
        graph: Its IRI.
        sha256: The digest of its sorted lines, in hexadecimal.
        quads: How many lines it has.

    Example:
        >>> Part("https://example.org/g", "ab" * 32, 7).name[-8:]
        'babab.nq'
    """

    graph: str
    sha256: str
    quads: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.sha256}.nq"


def to_part(graph: str, data: bytes) -> Part:
    r"""Return what a graph is called, by its sorted lines.

    Example:
        >>> to_part("https://example.org/g", b"<a:s> <a:p> <a:o> <https://example.org/g> .\n").quads
        1
    """
    return Part(graph, sha256(data).hexdigest(), data.count(b"\n"))


def to_listing(parts: Iterable[Part]) -> str:
    r"""Return a list of parts as text, in the order of their graphs: digest, number of quads and IRI, with tabs between.

    Example:
        >>> to_listing([Part("b:b", "22", 2), Part("a:a", "11", 1)])
        '11\t1\ta:a\n22\t2\tb:b\n'
    """
    return "".join(f"{part.sha256}\t{part.quads}\t{part.graph}\n" for part in sorted(parts))


def read_listing(text: str) -> tuple[Part, ...]:
    r"""Return the parts of a list.

    Raises:
        ValueError: The text is no such list.

    Example:
        >>> read_listing("11\t1\ta:a\n")
        (Part(graph='a:a', sha256='11', quads=1),)
    """
    rows = [line.split("\t") for line in text.split("\n") if line]
    return tuple(Part(graph, digest, int(quads)) for digest, quads, graph in rows)


def digest_of(parts: Iterable[Part]) -> str:
    """Return the digest of a set of parts: the SHA-256 of their list.

    Example:
        >>> digest_of([])[:12]
        'e3b0c44298fc'
    """
    return sha256(to_listing(parts).encode()).hexdigest()


def read_part(folder: Path, part: Part) -> bytes:
    """Return the lines of a part.

    Raises:
        DataError: The file is missing, or its content is not what its digest says.
    """
    # There are thousands of these, and a Path takes as long to make as the digest of a small file.
    path = f"{folder}/{part.name}"
    try:
        with open(path, "rb") as file:  # noqa: PTH123 # for the same reason
            data = file.read()
    except OSError as exc:
        raise DataError(f"The snapshot file {path!r} cannot be read: {exc.strerror}. Build it again.") from exc
    if sha256(data).hexdigest() != part.sha256:
        raise DataError(f"The snapshot file {path!r} is damaged: its digest is not that of its name. Build it again.")
    return data


def has_part(folder: Path, part: Part) -> bool:
    """Tell whether the file of a part is there and has its content."""
    try:
        read_part(folder, part)
    except DataError:
        return False
    return True


def freshen(folder: Path, part: Part) -> bool:
    """Say that a part is still wanted, so that no other build clears it away; return whether it is there.

    Sources:
        Git does the same with its objects: https://git-scm.com/docs/git-gc
    """
    try:
        os.utime(f"{folder}/{part.name}")
    except OSError:
        return False
    return True


def seal(folder: Path, known: Mapping[str, str]) -> str:
    """Return the digests of the files in a folder as `sha256sum` writes them.

    Args:
        folder: The folder.
        known: Digests of files that are known already, by name.
    """
    names = sorted(path.name for path in folder.iterdir() if not _is_log(path.name))
    return "".join(f"{known.get(name) or digest_file(folder / name)}  {name}\n" for name in names)


def read_seal(text: str) -> dict[str, str]:
    r"""Return digests by the names of files.

    Example:
        >>> read_seal("ab  x.sst\n")
        {'x.sst': 'ab'}
    """
    return {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}


def is_sealed(folder: Path, text: str) -> bool:
    """Tell whether the files in a folder are what a seal says."""
    try:
        return bool(text) and seal(folder, {}) == text
    except OSError:
        return False


def _is_log(name: str) -> bool:
    """What the engine writes for people and locks itself with says nothing of the data."""
    return name.startswith("LOG") or name == "LOCK"


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def link(source: Path, target: Path) -> None:
    """Copy the engine's files; those that it never changes are the same files under a second name.

    Raises:
        OSError: They cannot be copied.

    Sources:
        A checkpoint of RocksDB is made so: https://github.com/facebook/rocksdb/wiki/Checkpoints
    """
    target.mkdir()
    for path in source.iterdir():
        if path.suffix == ".sst":
            try:
                os.link(path, target / path.name)
            except OSError:  # not every file system has hard links
                copyfile(path, target / path.name)
        elif not _is_log(path.name):
            copyfile(path, target / path.name)
