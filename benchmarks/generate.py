"""Write an invented graph of any size, in the vocabulary and the layout of `graph/`, to measure this project with.

    python benchmarks/generate.py OUT --quads 1000000 --seed 7 --source-quads 400

It is like the shipped graph, scaled: a few people, events and themes are in very many facts and most are in few; every
source brings some new entities; sources meet in the entities, and answer and restate one another. People, bodies and
places are invented. There are no texts behind the sources, so offsets and digests are invented as well.

`--quads` counts what the snapshot holds, so a tally counts the triples that are written and those that the build derives
from them. The same arguments give the same bytes. One source is in memory at a time.

`words.toml` holds the words, `world.py` makes the entities of them, `facts.py` says what a source tells of these, and
`article.py` writes it down.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NoReturn

from article import Article, Memory, Tally, Terms, quote, settle, to_prefixes, to_turtle
from facts import LARGEST_CARD_QUADS, tell_byline, tell_facts, tell_newcomers, tell_occasion
from kg.resources import shipped
from kg.store import parse_file
from world import Entity, World, capital, make_random, make_world

FILES = {
    "people.ttl": ("person",),
    "organisations.ttl": ("organisation",),
    "trusts.ttl": ("trust",),
    "groups.ttl": ("group",),
    "posts.ttl": ("post",),
    "programmes.ttl": ("programme", "wave"),
    "events.ttl": ("event",),
    "technologies.ttl": ("technology",),
    "places.ttl": ("place",),
    "themes.ttl": ("theme",),
}
"""The files of the entities, beside that of their identifiers."""

SOURCE_QUADS, LEAST_SOURCE_QUADS = 3_300, 400
"""Mean size of a source unless another is asked for, and the least mean: with less there is no room for facts behind the
byline, the occasion and the newcomers."""

LEAST_TOLD_QUADS = 2_000
"""Size of the smallest graph without its vocabulary and its entities."""

FRAME_QUADS = 16
"""Quads of the description of a source and of its last furniture, which are written when its length is known."""

LOOK_ALIKE = 40
"""One entity in so many is marked as different from the one before it."""


class RefusalError(ValueError):
    """The call is wrong; the message says how, in one sentence."""


def write_graph(out: Path, quads: int, seed: int, source_quads: int = SOURCE_QUADS) -> int:
    """Write a graph into a folder that is missing or empty.

    Args:
        out: The folder.
        quads: How many quads its snapshot is to have.
        seed: Another seed gives another graph.
        source_quads: Mean size of a source.

    Returns:
        How many quads its snapshot has.

    Raises:
        RefusalError: The graph is too small for one source, or a source for its facts, or the folder is not empty or cannot be
            written.
    """
    if source_quads < LEAST_SOURCE_QUADS:
        raise RefusalError(f"A source of {source_quads:,} quads has no room for facts; ask for {LEAST_SOURCE_QUADS:,} or more.")
    world, tally = make_world(quads, seed), Tally(written=_count_ontology())
    texts = _entity_texts(world, tally)
    if quads < tally.quads + LEAST_TOLD_QUADS:
        raise RefusalError(f"A graph of {quads:,} quads is too small to hold one source; ask for {_least_quads(seed):,} or more.")
    _make_folder(out)
    for name, text in texts.items():
        (out / name).write_text(text, "utf-8", newline="\n")
    for article in _articles(world, tally, quads, source_quads):
        with (out / "sources" / f"{article.slug}.trig").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(article.to_trig())
    return tally.quads


def _least_quads(seed: int) -> int:
    """Return how many quads leave room for one source, beside the entities of a graph of just that size."""
    quads, tally = 0, Tally()
    while quads < tally.quads + LEAST_TOLD_QUADS:
        quads = tally.quads + LEAST_TOLD_QUADS
        tally = Tally(written=_count_ontology())
        _entity_texts(make_world(quads, seed), tally)
    return quads


def _count_ontology() -> int:
    quads = [quad for name in ("kg.ttl", "schemes.ttl") for quad in parse_file(shipped("ontology") / name)]
    return len({(quad.subject, quad.predicate, quad.object) for quad in quads})


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RefusalError(f"The folder {str(out)!r} is not empty; name one that is, or a new one.")
        (out / "sources").mkdir()
    except OSError as exc:
        raise RefusalError(f"The folder {str(out)!r} cannot be written: {exc.strerror}.") from exc


# ---------------------------------------------------------------- entities


def _entity_texts(world: World, tally: Tally) -> dict[str, str]:
    """Return the text of each file of entities, and count them."""
    texts = {}
    for name, sorts in FILES.items():
        entities = sorted((entity for sort in sorts for entity in world.entities[sort]), key=lambda entity: entity.name)
        texts[name] = _text(("kg", "code", "rdfs", "owl", *sorts), [_to_line(world, entity, tally) for entity in entities])
    lines = [_to_identifier(trust, tally) for trust in world.entities["trust"]]
    return {**texts, "identifiers.ttl": _text(("kg", "code", "trust", "identifier"), lines)}


def _text(prefixes: Sequence[str], lines: Sequence[str]) -> str:
    return "# Invented.\n" + to_prefixes(prefixes) + "\n".join(lines) + "\n"


def _to_line(world: World, entity: Entity, tally: Tally) -> str:
    like = world.entities[entity.sort][entity.rank - 1].name if entity.rank % LOOK_ALIKE == LOOK_ALIKE - 1 else None
    kind = f"code:{entity.kind}" if entity.kind else None
    return _count(tally, entity.name, {"rdfs:label": quote(entity.label), "kind": kind, "owl:differentFrom": like})


def _to_identifier(trust: Entity, tally: Tally) -> str:
    code = f"Z{trust.rank:05}"
    tally.written += 1  # the build puts the code on the trust as well
    properties = {"of": trust.name, "register": "code:ods", "code": quote(code), "origin": quote("invented")}
    return _count(tally, f"identifier:ods-{code.lower()}", properties)


def _count(tally: Tally, name: str, properties: Mapping[str, Terms]) -> str:
    stated = settle(properties)
    tally.count(name.partition(":")[0], stated)
    return to_turtle(name, stated, " ; ")


# ---------------------------------------------------------------- sources


def _articles(world: World, tally: Tally, quads: int, source_quads: int) -> Iterator[Article]:
    """Yield one source after another until the tally has so many quads."""
    start, memory = tally.quads, Memory()
    number = max(1, round((quads - start) / source_quads))
    rng = make_random(world.seed, "sizes")
    ends = list(accumulate(rng.uniform(0.65, 1.4) for _ in range(number)))
    for index, end in enumerate(ends):
        newcomers = {sort: _share(entities, index, number) for sort, entities in world.entities.items()}
        article = Article(world, tally, memory, number=index, newcomers=newcomers)
        # A small source may end a card late, for which the next are shorter; only the last few have to end in time.
        reserve = LARGEST_CARD_QUADS if index >= number - 3 else min(LARGEST_CARD_QUADS, source_quads // 13)
        _fill(article, start + round((quads - start) * end / ends[-1]), reserve)
        yield article


def _share(entities: Sequence[Entity], index: int, number: int) -> Sequence[Entity]:
    return entities[len(entities) * index // number : len(entities) * (index + 1) // number]


def _fill(article: Article, until: int, reserve: int) -> None:
    """Let a source tell until the tally has so many quads, and keep what later ones may speak of."""
    tell_byline(article)
    tell_occasion(article)
    tell_newcomers(article)
    tell_facts(article, until - FRAME_QUADS, reserve)
    _describe(article)
    article.memory.pledges.extend(article.clusters)
    article.memory.views.extend(article.rng.sample(article.told, min(10, len(article.told))))


def _describe(article: Article) -> None:
    """Write the source itself; most are public."""
    is_public = article.chance(0.92)
    title = f"{article.subject.label}: what {article.cast[0].label} says"
    address = f"https://{article.publisher.slug}.example/{article.slug}"
    article.describe(
        {
            "rdfs:label": quote(f"{article.publisher.label} on {article.subject.label} ({article.slug.rpartition('-')[2]})"),
            "title": quote(title) if is_public else None,
            "address": f"{quote(address)}^^xsd:anyURI" if is_public else None,
            "origin": quote("invented") if is_public else None,
        }
    )


# ---------------------------------------------------------------- command line


class Parser(argparse.ArgumentParser):
    """A parser that refuses a call in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        self.exit(2, f"{capital(message)}.\n")


def main() -> int:
    """Write the graph that the command line asks for, and return the exit status."""
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write, new or empty")
    parser.add_argument("--quads", type=int, required=True, help="quads of its snapshot, within about 2 per cent")
    parser.add_argument("--seed", type=int, default=7, help="another seed gives another graph (default: 7)")
    size = "quads of a source on average (default: %(default)s)"
    parser.add_argument("--source-quads", type=int, default=SOURCE_QUADS, help=size)
    args = parser.parse_args()
    try:
        quads = write_graph(args.out, args.quads, args.seed, args.source_quads)
    except RefusalError as exc:
        print(exc, file=sys.stderr)
        return 2
    print(f"Wrote the graph {str(args.out)!r}, whose snapshot has {quads:,} quads.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
