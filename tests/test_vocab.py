import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.resources import shipped
from kg.store import parse_file
from kg.vocab import CLASSES, CODE, ID, KG, OWL, PREFIXES, RDFS, SLUG, expand, prologue, shorten, suggest

ONTOLOGY = parse_file(shipped("ontology") / "kg.ttl")
NAMES = st.tuples(st.sampled_from(sorted(CLASSES)), st.from_regex(SLUG, fullmatch=True))


def _subjects(predicate: str, value: str) -> set[str]:
    return {
        quad.subject.value
        for quad in ONTOLOGY
        if quad.predicate.value.endswith(predicate)
        and isinstance(quad.object, ox.NamedNode)
        and quad.object.value == value
        and isinstance(quad.subject, ox.NamedNode)
    }


OWN_CLASSES = {iri for iri in _subjects("#type", OWL + "Class") if iri.startswith(KG)}
ABSTRACT = {KG + name for name in ("Entity", "Agent", "Fact", "Value")}


@given(NAMES)
def test_expand_and_shorten_are_inverse(name: tuple[str, str]) -> None:
    short = ":".join(name)
    iri = expand(short)
    assert iri == f"{ID}{name[0]}/{name[1]}"
    assert shorten(iri) == short
    assert expand(iri) == iri


@given(st.text(max_size=30))
def test_what_is_no_name_of_ours_is_neither_expanded_nor_shortened(text: str) -> None:
    assert expand(text) is None
    assert shorten(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Person:matt",
        "person:Matt",
        "person:",
        "person:a--b",
        "person:a-",
        "person:a/b",
        "person:a\n",
        "thing:a",
        f"{ID}person/A",
        CODE + "firm",
    ],
)
def test_what_looks_like_a_name_and_is_none_is_not_expanded(text: str) -> None:
    assert expand(text) is None


@pytest.mark.parametrize(("iri", "short"), [(CODE + "up-to", "up-to"), (KG + "Pledge", "kg:Pledge"), (OWL + "Class", OWL + "Class")])
def test_codes_and_terms_have_short_forms_and_other_names_stay(iri: str, short: str) -> None:
    assert shorten(iri) == short


def test_the_classes_of_the_short_forms_are_the_concrete_classes_of_the_ontology() -> None:
    assert {KG + name for name in CLASSES.values()} == OWN_CLASSES - ABSTRACT


def test_the_first_part_of_a_short_form_is_the_class_in_lower_case() -> None:
    assert all(key == name.lower() for key, name in CLASSES.items())


def test_an_abstract_class_has_sub_classes() -> None:
    for iri in ABSTRACT:
        assert _subjects("#subClassOf", iri) & OWN_CLASSES


def test_every_term_of_the_ontology_has_one_label() -> None:
    labelled = [quad.subject for quad in ONTOLOGY if quad.predicate.value == RDFS + "label"]
    described = {quad.subject for quad in ONTOLOGY}
    assert len(labelled) == len(set(labelled))
    assert set(labelled) == described


def test_the_prologue_declares_every_prefix() -> None:
    assert [line.split() for line in prologue().splitlines()] == [["PREFIX", f"{name}:", f"<{iri}>"] for name, iri in PREFIXES.items()]


def test_a_hint_names_the_nearest_choice_or_nothing() -> None:
    assert suggest("frim", ["planned", "firm"]) == " Did you mean 'firm'?"
    assert suggest("zzz", ["planned", "firm"]) == ""
