"""What can go wrong, as one tree.

    KGError                 exit 1, HTTP 500
    ├── DataError           the data is wrong
    │   ├── ParseError      a file is not what its name says
    │   └── CheckError      the data breaks a rule; carries the findings
    └── CallError           exit 2, HTTP 400: the call is wrong
        ├── NotFoundError   HTTP 404: no such thing; suggests the nearest
        ├── QueryError      the SPARQL text is wrong or not allowed
        ├── TooLargeError   HTTP 422: the answer is over a limit
        └── NotAcceptableError  HTTP 406: the answer has no such format
    └── UnavailableError    HTTP 503: not now
        ├── LimitError      a query used up its time or its memory
        ├── BusyError       too many ask at once
        └── SilentError     another server says nothing

A message says what, which value, where, and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kg.checks import Finding


SEARCH = "kg find TEXT searches by name."
"""The hint for a name of which nothing is near; over HTTP it names the route that searches."""


class KGError(Exception):
    """Anything that a caller of this library can be told in one sentence."""

    exit_code = 1
    http_status = 500
    retry_after_s: int | None = None


class DataError(KGError):
    """The data is wrong: a file, a passage, a snapshot."""


class ParseError(DataError):
    """A file cannot be read as what it is; the message has file and line."""


class CheckError(DataError):
    """The data breaks the rules.

    Args:
        findings: Every breach, in the order of file and line.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        shown = "\n".join(str(finding) for finding in findings)
        count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        super().__init__(f"{shown}\nThe check has {count}; nothing was built. Mend them and build again.")


class CallError(KGError):
    """The call is wrong: an option, a parameter, a path."""

    exit_code = 2
    http_status = 400


class NotFoundError(CallError):
    """What was asked for does not exist; the message names the nearest that does."""

    http_status = 404


class QueryError(CallError):
    """The text is no SPARQL query, or one that is not allowed here."""


class TooLargeError(CallError):
    """The answer is over a limit; the message names it and says how to page."""

    http_status = 422


class NotAcceptableError(CallError):
    """The answer cannot be written in any format that was asked for."""

    http_status = 406


class UnavailableError(KGError):
    """The server cannot answer now."""

    http_status = 503
    retry_after_s: int | None = 5


class LimitError(UnavailableError):
    """A query used up its time or its memory; the same query will again."""

    retry_after_s = None


class BusyError(UnavailableError):
    """Too many ask at once."""


class SilentError(UnavailableError):
    """Another server that was asked says nothing."""
