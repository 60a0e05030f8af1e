"""The command line: parse, call, print.

Exit status 0: done. 1: the data or the answer is wrong. 2: the call is wrong. 130: interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from kg.errors import CallError, DataError, KGError, NotFoundError
from kg.queries import Graph, Query, get_query, open_any, query_names, read_query
from kg.resources import release, shipped
from kg.store import RDF_FORMATS, RECORD_FORMATS, STANDARD_RESULTS, Rows, Triples, Value
from kg.vocab import suggest

app = typer.Typer(
    name="kg",
    help="Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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


GraphOption = Annotated[
    Path | None, typer.Option("--graph", metavar="DIR", help="A folder of Turtle and TriG files instead of the shipped graph.")
]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="A snapshot made by kg build --out instead of a graph.")]
SensitiveOption = Annotated[bool, typer.Option("--sensitive", help="Keep the facts that are marked sensitive.")]
SourcesOption = Annotated[Path | None, typer.Option("--sources", metavar="DIR", help="The folder of the source texts.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", "-f", help="Default: table on a terminal, csv in a pipe; ttl for triples.")
]


def main() -> None:
    """Run the command line and exit with its status; no traceback reaches a user."""
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except TyperException as exc:
        status = _fail(_usage(exc), exc.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("Interrupted.", 130)
    except KGError as exc:
        status = _fail(str(exc), exc.exit_code)
    except BrokenPipeError:
        status = _close_pipe()
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> int:
    print(f"kg: {message}", file=sys.stderr)
    return status


def _close_pipe() -> int:
    """The reader has what it wanted; Python must not try to flush the rest.

    Sources:
        https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _fail("the reader closed the pipe, so the output stops here.", 0)


def _usage(exc: TyperException) -> str:
    """Say what is wrong with the call, with the nearest command where one was meant."""
    ctx = getattr(exc, "ctx", None)
    commands = getattr(ctx.command, "commands", None) if ctx else None
    if commands and "'" in exc.message:
        word = exc.message.split("'")[1]
        return f"There is no command {word!r}.{suggest(word, commands)} kg --help lists them all."
    return f"{exc.format_message()} See {ctx.command_path if ctx else 'kg'} --help."


@contextmanager
def _engine_at_work() -> Iterator[None]:
    """A query in the engine does not notice Ctrl-C, so for its time the signal ends the process."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _open(graph: Path | None, store: Path | None = None, *, sensitive: bool = False) -> Graph:
    opened = open_any(graph, store=store, sensitive=sensitive)
    if opened.snapshot.note:
        print(f"kg: {opened.snapshot.note}", file=sys.stderr)
    return opened


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


# ---------------------------------------------------------------- tables


def _print_rows(rows: Rows, format: Format | None, *, title: str | None = None, note: str = "") -> None:
    if not _is_table(format):
        _print(rows.to_text((format or Format.csv).value))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title) if title else None, title_justify="left", title_style="bold", header_style="bold", pad_edge=False, box=None
    )
    for index, column in enumerate(rows.columns):
        is_number = any(isinstance(row[index], int | float | Decimal) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(to_cell(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(table)
    console.print(Text(f"{len(rows)} row{'' if len(rows) == 1 else 's'}{note}"), style="dim")


def _is_table(format: Format | None) -> bool:
    return (format or (Format.table if sys.stdout.isatty() else Format.csv)) is Format.table


def _print_answer(opened: Graph, found: Query, rows: Rows, format: Format | None) -> None:
    """A person sees the columns of the table, with labels where the records have short forms."""
    if not _is_table(format) or not found.table:
        _print_rows(rows, format, title=found.summary)
        return
    kept = [rows.columns.index(name) for name in found.table]
    shown = [index for index in kept if any(row[index] is not None for row in rows)] or kept
    keys = {column.name for column in found.columns if column.name == found.table[-1]}
    labels = opened.labels(row[index] for row in rows for index in shown if rows.columns[index] not in keys)
    view = Rows(
        tuple(rows.columns[index] for index in shown),
        tuple(
            tuple(labels.get(row[index], row[index]) if rows.columns[index] not in keys else row[index] for index in shown) for row in rows
        ),
    )
    hidden = [column for index, column in enumerate(rows.columns) if index not in shown]
    note = f"; not shown: {', '.join(hidden)} (--format csv has them)" if hidden else ""
    _print_rows(view, format, title=found.summary, note=note)


def to_cell(value: Value) -> str:
    """Return a value as it stands in a table: numbers with separators, nothing for what is unknown.

    Example:
        >>> to_cell(Decimal("6000000.0"))
        '6,000,000'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


