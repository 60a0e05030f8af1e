"""Who promised what, to whom, at which event, for how much and by when, proved by the passage of the source.

Example:
    >>> import kg
    >>> g = kg.open()
    >>> g.query("people").columns
    ('person', 'label', 'facts', 'sources')
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def __getattr__(name: str) -> object:
    """Import what is asked for and no more, so that the command line answers at once (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'kg' has no attribute {name!r}")
    if name == "open":
        return import_module("kg.queries").open_any
    module = {"Graph": "kg.queries", "Rows": "kg.store", "Triples": "kg.store"}.get(name, "kg.errors")
    return getattr(import_module(module), name)
