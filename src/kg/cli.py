"""The command line: parse, call, print.

Exit status 0: done. 1: the data or the answer is wrong. 2: the call is wrong. 130: interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from kg.errors import CallError, CheckError, DataError, KGError

if TYPE_CHECKING:
    from kg.build import Stated
    from kg.checks import Finding
    from kg.queries import Graph, Query

# The other modules are imported by the commands that use them, so that kg --help answers at once.

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


def _path(text: str) -> Path:
    """An empty path would be the current folder, which nobody means who writes nothing."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


GraphOption = Annotated[
    Path | None, typer.Option("--graph", parser=_path, metavar="DIR", help="A folder of Turtle and TriG instead of the shipped graph.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", parser=_path, metavar="DIR", help="A snapshot of kg build --out, not a graph.")
]
SensitiveOption = Annotated[bool, typer.Option("--sensitive", help="Keep the facts that are marked sensitive.")]
SourcesOption = Annotated[Path | None, typer.Option("--sources", parser=_path, metavar="DIR", help="The folder of the source texts.")]
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
    except CheckError as exc:
        status = _fail(str(exc), exc.exit_code)
    except KGError as exc:
        status = _fail(_shorten(str(exc)), exc.exit_code)
    except (BrokenPipeError, SystemExit):
        # Without standalone mode the framework exits by itself for one reason only: a closed pipe.
        status = _close_pipe()
    except OSError as exc:
        status = _discard_output(f"the output cannot be written: {exc.strerror}.", 1)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> int:
    print(f"kg: {message}", file=sys.stderr)
    return status


def _shorten(message: str) -> str:
    """A value of many thousand characters need not be told back whole."""
    return message if len(message) <= 1000 else f"{message[:500]} […] {message[-300:]}"


def _close_pipe() -> int:
    """The reader has what it wanted; Python must not try to flush the rest.

    Sources:
        https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    return _discard_output("the reader closed the pipe, so the output stops here.", 0)


def _discard_output(message: str, status: int) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return _fail(message, status)


def _usage(exc: TyperException) -> str:
    """Say what is wrong with the call, with the nearest command where one was meant."""
    from kg.vocab import suggest

    ctx = getattr(exc, "ctx", None)
    commands = getattr(ctx.command, "commands", None) if ctx else None
    if commands and "'" in exc.message:
        word = exc.message.split("'")[1]
        return f"There is no command {word!r}.{suggest(word, commands)} kg --help lists them all."
    message = exc.format_message().replace("Value error, ", "").rstrip(".")
    return f"{message}. See {ctx.command_path if ctx else 'kg'} --help."


@contextmanager
def _engine_at_work() -> Iterator[None]:
    """A query in the engine does not notice Ctrl-C, so for its time the signal ends the process."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _open(graph: Path | None, store: Path | None = None) -> Graph:
    from kg.queries import open_any

    opened = open_any(graph, store=store)
    if opened.snapshot.note:
        print(f"kg: {opened.snapshot.note}", file=sys.stderr)
    return opened


def _value(format: Format | None) -> str | None:
    return format.value if format else None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


# ---------------------------------------------------------------- build and check


@app.command()
def build(
    out: Annotated[
        Path | None, typer.Option("--out", parser=_path, metavar="DIR", help="Write the snapshot here, not to the cache.")
    ] = None,
    graph: GraphOption = None,
    sensitive: SensitiveOption = False,
) -> None:
    """Compile the graph: parse, check, derive, and write an immutable snapshot."""
    from kg import build as building
    from kg.resources import shipped

    if sensitive and out is None:
        raise CallError("A snapshot with sensitive facts is not kept in the cache. Say where to write it with --out DIR.")
    folder = graph or shipped("graph")
    lines, manifest = building.build(folder, sensitive=sensitive)
    target = out or building.cache_folder(folder) / "plain"
    path = building.write(lines, manifest, target)
    _print(f"Built {manifest['quads']:,} quads from {_count(manifest['classes'].get('kg:Source', 0), 'source')} into {path}\n")


@app.command()
def check(
    graph: GraphOption = None,
    sources: SourcesOption = None,
) -> None:
    """Check the graph against shapes and rules; with --sources, every passage against its text."""
    from kg import build as building
    from kg.resources import shipped

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


def _check_texts(stated: Stated, folder: Path) -> list[Finding]:
    from kg import proof
    from kg.checks import Finding, place_of
    from kg.sources import read_documents

    store = stated.to_store()
    documents = proof.texts_by_source(store, read_documents(folder))
    spans = proof.spans_of(store)
    changed = "The text between its offsets is not what its digest says. Find the words again with kg cite."
    crossing = "It crosses a paragraph break. Cite each paragraph by itself."
    found = [(span.id, "digest", changed) for span in proof.changed_passages(spans, documents)]
    found += [(span.id, "paragraph", crossing) for span in proof.crossing_passages(spans, documents)]
    found += [
        (source, "text", f"No text in {str(folder)!r} has its digest, so its passages cannot be verified.")
        for source in proof.missing_sources(store, documents)
    ]
    return [Finding(*place_of(id, stated.lines), id, rule, message) for id, rule, message in found]


