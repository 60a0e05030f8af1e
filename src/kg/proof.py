"""Whether the passages of a graph hold: verification against the texts, and how much of an article they prove."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from kg.sources import PARAGRAPH_BREAK, Document, digest
from kg.store import Store


@dataclass(frozen=True, slots=True)
class Span:
    """A passage or region of furniture as the graph has it."""

    id: str
    source: str
    start: int
    end: int
    sha256: str
    is_furniture: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one article its facts prove.

    Args:
        source: Short form of the source.
        words: Words of the article, furniture left out.
        covered: Those of them that lie in a cited passage.
        facts: Fact nodes of the source, values not counted.
        passages: Cited passages.
        median_length: Median length of a passage, in code points.
        longest: Length of the longest, in code points.
    """

    source: str
    words: int
    covered: int
    facts: int
    passages: int
    median_length: float
    longest: int

    @property
    def share(self) -> float:
        """The covered share of the words, 0 to 1."""
        return self.covered / self.words if self.words else 1.0

    @property
    def facts_per_25_words(self) -> float:
        """Fact nodes for every 25 words of the article."""
        return 25 * self.facts / self.words if self.words else 0.0


def spans_of(store: Store) -> list[Span]:
    """Return every passage and region of furniture of a graph."""
    query = """
    SELECT ?id ?source ?start ?end ?sha256 (?class = kg:Furniture AS ?is_furniture)
    WHERE { ?id a ?class ; kg:source ?source ; kg:start ?start ; kg:end ?end ; kg:sha256 ?sha256 }
    ORDER BY ?source ?start ?end"""
    return [Span(*row) for row in store.select(query)]  # type: ignore[arg-type]  # the shapes hold the types


def texts_by_source(store: Store, documents: Mapping[str, Document]) -> dict[str, str]:
    """Return the text of each source of the graph that is at hand, by short form."""
    found = store.select("SELECT ?source ?sha256 WHERE { ?source a kg:Source ; kg:sha256 ?sha256 } ORDER BY ?source")
    return {str(source): documents[str(sha)].text for source, sha in found if str(sha) in documents}


def changed_passages(spans: Iterable[Span], texts: Mapping[str, str]) -> list[Span]:
    """Return the spans whose text is not what their digest says."""
    return [span for span in spans if span.source in texts and digest(texts[span.source][span.start : span.end]) != span.sha256]


def crossing_passages(spans: Iterable[Span], texts: Mapping[str, str]) -> list[Span]:
    """Return the passages that cross a paragraph break; furniture may."""
    return [
        span
        for span in spans
        if span.source in texts and not span.is_furniture and PARAGRAPH_BREAK.search(texts[span.source][span.start : span.end])
    ]


def measure_coverage(store: Store, texts: Mapping[str, str]) -> list[Coverage]:
    """Return the coverage of each source whose text is at hand, in the order of their names."""
    cited = {row[0] for row in store.select("SELECT DISTINCT ?passage WHERE { ?fact kg:cites ?passage }")}
    counts = {
        row[0]: row[1]
        for row in store.select("""
        SELECT ?source (COUNT(DISTINCT ?fact) AS ?facts)
        WHERE { GRAPH ?source { ?source a kg:Source . ?fact a ?class } ?class rdfs:subClassOf* kg:Fact }
        GROUP BY ?source""")
    }
    spans = spans_of(store)
    return [
        _cover(
            source,
            text,
            facts=int(str(counts.get(source, 0))),
            passages=[span for span in spans if span.source == source and span.id in cited and not span.is_furniture],
            furniture=[span for span in spans if span.source == source and span.is_furniture],
        )
        for source, text in sorted(texts.items())
    ]


def _cover(source: str, text: str, *, facts: int, passages: list[Span], furniture: list[Span]) -> Coverage:
    words = [word.span() for word in re.finditer(r"\S+", text)]
    article = [word for word in words if not any(_within(word, span) for span in furniture)]
    covered = sum(any(_touches(word, span) for span in passages) for word in article)
    lengths = [span.end - span.start for span in passages] or [0]
    return Coverage(source, len(article), covered, facts, len(passages), median(lengths), max(lengths))


def _within(word: tuple[int, int], span: Span) -> bool:
    return span.start <= word[0] and word[1] <= span.end


def _touches(word: tuple[int, int], span: Span) -> bool:
    """A passage covers a word if it holds its letters; a comma or quotation mark outside does not matter."""
    return word[0] < span.end and span.start < word[1] and min(word[1], span.end) - max(word[0], span.start) >= (word[1] - word[0]) / 2


def missing_sources(store: Store, texts: Mapping[str, str]) -> list[str]:
    """Return the sources of the graph whose text is not at hand."""
    return [
        str(row[0]) for row in store.select("SELECT ?source WHERE { ?source a kg:Source } ORDER BY ?source") if str(row[0]) not in texts
    ]
