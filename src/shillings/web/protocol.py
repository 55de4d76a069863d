"""HTTP as uvicorn reads and writes it, with two differences.

What it cannot read gets the API's own answer, and an answer leaves in one write.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shillings.web.service import WebService


class HttpProtocol(HttpToolsProtocol):
    """One client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of asyncio's protocol interface."""
        super().connection_made(cast(asyncio.Transport, WholeAnswers(transport, self.loop)))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's sentence; the service has its own
        """Refuse what is not HTTP, and close: where the next request would begin, nobody knows."""
        self.transport.write(cast(WebService, self.config.app).refuse_unreadable())
        self.transport.close()


class WholeAnswers:
    """A transport that sends an answer's head with its body.

    uvicorn writes first the one and then the other. uvloop sends each write at once, and each wakes the client.

    Args:
        transport: sends; everything else is left to it.
        loop: where both run.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can do."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep a head until its body comes; not for longer than this turn of the loop, as there may be none."""
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._head = data
            self._loop.call_soon(self._send_head)

    def close(self) -> None:
        """Send what was kept, and close."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""
