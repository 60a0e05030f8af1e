"""Push a graph to a server, one named graph at a time, and only those that the server does not hold yet.

The server describes what it holds in a graph of its own, `…/graph/export`: the dataset with its digest, and for each named
graph a digest and a count. A push first adds a mark to that description, then puts and deletes graphs, then verifies, and
replaces the description last. One that dies half-way leaves the earlier description with the mark, so readers are told, and
the next push looks at the graphs themselves instead of believing the description.

Sources:
    Graph Store Protocol: https://www.w3.org/TR/sparql11-http-rdf-update/
    VoID, the vocabulary of the counts: https://www.w3.org/TR/void/
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import quote, unquote

import pyoxigraph as ox

from kg.errors import CallError, DataError
from kg.parts import Part
from kg.remote import FOLLOWED, IDENTIFIER, TRIPLES, Remote, count_graphs, read_description, require_union
from kg.vocab import BASE, EXPORT_GRAPH, XSD
from kg.wire import USER, Credentials, Reply, require_plain, send

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try, where a server cannot be reached or has no time."""

COUNT = "http://rdfs.org/ns/void#triples"

STORES = {"/query": ("/store", "/store"), "/sparql": ("/sparql-graph-crud", "/sparql-graph-crud-auth")}
"""Where a server takes graphs that takes queries at such an address, without credentials and with them: Oxigraph, Virtuoso."""

NUMBERS = frozenset(XSD + name for name in ("integer", "decimal"))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push has done: the IRIs of the graphs that were sent, removed, and left as they were."""

    sent: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a server takes graphs.

    Args:
        url: The address for the Graph Store Protocol.
        pauses: Seconds before each further try.
        credentials: How to say who sends.
    """

    url: str
    pauses: Sequence[float] = PAUSES
    credentials: Credentials = field(default_factory=Credentials)

    def call(self, method: str, graph: str, triples: bytes | None = None) -> Reply:
        """Send a request about a graph; each has the same effect when it is sent again.

        Raises:
            KGError: As for `kg.wire.send`.
        """
        headers = {"GET": {"Accept": TRIPLES}, "DELETE": {}}.get(method, {"Content-Type": TRIPLES})
        told = {"params": {"graph": graph}, "headers": headers, "content": triples}
        # A graph is gone as well if the answer to an earlier try was lost.
        is_deleted = method == "DELETE"
        return send(method, self.url, "graph", told, pauses=self.pauses, credentials=self.credentials, is_gone_fine=is_deleted)


def push(
    parts: Sequence[Part],
    read: Callable[[Part], bytes],
    url: str,
    graph_store_url: str | None = None,
    *,
    description: bytes,
    progress: Callable[[int, int], None] | None = None,
    pauses: Sequence[float] = PAUSES,
) -> Pushed:
    """Have a server hold these named graphs and, of this vocabulary, no others.

    A graph is sent if its digest is not the one that the server tells, or its count is not; after a push that did not end,
    if what the server returns is not the same. Then the counts of all graphs are compared, and of each that was sent the
    triples that the server returns. They are the same if they have the same normal form, see `to_normal`.

    Args:
        parts: The named graphs.
        read: Returns the sorted lines of N-Quads of one of them.
        url: Where the server takes queries.
        graph_store_url: Where it takes graphs; without it, the place where Oxigraph or Virtuoso does.
        description: Lines of N-Quads in the graph `…/graph/export` that describe the whole.
        progress: Is told how many graphs are done, and of how many.
        pauses: Seconds before each further try.

    Returns:
        What was done.

    Raises:
        CallError: An address is wrong, the server wants credentials, or a graph is not of this vocabulary.
        DataError: What the server holds afterwards is not what was sent, or its default graph is not the union.
        UnavailableError: The server cannot be reached or does not answer, and several tries did not help.
    """
    for address in (url, graph_store_url or url):
        require_plain(address)
    _require_own(parts)
    remote, shelf = Remote(url), Shelf(graph_store_url or to_graph_store(url), pauses)
    held, was_cut = count_graphs(remote), FOLLOWED in read_description(remote)
    known = {} if was_cut else _read_parts(remote)
    removed = sorted(held.keys() - {part.graph for part in parts} - {EXPORT_GRAPH})
    new = _write_description(description, parts)
    is_there = EXPORT_GRAPH in held and not was_cut and not removed and all(_is_known(part, known, held) for part in parts)
    if is_there and _same(shelf, EXPORT_GRAPH, new):
        return Pushed((), (), tuple(part.graph for part in parts))
    shelf.call("POST", EXPORT_GRAPH, f'<{BASE}> <{FOLLOWED}> "a state that is being pushed" .\n'.encode())
    require_union(remote, f"<{BASE}> <{FOLLOWED}> ?following")
    sent = []
    for done, part in enumerate(parts):
        _tell(progress, done, parts)
        if _is_known(part, known, held):
            continue
        triples = to_triples(read(part), part.graph)
        if was_cut and held.get(part.graph) == part.quads and _same(shelf, part.graph, triples):
            continue
        shelf.call("PUT", part.graph, triples)
        if not _same(shelf, part.graph, triples):
            raise DataError(
                f"The server {url} does not return the graph {part.graph} as it was sent. Repeat kg build --endpoint; "
                "if it is so again, the server changes what it is given, and cannot hold this graph."
            )
        sent.append(part.graph)
    for graph in removed:
        shelf.call("DELETE", graph)
    _tell(progress, len(parts), parts)
    _require_counts(parts, remote)
    shelf.call("PUT", EXPORT_GRAPH, new)
    return Pushed(tuple(sent), tuple(removed), tuple(part.graph for part in parts if part.graph not in sent))