# ---------------------------------------------------------------- build and check


@app.command()
def build(
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the snapshot here instead of the user's cache.")] = None,
    graph: GraphOption = None,
    sensitive: SensitiveOption = False,
) -> None:
    """Compile the graph: parse, check, derive, and write an immutable snapshot."""
    from kg import build as building

    folder = graph or shipped("graph")
    lines, manifest = building.build(folder, sensitive=sensitive)
    target = out or building.cache_folder(folder) / ("sensitive" if sensitive else "plain")
    path = building.write(lines, manifest, target)
    _print(f"Built {manifest['quads']:,} quads from {manifest['classes']['kg:Source']} sources into {path}\n")


@app.command()
def check(
    graph: GraphOption = None,
    sources: SourcesOption = None,
) -> None:
    """Check the graph against shapes and rules; with --sources, every passage against its text."""
    from kg import build as building
    from kg.errors import CheckError

    folder = graph or shipped("graph")
    stated = building.read(folder)
    findings = building.check(stated)
    if sources is not None:
        findings = sorted({*findings, *_check_texts(stated, sources)})
    if findings:
        raise CheckError(tuple(findings))
    _print(f"{folder}: every shape and rule holds for {len(stated.data):,} triples.\n")
    if sources is not None:
        _print_coverage(stated, sources)


def _check_texts(stated: Any, folder: Path) -> list[Any]:
    from kg import sources as texts
    from kg.checks import Finding

    store = stated.to_store()
    documents = texts.texts_by_source(store, texts.read_documents(folder))
    spans = texts.spans_of(store)
    changed = "The text between its offsets is not what its digest says. Find the words again with kg cite."
    crossing = "It crosses a paragraph break. Cite each paragraph by itself."
    found = [(span.id, "digest", changed) for span in texts.changed_passages(spans, documents)]
    found += [(span.id, "paragraph", crossing) for span in texts.crossing_passages(spans, documents)]
    found += [
        (source, "text", f"No text in {str(folder)!r} has its digest, so its passages cannot be verified.")
        for source in texts.missing_sources(store, documents)
    ]
    return [Finding(file, line, id, rule, message) for id, rule, message in found for file, line in [stated.lines.get(id, ("graph", 1))]]


def _print_coverage(stated: Any, folder: Path) -> None:
    from kg import sources as texts

    store = stated.to_store()
    documents = texts.texts_by_source(store, texts.read_documents(folder))
    _print(f"Every one of {len(texts.spans_of(store)):,} passages and regions is verified against its text.\n\n")
    columns = ("source", "words", "covered_percent", "passages", "median_length", "longest", "facts", "facts_per_25_words")
    rows = tuple(
        (
            c.source,
            c.words,
            Decimal(f"{100 * c.share:.1f}"),
            c.passages,
            Decimal(str(c.median_length)),
            c.longest,
            c.facts,
            Decimal(f"{c.facts_per_25_words:.2f}"),
        )
        for c in texts.measure_coverage(store, documents)
    )
    _print_rows(Rows(columns, rows), Format.table)


# ---------------------------------------------------------------- ask


@app.command(context_settings={"help_option_names": []}, add_help_option=False)
def query(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE|-", help="A query of the catalogue, a file of SPARQL, or - for standard input.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the query; give it again for more.")
    ] = None,
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    help: Annotated[bool, typer.Option("--help", "-h", help="Show the parameters and columns of the query.")] = False,
) -> None:
    """Ask a question of the catalogue, or any SPARQL query."""
    if help or name is None:
        if name is None:
            _print(ctx.get_help() + "\n")
            raise typer.Exit(0 if help else 2)
        _print(_document(_find_query(name)))
        return
    opened = _open(graph, store)
    found = _find_query(name)
    text = found.bind(opened.terms(found, _params(param or []))) if param or found.params else found.text
    with _engine_at_work():
        if format and format.value in STANDARD_RESULTS:
            _print(opened.store.serialize(text, format.value).decode() + "\n")
            return
        answer = opened.sparql(text)
    if isinstance(answer, Triples):
        if format and format.value not in RDF_FORMATS:
            raise CallError(f"The query builds triples, which cannot be written as {format.value!r}. Ask for ttl, nt or jsonld.")
        _print(answer.to_text((format or Format.ttl).value))
        return
    if format and format.value not in (*RECORD_FORMATS, "table"):
        raise CallError(
            f"The query answers with rows, which cannot be written as {format.value!r}. Ask for table, csv, tsv, json, jsonl, xml or srj."
        )
    _print_answer(opened, found, answer, format)


