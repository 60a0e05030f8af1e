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
        >>> fold("  Ána  PRADO-Lind ")
        'ana prado lind'
    """
    bare = (sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"[^\W_]+", "".join(bare).casefold()))


def search(names: Sequence[Name], text: str, *, limit: int = 10, cutoff: float = 70.0) -> list[Match]:
    """Return the nodes whose names are nearest to a text, the best first, each once.

    Args:
        names: Names to search.
        text: What was typed, in any case.
        limit: How many to return at most.
        cutoff: The least score, 0 to 100.

    Sources:
        The score is the weighted ratio of RapidFuzz: https://rapidfuzz.github.io/RapidFuzz/Usage/fuzz.html#wratio

    Example:
        >>> names = [Name("person:matt-hancock", "Matt Hancock", True, True), Name("event:x", "A speech", True, True)]
        >>> [match.id for match in search(names, "mat hancok")]
        ['person:matt-hancock']
    """
    from rapidfuzz import fuzz, process

    labels = {name.id: name.name for name in names if name.is_label}
    found = process.extract(fold(text), [fold(name.name) for name in names], scorer=fuzz.WRatio, score_cutoff=cutoff, limit=None)
    weighed = ((score if names[index].is_entity else score * FACT_WEIGHT, name, index) for name, score, index in found)
    ranked = sorted((-round(score, 1), len(name), names[index].id, index) for score, name, index in weighed if score >= cutoff)
    best: dict[str, Match] = {}
    for negative, _, id, index in ranked:
        best.setdefault(id, Match(id, labels.get(id, id), names[index].name, -negative))
    return list(best.values())[:limit]
