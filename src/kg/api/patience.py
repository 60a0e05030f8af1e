"""The protocol of the server, with an end to its patience."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15
"""Within how many seconds of the first byte, or of the connection, the head of a request must be there."""

READ_S = 20
"""Within how many seconds a client must read at least something of an answer."""


class PatientProtocol(H11Protocol):
    """Closes a connection whose request does not come: the server itself would wait for ever."""

    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait. What is written is sent at once: the loop does not see to it for a socket that it was given."""
        super().connection_made(transport)
        if (connection := transport.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a request has begun to be answered, and begin anew with the first bytes of the next."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._wait()

    def pause_writing(self) -> None:
        """Begin to watch a client that reads more slowly than it is written to."""
        super().pause_writing()
        self._watch(self._outstanding())

    def resume_writing(self) -> None:
        """It has read."""
        self._unwatch()
        super().resume_writing()

    def _watch(self, size: int) -> None:
        self._unwatch()
        self._reading = self.loop.call_later(READ_S, self._look, size)

    def _unwatch(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _outstanding(self) -> int:
        """Return how many bytes the client has not taken: those that wait here, and those that wait in the kernel."""
        waiting = int(self.transport.get_write_buffer_size())
        try:
            # TIOCOUTQ is SIOCOUTQ on Linux; where the kernel does not tell, what waits here has to do.
            queued = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return waiting
        return waiting + int(struct.unpack("i", queued)[0])

    def _look(self, before: int) -> None:
        """Cut the connection if nothing was read meanwhile."""
        size = self._outstanding()
        if size >= before:
            self.transport.abort()
        else:
            self._watch(size)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self._unwatch()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
