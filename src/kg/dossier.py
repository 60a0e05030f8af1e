"""All that a picture tells of its nodes and edges: values, conflicts, absences, and every passage with the link to its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kg.network import Network
from kg.queries import Graph
from kg.resources import shipped
from kg.sources import to_link

Json = dict[str, Any]


def read_dossier(network: Network, graph: Graph, texts: Mapping[str, str] | None = None) -> Json:
    """Return what is told of the nodes of a network and of the facts behind its edges, as values for JSON.

    Args:
        network: Nodes and edges.
        graph: The graph they come from.
        texts: The text of each source by its short form, for the words of the passages.

    Returns:
        `sources` by short form; `passages` as rows of source, start, end, form, link and words; `told` by short form, each
        with `values` (sort, text, numbers of passages, remark), `proof` (numbers of passages), `conflicts` and `absences`.
    """
    behind = {id for edge in network.edges for id in (edge.fact, edge.reported_in) if id}
    wanted = {node.id for node in network.nodes} | behind
    told: dict[str, Json] = {id: {} for id in sorted(wanted)}
    values = [row for row in _rows(graph, "values") if row[0] in wanted]
    disputes = [row for row in _rows(graph, "disputes") if row[0] in wanted]
    proof = _Proof(graph, texts)
    for node, sort, text, value, remark in values:
        told[node].setdefault("values", []).append([_capital(sort), str(text), proof.of(value), remark or ""])
    for id in sorted(wanted):
        if numbers := proof.of(id):
            told[id]["proof"] = numbers
    for node, dispute, is_conflict, label, note, member, member_label in disputes:
        found = told[node].setdefault("conflicts" if is_conflict else "absences", {})
        entry = found.setdefault(dispute, {"label": str(label), "note": note or "", "proof": proof.of(dispute), "members": []})
        if member:
            entry["members"].append([str(member_label), proof.of(member)])
    told = {id: _without_keys(entry) for id, entry in told.items() if entry}
    sources = {
        str(row["source"]): {"label": row["label"], "title": row["title"], "address": row["address"], "published": _day(row["published"])}
        for row in graph.query("sources").to_dicts()
    }
    used = {row[0] for row in proof.rows} | {edge.reported_in for edge in network.edges}
    return {"sources": {id: source for id, source in sources.items() if id in used}, "passages": proof.rows, "told": told}


def _without_keys(entry: Json) -> Json:
    return {name: list(value.values()) if isinstance(value, dict) else value for name, value in entry.items()}


def _capital(sort: object) -> str:
    text = str(sort)
    return text[:1].upper() + text[1:]


def _day(value: object) -> str | None:
    return None if value is None else str(value)


def _rows(graph: Graph, name: str) -> Iterable[tuple[Any, ...]]:
    return graph.store.rows((shipped("sparql") / "picture" / f"{name}.rq").read_text("utf-8"))


class _Proof:
    """The passages that were asked for, each once, with the numbers by which the rest refers to them."""

    def __init__(self, graph: Graph, texts: Mapping[str, str] | None) -> None:
        self.rows: list[list[str | int | None]] = []
        self._numbers: dict[str, int] = {}
        self._cited: dict[str, list[Json]] = {}
        self._texts = texts or {}
        for row in graph.query("provenance").to_dicts():
            self._cited.setdefault(str(row["node_id"]), []).append(row)

    def of(self, id: object) -> list[int]:
        return [self._number(row) for row in self._cited.get(str(id), ())]

    def _number(self, row: Json) -> int:
        passage = str(row["passage"])
        if passage not in self._numbers:
            self._numbers[passage] = len(self.rows)
            source, start, end = str(row["source"]), int(row["start"]), int(row["end"])
            words = " ".join(self._texts[source][start:end].split()) if source in self._texts else None
            self.rows.append([source, start, end, row["form"], to_link(row["address"], row["starts_with"], row["ends_with"]), words])
        return self._numbers[passage]
