"""How a reply is delivered to its client.

A reply says how it wants to be delivered, and this module acts it out: whole and at once, unless a fault of the sandbox
wants it otherwise. Then what the client sees is real: the connection is reset, closed or silent, and not an answer that
says so.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Literal, NamedTuple

import structlog

from shillings.web.asgi import Headers, Receive, Scope, Send

HELD_MAX = 2_000
"""Replies and requests that may be held at once; one more is let through."""

UNREAD_SECONDS_MAX = 20.0
"""How long the reader of a stream may read nothing. Until then some 64 kB wait for it, and it is asked no more for."""

LAST_PIECE_SECONDS = 0.5
"""How long such a reader may take to read the end."""

TRANSPORT = "shillings.transport"
"""Where in a scope's state the connection's transport is found."""

_HTML = b"<!DOCTYPE html>\n<title>502 Bad Gateway</title>\n<h1>502 Bad Gateway</h1>\n<p>The sandbox wrote this page.\n"
_LINGER_NOT = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


class SendWhole(NamedTuple):
    """The whole reply, at once."""


class Delay(NamedTuple):
    """The whole reply, later."""

    seconds: float


class Cut(NamedTuple):
    """No reply at all.

    Args:
        how: the connection is reset; or closed without a byte; or silent, and then closed.
        seconds: how long it is silent.
    """

    how: Literal["reset", "close", "hang"]
    seconds: float = 0.0


class Truncate(NamedTuple):
    """The head and half of the body; then the connection is closed."""


class Garbage(NamedTuple):
    """A whole reply whose body is not what it should be."""

    how: Literal["half", "html", "empty"]


class Stream(NamedTuple):
    """The head, and then a body without an end: pieces as they come, until the client or this server goes."""

    pieces: AsyncGenerator[bytes, None]


Delivery = SendWhole | Delay | Cut | Truncate | Garbage | Stream
SEND = SendWhole()


class Whole(NamedTuple):
    """A reply as it would be without a fault."""

    status: int
    headers: Headers
    body: bytes


class Held:
    """Delivers what must not be delivered at once, and keeps it bounded."""

    def __init__(self) -> None:
        self._count = 0
        self._over = asyncio.Event()

    def let_go(self) -> None:
        """Hold nothing any more: the server stops."""
        self._over.set()

    async def sleep(self, seconds: float) -> None:
        """Hold the caller for as long."""
        await self._hold(asyncio.sleep(seconds))

    async def act_out(self, delivery: Delivery, whole: Whole, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver a reply as it wants to be.

        Args:
            delivery: how.
            whole: the reply.
            scope: ASGI's, with the connection's transport in its state.
            receive: ASGI's.
            send: ASGI's.
        """
        match delivery:
            case SendWhole():
                await send_whole(*whole, send)
            case Delay(seconds):
                await self._hold(_wait_for_end(seconds, receive))
                await send_whole(*whole, send)
            case Cut(how, seconds):
                if how == "hang":
                    await self._hold(_wait_for_end(seconds, receive))
                await _end(scope, receive, reset=how == "reset")
            case Truncate():
                await send({"type": "http.response.start", "status": whole.status, "headers": whole.headers})
                half = whole.body[: len(whole.body) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await _end(scope, receive, reset=False)
            case Garbage(how):
                await send_whole(whole.status, *_garbage(how, whole), send)
            case Stream(pieces):
                await self._stream(pieces, whole, scope, receive, send)

    async def _stream(
        self, pieces: AsyncGenerator[bytes, None], whole: Whole, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await send({"type": "http.response.start", "status": whole.status, "headers": _endless(whole.headers)})
        pump = asyncio.ensure_future(_pump(pieces, send))
        waiting = [pump, asyncio.ensure_future(_client_gone(receive)), asyncio.ensure_future(self._over.wait())]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await pieces.aclose()
        if waiting[1] in done:
            return
        try:
            async with asyncio.timeout(LAST_PIECE_SECONDS):
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # It does not read: what it was sent is discarded with the connection.
            scope["state"][TRANSPORT].abort()

    async def _hold(self, until: Coroutine[Any, Any, None]) -> None:
        if self._count >= HELD_MAX:
            log.warning("held_too_many", limit=HELD_MAX)
            until.close()
            return
        self._count += 1
        waiting = [asyncio.ensure_future(until), asyncio.ensure_future(self._over.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._count -= 1
            for one in waiting:
                one.cancel()


async def send_whole(status: int, headers: Headers, body: bytes, send: Send) -> None:
    """Hand a whole reply to the server that writes it."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _pump(pieces: AsyncGenerator[bytes, None], send: Send) -> None:
    """Send piece by piece, each when the client has room for it; stop when it has had none for too long."""
    async for piece in pieces:
        try:
            async with asyncio.timeout(UNREAD_SECONDS_MAX):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            log.info("stream_unread", seconds=UNREAD_SECONDS_MAX)
            return


def _endless(headers: Headers) -> Headers:
    """The headers of an event stream: nobody knows its length, and no proxy is to keep it back."""
    kept = [(name, value) for name, value in headers if name not in (b"content-length", b"content-type")]
    return [*kept, (b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]


def _garbage(how: str, whole: Whole) -> tuple[Headers, bytes]:
    garbage = {"half": whole.body[: len(whole.body) // 2], "html": _HTML, "empty": b""}[how]
    replaced = {b"content-length": b"%d" % len(garbage)}
    if how == "html":
        replaced[b"content-type"] = b"text/html; charset=utf-8"
    return [(name, replaced.get(name, value)) for name, value in whole.headers], garbage


async def _end(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the client's connection; return when it is closed, so that nobody writes to it any more."""
    transport = scope["state"][TRANSPORT]
    if reset:
        # Without lingering, closing sends RST in place of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    else:
        transport.close()
    await _client_gone(receive)


async def _wait_for_end(seconds: float, receive: Receive) -> None:
    try:
        async with asyncio.timeout(seconds):
            await _client_gone(receive)
    except TimeoutError:
        return


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
