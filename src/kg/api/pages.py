"""Plain pages for a browser: headings, tables and links, without script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from urllib.parse import quote, urlsplit

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined

from kg.store import Value
from kg.vocab import expand


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: its name, what it means, its value, and the values it can have where those are few."""

    name: str
    doc: str
    value: str = ""
    choices: Sequence[str] = ()
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
    """A page.

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
def _environment() -> Environment:
    found = Environment(loader=PackageLoader("kg"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["cell"] = _cell
    found.filters["target"] = target
    return found


def to_html(request: Request, sheet: Sheet, licence: str, snapshot: str) -> bytes:
    """Return a page as HTML in UTF-8."""
    root = request.scope.get("root_path", "")
    text = (
        _environment()
        .get_template("page.html")
        .render(sheet=sheet, root=root, path=request.scope["path"], licence=licence, snapshot=snapshot)
    )
    return text.encode()


def problem_page(request: Request, status: int, title: str, detail: str) -> bytes:
    """Return a problem as a page."""
    return to_html(request, Sheet(f"{status} {title}", detail, links=[("Home", "/")]), "", "")


def path_of(id: str) -> str:
    """Return the path of a thing by its short form.

    Example:
        >>> path_of("person:matt-hancock")
        '/entities/person/matt-hancock'
    """
    name, _, slug = id.partition(":")
    return f"/entities/{quote(name)}/{quote(slug)}"


def target(value: Value, root: str) -> str:
    """Return where a cell leads to: the page of a thing, a public address, or nowhere."""
    if not isinstance(value, str):
        return ""
    if ":" in value and expand(value):
        return root + path_of(value)
    return value if urlsplit(value).scheme in ("http", "https") and " " not in value else ""


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,f}"
    if isinstance(value, int | float):
        return f"{value:,}"
    return value.isoformat() if isinstance(value, date) else value
