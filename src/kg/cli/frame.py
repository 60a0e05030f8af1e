"""What the commands share: the application, its options, and how they open, print and write."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Annotated

import typer

from kg.errors import CallError

if TYPE_CHECKING:
    from kg.queries import Graph

app = typer.Typer(
    name="kg",
    help="Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


PROCESSES = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
"""How many processes a build of a large graph takes: as many as may run at once, up to where the one that reads keeps pace."""


class Format(StrEnum):
    """How an answer is written: a table for people, records for programs, or a standard of the W3C."""

    table = "table"
    csv = "csv"
    tsv = "tsv"
    json = "json"
    jsonl = "jsonl"
    xml = "xml"
    srj = "srj"
    ttl = "ttl"
    nt = "nt"
    jsonld = "jsonld"


def to_path(text: str) -> Path:
    """An empty path would be the current folder, which nobody means who writes nothing."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


GraphOption = Annotated[
    Path | None, typer.Option("--graph", parser=to_path, metavar="DIR", help="A folder of Turtle and TriG instead of the shipped graph.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", parser=to_path, metavar="DIR", help="A snapshot of kg build --out, not a graph.")
]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL", help="A SPARQL server that holds the graph, instead of a folder.")
]
SensitiveOption = Annotated[bool, typer.Option("--sensitive", help="Keep the facts that are marked sensitive.")]
SourcesOption = Annotated[Path | None, typer.Option("--sources", parser=to_path, metavar="DIR", help="The folder of the source texts.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", "-f", help="Default: table on a terminal, csv in a pipe; ttl for triples.")
]


@contextmanager
def engine_at_work() -> Iterator[None]:
    """A query in the engine does not notice Ctrl-C, so for its time the signal ends the process."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def open_graph(graph: Path | None, store: Path | None = None, endpoint: str | None = None) -> Graph:
    """Open what the options name; what the snapshot has to say of itself goes to standard error."""
    from kg.queries import open_any

    with reporting() as progress:
        opened = open_any(graph, store=store, endpoint=endpoint, processes=PROCESSES, progress=progress)
    if opened.snapshot.note:
        print(f"kg: {opened.snapshot.note}", file=sys.stderr)
    return opened


class Reporter:
    """Says on standard error how far long work is, how fast it goes and how long it will take; short work is not spoken of.

    Args:
        is_terminal: Whether one line is written again and again, or a new one now and then.
    """

    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._begun = self._said = self._started = monotonic()
        self._stage, self._first, self._is_open = "", 0, False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that some of the steps of a stage are done."""
        now = monotonic()
        if stage != self._stage:
            self._stage, self._started, self._first = stage, now, done
        if now - self._begun < SILENT_S or now - self._said < (REDRAWN_S if self._is_terminal else REPEATED_S):
            return
        self._said = now
        text = f"kg: {stage}" + (f", {done:,} of {total:,}" if total > 1 else "") + self._rate(now, done, total)
        sys.stderr.write(f"\r\x1b[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()
        self._is_open = self._is_terminal

    def _rate(self, now: float, done: int, total: int) -> str:
        rate = (done - self._first) / (now - self._started) if now > self._started else 0
        return f", {rate:,.0f} a second, {(total - done) / rate:,.0f} s left" if rate else ""

    def close(self) -> None:
        """Leave an empty line."""
        if self._is_open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


SILENT_S, REDRAWN_S, REPEATED_S = 2.0, 0.2, 10.0
"""For how long nothing is said, and how often something is: on a terminal and elsewhere."""


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Report what is done meanwhile."""
    reporter = Reporter(is_terminal=sys.stderr.isatty())
    try:
        yield reporter
    finally:
        reporter.close()


def value_of(format: StrEnum | None) -> str | None:
    """Return a format as the word that the library knows."""
    return format.value if format else None


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1,000 nodes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_text(text: str) -> None:
    """Write to standard output at once, so that a closed pipe is noticed here."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_file(path: Path, content: str | Callable[[IO[bytes]], None]) -> None:
    """Write a file whole or not at all.

    Raises:
        CallError: It cannot be written.
    """
    from kg.resources import write_whole

    _require_file(path)
    try:
        write_whole(path, content)
    except OSError as exc:
        raise CallError(f"The file {str(path)!r} cannot be written: {exc.strerror}.") from exc


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder, which is made if the one above it is there.

    Raises:
        CallError: They cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise CallError(f"{str(folder)!r} is a file, and two files need a folder. Name another with --out.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as exc:
        raise CallError(f"The folder {str(folder)!r} cannot be made: {exc.strerror}.") from exc
    for name in texts:
        _require_file(folder / name)
    for name, text in texts.items():
        write_file(folder / name, text)


def _require_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise CallError(f"{str(path)!r} is no file that can be replaced. Name another with --out.")
