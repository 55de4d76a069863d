"""The web layer's end of the protocol: one connection to each application server, many requests in flight on it.

A request is sent once. It is never sent again from here, whatever happens: only the caller knows whether that
is safe. A request that found no connection, or a full one, was not sent, and the error says so.

States of a connection
----------------------
    connecting ──▶ open ◀──▶ silent                   The last arrow is a new WebConnection: one that
        ▲            └────┬────┘                       was closed is never used again.
        │                 ├── response 0 ──▶ draining ──▶ closed
        │                 └── lost ─────────────────────▶ closed
        └──────────────────────────────────────────────────┘

    state        what begins it                          what it takes          what ends it
    connecting   the client starts, or one was closed    nothing                connected: open
    open         connected                               requests               see silent, draining, closed
    silent       a deadline passed on it                 requests, where no     anything arrives: open
                                                         other takes any
    draining     the server has sent response 0          nothing new; what is   nothing is in flight: closed
                                                         in flight is answered
    closed       lost, broken off, or drained            nothing                (a new one is connecting)

Silence and draining are flags, because a draining connection may be silent too.

States of a request
-------------------
    in flight ──▶ answered        its response has arrived
              ──▶ overdue         its deadline has passed: DeadlineExceeded; it may still be executed
              ──▶ given up        its caller is gone
              ──▶ unknown         its connection was closed: OutcomeUnknown

All but the first may be followed by a late response. It is dropped: no id is ever used twice on a connection, so it can
reach nobody else.
"""

import asyncio
import random
import time
from typing import Self

import structlog

from shillings.base.errors import DeadlineExceeded, OutcomeUnknown, Overloaded, Unavailable
from shillings.contract.shillings_pb2 import Request, Response
from shillings.wire.address import Address
from shillings.wire.stream import FrameStream

IN_FLIGHT_MAX = 512
"""Requests one connection carries at once: several full batches of the ledger. More would only wait, and the surplus
is better told at once."""

RECONNECT_SECONDS_MIN, RECONNECT_SECONDS_MAX = 0.05, 1.0
SWEEP_SECONDS = 0.05
"""How often overdue requests are looked for: a timer for each request would cost more than the request."""

log = structlog.get_logger(__name__)


class WebConnection(FrameStream):
    """One connection to one application server."""

    def __init__(self) -> None:
        super().__init__()
        self._in_flight: dict[int, tuple[asyncio.Future[Response], float]] = {}
        self._last_id = 0
        self.draining = False
        self._silent = False
        self.closed = self._loop.create_future()

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answers here."""
        return len(self._in_flight)

    @property
    def burden(self) -> tuple[bool, int]:
        """The less, the better to send a request here: first whether it is silent, then how many are in flight.

        A connection is silent when a deadline has passed on it and nothing has been heard since: the server hangs, or
        the network does. It answers what it was asked when it comes back, and that ends the silence.
        """
        return self._silent, self.in_flight

    @property
    def usable(self) -> bool:
        """Whether a request may be sent here."""
        return not self.draining and not self.closing

    def call(self, request: Request, deadline: float) -> "asyncio.Future[Response]":
        """Send a request; the future gets its response.

        Args:
            request: everything but the id, which is set here.
            deadline: the time (of `time.monotonic`) at which the caller gives up.
        """
        self._last_id += 1
        request.id = self._last_id
        future: asyncio.Future[Response] = self._loop.create_future()
        self._in_flight[request.id] = (future, deadline)
        self.send(request.SerializeToString())
        return future

    def payload_received(self, payload: bytes) -> None:
        """Hand a response to the caller that waits for it."""
        response = Response.FromString(payload)
        self._silent = False
        if response.id == 0:
            self.draining = True
            log.info("app_draining")
            self._close_if_drained()
            return
        # Nobody waits when the caller gave up: its id was taken out, and ids are never used again.
        waiting = self._in_flight.pop(response.id, None)
        if waiting is not None and not waiting[0].done():
            waiting[0].set_result(response)
        self._close_if_drained()

    def stream_closed(self, reason: str) -> None:
        """Tell every waiting caller that the outcome of its request is not known."""
        for future, _ in self._in_flight.values():
            if not future.done():
                future.set_exception(OutcomeUnknown())
        self._in_flight.clear()
        if not self.closed.done():
            self.closed.set_result(reason)

    def sweep(self, now: float) -> None:
        """Give up the requests whose deadline has passed, and forget those whose caller is gone."""
        overdue = [i for i, (future, deadline) in self._in_flight.items() if deadline < now or future.done()]
        for identifier in overdue:
            future, _ = self._in_flight.pop(identifier)
            if not future.done():
                self._silent = True
                future.set_exception(DeadlineExceeded())
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        """Close a connection that its application server takes nothing more from, and owes nothing on."""
        if self.draining and not self._in_flight:
            self.close()


class AppClient:
    """Sends requests to the application servers, to the one with the fewest in flight of those that answer.

    Args:
        addresses: where the application servers listen.
    """

    def __init__(self, addresses: list[Address]) -> None:
        self._addresses = addresses
        self._connections: list[WebConnection] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to connect, and to reconnect whenever a connection is lost."""
        self._tasks = [asyncio.create_task(self._keep_connected(address)) for address in self._addresses]
        self._tasks.append(asyncio.create_task(self._sweep()))
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """How many requests wait for answers on all connections."""
        return sum(connection.in_flight for connection in self._connections)

    def call(self, request: Request, timeout_s: float) -> "asyncio.Future[Response]":
        """Send a request; the future gets its response.

        The future's errors: `OutcomeUnknown` when the connection broke, `DeadlineExceeded` when the time is over.

        Raises:
            Unavailable: no application server is connected. Nothing was sent.
            Overloaded: every connection is full. Nothing was sent.
        """
        request.timeout_ms = int(timeout_s * 1000)
        connection = self._best()
        if len(self._connections) > 1:
            # To the end of the line: connections that are equally free take turns.
            self._connections.remove(connection)
            self._connections.append(connection)
        return connection.call(request, time.monotonic() + timeout_s)

    def require_room(self) -> None:
        """Return if a request may be sent now; raise as `call` would if not."""
        self._best()

    def _best(self) -> WebConnection:
        """The connection with the least burden. Raises Unavailable or Overloaded."""
        best: WebConnection | None = None
        for connection in self._connections:
            if connection.usable and (best is None or connection.burden < best.burden):
                best = connection
        if best is None:
            raise Unavailable
        if best.in_flight >= IN_FLIGHT_MAX:
            raise Overloaded
        return best

    async def _keep_connected(self, address: Address) -> None:
        pause = RECONNECT_SECONDS_MIN
        reachable = True
        while True:
            connection = WebConnection()
            try:
                await address.connect(lambda made=connection: made)  # type: ignore[misc]
            except OSError as error:
                if reachable:
                    log.warning("app_unreachable", address=str(address), reason=str(error))
                reachable = False
                # Jitter keeps many web servers from knocking at the same moment.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, RECONNECT_SECONDS_MAX)
                continue
            log.info("app_connected", address=str(address))
            pause, reachable = RECONNECT_SECONDS_MIN, True
            await self._use(connection)
            log.warning("app_connection_lost", address=str(address), reason=connection.closed.result())

    async def _use(self, connection: WebConnection) -> None:
        self._connections.append(connection)
        try:
            await connection.closed
        finally:
            self._connections.remove(connection)
            connection.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for connection in self._connections:
                connection.sweep(time.monotonic())
