"""What the pages tell: rows of the catalogue in the order in which people read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from kg.api.pages import shorten_text, sort_of
from kg.api.service import Service
from kg.draw import OTHER, STYLES
from kg.elements import Node, Passage, to_plain
from kg.layout import place
from kg.network import reach
from kg.show import Record, by_fact
from kg.sources import to_link
from kg.store import Value
from kg.vocab import CLASSES, CODE, KG, OWL, RDFS, expand, listed

GROUPS = (
    ("pledges", "Pledges", ("kg:Pledge",)),
    ("statements", "What is said", ("kg:Statement",)),
    ("outcomes", "What came of it", ("kg:Outcome",)),
    ("values", "Sums, numbers and dates", ("kg:Money", "kg:Quantity", "kg:Date")),
    ("names", "Names it goes by", ("kg:Name",)),
    ("offices", "Offices", ("kg:Tenure",)),
    ("ties", "Ties", ("kg:Link",)),
    ("disputes", "What does not agree, and what is not said", ("kg:Conflict", "kg:Absence")),
    ("others", "Other facts", ()),
)
"""In which order facts are told: key, heading and classes; the last takes what is left."""

SHOWN = 10
"""How many facts of a group a page shows at first."""

NEAR = 10
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
    shown = [plain(row) for row in service.rows("money_counted", {}).page(0, 5).to_dicts()]
    ids = [str(row["pledge"]) for row in shown]
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
    bound = bound_of(service, ids)
    example = next((label for id in ids for _, label in bound.get(id, {}).get("maker", ())), "a name")
    return {
        "bound": bound,
        "inferred": inferred_of(service, ids),
        "disputes": disputes_of(service, ids),
        "figures": figures,
        "money": money,
        "pledges": shown,
        "classes": kinds,
        "named": table.classes,
        "questions": questions,
        "example": example,
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


def told_of(service: Service, ids: Iterable[str], query: str) -> Iterator[Record]:
    """Yield the rows of a query about some things, in as many pieces as it takes.

    Args:
        service: What is asked.
        ids: Short forms; each counts once, and what is none is left out.
        query: A SELECT query in which `$THINGS` stands for the things, as rows of `VALUES`.
    """
    for some in listed(iri for id in dict.fromkeys(ids) if (iri := expand(id))):
        yield from service.graph.store.select(query.replace("$THINGS", some)).to_dicts()


def inferred_of(service: Service, ids: Iterable[str]) -> dict[str, set[str]]:
    """Return which properties of some facts and values the archivist concluded, where the source does not state them."""
    found: dict[str, set[str]] = {}
    for row in told_of(service, ids, f"SELECT ?fact ?property WHERE {{ VALUES ?fact {{ $THINGS }} ?fact <{KG}inferred> ?property }}"):
        found.setdefault(str(row["fact"]), set()).add(str(row["property"]))
    return found


TIED = {"kg:from", "kg:to", "kg:relation"}
"""What makes a tie: where one of these is inferred, the tie is."""


def fact_of(rows: Sequence[Record], passages: Sequence[dict[str, Any]], inferred: Collection[str]) -> dict[str, Any]:
    """Return a fact that names a thing: how it does, when, by which words, and whether that was concluded by the archivist."""
    first = rows[0]
    roles = {str(row["role"]) for row in rows}
    return {
        "id": first["fact"],
        "class": str(first["fact_class"]).removeprefix("kg:"),
        "label": first["label"] or first["fact"],
        "roles": ", ".join(dict.fromkeys(str(row["role_label"]) for row in rows)),
        "is_inferred": bool(roles & set(inferred) or (roles & TIED and TIED & set(inferred))),
        "date": first["date"],
        "earliest": first["earliest"] and str(first["earliest"]),
        "latest": first["latest"] and str(first["latest"]),
        "dated_by": first["dated_by"],
        "reported_in": first["reported_in"],
        "passages": passages,
    }


def groups_of(service: Service, id: str, whole: str | None = None) -> list[dict[str, Any]]:
    """Return the facts that name a thing by kind, the first of each kind, or all of the kind that is asked for.

    Args:
        service: What is asked.
        id: Short form of the thing.
        whole: Key of the group of which all facts are told.

    Returns:
        For each kind `key`, `title`, `total` and `facts`, as `fact_of` makes them.
    """
    sorted_out: dict[str, list[list[Record]]] = {key: [] for key, *_ in GROUPS}
    for rows in by_fact(service.rows("facts", {"node": id})):
        sorted_out[kind_of(str(rows[0]["fact_class"]))].append(rows)
    parts = {key: facts if whole else facts[:SHOWN] for key, facts in sorted_out.items() if facts and whole in (None, key)}
    shown = [str(rows[0]["fact"]) for part in parts.values() for rows in part]
    proofs, inferred = proofs_of(service, shown), inferred_of(service, shown)
    return [
        {
            "key": key,
            "title": title,
            "total": len(sorted_out[key]),
            "facts": [fact_of(rows, proofs.get(str(rows[0]["fact"]), ()), inferred.get(str(rows[0]["fact"]), ())) for rows in parts[key]],
        }
        for key, title, _ in GROUPS
        if key in parts
    ]


def kind_of(fact_class: str) -> str:
    """Return the key of the group in which a fact of a class is told.

    Example:
        >>> kind_of("kg:Money"), kind_of("kg:Passage")
        ('values', 'others')
    """
    return next((key for key, _, names in GROUPS if fact_class in names), GROUPS[-1][0])


FIRST = ("made by", "in the capacity of", "for", "said at", "about", "purpose", "condition", "filed under", "strength", "polarity")
"""Which properties of a fact stand first; the others follow by their names."""

TOTALS = ("kg:totalLow", "kg:totalHigh", "kg:totalUnit", "kg:countedIn")
"""Properties that stand together as one sum."""

ASIDE = (*TOTALS, "kg:inferred", "kg:low", "kg:high", "kg:earliest", "kg:latest")
"""Properties that stand elsewhere, or beside what they are about."""


def properties_of(rows: Sequence[Record]) -> list[tuple[str, list[tuple[Value, str | None]], bool]]:
    """Return what a thing says of itself by property: the label of the property, its values, and whether it is inferred.

    A value that is a thing has its short form beside its label.
    """
    found: dict[str, list[tuple[Value, str | None]]] = {}
    concluded = {str(row["value"]) for row in rows if row["property"] == "kg:inferred"}
    labels = {str(row["property_label"]) for row in rows if row["property"] in concluded}
    for row in rows:
        if row["property"] in ASIDE:
            continue
        value = row["value"]
        id = value if isinstance(value, str) and sort_of(value) != "Other" else None
        found.setdefault(str(row["property_label"]), []).append((row["value_label"], id))
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    ordered = sorted(found.items(), key=lambda pair: (ranks.get(pair[0], len(ranks)), pair[0]))
    return [(name, values, name in labels) for name, values in ordered]


def origin_of(service: Service, id: str) -> tuple[str, str | None] | None:
    """Return the source that tells a fact, and when that was published as far as it says; None for what no one source tells."""
    query = f"""
    PREFIX kg: <{KG}> PREFIX code: <{CODE}>
    SELECT ?source ?published
    WHERE {{
      GRAPH ?source {{ ?source a kg:Source . <{expand(id)}> a ?class }}
      OPTIONAL {{ ?day kg:of ?source ; kg:kind code:published ; kg:edtf ?published }}
    }} ORDER BY ?source ?published"""
    return next(((str(source), str(published) if published else None) for source, published in service.graph.store.select(query)), None)


def horizon_of(service: Service, id: str) -> list[tuple[str, str]]:
    """Return by when a pledge is due: dates in EDTF with the words of the source."""
    query = f"""
    PREFIX kg: <{KG}> PREFIX code: <{CODE}>
    SELECT ?edtf ?words
    WHERE {{ ?day kg:of <{expand(id)}> ; kg:kind code:horizon ; kg:edtf ?edtf OPTIONAL {{ ?day kg:words ?words }} }} ORDER BY ?edtf"""
    return [(str(edtf), str(words or "")) for edtf, words in service.graph.store.select(query)]


def sides_of(service: Service, id: str) -> list[dict[str, Any]]:
    """Return the sides of a conflict, each with its words."""
    query = f"""
    PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
    SELECT ?side ?side_label ?of_label
    WHERE {{
      <{expand(id)}> kg:between ?side . ?side rdfs:label ?side_label
      OPTIONAL {{ ?side kg:of/rdfs:label ?of_label }}
    }} ORDER BY ?side"""
    rows = service.graph.store.select(query).to_dicts()
    proofs = proofs_of(service, (str(row["side"]) for row in rows))
    return [{**row, "passages": proofs.get(str(row["side"]), ())} for row in rows]


def total_of(rows: Sequence[Record]) -> dict[str, Any]:
    """Return what a pledge comes to, and which pledges count it already."""
    found = {str(row["property"]): row["value"] for row in rows if row["property"] in TOTALS}
    counted = [(str(row["value"]), str(row["value_label"])) for row in rows if row["property"] == "kg:countedIn"]
    row = {"low": found.get("kg:totalLow"), "high": found.get("kg:totalHigh"), "unit": found.get("kg:totalUnit")}
    return {**plain(row), "counted_in": counted} if row["unit"] else {}


def offices_of(service: Service, id: str) -> list[dict[str, Any]]:
    """Return the offices of a person in their order, each with what the sources report of it, by the day of their report.

    Which office came first is known from the order that a source gives; beyond that, what was reported earlier stands
    first. A status such as current holds for the day of its report.
    """
    found: dict[Value, list[dict[str, Any]]] = {}
    offices = list(service.rows("offices", {"person": id}))
    published = _published(service, (str(row["reported_in"]) for row in offices))
    inferred = inferred_of(service, (str(row["tenure"]) for row in offices))
    for row in offices:
        is_inferred = bool(inferred.get(str(row["tenure"]), set()) & {"kg:status", "kg:post", *TIED})
        told = {**plain(row), "published": published.get(row["reported_in"], ""), "is_inferred": is_inferred}
        found.setdefault(row["post_label"], []).append(told)

    def rank(report: Mapping[str, Any]) -> tuple[Any, ...]:
        return (not report["published"], report["published"], report["order"], report["tenure"])

    for reports in found.values():
        reports.sort(key=rank)
    ordered = sorted(found.items(), key=lambda pair: rank(pair[1][0]))
    return [{"post": post, "reports": reports} for post, reports in ordered]


def _published(service: Service, sources: Iterable[str]) -> dict[Value, str]:
    """Return when some sources were published, as they say it."""
    date = f"?date <{KG}of> ?source ; <{KG}kind> <{CODE}published> ; <{KG}edtf> ?day"
    rows = told_of(service, sources, f"SELECT ?source ?day WHERE {{ VALUES ?source {{ $THINGS }} {date} }} ORDER BY ?source ?day")
    return {row["source"]: str(row["day"]) for row in rows}


def promised_of(service: Service, id: str) -> list[dict[str, Any]]:
    """Return what is promised by, to or under a thing: how many pledges, and their safe totals.

    Returns:
        For each way to be named in a pledge `title`, `search` (the filter of the ledger), `total`, `money` (rows of
        `money_total`) and, for a programme, `rows`: its first pledges.
    """
    own = f"kg:{sort_of(id)}"
    named = service.graph.store.select(
        f"SELECT ?role (COUNT(DISTINCT ?pledge) AS ?pledges) WHERE {{ ?pledge ?role <{expand(id)}> "
        f"FILTER EXISTS {{ ?pledge a <{KG}Pledge> }} }} GROUP BY ?role ORDER BY ?role"
    )
    counts = {str(role).removeprefix("kg:"): int(str(count)) for role, count in named}
    found = []
    for name, class_name, title in PROMISED:
        if own not in service.graph.table().meanings(class_name):
            continue
        # Asking is much dearer than counting; of a programme the parts count as well.
        pledges = service.rows("pledges", {name: id}) if name == "programme" else None
        total = pledges.total if pledges else counts.get(name, 0)
        if total:
            rows = [plain(row) for row in pledges.page(0, SHOWN).to_dicts()] if pledges else []
            money = [plain(row) for row in service.rows("money_total", {name: id})]
            told = {"title": title, "search": search_of({name: id}), "total": total, "money": money, "rows": rows}
            found.append({**told, "concluded": concluded_of(service, {name: id}) if money and name == "maker" else 0})
    return found


def concluded_of(service: Service, given: Mapping[str, Any]) -> int:
    """Return in how many of the pledges that a total counts the archivist concluded who is bound."""
    counted = [str(row["pledge"]) for row in service.rows("money_counted", given)]
    return sum("kg:maker" in found for found in inferred_of(service, counted).values())


PROMISED = (
    ("maker", "kg:Agent", "Promises made"),
    ("beneficiary", "kg:Agent", "Promises received"),
    ("programme", "kg:Programme", "Promised to it or about it, with its parts"),
    ("event", "kg:Event", "Promised there"),
    ("theme", "kg:Theme", "Promised under this theme"),
)
"""In which ways a thing is named in pledges: the filter of the ledger, the class that it is for, and the heading."""


def bound_of(service: Service, pledges: Iterable[str]) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Return all who are bound by some pledges, and all to whom, with their labels; a row of the question has one of each."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    query = f"""
    PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
    SELECT DISTINCT ?pledge ?role ?thing ?label
    WHERE {{
      VALUES ?pledge {{ $THINGS }}
      VALUES ?role {{ kg:maker kg:beneficiary }}
      ?pledge ?role ?thing
      OPTIONAL {{ ?thing rdfs:label ?label }}
    }} ORDER BY ?pledge ?role ?thing"""
    for row in told_of(service, pledges, query):
        roles = found.setdefault(str(row["pledge"]), {})
        roles.setdefault(str(row["role"])[3:], []).append((str(row["thing"]), str(row["label"] or row["thing"])))
    return found


def disputes_of(service: Service, ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the conflicts about some facts or about their values, each with its label."""
    found: dict[str, list[tuple[str, str]]] = {}
    query = f"""
    PREFIX kg: <{KG}> PREFIX rdfs: <{RDFS}>
    SELECT DISTINCT ?node ?conflict ?label
    WHERE {{
      VALUES ?node {{ $THINGS }}
      {{ ?conflict kg:between ?node }} UNION {{ ?value kg:of ?node . ?conflict kg:between ?value }}
      ?conflict rdfs:label ?label
    }} ORDER BY ?node ?conflict"""
    for row in told_of(service, ids, query):
        found.setdefault(str(row["node"]), []).append((str(row["conflict"]), str(row["label"])))
    return found


