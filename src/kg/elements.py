"""Nodes and edges of a network, and what they can carry into any format."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from kg.store import Value

Plain = str | int | float | bool
"""What every format for networks can hold."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The words that prove a fact: where they stand, in which form, and the link to the public page at them."""

    id: str
    source: str
    start: int
    end: int
    form: str | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the network.

    Args:
        id: Short form.
        class_name: Class without prefix.
        label: In our own words.
        kind: Its kind within the class, where it has one.
        degree: Edges that it has in the whole network.
        attributes: What else is told of it, as plain values.
    """

    id: str
    class_name: str
    label: str
    kind: str | None = None
    degree: int = 0
    attributes: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed edge of the network.

    Args:
        number: Its number in the table, from 1.
        start, end: Short forms of the two nodes.
        relation: The property.
        label, inverse_label: How it reads from the start and from the end.
        fact: The fact that proves it.
        reported_in: The source of that fact.
        inferred: Whether the archivist concluded it where the source does not state it.
        known_by: The day by which it has certainly begun to hold; None if nothing tells.
        ended_by: The day by which it has ended; None if nothing tells.
        passages: The words that prove the fact.
        attributes: What else is told of the fact, as plain values; money as text.
    """

    number: int
    start: str
    end: str
    relation: str
    label: str
    inverse_label: str
    fact: str | None = None
    reported_in: str | None = None
    inferred: bool = False
    known_by: date | None = None
    ended_by: date | None = None
    passages: tuple[Passage, ...] = ()
    attributes: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which nodes and edges are looked at; a filter that is empty is open.

    Args:
        classes: Classes without prefix, such as `Pledge`; sub-classes are included.
        relations: Relations, such as `kg:maker` or `maker`; sub-properties are included, so `involves` is any role in a fact.
        sources: Short forms of sources.
        as_of: Only what has certainly begun by this day and has not ended before it. An edge without a date stays.
    """

    classes: Collection[str] = ()
    relations: Collection[str] = ()
    sources: Collection[str] = ()
    as_of: date | None = None


OPEN = Filters()
"""Every filter open."""


def to_plain(value: Value) -> Plain:
    """Return a value as what every format for networks can hold.

    A decimal becomes a whole number or a binary one if that changes nothing, otherwise it is text.

    Example:
        >>> to_plain(Decimal("5000000.0")), to_plain(Decimal("0.1")), to_plain(date(2021, 3, 18))
        (5000000, 0.1, '2021-03-18')
    """
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value) if abs(value) < 2**53 else f"{value:f}"
        return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"
    return value.isoformat() if isinstance(value, date) else "" if value is None else value


def node_attributes(node: Node) -> dict[str, Plain]:
    """Return what is known of a node as plain values.

    Example:
        >>> node_attributes(Node("person:ana-prado", "Person", "Ana Prado"))
        {'class': 'Person', 'label': 'Ana Prado', 'degree': 0}
    """
    kind = {"kind": node.kind} if node.kind else {}
    return {"class": node.class_name, "label": node.label, **kind, "degree": node.degree, **node.attributes}


def edge_attributes(edge: Edge) -> dict[str, Plain]:
    """Return what is known of an edge as plain values.

    Example:
        >>> edge_attributes(Edge(1, "pledge:x", "person:y", "kg:maker", "made by", "made"))
        {'relation': 'kg:maker', 'label': 'made by', 'inverse_label': 'made', 'inferred': False}
    """
    known: dict[str, Plain] = {
        "relation": edge.relation,
        "label": edge.label,
        "inverse_label": edge.inverse_label,
        "inferred": edge.inferred,
    }
    if edge.fact:
        known["fact"] = edge.fact
    if edge.reported_in:
        known["reported_in"] = edge.reported_in
    if edge.known_by:
        known["known_by"] = edge.known_by.isoformat()
    if edge.ended_by:
        known["ended_by"] = edge.ended_by.isoformat()
    if edge.passages:
        known["passages"] = " ".join(passage.id for passage in edge.passages)
        if edge.passages[0].link:
            known["link"] = edge.passages[0].link
    return {**known, **edge.attributes}
