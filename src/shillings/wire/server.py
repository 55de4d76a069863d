"""The application layer's end of the protocol: many requests in flight, answers in any order.

States of a connection
----------------------
    state      what begins it                            what is done with a request    what ends it
    open       accepted                                  executed                       see the others
    paused     UNREAD_BYTES_MAX of answers wait for      not read                       the peer reads: as before
               the peer to read them                                                    UNREAD_SECONDS_MAX: closed
    draining   the server stops; response 0 says so      answered UNAVAILABLE           the peer closes, or has not
                                                                                        DRAINED_SECONDS_MAX after the
                                                                                        last answer: closed
    closed     closed by either end, or broken off       none comes; tasks in flight are cancelled

A connection may be paused and draining at once. It is the peer that closes a drained connection: a request that it sent
before it knew is still on its way then, and must get its answer.

A request is in flight from its frame's arrival to its answer. Cancelling its task ends the waiting, never the work of a
batch that has been taken: what the ledger has begun is finished, and a retry with the same key finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import structlog

from shillings.contract import shillings_pb2 as wire
from shillings.contract.shillings_pb2 import Request, Response
from shillings.wire.address import Address
from shillings.wire.framing import FRAME_BYTES_MAX, ProtocolError
from shillings.wire.stream import FrameStream

IN_FLIGHT_MAX = 4096
"""Requests one connection may have in flight; above what a well-behaved web server sends (client.IN_FLIGHT_MAX)."""

UNREAD_BYTES_MAX = 1 << 20
"""Answers that may wait for a peer to read them; then it is not read from. Only this end does so: a web server always
reads, so the two never wait for each other."""

UNREAD_SECONDS_MAX = 10.0
"""How long they may wait."""

DRAINED_SECONDS_MAX = 1.0
"""How long a web server may take to close a connection that it was told to use no more, once all is answered."""

_TOO_LARGE = "The answer is larger than can be sent. Ask for less at once, where that is possible."

Respond = Callable[[Request], Awaitable[Response]]
"""Executes a request. It responds to every one; it raises for none."""

log = structlog.get_logger(__name__)


class AppConnection(FrameStream):
    """One web server's connection."""

    def __init__(self, respond: Respond, connections: "set[AppConnection]") -> None:
        super().__init__()
        self._respond = respond
        self._connections = connections
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._draining = False
        self._gone = self._loop.create_future()
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol interface."""
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        self._connections.add(self)

    def pause_writing(self) -> None:
        """Part of asyncio's protocol interface: the peer does not read. It is not read from either, until it does."""
        if self._transport is not None:
            self._transport.pause_reading()
            reason = f"answers unread for {UNREAD_SECONDS_MAX:.0f} s"
            self._unread = self._loop.call_later(UNREAD_SECONDS_MAX, self._break_off, reason)

    def resume_writing(self) -> None:
        """Part of asyncio's protocol interface: the peer has read what had piled up."""
        self._stop_waiting_for_reader()
        if self._transport is not None and not self.closing:
            self._transport.resume_reading()

    def payload_received(self, payload: bytes) -> None:
        """Begin to carry out one request."""
        request = Request.FromString(payload)
        if request.id == 0 or request.id in self._in_flight:
            # Two answers with one id could reach the wrong caller, so such a peer is cut off.
            raise ProtocolError(f"request id {request.id} is zero or already in flight")
        if self._draining:
            self._send(Response(id=request.id, code=wire.UNAVAILABLE, message="This server is stopping."))
        elif len(self._in_flight) >= IN_FLIGHT_MAX:
            self._send(Response(id=request.id, code=wire.OVERLOADED, message="Too many requests in flight."))
        else:
            self._in_flight[request.id] = self._loop.create_task(self._carry_out(request))

    def stream_closed(self, reason: str) -> None:  # noqa: ARG002
        """Nobody waits any more: what has not begun is dropped; what the ledger has taken goes on."""
        self._connections.discard(self)
        self._gone.set_result(None)
        self._stop_waiting_for_reader()
        for task in self._in_flight.values():
            task.cancel()

    async def drain(self) -> None:
        """Tell the peer to send nothing more, finish what is in flight, and let the peer close.

        What it had sent before it knew is still on its way. Closing here would leave its outcome unknown.
        """
        self._draining = True
        self._send(Response(id=0, code=wire.UNAVAILABLE, message="draining"))
        if self._in_flight:
            await asyncio.wait(self._in_flight.values())
        await asyncio.wait([self._gone], timeout=DRAINED_SECONDS_MAX)
        self.close()

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    async def _carry_out(self, request: Request) -> None:
        try:
            response = await self._respond(request)
            response.id = request.id
            self._send(response)
        finally:
            del self._in_flight[request.id]

    def _send(self, response: Response) -> None:
        if self.closing:
            return
        payload = response.SerializeToString()
        if len(payload) > FRAME_BYTES_MAX:
            log.error("answer_too_large", bytes=len(payload))
            payload = Response(id=response.id, code=wire.INTERNAL, message=_TOO_LARGE).SerializeToString()
        self.send(payload)


class AppServer:
    """Listens for web servers and answers their requests."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._connections: set[AppConnection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, address: Address) -> None:
        """Start to accept connections. Raises OSError."""
        self._server = await address.listen(lambda: AppConnection(self._respond, self._connections))
        log.info("app_listening", address=str(address))

    @property
    def addresses(self) -> list[Address]:
        """Where it listens; with the port the system chose, where port 0 was asked for."""
        assert self._server is not None, "listen first"
        names = [s.getsockname() for s in self._server.sockets]
        return [Address(path=n) if isinstance(n, str) else Address(host=n[0], port=n[1]) for n in names]

    async def drain(self, seconds_max: float) -> None:
        """Accept nothing more, finish what is in flight (for at most `seconds_max`), close every connection."""
        if self._server is not None:
            self._server.close()
        drains = [asyncio.ensure_future(connection.drain()) for connection in list(self._connections)]
        if drains:
            await asyncio.wait(drains, timeout=seconds_max)
