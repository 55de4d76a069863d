"""The requests of one connection take turns: each is begun when the one before it is answered.

A request that has arrived whole is answered by the site itself: its answer is written by what the site waited for. All
else is answered through ASGI, as uvicorn does it: what is still arriving, and what is not to be delivered at once.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from shillings.web.answers import Answer, header_lines
from shillings.web.asgi import Headers
from shillings.web.delivery import SEND
from shillings.web.exchange import Drive, Exchange
from shillings.web.site import Site
from shillings.web.transport import ClientTransport

log = structlog.get_logger(__name__)

Cycle = Exchange | RequestResponseCycle


class DefaultHeaders:
    """The headers that uvicorn adds to every answer, such as the date: it makes them once a second."""

    def __init__(self) -> None:
        self._headers: Headers = []
        self._lines = b""

    def lines(self, headers: Headers) -> bytes:
        """These headers as they are sent."""
        if headers is not self._headers:
            self._headers, self._lines = headers, header_lines(headers)
        return self._lines


class Turns(HttpToolsProtocol):
    """A connection whose requests are answered one after the other."""

    transport: ClientTransport  # type: ignore[assignment]
    cycle: Any
    """The request that came last."""
    pipeline: deque[tuple[Cycle, Any]]  # type: ignore[assignment]
    default_headers: DefaultHeaders
    site: Site | None = None
    """What answers directly; None where the application is another one."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.running: Cycle | None = None
        """The request whose turn it is, or was last."""
        self.has_begun = False
        """Whether a request has been begun for what is being read now."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol interface."""
        if self.running is not None and self.running is not self.cycle:
            # uvicorn tells only the request that came last.
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)

    def take_turn(self, cycle: Cycle, app: Any = None) -> None:
        """Begin with a request, or let it wait until those before it are answered."""
        self.cycle = cycle
        if self.running is not None and not self.running.response_complete:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))
        elif self.has_begun:
            # One a turn: what one client sends together does not keep the others waiting.
            self._start_later(cycle, app)
        else:
            self._start(cycle, app)

    def _start(self, cycle: Cycle, app: Any) -> None:
        self.running = cycle
        self.has_begun = True
        if isinstance(cycle, RequestResponseCycle):
            self._start_asgi_task(cycle, app)
        else:
            self._answer(cycle)

    def _start_later(self, cycle: Cycle, app: Any) -> None:
        self.running = cycle
        self.loop.call_soon(self._start, cycle, app)

    def _answer(self, exchange: Exchange) -> None:
        incoming = exchange.incoming
        incoming.body = bytes(exchange.body)
        site = cast(Site, self.site)
        Drive(site.answer(incoming), partial(self._deliver, site, exchange)).step()

    def _deliver(self, site: Site, exchange: Exchange, answer: Answer) -> None:
        if answer.reply.delivery is not SEND or self.flow.write_paused:
            self._deliver_by_asgi(site, exchange, answer)
            return
        try:
            self._write(exchange, answer)
        except ValueError:
            log.exception("answer_not_sent", request_id=exchange.incoming.request_id.decode())
            self.transport.end()
        site.note(exchange.incoming, answer.reply.status)

    def _deliver_by_asgi(self, site: Site, exchange: Exchange, answer: Answer) -> None:
        """Deliver an answer that must wait, for its time or for room, or that is not to arrive whole."""
        self.running = cycle = self._make_cycle(exchange)
        if self.cycle is exchange:
            self.cycle = cycle
        self._start_asgi_task(cycle, cast(Any, site.delivering(exchange.incoming, answer)))

    def _write(self, exchange: Exchange, answer: Answer) -> None:
        keep_alive = exchange.keep_alive and not answer.closes
        of_server = self.default_headers.lines(self.server_state.default_headers)
        with_body = exchange.incoming.method != "HEAD"
        self.transport.write(answer.as_bytes(of_server, keep_alive=keep_alive, with_body=with_body))
        exchange.response_complete = True
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def hand_to_asgi(self, exchange: Exchange, app: Any) -> None:
        """Have a request answered by an ASGI application while its body is still arriving."""
        self.take_turn(self._make_cycle(exchange), app)

    def _make_cycle(self, exchange: Exchange) -> RequestResponseCycle:
        """What uvicorn has in place of an exchange."""
        incoming = exchange.incoming
        scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": exchange.version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": incoming.method,
            "path": incoming.path,
            "query_string": incoming.query,
            "headers": list(incoming.headers.items()),
            "state": self.app_state.copy(),
        }
        cycle = RequestResponseCycle(
            scope=cast(Any, scope),
            transport=cast(asyncio.Transport, self.transport),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=incoming.headers.get(b"expect", b"").lower() == b"100-continue",
            keep_alive=exchange.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body, cycle.more_body, cycle.disconnected = exchange.body, exchange.more_body, exchange.disconnected
        if exchange.body:
            cycle.message_event.set()
        return cycle

    def on_response_complete(self) -> None:
        """Called when an answer is written."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline and not self.transport.lingers:
            self._start_later(*self.pipeline.pop())
        else:
            self.flow.resume_reading()
