from hypothesis import given
from hypothesis import strategies as st

from kg.names import FACT_WEIGHT, Name, search

NAMES = [
    Name("person:ida-brandt", "Ida Brandt", True, True),
    Name("person:ida-brandt", "Minister Brandt", False, True),
    Name("person:olav-lind", "Olav Lind", True, True),
    Name("place:solvik", "Solvik", True, True),
    Name("event:solvik-speech", "Speech in Solvik", True, True),
    Name("pledge:gazette-cranes", "Solvik", True, False),
]


def test_the_very_name_scores_full_and_comes_first() -> None:
    for name in NAMES:
        first = search(NAMES, name.name)[0]
        assert (first.name, first.score) == (name.name, 100.0)


def test_case_and_a_typing_error_do_not_matter() -> None:
    assert search(NAMES, "OLAV LIND")[0].id == "person:olav-lind"
    assert search(NAMES, "idda brant")[0].id == "person:ida-brandt"


def test_a_match_by_another_name_shows_the_label() -> None:
    first = search(NAMES, "minister brandt")[0]
    assert (first.id, first.label, first.name) == ("person:ida-brandt", "Ida Brandt", "Minister Brandt")


def test_an_entity_comes_before_a_fact_of_the_same_name() -> None:
    found = {match.id: match.score for match in search(NAMES, "solvik")}
    assert next(iter(found)) == "place:solvik"
    assert found["pledge:gazette-cranes"] == round(100 * FACT_WEIGHT, 1)


def test_each_node_is_found_once() -> None:
    found = [match.id for match in search(NAMES, "solvik brandt olav", cutoff=0)]
    assert len(found) == len(set(found)) == len({name.id for name in NAMES})


def test_a_long_label_is_found_by_any_of_its_words() -> None:
    label = "Give seven hospitals money for cranes that lift the sick without hurting them"
    names = [*NAMES, Name("pledge:long", label, True, False)]
    for word in label.split():
        assert "pledge:long" in [match.id for match in search(names, word)], word
    assert search(names, "hospitals cranes")[0].id == "pledge:long"
    assert search(names, "hosp")[0].id == "pledge:long", "the beginning of a word is enough"


def test_a_name_within_a_longer_text_is_found_below_what_has_all_of_it() -> None:
    names = [*NAMES, Name("organisation:x", "Speech", True, True)]
    assert [match.id for match in search(names, "speech in solvik")] == ["event:solvik-speech", "organisation:x", "place:solvik"]


def test_exchanged_letters_are_one_error() -> None:
    assert search([Name("organisation:nhsx", "NHSX", True, True)], "nhxs")


def test_what_is_like_no_name_finds_nothing() -> None:
    assert search(NAMES, "qqqq xxxx") == []
    assert search(NAMES, "") == []
    assert search([], "Solvik") == []


def test_the_limit_keeps_the_best() -> None:
    every = search(NAMES, "solvik", cutoff=0)
    assert search(NAMES, "solvik", cutoff=0, limit=2) == every[:2]


@given(st.permutations(NAMES), st.sampled_from(["solvik", "brandt", "speech", "lind"]))
def test_the_order_of_the_names_does_not_matter(names: list[Name], text: str) -> None:
    assert search(names, text, cutoff=0) == search(NAMES, text, cutoff=0)


@given(st.text())
def test_scores_fall_and_lie_between_the_cutoff_and_a_hundred(text: str) -> None:
    scores = [match.score for match in search(NAMES, text)]
    assert scores == sorted(scores, reverse=True)
    assert all(70 <= score <= 100 for score in scores)
