"""Pages for a browser: made on the server from templates, whole without script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kg.api.negotiation import MEDIA
from kg.queries import query_names
from kg.store import Value
from kg.vocab import CLASSES, expand

SITE = "Who promised what"

PLACES = (
    ("Pledges", "/pledges"),
    ("Timeline", "/timeline"),
    ("Conflicts", "/conflicts"),
    ("Sources", "/sources"),
    ("Explorer", "/explorer"),
    ("SPARQL", "/sparql"),
)
"""What stands at the head of every page."""

FORMAT_NAMES = {"json": "JSON", "csv": "CSV", "ttl": "Turtle", "jsonld": "JSON-LD", "srj": "JSON", "xml": "XML", "tsv": "TSV"}

FIELD_NAMES = {
    "maker": "Who is bound",
    "beneficiary": "To whom",
    "programme": "Programme",
    "theme": "Theme",
    "strength": "Strength",
    "event": "Said at",
    "about": "About",
    "conditional": "Under a condition",
    "due_by": "Due by",
    "with_money": "With a sum",
    "source": "Source",
    "class": "Class",
    "since": "Since",
    "until": "Until",
    "q": "Name",
}
"""What a field is called, where its meaning is too long to stand above it."""

LICENCES = {"creativecommons.org/licenses/by/4.0": "CC BY 4.0", "creativecommons.org/publicdomain/zero/1.0": "CC0"}
"""What licences are called."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: its name, what it means, its value, and the values it can have where those are few."""

    name: str
    doc: str
    value: str = ""
    choices: Sequence[str | tuple[str, str]] = ()
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Listing:
    """A table; the things in its cells become links under their labels.

    Args:
        title: Its heading, or nothing.
        columns: What stands above each column.
        rows: The cells.
        meanings: What each column means, where that is told.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    meanings: Sequence[str] = ()

    @property
    def figures(self) -> set[int]:
        """The columns of numbers, from 0."""
        filled = [[row[at] for row in self.rows if row[at] is not None] for at in range(len(self.columns))]
        return {at for at, cells in enumerate(filled) if cells and all(_is_figure(cell) for cell in cells)}


@cache
def environment() -> Environment:
    """Return what fills the templates."""
    found = Environment(loader=PackageLoader("kg"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {
        "cell": _cell,
        "place": path_of,
        "sort_of": sort_of,
        "host": lambda address: address.partition("//")[2].partition("/")[0],
        "day": _day,
        "until": _until,
        "shorten": shorten_text,
        "groupby_in_order": _in_order,
        "edtf": to_words,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "linked": link_questions,
        "licence": lambda address: next((name for part, name in LICENCES.items() if part in address), address),
    }
    found.tests |= {"thing_id": _is_thing, "address": _is_address}
    found.globals |= {
        "site": SITE,
        "field_names": FIELD_NAMES,
        "places": PLACES,
        "format_names": FORMAT_NAMES,
        "media": {name: MEDIA[name][0] for name in FORMAT_NAMES},
    }
    return found


def render(request: Request, template: str, title: str, licence: str, snapshot: str, **context: Any) -> bytes:
    """Return a page as HTML in UTF-8.

    Args:
        request: The request.
        template: A file of `templates/site/`, without suffix.
        title: Its heading.
        licence: What stands at its foot.
        snapshot: The same.
        context: What the template asks for; `labels` names the things in it, `formats` the same in other formats.
    """
    shared = {
        "root": request.scope.get("root_path", ""),
        "path": request.scope["path"],
        "kind": f"page-{template}",
        "labels": {},
        "formats": (),
    }
    told = {**shared, **context, "title": title, "licence": licence, "snapshot": snapshot}
    return environment().get_template(f"site/{template}.html").render(told).encode()


def problem_page(request: Request, status: int, title: str, detail: str, query: str = "", line_number: int = 0) -> bytes:
    """Return a problem as a page; with a query, the line at which it is wrong is marked."""
    told = {"detail": detail, "query": query, "line_number": line_number}
    return render(request, "problem", f"{status} {title}", "", "", **told)


def shorten_text(text: str, most: int) -> str:
    """Return a text of some length at most, with a sign where it was cut.

    Example:
        >>> shorten_text("Department of Health and Social Care", 16)
        'Department of…'
    """
    if len(text) <= most:
        return text
    head = text[:most]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:") + "…"


def _in_order(rows: Iterable[Mapping[str, Any]], name: str) -> list[tuple[Any, list[Mapping[str, Any]]]]:
    """Return rows that follow one another with the same value together, in the order in which they come."""
    return [(value, list(some)) for value, some in groupby(rows, itemgetter(name))]


def path_of(id: str) -> str:
    """Return the path of a thing by its short form.

    Example:
        >>> path_of("person:matt-hancock"), path_of("source:a-b")
        ('/entities/person/matt-hancock', '/sources/a-b')
    """
    name, _, slug = id.partition(":")
    return f"/sources/{quote(slug)}" if name == "source" else entity_path(id)


def entity_path(id: str) -> str:
    """Return the path of all that is known of a thing, which every thing has, sources too."""
    name, _, slug = id.partition(":")
    return f"/entities/{quote(name)}/{quote(slug)}"


def sort_of(id: str) -> str:
    """Return the class that a short form stands for, or Other.

    Example:
        >>> sort_of("person:matt-hancock"), sort_of("urn:x")
        ('Person', 'Other')
    """
    return CLASSES.get(id.partition(":")[0], "Other")


def link_questions(text: str, root: str) -> Markup:
    """Return a text as HTML in which the names of other questions lead to them.

    Example:
        >>> print(link_questions("<b>: kg query money_total adds up.", ""))
        &lt;b&gt;: <a href="/queries/money_total">money_total</a> adds up.
    """
    link = Markup('<a href="{}/queries/{}">{}</a>')
    parts = _QUESTION.split(text)
    return Markup("").join(link.format(root, part, part) if part in query_names() else escape(part or "") for part in parts)


_QUESTION = re.compile(rf"(?:kg query )?\b({'|'.join(name for name in query_names() if '_' in name)})\b|kg query (\w+)")


def _is_figure(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_thing(value: Value) -> bool:
    return isinstance(value, str) and ":" in value and bool(expand(value)) and not value.startswith("http")


def _is_address(value: Value) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://")) and not any(sign.isspace() for sign in value)


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,f}"
    if isinstance(value, int | float):
        return f"{value:,}"
    return _day(value) if isinstance(value, date) else value


def _day(value: date | str) -> str:
    """Return a day as people write it.

    Example:
        >>> _day(date(2021, 3, 18))
        '18 March 2021'
    """
    found = value if isinstance(value, date) else date.fromisoformat(value)
    return f"{found.day} {found:%B} {found.year}"


def _until(earliest: date | str, latest: date | str) -> str:
    """Return the days from one to another as people write them, whole months and years by their names.

    Example:
        >>> _until("2018-07-01", "2018-07-31"), _until("2024-01-01", "2024-12-31"), _until("2021-03-18", "2021-03-18")
        ('July 2018', '2024', '18 March 2021')
        >>> _until("2018-07-20", "2018-09-06"), _until("2018-09-03", "2018-09-06"), _until("2018-07-01", "2018-09-30")
        ('20 July to 6 September 2018', '3 to 6 September 2018', 'July to September 2018')
    """
    first, last = (day if isinstance(day, date) else date.fromisoformat(day) for day in (earliest, latest))
    is_whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if first == last:
        return _day(first)
    if is_whole and (first.year, first.month) == (last.year, last.month):
        return f"{first:%B} {first.year}"
    if is_whole and (first.month, last.month) == (1, 12):
        return str(first.year) if first.year == last.year else f"{first.year} to {last.year}"
    ends = [f"{day:%B} {day.year}" if is_whole else _day(day) for day in (first, last)]
    if first.year == last.year:
        ends[0] = str(first.day) if first.month == last.month else ends[0].rpartition(" ")[0]
    return " to ".join(ends)


def to_words(text: str) -> str:
    """Return a date in EDTF as people write it, as precisely as it is known; what is not of the simple forms stays.

    Example:
        >>> to_words("2021-03-18"), to_words("2018-07"), to_words("2024"), to_words("XXXX-03"), to_words("2024~")
        ('18 March 2021', 'July 2018', '2024', 'XXXX-03', '2024~')
    """
    parts = text.split("-")
    try:
        if len(text) == 10:
            return _day(text)
        if len(text) == 7 and len(parts) == 2:
            return f"{date(int(parts[0]), int(parts[1]), 1):%B} {parts[0]}"
    except ValueError:
        return text
    return text
