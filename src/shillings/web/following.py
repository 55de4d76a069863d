"""The request log as an event stream: each listener asks for what is new, and is sent it, a page at a time.

Nothing is kept for a listener but its cursor and the page that it is being sent. One that reads slowly asks less often;
what the log forgets meanwhile it is told as `missed`. So it does not matter to which web or application server anybody
is connected, and a connection that was lost goes on where it ended.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import msgspec
import structlog

from shillings.base.errors import Code, Overloaded, Refusal, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.contract.fields import LOG_CURSOR
from shillings.web.delivery import Stream
from shillings.web.replies import Reply, encode
from shillings.web.requests import RequestHeaders
from shillings.web.site import Incoming
from shillings.wire.client import AppClient

LISTENERS_MAX = 16
"""Of one web server."""

POLL_SECONDS = 0.1
HEARTBEAT_SECONDS = 2.0
"""How long a stream may be silent: proxies cut what says nothing (nginx here after six seconds)."""

RETRY_MS = 1000
"""After how long a browser whose connection was lost is to come back."""

_PASSING = (Code.UNAVAILABLE, Code.OVERLOADED, Code.TIMEOUT, Code.INTERNAL)
"""What an application server that comes back may say meanwhile."""

log = structlog.get_logger(__name__)

ReadAnswer = Callable[[Any], dict[str, Any]]


def wants_stream(incoming: Incoming) -> bool:
    """Whether a request is to be answered with events: not where only JSON is accepted, nor where no body is wanted."""
    accepted = incoming.headers.get(b"accept", b"")
    only_json = b"application/json" in accepted and b"text/event-stream" not in accepted and b"*/*" not in accepted
    return incoming.method == "GET" and not only_json


def go_on_from(query: Any, headers: RequestHeaders) -> Any:
    """The query with the id that a browser has seen last, if it comes back. Raises Refusal."""
    last = headers.get(b"last-event-id")
    if not last:
        return query
    cursor = last.decode("latin-1")
    if not LOG_CURSOR.fits(cursor):
        raise invalid("Last-Event-ID", LOG_CURSOR.sentence)
    return msgspec.structs.replace(query, cursor=cursor)


class Followers:
    """Whoever follows the log at this web server.

    Args:
        client: the way to the application layer.
        timeout_s: how long a page may take.
    """

    def __init__(self, client: AppClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._count = 0

    def follow(self, request: wire.Request, first: wire.Response, read_answer: ReadAnswer) -> Reply:
        """A reply that goes on.

        Args:
            request: what asks for a page.
            first: the first page.
            read_answer: makes JSON's fields of a page.

        Raises:
            Overloaded: there are too many already.
        """
        if self._count >= LISTENERS_MAX:
            raise Overloaded(f"{LISTENERS_MAX} listeners follow the request log already; end one first.")
        return Reply(200, b"", delivery=Stream(self._pieces(request, first, read_answer)))

    async def _pieces(
        self, request: wire.Request, first: wire.Response, read_answer: ReadAnswer
    ) -> AsyncGenerator[bytes, None]:
        wanted = wire.FollowRequestsRequest.FromString(request.data)
        page: wire.FollowRequestsAnswer | None = wire.FollowRequestsAnswer.FromString(first.data)
        self._count += 1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            spoken = time.monotonic()
            while True:
                moved = page is not None and page.cursor != wanted.cursor
                if page is not None:
                    wanted.cursor = page.cursor
                    for piece in _events(page, read_answer):
                        yield piece
                        spoken = time.monotonic()
                if time.monotonic() - spoken >= HEARTBEAT_SECONDS:
                    # The id moves on, also where the filters leave everything out.
                    yield b": still here\nid: %s\n\n" % wanted.cursor.encode()
                    spoken = time.monotonic()
                if not moved:
                    await asyncio.sleep(POLL_SECONDS)
                request.data = wanted.SerializeToString()
                page = await self._ask(request)
        except Refusal as refusal:
            log.info("stream_refused", code=refusal.code.word)
        finally:
            self._count -= 1

    async def _ask(self, request: wire.Request) -> wire.FollowRequestsAnswer | None:
        """The next page; None when there is none to be had now. Raises Refusal when there will be none."""
        try:
            response = await self._client.call(request, self._timeout_s)
            if response.code != wire.OK:
                raise Refusal(Code(response.code), response.message)
        except Refusal as refusal:
            if refusal.code not in _PASSING:
                raise
            return None
        return wire.FollowRequestsAnswer.FromString(response.data)


def _events(page: wire.FollowRequestsAnswer, read_answer: ReadAnswer) -> Iterator[bytes]:
    """A page as events. An event's id is the cursor of who has read up to there."""
    if page.restarted:
        yield b"event: restarted\ndata: {}\n\n"
    if page.missed:
        yield b'event: missed\ndata: {"missed":%d}\n\n' % page.missed
    log_name = page.cursor.rpartition("-")[0]
    for fields in read_answer(page)["requests"]:
        yield b"id: %s-%d\ndata: %s\n\n" % (log_name.encode(), fields["number"], encode(fields))
