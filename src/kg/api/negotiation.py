"""Which format an answer has: by the suffix of the path, by `format`, or by the Accept header.

Sources:
    RFC 9110, section 12.5.1: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

MEDIA: Mapping[str, tuple[str, ...]] = {
    "html": ("text/html", "application/xhtml+xml"),
    "json": ("application/json",),
    "csv": ("text/csv",),
    "tsv": ("text/tab-separated-values",),
    "ttl": ("text/turtle", "application/x-turtle"),
    "nt": ("application/n-triples", "text/plain"),
    "rdf": ("application/rdf+xml", "application/xml", "text/xml"),
    "jsonld": ("application/ld+json",),
    "srj": ("application/sparql-results+json", "application/json"),
    "xml": ("application/sparql-results+xml", "application/xml", "text/xml"),
    "graphml": ("application/graphml+xml",),
    "gexf": ("application/gexf+xml",),
    "cytoscape": ("application/vnd.cytoscape+json",),
    "problem": ("application/problem+json", "application/json"),
}
"""The media types of each format; an answer has the first."""

SUFFIXES = ("html", "json", "csv", "tsv", "xml", "ttl", "nt", "rdf", "jsonld", "graphml", "gexf", "cytoscape")
"""What a path may end in to name the format; `/pledges.csv` is `/pledges` as CSV."""

_WITH_CHARSET = ("text/",)


def content_type(format: str) -> str:
    """Return the media type that an answer in a format is labelled with.

    Example:
        >>> content_type("csv"), content_type("json")
        ('text/csv; charset=utf-8', 'application/json')
    """
    media = MEDIA[format][0]
    return f"{media}; charset=utf-8" if media.startswith(_WITH_CHARSET) else media


def choose(accept: str | None, offered: Iterable[str]) -> str | None:
    """Return the offered format that is wanted most, the first of several, or None if none is accepted.

    Example:
        >>> choose("text/turtle;q=0.5, text/csv", ["json", "csv", "ttl"])
        'csv'
        >>> choose("*/*", ["json", "html"]), choose(None, ["json"]), choose("image/png", ["json"])
        ('json', 'json', None)
    """
    ranges = list(_ranges(accept)) if accept and accept.strip() else [("*", "*", 1.0)]
    best, chosen = 0.0, None
    for format in offered:
        quality = max(_quality(media, ranges) for media in MEDIA[format])
        if quality > best:
            best, chosen = quality, format
    return chosen


def _ranges(accept: str) -> Iterator[tuple[str, str, float]]:
    for part in accept.split(",")[:100]:
        media, *params = (text.strip().lower() for text in part.split(";"))
        kind, slash, sub = media.partition("/")
        if not slash:
            continue
        quality = 1.0
        for param in params:
            name, _, value = param.partition("=")
            if name.strip() == "q":
                quality = _number(value.strip())
        yield kind, sub, quality


def _number(text: str) -> float:
    digits = text.replace(".", "", 1)
    return min(float(text), 1.0) if digits.isascii() and digits.isdigit() else 0.0


def _quality(media: str, ranges: list[tuple[str, str, float]]) -> float:
    """The most specific range decides, so `text/csv;q=0` refuses what `*/*` would allow."""
    kind, sub = media.split("/")
    found = [((k == kind) + (s == sub), q) for k, s, q in ranges if k in (kind, "*") and s in (sub, "*")]
    return max(found)[1] if found else 0.0


class Listed(Protocol):
    """Headers that may come several times."""

    def getlist(self, key: str) -> list[str]:
        """Return every value of a header."""


def joined(headers: Listed, name: str) -> str | None:
    """Return a header that may come in several lines as the one that they stand for, or None."""
    return ", ".join(headers.getlist(name)) or None


def accepts_gzip(header: str | None) -> bool:
    """Tell whether an answer may be compressed.

    Example:
        >>> accepts_gzip("br, gzip"), accepts_gzip("gzip;q=0"), accepts_gzip(None)
        (True, False, False)
    """
    for part in (header or "").lower().split(","):
        name, _, param = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return _number(param.partition("=")[2].strip() or "1") > 0
    return False
