"""Compile and check: `kg build`, `kg check`."""

from __future__ import annotations

import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.frame import (
    PROCESSES,
    GraphOption,
    SensitiveOption,
    SourcesOption,
    StoreOption,
    app,
    count,
    open_graph,
    reporting,
    show_text,
    to_path,
    write_file,
)
from kg.errors import CallError, CheckError

if TYPE_CHECKING:
    from kg.build import Stated
    from kg.checks import Finding


@app.command()
def build(
    out: Annotated[
        Path | None, typer.Option("--out", parser=to_path, metavar="DIR", help="Write the snapshot here, not to the cache.")
    ] = None,
    graph: GraphOption = None,
    sensitive: SensitiveOption = False,
    on_disk: Annotated[
        bool | None, typer.Option("--on-disk/--in-memory", help="Write the engine's own files too. Default: from 1,000,000 quads on.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Push the graph to the server that takes queries here.")
    ] = None,
    graph_store_url: Annotated[
        str | None, typer.Option("--graph-store-url", metavar="URL", help="Where that server takes graphs, if that cannot be told.")
    ] = None,
) -> None:
    """Compile the graph and write a snapshot, or push it to a server; only what has changed is worked on again."""
    from kg import compiler
    from kg.projection import read_projection
    from kg.queries import Graph
    from kg.resources import shipped
    from kg.snapshots import open_snapshot
    from kg.tablefile import table_name

    if endpoint is not None and out is not None:
        raise CallError("An endpoint and a folder to write to are given; give one of the two.")
    if graph_store_url is not None and endpoint is None:
        raise CallError("--graph-store-url says where a server takes graphs; name the server with --endpoint URL.")
    if endpoint is not None and on_disk is not None:
        raise CallError("--on-disk and --in-memory are for a snapshot, and a server keeps the graph in its own way. Leave them out.")
    if endpoint is not None:
        _push(graph or shipped("graph"), endpoint, graph_store_url, sensitive=sensitive)
        return
    if sensitive and out is None:
        raise CallError("A snapshot with sensitive facts is not kept in the cache. Say where to write it with --out DIR.")
    folder = graph or shipped("graph")
    target = out or compiler.cache_folder(folder) / "plain"
    with reporting() as progress:
        path = compiler.build(folder, target, sensitive=sensitive, on_disk=on_disk, processes=PROCESSES, progress=progress)
    opened = open_snapshot(target)
    if not (path / table_name(read_projection())).is_file():
        Graph(opened).table()
    manifest = opened.manifest
    show_text(f"Built {manifest['quads']:,} quads from {count(manifest['classes'].get('kg:Source', 0), 'source')} into {path}\n")


def _push(folder: Path, endpoint: str, graph_store_url: str | None, *, sensitive: bool) -> None:
    """Push what a folder holds to a server; it is built in the cache first, and with sensitive facts nowhere that stays."""
    from kg import compiler
    from kg.parts import read_part
    from kg.push import push
    from kg.queries import Graph
    from kg.snapshots import PARTS, open_snapshot, read_parts_of

    with TemporaryDirectory(prefix="kg-") as aside, reporting() as progress:
        target = Path(aside) if sensitive else compiler.cache_folder(folder) / "plain"
        built = compiler.build(folder, target, sensitive=sensitive, processes=PROCESSES, progress=progress)
        graph = Graph(open_snapshot(target))
        done = push(
            read_parts_of(built),
            lambda part: read_part(target / PARTS, part),
            endpoint,
            graph_store_url,
            description=graph.describe().encode(),
            progress=lambda done, total: progress("pushing graphs", done, total),
        )
    show_text(
        f"Pushed {graph.snapshot.manifest['quads']:,} quads to {endpoint}: sent {count(len(done.sent), 'graph')}, "
        f"removed {len(done.removed):,}, left {len(done.unchanged):,} as they were.\n"
    )


class DatasetFormat(StrEnum):
    """How a whole graph is written."""

    nq = "nq"
    trig = "trig"
    jsonld = "jsonld"


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", parser=to_path, metavar="FILE", help="Write to this file, not to standard output.")
    ] = None,
    format: Annotated[
        DatasetFormat | None, typer.Option("--format", "-f", help="Default: as the suffix of the file says; nq without a file.")
    ] = None,
    graph: GraphOption = None,
    store: StoreOption = None,
) -> None:
    """Write the whole graph as one file with its licence, date and digest; kg build --graph FILE makes the same snapshot."""
    opened = open_graph(graph, store)
    named = out.suffix[1:] if out else "nq"
    if format is None and named not in set(DatasetFormat):
        raise CallError(f"The suffix of {str(out)!r} names no format. Say --format nq, trig or jsonld.")
    wanted = str(format or named)
    if out is None:
        opened.write(sys.stdout.buffer, wanted)
        sys.stdout.buffer.flush()
        return
    write_file(out, lambda file: opened.write(file, wanted))
    print(f"kg: wrote {opened.snapshot.manifest['quads']:,} quads of snapshot {opened.snapshot.manifest['sha256']}.", file=sys.stderr)


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
    show_text(f"{folder}: every shape and rule holds for {len(stated.data):,} triples.\n")
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
    show_text(f"Every one of {len(proof.spans_of(store)):,} passages and regions is verified against its text.\n\n")
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
