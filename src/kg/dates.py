"""Dates exactly as precise as their source: EDTF and the days it allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from kg.errors import DataError


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and the last day that a date allows; None where the date leaves that end open."""

    earliest: date | None
    latest: date | None


@cache
def to_bounds(edtf: str) -> Bounds:
    """Return the days that an EDTF date or interval allows.

    A date whose year is unknown has no bounds, since every year would do. An approximate or uncertain date (`~`, `?`)
    has those of the date itself: the mark speaks of the source's certainty and gives no figure for it.

    Args:
        edtf: A date such as `2018-07-23`, `2017`, `XXXX-06-30`, `2021-03/2024-03` or `2021/..`.

    Raises:
        DataError: The text is not EDTF.

    Sources:
        Extended Date/Time Format, Library of Congress, 2019: https://www.loc.gov/standards/datetime/

    Example:
        >>> to_bounds("2017")
        Bounds(earliest=datetime.date(2017, 1, 1), latest=datetime.date(2017, 12, 31))
        >>> to_bounds("XXXX-06-30")
        Bounds(earliest=None, latest=None)
    """
    start, slash, end = edtf.partition("/")
    if not slash:
        return _point(edtf)
    if "/" in end:
        return _point(edtf)  # which says what to write instead
    bounds = Bounds(_side(start).earliest, _side(end).latest)
    if bounds.earliest and bounds.latest and bounds.earliest > bounds.latest:
        raise DataError(f"The date {edtf!r} ends before it starts. Turn the two sides round.")
    return bounds


def _side(text: str) -> Bounds:
    """An empty side of an interval is unknown, two dots are open; neither bounds anything."""
    return Bounds(None, None) if text in ("", "..") else _point(text)


def _point(text: str) -> Bounds:
    from edtf import EDTFParseException, parse_edtf

    try:
        parsed = parse_edtf(text)
    except EDTFParseException as exc:
        raise DataError(f"{text!r} is not a date in EDTF. Write it like 2018-07-23, 2018-07, 2018 or XXXX-06-30.") from exc
    if _year_is_open(text):
        return Bounds(None, None)
    try:
        return Bounds(_day(parsed.lower_strict()), _day(parsed.upper_strict()))
    except (AttributeError, TypeError, ValueError, OverflowError) as exc:
        raise DataError(f"{text!r} is EDTF without a first and a last day. Write a date or an interval.") from exc


def _year_is_open(text: str) -> bool:
    """Edtf gives years 0 to 9999 to an unknown year; a year with all digits unknown says nothing."""
    return text.lstrip("-").upper().startswith("XXXX")


def _day(parts: tuple[int, ...]) -> date | None:
    """Days outside the years 1 to 9999 cannot be a date in Python, so that end is left open."""
    year, month, day = parts[:3]
    return date(year, month, day) if 1 <= year <= 9999 else None
