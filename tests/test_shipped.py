"""The graph that ships, against the texts of its sources."""

import re
from pathlib import Path

import pytest

from kg import build
from kg.proof import changed_passages, crossing_passages, measure_coverage, missing_sources, spans_of, texts_by_source
from kg.resources import shipped
from kg.sources import MAX_PASSAGE, read_documents
from kg.store import Embedded

PROOFS = """
SELECT ?passage ?source ?start ?end ?first ?last
WHERE { ?passage kg:source ?source ; kg:start ?start ; kg:end ?end ; kg:startsWith ?first OPTIONAL { ?passage kg:endsWith ?last } }
ORDER BY ?source ?start ?end"""


@pytest.fixture(scope="module")
def store() -> Embedded:
    return build.read(shipped("graph")).to_store()


@pytest.fixture(scope="module")
def texts(store: Embedded, source_texts: Path) -> dict[str, str]:
    return texts_by_source(store, read_documents(source_texts))


def test_every_shape_and_rule_holds() -> None:
    assert build.check(build.read(shipped("graph"))) == []


def test_the_text_of_every_source_is_at_hand(store: Embedded, texts: dict[str, str]) -> None:
    assert missing_sources(store, texts) == []
    lengths = {str(source): length for source, length in store.select("SELECT ?source ?length { ?source kg:length ?length }")}
    assert lengths == {source: len(text) for source, text in texts.items()}


def test_every_passage_verifies(store: Embedded, texts: dict[str, str]) -> None:
    assert changed_passages(spans_of(store), texts) == []


def test_no_passage_crosses_a_paragraph_break(store: Embedded, texts: dict[str, str]) -> None:
    assert crossing_passages(spans_of(store), texts) == []


def test_a_passage_begins_and_ends_with_a_letter_and_not_with_space(store: Embedded, texts: dict[str, str]) -> None:
    passages = [(span.id, texts[span.source][span.start : span.end]) for span in spans_of(store) if not span.is_furniture]
    assert [id for id, text in passages if text != text.strip()] == []


def test_the_article_is_covered_by_short_passages_and_many_facts(store: Embedded, texts: dict[str, str]) -> None:
    for found in measure_coverage(store, texts):
        assert found.share >= 0.9, found
        assert found.median_length < 100, found
        assert found.longest <= MAX_PASSAGE, found
        assert found.facts_per_25_words >= 1, found


def test_the_words_of_a_proof_are_the_first_and_last_of_its_passage(store: Embedded, texts: dict[str, str]) -> None:
    wrong = []
    for passage, source, start, end, first, last in store.select(PROOFS):
        words = texts[str(source)][int(str(start)) : int(str(end))].split()
        opening, closing = str(first).split(), str(last or "").split()
        if words[: len(opening)] != opening or (closing and words[-len(closing) :] != closing) or len(opening) + len(closing) > len(words):
            wrong.append(passage)
    assert wrong == []


def resolve(text: str, first: str, last: str | None) -> tuple[int, int] | None:
    """Return the span that a link to a text fragment opens: the first place of the words, white space being alike.

    Sources:
        URL Fragment Text Directives, finding ranges: https://wicg.github.io/scroll-to-text-fragment/#finding-ranges-in-a-document
    """

    def find(words: str, start: int) -> re.Match[str] | None:
        pattern = r"(?<!\w)" + r"\s+".join(re.escape(word) for word in words.split()) + r"(?!\w)"
        return re.compile(pattern, re.IGNORECASE).search(text, start)

    opening = find(first, 0)
    if opening is None or last is None:
        return opening.span() if opening else None
    closing = find(last, opening.end())
    return (opening.start(), closing.end()) if closing else None


def test_a_fragment_is_resolved_as_a_browser_does() -> None:
    text = "One two three.\nTwo  three, one two"
    assert resolve(text, "two three", None) == (4, 13)
    assert resolve(text, "three", "one two") == (8, 34)
    assert resolve(text, "thre", None) is None
    assert resolve(text, "one", "four") is None


def test_every_link_opens_the_words_of_its_passage(store: Embedded, texts: dict[str, str]) -> None:
    wrong = set()
    for passage, source, start, end, first, last in store.select(PROOFS):
        text = texts[str(source)]
        span = resolve(text, str(first), str(last) if last else None)
        words = text[int(str(start)) : int(str(end))].split()
        # Words that stand on the page twice, such as a pull quote, are opened where they stand first.
        opened = text[slice(*span)].split() if span else []
        if opened[: len(words)] != words[: len(opened)] or (last and opened != words):
            wrong.add(passage)
    assert wrong == set()