WIDE, HIGH, EDGE = 320, 250, 22
"""How large the small picture is, in pixels, and how far from its edge a mark stays."""

SIGN, BOLD = 6.5, 7.4
"""How wide a letter of a name in the small picture is, about, in pixels; the first name is bold."""

POLYGONS = {
    "square": ((0, 0), (100, 0), (100, 100), (0, 100)),
    "triangle": ((50, 0), (100, 100), (0, 100)),
    "triangleDown": ((0, 0), (100, 0), (50, 100)),
    "diamond": ((50, 0), (100, 50), (50, 100), (0, 50)),
    "hexagon": ((25, 5), (75, 5), (100, 50), (75, 95), (25, 95), (0, 50)),
    "star": ((50, 0), (62, 35), (100, 36), (69, 58), (80, 95), (50, 73), (20, 95), (31, 58), (0, 36), (38, 35)),
}
"""The corners of the shapes, in percent of their size; a shape that is not here is a disc."""


def picture_of(service: Service, id: str) -> dict[str, Any] | None:
    """Return a small picture of what lies around a node, as numbers for an SVG; None if it stands alone."""
    near = reach(service.graph, [id], depth=1, max_nodes=NEAR)
    found = near.to_network()
    if len(found.nodes) < 2:
        return None
    ids = [node.id for node in found.nodes]
    places = dict(zip(ids, place(ids, found.edges, [16] * len(ids)), strict=True))
    at = _fit(places)
    names = _names(sorted(found.nodes, key=lambda node: (node.id != id, -node.degree, node.id)), at)
    nodes = [
        {
            "id": node.id,
            "label": node.label,
            "at": at[node.id],
            "mark": _mark(node.id, id, at[node.id]),
            **names[node.id],
        }
        for node in found.nodes
    ]
    lines = sorted({(*at[edge.start], *at[edge.end]) for edge in found.edges if edge.start != edge.end})
    return {"nodes": nodes, "lines": lines, "box": f"0 0 {WIDE} {HIGH}", "left_out": sum(near.reached) - sum(near.kept)}


