"""Everything known of one thing as text: what it is, then each fact by date with its passage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.proof import texts_by_source
from kg.queries import Graph
from kg.sources import read_documents, to_link
from kg.store import Value
from kg.tables import to_cell
from kg.vocab import KG, RDFS, expand, shorten

Record = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Known:
    """What a graph knows of one thing, as rows of the catalogue.

    Args:
        id: Short form.
        class_label: Label of its class.
        label: Its label.
        properties: Its properties with `property`, `property_label`, `value_label` and `value`.
        names: Rows of the query `names`, the label left out.
        facts: Rows of the query `facts`; a fact that names the thing in several roles has several.
        proof: Rows of the query `provenance` by the fact or value that cites the passage.
    """

    id: str
    class_label: str
    label: str
    properties: tuple[Record, ...]
    names: tuple[Record, ...]
    facts: tuple[tuple[Record, ...], ...]
    proof: Mapping[str, tuple[Record, ...]]


def read_known(graph: Graph, id: str) -> Known:
    """Return what a graph knows of a thing.

    Args:
        graph: The graph.
        id: Short form or IRI.

    Raises:
        NotFoundError: There is no such thing; the message suggests the nearest.

    Example:
        >>> import kg
        >>> known = read_known(kg.open(), "person:jeremy-wright")
        >>> known.class_label, known.label, known.facts[0][0]["role_label"]
        ('Person', 'Jeremy Wright', 'tie')
    """
    short, class_label, label, properties = read_own(graph, id)
    proof: defaultdict[str, list[Record]] = defaultdict(list)
    for row in graph.query("provenance", node=short).to_dicts():
        proof[str(row["node_id"])].append(row)
    names = graph.query("names", node=short).to_dicts()
    return Known(
        short,
        class_label,
        label,
        properties,
        tuple(row for row in names if row["name_kind"] != "label"),
        tuple(map(tuple, by_fact(graph.query("facts", node=short).to_dicts()))),
        {node: tuple(rows) for node, rows in proof.items()},
    )


def read_own(graph: Graph, id: str) -> tuple[str, str, str, tuple[Record, ...]]:
    """Return the short form of a thing, the label of its class, its own label and its properties, as in `Known`.

    Raises:
        NotFoundError: There is no such thing; the message suggests the nearest.
    """
    short = shorten(graph.require(id))
    own = _own(graph, short)
    return short, _first(own, "class"), _first(own, "rdfs:label"), tuple(row for row in own if row["property"] not in _HEADER)


def to_text(graph: Graph, id: str, folder: Path | None = None) -> str:
    """Return all that a graph knows of a thing.

    Args:
        graph: The graph.
        id: Short form or IRI; it must be in the graph.
        folder: Folder of the source texts, for the words themselves.

    Example:
        >>> import kg
        >>> print(to_text(kg.open(), "person:jeremy-wright").splitlines()[0])
        Jeremy Wright
    """
    texts = texts_by_source(graph.store, read_documents(folder)) if folder else None
    known = read_known(graph, id)
    lines = [known.label, f"{known.class_label}  {known.id}", ""]
    lines += [f"  {row['property_label']}: {to_cell(row['value_label'])}" for row in known.properties]
    lines += _passages(known.proof.get(known.id, ()), texts)
    for name in known.names:
        lines.append(f"  {name['name_kind']}: {name['name']}" + (f"  ({name['reported_in']})" if name["reported_in"] else ""))
    for rows in known.facts:
        row, roles = rows[0], ", ".join(str(row["role_label"]) for row in rows)
        lines += ["", f"{_day(row)}  {roles}: {row['label']}", f"    {row['fact']}"]
        lines += _passages(known.proof.get(str(row["fact"]), ()), texts)
    return "\n".join(lines).rstrip() + "\n"


def by_fact(rows: Iterable[Record]) -> list[list[Record]]:
    """Return rows of the query `facts` with those of the same fact together: it may name the thing in several roles."""
    found: dict[Value, list[Record]] = {}
    for row in rows:
        found.setdefault(row["fact"], []).append(row)
    return list(found.values())


_HEADER = ("rdfs:label", "class", "kg:cites", "kg:start", "kg:end", "kg:sha256")


def _own(graph: Graph, id: str) -> list[Record]:
    """What the thing says of itself: labels instead of identifiers, values as they are."""
    iri = expand(id)
    query = f"""
    PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
    SELECT DISTINCT ?id ?property ?property_label ?value_label ?value
    WHERE {{
      BIND(<{iri}> AS ?id)
      {{
        <{iri}> a ?class . ?class rdfs:label ?value_label
        BIND("class" AS ?property) BIND("class" AS ?property_label)
      }} UNION {{
        <{iri}> rdfs:label ?value_label
        BIND("rdfs:label" AS ?property) BIND("label" AS ?property_label)
      }} UNION {{
        <{iri}> ?property ?value ; a ?class . ?property rdfs:label ?property_label
        FILTER(STRSTARTS(STR(?property), "{KG}") && ?property NOT IN (kg:odsCode, kg:wikidata, kg:title))
        FILTER(!EXISTS {{ ?property rdfs:subPropertyOf kg:tie }} || !EXISTS {{ ?class rdfs:subClassOf* kg:Entity }})
        OPTIONAL {{ ?value rdfs:label ?label }}
        BIND(COALESCE(?label, ?value) AS ?value_label)
      }}
    }} ORDER BY ?property ?value_label"""
    return graph.store.select(query).to_dicts()


def _first(own: list[Record], property: str) -> str:
    return next((str(row["value_label"]) for row in own if row["property"] == property), "")


def _day(row: Record) -> str:
    """The date of a fact, or the bounds that its event or publication sets."""
    earliest, latest, by = row["earliest"], row["latest"], row["dated_by"]
    if earliest is None and latest is None:
        return "undated"
    if earliest == latest:
        return f"{earliest}" if by == "fact" else f"{earliest} ({by})"
    span = f"{earliest} to {latest}" if earliest and latest else f"by {latest}" if latest else f"from {earliest}"
    return span if by == "fact" else f"{span} ({by})"


def _passages(rows: Sequence[Record], texts: dict[str, str] | None) -> list[str]:
    lines = []
    for row in rows:
        source, start, end = str(row["source"]), int(str(row["start"])), int(str(row["end"]))
        link = to_link(*(str(row[name]) if row[name] else None for name in ("address", "starts_with", "ends_with")))
        lines.append(f"    {source} {start}-{end}" + (f"  {link}" if link else ""))
        if texts is not None and source not in texts:
            lines.append("      (no text in the folder has the digest of this source)")
        elif texts is not None:
            lines.append(f"      “{' '.join(texts[source][start:end].split())}”")
    return lines
