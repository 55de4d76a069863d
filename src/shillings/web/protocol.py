"""HTTP as uvicorn reads and writes it, with these differences.

A request that arrives whole is answered without ASGI (see exchange.py). What cannot be read gets the API's own answer,
no answer that is under way is lost or overtaken, answers made together leave together, and everything a client may do
has a bound (see limits.py).
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Literal, cast
from urllib.parse import unquote

import httptools
import uvicorn

from shillings.base.errors import Overloaded
from shillings.web import head
from shillings.web.connections import NEVER, Connections
from shillings.web.delivery import TRANSPORT
from shillings.web.exchange import Exchange
from shillings.web.head import Unreadable
from shillings.web.limits import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEADER_BYTES_MAX,
    LINGER_BYTES_MAX,
    LINGER_SECONDS_MAX,
    SEND_SECONDS_MAX,
    TRAILER_BYTES_MAX,
    URL_BYTES_MAX,
    Limits,
)
from shillings.web.requests import headers_by_name
from shillings.web.site import Incoming, Site
from shillings.web.transport import ClientTransport, Outbox
from shillings.web.turns import DefaultHeaders, Turns

BACKLOG = 2048
DRAIN_SECONDS_MAX = 10

TOO_MANY = "Too many connections are open. Nothing was done; try again shortly."


class HttpConfig(uvicorn.Config):
    """How Shillings runs uvicorn.

    Args:
        app: the ASGI application. A `Site` also answers what cannot be read.
        lifespan: whether the application wants to know of start and end.
        limits: of connections.
        count: told the reason each time something is cut or refused by a limit.
    """

    def __init__(
        self,
        app: Any,
        lifespan: Literal["on", "off"],
        limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
        count: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        super().__init__(
            app,
            http=HttpProtocol,
            ws="none",
            lifespan=lifespan,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
            backlog=BACKLOG,
        )
        self.outbox = Outbox()
        self.edge = Connections(limits, count)
        self.default_headers = DefaultHeaders()


class _Part(Enum):
    """What of a request has begun to arrive, and not ended."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class HttpProtocol(Turns):
    """One client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of asyncio's protocol interface."""
        config = cast(HttpConfig, self.config)
        self._edge = config.edge
        self._limits = config.edge.limits
        self.default_headers = config.default_headers
        self.site = config.app if isinstance(config.app, Site) else None
        self._arriving: Exchange | None = None
        self._over = False
        self._part = _Part.NOTHING
        self._messages = 0
        self._head_bytes = self._body_bytes = self._trailer_bytes = self._unseen_bytes = 0
        self._discarded = 0
        self._upgrading = False
        self._counts = True
        """Whether a head is measured as it arrives."""
        self._fault: Unreadable | None = None
        client = ClientTransport(transport, config.outbox, self.loop)
        # Every request's scope gets a copy of this state: deliveries that end the connection find it there.
        self.app_state = {TRANSPORT: client}
        super().connection_made(cast(asyncio.Transport, client))
        self.deadline = self.loop.time() + self._limits.head_seconds
        if not self._edge.admit(self, self._address, self.loop):
            self._over = True
            client.write(cast(Site, config.app).refuse_unreadable(Overloaded(TOO_MANY)))
            client.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol interface."""
        self._edge.release(self)
        super().connection_lost(exc)

    # --- What arrives -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol interface."""
        if self._over or self.transport.lingers:
            self._discard(len(data))
            return
        part, messages, body_bytes = self._part, self._messages, self._body_bytes
        if part is _Part.HEAD and not self._counts:
            self._head_bytes = sum([_line_bytes(name, value) for name, value in self.headers])
        # A head that begins and ends in a small piece is small: nearly every one, so they are not measured.
        self._counts = part is _Part.HEAD or len(data) > HEADER_BYTES_MAX
        self.has_begun = False
        if not self._parse(data) or self._part is _Part.NOTHING or self._over:
            return
        if self._arriving is not None:
            exchange, self._arriving = self._arriving, None
            self.hand_to_asgi(exchange, self.app)
        if messages != self._messages or part is not self._part:
            self._unseen_bytes = 0
            if self._messages > 1 or self._part is _Part.BODY:
                self._set_deadline()
        elif body_bytes == self._body_bytes:
            self._count_unseen(len(data))

    def _parse(self, data: bytes) -> bool:
        """Feed the parser; return False when it can make nothing of this, which is then refused."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + data[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refuse(self._fault or head.not_http())
                return False
            else:
                break
        return True

    def eof_received(self) -> bool:  # type: ignore[override]
        """Part of asyncio's protocol interface: the client sends no more. Who sent a whole request gets the answer."""
        self.transport.expects_more = False
        # An answer that is made may not have left: False ends the connection.
        self.transport.send()
        return self._end_after_answers()

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > LINGER_BYTES_MAX:
            self.transport.end()

    def _count_unseen(self, count: int) -> None:
        """Count what the parser keeps for itself: the beginning of a line, or what is written between chunks."""
        self._unseen_bytes += count
        if self._part is _Part.HEAD and self._unseen_bytes > HEAD_BYTES_MAX:
            self._refuse(head.head_too_large() if self.headers else head.url_too_long())
        elif self._part is _Part.BODY and self._unseen_bytes > TRAILER_BYTES_MAX:
            self._refuse(head.trailers_too_large())

    def _without_upgrade(self) -> bytes:
        """The head of a request that asks for another protocol, without the header that asks (RFC 9110, 7.8).

        The parser would take the body of such a request for the other protocol's, and what is in it for a request.
        """
        first = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return first + b"".join([b"%s: %s\r\n" % one for one in self.headers if one[0] != b"upgrade"]) + b"\r\n"

    # --- The parser's callbacks -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Called by the parser at a request's first byte."""
        self.url = b""
        self.headers = []
        self._part = _Part.HEAD
        self._messages += 1
        self._head_bytes = self._body_bytes = self._trailer_bytes = 0
        self._upgrading = False
        self._arriving = None

    def on_url(self, url: bytes) -> None:
        """Called by the parser with a piece of the URL."""
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self._stop(head.url_too_long())

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser with a header, or with a trailer: those are discarded."""
        if self._part is _Part.HEAD and not self._counts:
            self.headers.append((name.lower(), value.rstrip(b" \t")))
            return
        size = _line_bytes(name, value)
        if self._part is not _Part.HEAD:
            self._trailer_bytes += size
            if self._trailer_bytes > TRAILER_BYTES_MAX:
                self._stop(head.trailers_too_large())
            return
        self._head_bytes += size
        if size > HEADER_BYTES_MAX or self._head_bytes + len(self.url) > HEAD_BYTES_MAX:
            self._stop(head.head_too_large())
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of the head."""
        version, method, headers = self.parser.get_http_version(), self.parser.get_method(), self.headers
        by_name = headers_by_name(headers)
        fault = head.find_fault(version, method, headers, by_name)
        if fault is None and self.parser.should_upgrade():
            self._upgrading = True
            return
        # What CONNECT asks for is no URL, and where there is a fault already, that is what is wrong.
        self._fault = fault
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        incoming = Incoming(method.decode("ascii"), path, url.query or b"", by_name, self._address)
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        self._arriving = exchange = Exchange(incoming, version, keep_alive=keep_alive)
        self._part = _Part.BODY
        self.transport.expects_more = True
        if fault is not None:
            self._arriving = None
            self.hand_to_asgi(exchange, cast(Site, self.config.app).refusing(fault))
            self._read_no_more(fault)
        if self.site is None or b"expect" in by_name:
            self._arriving = None
            self.hand_to_asgi(exchange, self.app)

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes <= BODY_BYTES_MAX:
            if self._arriving is not None:
                self._arriving.body += body
            else:
                super().on_body(body)
            return
        if self._arriving is not None:
            exchange, self._arriving = self._arriving, None
            self.hand_to_asgi(exchange, self.app)
        elif self.cycle.response_complete:
            self._stop(head.body_too_large())
        # Whoever reads the body sees that it is too large, and says so.
        super().on_body(body)
        self._read_no_more(head.body_too_large())

    def on_message_complete(self) -> None:
        """Called by the parser at a request's end."""
        if self._upgrading:
            return
        self._part = _Part.NOTHING
        self.transport.expects_more = False
        self.deadline = NEVER
        exchange, self._arriving = self._arriving, None
        if exchange is not None:
            exchange.more_body = False
            self.take_turn(exchange)
            return
        super().on_message_complete()
        if self.cycle.response_complete and not self.pipeline:
            self._set_deadline()

    def _stop(self, fault: Unreadable) -> None:
        """Let the parser read no further, and refuse what it has read."""
        self._fault = fault
        raise fault

    def _read_no_more(self, fault: Unreadable) -> None:
        """Let the parser read no further; the request in hand is answered in its turn, and is the last."""
        self._note(fault)
        self.cycle.keep_alive = False
        self._over = True
        self.deadline = NEVER
        raise fault

    # --- What leaves ------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Called when an answer is written."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._set_deadline()

    def pause_writing(self) -> None:
        """Part of asyncio's protocol interface: the client does not take what is sent."""
        super().pause_writing()
        self._set_deadline()

    def resume_writing(self) -> None:
        """Part of asyncio's protocol interface: it does again."""
        super().resume_writing()
        self._set_deadline()

    # --- Ends -------------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """The client has been too slow."""
        if self.flow.write_paused:
            self._edge.note("send_timeout", self._address)
        elif not self.transport.lingers and (self._part is not _Part.NOTHING or self._messages == 0):
            reason = "body_timeout" if self._part is _Part.BODY else "head_timeout"
            self._edge.note(reason, self._address)
            if self._end_after_answers():
                self.deadline = NEVER
                return
        self.transport.end()

    def _set_deadline(self) -> None:
        self.deadline = self.loop.time() + self._seconds_left()

    def _seconds_left(self) -> float:
        if self.flow.write_paused:
            return SEND_SECONDS_MAX
        if self.transport.lingers:
            return LINGER_SECONDS_MAX
        if self._over:
            return NEVER
        if self._part is _Part.HEAD:
            return self._limits.head_seconds
        if self._part is _Part.BODY:
            return self._limits.body_seconds
        is_answered = self.running is None or self.running.response_complete
        return self._limits.keep_alive_seconds if is_answered else NEVER

    def _refuse(self, fault: Unreadable) -> None:
        """Refuse what cannot be read any further, and close: where the next request would begin, nobody knows.

        While a whole request waits for its answer nothing is refused: the client would take it for that answer. Nor is
        a request refused that has been answered before it ended.
        """
        if self._over or self._end_after_answers():
            return
        if self._part is _Part.BODY and self._arriving is None:
            begun = self.cycle.response_started
            # Whoever still waits for the rest hears that there is none, and its answer is not sent.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if begun:
                self._close()
                return
        self._note(fault)
        self.transport.write(cast(Site, self.config.app).refuse_unreadable(fault))
        self.transport.expects_more = True
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self.flow.resume_reading()
        self._set_deadline()

    def _note(self, fault: Unreadable) -> None:
        if fault.limit:
            self._edge.note(fault.limit, self._address)

    def _end_after_answers(self) -> bool:
        """Read no more, and close after the last answer to a whole request; False when there is none to wait for."""
        self._over = True
        if self.pipeline and self.pipeline[0][0].more_body:
            # Its rest will never come.
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self.running
        if last is None or last.response_complete or last.more_body:
            return False
        last.keep_alive = False
        return True

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""


def _line_bytes(name: bytes, value: bytes) -> int:
    """What a header takes in a request."""
    return len(name) + len(value) + len(b": \r\n")
