"""Where the shipped ontology, graph and queries lie, in a wheel and in a checkout."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

DISTRIBUTION = "kg-commitments"


def shipped(name: str) -> Path:
    """Return a shipped folder: next to this file in a wheel, at the top of a checkout.

    Args:
        name: `ontology`, `graph` or `sparql`.

    Example:
        >>> (shipped("ontology") / "kg.ttl").is_file()
        True
    """
    inside = Path(__file__).parent / name
    return inside if inside.is_dir() else Path(__file__).parents[2] / name


def release() -> str:
    """Return the version of this library, such as `0.1.0`."""
    from importlib.metadata import version

    return version(DISTRIBUTION)


def free_memory() -> int:
    """Return how many bytes of memory programs can have without swapping, as the kernel estimates.

    Example:
        >>> free_memory() > 0
        True

    Sources:
        https://www.kernel.org/doc/html/latest/filesystems/proc.html#meminfo
    """
    try:
        text = Path("/proc/meminfo").read_text("utf-8")
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(text.partition("MemAvailable:")[2].split()[0]) * 1024


def write_whole(path: Path, content: str | Callable[[IO[bytes]], None]) -> None:
    """Write a file whole or not at all, through links.

    Args:
        path: The file.
        content: A text, or what writes to the open file.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as out:
            if isinstance(content, str):
                out.write(content.encode())
            else:
                content(out)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
