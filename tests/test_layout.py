"""Places are whole numbers, the same every time, and no node covers another."""

from math import dist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.elements import Edge
from kg.layout import GAP, place

Pairs = list[tuple[int, int]]


def _place(count: int, pairs: Pairs, size: int = 8) -> list[tuple[int, int]]:
    ids = [f"n{number}" for number in range(count)]
    edges = [Edge(number, f"n{a % count}", f"n{b % count}", "kg:tie", "a", "b") for number, (a, b) in enumerate(pairs)]
    return place(ids, edges, [size] * count)


_pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


@settings(max_examples=40)
@given(st.integers(1, 40), _pairs)
def test_places_are_whole_numbers_and_the_same_every_time(count: int, pairs: Pairs) -> None:
    found = _place(count, pairs)
    assert len(found) == count
    assert {type(value) for at in found for value in at} == {int}
    assert found == _place(count, pairs)


@settings(max_examples=40)
@given(st.integers(1, 40), _pairs)
def test_no_node_covers_another(count: int, pairs: Pairs) -> None:
    found = _place(count, pairs)
    apart = [dist(a, b) for number, a in enumerate(found) for b in found[:number]]
    assert min(apart, default=100) >= 2 * 8 - 2, "they may touch, since the room between them is given up last"
    assert GAP > 0


def test_parts_that_do_not_hang_together_stand_apart() -> None:
    found = _place(8, [(0, 1), (1, 2), (2, 3), (4, 5), (6, 7)])
    largest, others = found[:4], found[4:]
    assert min(y for _, y in others) > max(y for _, y in largest)


def test_a_large_part_is_placed_by_igraph_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(number, number * 7 % max(number, 1)) for number in range(1, 60)]
    small = _place(60, pairs)
    monkeypatch.setattr("kg.layout.LARGE", 20)
    large = _place(60, pairs)
    assert large != small
    assert large == _place(60, pairs)
    assert len(set(large)) == 60


def test_without_igraph_a_large_part_is_placed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.layout.LARGE", 20)
    monkeypatch.setattr("kg.layout.find_spec", lambda name: None)
    assert len(set(_place(60, [(number, 0) for number in range(60)]))) == 60
