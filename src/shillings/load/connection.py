"""The client's end of one HTTP connection: as little of HTTP/1.1 as the measured servers speak.

Every answer must have a Content-Length; anything else is an error, said loudly.
"""

import asyncio
from typing import Protocol, cast

_END = b"\r\n\r\n"
_LENGTH = b"ength: "


class Client(Protocol):
    """Who sends requests on a connection."""

    def answered(self, connection: "Connection", status: int, answer: bytes, body_at: int) -> None:
        """An answer is complete; its body begins at `body_at`."""

    def broken(self, connection: "Connection") -> None:
        """The connection is gone."""


class UnreadableAnswer(Exception):
    """A server answered in a way this client does not read."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time.

    Args:
        client: told of each answer.
    """

    __slots__ = ("_buffer", "_client", "intended_at", "is_busy", "request", "transport")

    def __init__(self, client: Client) -> None:
        self._client = client
        self._buffer = b""
        self.transport: asyncio.Transport | None = None
        self.is_busy = False
        # When the request under way should have been sent, whether or not it could be.
        self.intended_at = 0.0
        # What was sent last.
        self.request = b""

    def send(self, request: bytes, intended_at: float) -> None:
        """Send a request on an idle connection."""
        assert self.transport is not None, "it is connected"
        self.is_busy = True
        self.intended_at = intended_at
        self.request = request
        self.transport.write(request)

    def close(self) -> None:
        """Close it; the client is not told."""
        if self.transport is not None:
            transport, self.transport = self.transport, None
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's interface."""
        # uvloop's transports are Transports in all but ancestry.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's interface."""
        if self._buffer:
            data = self._buffer + data
        end = data.find(_END)
        if end < 0:
            self._buffer = data
            return
        length_at = data.find(_LENGTH, 0, end)
        if length_at < 0:
            raise UnreadableAnswer(f"no Content-Length: {data[:200]!r}")
        body_at = end + 4
        length = int(data[length_at + 7 : data.find(b"\r", length_at)])
        if len(data) < body_at + length:
            self._buffer = data
            return
        if len(data) > body_at + length or not self.is_busy:
            raise UnreadableAnswer(f"more than was asked for: {data[:200]!r}")
        self._buffer = b""
        self.is_busy = False
        self._client.answered(self, int(data[9:12]), data, body_at)

    def connection_lost(self, _error: Exception | None) -> None:
        """Part of asyncio's interface."""
        if self.transport is not None:
            self.transport = None
            self._client.broken(self)
