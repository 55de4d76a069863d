"""What both ends of a connection share: frames in, frames out, and few writes for many of them.

Reading has two states, and a timer that runs in one of them only:

    between frames ── a part of a frame has arrived ──▶ half-way (the timer starts)
    half-way ── the frame is whole ──▶ between frames (the timer stops), or half-way in the next (it starts again)
    half-way ── HALF_FRAME_SECONDS_MAX are over ──▶ broken off

So a peer may be silent between frames for as long as it likes, and within a frame for ten seconds. Writing has no
state: what is sent in one turn of the event loop is kept until its end, or until WRITE_PAYLOADS_MAX of it are there.

`close` sends what is unsent and then closes. Breaking off drops it: a peer that broke the protocol is told no more.
"""

import asyncio
import socket
import sys
from typing import cast

import structlog
from google.protobuf.message import DecodeError

from shillings.wire.framing import FrameReader, ProtocolError, frame

log = structlog.get_logger(__name__)

HALF_FRAME_SECONDS_MAX = 10.0
"""A frame that began must end within this time. It keeps a silent peer from holding a connection."""

GONE_SECONDS_MAX = 10
"""A peer whose machine vanished cannot say so. After so long without a sign of it the system closes the connection."""

WRITE_PAYLOADS_MAX = 16
"""One write for each payload would cost too much; one for a whole batch would let the other end wait for the last of
it. (Measured with 64 clients: account reads 1.2 times as fast as with no limit; 4 and 8 are no better.)"""


class FrameStream(asyncio.Protocol):
    """A connection that carries frames. Subclasses say what a payload means and what a loss means."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._stall: asyncio.TimerHandle | None = None

    def payload_received(self, payload: bytes) -> None:
        """Handle one payload. Raises ProtocolError (or protobuf's DecodeError) when it makes no sense."""
        raise NotImplementedError

    def stream_closed(self, reason: str) -> None:
        """The connection is gone; nothing more comes or goes."""
        raise NotImplementedError

    @property
    def closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport is None or self._transport.is_closing()

    def send(self, payload: bytes) -> None:
        """Send a payload. What is sent in one turn of the event loop leaves together, a few payloads to a write."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(frame(payload))
        if len(self._unsent) >= WRITE_PAYLOADS_MAX:
            self._flush()

    def close(self) -> None:
        """Send what is unsent, then close."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol interface."""
        # uvloop's transports are asyncio's in all but name.
        self._transport = cast(asyncio.Transport, transport)
        _watch_peer(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol interface."""
        try:
            payloads = self._reader.feed(data)
            for payload in payloads:
                self.payload_received(payload)
        except (ProtocolError, DecodeError) as error:
            self._break_off(str(error))
            return
        self._watch_half_frame(is_another=bool(payloads))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol interface."""
        if self._stall is not None:
            self._stall.cancel()
        self._transport = None
        self._unsent.clear()
        self.stream_closed(str(exc) if exc else "closed by the peer")

    def _flush(self) -> None:
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def _watch_half_frame(self, *, is_another: bool) -> None:
        if self._stall is not None and (is_another or not self._reader.half_way):
            self._stall.cancel()
            self._stall = None
        if self._stall is None and self._reader.half_way:
            self._stall = self._loop.call_later(
                HALF_FRAME_SECONDS_MAX, self._break_off, f"half a frame and {HALF_FRAME_SECONDS_MAX:.0f} s of silence"
            )

    def _break_off(self, reason: str) -> None:
        """Close at once: the peer broke the protocol, so nothing more it says can be trusted."""
        log.warning("connection_broken_off", reason=reason)
        if self._transport is not None:
            self._transport.abort()


def _watch_peer(end: socket.socket) -> None:
    """Have the system check whether the other machine is still there, whether or not anything is under way.

    Where it cannot be told how (anywhere but on Linux), its own patience holds: minutes, or hours.
    """
    if sys.platform != "linux" or end.family == socket.AF_UNIX:
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, GONE_SECONDS_MAX // 2)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_SECONDS_MAX * 1000)
