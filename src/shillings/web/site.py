"""The site: everything that is served, as mounts with headers of their own. It is the ASGI application.

Every reply, also that of a crash, carries its mount's headers and the request's id.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import cached_property, partial

import structlog

from shillings.base.errors import OutcomeUnknown, Refusal
from shillings.base.ids import Ids
from shillings.web.answers import Answer, header_lines
from shillings.web.asgi import Headers, Receive, Scope, Send
from shillings.web.cors import Cors
from shillings.web.delivery import Held, Whole
from shillings.web.replies import Reply, refusal_reply
from shillings.web.requests import ClientGone, RequestHeaders, find_request_id, headers_by_name, read_body

Observe = Callable[[str, str, float], None]

FORWARDED_BYTES_MAX = 64

_NOTED = {401: "unauthenticated", 429: "rate_limited"}
"""What an incident asks about: who was refused, and from where. Whose account it was is in the application layer's
line with the same request id."""

log = structlog.get_logger(__name__)


class Incoming:
    """One request as a mount sees it.

    Args:
        method, path, query: from its first line.
        headers: names in lower case.
        address: where the connection is from; empty where that is no address.
        receive: gives the body, piece by piece; None where it is known, or will be before anybody reads it.
    """

    __slots__ = ("_receive", "address", "began", "body", "headers", "method", "path", "query", "request_id", "route")

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: RequestHeaders,
        address: str,
        receive: Receive | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.address = address
        self._receive = receive
        self.body = b""
        self.request_id = b""
        """The caller's, or a new one."""
        self.began = 0.0
        """When the service began with it; of `time.perf_counter`."""
        self.route = "other"
        """What the request is counted under; a mount sets it once it knows."""

    async def read_body(self) -> bytes:
        """The whole body. Raises Refusal when it is too large, ClientGone when it never ends."""
        return self.body if self._receive is None else await read_body(self._receive)


@dataclass(frozen=True)
class Mount:
    """A part of the site.

    Args:
        paths: the paths it serves; one that ends with a slash covers everything below it.
        reply: replies to a request; what it raises is replied to in the one shape of errors.
        headers: of every reply of this part.
        ids: makes the ids of requests that bring none.
    """

    paths: tuple[str, ...]
    reply: Callable[[Incoming], Awaitable[Reply]]
    headers: Headers
    ids: Ids

    @cached_property
    def header_lines(self) -> bytes:
        """The headers as they are sent."""
        return header_lines(self.headers)

    def answer(self, reply: Reply, request_id: bytes, further: Headers) -> Answer:
        """A reply with all its headers."""
        return Answer(reply, self.headers, self.header_lines, request_id, further)


class Site:
    """All mounts as one ASGI application.

    Args:
        mounts: its parts.
        otherwise: the part that paths of no mount belong to.
        lifetime: entered before the first request, left after the last.
        held: what waits to be delivered.
        observe: told route, status and seconds of every request.
        log_each: whether every request gets a line in the log.
        cors: answers browsers that ask for other origins' pages; None where there are none.
    """

    def __init__(
        self,
        mounts: Sequence[Mount],
        *,
        otherwise: Mount,
        lifetime: AbstractAsyncContextManager[object],
        held: Held,
        observe: Observe,
        log_each: bool = False,
        cors: Cors | None = None,
    ) -> None:
        self._cors = cors
        self._exact = {path: mount for mount in mounts for path in mount.paths if not path.endswith("/")}
        below = [(path, mount) for mount in mounts for path in mount.paths if path.endswith("/")]
        self._below = sorted(below, key=lambda pair: -len(pair[0]))
        self._otherwise = otherwise
        self._lifetime = lifetime
        self._held = held
        self._observe = observe
        self._log_each = log_each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the ASGI interface."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert scope["type"] == "http", "the server is started without WebSockets"
        await self._respond(scope, receive, send)

    def refusing(self, fault: Refusal) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The ASGI application that refuses a request, whatever it asks for."""
        return partial(self._respond, fault=fault)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, fault: Refusal | None = None) -> None:
        headers = headers_by_name(scope["headers"])
        address = (scope.get("client") or ("",))[0]
        incoming = Incoming(scope["method"], scope["path"], scope["query_string"], headers, address, receive)
        with suppress(ClientGone):
            answer = await self.answer(incoming, fault)
            await self._deliver(incoming, answer, scope, receive, send)

    async def answer(self, incoming: Incoming, fault: Refusal | None = None) -> Answer:
        """Answer a request; whoever called delivers it.

        Args:
            incoming: the request.
            fault: refuse it for this, whatever it asks for.

        Raises:
            ClientGone: nobody wants it any more.
        """
        incoming.began = time.perf_counter()
        mount = self._mount(incoming.path)
        incoming.request_id = find_request_id(incoming.headers, mount.ids)
        try:
            if fault is not None:
                raise fault
            asked = None if self._cors is None else self._cors.preflight(incoming.method, incoming.headers)
            reply = await mount.reply(incoming) if asked is None else asked
        except Refusal as refusal:
            reply = refusal_reply(refusal)
        except ClientGone:
            raise
        except Exception:
            log.exception("request_crashed", request_id=incoming.request_id.decode(), path=incoming.path)
            reply = refusal_reply(OutcomeUnknown())
        further = [] if self._cors is None else self._cors.headers(incoming.headers)
        return mount.answer(reply, incoming.request_id, further)

    def delivering(self, incoming: Incoming, answer: Answer) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The ASGI application that delivers an answer as it wants to be."""
        return partial(self._deliver, incoming, answer)

    async def _deliver(self, incoming: Incoming, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        reply = answer.reply
        whole = Whole(reply.status, answer.headers, reply.body)
        await self._held.act_out(reply.delivery, whole, scope, receive, send)
        self.note(incoming, reply.status)

    def let_go(self) -> None:
        """Deliver what is held back now: the server stops."""
        self._held.let_go()

    def refuse_unreadable(self, refusal: Refusal) -> bytes:
        """The whole reply, as bytes, to what was not read: there is no request it could be sent to."""
        request_id = find_request_id({}, self._otherwise.ids)
        answer = self._otherwise.answer(refusal_reply(refusal), request_id, [])
        return answer.as_bytes(keep_alive=False, with_body=True)

    def _mount(self, path: str) -> Mount:
        mount = self._exact.get(path)
        if mount is not None:
            return mount
        for prefix, mount in self._below:
            if path.startswith(prefix):
                return mount
        return self._otherwise

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._lifetime:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def note(self, incoming: Incoming, status: int) -> None:
        """Count a request whose answer is delivered, and log what is to be logged of it."""
        seconds = time.perf_counter() - incoming.began
        self._observe(incoming.route, str(status), seconds)
        if status in _NOTED:
            log.info(
                _NOTED[status],
                request_id=incoming.request_id.decode(),
                path=incoming.route,
                address=incoming.address,
                forwarded_for=incoming.headers.get(b"x-real-ip", b"")[:FORWARDED_BYTES_MAX].decode("latin-1"),
            )
        if self._log_each:
            log.debug(
                "request",
                request_id=incoming.request_id.decode(),
                path=incoming.route,
                status=status,
                ms=round(seconds * 1000, 2),
            )
