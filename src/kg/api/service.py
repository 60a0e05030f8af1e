"""What the server answers from: one snapshot, with the caches and processes that belong to it, and the change to the next."""

from __future__ import annotations

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any, Generic, TypeVar

from kg.errors import BusyError
from kg.isolation import Limits, Pool
from kg.queries import Graph, Query, get_query
from kg.relay import Relay
from kg.remote import Remote
from kg.resources import release
from kg.snapshots import Engine
from kg.store import Rows, Value, to_python

V = TypeVar("V")

CACHED_BYTES = 64 * 1024 * 1024
"""How many bytes of answers are kept."""

KEPT_BYTES = 64 * 1024 * 1024
"""How many bytes of packed rows are kept, so that the next page need not be asked for again."""

PART = 500
"""How many rows are packed together."""

AT_ONCE = 4
"""How many questions of the catalogue are asked at a time; the others wait."""

PATIENCE_S = 20
"""For how long they wait."""


class Cache(Generic[V]):
    """The values that were wanted last, up to a size.

    Example:
        >>> cache = Cache[str](10, len)
        >>> cache.put("a", "12345"), cache.put("b", "1234567"), cache.get("a"), cache.get("b")
        (None, None, None, '1234567')
    """

    def __init__(self, size: int, measure: Callable[[V], int]) -> None:
        self._size = self._room = size
        self._measure = measure
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> V | None:
        """Return a value, or None if it is not kept."""
        with self._lock:
            found = self._values.get(key)
            if found is not None:
                self._values.move_to_end(key)
            return found

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value if there is room for it at all; what was not wanted for longest goes."""
        if (size := self._measure(value)) > self._size:
            return
        with self._lock:
            if key in self._values:
                self._room += self._measure(self._values.pop(key))
            self._values[key] = value
            self._room -= size
            while self._room < 0:
                self._room += self._measure(self._values.popitem(last=False)[1])


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it goes over the wire."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Packed:
    """All rows of an answer, packed so that many answers fit into memory, and a page of one is opened by itself.

    Example:
        >>> packed = Packed.of(("n",), iter([(1,), (2,), (3,)]))
        >>> packed.total, packed.page(1, 1), list(packed)
        (3, Rows(columns=('n',), rows=((2,),)), [{'n': 1}, {'n': 2}, {'n': 3}])
    """

    columns: tuple[str, ...]
    total: int
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, columns: tuple[str, ...], rows: Iterator[tuple[Value, ...]]) -> Packed:
        """Pack rows."""
        parts, total = [], 0
        while part := tuple(islice(rows, PART)):
            parts.append(zlib.compress(pickle.dumps(part), 1))
            total += len(part)
        return cls(columns, total, tuple(parts))

    def page(self, offset: int, limit: int) -> Rows:
        """Return some rows."""
        first = offset // PART
        opened = [row for part in self.parts[first : (offset + limit - 1) // PART + 1] for row in _unpack(part)]
        return Rows(self.columns, tuple(opened[offset - first * PART :][:limit]))

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """Yield a record for each row."""
        return (dict(zip(self.columns, row, strict=True)) for part in self.parts for row in _unpack(part))


def _unpack(part: bytes) -> tuple[tuple[Value, ...], ...]:
    rows: tuple[tuple[Value, ...], ...] = pickle.loads(zlib.decompress(part))  # noqa: S301 # this process has written it
    return rows


@dataclass
class Service:
    """One snapshot that is being served.

    Args:
        graph: What is asked.
        limits: What a free-form query may use.
        texts: The text of each source by its short form, where the texts are at hand.
        contact: Where readers report an error, as a link; None if nowhere.
        prepare: Asks beforehand for what takes long and is asked for first.
        in_flight: How many requests it is answering.
    """

    graph: Graph
    limits: Limits
    texts: Mapping[str, str] = field(default_factory=dict)
    contact: str | None = None
    prepare: Callable[[Service], None] | None = None
    in_flight: int = 0
    is_retired: bool = False

    def __post_init__(self) -> None:
        self.ready = Event()
        self.ready.set()
        self.renew_pool()
        self.answers: Cache[Stored] = Cache(CACHED_BYTES, lambda stored: len(stored.body) + 1000)
        self._room = BoundedSemaphore(AT_ONCE)
        self._places: tuple[Packed | None, dict[str, int]] = (None, {})
        self._rows: Cache[Packed] = Cache(KEPT_BYTES, lambda rows: sum(map(len, rows.parts)) + 1000)

    def renew_pool(self) -> None:
        """Have processes for free-form queries that are not started yet; a pool that was closed is not opened again."""
        store, folder = self.graph.store, self.graph.snapshot.folder
        self.pool: Pool | Relay
        if isinstance(store, Remote):
            self.pool = Relay(store, self.limits)
        else:
            self.pool = Pool(self.graph.embedded, self.limits, folder, self.graph.snapshot.engine or Engine.memory)

    @property
    def digest(self) -> str:
        """The digest of the snapshot."""
        return str(self.graph.snapshot.manifest["sha256"])

    @cached_property
    def seal(self) -> str:
        """What an answer depends on besides its address and its format: snapshot, version and the options of the server."""
        return f"{self.digest} {release()} {self.limits} {sorted(self.texts)} {self.contact}"

    def place_of(self, source: str) -> int | None:
        """Return where a source stands among the rows of the question `sources`, or None if it does not."""
        rows = self.rows("sources", {})
        # What has been pushed to a server meanwhile may be among rows that were asked for again.
        if self._places[0] is not rows:
            self._places = (rows, {str(row["source"]): at for at, row in enumerate(rows)})
        return self._places[1].get(source)

    @property
    def licence(self) -> str | None:
        """The licence that the ontology states, or None."""
        return self.graph.licence

    def warm(self) -> None:
        """Open the table and start the processes, so that the first who asks need not wait; what takes longer goes on afterwards.

        Raises:
            UnavailableError: The processes cannot be started.
        """
        self.graph.table()
        self.pool.start()
        if self.prepare and self.ready.is_set():
            self.ready.clear()
            Thread(target=self._get_ready, args=(self.prepare,), daemon=True).start()

    def _get_ready(self, prepare: Callable[[Service], None]) -> None:
        try:
            prepare(self)
        finally:
            self.ready.set()

    def rows(self, name: str, params: Mapping[str, Any]) -> Packed:
        """Return all rows of a query of the catalogue, which are kept for the next page.

        Raises:
            NotFoundError, CallError: As for `Graph.query`.
            BusyError: Too many questions are being answered.
        """
        given = {key: value for key, value in params.items() if value is not None}
        key = (name, tuple(sorted((key, str(value)) for key, value in given.items())))
        if (found := self._rows.get(key)) is not None:
            return found
        query = get_query(name)
        terms = self.graph.terms(query, given)
        if query.is_empty(terms):
            self._rows.put(key, empty := Packed(tuple(column.name for column in query.columns), 0, ()))
            return empty
        return self._ask(key, query.bind(terms), query)

    def select(self, text: str) -> Rows:
        """Return all rows of a query of our own, which are kept as well."""
        found = self._ask(text, text)
        return found.page(0, found.total)

    def _ask(self, key: Hashable, text: str, query: Query | None = None) -> Packed:
        if not self._room.acquire(timeout=PATIENCE_S):
            raise BusyError(f"{AT_ONCE} questions are being answered, and none was ready within {PATIENCE_S} seconds. Try again.")
        try:
            # Who waited may have waited for the same.
            found = self._rows.get(key)
            if found is None:
                columns, terms = self.graph.store.solutions(text)
                rows = (tuple(map(to_python, row)) for row in terms)
                found = Packed.of(columns, query.read(columns, rows) if query else rows)
                self._rows.put(key, found)
        finally:
            self._room.release()
        return found

    def retire(self) -> None:
        """Let go once the last request is answered."""
        self.is_retired = True
        if not self.in_flight:
            Thread(target=self.pool.close, daemon=True).start()

    def release(self) -> None:
        """One request is answered."""
        self.in_flight -= 1
        if self.is_retired and not self.in_flight:
            Thread(target=self.pool.close, daemon=True).start()


@dataclass
class Host:
    """Holds the service in force and changes it for the next without a request noticing.

    Args:
        current: The service that new requests get.
        open: Opens the snapshot that is in force now.
    """

    current: Service
    open: Callable[[], Service] | None = None

    def take(self) -> Service:
        """Return the service for one request, which calls `release` when it is answered."""
        service = self.current
        service.in_flight += 1
        return service

    def prepare(self) -> Service | None:
        """Open the snapshot that is now in force and warm it; None if it is the one that is served.

        Raises:
            KGError: It cannot be opened; the one before stays in force.
        """
        following = self.open() if self.open else None
        if following is None or following.seal == self.current.seal:
            return None
        following.warm()
        return following

    def change_to(self, following: Service) -> None:
        """Serve another snapshot from now on; requests that have begun end with theirs. Call it where requests are taken."""
        before, self.current = self.current, following
        before.retire()
