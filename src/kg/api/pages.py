"""Pages for a browser: made on the server from templates, whole without script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kg.api.negotiation import MEDIA
from kg.dates import to_span, to_words
from kg.queries import query_names
from kg.sources import is_web
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

FORMAT_NAMES = {
    "json": "JSON",
    "csv": "CSV",
    "ttl": "Turtle",
    "jsonld": "JSON-LD",
    "srj": "JSON",
    "xml": "XML",
    "tsv": "TSV",
    "nt": "N-Triples",
    "rdf": "RDF/XML",
}

FIELD_NAMES = {
    "maker": "Who is bound",
    "beneficiary": "To whom",
    "programme": "Programme",
    "theme": "Theme",
    "strength": "Strength",
    "event": "Said at",
    "about": "About",
    "node": "Of what",
    "trust": "Trust",
    "person": "Person",
    "organisation": "Organisation",
    "post": "Office",
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

MARKS = ("“", "”", "‘", "’", '"', "'", "«", "»")
"""Marks of quotation."""

LICENCES = {"creativecommons.org/licenses/by/4.0": "CC BY 4.0", "creativecommons.org/publicdomain/zero/1.0": "CC0"}
"""What licences are called."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: its name, what it means, its value, the values it can have where those are few, and else its kind.

    The kind is `text`, `date`, `search`, or `thing` for the short form of a thing of the class `of`.
    """

    name: str
    doc: str
    value: str = ""
    choices: Sequence[str | tuple[str, str]] = ()
    kind: str = "text"
    of: str = ""


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
    found = Environment(
        loader=PackageLoader("kg"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_clean
    )
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
    found.tests |= {"thing_id": _is_thing, "address": lambda value: isinstance(value, str) and is_web(value)}
    found.globals |= {
        "site": SITE,
        "field_names": FIELD_NAMES,
        "places": PLACES,
        "format_names": FORMAT_NAMES,
        "marks": MARKS,
        "media": {name: MEDIA[name][0] for name in FORMAT_NAMES},
    }
    return found


def compile_templates() -> None:
    """Compile every template, so that the first who asks for a page need not wait."""
    for name in environment().list_templates(filter_func=lambda name: name.startswith("site/")):
        environment().get_template(name)


_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Signs of control, and those that turn the direction of the text around them."""


def _clean(value: Any) -> Any:
    """Return a text without the signs that nobody sees and that change how its surroundings are read."""
    if isinstance(value, str) and _UNSEEN.search(value):
        return type(value)(_UNSEEN.sub("", value))
    return value


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


HEADINGS = {
    400: "This cannot be asked",
    404: "There is nothing here",
    405: "That is not done here",
    406: "Not in this format",
    413: "That is too large",
    500: "Something went wrong",
    503: "Not at the moment",
}
"""What a problem is called on a page."""


def problem_page(request: Request, status: int, title: str, detail: str, query: str = "") -> bytes:
    """Return a problem as a page.

    Args:
        request: The request.
        status: The status of HTTP.
        title: Its phrase, for a status without a heading of ours.
        detail: What is wrong and what to do.
        query: The text of a SPARQL query, in which the place is marked that the detail names.
    """
    unknown = re.search(r"There is no '([^']{1,100})' in the", detail)
    place = re.search(r"at line (\d+)(?:, column (\d+))?", detail)
    told = {
        "status": status,
        "detail": detail,
        "query": query,
        "line_number": int(place[1]) if place else 0,
        "column": int(place[2]) if place and place[2] else 0,
        "proposal": _proposal(request, detail),
        "unknown": unknown[1].partition(":")[2] or unknown[1] if unknown else "",
    }
    heading = HEADINGS.get(status, title) if not query else "The query was ended" if status == 503 else "The query is wrong"
    return render(request, "problem", heading, "", "", **told)


def _proposal(request: Request, detail: str) -> tuple[str, str] | None:
    """Return the name that a message proposes, and the address of the same request with it; None if it proposes none."""
    found = re.search(r"'([^']+)'.* Did you mean '([^']+)'\?", detail)
    if not found:
        return None
    wrong, right = found.groups()
    pairs = [(name, right if value == wrong else value) for name, value in request.query_params.multi_items()]
    if right in dict(pairs).values():
        return right, f"{request.scope['path']}?{urlencode(pairs)}"
    return (right, path_of(right)) if expand(right) and ":" in wrong else None


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
    """Return a day as people write it; what is no day of ours, such as one before the year 1, stays.

    Example:
        >>> _day(date(2021, 3, 18)), _day("-0044-03-15")
        ('18 March 2021', '-0044-03-15')
    """
    return to_words(str(value))


def _until(earliest: date | str, latest: date | str) -> str:
    """Return the days from one to another as people write them.

    Example:
        >>> _until("2018-07-01", "2018-07-31"), _until("-0044-01-01", "2018-07-31")
        ('July 2018', '-0044-01-01 to 31 July 2018')
    """
    try:
        return to_span(*(day if isinstance(day, date) else date.fromisoformat(day) for day in (earliest, latest)))
    except ValueError:
        return f"{_day(earliest)} to {_day(latest)}"