def _fit(places: Mapping[str, tuple[float, float]]) -> dict[str, tuple[int, int]]:
    """Return places stretched so that they fill the picture."""
    spans = [(min(values), max(values)) for values in zip(*places.values(), strict=True)]
    sizes = (WIDE - 4 * EDGE, HIGH - 2 * EDGE)
    fitted = {
        id: [(value - low) / ((high - low) or 1) * size for value, (low, high), size in zip(spot, spans, sizes, strict=True)]
        for id, spot in places.items()
    }
    return {id: (round(x) + 2 * EDGE, round(y) + EDGE - 6) for id, (x, y) in fitted.items()}


def _mark(id: str, centre: str, spot: tuple[int, int]) -> str:
    """Return the corners of the mark of a node as an SVG writes them; nothing for a disc."""
    shape, size = STYLES.get(sort_of(id), OTHER)[0], 9 if id == centre else 7
    corners = POLYGONS.get(shape, ())
    return " ".join(f"{spot[0] + (x - 50) * size / 50:g},{spot[1] + (y - 50) * size / 50:g}" for x, y in corners)


def _names(nodes: Iterable[Node], at: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, Any]]:
    """Return the names for which there is room under their nodes, and where they stand, the first of the nodes first."""
    taken: list[tuple[float, float, float, float]] = [(x - 9, y - 9, x + 9, y + 9) for x, y in at.values()]
    found: dict[str, dict[str, Any]] = {}
    for node in nodes:
        text, (x, y) = shorten_text(node.label, 24), at[node.id]
        half = len(text) * (SIGN if found else BOLD) / 2
        middle = min(max(x, half + 2), WIDE - half - 2)
        box = (middle - half, y + 10, middle + half, y + 24)
        is_free = not any(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken)
        found[node.id] = {"text": text if is_free else None, "middle": round(middle)}
        if is_free:
            taken.append(box)
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


