"""A graph on a SPARQL server, asked over the SPARQL Protocol.

Sources:
    SPARQL 1.1 Protocol: https://www.w3.org/TR/sparql11-protocol/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pyoxigraph as ox

from kg.errors import DataError, QueryError, TooLargeError
from kg.store import Answer, Store, check_query, count_rows, dataset_of, read_answer
from kg.vocab import BASE, EXPORT_GRAPH, KG
from kg.wire import Patience, require_plain, send

ROWS = "application/sparql-results+json"
TRIPLES = "application/n-triples"

CUT_ROWS = 2**20
"""After how many rows Virtuoso ends an answer without a word."""

TRUTH = "__ASK_RETVAL"
"""The column in which Virtuoso answers ASK."""

PARAMETERS = {"FROM": "default-graph-uri", "NAMED": "named-graph-uri"}
"""The parameters of the protocol that stand for the clauses of a query."""

TERMS = "http://purl.org/dc/terms/"
IDENTIFIER = TERMS + "identifier"
FOLLOWED = TERMS + "isReplacedBy"
"""What a server says of its graph while another is being pushed."""

UNFINISHED = "A push to {url} was begun and not finished, so it may hold a part of what it should. Repeat kg build --endpoint."


@dataclass(frozen=True)
class Remote(Store):
    """A SPARQL 1.1 server whose default graph is the union of its named graphs.

    Args:
        url: Where it takes queries.
        patience: What an answer may take.

    Example:
        >>> Remote("http://127.0.0.1:9/query").url
        'http://127.0.0.1:9/query'
    """

    url: str
    patience: Patience = field(default_factory=Patience)

    def run(self, query: str) -> Answer:
        """Return the answer of the server.

        A query is checked here before it is sent, by the rules of the engine inside the process.

        Raises:
            QueryError: The text is no query, is not allowed, or the server refuses it.
            DataError: What it answers is no answer of a SPARQL server.
            TooLargeError: It has cut the answer.
            KGError: As for `kg.wire.send`.
        """
        return self.ask(query)

    def ask(self, query: str, *, default_graphs: Sequence[str] = (), named_graphs: Sequence[str] = ()) -> Answer:
        """Return the answer from some graphs of the server; without any, from those that the query names, or from all.

        Raises:
            KGError: As for `run`.
        """
        text, is_triples = check_query(query)
        told = [(PARAMETERS[clause], iri) for clause, iri in dataset_of(text)]
        given = [("default-graph-uri", iri) for iri in default_graphs] + [("named-graph-uri", iri) for iri in named_graphs]
        for _, iri in (*told, *given):
            if _NO_IRI.search(iri) or not self.run(f"ASK {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}"):
                raise QueryError(f"The query reads FROM <{iri}>, which is no graph of this store. Only its own graphs can be asked.")
        # A server whose default graph is the union may override FROM without a word; it heeds the parameters.
        data = {"query": text, **_gathered(given or told)}
        headers = {"Accept": TRIPLES if is_triples else ROWS}
        body = send("POST", self.url, "query", {"data": data, "headers": headers}, patience=self.patience).body
        if not is_triples and len(body) > CUT_ROWS and count_rows(body, "srj") == CUT_ROWS:
            raise TooLargeError(f"The answer has {CUT_ROWS:,} rows, at which some servers cut without a word. Ask for less at a time.")
        try:
            return _to_truth(read_answer(body, is_triples=is_triples))
        except (SyntaxError, ValueError) as exc:
            raise DataError(f"What {self.url} answers cannot be read: {exc}. Is it the address of a SPARQL server?") from exc


_NO_IRI = re.compile(r"[<>\"{}|^`\\\x00-\x20]")


def _to_truth(answer: Answer) -> Answer:
    """Virtuoso answers ASK with a row that holds 1 or 0, or with none."""
    if not isinstance(answer, ox.QuerySolutions) or [variable.value for variable in answer.variables] != [TRUTH]:
        return answer
    is_true = any(isinstance(row[0], ox.Literal) and row[0].value == "1" for row in answer)
    return read_answer(b'{"head":{},"boolean":%s}' % str(is_true).lower().encode(), is_triples=False)


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def connect(url: str, patience: Patience | None = None) -> tuple[Remote, Mapping[str, Any], str | None]:
    """Return a server that was asked whether it can serve a graph, the manifest of what it holds, and one sentence if that is not whole.

    Args:
        url: Where it takes queries.
        patience: What an answer may take.

    Raises:
        DataError: It holds no graph of this kind, or its default graph is not the union of its named graphs.
        CallError: The address holds credentials.
        KGError: As for `Remote.run`.
    """
    require_plain(url)
    remote = Remote(url, patience or Patience())
    require_union(remote, f"?s a <{KG}Source>")
    own = {name: count for name, count in count_graphs(remote).items() if name != EXPORT_GRAPH}
    if not own:
        raise DataError(f"The server {url} holds no graph of this vocabulary. Push one with kg build --endpoint.")
    described = read_description(remote)
    is_whole = FOLLOWED not in described
    digest = described.get(IDENTIFIER, "").removeprefix("sha256:") if is_whole else ""
    manifest = {
        "sha256": digest or sha256(repr((url, sorted(own.items()), sorted(described.items()))).encode()).hexdigest(),
        "quads": sum(own.values()),
        "classes": remote.count_classes(),
        "is_described": bool(digest),
    }
    return remote, manifest, None if is_whole else UNFINISHED.format(url=url)


def require_union(remote: Remote, pattern: str) -> None:
    """Refuse a server that does not see in its default graph what lies in its named graphs.

    Args:
        remote: The server.
        pattern: A triple that one of its named graphs holds, if any does.

    Raises:
        DataError: It is such a server.
    """
    if remote.run(f"ASK {{ GRAPH ?g {{ {pattern} }} FILTER NOT EXISTS {{ {pattern} }} }}"):
        raise DataError(
            f"The default graph of {remote.url} is not the union of its named graphs, in which every fact lies. Start it so that it is: "
            "oxigraph serve --union-default-graph; Virtuoso does it by itself."
        )


def count_graphs(remote: Remote) -> dict[str, int]:
    """Return how many triples each graph of this vocabulary holds on a server; what else it holds is left alone."""
    query = f"""
    SELECT ?g (COUNT(*) AS ?n) WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{BASE}")) }}
    GROUP BY ?g ORDER BY ?g"""
    return {_text(name): int(_text(count)) for name, count in remote.terms(query)}


def read_description(remote: Remote) -> dict[str, str]:
    """Return what a server says of its graph as a whole, by property."""
    query = f"SELECT ?name ?value WHERE {{ GRAPH <{EXPORT_GRAPH}> {{ <{BASE}> ?name ?value }} }} ORDER BY ?name ?value"
    return {_text(name): _text(value) for name, value in remote.terms(query)}


def _text(term: ox.NamedNode | ox.Literal | None) -> str:
    return "" if term is None else term.value