def _find_query(name: str) -> Query:
    """A name of the catalogue comes first; what has a dot, a slash or line breaks is a file."""
    if name in query_names():
        return get_query(name)
    path = Path(name)
    if name == "-":
        return Query("-", "", "", (), (), (), sys.stdin.buffer.read().decode("utf-8", "replace"))
    if path.suffix or "/" in name:
        from kg.sources import read_document

        text = read_document(path).text
        return read_query(path) if text.startswith("#+ summary") else Query(path.stem, "", "", (), (), (), text)
    return get_query(name)


def _params(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CallError(f"The parameter {pair!r} has no value. Write it like -p {name}=VALUE.")
        if name in found:
            raise CallError(f"The parameter {name!r} is given twice; give it once.")
        found[name] = value
    return found


def _document(found: Query) -> str:
    lines = [f"{found.name}: {found.summary}", "", f"  {found.description}", ""]
    if found.params:
        lines.append("Parameters (-p name=value):")
        lines += [f"  {p.name:<14} {p.class_name or p.code_list or p.type:<16} {p.doc}" for p in found.params]
        lines.append("")
    lines.append("Columns:")
    lines += [f"  {c.name:<20} {c.type:<10} {c.doc}{f' ({c.unit})' if c.unit else ''}" for c in found.columns]
    return "\n".join(lines) + "\n"


@app.command()
def queries(
    format: FormatOption = None,
) -> None:
    """List the questions of the catalogue."""
    rows = tuple((name, get_query(name).summary, " ".join(p.name for p in get_query(name).params) or None) for name in query_names())
    _print_rows(Rows(("query", "question", "parameters"), rows), format)


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="A name, or something like it.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 10,
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Find things by name; typing errors are forgiven."""
    opened = _open(graph, store)
    matches = opened.find(text, limit=limit)
    if not matches:
        raise NotFoundError(f"Nothing in the graph has a name like {text!r}.")
    _print_rows(
        Rows(("id", "label", "name", "score"), tuple((m.id, m.label, m.name if m.name != m.label else None, m.score) for m in matches)),
        format,
    )


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A short form such as person:matt-hancock.")],
    sources: SourcesOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Show everything known of a thing, by date, each line with its passage."""
    from kg.show import to_text

    opened = _open(graph, store)
    opened.require(id)
    _print(to_text(opened, id, sources))


@app.command()
def stats(
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Count what is in the graph."""
    manifest = _open(graph, store).snapshot.manifest
    rows = [(name.removeprefix("kg:"), count) for name, count in sorted(manifest["classes"].items())]
    _print_rows(Rows(("class", "nodes"), (*rows, ("quads", manifest["quads"]))), format)


# ---------------------------------------------------------------- draw


@app.command()
def network(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page to write.")] = Path("network.html"),
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Draw the network as one HTML file that needs no other file and no other host."""
    from kg.draw import to_html
    from kg.network import read_network

    opened = _open(graph, store)
    drawn = read_network(opened)
    if not drawn.nodes:
        raise DataError("The graph has no node to draw.")
    _write(out, to_html(drawn, opened))
    _print(f"Wrote {out}: {len(drawn.nodes)} nodes, {len(drawn.edges)} edges. Open it in a browser.\n")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise CallError(f"The file {str(path)!r} cannot be written: {exc.strerror}.") from exc


# ---------------------------------------------------------------- sources


@app.command()
def source(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The text of the article, in UTF-8.")],
    slug: Annotated[str | None, typer.Option("--slug", help="Publisher and subject, such as recruiter-tech-driven-nhs.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The title of the public page.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="The public address of the page.")] = None,
    graph: GraphOption = None,
) -> None:
    """Register an article: write a TriG file with its digest, its length and its empty graph."""
    from kg.sources import read_document, register

    folder = graph or shipped("graph")
    path = register(read_document(file), folder, slug=slug, title=title, address=address)
    name = path.stem
    _print(f'Wrote {path}. Next: mark the furniture in it, then find words with: kg cite {name} "words" --sources {file.parent}\n')


@app.command()
def cite(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Slug or short form of the source, or the file of its text.")],
    words: Annotated[str, typer.Argument(help="The words, as they stand in the text.")],
    sources: SourcesOption = None,
    graph: GraphOption = None,
) -> None:
    """Print the passage of some words in Turtle, ready to paste."""
    from kg.sources import cite as cite_words

    _print(cite_words(graph or shipped("graph"), source, words, sources))


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source."""
    if version:
        _print(f"kg {release()}\n")
    elif ctx.invoked_subcommand is None:
        _print(ctx.get_help() + "\n")
