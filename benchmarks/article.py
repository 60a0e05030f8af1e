"""One source while it is being written, and a tally of what the build will make of it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count

from kg.vocab import CLASSES, PREFIXES
from world import Entity, World, capital, make_random

Terms = str | Sequence[str] | None
"""One object of a property in Turtle, several, or none."""

Span = tuple[int, int]
"""First code point of a passage, and the one after its last."""

TIMELESS = "XXXX"
"""The year of a date that tells none."""

RELATED = {
    "technology": 22,
    "programme": 18,
    "organisation": 17,
    "trust": 12,
    "group": 12,
    "wave": 6,
    "place": 4,
    "person": 4,
    "post": 2,
    "event": 3,
}
"""What facts are about, and how often."""

FURNITURE_KINDS = ("navigation", "related", "promotion", "picture-credit", "invitation", "page-date", "stray")

PASSAGE_QUADS, PROOF_QUADS = 7, 2
"""Quads of a passage with its derived label, and of its first and last words."""


def quote(text: str) -> str:
    """Return a text as a literal of Turtle."""
    return json.dumps(text, ensure_ascii=False)


def settle(properties: Mapping[str, Terms]) -> dict[str, tuple[str, ...]]:
    """Return the properties that have objects, and each object once."""
    return {key: (terms,) if isinstance(terms, str) else tuple(dict.fromkeys(terms)) for key, terms in properties.items() if terms}


def to_turtle(name: str, properties: Mapping[str, tuple[str, ...]], between: str = " ;\n        ") -> str:
    """Return a node as Turtle, with its class.

    Example:
        >>> to_turtle("place:elvbury", {"rdfs:label": ('"Elvbury"',)}, " ; ")
        'place:elvbury a kg:Place ; rdfs:label "Elvbury" .'
    """
    lines = [f"{key if ':' in key else f'kg:{key}'} {', '.join(terms)}" for key, terms in properties.items()]
    return between.join([f"{name} a kg:{CLASSES[name.partition(':')[0]]}", *lines]) + " ."


def to_prefixes(names: Sequence[str]) -> str:
    """Return the lines that declare prefixes."""
    return "".join(f"@prefix {name}: <{PREFIXES[name]}> .\n" for name in names) + "\n"


# ---------------------------------------------------------------- tally


@dataclass(slots=True)
class Tally:
    """How many quads the snapshot will hold: what is written, and what the build derives from it.

    Args:
        written: Quads that are written or follow from a single node.
        ties: Direct triples that follow from links and tenures.
        held: Events whose date is told.
        heard: Events of which a source with a date reports something said.
    """

    written: int = 0
    ties: set[tuple[str, str, str]] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)

    @property
    def quads(self) -> int:
        """Return the number so far; an event has two bounds if its date is told, or one if it was reported."""
        return self.written + len(self.ties) + 2 * len(self.held) + len(self.heard - self.held)

    def count(self, sort: str, properties: Mapping[str, tuple[str, ...]]) -> None:
        """Count one node, and the label that the build gives it if it has none."""
        self.written += 1 + sum(map(len, properties.values())) + ("rdfs:label" not in properties)
        if "amount" in properties:
            self.written += 1 + has_most(properties["qualifier"][0])
        if "edtf" in properties:
            self._count_bounds(properties)
        if sort in ("link", "tenure"):
            self.ties.update(_ties_of(sort, properties))

    def _count_bounds(self, properties: Mapping[str, tuple[str, ...]]) -> None:
        text = properties["edtf"][0]
        self.written += 0 if TIMELESS in text else 1 if ".." in text else 2
        if properties["kind"] == ("code:held",):
            self.held.update(properties["of"])


def has_most(qualifier: str) -> bool:
    """Tell whether a figure with this qualifier has a most."""
    return qualifier not in ("code:over", "code:at-least")


def _ties_of(sort: str, properties: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    [start] = properties["from"]
    if sort == "tenure":
        for role, relation in (("to", "kg:servedIn"), ("post", "kg:heldPost")):
            yield from ((start, relation, end) for end in properties.get(role, ()))
        return
    [relation], [end] = properties["relation"], properties["to"]
    yield start, relation, end
    if relation == "kg:collaboratesWith":
        yield end, relation, start


@dataclass(slots=True)
class Cluster:
    """The tellings of one pledge, each in a source of its own.

    Args:
        root: The fullest of them.
        size: How many there are.
        totals: How many of them have a total.
        parts: How many of their parts have a total.
    """

    root: str
    size: int = 1
    totals: int = 0
    parts: int = 0

    def add_total(self) -> int:
        """Take in the total of one more telling; return how many pairs it makes in which one is counted in the other."""
        self.totals += 1
        return self.totals - 1 + self.parts

    def add_part(self) -> int:
        """Take in the total of one more part; return how many tellings it is counted in."""
        self.parts += 1
        return self.totals


@dataclass(slots=True)
class Memory:
    """What earlier sources told and later ones may restate or answer; old things fade."""

    pledges: deque[Cluster] = field(default_factory=lambda: deque(maxlen=400))
    views: deque[str] = field(default_factory=lambda: deque(maxlen=400))


# ---------------------------------------------------------------- one source


class Article:
    """One source while it is being written.

    Args:
        world: The entities.
        tally: Where its quads are counted.
        memory: What earlier sources told.
        number: Which source it is, from 0.
        newcomers: Entities that have to be named in it, by class.
    """

    def __init__(self, world: World, tally: Tally, memory: Memory, *, number: int, newcomers: Mapping[str, Sequence[Entity]]) -> None:
        self.world, self.tally, self.memory = world, tally, memory
        self.rng = make_random(world.seed, "source", number)
        self.publisher = world.papers[int(len(world.papers) * self.rng.random() ** 2)]
        self.subject = world.pick(self.rng, "theme")
        self.event = world.pick(self.rng, "event")
        self.day = world.day(self.event) + timedelta(days=self.rng.randrange(200))
        self.cast = [*(world.pick(self.rng, "person") for _ in range(3)), *newcomers["person"][:3]]
        self.newcomers = newcomers
        self.slug = f"{self.publisher.slug}-{self.subject.slug}-{number + 1}"
        self.name = f"source:{self.slug}"
        self.published = ""
        self.blocks: list[str] = []
        self.told: list[str] = []
        self.clusters: list[Cluster] = []
        self.tenures: dict[str, str] = {}
        self._serial = count(1)
        self._cursor = 0
        self._spans: dict[Span, str] = {}
        self._proofs: set[Span] = set()

    # ---- chance

    def chance(self, share: float) -> bool:
        """Return True in this share of cases."""
        return self.rng.random() < share

    def maybe(self, share: float, *terms: str) -> str | None:
        """Return one of some terms in this share of cases, otherwise None."""
        return self.rng.choice(terms) if self.chance(share) else None

    def words(self, name: str, share: float = 1.0) -> str | None:
        """Return a text of a list as a literal in this share of cases, otherwise None."""
        return quote(self.rng.choice(self.world.words[name])) if self.chance(share) else None

    def pick(self, *sorts: str) -> Entity:
        """Return an entity of one of some classes: a newcomer now and then, more often a hub."""
        sort = self.rng.choice(sorts)
        if self.newcomers[sort] and self.chance(0.12):
            return self.rng.choice(self.newcomers[sort])
        return self.world.pick(self.rng, sort)

    def pick_related(self, number: int) -> list[str]:
        """Return what a fact is about."""
        return [self.pick(sort).name for sort in self.rng.choices(list(RELATED), list(RELATED.values()), k=number)]

    def pick_speaker(self) -> Entity:
        """Return who speaks: half of the time the first of the cast."""
        return self.cast[0] if self.chance(0.5) else self.rng.choice(self.cast)

    def phrase(self, name: str) -> str:
        """Return a sentence of a list, about something."""
        subject = self.pick("theme").label
        parts = {
            "subject": subject[0].lower() + subject[1:],
            "whom": self.pick("group").label,
            "thing": self.pick("technology").label,
            "place": self.pick("place").label,
            "plan": self.pick("programme").label,
        }
        return quote(capital(self.rng.choice(self.world.words[name]).format(**parts))[:200].strip())

    # ---- passages

    def cite(self, form: str, *, proof: bool = False) -> Span:
        """Return a new passage behind those before it.

        Args:
            form: The word of its form.
            proof: Whether it needs its first and last words.
        """
        if self.chance(0.015):
            self.furnish()
        start = self._cursor
        end = start + self.rng.randint(24, 190)
        self._cursor = end + self.rng.randint(1, 3)
        return self._mark((start, end), form, proof=proof)

    def clip(self, span: Span, *, proof: bool = False) -> Span:
        """Return a passage within another, such as the words of a sum within a sentence."""
        start = self.rng.randrange(span[0], span[1] - 12)
        return self._mark((start, self.rng.randrange(start + 8, span[1])), self._spans[span], proof=proof)

    def prove(self, span: Span) -> Span:
        """Give a passage its first and last words."""
        return self._mark(span, self._spans[span], proof=True)

    def _mark(self, span: Span, form: str, *, proof: bool) -> Span:
        if span not in self._spans:
            self._spans[span] = form
            self.tally.written += PASSAGE_QUADS
        if proof and span not in self._proofs:
            self._proofs.add(span)
            self.tally.written += PROOF_QUADS
        return span

    def passages(self, *spans: Span) -> list[str]:
        """Return the short forms of passages."""
        return [f"passage:{self.slug}-{start}-{end}" for start, end in spans]

    def digest(self, *parts: int) -> str:
        """Return a digest in place of that of words that nobody wrote."""
        return quote(sha256(f"{self.world.seed} {self.slug} {parts}".encode()).hexdigest())

    # ---- nodes

    def add(self, sort: str, properties: Mapping[str, Terms]) -> str:
        """Write a fact or value and return its short form."""
        name = f"{sort}:{self.slug}-{next(self._serial)}"
        stated = self._write(name, properties)
        if self.published:
            self.tally.heard.update(stated.get("event", ()))
        return name

    def describe(self, properties: Mapping[str, Terms]) -> None:
        """Write the source itself, before its facts; nothing can be cited any more."""
        self.furnish()
        self._write(self.name, {**properties, "sha256": self.digest(), "length": str(self._cursor)})
        self.blocks.insert(0, self.blocks.pop())

    def furnish(self) -> None:
        """Write a region that is not the article, and go on behind it."""
        start, end = self._cursor, self._cursor + self.rng.randint(8, 260)
        self._cursor = end + 2
        held = [quote(text) for text in self.rng.sample(self.world.words["held"], self.rng.randrange(4))]
        kind = f"code:{self.rng.choice(FURNITURE_KINDS)}"
        self._write(f"furniture:{self.slug}-{start}-{end}", {**self._place((start, end)), "kind": kind, "holds": held})

    def _place(self, span: Span) -> dict[str, Terms]:
        return {"source": self.name, "start": str(span[0]), "end": str(span[1]), "sha256": self.digest(*span)}

    def _write(self, name: str, properties: Mapping[str, Terms]) -> dict[str, tuple[str, ...]]:
        stated = settle(properties)
        self.tally.count(name.partition(":")[0], stated)
        self.blocks.append(to_turtle(name, stated))
        return stated

    # ---- the file

    def to_trig(self) -> Iterator[str]:
        """Yield the text of the file of this source."""
        yield to_prefixes(["kg", "code", "rdfs", "xsd", *CLASSES])
        yield f"{self.name} {{\n"
        for block in (*self.blocks, *map(self._to_passage, sorted(self._spans))):
            yield f"\n    {block}\n"
        yield "}\n"

    def _to_passage(self, span: Span) -> str:
        properties = {**self._place(span), "form": f"code:{self._spans[span]}"}
        if span in self._proofs:
            words = make_random(self.slug, span).choices(self.world.words["passage-words"], k=6)
            properties |= {"startsWith": quote(" ".join(words[:3])), "endsWith": quote(" ".join(words[3:]))}
        [name] = self.passages(span)
        return to_turtle(name, settle(properties))
