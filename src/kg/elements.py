"""Nodes and edges of a network, and what they can carry into any format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple, overload

from kg.sources import to_link
from kg.store import Value

Plain = str | int | float | bool
"""What every format for networks can hold."""

TOTALS = ("total_low", "total_high", "unit", "counted_in")
"""What stands on the node of a pledge and not on its edges: a sum over edges would count one fund many times."""


class Passage(NamedTuple):
    """The words that prove a fact: where they stand, in which form, how they begin and end, and the address of the page."""

    id: str
    source: str
    start: int
    end: int
    form: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    address: str | None = None

    @property
    def link(self) -> str | None:
        """The link that opens the public page at the words, or None without an address."""
        return to_link(self.address, self.starts_with, self.ends_with)


class Told(Mapping[str, Plain]):
    """What is told of something, which is read when the first value is asked for.

    A neighbourhood may have ten thousand edges of which nobody looks at more than a few.

    Example:
        >>> import json
        >>> dict(Told(json.loads, '{"money": "GBP 5"}'))
        {'money': 'GBP 5'}
    """

    __slots__ = ("_args", "_read", "_values")

    def __init__(self, read: Callable[..., Mapping[str, Plain]], *args: object) -> None:
        self._read = read
        self._args = args
        self._values: Mapping[str, Plain] | None = None

    def to_plain(self) -> Mapping[str, Plain]:
        """Return the values; a mapping in plain is copied ten times as fast as one that is read on demand."""
        if self._values is None:
            self._values = self._read(*self._args)
        return self._values

    def __getitem__(self, name: str) -> Plain:
        return self.to_plain()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_plain())

    def __len__(self) -> int:
        return len(self.to_plain())

    def __repr__(self) -> str:
        return repr(self.to_plain())


class Proof(Sequence[Passage]):
    """The passages of a fact, which are read when the first is asked for."""

    __slots__ = ("_args", "_passages", "_plain", "_read")

    def __init__(self, read: Callable[..., tuple[Passage, ...]], *args: object) -> None:
        self._read = read
        self._args = args
        self._passages: tuple[Passage, ...] | None = None
        self._plain: dict[str, Plain] | None = None

    def to_tuple(self) -> tuple[Passage, ...]:
        """Return the passages."""
        if self._passages is None:
            self._passages = self._read(*self._args)
        return self._passages

    def to_plain(self) -> dict[str, Plain]:
        """Return the passages as plain values, made once for all edges of the fact."""
        if self._plain is None:
            self._plain = to_proof(self.to_tuple())
        return self._plain

    @overload
    def __getitem__(self, at: int) -> Passage: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Passage, ...]: ...

    def __getitem__(self, at: int | slice) -> Passage | tuple[Passage, ...]:
        return self.to_tuple()[at]

    def __len__(self) -> int:
        return len(self.to_tuple())

    def __eq__(self, other: object) -> bool:
        return self.to_tuple() == (other.to_tuple() if isinstance(other, Proof) else other)

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __repr__(self) -> str:
        return repr(self.to_tuple())


NOTHING: Mapping[str, Plain] = MappingProxyType({})
"""What is told where nothing is."""


class Node(NamedTuple):
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
    attributes: Mapping[str, Plain] = NOTHING


class Edge(NamedTuple):
    """A directed edge of the network.

    Args:
        number: Its number, the same in every snapshot that has it; see `tablefile.to_number`.
        start: Short form of the node where it starts.
        end: Short form of the node where it ends.
        relation: The property.
        label: How it reads from the start.
        inverse_label: How it reads from the end.
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
    passages: Sequence[Passage] = ()
    attributes: Mapping[str, Plain] = NOTHING


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

    A decimal becomes a whole number or a binary one if that changes nothing, otherwise it is text, and so is what is no
    finite number, or a whole one that not every reader of JSON keeps.

    Example:
        >>> to_plain(Decimal("5000000.0")), to_plain(Decimal("0.1")), to_plain(date(2021, 3, 18))
        (5000000, 0.1, '2021-03-18')
    """
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value) if abs(value) < 2**53 else f"{value:f}"
        return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) >= 2**53:
        return str(value)
    return value.isoformat() if isinstance(value, date) else "" if value is None else value


def node_attributes(node: Node) -> dict[str, Plain]:
    """Return what is known of a node as plain values.

    Example:
        >>> node_attributes(Node("person:ana-prado", "Person", "Ana Prado"))
        {'class': 'Person', 'label': 'Ana Prado', 'network_degree': 0}
    """
    kind = {"kind": node.kind} if node.kind else {}
    return {"class": node.class_name, "label": node.label, **kind, "network_degree": node.degree, **_told(node.attributes)}


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
    known.update(edge.passages.to_plain() if isinstance(edge.passages, Proof) else to_proof(edge.passages))
    known.update(_told(edge.attributes))
    return known


def to_proof(passages: Sequence[Passage]) -> dict[str, Plain]:
    """Return what an edge tells of the passages that prove it: their short forms, and the link to the first."""
    if not passages:
        return {}
    link = passages[0].link
    return {"passages": " ".join(passage.id for passage in passages), **({"link": link} if link else {})}


def _told(values: Mapping[str, Plain]) -> Mapping[str, Plain]:
    return values.to_plain() if isinstance(values, Told) else values
