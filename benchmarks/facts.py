"""What a source tells: its byline and occasion, ties, names, views, outcomes, and pledges with their terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from article import TIMELESS, Article, Cluster, Span, Terms, has_most, quote
from kg.vocab import EDTF
from world import Entity

SPOKEN = ("direct", "indirect", "mixed", "unclear")
WRITTEN = ("narration", "headline", "standfirst", "case-study")

STATEMENTS = {
    "claim": 50,
    "opinion": 34,
    "aspiration": 12,
    "lesson": 9,
    "description": 8,
    "behaviour": 6,
    "criticism": 5,
    "priority": 4,
    "reply": 3,
    "aim": 3,
    "hint": 2,
}
OUTCOMES = {"action": 24, "effect": 15, "loss": 3}
QUALIFIERS = {"exactly": 55, "about": 12, "up-to": 12, "over": 8, "almost": 6, "at-least": 7}
BASES = {"total": 45, "each": 25, "not-stated": 30}
CURRENCIES = {"GBP": 90, "EUR": 6, "USD": 4}

TIES = {
    ("trust", "takesPartIn", "wave"): 10,
    ("trust", "uses", "technology"): 5,
    ("trust", "collaboratesWith", "organisation"): 4,
    ("trust", "locatedIn", "place"): 2,
    ("organisation", "runs", "programme"): 4,
    ("organisation", "supports", "programme"): 5,
    ("organisation", "provides", "technology"): 5,
    ("organisation", "memberOf", "organisation"): 3,
    ("organisation", "hosts", "event"): 3,
    ("organisation", "locatedIn", "place"): 2,
    ("group", "worksIn", "trust"): 3,
    ("group", "attends", "event"): 3,
    ("person", "speaksAt", "event"): 5,
    ("person", "memberOf", "group"): 2,
    ("event", "heldAt", "trust"): 2,
    ("event", "locatedIn", "place"): 2,
    ("event", "partOf", "event"): 2,
    ("wave", "partOf", "programme"): 4,
    ("place", "locatedIn", "place"): 1,
    ("technology", "partOf", "technology"): 2,
}
"""From which class which relation leads to which, and how often; wrote and publishes come with the byline."""

MOST_TELLINGS = 14
"""Tellings of one pledge at most: each counts in another, so what is derived of them grows with the square."""


def _weighted(rng: Random, weights: Mapping[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


# ---------------------------------------------------------------- the source and its occasion


def tell_byline(article: Article) -> None:
    """Tell who publishes and wrote the source, and mostly when."""
    article.furnish()
    span = article.cite("byline")
    if article.chance(0.88):
        article.published = add_date(article, article.name, span, "published", article.day.isoformat())
    add_link(article, article.publisher, "publishes", article.name, span)
    if article.chance(0.9):
        add_link(article, article.pick("person"), "wrote", article.name, span)
    else:
        add_absence(article, article.name, "Who wrote the article is not said.", "wrote")


def tell_occasion(article: Article) -> None:
    """Tell of the event of the source: who speaks and listens, who holds it, where and when."""
    event, speaker, world = article.event, article.cast[0], article.world
    span = article.cite("narration")
    add_link(article, speaker, "speaksAt", event.name, span, capacity=get_tenure(article, speaker))
    for sort, relation in (("organisation", "hosts"), ("group", "attends")):
        add_link(article, world.partner(event, relation, sort), relation, event.name, article.cite("narration"))
    for relation, sort in (("locatedIn", "place"), ("heldAt", "trust")):
        add_link(article, event, relation, world.partner(event, relation, sort).name, article.cite("narration"))
    if article.chance(0.5):
        add_date(article, event.name, span, "held", world.day(event).isoformat())
    else:
        add_absence(article, event.name, "On which day it was held is not said.", "Date", span)


def tell_newcomers(article: Article) -> None:
    """Name every entity that has to be named here."""
    for entities in article.newcomers.values():
        for entity in entities:
            _introduce(article, entity)


def _introduce(article: Article, entity: Entity) -> None:
    if entity.sort == "person":
        get_tenure(article, entity)
    elif entity.sort == "post":
        add_tenure(article, article.world.pick(article.rng, "person"), entity)
    elif entity.sort == "theme":
        _add_statement(article, "opinion", theme=entity)
    else:
        starting = [tie for tie in TIES if tie[0] == entity.sort]
        ending = [tie for tie in TIES if tie[2] == entity.sort]
        start, relation, end = article.rng.choice(starting or ending)
        _add_tie(article, entity, relation, end if starting else start, forward=bool(starting))


# ---------------------------------------------------------------- ties, tenures and names


def tell_tie(article: Article) -> None:
    """Tell a tie between two entities, which other sources tell as well."""
    start, relation, end = article.rng.choices(list(TIES), list(TIES.values()))[0]
    _add_tie(article, article.pick(start), relation, end, forward=True)


def _add_tie(article: Article, entity: Entity, relation: str, sort: str, *, forward: bool) -> None:
    partner = article.world.partner(entity, relation, sort)
    start, end = (entity, partner) if forward else (partner, entity)
    add_link(article, start, relation, end.name, article.cite("narration"))


def tell_participants(article: Article) -> None:
    """Tell a list of trusts that take part in a wave, and how many they are."""
    wave, heading = article.pick("wave"), article.cite("heading")
    trusts = dict.fromkeys(article.pick("trust") for _ in range(article.rng.randint(4, 14)))
    for position, trust in enumerate(trusts, 1):
        add_link(article, trust, "takesPartIn", wave.name, article.cite("list"), heading, position=str(position))
    add_quantity(article, wave.name, heading, kind="participants", unit="trusts", amount=len(trusts))


def add_link(article: Article, start: Entity, relation: str, end: str, *spans: Span, **more: str) -> str:
    """Write a Link and return its short form."""
    inferred = article.maybe(0.1, "kg:relation")
    properties = {"from": start.name, "relation": f"kg:{relation}", "to": end, **more, "inferred": inferred}
    return article.add("link", {**properties, "cites": article.passages(*spans)})


def get_tenure(article: Article, person: Entity) -> str:
    """Return the tenure in which a person speaks in this source, which is written when it is first asked for."""
    if person.name not in article.tenures:
        article.tenures[person.name] = add_tenure(article, person, article.world.partner(person, "post", "post"))
    return article.tenures[person.name]


def add_tenure(article: Article, person: Entity, post: Entity) -> str:
    """Write in what office a person is, sometimes since when and after whom or what."""
    employer = article.world.partner(post, "employer", article.rng.choice(("trust", "organisation")))
    span = article.cite("narration")
    shape = article.rng.random()
    properties = {
        "from": person.name,
        "to": article.maybe(0.75, employer.name),
        "post": post.name,
        "status": article.rng.choice(("code:current", "code:current", "code:new")),
        "follows": _add_earlier(article, person) if shape < 0.12 else None,
        "replaces": _add_predecessor(article, person, post) if shape > 0.92 else None,
        "cites": article.passages(span),
    }
    name = article.add("tenure", properties)
    if article.chance(0.25):
        start = article.day - timedelta(days=article.rng.randint(20, 3_000))
        add_date(article, name, span, "start", start.isoformat()[: article.rng.choice((4, 7, 10))])
    return name


def _add_earlier(article: Article, person: Entity) -> str:
    """Write what a person was before: one office, or a span of two."""
    world, rng = article.world, article.rng
    span = article.cite("narration")
    common = {"from": person.name, "to": world.pick(rng, "organisation").name, "status": "code:former"}
    cites = article.passages(span)
    whole = article.add("tenure", {**common, "cites": cites}) if article.chance(0.3) else None
    first = article.add("tenure", {**common, "post": world.pick(rng, "post").name, "partOf": whole, "cites": cites})
    if whole:
        post = world.pick(rng, "post").name
        article.add("tenure", {**common, "post": post, "partOf": whole, "follows": first, "cites": cites})
        add_quantity(article, whole, span, kind="duration", unit="years", amount=rng.randint(2, 12))
    add_date(article, first, span, "end", str(article.day.year - rng.randint(0, 4)))
    return first


def _add_predecessor(article: Article, person: Entity, post: Entity) -> str | None:
    other = article.world.pick(article.rng, "person")
    if other == person:
        return None
    cites = article.passages(article.cite("narration"))
    return article.add("tenure", {"from": other.name, "post": post.name, "status": "code:former", "cites": cites})


def tell_name(article: Article) -> None:
    """Write another form of a name, sometimes a wrong one."""
    entity = article.pick("person", "person", "trust", "organisation", "programme", "technology")
    kind, written = _other_form(article.rng, entity)
    properties = {"of": entity.name, "written": quote(written), "kind": f"code:{kind}", "inferred": article.maybe(0.3, "kg:of")}
    article.add("name", {**properties, "cites": article.passages(article.cite("narration"))})


def _other_form(rng: Random, entity: Entity) -> tuple[str, str]:
    """Return kind and text of another form of a name."""
    words = entity.label.split()
    initials = "".join(word[0] for word in words if word[0].isupper())
    if entity.sort == "person":
        forms = {
            "short-form": words[-1],
            "variant": f"{words[0][0]}. {words[-1]}",
            "title": f"{rng.choice(('Dr', 'Dame', 'Sir', 'Professor', 'Baroness'))} {entity.label}",
        }
    else:
        forms = {"variant": f"the {entity.label}"} | ({"short-form": initials} if len(initials) > 2 else {})
    return rng.choice([*forms.items(), ("misspelling", misspell(rng, entity.label))])


def misspell(rng: Random, text: str) -> str:
    """Return a text with a slip of the pen: a letter doubled or left out, or two turned round."""
    at = rng.choice([at for at in range(1, len(text) - 1) if text[at : at + 2].isalpha() and text[at] != text[at + 1]])
    one, two = text[at], text[at + 1]
    return text[:at] + rng.choice((one + one + two, two, two + one)) + text[at + 2 :]


# ---------------------------------------------------------------- statements and outcomes


def tell_statement(article: Article) -> None:
    """Tell what somebody, or the source itself, says."""
    _add_statement(article, _weighted(article.rng, STATEMENTS), speaker=article.maybe(0.88, _voice(article)))


def tell_list(article: Article) -> None:
    """Tell something that has numbered parts."""
    kind = article.rng.choice(("lesson", "behaviour", "priority", "claim"))
    speaker = article.pick_speaker().name
    pledges = [name for name in article.told if name.startswith("pledge:")]
    whole = pledges[-1] if pledges and article.chance(0.2) else _add_statement(article, kind, speaker=speaker)
    for position in range(1, article.rng.randint(3, 7)):
        gloss = article.words("purposes", 0.4)
        _add_statement(article, kind, speaker=speaker, partOf=whole, position=str(position), gloss=gloss)


def tell_argument(article: Article) -> None:
    """Tell who objects to something told here or earlier, and what is answered."""
    told = article.memory.views if article.memory.views and article.chance(0.5) else article.told
    target = article.rng.choice(told) if told else None
    objection = _add_statement(article, article.rng.choice(("criticism", "opinion")), speaker=_voice(article), respondsTo=target)
    _add_statement(article, "reply", speaker=article.pick_speaker().name, respondsTo=objection)


def _voice(article: Article) -> str:
    return article.pick_speaker().name if article.chance(0.8) else article.pick("group", "organisation", "trust").name


def _add_statement(article: Article, kind: str, *, speaker: str | None = None, theme: Entity | None = None, **more: Terms) -> str:
    rng = article.rng
    span = article.cite("list" if "position" in more else rng.choice(SPOKEN) if speaker else "narration")
    spans = [span, article.clip(span)] if article.chance(0.08) else [span]
    event = article.maybe(0.8, article.event.name) if speaker else None
    themes = [(theme or article.pick("theme")).name, article.maybe(0.15, article.pick("theme").name)]
    properties = {
        "rdfs:label": article.phrase(f"statement-{kind}"),
        "kind": f"code:{kind}",
        "speaker": speaker,
        "via": article.maybe(0.04, article.pick_speaker().name) if speaker else None,
        "event": event,
        "about": article.pick_related(rng.choice((0, 0, 1, 1, 1, 2))),
        "theme": [one for one in themes if one],
        "hedge": article.words("hedges", 0.1),
        "condition": article.words("conditions", 0.04),
        "note": article.words("notes", 0.1),
        "mark": article.maybe(0.04, "code:figurative", "code:garbled"),
        "inferred": article.maybe(0.7, "kg:event") if event else None,
    }
    name = article.add("statement", {**properties, **more, "cites": article.passages(*spans)})
    article.told.append(name)
    if article.chance(0.05):
        add_quantity(article, name, span, kind="share", unit="percent", amount=rng.randint(1, 99))
    if article.chance(0.015):
        add_money(article, name, span, unit="GBP")
    return name


def tell_outcome(article: Article) -> None:
    """Tell what was done, what came of it or what was lost."""
    kind = _weighted(article.rng, OUTCOMES)
    reporter = article.maybe(0.6, article.pick_speaker().name)
    span = article.cite(article.rng.choice(SPOKEN) if reporter else "narration")
    properties = {
        "rdfs:label": article.phrase(f"outcome-{kind}"),
        "kind": f"code:{kind}",
        "actor": article.pick("organisation", "trust", "programme", "person", "technology").name if kind == "action" else None,
        "resultOf": _cause(article) if kind != "action" else None,
        "speaker": reporter,
        "event": article.maybe(0.8, article.event.name) if reporter else None,
        "about": article.pick_related(article.rng.choice((1, 1, 2))),
        "theme": article.pick("theme").name,
        "purpose": article.words("purposes", 0.1),
        "hedge": article.words("hedges", 0.05),
        "cites": article.passages(span),
    }
    name = article.add("outcome", properties)
    _add_figures(article, name, span, kind)
    article.told.append(name)


def _cause(article: Article) -> str:
    told = [name for name in article.told[-20:] if name.startswith(("pledge:", "outcome:"))]
    return article.rng.choice(told) if told and article.chance(0.6) else article.pick("technology", "programme").name


def _add_figures(article: Article, outcome: str, span: Span, kind: str) -> None:
    """Write when an outcome happened, what was so before and after, how many and how much."""
    rng = article.rng
    if article.chance(0.25):
        day = article.day - timedelta(days=rng.randint(30, 900))
        add_date(article, outcome, span, "happened", day.isoformat()[: rng.choice((4, 7, 10))])
    if kind == "effect" and article.chance(0.5):
        for sort in ("before", "after"):
            add_quantity(article, outcome, span, kind=sort, unit="days", amount=rng.randint(1, 90))
    elif article.chance(0.25):
        sort, unit = rng.choice(("amount", "change")), rng.choice(("patients", "beds", "visits"))
        add_quantity(article, outcome, span, kind=sort, unit=unit, amount=rng.randint(5, 90_000))
    if kind == "loss" and article.chance(0.5):
        add_money(article, outcome, span, unit="GBP")


# ---------------------------------------------------------------- pledges


@dataclass(frozen=True, slots=True)
class Told:
    """A pledge as written: its name, its sums and their currency, and its tellings."""

    name: str
    sums: tuple[str, ...]
    unit: str
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class Setting:
    """How a pledge stands to others.

    Args:
        whole: The pledge that it is part of.
        position: Its place among the parts.
        restates: The tellings to which it adds one.
        sums: How many sums it has; None to leave it to chance.
    """

    whole: Told | None = None
    position: int | None = None
    restates: Cluster | None = None
    sums: int | None = None


def tell_pledge(article: Article) -> None:
    """Tell one pledge; one in four may be restated by later sources."""
    told = _add_pledge(article, Setting())
    if article.chance(0.25):
        article.clusters.append(told.cluster)


def tell_sum(article: Article) -> None:
    """Tell a pledge of money and the parts into which it falls."""
    whole = _add_pledge(article, Setting(sums=1))
    for position in range(1, article.rng.randint(3, 5)):
        _add_pledge(article, Setting(whole=whole, position=position, sums=1))
    article.clusters.append(whole.cluster)


def tell_restatement(article: Article) -> None:
    """Tell a pledge that an earlier source told more fully; a few are told again and again."""
    known = article.memory.pledges
    cluster = known[int(len(known) * article.rng.random() ** 3)] if known else None
    _add_pledge(article, Setting(restates=cluster if cluster and cluster.size < MOST_TELLINGS else None))


def tell_conflict(article: Article) -> None:
    """Tell a pledge of two sums that do not agree."""
    pledge = _add_pledge(article, Setting(sums=2))
    article.add("conflict", {"rdfs:label": quote("The headline and the text give different sums."), "between": pledge.sums})


def _add_pledge(article: Article, setting: Setting) -> Told:
    """Write a Pledge with its terms, and that nobody is bound where nobody is named."""
    maker = _maker(article)
    polarity = "refrain" if setting.sums is None and article.chance(0.1) else "act"
    span = article.cite(article.rng.choice((*SPOKEN, *WRITTEN)), proof=True)
    spans = [span, article.cite("pull-quote", proof=True)] if article.chance(0.25) else [span]
    properties = {
        "rdfs:label": article.phrase(f"pledge-{polarity}"),
        **_involved(article, maker),
        "strength": article.rng.choice(("code:firm", "code:firm", "code:planned")),
        "polarity": f"code:{polarity}",
        **_attributes(article),
        "partOf": setting.whole.name if setting.whole else None,
        "position": str(setting.position) if setting.position else None,
        "restates": setting.restates.root if setting.restates else None,
        "respondsTo": article.maybe(0.1, *[one for one in article.told if not one.startswith("pledge:")][-20:] or [""]),
    }
    name = article.add("pledge", {**properties, "cites": article.passages(*spans)})
    article.told.append(name)
    if not maker and article.chance(0.6):
        add_absence(article, name, "Who is to do it is not said.", "maker", span)
    return _add_terms(article, name, span, setting, promises=polarity == "act")


def _maker(article: Article) -> Entity | None:
    share = article.rng.random()
    return article.pick_speaker() if share < 0.75 else article.pick("organisation", "trust", "group") if share < 0.92 else None


def _involved(article: Article, maker: Entity | None) -> dict[str, Terms]:
    rng = article.rng
    event = article.maybe(0.75, article.event.name)
    speaks = maker is not None and article.chance(0.7)
    holds = maker is not None and maker.sort == "person" and article.chance(0.9)
    for_whom = ("group", "trust", "organisation", "programme", "wave")
    return {
        "maker": maker.name if maker else None,
        "capacity": get_tenure(article, maker) if maker and holds else None,
        "speaker": maker.name if maker and speaks else None,
        "via": article.maybe(0.03, article.pick("person").name),
        "event": event,
        "inferred": article.maybe(0.4, "kg:event") if event else None,
        "beneficiary": [article.pick(*for_whom).name for _ in range(rng.choice((0, 1, 1, 2, 3, 4)))],
        "about": article.pick_related(rng.choice((0, 1, 1, 2))),
        "theme": [article.pick("theme").name for _ in range(rng.choice((1, 1, 2)))],
    }


def _attributes(article: Article) -> dict[str, Terms]:
    return {
        "purpose": article.words("purposes", 0.3),
        "condition": article.words("conditions", 0.12),
        "hedge": article.words("hedges", 0.04),
        "note": article.words("notes", 0.15),
        "mark": article.maybe(0.08, "code:additional"),
    }


def _add_terms(article: Article, name: str, span: Span, setting: Setting, *, promises: bool) -> Told:
    """Write for how much, for how many and by when; count the totals that the build makes of it."""
    whole = setting.whole
    unit = whole.unit if whole else _weighted(article.rng, CURRENCIES)
    number = int(article.chance(0.4)) if setting.sums is None else setting.sums
    sums = [add_money(article, name, span, unit=unit) for _ in range(number)]
    recipients = _add_recipients(article, name, span) if sums and article.chance(0.5) else None
    cluster = whole.cluster if whole else setting.restates or Cluster(name)
    cluster.size += setting.restates is not None
    if sums and promises:
        has_end = all(money.is_closed(recipients) for money in sums)
        article.tally.written += 2 + has_end + (cluster.add_part() if whole else cluster.add_total())
    if not sums and article.chance(0.08):
        add_absence(article, name, "How much it is to cost is not said.", "Money", span)
    if article.chance(0.4):
        _add_horizon(article, name, span)
    elif article.chance(0.3):
        add_absence(article, name, "By when it is to be done is not said.", "Date", span)
    return Told(name, tuple(money.name for money in sums), unit, cluster)


def _add_recipients(article: Article, pledge: str, span: Span) -> Figure:
    unit = article.rng.choice(("trusts", "hospitals", "practices", "wards"))
    return add_quantity(article, pledge, span, kind="recipients", unit=unit, amount=article.rng.randint(2, 240))


def _add_horizon(article: Article, pledge: str, span: Span) -> None:
    """Write by when: a day, a month, a year, a span, or before long."""
    rng, year = article.rng, article.day.year
    later, month = year + rng.randint(1, 8), f"{rng.randint(1, 12):02}"
    edtf, words = rng.choice(
        (
            (f"{later}", None),
            (f"../{later}-{month}", None),
            (f"{later}-{month}-{rng.randint(1, 28):02}", None),
            (f"{later}-{month}~", None),
            (f"{year}-{month}~/{later}-{month}~", article.words("spans")),
            (f"{year + 1}", quote("next year")),
            (TIMELESS, article.words("sometime")),
            (f"{TIMELESS}-{month}", None),
        )
    )
    add_date(article, pledge, article.clip(span), "horizon", edtf, words)


# ---------------------------------------------------------------- values and absences


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity or sum as written.

    Args:
        name: Its short form.
        has_most: Whether it has an upper end.
        basis: Basis of a sum, or nothing.
    """

    name: str
    has_most: bool
    basis: str = ""

    def is_closed(self, recipients: Figure | None) -> bool:
        """Tell whether this sum, for so many recipients, comes to no more than a certain total."""
        if self.basis == "total" or (self.basis == "not-stated" and recipients is None):
            return self.has_most
        return self.has_most and recipients is not None and recipients.has_most


