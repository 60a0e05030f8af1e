"""Namespaces as plain strings, and short forms such as `person:matt-hancock`.

Three spellings mean one thing: the IRI, the short form `<class>:<slug>` of a thing, and the bare word of a code
(`firm`). A term of the vocabulary is `kg:Pledge`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

BASE = "https://w3id.org/kg-commitments/"
KG = BASE + "ontology#"
ID = BASE + "id/"
CODE = BASE + "code/"
GRAPH = BASE + "graph/"
ONTOLOGY_GRAPH = GRAPH + "ontology"
ENTITIES_GRAPH = GRAPH + "entities"
DERIVED_GRAPH = GRAPH + "derived"
EXPORT_GRAPH = GRAPH + "export"

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
EDTF = "http://id.loc.gov/datatypes/edtf/EDTF"
WIKIDATA = "http://www.wikidata.org/entity/"

CLASSES = {
    "person": "Person",
    "organisation": "Organisation",
    "trust": "Trust",
    "group": "Group",
    "post": "Post",
    "programme": "Programme",
    "wave": "Wave",
    "event": "Event",
    "technology": "Technology",
    "place": "Place",
    "theme": "Theme",
    "identifier": "Identifier",
    "link": "Link",
    "tenure": "Tenure",
    "pledge": "Pledge",
    "statement": "Statement",
    "outcome": "Outcome",
    "conflict": "Conflict",
    "absence": "Absence",
    "name": "Name",
    "date": "Date",
    "quantity": "Quantity",
    "money": "Money",
    "source": "Source",
    "passage": "Passage",
    "furniture": "Furniture",
}
"""The first part of a short form, and the class it stands for."""

PREFIXES = {
    "kg": KG,
    "code": CODE,
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "schema": "https://schema.org/",
    **{name: f"{ID}{name}/" for name in CLASSES},
}

SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_SHORT = re.compile(rf"({'|'.join(CLASSES)}):({SLUG})")


def expand(short: str) -> str | None:
    """Return the IRI of a short form or of an IRI of ours, or None if it is neither.

    Example:
        >>> expand("person:matt-hancock")
        'https://w3id.org/kg-commitments/id/person/matt-hancock'
        >>> expand("Matt Hancock") is None
        True
    """
    if match := _SHORT.fullmatch(short):
        return f"{ID}{match[1]}/{match[2]}"
    return short if _SHORT.fullmatch(shorten(short)) else None


def shorten(iri: str) -> str:
    """Return the short form of an IRI, the bare word of a code, or the IRI itself if it is not of ours.

    Example:
        >>> shorten("https://w3id.org/kg-commitments/code/firm")
        'firm'
        >>> shorten("https://w3id.org/kg-commitments/ontology#Pledge")
        'kg:Pledge'
    """
    if iri.startswith(ID):
        return iri[len(ID) :].replace("/", ":", 1)
    if iri.startswith(CODE):
        return iri[len(CODE) :]
    if iri.startswith(KG):
        return "kg:" + iri[len(KG) :]
    return iri


def slug_of(iri: str) -> str:
    """Return the last part of an IRI, which is the slug of a thing.

    Example:
        >>> slug_of("https://w3id.org/kg-commitments/id/person/matt-hancock")
        'matt-hancock'
    """
    return iri.rpartition("/")[2]


def to_iri(short: str) -> str:
    """Return the IRI of a short form, of a term of the vocabulary or of a code; what is an IRI already stays.

    Example:
        >>> to_iri("kg:maker"), to_iri("firm")
        ('https://w3id.org/kg-commitments/ontology#maker', 'https://w3id.org/kg-commitments/code/firm')
    """
    if short.startswith("kg:"):
        return KG + short[3:]
    return expand(short) or (short if ":" in short else CODE + short)


def listed(iris: Iterable[str], most: int = 50_000) -> Iterator[str]:
    """Yield the IRIs as rows of `VALUES`, in texts of some length at most, so that no query becomes too long.

    Example:
        >>> list(listed(["https://example.org/a", "https://example.org/b"], most=30))
        ['<https://example.org/a>', '<https://example.org/b>']
    """
    rows: list[str] = []
    length = 0
    for row in (f"<{iri}>" for iri in iris):
        if rows and length + len(row) > most:
            yield " ".join(rows)
            rows, length = [], 0
        rows.append(row)
        length += len(row) + 1
    if rows:
        yield " ".join(rows)


def prologue(query: str | None = None) -> str:
    """Return the `PREFIX` lines for everything in `PREFIXES`, or for what a query may use of it, to stand before it."""
    return "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items() if query is None or f"{name}:" in query)


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return the hint that ends an error message: the nearest of the choices, or nothing if none is near.

    Example:
        >>> suggest("plegdes", ["pledges", "people"])
        " Did you mean 'pledges'?"
    """
    found = get_close_matches(word, sorted(choices), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
