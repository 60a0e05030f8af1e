"""Dates exactly as precise as their source: EDTF and the days it allows."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
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


_PLAIN = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d\d))?)?")
"""A plain year, month or day, which most dates are, and which needs no parser of EDTF."""


def _plain_bounds(year: int | None, month: int | None, day: int | None) -> Bounds:
    first = date(year or 0, month or 1, day or 1)
    last = first if day else date(first.year, month or 12, monthrange(first.year, month or 12)[1])
    return Bounds(first, last)


def _side(text: str) -> Bounds:
    """An empty side of an interval is unknown, two dots are open; neither bounds anything."""
    return Bounds(None, None) if text in ("", "..") else _point(text)


def _point(text: str) -> Bounds:
    from edtf import EDTFParseException, parse_edtf

    if plain := _PLAIN.fullmatch(text):
        with suppress(ValueError):  # a day that there is not is told apart below
            return _plain_bounds(*(int(part) if part else None for part in plain.groups()))
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


def to_words(edtf: str, words: str = "") -> str:
    """Return a date as people write it, as precise as it is known and no more.

    Args:
        edtf: A date or interval in EDTF; a form that has no plain words stays as it is.
        words: The words of the source, where it is vague.

    Example:
        >>> to_words("2021-03-18"), to_words("2018-07"), to_words("2024"), to_words("XXXX-06-30")
        ('18 March 2021', 'July 2018', '2024', '30 June, year not stated')
        >>> to_words("2021-03~/2024-03~", "the next three years"), to_words("XXXX", "shortly"), to_words("2021/..")
        ('about March 2021 to about March 2024 (“the next three years”)', '“shortly”', 'from 2021')
        >>> to_words("2018-21"), to_words("2018-XX-30"), to_words("../2032")
        ('spring 2018', '2018-XX-30', 'until 2032')
    """
    quoted = f"“{words}”" if words else ""
    if edtf == "XXXX":
        return quoted or "not stated"
    start, slash, end = edtf.partition("/")
    first, last = _words_of(start), _words_of(end)
    if not slash:
        text = first
    elif start in ("", "..") or end in ("", ".."):
        text = f"until {last}" if start in ("", "..") and last else f"from {first}" if first and end in ("", "..") else edtf
    else:
        is_plain = first and last and "," not in first and start != end
        text = f"{first} to {last}" if is_plain else first if start == end else edtf
    return f"{text or edtf} ({quoted})" if quoted else text or edtf


_POINT = re.compile(r"(?P<year>\d{4}|XXXX)(?:-(?P<month>0[1-9]|1[0-2]|2[1-4]|XX)(?:-(?P<day>\d\d|XX))?)?(?P<mark>[~?%]?)")
_SEASONS = {"21": "spring", "22": "summer", "23": "autumn", "24": "winter"}
_MARKS = {"": "", "~": "about ", "?": "perhaps ", "%": "perhaps about "}


def _words_of(text: str) -> str:
    """Return one point of time in words, or nothing for a form that has none."""
    found = _POINT.fullmatch(text)
    if not found:
        return ""
    year, month, day, mark = found["year"], found["month"], found["day"], _MARKS[found["mark"]]
    if day and ((month == "XX" and day != "XX") or month in _SEASONS):
        return ""
    name = _SEASONS.get(month or "", "") or (f"{date(2000, int(month), 1):%B}" if month and month != "XX" else "")
    parts = [str(int(day)) if day and day != "XX" and name else "", name, "" if year == "XXXX" else year]
    unknown = [part for part, given in (("day", day == "XX"), ("month", month == "XX"), ("year", year == "XXXX")) if given]
    told = " ".join(part for part in parts if part)
    return mark + told + (f", {' and '.join(unknown)} not stated" if unknown else "") if told else ""


def to_span(earliest: date, latest: date) -> str:
    """Return the days from one to another as people write them, whole months and years by their names.

    Example:
        >>> day = date.fromisoformat
        >>> to_span(day("2018-07-01"), day("2018-07-31")), to_span(day("2024-01-01"), day("2024-12-31"))
        ('July 2018', '2024')
        >>> to_span(day("2018-07-20"), day("2018-09-06")), to_span(day("2018-09-03"), day("2018-09-06"))
        ('20 July to 6 September 2018', '3 to 6 September 2018')
        >>> to_span(day("2018-07-01"), day("2018-09-30")), to_span(day("2021-03-18"), day("2021-03-18"))
        ('July to September 2018', '18 March 2021')
    """
    is_whole = earliest.day == 1 and (latest == date.max or (latest + timedelta(days=1)).day == 1)
    same_year = earliest.year == latest.year
    if earliest == latest:
        return to_words(earliest.isoformat())
    if is_whole and same_year and earliest.month == latest.month:
        return to_words(earliest.isoformat()[:7])
    if is_whole and (earliest.month, latest.month) == (1, 12):
        return str(earliest.year) if same_year else f"{earliest.year} to {latest.year}"
    ends = [to_words(day.isoformat()[: 7 if is_whole else 10]) for day in (earliest, latest)]
    if same_year:
        ends[0] = str(earliest.day) if earliest.month == latest.month else ends[0].rpartition(" ")[0]
    return " to ".join(ends)
