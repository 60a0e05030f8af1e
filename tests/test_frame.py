"""What every answer has in common: no more at once than may, and the same asked at once is made once."""

import asyncio
from typing import Any

import pytest
from starlette.routing import Router
from starlette.types import Message, Receive, Scope, Send

import kg
from kg.api.frame import AT_ONCE, Frame
from kg.api.service import Host, Service
from kg.isolation import Limits


class Slow:
    """An application that takes its time, and counts."""

    def __init__(self) -> None:
        self.asked = self.running = self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked, self.running = self.asked + 1, self.running + 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.1)
        self.running -= 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def _ask(frame: Frame, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        found.update(message)

    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": []}
    await frame(scope, receive, send)
    return found


def _run(app: Slow, *paths: str) -> tuple[list[dict[str, Any]], Service]:
    service = Service(kg.open(), Limits())

    async def all_at_once() -> list[dict[str, Any]]:
        frame = Frame(app, Host(service), Router())
        return await asyncio.gather(*(_ask(frame, path) for path in paths))

    return asyncio.run(all_at_once()), service


def test_no_more_answers_are_made_at_once_than_may_and_no_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.api.frame.WAITING", 3)
    app = Slow()
    found, service = _run(app, *(f"/a{number}" for number in range(12)))
    statuses = [answer["status"] for answer in found]
    assert (statuses.count(200), statuses.count(503)) == (AT_ONCE + 3, 12 - AT_ONCE - 3)
    assert app.most == AT_ONCE
    assert all((b"retry-after", b"5") in answer["headers"] for answer in found if answer["status"] == 503)
    assert service.in_flight == 0


def test_who_waits_is_not_kept_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.api.frame.PATIENCE_S", 0.02)
    found, _ = _run(Slow(), *(f"/a{number}" for number in range(AT_ONCE + 2)))
    assert sorted(answer["status"] for answer in found) == [200] * AT_ONCE + [503] * 2


def test_the_same_is_made_once_for_those_who_waited() -> None:
    app = Slow()
    found, _ = _run(app, *["/a"] * (AT_ONCE * 3))
    assert {answer["status"] for answer in found} == {200}
    assert app.asked == AT_ONCE, "the first could not know of one another"


def test_health_is_told_however_much_is_asked() -> None:
    app = Slow()
    found, _ = _run(app, *(f"/a{number}" for number in range(AT_ONCE)), "/healthz", "/readyz", "/sparql")
    assert app.most == AT_ONCE + 3
    assert {answer["status"] for answer in found} == {200}


def test_a_service_that_is_replaced_is_closed_when_its_last_request_is_answered() -> None:
    host = Host(Service(kg.open(), Limits()))
    before = host.take()
    host.change_to(Service(kg.open(), Limits(workers=1)))
    assert not before.pool._is_closed
    before.release()
    for _ in range(100):
        if before.pool._is_closed:
            return
        asyncio.run(asyncio.sleep(0.02))
    raise AssertionError("its processes are left running")
