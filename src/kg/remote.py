"""A graph on a SPARQL server, asked over the SPARQL Protocol.

Sources:
    SPARQL 1.1 Protocol: https://www.w3.org/TR/sparql11-protocol/
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx2 as httpx

from kg.errors import CallError, DataError, NotAcceptableError, QueryError, TooLargeError, UnavailableError
from kg.store import Answer, Store, check_query, dataset_of, read_answer
from kg.vocab import BASE, EXPORT_GRAPH, KG

USER, PASSWORD = "KG_ENDPOINT_USER", "KG_ENDPOINT_PASSWORD"  # the name of a variable
"""The variables of the environment that hold the credentials."""

TIMEOUT_S = 60.0
"""For how long a server may be silent."""

CUT = ("x-sparql-maxrows", "x-sql-state")
"""Headers by which Virtuoso says that an answer is not whole."""

ROWS = "application/sparql-results+json"
TRIPLES = "application/n-triples"


@dataclass(frozen=True)
class Remote(Store):
    """A SPARQL 1.1 server whose default graph is the union of its named graphs.

    Args:
        url: Where it takes queries.
        timeout_s: For how long it may be silent.

    Example:
        >>> Remote("http://127.0.0.1:9/query").url
        'http://127.0.0.1:9/query'
    """

    url: str
    timeout_s: float = TIMEOUT_S

    def run(self, query: str) -> Answer:
        """Return the answer of the server.

        A query is checked here before it is sent, by the rules of the engine inside the process.

        Raises:
            QueryError: The text is no query, is not allowed, or the server refuses it.
            UnavailableError: The server cannot be reached, is silent for too long, or breaks off.
            CallError: It wants credentials.
            DataError: What it answers is no answer of a SPARQL server.
            TooLargeError: It has cut the answer.
        """
        text, is_triples = check_query(query)
        graphs = [(PARAMETERS[clause], iri) for clause, iri in dataset_of(text)]
        for _, iri in graphs:
            if not self.run(f"ASK {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}"):
                raise QueryError(f"The query reads FROM <{iri}>, which is no graph of this store. Only its own graphs can be asked.")
        # A server whose default graph is the union may override FROM without a word; it heeds the parameters.
        body = self._post({"query": text, **_gathered(graphs)}, TRIPLES if is_triples else ROWS)
        try:
            return read_answer(body, is_triples=is_triples)
        except (SyntaxError, ValueError) as exc:
            raise DataError(f"What {self.url} answers cannot be read: {exc}. Is it the address of a SPARQL server?") from exc

    def _post(self, data: Mapping[str, str | list[str]], accept: str) -> bytes:
        headers = {"Accept": accept, "User-Agent": "kg"}
        try:
            answer = httpx.post(self.url, data=data, headers=headers, timeout=self.timeout_s, auth=_credentials())
        except httpx.TimeoutException as exc:
            raise UnavailableError(f"The server {self.url} was silent for {self.timeout_s:g} seconds. Try again, or ask for less.") from exc
        except httpx.ConnectError as exc:
            raise UnavailableError(f"The server {self.url} cannot be reached: {exc}. Is it running, and is the address right?") from exc
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise CallError(f"{self.url!r} is no address of a server: {str(exc).rstrip('.')}. It begins with http:// or https://.") from exc
        except httpx.TransportError as exc:
            raise UnavailableError(f"The server {self.url} broke off in the middle of its answer, and nothing of it was used.") from exc
        self._require_whole(answer)
        return answer.content

    def _require_whole(self, answer: httpx.Response) -> None:
        words = _words(answer.text) if answer.status_code >= 300 else ""
        if answer.status_code in (401, 403):
            raise CallError(f"The server {self.url} wants credentials. Set {USER} and {PASSWORD}. It says: {words}")
        if answer.status_code == 404:
            raise CallError(f"There is nothing at {self.url}. Name the address at which the server takes queries. It says: {words}")
        if answer.status_code == 406:
            raise NotAcceptableError(f"The server {self.url} has no format that can be read here. It says: {words}")
        if answer.status_code >= 500:
            raise UnavailableError(f"The server {self.url} cannot answer this ({answer.status_code}). It says: {words}")
        if answer.status_code >= 300:
            raise QueryError(f"The server {self.url} refuses the query ({answer.status_code}). It says: {words}")
        if answer.status_code == 206 or any(name in answer.headers for name in CUT):
            raise TooLargeError(f"The server {self.url} has cut the answer at its own limit. Ask for less at a time, or raise its limit.")


PARAMETERS = {"FROM": "default-graph-uri", "NAMED": "named-graph-uri"}
"""The parameters of the protocol that stand for the clauses of a query."""


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _credentials() -> tuple[str, str] | None:
    user = os.environ.get(USER)
    return (user, os.environ.get(PASSWORD, "")) if user else None


def _words(text: str) -> str:
    """Return the first words of what a server says of an error, on one line and without markup."""
    plain = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return plain[:300] + ("…" if len(plain) > 300 else "") if plain else "nothing."


def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> tuple[Remote, Mapping[str, Any]]:
    """Return a server that was asked whether it can serve a graph, and the manifest of what it holds.

    Args:
        url: Where it takes queries.
        timeout_s: For how long it may be silent.

    Raises:
        DataError: It holds no graph of this kind, or its default graph is not the union of its named graphs.
        CallError: The address holds credentials.
        KGError: As for `Remote.run`.
    """
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise CallError(f"An address holds no credentials, since it is shown in messages. Set {USER} and {PASSWORD} instead.")
    remote = Remote(url, timeout_s)
    if remote.run(f"ASK {{ GRAPH ?g {{ ?s a <{KG}Source> }} FILTER NOT EXISTS {{ ?s a <{KG}Source> }} }}"):
        raise DataError(
            f"The default graph of {url} is not the union of its named graphs, in which every fact lies. Start it so that it is: "
            "oxigraph serve --union-default-graph; Virtuoso does it by itself."
        )
    graphs = list(remote.select("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g"))
    own = [(str(name), int(str(count))) for name, count in graphs if str(name) != EXPORT_GRAPH and _is_ours(str(name))]
    if not own:
        raise DataError(f"The server {url} holds no graph of this vocabulary. Push one with kg build --endpoint.")
    told = remote.select(
        f"SELECT ?digest WHERE {{ GRAPH <{EXPORT_GRAPH}> {{ <{BASE}> <http://purl.org/dc/terms/identifier> ?digest }} }} ORDER BY ?digest"
    )
    digest = next((str(row[0]).removeprefix("sha256:") for row in told), "") or sha256(repr((url, own)).encode()).hexdigest()
    manifest = {
        "sha256": digest,
        "quads": sum(count for _, count in own),
        "classes": remote.count_classes(),
    }
    return remote, manifest


def _is_ours(name: str) -> bool:
    """Graphs of a server that are not of this vocabulary, such as its own, are left alone. Names come in their short form."""
    return name.startswith((BASE, "source:"))
