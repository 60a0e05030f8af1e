"""Search by name: ranked and tolerant of typing errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A name that a node goes by; the label of a fact is a sentence and weighs less than the name of an entity."""

    id: str
    name: str
    is_label: bool
    is_entity: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A node that a search found.

    Args:
        id: Short form.
        label: Its label.
        name: The name that matched.
        score: 0 to 100; 100 for the very name.
    """

    id: str
    label: str
    name: str
    score: float


FACT_WEIGHT = 0.85
"""What the score of a fact is multiplied by, so that entities of like score come first."""


def fold(text: str) -> str:
    """Return a text as it is compared: without case, accents and punctuation.

    Example:
        >>> fold("  Ána  PRADO-Lind "), fold("St. Helen's")
        ('ana prado lind', 'st helens')
    """
    bare = (sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"[^\W_]+", re.sub("['’]", "", "".join(bare).casefold())))


NEAR = 70
"""From which similarity on, in percent, two words are taken for the same word with a typing error."""

PREFIX = 96
"""What a word counts, in percent, that is the beginning of another: people stop typing when they see what they want."""

INSIDE = (70, 15)
"""What a name counts that lies whole in a longer text: at least, and at most beyond that, by its share of the text."""


def search(names: Sequence[Name], text: str, *, limit: int = 10, cutoff: float = 70.0) -> list[Match]:
    """Return the nodes whose names are nearest to a text, the best first, each once.

    Each word of the text is compared with the word of the name that is nearest to it; a name counts for how many letters
    of the text it has, and a little for how many of its own letters the text has. So a long label is found by any word of
    it, and of two names with the same words the shorter comes first.

    Args:
        names: Names to search.
        text: What was typed, in any case.
        limit: How many to return at most.
        cutoff: The least score, 0 to 100.

    Sources:
        Words are compared by optimal string alignment, in which two letters that are exchanged are one error:
        https://rapidfuzz.github.io/RapidFuzz/Usage/distance/OSA.html

    Example:
        >>> names = [Name("person:matt-hancock", "Matt Hancock", True, True), Name("event:x", "A speech", True, True)]
        >>> [match.id for match in search(names, "mat hancok")]
        ['person:matt-hancock']
    """
    labels = {name.id: name.name for name in names if name.is_label}
    score = _Scorer(fold(text)[:LONGEST])
    scored = ((score(fold(name.name)) * (1 if name.is_entity else FACT_WEIGHT), name) for name in names)
    ranked = sorted((-round(points, 1), len(name.name), name.id, name.name) for points, name in scored if points and points >= cutoff)
    best: dict[str, Match] = {}
    for negative, _, id, found in ranked:
        best.setdefault(id, Match(id, labels.get(id, id), found, -negative))
    return list(best.values())[:limit]


LONGEST = 200
"""How many letters of a text are looked at."""


class _Scorer:
    """How near names are to one text, from 0 to 100; each word is compared once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = tuple(dict.fromkeys(text.split()))
        self._ratios: dict[tuple[str, str], float] = {}

    def __call__(self, name: str) -> float:
        from rapidfuzz import fuzz

        if not self.words or not name:
            return 0.0
        words = name.split()
        nearest = [max((self._ratio(word, other), other) for other in words) for word in self.words]
        length = sum(map(len, self.words))
        told = sum(ratio * len(word) for word, (ratio, _) in zip(self.words, nearest, strict=True)) / length
        share = min(1.0, sum(len(other) for other in {other for ratio, other in nearest if ratio}) / sum(map(len, words)))
        inside = INSIDE[0] + INSIDE[1] * len(name) / len(self.text) if set(words) <= set(self.words) and len(name) > 2 else 0
        whole: float = fuzz.ratio(self.text.replace(" ", ""), name.replace(" ", ""), score_cutoff=NEAR)
        return max(told * (0.9 + 0.1 * share), inside, whole)

    def _ratio(self, word: str, other: str) -> float:
        from rapidfuzz.distance import OSA

        found = self._ratios.get((word, other))
        if found is None:
            found = 100.0 if word == other else PREFIX if other.startswith(word) else 100 * OSA.normalized_similarity(word, other)
            found = found if found >= NEAR else 0.0
            self._ratios[word, other] = found
        return found