def _print_coverage(stated: Stated, folder: Path) -> None:
    from kg import proof
    from kg.sources import read_documents
    from kg.store import Rows
    from kg.tables import print_rows

    store = stated.to_store()
    documents = proof.texts_by_source(store, read_documents(folder))
    _print(f"Every one of {len(proof.spans_of(store)):,} passages and regions is verified against its text.\n\n")
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
        for c in proof.measure_coverage(store, documents)
    )
    print_rows(Rows(columns, rows), "table")


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
    from kg.store import RDF_FORMATS, RECORD_FORMATS, STANDARD_RESULTS, Triples
    from kg.tables import document, print_answer

    if name is None:
        _print(ctx.get_help() + "\n")
        raise typer.Exit(0 if help else 2)
    found = _find_query(name)
    if help:
        _print(document(found))
        return
    opened = _open(graph, store)
    text = found.bind(opened.terms(found, _params(param or [])))
    wanted = _value(format)
    with _engine_at_work():
        if wanted in STANDARD_RESULTS:
            _print(opened.store.serialize(text, wanted).decode() + "\n")
            return
        answer = opened.sparql(text)
    if isinstance(answer, Triples):
        if wanted and wanted not in RDF_FORMATS:
            raise CallError(f"The query builds triples, which cannot be written as {wanted!r}. Ask for ttl, nt or jsonld.")
        _print(answer.to_text(wanted or "ttl"))
        return
    if wanted and wanted not in (*RECORD_FORMATS, "table"):
        raise CallError(
            f"The query answers with rows, which cannot be written as {wanted!r}. Ask for table, csv, tsv, json, jsonl, xml or srj."
        )
    print_answer(opened, found, answer, wanted)


def _find_query(name: str) -> Query:
    """A name of the catalogue comes first; what has a dot or a slash is a file."""
    from kg.queries import Query, get_query, query_names, read_query
    from kg.sources import read_document

    if name == "-":
        return Query("-", "", "", (), (), (), sys.stdin.buffer.read().decode("utf-8-sig", "replace"))
    path = Path(name)
    if name in query_names() or not (path.suffix or "/" in name):
        return get_query(name)
    text = read_document(path).text.removeprefix("\ufeff")
    return read_query(path) if text.startswith("#+ summary") else Query(path.stem, "", "", (), (), (), text)


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


@app.command()
def queries(
    format: FormatOption = None,
) -> None:
    """List the questions of the catalogue."""
    from kg.queries import get_query, query_names
    from kg.store import Rows
    from kg.tables import print_rows

    rows = tuple((name, get_query(name).summary, " ".join(p.name for p in get_query(name).params) or None) for name in query_names())
    print_rows(Rows(("query", "question", "parameters"), rows), _value(format))


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="A name, or something like it.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 10,
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Find things by name; typing errors are forgiven."""
    from kg.store import Rows
    from kg.tables import print_rows

    opened = _open(graph, store)
    matches = opened.find(text, limit=limit)
    if not matches:
        raise DataError(f"Nothing in the graph has a name like {text!r}.")
    print_rows(
        Rows(("id", "label", "name", "score"), tuple((m.id, m.label, m.name if m.name != m.label else None, m.score) for m in matches)),
        _value(format),
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
    from kg.store import Rows
    from kg.tables import print_rows

    manifest = _open(graph, store).snapshot.manifest
    rows = [(name.removeprefix("kg:"), count) for name, count in sorted(manifest["classes"].items())]
    print_rows(Rows(("class", "nodes"), (*rows, ("quads", manifest["quads"]))), _value(format))


# ---------------------------------------------------------------- draw


@app.command()
def network(
    out: Annotated[Path, typer.Option("--out", parser=_path, metavar="FILE", help="The page to write.")] = Path("network.html"),
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
    from kg.resources import write_whole

    if path.exists() and not path.is_file():
        raise CallError(f"{str(path)!r} is no file that can be replaced. Name a file with --out.")
    try:
        write_whole(path, text)
    except OSError as exc:
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
    from kg.resources import shipped
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
    furniture: Annotated[bool, typer.Option("--furniture", help="The words are a region of the page that is not the article.")] = False,
    graph: GraphOption = None,
) -> None:
    """Print the passage of some words in Turtle, ready to paste."""
    from kg.resources import shipped
    from kg.sources import cite as cite_words

    _print(cite_words(graph or shipped("graph"), source, words, sources, furniture=furniture))


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source."""
    if version:
        from kg.resources import release

        _print(f"kg {release()}\n")
    elif ctx.invoked_subcommand is None:
        _print(ctx.get_help() + "\n")
