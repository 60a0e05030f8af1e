"""What the pages tell: rows of the catalogue in the order in which people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from kg.api.pages import Field, shorten_text, sort_of
from kg.api.service import Service
from kg.elements import Node, Passage, to_plain
from kg.errors import NotFoundError
from kg.layout import place
from kg.network import number_of, reach
from kg.queries import Query
from kg.show import Known, Record
from kg.sources import to_link
from kg.store import Value
from kg.vocab import CLASSES, KG, OWL, RDFS, expand, listed

GROUPS = (
    ("pledges", "Pledges", ("kg:Pledge",)),
    ("statements", "What is said", ("kg:Statement",)),
    ("outcomes", "What came of it", ("kg:Outcome",)),
    ("values", "Sums, numbers and dates", ("kg:Money", "kg:Quantity", "kg:Date", "kg:Name")),
    ("offices", "Offices", ("kg:Tenure",)),
    ("ties", "Ties", ("kg:Link",)),
    ("disputes", "What does not agree, and what is not said", ("kg:Conflict", "kg:Absence")),
    ("others", "Other facts", ()),
)
"""In which order facts are told: key, heading and classes; the last takes what is left."""

SHOWN = 30
"""How many facts of a group a page shows at first."""

NEAR = 18
"""How many things the small picture of a page holds."""

IDENTIFIERS = {
    "Organisation Data Service": "https://odsportal.digital.nhs.uk/Organisation/OrganisationDetails?organisationId={}",
    "Wikidata": "https://www.wikidata.org/wiki/{}",
}
"""Where the codes of registers are told of."""


def home_of(service: Service, classes: Mapping[str, int]) -> dict[str, Any]:
    """Return what the first page tells: what is inside, in figures, and where to begin."""
    totals = {name: service.rows(name, {}).total for name in ("pledges", "sources", "events", "people", "conflicts", "absences")}
    money = [plain(row) for row in service.rows("money_total", {})]
    figures = [
        ("Pledges", totals["pledges"], "/queries/pledges", "total", ""),
        ("People", totals["people"], "/queries/people", "total", ""),
        ("Sources", totals["sources"], "/queries/sources", "total", ""),
        *(
            ("Promised at least", row["total_low"], "/queries/money_total", f"results.{at}.total_low", row["unit"])
            for at, row in enumerate(money)
        ),
        *(
            (_at_most(row), row["total_high"], "/queries/money_total", f"results.{at}.total_high", row["unit"])
            for at, row in enumerate(money)
        ),
    ]
    pledges = service.rows("pledges", {}).page(0, 200).to_dicts()
    shown = sorted((plain(row) for row in pledges), key=lambda row: (-(row["total_high"] or row["total_low"] or 0), str(row["pledge"])))[:5]
    names = service.select(f"SELECT ?class ?label WHERE {{ ?class a <{OWL}Class> ; <{RDFS}label> ?label }} ORDER BY ?class")
    labels = {str(name).removeprefix("kg:"): str(label) for name, label in names}
    table = service.graph.table()
    # A class stands for those below it as well, as in the question that the number leads to.
    below = {name: {name, *(term.removeprefix("kg:") for term in table.meanings(f"kg:{name}"))} for name in classes}
    kinds = [
        (name, labels.get(name, name), sum(classes.get(one, 0) for one in below[name]))
        for name in sorted(classes)
        if name in CLASSES.values() and name not in HIDDEN
    ]
    questions = [
        ("Who promised what?", "/pledges", "The ledger: who is bound, to whom, for how much, by when, with safe totals."),
        ("When was it said and done?", "/timeline", "Events, pledges and outcomes in their order, dated no more precisely than is known."),
        ("What does not agree?", "/conflicts", "Figures that differ, side by side, and what conspicuously is not said."),
        ("Where does it say so?", "/sources", "Every source with its passages, its facts, and what of it is no article."),
        ("How do two things hang together?", "/explorer", "Start from a name, follow its ties, find the paths between two things."),
        ("Something else?", "/queries", "Every question that can be asked by name, and SPARQL for the rest."),
    ]
    told = [row[name] for row in shown for name in ("made_by", "made_for")]
    example = str(shown[0]["made_by"]) if shown and shown[0]["made_by"] else ""
    found = service.graph.labels([*told, example])
    return {
        "figures": figures,
        "money": money,
        "pledges": shown,
        "classes": kinds,
        "questions": questions,
        "labels": found,
        "example": found.get(example, "a name"),
    }


def _at_most(row: Mapping[str, Any]) -> str:
    """A sum with open ends has no upper end: what is known of it is the sum of the others."""
    return "and at most, but for the open ends" if row["open_ends"] else "and at most"


HIDDEN = ("Passage", "Furniture", "Name", "Identifier", "Link")
"""Classes that serve the others and are nothing to begin with."""


def passage_of(row: Record, service: Service) -> dict[str, Any]:
    """Return a passage with the link to its words, and the words where the texts are at hand."""
    source, start, end = str(row["source"]), int(str(row["start"])), int(str(row["end"]))
    address, first, last = (str(row[name]) if row[name] else None for name in ("address", "starts_with", "ends_with"))
    return {
        "id": row["passage"],
        "source": source,
        "start": start,
        "end": end,
        "form": row["form"],
        "sha256": row["sha256"],
        "starts_with": first,
        "ends_with": last,
        "link": to_link(address, first, last),
        "words": service.texts[source][start:end] if source in service.texts else None,
    }


def shown_passage(passage: Passage, service: Service) -> dict[str, Any]:
    """Return a passage of the network, as `passage_of` does."""
    row = dict(zip(("passage", *Passage._fields[1:]), passage, strict=True))
    return passage_of({**row, "sha256": None}, service)


def fact_of(rows: Sequence[Record], known: Known, service: Service) -> dict[str, Any]:
    """Return a fact that names a thing: how it does, when, and by which words."""
    first = rows[0]
    return {
        "id": first["fact"],
        "class": str(first["fact_class"]).removeprefix("kg:"),
        "label": first["label"] or first["fact"],
        "roles": ", ".join(dict.fromkeys(str(row["role_label"]) for row in rows)),
        "date": None,
        "earliest": first["earliest"] and str(first["earliest"]),
        "latest": first["latest"] and str(first["latest"]),
        "dated_by": first["dated_by"],
        "reported_in": first["reported_in"],
        "passages": [passage_of(row, service) for row in known.proof.get(str(first["fact"]), ())],
    }


def groups_of(known: Known, service: Service, whole: str | None = None) -> list[dict[str, Any]]:
    """Return the facts that name a thing by kind, the first of each kind, or all of the kind that is asked for.

    Args:
        known: What is known of the thing.
        service: Where the words are.
        whole: Key of the group of which all facts are told.
    """
    sorted_out: dict[str, list[Sequence[Record]]] = {key: [] for key, *_ in GROUPS}
    keys = {name: key for key, _, names in GROUPS for name in names}
    for rows in known.facts:
        sorted_out[keys.get(str(rows[0]["fact_class"]), GROUPS[-1][0])].append(rows)
    found = []
    for key, title, _ in GROUPS:
        facts = sorted_out[key]
        if facts and whole in (None, key):
            part = facts if whole else facts[:SHOWN]
            found.append({"key": key, "title": title, "total": len(facts), "facts": [fact_of(rows, known, service) for rows in part]})
    return found


FIRST = ("made by", "in the capacity of", "for", "said at", "about", "purpose", "condition", "filed under", "strength", "polarity")
"""Which properties of a fact stand first; the others follow by their names."""

TOTALS = ("kg:totalLow", "kg:totalHigh", "kg:totalUnit", "kg:countedIn")
"""Properties that stand together as one sum."""


def properties_of(known: Known) -> list[tuple[str, list[tuple[Value, str | None]]]]:
    """Return what a thing says of itself by property; a value that is a thing has its short form beside its label."""
    found: dict[str, list[tuple[Value, str | None]]] = {}
    for row in known.properties:
        if row["property"] in TOTALS:
            continue
        value = row["value"]
        id = value if isinstance(value, str) and sort_of(value) != "Other" else None
        found.setdefault(str(row["property_label"]), []).append((row["value_label"], id))
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    return sorted(found.items(), key=lambda pair: (ranks.get(pair[0], len(ranks)), pair[0]))


def total_of(known: Known) -> dict[str, Any]:
    """Return what a pledge comes to, and which pledges count it already."""
    found = {str(row["property"]): row["value"] for row in known.properties if row["property"] in TOTALS}
    counted = [(str(row["value"]), str(row["value_label"])) for row in known.properties if row["property"] == "kg:countedIn"]
    row = {"low": found.get("kg:totalLow"), "high": found.get("kg:totalHigh"), "unit": found.get("kg:totalUnit")}
    return {**plain(row), "counted_in": counted} if row["unit"] else {}


def offices_of(service: Service, id: str) -> list[dict[str, Any]]:
    """Return the offices of a person in their order; one that several sources tell of stands once, with each of them."""
    found: dict[tuple[Value, ...], dict[str, Any]] = {}
    for row in service.rows("offices", {"person": id}):
        key: tuple[Value, ...] = (row["post_label"], row["organisation_label"], row["status"], row["years"])
        if any(source == row["reported_in"] for _, source in found.get(key, {"told": ()})["told"]):
            # A source that tells of two such tenures means two.
            key = (*key, row["tenure"])
        entry = found.setdefault(key, {**plain(row), "told": []})
        entry["told"].append((row["tenure"], row["reported_in"]))
    return list(found.values())


WIDER, HIGHER = 1.9, 1.35
"""By how much the small picture is stretched, so that there is room for names."""

SIGN = 6.4
"""How wide a letter of a name in the small picture is, about."""


def picture_of(service: Service, id: str) -> dict[str, Any] | None:
    """Return a small picture of what lies around a thing, as numbers for an SVG; None if it is no node or stands alone."""
    graph = service.graph
    try:
        number_of(graph.table(), id)
    except NotFoundError:
        return None
    near = reach(graph, [id], depth=1, max_nodes=NEAR)
    found = near.to_network()
    if len(found.nodes) < 2:
        return None
    ids = [node.id for node in found.nodes]
    places = dict(zip(ids, place(ids, found.edges, [16] * len(ids)), strict=True))
    at = {one: (round(x * WIDER), round(y * HIGHER)) for one, (x, y) in places.items()}
    names = _names(sorted(found.nodes, key=lambda node: (node.id != id, -node.degree, node.id)), at)
    nodes = [
        {
            "id": node.id,
            "label": node.label,
            "x": at[node.id][0],
            "y": at[node.id][1],
            "r": 10 if node.id == id else 7,
            "text": names.get(node.id),
        }
        for node in found.nodes
    ]
    lines = sorted({(*at[edge.start], *at[edge.end]) for edge in found.edges if edge.start != edge.end})
    wide = {one: len(names.get(one, "")) * SIGN / 2 + 8 for one in ids}
    left, right = min(x - wide[one] for one, (x, _) in at.items()), max(x + wide[one] for one, (x, _) in at.items())
    top, bottom = min(y for _, y in at.values()) - 18, max(y for _, y in at.values()) + 34
    box = f"{left:.0f} {top} {right - left:.0f} {bottom - top}"
    return {"nodes": nodes, "lines": lines, "box": box, "left_out": sum(near.reached) - sum(near.kept)}


def _names(nodes: Iterable[Node], at: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Return the names for which there is room under their nodes, the first of the nodes first."""
    taken: list[tuple[float, float, float, float]] = [(x - 9, y - 9, x + 9, y + 9) for x, y in at.values()]
    found = {}
    for node in nodes:
        text, (x, y) = shorten_text(node.label, 26), at[node.id]
        half = len(text) * SIGN / 2
        box = (x - half, y + 11, x + half, y + 27)
        if not any(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken):
            taken.append(box)
            found[node.id] = text
    return found


