"""Free-form SPARQL handed on to the server that holds the graph, within our own limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Lock

from kg.errors import BusyError, LimitError, SilentError, UnavailableError
from kg.isolation import MIB, Answer, Limits
from kg.remote import Remote
from kg.store import Question, write_answer
from kg.wire import Patience


@dataclass
class Relay:
    """Takes the place of `kg.isolation.Pool` where the engine is not in this process.

    Nothing is started here, and what runs on the server too long is waited for no longer; to end it there is up to the
    server's own limits. The memory of `limits` has no meaning.

    Args:
        store: The server.
        limits: What a query may use.
    """

    store: Remote
    limits: Limits = field(default_factory=Limits)
    _is_closed: bool = False
    _waiting: int = 0
    _counting: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._free = BoundedSemaphore(self.limits.workers)
        self._patient = replace(
            self.store, patience=Patience(self.limits.timeout_s, self.limits.timeout_s, max_bytes=MAX_GROWTH * self.limits.body_mib * MIB)
        )

    @property
    def is_ready(self) -> bool:
        """Whether a query can be asked now."""
        return not self._is_closed

    def start(self) -> None:
        """Do nothing; there is nothing to start."""

    def wake(self) -> None:
        """Do nothing, as `start`."""

    def close(self) -> None:
        """Answer no more."""
        self._is_closed = True

    def ask(self, question: Question) -> Answer:
        """Return the complete answer of a query.

        Raises:
            QueryError: The text is no query, is not allowed, or the server refuses it.
            TooLargeError: The answer has more rows or bytes than the limits say, or the server has cut it.
            NotAcceptableError: The answer cannot be written in a format that was asked for.
            LimitError: The time was used up.
            BusyError: Too many wait already.
            UnavailableError: The server cannot be reached, or breaks off.
        """
        self._take()
        started = time.monotonic()
        try:
            found = self._patient.ask(question.query, default_graphs=question.default_graphs, named_graphs=question.named_graphs)
            format, body = write_answer(found, question, max_rows=self.limits.rows, max_bytes=self.limits.body_mib * MIB)
        except (SilentError, LimitError) as exc:
            raise LimitError(
                f"The query ran longer than {self.limits.timeout_s:g} seconds, which is the limit. "
                "Ask for less: bind more, count less, or set a LIMIT."
            ) from exc
        finally:
            self._free.release()
        return Answer(format, body, time.monotonic() - started)

    def _take(self) -> None:
        """Wait for one's turn."""
        if self._is_closed:
            raise UnavailableError("The server is stopping.")
        if self._free.acquire(blocking=False):
            return
        with self._counting:
            if self._waiting >= self.limits.waiting:
                raise BusyError(f"{self.limits.waiting} queries wait already, which is the limit. Try again in some seconds.")
            self._waiting += 1
        try:
            if not self._free.acquire(timeout=self.limits.timeout_s):
                raise BusyError(f"No query was done within {self.limits.timeout_s:g} seconds. Try again in some seconds.")
        finally:
            with self._counting:
                self._waiting -= 1


MAX_GROWTH = 4
"""How many times larger an answer may be as it comes than as it is written; JSON repeats the names of the columns."""