def _figure(article: Article, amount: float) -> dict[str, Terms]:
    """Return amount and qualifier, or the words of a source that is vague."""
    if article.chance(0.1):
        return {"words": article.words("few-words")}
    return {"amount": f"{amount:.1f}", "qualifier": f"code:{_weighted(article.rng, QUALIFIERS)}"}


def _has_most(figure: Mapping[str, Terms]) -> bool:
    return "amount" in figure and has_most(str(figure["qualifier"]))


def add_money(article: Article, fact: str, span: Span, *, unit: str) -> Figure:
    """Write a sum of a fact."""
    rng = article.rng
    figure = _figure(article, rng.choice((1, 1.5, 2, 2.5, 3, 4, 4.75, 5, 6, 7.5, 8)) * 10 ** rng.randint(4, 9))
    basis = _weighted(rng, BASES)
    properties = {"of": fact, **figure, "unit": quote(unit), "basis": f"code:{basis}", "inferred": article.maybe(0.4, "kg:basis")}
    name = article.add("money", {**properties, "cites": article.passages(article.clip(span, proof=True))})
    return Figure(name, _has_most(figure), basis)


def add_quantity(article: Article, node: str, span: Span, *, kind: str, unit: str, amount: int) -> Figure:
    """Write a number that belongs to a fact or an entity."""
    figure = _figure(article, amount)
    properties = {"of": node, **figure, "unit": quote(unit), "kind": f"code:{kind}"}
    name = article.add("quantity", {**properties, "cites": article.passages(article.clip(span))})
    return Figure(name, _has_most(figure))


