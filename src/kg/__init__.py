"""Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source.

Example:
    >>> import kg
    >>> g = kg.open()
    >>> g.query("people").columns
    ('person', 'label', 'facts', 'sources')
"""

from kg.errors import CallError, CheckError, DataError, KGError, NotFoundError, ParseError, QueryError
from kg.queries import Graph
from kg.queries import open_any as open
from kg.store import Rows, Triples

__all__ = [
    "CallError",
    "CheckError",
    "DataError",
    "Graph",
    "KGError",
    "NotFoundError",
    "ParseError",
    "QueryError",
    "Rows",
    "Triples",
    "open",
]