def proofs_of(service: Service, ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the passages that facts and values cite."""
    found: dict[str, list[dict[str, Any]]] = {}
    query = f"""
    PREFIX kg: <{KG}>
    SELECT ?node ?source ?start ?end ?form ?starts_with ?ends_with ?address ?sha256 ?passage
    WHERE {{
      VALUES ?node {{ $THINGS }}
      ?node kg:cites ?passage . ?passage kg:source ?source ; kg:start ?start ; kg:end ?end ; kg:sha256 ?sha256
      OPTIONAL {{ ?passage kg:form ?form }}
      OPTIONAL {{ ?passage kg:startsWith ?starts_with }}
      OPTIONAL {{ ?passage kg:endsWith ?ends_with }}
      OPTIONAL {{ ?source kg:address ?address }}
    }} ORDER BY ?node ?start ?end"""
    for row in told_of(service, ids, query):
        found.setdefault(str(row["node"]), []).append(passage_of(row, service))
    return found


# ---------------------------------------------------------------- the text of a source


def pieces_of(text: str, passages: Sequence[Mapping[str, Any]], furniture: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return a text cut where a passage or a region of furniture begins or ends.

    Args:
        text: The source.
        passages: Rows with `start` and `end`.
        furniture: Where what is no article begins and ends.

    Returns:
        Pieces with `start`, `text`, `passages` (the keys of those that they lie in, the shortest first), `is_furniture`, and
        `anchors` (the keys of those that begin there).
    """
    spans = sorted({(int(row["start"]), int(row["end"])) for row in passages})
    cuts = sorted({0, len(text), *(at for span in (*spans, *furniture) for at in span)})
    found = []
    for start, end in pairwise(cuts):
        inside = sorted((span for span in spans if span[0] <= start and end <= span[1]), key=lambda span: span[1] - span[0])
        found.append(
            {
                "start": start,
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
