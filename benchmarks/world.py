"""Invented people, bodies, places and things: their names, what holds of them in every source, and how they are picked."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, count
from pathlib import Path
from random import Random

SHARES = {
    "place": 0.03,
    "theme": 0.025,
    "organisation": 0.16,
    "trust": 0.1,
    "group": 0.09,
    "post": 0.08,
    "programme": 0.065,
    "wave": 0.055,
    "event": 0.075,
    "technology": 0.055,
    "person": 0.265,
}
"""How the entities divide among the classes, in the order in which they are named: later names are made of earlier ones."""

QUADS_PER_ENTITY = 80
"""A graph of a million quads has some 12,500 entities."""

FEWEST = 2
"""Entities of a class, however small the graph."""

SKEW = 1.25
"""Exponent of the law by which the entity of rank n is picked n^SKEW times less often than the first.

Sources:
    Zipf's law: https://en.wikipedia.org/wiki/Zipf%27s_law
"""

ORGANISATION_KINDS = {
    "national-health-service": 1,
    "media": 12,
    "department": 5,
    "company": 35,
    "agency": 8,
    "government": 2,
    "royal-college": 2,
    "hospital": 12,
    "professional-body": 5,
    "membership-body": 8,
    "party": 2,
    "gp-practice": 8,
}
"""Kinds of organisation and how often they occur; the first organisations have each of them once."""

Words = Mapping[str, Sequence[str]]
"""Lists of words and of sentences, by name."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An invented person, body or thing.

    Args:
        name: Its short form.
        label: Its name in words.
        kind: The word of its code, or nothing.
        home: Short form of the entity that its own name speaks of, or nothing.
        rank: Its place in its class, from 0; the first are the hubs.
    """

    name: str
    label: str
    kind: str
    home: str
    rank: int

    @property
    def sort(self) -> str:
        """Return the first part of its short form."""
        return self.name.partition(":")[0]

    @property
    def slug(self) -> str:
        """Return the second part of its short form."""
        return self.name.partition(":")[2]


Entities = Mapping[str, Sequence[Entity]]
"""Entities by the first part of their short forms."""


def make_random(*parts: object) -> Random:
    """Return a generator of its own for each purpose, so that one does not disturb another."""
    return Random(" ".join(map(str, parts)))  # it has to repeat itself, and guards nothing


def read_words() -> Words:
    """Return the words beside this file."""
    words: Words = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    return words


def to_slug(text: str) -> str:
    """Return a text as the second part of a short form.

    Example:
        >>> to_slug("Renée Løvenmont")
        'renee-lovenmont'
    """
    plain = unicodedata.normalize("NFKD", text.lower().replace("ø", "o").replace("'", "")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def capital(text: str) -> str:
    """Return a text with a capital at its start."""
    return text[:1].upper() + text[1:]


def titled(text: str) -> str:
    """Return a text with capitals, as in the name of a body."""
    return " ".join(word if word in ("of", "and") else capital(word) for word in text.split())


# ---------------------------------------------------------------- names


@dataclass(frozen=True, slots=True)
class Draw:
    """What the name of an entity is drawn from.

    Args:
        rng: Where chance comes from.
        words: Words.
        known: Entities of the classes named before.
        rank: Rank of the entity.
    """

    rng: Random
    words: Words
    known: Entities
    rank: int

    def word(self, name: str) -> str:
        """Return one of a list of words."""
        return self.rng.choice(self.words[name])

    def one(self, *texts: str) -> str:
        """Return one of some texts."""
        return self.rng.choice(texts)

    def chance(self, share: float) -> bool:
        """Return True in this share of cases."""
        return self.rng.random() < share

    def subject(self) -> str:
        """Return a subject as in the name of a body."""
        return titled(self.word("subjects"))

    def entity(self, *sorts: str) -> Entity:
        """Return an entity of one of some classes named before."""
        return self.rng.choice(self.known[self.one(*sorts)])


Naming = tuple[str, str, str]
"""Label, kind and home of an entity to be."""


def _surname(draw: Draw) -> str:
    name = draw.word("starts") + draw.word("middles") + draw.word("ends")
    if draw.chance(0.05):
        pair = draw.one("eé", "oö", "aå", "uü", "ií", "oø")
        name = name[0] + name[1:].replace(pair[0], pair[1], 1)
    return f"{name}-{_surname(draw)}" if draw.chance(0.06) else name


def _name_person(draw: Draw) -> Naming:
    initial = draw.one(*"ABCDEFGHJKLMNPRSTW") + ". " if draw.chance(0.08) else ""
    return f"{draw.word('first-names')} {initial}{_surname(draw)}", "", ""


def _name_place(draw: Draw) -> Naming:
    before = draw.one("North ", "Great ", "Little ", "Upper ", "Saint ") if draw.chance(0.15) else ""
    return before + draw.word("place-starts") + draw.one("", "a", "er", "ing", "o", "en") + draw.word("place-ends"), "", ""


def _name_theme(draw: Draw) -> Naming:
    subject = draw.word("subjects")
    return f"{draw.word('aspects')} {subject}" if draw.rank > 20 and draw.chance(0.7) else capital(subject), "", ""


def _brand(draw: Draw) -> str:
    return draw.word("brands") + draw.word("brand-ends")


def _name_organisation(draw: Draw) -> Naming:
    kinds = list(ORGANISATION_KINDS)
    kind = kinds[draw.rank] if draw.rank < len(kinds) else draw.rng.choices(kinds, list(ORGANISATION_KINDS.values()))[0]
    place, subject = draw.entity("place"), draw.subject()
    label = {
        "national-health-service": f"{place.label} Health Service",
        "media": f"{place.label} {draw.word('newspapers')}",
        "department": f"Department for {subject} and {draw.subject()}",
        "company": f"{_brand(draw)} {draw.word('company-kinds')}",
        "agency": f"{subject} Agency of {place.label}",
        "government": f"Government of {place.label}",
        "royal-college": f"Royal College of {subject}, {place.label}",
        "hospital": f"{place.label} {draw.one('General', 'Cottage', 'Memorial', 'Royal')} Hospital",
        "professional-body": f"Institute of {subject}, {place.label}",
        "membership-body": f"{subject} Alliance of {place.label}",
        "party": f"{place.label} {draw.one('Reform', 'Unity', 'Progress', 'Centre')} Party",
        "gp-practice": f"{place.label} {draw.one('Surgery', 'Medical Practice', 'Health Centre')}",
    }[kind]
    return label, kind, place.name if place.label in label else ""


def _name_trust(draw: Draw) -> Naming:
    place, other = draw.entity("place"), draw.entity("place")
    area = f"{place.label} and {other.label}" if draw.chance(0.35) and other != place else place.label
    kind = draw.one("NHS Trust", "NHS Foundation Trust")
    return f"{area} {draw.word('trust-kinds')} {kind}", to_slug(kind), place.name


def _name_group(draw: Draw) -> Naming:
    kind = draw.one("people", "bodies")
    place = draw.entity("place")
    if draw.chance(0.5):
        return f"{draw.word(kind)} in {place.label}", kind, place.name
    return f"{draw.word(kind)} that deal with {draw.word('subjects')}", kind, ""


def _name_post(draw: Draw) -> Naming:
    if draw.chance(0.3):
        return f"{draw.word('ministries')} {draw.word('subjects')}", "", ""
    body = draw.entity("organisation", "trust")
    return f"{draw.word('offices')} {body.label}", "", body.name


def _name_programme(draw: Draw) -> Naming:
    kind = draw.rng.choices(("initiative", "strategy", "policy-idea"), (6, 3, 1))[0]
    label = {
        "initiative": f"{draw.one('Better', 'National', 'Open', 'Joined-up', _brand(draw))} {draw.subject()} {draw.word('plans')}",
        "strategy": f"{draw.entity('place').label} Strategy for {draw.subject()}",
        "policy-idea": f"Charge for {draw.word('subjects')} in {draw.entity('place').label}",
    }[kind]
    return label, kind, ""


def _name_wave(draw: Draw) -> Naming:
    programmes = draw.known["programme"]
    whole = programmes[draw.rank % len(programmes)]
    if draw.chance(0.25):
        return f"{draw.one('Trusts', 'Hospitals', 'Practices')} of the {whole.label} to receive money", "strand", whole.name
    return f"{draw.word('ordinals')} wave of the {whole.label}", "wave", whole.name


def _name_event(draw: Draw) -> Naming:
    place, subject = draw.entity("place"), draw.word("subjects")
    kind = draw.rng.choices(("conference", "speech", "session", "campaign"), (5, 3, 2, 1))[0]
    label = {
        "conference": f"{place.label} {titled(subject)} {draw.word('occasions')}",
        "speech": f"Speech on {subject} in {place.label}",
        "session": f"Session on {subject} at the {place.label} {draw.word('occasions')}",
        "campaign": f"{place.label} election campaign on {subject}",
    }[kind]
    return label, kind, place.name


def _name_technology(draw: Draw) -> Naming:
    made = _brand(draw) if draw.chance(0.6) else draw.subject()
    return f"{made} {draw.word('products')}", "", ""


NAMINGS: dict[str, Callable[[Draw], Naming]] = {
    "place": _name_place,
    "theme": _name_theme,
    "organisation": _name_organisation,
    "trust": _name_trust,
    "group": _name_group,
    "post": _name_post,
    "programme": _name_programme,
    "wave": _name_wave,
    "event": _name_event,
    "technology": _name_technology,
    "person": _name_person,
}


def draw_entities(sort: str, number: int, rng: Random, words: Words, known: Entities) -> Iterator[Entity]:
    """Yield entities of one class, no two with the same name.

    Args:
        sort: First part of their short forms.
        number: How many.
        rng: Where chance comes from.
        words: What names are made of.
        known: Entities of the classes named before.
    """
    taken: set[str] = set()
    for rank in range(number):
        draw = Draw(rng, words, known, rank)
        for attempt in count():
            label, kind, home = NAMINGS[sort](draw)
            # A large graph needs more names than the words give.
            label = f"{label} {attempt - 18}" if attempt > 20 else label
            if to_slug(label) not in taken:
                break
        taken.add(to_slug(label))
        yield Entity(f"{sort}:{to_slug(label)}", label, kind, home, rank)


# ---------------------------------------------------------------- the world


@dataclass(frozen=True)
class World:
    """All entities, how they are picked, and what holds of them in every source.

    Args:
        seed: Seed of the graph.
        words: What sentences are made of.
        entities: Entities by class, hubs first.
    """

    seed: int
    words: Words
    entities: Entities

    @cached_property
    def weights(self) -> Mapping[str, Sequence[float]]:
        """Return the cumulative weights of the entities of each class."""
        return {sort: tuple(accumulate((one.rank + 1) ** -SKEW for one in some)) for sort, some in self.entities.items()}

    @cached_property
    def papers(self) -> Sequence[Entity]:
        """Return who publishes."""
        return [entity for entity in self.entities["organisation"] if entity.kind == "media"]

    @cached_property
    def homes(self) -> Mapping[str, Entity]:
        """Return the entities of which the names of others speak."""
        return {entity.name: entity for sort in ("place", "programme", "organisation", "trust") for entity in self.entities[sort]}

    def pick(self, rng: Random, sort: str) -> Entity:
        """Return one of a class, most often a hub."""
        weights = self.weights[sort]
        return self.entities[sort][bisect(weights, rng.random() * weights[-1])]

    def partner(self, entity: Entity, role: str, sort: str) -> Entity:
        """Return the one to which an entity stands in a relation, the same in every source."""
        if entity.home.startswith(f"{sort}:"):
            return self.homes[entity.home]
        rng = make_random(self.seed, entity.name, role)
        if entity.sort != sort:
            return self.pick(rng, sort)
        # Of its own class one of a lower rank, so that nothing is part of itself; only the first has to look up.
        return self.entities[sort][int(entity.rank * rng.random() ** 2) if entity.rank else 1]

    def day(self, event: Entity) -> date:
        """Return the day on which an event is held, the same in every source."""
        return date(2014, 1, 6) + timedelta(days=make_random(self.seed, event.name, "day").randrange(3_600))


def make_world(quads: int, seed: int) -> World:
    """Return the entities of a graph of some size."""
    words = read_words()
    known: dict[str, tuple[Entity, ...]] = {}
    for sort, share in SHARES.items():
        number = max(FEWEST, round(quads / QUADS_PER_ENTITY * share))
        known[sort] = tuple(draw_entities(sort, number, make_random(seed, "names", sort), words, known))
    return World(seed, words, known)
