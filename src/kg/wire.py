"""One request to a server: the whole answer, or one sentence of what went wrong in the server's own words."""

from __future__ import annotations

import os
import re
import ssl
from base64 import b64encode
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic, sleep
from typing import Any, Literal

import httpx2 as httpx

from kg.errors import BusyError, CallError, LimitError, NotAcceptableError, QueryError, SilentError, TooLargeError, UnavailableError

USER, PASSWORD = "KG_ENDPOINT_USER", "KG_ENDPOINT_PASSWORD"  # the name of a variable
"""The variables of the environment that hold the credentials."""

CUT = ("x-sparql-maxrows", "x-sql-state")
"""Headers by which Virtuoso says that an answer is not whole."""

PASSING = frozenset({429, 502, 503, 504})
"""The statuses of an answer that another try may change."""

Noun = Literal["query", "graph"]
"""What is sent to a server."""

TAKES = {"query": "queries", "graph": "graphs"}
HINTS = {
    "query": "Name the address at which the server takes queries.",
    "graph": "Name with --graph-store-url the address at which the server takes graphs.",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """What an answer may take.

    Args:
        silent_s: Seconds for which the server may be silent.
        total_s: Seconds in which the whole answer must have come.
        max_bytes: How large it may be; None if there is no limit.
    """

    silent_s: float = 60.0
    total_s: float = 600.0
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Credentials(httpx.Auth):
    """Sends the credentials of the environment, basic or digest as the server asks, and only if it asks.

    What the server has asked once is kept, so that the next request need not be sent twice.
    """

    def __init__(self) -> None:
        self._user, self._password = os.environ.get(USER), os.environ.get(PASSWORD, "")
        self._digest = httpx.DigestAuth(self._user or "", self._password)
        self._basic: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Send a request, and once more if the server asks who is there."""
        if self._user is None:
            yield request
            return
        if self._basic is not None:
            request.headers["Authorization"] = self._basic
        digest = self._digest.auth_flow(request)
        answer = yield next(digest)
        if answer.status_code != 401 or self._basic is not None:
            return
        asked = " ".join(answer.headers.get_list("www-authenticate")).lower()
        if "digest " in asked:
            yield digest.send(answer)
        elif "basic" in asked:
            self._basic = "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
            request.headers["Authorization"] = self._basic
            yield request


@cache
def _certificates() -> ssl.SSLContext:
    """To read them takes longer than most answers."""
    return httpx.create_ssl_context()


def send(
    method: str,
    url: str,
    noun: Noun,
    content: Mapping[str, Any],
    *,
    patience: Patience | None = None,
    pauses: Sequence[float] = (),
    credentials: Credentials | None = None,
    is_gone_fine: bool = False,
) -> Reply:
    """Return the whole answer of a server to a request.

    Args:
        method: Of HTTP.
        url: The address.
        noun: What is sent to it.
        content: Parameters, headers and body, as `httpx` names them.
        patience: What the answer may take.
        pauses: Seconds before each further try, where what went wrong may pass by itself.
        credentials: Those of the requests before.
        is_gone_fine: Whether it is no error that there is nothing at the address.

    Raises:
        UnavailableError: The server cannot be reached, is silent for too long, breaks off, or cannot answer now.
        LimitError: The answer was not whole in time.
        CallError: The address is wrong, or the server wants credentials or refuses what is sent.
        TooLargeError: The answer is cut, or over the limit.
    """
    content = {**content, "headers": {"User-Agent": "kg", **content.get("headers", {})}}
    credentials = credentials or Credentials()
    for pause in pauses:
        try:
            found = _receive(method, url, patience or Patience(), credentials, content)
        except LimitError:
            raise
        except UnavailableError:
            sleep(pause)
            continue
        if found.status not in PASSING:
            break
        sleep(pause)
    else:
        found = _receive(method, url, patience or Patience(), credentials, content)
    if not (is_gone_fine and found.status == 404):
        _require_whole(found, url, noun)
    return found


def _receive(method: str, url: str, patience: Patience, credentials: Credentials, content: Mapping[str, Any]) -> Reply:
    last, body = monotonic() + patience.total_s, bytearray()
    try:
        with (
            httpx.Client(timeout=patience.silent_s, verify=_certificates(), auth=credentials) as client,
            client.stream(method, url, **content) as answer,
        ):
            for part in answer.iter_bytes():
                body += part
                if patience.max_bytes is not None and len(body) > patience.max_bytes:
                    raise TooLargeError(
                        f"The answer is larger than {patience.max_bytes / 1024 / 1024:g} MiB, which is the limit. "
                        "Page through it: ORDER BY, LIMIT and OFFSET."
                    )
                if monotonic() > last:
                    raise LimitError(f"The server {url} was not done with its answer after {patience.total_s:g} seconds. Ask for less.")
            return Reply(answer.status_code, answer.headers, bytes(body))
    except httpx.TimeoutException as exc:
        raise SilentError(f"The server {url} was silent for {patience.silent_s:g} seconds. Try again, or ask for less.") from exc
    except httpx.ConnectError as exc:
        raise UnavailableError(f"The server {url} cannot be reached: {exc}. Is it running, and is the address right?") from exc
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
        raise CallError(f"{url!r} is no address of a server: {str(exc).rstrip('.')}. It begins with http:// or https://.") from exc
    except (httpx.TransportError, httpx.DecodingError) as exc:
        raise UnavailableError(f"The server {url} broke off in the middle of its answer, and nothing of it was used.") from exc


def _require_whole(answer: Reply, url: str, noun: Noun) -> None:
    words = _words(answer.body.decode("utf-8", "replace")) if answer.status >= 300 else ""
    if answer.status in (401, 403):
        wants = f"does not let {USER} in" if os.environ.get(USER) else "wants credentials"
        raise CallError(f"The server {url} {wants}. Set {USER} and {PASSWORD}. It says: {words}")
    if answer.status in (404, 405):
        raise CallError(f"There is nothing at {url} that takes {TAKES[noun]}. {HINTS[noun]} It says: {words}")
    if answer.status == 406:
        raise NotAcceptableError(f"The server {url} has no format that can be read here. It says: {words}")
    if answer.status in (429, 503):
        raise BusyError(f"The server {url} is too busy for this ({answer.status}). Try again in some seconds. It says: {words}")
    if answer.status >= 500:
        raise UnavailableError(f"The server {url} cannot answer this ({answer.status}). It says: {words}")
    if answer.status >= 300:
        error = QueryError if noun == "query" else CallError
        raise error(f"The server {url} refuses the {noun} ({answer.status}). It says: {words}")
    if answer.status == 206 or any(name in answer.headers for name in CUT):
        raise TooLargeError(f"The server {url} has cut the answer at its own limit. Ask for less at a time, or raise its limit.")


def _words(text: str) -> str:
    """Return the first words of what a server says of an error, on one line and without markup."""
    plain = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return plain[:300] + ("…" if len(plain) > 300 else "") if plain else "nothing."


def require_plain(url: str) -> None:
    """Refuse an address that holds credentials.

    Raises:
        CallError: It does.
    """
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise CallError(f"An address holds no credentials, since it is shown in messages. Set {USER} and {PASSWORD} instead.")
