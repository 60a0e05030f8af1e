"""Pages for a browser: made on the server from templates, whole without script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined

from kg.api.negotiation import MEDIA
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
    """A table with a heading; the things in its cells become links under their labels."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page that has no template of its own.

    Args:
        title: Its heading.
        lead: A sentence below it.
        told: Names and values.
        listings: Tables.
        labels: Labels of the things in the cells.
        links: Texts and addresses of what lies near, such as the next page.
        fields: A form that asks the same page again.
        formats: Names and addresses of the same in other formats.
        text: A text that stands as it is, such as a query.
    """

    title: str
    lead: str = ""
    told: Sequence[tuple[str, Value]] = ()
    listings: Sequence[Listing] = ()
    labels: Mapping[Value, str] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    fields: Sequence[Field] = ()
    formats: Sequence[tuple[str, str]] = ()
    text: str = ""


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
        "edtf": to_words,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
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


def to_html(request: Request, sheet: Sheet, licence: str, snapshot: str) -> bytes:
    """Return a page that has no template of its own."""
    told: dict[str, Any] = {"labels": sheet.labels, "formats": sheet.formats, "sheet": sheet}
    return render(request, "list", sheet.title, licence, snapshot, **told)


def problem_page(request: Request, status: int, title: str, detail: str, query: str = "", line_number: int = 0) -> bytes:
    """Return a problem as a page; with a query, the line at which it is wrong is marked."""
    told = {"detail": detail, "query": query, "line_number": line_number}
    return render(request, "problem", f"{status} {title}", "", "", **told)


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
