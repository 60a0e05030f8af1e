"""Ask: `kg query`, `kg queries`, `kg find`, `kg show`, `kg stats`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.frame import (
    EndpointOption,
    FormatOption,
    GraphOption,
    SourcesOption,
    StoreOption,
    app,
    engine_at_work,
    open_graph,
    show_text,
    value_of,
)
from kg.errors import CallError, DataError

if TYPE_CHECKING:
    from kg.queries import Query


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
    endpoint: EndpointOption = None,
    help: Annotated[bool, typer.Option("--help", "-h", help="Show the parameters and columns of the query.")] = False,
) -> None:
    """Ask a question of the catalogue, or any SPARQL query."""
    from kg.store import RDF_FORMATS, RECORD_FORMATS, STANDARD_RESULTS, Rows, Triples
    from kg.tables import document, print_answer

    if name is None:
        show_text(ctx.get_help() + "\n")
        raise typer.Exit(0 if help else 2)
    found = _find_query(name)
    if help:
        show_text(document(found))
        return
    opened = open_graph(graph, store, endpoint)
    text = found.bind(opened.terms(found, _params(param or [])))
    wanted = value_of(format)
    with engine_at_work():
        if wanted in STANDARD_RESULTS:
            show_text(opened.store.serialize(text, wanted).decode() + "\n")
            return
        answer = opened.sparql(text)
    if isinstance(answer, Triples):
        if wanted and wanted not in RDF_FORMATS:
            raise CallError(f"The query builds triples, which cannot be written as {wanted!r}. Ask for ttl, nt or jsonld.")
        show_text(answer.to_text(wanted or "ttl"))
        return
    if wanted and wanted not in (*RECORD_FORMATS, "table"):
        raise CallError(
            f"The query answers with rows, which cannot be written as {wanted!r}. Ask for table, csv, tsv, json, jsonl, xml or srj."
        )
    print_answer(opened, found, Rows(answer.columns, tuple(found.read(answer.columns, answer))), wanted)


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
    print_rows(Rows(("query", "question", "parameters"), rows), value_of(format))


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="A name, or something like it.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 10,
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Find things by name; typing errors are forgiven."""
    from kg.store import Rows
    from kg.tables import print_rows

    opened = open_graph(graph, store, endpoint)
    matches = opened.find(text, limit=limit)
    if not matches:
        raise DataError(f"Nothing in the graph has a name like {text!r}.")
    print_rows(
        Rows(("id", "label", "name", "score"), tuple((m.id, m.label, m.name if m.name != m.label else None, m.score) for m in matches)),
        value_of(format),
    )


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A short form such as person:matt-hancock.")],
    sources: SourcesOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Show everything known of a thing, by date, each line with its passage."""
    from kg.show import to_text

    opened = open_graph(graph, store, endpoint)
    opened.require(id)
    show_text(to_text(opened, id, sources))


@app.command()
def stats(
    format: FormatOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Count what is in the graph."""
    from kg.store import Rows
    from kg.tables import print_rows

    manifest = open_graph(graph, store, endpoint).snapshot.manifest
    rows = [(name.removeprefix("kg:"), count) for name, count in sorted(manifest["classes"].items())]
    print_rows(Rows(("class", "nodes"), (*rows, ("quads", manifest["quads"]))), value_of(format))
