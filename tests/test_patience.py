"""A client that reads slowly, or not at all, and what becomes of its connection."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import Response

from kg.api import patience
from kg.api.patience import PatientProtocol

SIZE = 64 * 1024 * 1024
"""More than the buffers of both ends hold."""

app = Response(b"x" * SIZE, media_type="text/plain")
"""A response is an application too: one that always answers the same."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    monkeypatch.setattr(patience, "READ_S", 0.4)
    config = uvicorn.Config(app, http=PatientProtocol, ws="none", lifespan="off", log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def port(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


def _ask(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return client


def _read(client: socket.socket) -> int:
    count = 0
    while part := client.recv(1024 * 1024):
        count += len(part)
    return count


def test_a_reader_that_stops_is_cut_off(port: int) -> None:
    with _ask(port) as client:
        assert client.recv(1000)
        time.sleep(1.5)
        assert _read(client) < SIZE / 2, "what is in the buffers can still be read; then the connection ends"


def test_a_reader_that_is_slow_gets_it_all(port: int) -> None:
    with _ask(port) as client:
        count = 0
        for _ in range(12):
            # So little that what waits in the server itself does not change: only the kernel knows that it was taken.
            time.sleep(0.2)
            count += len(client.recv(64 * 1024))
        assert count + _read(client) > SIZE


def test_what_is_written_is_sent_at_once(server: uvicorn.Server, port: int) -> None:
    with _ask(port) as client:
        assert client.recv(1000)
        (protocol,) = server.server_state.connections
        assert isinstance(protocol, PatientProtocol)
        connection = protocol.transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "else every answer waits 40 ms for its end"
