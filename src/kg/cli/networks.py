"""The network: `kg network`, `kg subgraph`, `kg neighbours`, `kg path`, `kg rank`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.frame import (
    EndpointOption,
    GraphOption,
    SourcesOption,
    StoreOption,
    app,
    count,
    engine_at_work,
    open_graph,
    show_text,
    to_path,
    value_of,
    write_file,
    write_files,
)
from kg.errors import CallError, DataError

if TYPE_CHECKING:
    from kg.elements import Edge, Filters, Node
    from kg.network import Network
    from kg.paths import Paths
    from kg.queries import Graph
    from kg.store import Rows


class NetworkFormat(StrEnum):
    """How a network is written."""

    table = "table"
    json = "json"
    cytoscape = "cytoscape"
    graphml = "graphml"
    gexf = "gexf"
    csv = "csv"
    ttl = "ttl"
    jsonld = "jsonld"
    html = "html"


class Theme(StrEnum):
    """The ground of a page."""

    auto = "auto"
    light = "light"
    dark = "dark"


class RecordFormat(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    tsv = "tsv"
    json = "json"
    jsonl = "jsonl"


class Measure(StrEnum):
    """What a rank goes by."""

    degree = "degree"
    pagerank = "pagerank"
    betweenness = "betweenness"


SUFFIXES: Mapping[str, NetworkFormat] = {
    ".json": NetworkFormat.json,
    ".cyjs": NetworkFormat.cytoscape,
    ".graphml": NetworkFormat.graphml,
    ".gexf": NetworkFormat.gexf,
    ".ttl": NetworkFormat.ttl,
    ".jsonld": NetworkFormat.jsonld,
    ".html": NetworkFormat.html,
    ".htm": NetworkFormat.html,
}
"""The format that the name of a file stands for."""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2021-03-18") from None


ClassOption = Annotated[
    list[str] | None, typer.Option("--class", metavar="CLASS", help="Only nodes of this class, such as Pledge; again for more.")
]
RelationOption = Annotated[
    list[str] | None, typer.Option("--relation", metavar="NAME", help="Only edges of this relation, such as speaker; again for more.")
]
ReportedOption = Annotated[list[str] | None, typer.Option("--source", metavar="ID", help="Only what this source says; again for more.")]
AsOfOption = Annotated[
    date | None,
    typer.Option("--as-of", parser=_day, metavar="DAY", help="Only what was so by this day and had not ended; what has no date stays."),
]
ProjectionOption = Annotated[
    Path | None,
    typer.Option("--projection", parser=to_path, metavar="FILE", help="A SELECT query, with ?start ?end ?relation, of the edges."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", parser=to_path, metavar="FILE", help="The file to write; a folder for csv, which is two files.")
]
RecordOption = Annotated[RecordFormat | None, typer.Option("--format", "-f", help="Default: table on a terminal, csv in a pipe.")]
NetworkFormatOption = Annotated[
    NetworkFormat | None,
    typer.Option("--format", "-f", help="Default: what the name of the file says; else table on a terminal, json in a pipe."),
]


StoryOption = Annotated[
    str | None, typer.Option("--story", metavar="NAME|FILE", help="Lead through the page by a story: a YAML file, or one of the graph.")
]
ThemeOption = Annotated[Theme, typer.Option("--theme", help="The ground of the page: light, dark, or what the reader's system has.")]


@dataclass(frozen=True, slots=True)
class Look:
    """What a page is made of besides the network: a story, the folder of the source texts, and its ground."""

    story: str | None = None
    texts: Path | None = None
    theme: str = "auto"


@dataclass(frozen=True, slots=True)
class Output:
    """Where a network goes and in which format, and by which projection and from which sources it was taken."""

    out: Path | None
    format: NetworkFormat | None
    projection: Path | None
    sources: tuple[str, ...]
    look: Look


def _filters(classes: list[str] | None, relations: list[str] | None, sources: list[str] | None, as_of: date | None) -> Filters:
    from kg.elements import Filters

    return Filters(classes or (), relations or (), sources or (), as_of)


def _open(graph: Path | None, store: Path | None, endpoint: str | None, projection: Path | None) -> Graph:
    """Open a graph with its table, whose making can be interrupted."""
    opened = open_graph(graph, store, endpoint)
    with engine_at_work():
        opened.table(projection)
    return opened


def _under(filters: Filters) -> str:
    from kg.elements import OPEN

    return "" if filters == OPEN else " under these filters"


def _read_whole(graph: Graph, filters: Filters, projection: Path | None) -> Network:
    from kg.network import read_network

    found = read_network(graph, filters=filters, projection=projection)
    if not found.nodes:
        raise DataError(f"There is no node in the network{_under(filters)}.")
    return found


@app.command()
def network(
    out: OutOption = None,
    format: NetworkFormatOption = None,
    classes: ClassOption = None,
    relation: RelationOption = None,
    source: ReportedOption = None,
    as_of: AsOfOption = None,
    story: StoryOption = None,
    texts: SourcesOption = None,
    theme: ThemeOption = Theme.auto,
    projection: ProjectionOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Write the whole network; without options, as the page network.html, which needs no other file and no other host."""
    opened = _open(graph, store, endpoint, projection)
    found = _read_whole(opened, _filters(classes, relation, source, as_of), projection)
    if out is None and format in (None, NetworkFormat.html):
        out = Path("network.html")
    if out is not None and not out.suffix and format is None:
        format = NetworkFormat.html
    _write(found, opened, Output(out, format, projection, tuple(source or ()), Look(story, texts, theme.value)))