def _tell(progress: Callable[[int, int], None] | None, done: int, parts: Sequence[Part]) -> None:
    if progress is not None:
        progress(done, len(parts))


def to_graph_store(url: str) -> str:
    """Return where a server takes graphs that takes queries at an address.

    Raises:
        CallError: The address is not one of Oxigraph or Virtuoso.

    Example:
        >>> to_graph_store("http://127.0.0.1:7878/query")
        'http://127.0.0.1:7878/store'
    """
    for ending, (free, guarded) in STORES.items():
        if url.endswith(ending):
            return url.removesuffix(ending) + (guarded if os.environ.get(USER) else free)
    raise CallError(f"The address {url!r} does not tell where the server takes graphs. Say it with --graph-store-url URL.")


def _require_own(parts: Iterable[Part]) -> None:
    for part in parts:
        if not part.graph.startswith(BASE) or part.graph == EXPORT_GRAPH:
            raise CallError(f"The graph {part.graph} is not of this vocabulary. The names of graphs begin with {BASE}.")


def _is_known(part: Part, known: dict[str, str], held: dict[str, int]) -> bool:
    return known.get(part.graph) == f"sha256:{part.sha256}" and held.get(part.graph) == part.quads


def _same(shelf: Shelf, graph: str, triples: bytes) -> bool:
    try:
        found = to_normal(shelf.call("GET", graph).body)
    except SyntaxError as exc:
        raise DataError(f"What {shelf.url} returns for the graph {graph} is not N-Triples: {exc.msg}.") from exc
    return found == to_normal(triples)


def _require_counts(parts: Sequence[Part], remote: Remote) -> None:
    held = count_graphs(remote)
    for part in parts:
        if held.get(part.graph, 0) != part.quads:
            raise DataError(
                f"The server {remote.url} holds {held.get(part.graph, 0):,} of the {part.quads:,} triples of {part.graph}. "
                "Something else may write to it. Repeat kg build --endpoint."
            )


# ---------------------------------------------------------------- what the server says of its graphs


def _write_description(description: bytes, parts: Iterable[Part]) -> bytes:
    """A source is a thing of the graph and names a graph too, so what is told of the graph has a name of its own."""
    told = to_triples(description, EXPORT_GRAPH).decode().splitlines(keepends=True)
    for part in parts:
        told += [f'<{_to_name(part.graph)}> <{IDENTIFIER}> "sha256:{part.sha256}" .\n']
        told += [f'<{_to_name(part.graph)}> <{COUNT}> "{part.quads}"^^<{XSD}integer> .\n']
    return "".join(sorted(told)).encode()


def _to_name(graph: str) -> str:
    return f"{EXPORT_GRAPH}#{quote(graph.removeprefix(BASE))}"


def _read_parts(remote: Remote) -> dict[str, str]:
    query = f"""
    SELECT ?part ?digest WHERE {{
      GRAPH <{EXPORT_GRAPH}> {{ ?part <{IDENTIFIER}> ?digest }} FILTER(STRSTARTS(STR(?part), "{EXPORT_GRAPH}#"))
    }} ORDER BY ?part ?digest"""
    rows = ((part, digest) for part, digest in remote.terms(query) if part is not None and digest is not None)
    return {BASE + unquote(part.value.removeprefix(EXPORT_GRAPH + "#")): digest.value for part, digest in rows}


# ---------------------------------------------------------------- triples


def to_triples(lines: bytes, graph: str) -> bytes:
    r"""Return the lines of N-Quads of one named graph as N-Triples.

    Example:
        >>> to_triples(b'<urn:a> <urn:b> "c" <urn:g> .\n', "urn:g")
        b'<urn:a> <urn:b> "c" .\n'
    """
    end = f" <{graph}> .\n".encode()
    return b"".join(line.removesuffix(end) + b" .\n" for line in lines.splitlines(keepends=True))


def to_normal(triples: bytes) -> frozenset[tuple[str, str, str]]:
    """Return triples in the form in which two servers write them alike.

    Integers and decimals are compared by their value together, for Virtuoso writes 5000000 for 5000000.0 and makes a
    decimal of an integer of more than 64 bits; booleans by their value; language tags without regard to case. All else,
    dates among it, is compared sign by sign: IRIs, texts, and the type and text of any other literal.

    Raises:
        SyntaxError: These are no N-Triples.

    Example:
        >>> to_normal(b'<urn:a> <urn:b> "5.0"^^<%sdecimal> .' % XSD.encode())
        frozenset({('<urn:a>', '<urn:b>', '5')})
    """
    parsed = ox.parse(triples, format=ox.RdfFormat.N_TRIPLES)
    return frozenset((str(triple.subject), str(triple.predicate), _to_normal(triple.object)) for triple in parsed)


def _to_normal(term: object) -> str:
    if not isinstance(term, ox.Literal):
        return str(term)
    if term.language:
        return str(ox.Literal(term.value, language=term.language.lower()))
    if term.datatype.value == XSD + "boolean":
        return {"1": "true", "0": "false"}.get(term.value, term.value)
    if term.datatype.value in NUMBERS:
        try:
            number = Decimal(term.value)
        except ArithmeticError:
            return str(term)
        text = f"{number:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"
    return str(term)