def search_of(params: Mapping[str, Any]) -> str:
    """Return the parameters that are given as the end of an address, with its question mark, or nothing.

    Example:
        >>> search_of({"maker": "person:x", "theme": None, "conditional": True})
        '?maker=person%3Ax&conditional=true'
    """
    given = [(name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in params.items() if value is not None]
    return "?" + urlencode(given) if given else ""


def things_in(rows: Iterable[Mapping[str, Value]]) -> list[Value]:
    """Return every cell of some rows, for their labels."""
    return [value for row in rows for value in row.values()]


def plain(row: Mapping[str, Value]) -> dict[str, Any]:
    """Return a row whose decimals are numbers, so that a template can compare them."""
    return {name: value if value is None or isinstance(value, bool) else to_plain(value) for name, value in row.items()}


# ---------------------------------------------------------------- lists


CHOICES = {
    "maker": "?fact a kg:Pledge ; kg:maker ?thing .",
    "beneficiary": "?fact a kg:Pledge ; kg:beneficiary ?thing .",
    "programme": "?fact a kg:Pledge ; kg:about|kg:beneficiary ?part . ?part kg:partOf* ?thing . ?thing a/rdfs:subClassOf* kg:Programme .",
    "theme": "?fact a kg:Pledge ; kg:theme ?thing .",
    "event": "?fact a kg:Pledge ; kg:event ?thing .",
    "about": "?fact a kg:Pledge ; kg:about ?thing .",
    "source": "?thing a kg:Source .",
}
"""Which things a filter of the ledger can name."""

MOST_CHOICES = 200
"""From more choices on a field is one to write in."""

MOST_BARS = 24
"""How many rows of money the ledger draws, the largest first."""


def choices_of(service: Service, name: str) -> list[tuple[str, str]]:
    """Return the things that a filter can name, by their labels; none if they are too many for a list."""
    query = (
        f"PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}> SELECT DISTINCT ?thing ?label WHERE {{ {CHOICES[name]} ?thing rdfs:label ?label }} "
        f"ORDER BY ?label LIMIT {MOST_CHOICES + 1}"
    )
    found = [(str(id), shorten_text(str(label), 60)) for id, label in service.select(query)]
    return found if len(found) <= MOST_CHOICES else []


def fields_of(service: Service, query: Query, given: Mapping[str, Any]) -> list[Field]:
    """Return the fields of the parameters of a question, with what is given."""
    found = []
    for param in query.params:
        value = given.get(param.name)
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        choices: Sequence[str | tuple[str, str]] = ()
        if param.type == "boolean":
            choices = [("true", "yes"), ("false", "no")]
        elif param.code_list:
            choices = service.graph.codes(param.code_list)
        elif query.name == "timeline" and param.name == "class":
            choices = ("Event", "Pledge", "Outcome")
        elif (query.name == "pledges" and param.name in CHOICES) or param.name == "source":
            choices = choices_of(service, param.name)
        if text and choices and text not in [one if isinstance(one, str) else one[0] for one in choices]:
            choices = [*choices, (text, text)]
        found.append(Field(param.name, param.doc, text, choices, "date" if param.type == "date" else "text"))
    return found


def ledger_of(service: Service, query: Query, given: Mapping[str, Any], rows: Sequence[Mapping[str, Value]]) -> dict[str, Any]:
    """Return what the ledger tells: a page of pledges, and the safe totals of all that fit."""
    told = {name: value for name, value in given.items() if value is not None}
    shown = [plain(row) for row in rows]
    return {
        "lead": "Who is bound, to whom, for how much, under which condition and by when. Each line leads to the words that prove it.",
        "fields": fields_of(service, query, given),
        "is_filtered": bool(told),
        "search": search_of(told),
        "money": [plain(row) for row in service.rows("money_total", told)],
        "chart": _bars([plain(row) for row in service.rows("money_by_programme", told)]),
        "rows": shown,
        "bound": bound_of(service, [str(row["pledge"]) for row in rows]),
        "labels": service.graph.labels(things_in(rows)),
    }


def bound_of(service: Service, pledges: Iterable[str]) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Return all who are bound by some pledges, and all to whom, with their labels; a row of the question has one of each."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for some in listed(iri for id in pledges if (iri := expand(id))):
        query = f"""
        PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
        SELECT DISTINCT ?pledge ?role ?thing ?label
        WHERE {{
          VALUES ?pledge {{ {some} }}
          VALUES ?role {{ kg:maker kg:beneficiary }}
          ?pledge ?role ?thing
          OPTIONAL {{ ?thing rdfs:label ?label }}
        }} ORDER BY ?pledge ?role ?thing"""
        for pledge, role, thing, label in service.graph.store.select(query):
            found.setdefault(str(pledge), {}).setdefault(str(role)[3:], []).append((str(thing), str(label or thing)))
    return found


def _bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest rows of money with the widths of their bars; what has no upper end is drawn as far as it is certain."""
    known = [{**row, "at": at, "reach": row["total_high"] if not row["open_ends"] else row["total_low"]} for at, row in enumerate(rows)]
    for row in known:
        most = max(other["reach"] or 0 for other in known if other["unit"] == row["unit"]) or 1
        row["most"] = round(200 * (row["reach"] or 0) / most, 1)
        row["least"] = round(200 * (row["total_low"] or 0) / most, 1)
    return sorted(known, key=lambda row: (-(row["reach"] or 0), row["at"]))[:MOST_BARS]


def timeline_of(rows: Iterable[Mapping[str, Value]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return rows of the timeline by year, as they come; what allows several years stands under the first of them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        earliest, latest = row["earliest"], row["latest"]
        heading = str(earliest)[:4] if earliest else f"By {str(latest)[:4]}, no beginning is known" if latest else "Without a date"
        found.setdefault(heading, []).append(plain(row))
    return list(found.items())


def conflicts_of(service: Service, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not agree, side by side, and what conspicuously is not said."""
    told = {name: value for name, value in given.items() if value is not None}
    sides: dict[str, list[dict[str, Any]]] = {}
    conflicts = service.rows("conflicts", {"source": given.get("source")})
    absences = service.rows("absences", told)
    for row in conflicts.page(0, MOST_SHOWN).to_dicts():
        sides.setdefault(str(row["conflict"]), []).append(plain(row))
    missing = [plain(row) for row in absences.page(0, MOST_SHOWN).to_dicts()]
    shown = [row for rows in sides.values() for row in rows]
    proofs = proofs_of(service, [str(row["side"]) for row in shown])
    return {
        "conflicts": list(sides.items()),
        "absences": missing,
        "conflict_rows": conflicts.total,
        "absence_rows": absences.total,
        "conflict_search": search_of({"source": given.get("source")}),
        "search": search_of(told),
        "proofs": proofs,
        "labels": service.graph.labels(things_in([*shown, *missing])),
        "most": MOST_SHOWN,
    }


def proofs_of(service: Service, ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the passages that facts and values cite."""
    found: dict[str, list[dict[str, Any]]] = {}
    for some in listed(iri for id in dict.fromkeys(ids) if (iri := expand(id))):
        query = f"""
        PREFIX kg: <{KG}>
        SELECT ?node ?source ?start ?end ?form ?starts_with ?ends_with ?address ?sha256 ?passage
        WHERE {{
          VALUES ?node {{ {some} }}
          ?node kg:cites ?passage . ?passage kg:source ?source ; kg:start ?start ; kg:end ?end ; kg:sha256 ?sha256
          OPTIONAL {{ ?passage kg:form ?form }}
          OPTIONAL {{ ?passage kg:startsWith ?starts_with }}
          OPTIONAL {{ ?passage kg:endsWith ?ends_with }}
          OPTIONAL {{ ?source kg:address ?address }}
        }} ORDER BY ?node ?start ?end"""
        for row in service.graph.store.select(query).to_dicts():
            found.setdefault(str(row["node"]), []).append(passage_of(row, service))
    return found


MOST_SHOWN = 300
"""How many rows of conflicts and of absences one page holds."""


# ---------------------------------------------------------------- the text of a source


def pieces_of(text: str, passages: Sequence[Mapping[str, Any]], furniture: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return a text cut where a passage or a region of furniture begins or ends.

    Args:
        text: The source.
        passages: Rows with `start` and `end`.
        furniture: Where what is no article begins and ends.

    Returns:
        Pieces with `text`, `passages` (the keys of those that they lie in, the shortest first), `is_furniture`, and
        `anchors` (the keys of those that begin there).
    """
    spans = sorted({(int(row["start"]), int(row["end"])) for row in passages})
    cuts = sorted({0, len(text), *(at for span in (*spans, *furniture) for at in span)})
    found = []
    for start, end in pairwise(cuts):
        inside = sorted((span for span in spans if span[0] <= start and end <= span[1]), key=lambda span: span[1] - span[0])
        found.append(
            {
                "text": text[start:end],
                "passages": [f"p{first}-{last}" for first, last in inside],
                "is_furniture": any(first <= start and end <= last for first, last in furniture),
                "anchors": [f"p{first}-{last}" for first, last in spans if first == start],
            }
        )
    return found


def covered(passages: Sequence[Mapping[str, Any]], furniture: Sequence[tuple[int, int]], length: int) -> float:
    """Return which part of an article lies in a passage that is cited, from 0 to 1.

    Example:
        >>> covered([{"start": 0, "end": 40}, {"start": 20, "end": 50}], [(90, 100)], 100)
        0.5555555555555556
    """
    aside = {at for start, end in furniture for at in range(start, end)}
    cited = {at for row in passages for at in range(int(row["start"]), int(row["end"]))} - aside
    return len(cited) / (length - len(aside)) if length > len(aside) else 0.0
