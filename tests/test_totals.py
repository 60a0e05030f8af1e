"""The law of totals: however pledges are split, retold and worded, money_total counts each fund once.

The forests are drawn as true pledges with tellings of them, so no circle can arise; the expected sum is computed in Python
from the same drawing, by the words of the vocabulary and not by its queries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kg
from kg import build, snapshots
from kg.resources import shipped
from kg.vocab import CODE, ID, KG, RDF, XSD

SOURCES = ("alpha", "beta", "gamma", "delta")
LATER_SOURCE = "epsilon"
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, slots=True)
class Sum:
    amount: int | None
    qualifier: str
    basis: str


@dataclass(frozen=True, slots=True)
class Telling:
    """A pledge as one source tells it; `whole` and `restated` are indices of earlier tellings."""

    name: str
    source: str
    unit: str
    whole: int | None
    restated: int | None
    sums: tuple[Sum, ...]
    recipients: int | None


Range = tuple[Decimal, Decimal | None]
"""The least and the most; None where the end is open."""

Totals = dict[str, tuple[Decimal, Decimal, int, int]]
"""By currency: the least, the most without open ends, the open ends, and the pledges counted."""

_sums = st.builds(
    Sum,
    st.none() | st.integers(0, 50),
    st.sampled_from(("exactly", "up-to", "almost", "about", "over", "at-least")),
    st.sampled_from(("each", "total", "not-stated")),
)


@st.composite
def forests(draw: st.DrawFn) -> tuple[Telling, ...]:
    """Draw true pledges, each after its whole, and one telling or more of each, in different sources."""
    tellings: list[Telling] = []
    told: list[list[int]] = []
    parents: list[int | None] = []
    units: list[str] = []
    for number in range(draw(st.integers(1, 4))):
        parents.append(draw(st.none() | st.integers(0, number - 1)) if number else None)
        parent = parents[number]
        units.append(draw(st.sampled_from(("NOK", "EUR"))) if parent is None else units[parent])
        told.append([])
        for source in draw(st.lists(st.sampled_from(SOURCES), min_size=1, max_size=4, unique=True)):
            wholes = [index for index in (told[parent] if parent is not None else []) if tellings[index].source == source]
            telling = Telling(
                name=f"{source}-{draw(st.integers(0, 9))}{len(tellings)}",
                source=source,
                unit=units[number],
                whole=draw(st.none() | st.sampled_from(wholes)) if wholes else None,
                restated=draw(st.none() | st.sampled_from(told[number])) if told[number] else None,
                sums=tuple(draw(st.lists(_sums, max_size=2))),
                recipients=draw(st.none() | st.integers(1, 9)),
            )
            told[number].append(len(tellings))
            tellings.append(telling)
    return tuple(tellings)


def _term(kind: str, name: str) -> ox.NamedNode:
    return ox.NamedNode(f"{ID}{kind}/{name}")


def _triples(forest: tuple[Telling, ...], index: int) -> Iterator[tuple[ox.NamedNode, str, ox.NamedNode | ox.Literal]]:
    telling = forest[index]
    pledge = _term("pledge", telling.name)
    yield pledge, "a", ox.NamedNode(KG + "Pledge")
    for name, other in (("partOf", telling.whole), ("restates", telling.restated)):
        if other is not None:
            yield pledge, name, _term("pledge", forest[other].name)
    for number, money in enumerate(telling.sums):
        node = _term("money", f"{telling.name}-{number}")
        yield from ((node, "a", ox.NamedNode(KG + "Money")), (node, "of", pledge), (node, "unit", ox.Literal(telling.unit)))
        yield node, "basis", ox.NamedNode(CODE + money.basis)
        if money.amount is not None:
            yield node, "amount", _decimal(money.amount)
            yield node, "qualifier", ox.NamedNode(CODE + money.qualifier)
    if telling.recipients is not None:
        node = _term("quantity", telling.name)
        yield from ((node, "a", ox.NamedNode(KG + "Quantity")), (node, "of", pledge), (node, "amount", _decimal(telling.recipients)))
        yield from ((node, "kind", ox.NamedNode(CODE + "recipients")), (node, "qualifier", ox.NamedNode(CODE + "exactly")))


def _decimal(number: int) -> ox.Literal:
    return ox.Literal(f"{number}.0", datatype=ox.NamedNode(XSD + "decimal"))


def _quads(forest: tuple[Telling, ...]) -> Iterator[ox.Quad]:
    for source in (*SOURCES, LATER_SOURCE):
        yield ox.Quad(_term("source", source), ox.NamedNode(RDF + "type"), ox.NamedNode(KG + "Source"), _term("source", source))
    for index, telling in enumerate(forest):
        for subject, name, value in _triples(forest, index):
            predicate = ox.NamedNode(RDF + "type" if name == "a" else KG + name)
            yield ox.Quad(subject, predicate, value, _term("source", telling.source))


@pytest.fixture(scope="module")
def ontology() -> tuple[ox.Quad, ...]:
    return build.read(shipped("graph")).ontology


def _open(ontology: tuple[ox.Quad, ...], forest: tuple[Telling, ...]) -> kg.Graph:
    data = tuple(_quads(forest))
    return kg.Graph(snapshots.Snapshot({"quads": len(data)}, lambda: build.derive(build.Stated(ontology, data, {}))))


def _ask(graph: kg.Graph) -> Totals:
    return {
        str(row[0]): (Decimal(str(row[1])), Decimal(str(row[2])), int(str(row[3])), int(str(row[4]))) for row in graph.query("money_total")
    }


def _range(telling: Telling) -> Range | None:
    """What the sums of one telling allow together; None if it has no sum."""
    ranges = [_range_of(money, telling.recipients) for money in telling.sums]
    if not ranges:
        return None
    highs = [high for _, high in ranges if high is not None]
    return min(low for low, _ in ranges), max(highs) if len(highs) == len(ranges) else None


def _range_of(money: Sum, recipients: int | None) -> Range:
    if money.amount is None:
        return Decimal(0), None
    low = Decimal(0 if money.qualifier == "up-to" else money.amount)
    high = None if money.qualifier in ("over", "at-least") else Decimal(money.amount)
    if money.basis == "each":
        return low * (recipients or 1), high * recipients if high is not None and recipients else None
    if money.basis == "not-stated" and high is not None:
        high *= recipients or 1
    return low, high


def _counted(forest: tuple[Telling, ...]) -> list[int]:
    """One telling with money of each group of tellings, unless a whole of the group, over any number of steps, has money."""
    groups = _groups(forest)
    return [
        index
        for group in set(groups)
        if (index := _first_told(forest, groups, group)) is not None and not _has_whole(forest, groups, group)
    ]


def _groups(forest: tuple[Telling, ...]) -> list[int]:
    """A telling restates only earlier ones, so the group is that of the one it restates."""
    groups: list[int] = []
    for index, telling in enumerate(forest):
        groups.append(index if telling.restated is None else groups[telling.restated])
    return groups


def _first_told(forest: tuple[Telling, ...], groups: list[int], group: int) -> int | None:
    """Of the tellings with money that restate none with money, the first by name."""
    heads = [index for index, of in enumerate(groups) if of == group and forest[index].sums and not _restates_money(forest, index)]
    return min(heads, key=lambda index: forest[index].name, default=None)


def _restates_money(forest: tuple[Telling, ...], index: int) -> bool:
    told = forest[index].restated
    return told is not None and (bool(forest[told].sums) or _restates_money(forest, told))


def _has_whole(forest: tuple[Telling, ...], groups: list[int], group: int) -> bool:
    wholes = {groups[telling.whole] for telling, of in zip(forest, groups, strict=True) if of == group and telling.whole is not None}
    return any(_first_told(forest, groups, whole) is not None or _has_whole(forest, groups, whole) for whole in wholes)


def _sum(forest: tuple[Telling, ...], indices: list[int]) -> Totals:
    totals: Totals = {}
    for index in indices:
        found = _range(forest[index])
        if found is not None:
            low, high, open_ends, count = totals.get(forest[index].unit, (Decimal(0), Decimal(0), 0, 0))
            totals[forest[index].unit] = (low + found[0], high + (found[1] or 0), open_ends + (found[1] is None), count + 1)
    return totals


def _telling(source: str, name: str, restated: int | None, *sums: Sum) -> Telling:
    return Telling(f"{source}-{name}", source, "NOK", None, restated, sums, None)


THREE_TELLINGS_OF_ONE_WITHOUT_MONEY = (
    _telling("alpha", "fund", None),
    _telling("gamma", "fund", 0, Sum(10, "exactly", "total")),
    _telling("beta", "fund", 1, Sum(10, "exactly", "total")),
    _telling("delta", "fund", 0, Sum(10, "exactly", "total")),
)
"""Beta restates gamma; delta and gamma restate alpha, which has no sum. The order of the names runs across that of the tellings."""


@LAW
@given(forest=forests())
@example(forest=THREE_TELLINGS_OF_ONE_WITHOUT_MONEY)
def test_a_total_equals_an_independent_computation(ontology: tuple[ox.Quad, ...], forest: tuple[Telling, ...]) -> None:
    assert _ask(_open(ontology, forest)) == _sum(forest, _counted(forest))


@LAW
@given(forest=forests())
def test_a_total_never_exceeds_the_naive_sum_and_no_currency_is_lost(ontology: tuple[ox.Quad, ...], forest: tuple[Telling, ...]) -> None:
    asked, naive = _ask(_open(ontology, forest)), _sum(forest, list(range(len(forest))))
    assert asked.keys() == naive.keys()
    assert all(asked[unit][place] <= naive[unit][place] for unit in asked for place in range(4))


@LAW
@given(forest=forests(), data=st.data())
def test_one_more_telling_of_what_is_counted_changes_nothing(
    ontology: tuple[ox.Quad, ...], forest: tuple[Telling, ...], data: st.DataObject
) -> None:
    told = data.draw(
        st.sampled_from(range(len(forest))).filter(lambda index: bool(forest[index].sums)) if any(t.sums for t in forest) else st.none()
    )
    if told is None:
        return
    again = replace(
        forest[told], name=data.draw(st.sampled_from(("aaa-again", "zzz-again"))), source=LATER_SOURCE, whole=None, restated=told
    )
    assert _ask(_open(ontology, (*forest, again))) == _ask(_open(ontology, forest))


@LAW
@given(forest=forests())
def test_a_part_is_never_counted_beside_its_whole(ontology: tuple[ox.Quad, ...], forest: tuple[Telling, ...]) -> None:
    graph = _open(ontology, forest)
    rows = graph.store.select(
        f"SELECT ?part ?whole WHERE {{ ?part <{KG}partOf>+ ?whole . ?part <{KG}totalLow> ?a . ?whole <{KG}totalLow> ?b }}"
    )
    counted = set(graph.store.select(f"SELECT ?part ?whole WHERE {{ ?part <{KG}countedIn> ?whole }}"))
    assert set(rows) <= counted