def add_date(article: Article, node: str, span: Span, kind: str, edtf: str, words: str | None = None) -> str:
    """Write a Date; one in words is resolved from the day of publication, if that is told."""
    anchor = article.published if words and TIMELESS not in edtf else None
    properties = {
        "of": node,
        "edtf": f"{quote(edtf)}^^<{EDTF}>",
        "kind": f"code:{kind}",
        "words": words,
        "anchor": anchor,
        "inferred": "kg:edtf" if anchor else None,
    }
    return article.add("date", {**properties, "cites": article.passages(article.prove(span))})


def add_absence(article: Article, node: str, label: str, lacks: str, *spans: Span) -> None:
    """Write that a source does not say what a reader would expect."""
    cites = article.passages(*spans)
    article.add("absence", {"rdfs:label": quote(label), "about": node, "lacks": f"kg:{lacks}", "cites": cites})


# ---------------------------------------------------------------- all of it

CARDS: dict[Callable[[Article], None], int] = {
    tell_statement: 20,
    tell_outcome: 9,
    tell_pledge: 8,
    tell_restatement: 3,
    tell_tie: 7,
    tell_name: 5,
    tell_argument: 2,
    tell_list: 1,
    tell_sum: 1,
    tell_conflict: 1,
    tell_participants: 1,
}
"""What a source tells, and how often."""

LARGEST_CARD_QUADS = 250
"""With room for less than this only statements are told in a large source, so that it ends near its size."""


def tell_facts(article: Article, until: int, reserve: int) -> None:
    """Tell facts of every sort until the tally has so many quads; with less than the reserve to go, only statements."""
    deck: list[Callable[[Article], None]] = []
    while article.tally.quads < until - reserve:
        if not deck:
            deck = [card for card, number in CARDS.items() for _ in range(number)]
            article.rng.shuffle(deck)
        deck.pop()(article)
    while article.tally.quads < until:
        tell_statement(article)