@app.command()
def subgraph(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Where to start: short forms such as person:matt-hancock.")],
    depth: Annotated[int, typer.Option("--depth", help="Steps from there, 0 to 4; 0 takes these alone.")] = 1,
    classes: ClassOption = None,
    relation: RelationOption = None,
    source: ReportedOption = None,
    as_of: AsOfOption = None,
    max_nodes: Annotated[int, typer.Option("--max-nodes", help="How many nodes to keep at most, the nearest first.")] = 500,
    format: NetworkFormatOption = None,
    out: OutOption = None,
    story: StoryOption = None,
    texts: SourcesOption = None,
    theme: ThemeOption = Theme.auto,
    projection: ProjectionOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Take what lies around some things out of the network; what was cut is told on standard error."""
    from kg.network import subgraph

    opened = _open(graph, store, endpoint, projection)
    filters = _filters(classes, relation, source, as_of)
    found = subgraph(opened, ids, depth=depth, filters=filters, max_nodes=max_nodes, projection=projection)
    if not found.edges and not found.is_truncated:
        what = " or ".join(map(repr, ids))
        raise DataError(f"Nothing is tied to {what}{_under(filters)}. kg neighbours ID counts what there is.")
    _write(found, opened, Output(out, format, projection, tuple(source or ()), Look(story, texts, theme.value)))


@app.command()
def neighbours(
    id: Annotated[str, typer.Argument(metavar="ID", help="A short form such as person:matt-hancock.")],
    classes: ClassOption = None,
    relation: RelationOption = None,
    source: ReportedOption = None,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option("--limit", help="Edges on the page.")] = 50,
    offset: Annotated[int, typer.Option("--offset", help="Edges before the page.")] = 0,
    format: RecordOption = None,
    projection: ProjectionOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """List what a thing is tied to, by relation, with counts."""
    from kg.network import neighbours
    from kg.store import Rows
    from kg.tables import is_table, print_rows

    opened = _open(graph, store, endpoint, projection)
    filters = _filters(classes, relation, source, as_of)
    found = neighbours(opened, id, filters=filters, limit=limit, offset=offset, projection=projection)
    if not found.total:
        raise DataError(f"Nothing is tied to {id!r}{_under(filters)}.")
    if not found.edges:
        raise CallError(f"The page begins after the last of {count(found.total, 'edge')}. Give a smaller --offset.")
    shown = f"{offset + 1:,} to {offset + len(found.edges):,} of {count(found.total, 'edge')}"
    if is_table(value_of(format)):
        ways = tuple((way.label, way.edges, way.nodes, way.relation) for way in found.ways)
        print_rows(Rows(("way", "edges", "things", "relation"), ways), "table", title=found.node.label)
        show_text("\n")
    elif len(found.edges) < found.total:
        print(f"kg: {shown}. --offset goes on, --limit takes more.", file=sys.stderr)
    rows = tuple(_seen_from(found.node.id, edge, {node.id: node for node in (*found.others, found.node)}) for edge in found.edges)
    answer = Rows(("way", "label", "money", "date", "id", "fact", "reported_in"), rows)
    print_rows(_for_people(answer, 5) if is_table(value_of(format)) else answer, value_of(format), note=f": {shown}")


def _for_people(rows: Rows, columns: int) -> Rows:
    """Leave out the columns that stand behind, and those in which nothing is."""
    from kg.store import Rows

    kept = [at for at in range(columns) if any(row[at] is not None for row in rows)]
    return Rows(tuple(rows.columns[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows))


def _seen_from(id: str, edge: Edge, nodes: Mapping[str, Node]) -> tuple[str | None, ...]:
    other = edge.end if edge.start == id else edge.start
    label = nodes[other].label if other in nodes else other
    return (_read_from(id, edge), label, _told(edge, "money"), _told(edge, "date"), other, edge.fact, edge.reported_in)


def _read_from(id: str, edge: Edge) -> str:
    return (edge.label if edge.start == id else edge.inverse_label) + (" (inferred)" if edge.inferred else "")


def _told(edge: Edge, name: str) -> str | None:
    return str(edge.attributes[name]) if name in edge.attributes else None


@app.command()
def path(
    first: Annotated[str, typer.Argument(metavar="A", help="A short form such as person:matt-hancock.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    max_hops: Annotated[int, typer.Option("--max-hops", help="Steps at most, 1 to 12.")] = 12,
    limit: Annotated[int, typer.Option("--limit", help="How many paths to show at most.")] = 3,
    classes: ClassOption = None,
    relation: RelationOption = None,
    source: ReportedOption = None,
    as_of: AsOfOption = None,
    format: RecordOption = None,
    projection: ProjectionOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Find the shortest paths between two things, each step with the passages that prove it."""
    from kg.paths import find_paths
    from kg.store import Rows
    from kg.tables import is_table, print_rows

    opened = _open(graph, store, endpoint, projection)
    filters = _filters(classes, relation, source, as_of)
    found = find_paths(opened, first, second, filters=filters, max_hops=max_hops, limit=limit, projection=projection)
    if found is None:
        raise DataError(f"No path of {count(max_hops, 'step')} or less joins {first!r} and {second!r}{_under(filters)}.")
    if is_table(value_of(format)):
        show_text(_to_text(found))
        return
    print_rows(Rows(PATH_COLUMNS, tuple(_path_rows(found))), value_of(format))
    if len(found.paths) < found.total:
        print(f"kg: {len(found.paths):,} of {found.total:,} shortest paths. --limit takes more.", file=sys.stderr)


SHOWN = 5
"""How many of the things that something is said of are named in a note."""

PATH_COLUMNS = ("path", "step", "start", "relation", "end", "inferred", "fact", "source", "first", "last", "link")


def _path_rows(found: Paths) -> list[tuple[str | int | bool | None, ...]]:
    """One row for each passage of each edge of each step."""
    return [
        (number, at, step.start.id, _read_from(step.start.id, edge), step.end.id, edge.inferred, edge.fact, *span)
        for number, steps in enumerate(found.paths, 1)
        for at, step in enumerate(steps, 1)
        for edge in step.edges
        for span in _spans(edge)
    ]


def _spans(edge: Edge) -> list[tuple[str | int | None, ...]]:
    return [(p.source, p.start, p.end, p.link) for p in edge.passages] or [(edge.reported_in, None, None, None)]


def _to_text(found: Paths) -> str:
    shown = "" if len(found.paths) == found.total else f", of which {len(found.paths):,} shown (--limit takes more)"
    lines = [f"{count(found.total, 'shortest path')} of {count(found.hops, 'step')}{shown}."]
    for steps in found.paths:
        lines += ["", f"{steps[0].start.label}  ({steps[0].start.id})"]
        for step in steps:
            for edge in step.edges:
                lines.append(f"  {_read_from(step.start.id, edge)}")
                lines += [f"    {p.source} {p.start}-{p.end}" + (f"  {p.link}" if p.link else "") for p in edge.passages]
            lines.append(f"{step.end.label}  ({step.end.id})")
    return "\n".join(lines) + "\n"


@app.command()
def rank(
    by: Annotated[Measure, typer.Option("--by", help="What to sort by.")] = Measure.degree,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show at most.")] = 20,
    classes: ClassOption = None,
    relation: RelationOption = None,
    source: ReportedOption = None,
    as_of: AsOfOption = None,
    format: RecordOption = None,
    projection: ProjectionOption = None,
    graph: GraphOption = None,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Show who and what stands at the centre of the network, by degree, PageRank and betweenness."""
    from kg.measures import MAX_BETWEENNESS, MEANINGS, rank
    from kg.store import Rows
    from kg.tables import print_rows

    found = _read_whole(_open(graph, store, endpoint, projection), _filters(classes, relation, source, as_of), projection)
    ranked = rank(found, by.value)
    rows = tuple(
        (row.node.label, row.node.class_name, row.degree, _percent(row.pagerank), _percent(row.betweenness), row.node.id)
        for row in ranked[:limit]
    )
    note = f" of {len(ranked):,}\n" + "\n".join(MEANINGS.values())
    if ranked[0].betweenness is None:
        note += f"\nPast {MAX_BETWEENNESS:,} nodes the betweenness takes long; --by betweenness counts it."
    print_rows(Rows(("label", "class", "degree", "pagerank_percent", "betweenness_percent", "id"), rows), value_of(format), note=note)


def _percent(share: float | None) -> Decimal | None:
    return None if share is None else Decimal(f"{100 * share:.4f}").normalize()


# ---------------------------------------------------------------- writing


def _write(found: Network, graph: Graph, wanted: Output) -> None:
    """Write a network to a file or to standard output, and tell on standard error what is not in it."""
    out, format = wanted.out, wanted.format or _format_of(wanted.out)
    if format is not NetworkFormat.html and wanted.look != Look():
        raise CallError("A story, a theme and the words of the sources are for a page. Write one with --format html.")
    if format is NetworkFormat.csv and out is None:
        raise CallError("csv is two files, nodes.csv and edges.csv. Name their folder with --out DIR.")
    if format is NetworkFormat.table and out is not None:
        raise CallError("A table is for the terminal. Name another format with --format, or leave --out away.")
    if format is NetworkFormat.table:
        _print_edges(found)
    elif out is None:
        show_text(_text(found, graph, format, wanted))
    elif format is NetworkFormat.csv:
        from kg.exports import to_csv

        write_files(out, to_csv(found))
    else:
        write_file(out, _text(found, graph, format, wanted))
    if out is not None:
        hint = " Open it in a browser." if format is NetworkFormat.html else ""
        show_text(f"Wrote {out}: {count(len(found.nodes), 'node')}, {count(len(found.edges), 'edge')}.{hint}\n")
    for sentence in _left_out(found):
        print(f"kg: {sentence}", file=sys.stderr)


def _format_of(out: Path | None) -> NetworkFormat:
    if out is None:
        return NetworkFormat.table if sys.stdout.isatty() else NetworkFormat.json
    if found := SUFFIXES.get(out.suffix.lower()):
        return found
    if out.suffix.lower() == ".csv":
        raise CallError("csv is two files, nodes.csv and edges.csv. Name their folder with --format csv --out DIR.")
    raise CallError(f"The name {out.name!r} does not tell the format. Name it with --format, or end the name in {', '.join(SUFFIXES)}.")


def _text(found: Network, graph: Graph, format: NetworkFormat, wanted: Output) -> str:
    if format is NetworkFormat.html:
        return _page(found, graph, wanted.look)
    from kg.exports import WRITERS, to_triples

    if writer := WRITERS.get(format.value):
        return writer(found)
    return to_triples(found, graph, wanted.projection, wanted.sources).to_text(format.value)


def _page(found: Network, graph: Graph, look: Look) -> str:
    from kg.draw import to_html
    from kg.proof import texts_by_source
    from kg.sources import read_documents
    from kg.story import read_story

    texts = texts_by_source(graph.store, read_documents(look.texts)) if look.texts else None
    story = read_story(look.story) if look.story is not None else None
    return to_html(found, graph, story=story, texts=texts, theme=look.theme)


def _print_edges(found: Network) -> None:
    from kg.store import Rows
    from kg.tables import print_rows

    labels = {node.id: node.label for node in found.nodes}
    rows = tuple(
        (
            labels[edge.start],
            _read_from(edge.start, edge),
            labels[edge.end],
            _told(edge, "money"),
            _told(edge, "date"),
            edge.reported_in,
        )
        for edge in found.edges
    )
    answer = Rows(("start", "relation", "end", "money", "date", "reported_in"), rows)
    print_rows(_for_people(answer, 6), "table", note=f", {count(len(labels), 'node')}")


def _left_out(found: Network) -> Iterator[str]:
    if found.not_walked:
        named = ", ".join(found.not_walked[:SHOWN]) + (", …" if len(found.not_walked) > SHOWN else "")
        yield f"Not walked through, since so many facts name them: {count(len(found.not_walked), 'node')} ({named})."
    if found.kept != found.reached:
        cut = [(at, reached - kept) for at, (reached, kept) in enumerate(zip(found.reached, found.kept, strict=True)) if reached > kept]
        parts = " and ".join(f"{number:,} at {count(at, 'step')}" for at, number in cut)
        yield (
            f"{len(found.nodes):,} of {count(sum(found.reached), 'node')} within reach are kept; {parts} were cut. "
            "--max-nodes takes more; --class, --relation and --source take less."
        )
    if found.undated:
        yield f"Edges without a date stay: {found.undated:,} of {len(found.edges):,}."
