"""What the lists tell: the ledger with its totals, the timeline, and what does not agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kg.api.pages import Field, shorten_text
from kg.api.service import Service
from kg.api.views import bound_of, concluded_of, disputes_of, inferred_of, plain, proofs_of, search_of, things_in, told_of
from kg.queries import Query
from kg.store import Value
from kg.vocab import KG, RDFS, expand

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
    prefixes = f"PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>"
    # Without an order an engine stops at the limit, however many there are.
    some = service.select(f"{prefixes} SELECT DISTINCT ?thing WHERE {{ {CHOICES[name]} }} LIMIT {MOST_CHOICES + 1}")
    if not 0 < len(some) <= MOST_CHOICES:
        return []
    things = " ".join(f"<{expand(str(id))}>" for (id,) in sorted(some))
    query = f"{prefixes} SELECT ?thing ?label WHERE {{ VALUES ?thing {{ {things} }} ?thing rdfs:label ?label }} ORDER BY ?label ?thing"
    return [(str(id), shorten_text(str(label), 60)) for id, label in service.select(query)]


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
            choices = [*choices, (text, shorten_text(service.graph.labels([text]).get(text, text), 60))]
        kind = {"date": "date", "iri": "thing"}.get(param.type, "text")
        found.append(Field(param.name, param.doc, text, choices, kind, _searched(service, param.class_name)))
    return found


def _searched(service: Service, class_name: str | None) -> str:
    """Return the class by which a search is narrowed; the network need not have one that everything is of."""
    return class_name if class_name in service.graph.table().classes else ""


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
        "chart": bars_of([plain(row) for row in service.rows("money_by_programme", told)]),
        "rows": shown,
        "bound": bound_of(service, [str(row["pledge"]) for row in rows]),
        "posts": posts_of(service, [str(row["capacity"]) for row in rows if row["capacity"]]),
        "disputes": disputes_of(service, [str(row["pledge"]) for row in rows]),
        "inferred": inferred_of(service, [str(row["pledge"]) for row in rows]),
        "concluded": concluded_of(service, told),
        "labels": service.graph.labels(things_in(rows)),
    }


def posts_of(service: Service, tenures: Iterable[str]) -> dict[str, str]:
    """Return the names of the offices of some tenures."""
    query = f"SELECT ?tenure ?label {{ VALUES ?tenure {{ $THINGS }} ?tenure <{KG}post>/<{RDFS}label> ?label }}"
    return {str(row["tenure"]): str(row["label"]) for row in told_of(service, tenures, query)}


def bars_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest rows of money with the widths of their bars; what has no upper end is drawn as far as it is certain."""
    known = [{**row, "at": at, "reach": row["total_high"] if not row["open_ends"] else row["total_low"]} for at, row in enumerate(rows)]
    for row in known:
        most = max(other["reach"] or 0 for other in known if other["unit"] == row["unit"]) or 1
        row["most"] = round(200 * (row["reach"] or 0) / most, 1)
        row["least"] = round(200 * (row["total_low"] or 0) / most, 1)
    return sorted(known, key=lambda row: (-(row["reach"] or 0), row["at"]))[:MOST_BARS]


def timeline_of(rows: Iterable[Mapping[str, Value]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return rows of the timeline by year, as they come; what allows several years stands under the first that is known."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        earliest, latest = row["earliest"], row["latest"]
        heading = str(earliest or latest)[:4] if earliest or latest else "Without a date"
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


MOST_SHOWN = 300
"""How many rows of conflicts and of absences one page holds."""
