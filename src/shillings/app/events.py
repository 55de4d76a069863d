"""Events: what has happened to the user who asks, or, for the operator, to anybody."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from shillings.app.call import Call, Result, SignedInCall
from shillings.auth.tokens import unauthenticated
from shillings.base import ids
from shillings.base.errors import Code, Refusal, invalid
from shillings.base.ids import NIL
from shillings.base.limits import PAGE_LIMIT_MAX
from shillings.contract import shillings_pb2 as wire
from shillings.contract.events import EventType
from shillings.storage import events as stored_events
from shillings.storage.events import EventQuery, StoredEvent
from shillings.storage.executor import Executor
from shillings.storage.webhook_endpoints import OPERATOR, Owner, Revoked

EVENT_TYPES = frozenset(EventType)

_NUMBER = re.compile(r"n([0-9]{1,18})")

Found = TypeVar("Found")

OwnerOf = Callable[[SignedInCall | Call], Owner]
"""Whose things a call is about."""


def caller(call: SignedInCall | Call) -> Owner:
    """The user who asks."""
    assert isinstance(call, SignedInCall), "the command needs a session"
    return Owner(call.claims.user_id, call.claims.token_id)


def operator(_call: SignedInCall | Call) -> Owner:
    """Whoever operates the service: the command has been let through as the sandbox's."""
    return OPERATOR


class Events:
    """Reads events.

    Args:
        reads: the executor that reads them.
        owner_of: whose they are.
    """

    def __init__(self, *, reads: Executor, owner_of: OwnerOf = caller) -> None:
        self._reads = reads
        self._owner_of = owner_of

    async def read(self, call: SignedInCall | Call, request: wire.EventsRequest) -> Result:
        """One event, or a page of them, newest first."""
        owner = self._owner_of(call)
        if request.event_id:
            found = await self._find(owner, EventQuery(event_id=request.event_id, limit=1))
            if not found:
                raise Refusal(Code.NOT_FOUND, "You have no event of this id.", field="event_id")
            return Result(wire.EventsAnswer(event=event_message(found[0])))
        limit = page_limit(request.limit)
        if request.type and request.type not in EVENT_TYPES:
            raise invalid("type", f"is no event's. There are: {', '.join(EventType)}.")
        query = EventQuery(
            object_id=_read_id(request.object_id, "object_id"),
            type=request.type,
            before=_before(request.cursor, owner),
            limit=limit + 1,
        )
        found = await self._find(owner, query)
        page, more = found[:limit], len(found) > limit
        cursor = "" if not more else _cursor(page[-1], owner)
        return Result(wire.EventsAnswer(events=[event_message(event) for event in page], next_cursor=cursor))

    async def _find(self, owner: Owner, query: EventQuery) -> list[StoredEvent]:
        return await asked(self._reads.run(lambda connection: stored_events.find(connection, owner, query)))


async def asked(work: Awaitable[Found]) -> Found:
    """What the database says; a session that is over is refused."""
    try:
        return await work
    except Revoked:
        raise unauthenticated() from None


def event_message(event: StoredEvent) -> wire.Event:
    """An event as it is told: what is known about every event comes first in its data, then its own facts."""
    data = {
        "event_id": ids.show(event.event_id),
        "object_id": ids.show(event.object_id),
        "sequence": event.sequence,
        "request_id": event.request_id or None,
        "idempotency_key": event.idempotency_key or None,
    }
    return wire.Event(
        event_id=event.event_id,
        type=event.type,
        timestamp=event.created_at,
        data=msgspec.json.encode(data | msgspec.json.decode(event.data)).decode(),
    )


def page_limit(limit: int) -> int:
    """A page's limit. Raises Refusal."""
    if not 1 <= limit <= PAGE_LIMIT_MAX:
        raise invalid("limit", f"must be 1 to {PAGE_LIMIT_MAX}.")
    return limit


def _cursor(event: StoredEvent, owner: Owner) -> str:
    return ids.show(event.event_id) if owner.user_id == NIL else f"n{event.number}"


def _before(cursor: str, owner: Owner) -> int | bytes:
    """Where a page ends that a cursor was given for."""
    if not cursor:
        return 0
    if owner.user_id == NIL:
        return read_cursor(cursor)
    match = _NUMBER.fullmatch(cursor)
    if match is None:
        raise invalid("cursor", "is not one. Use the next_cursor of the page before, as it was.")
    return int(match[1])


def read_cursor(cursor: str) -> bytes:
    """The id that a cursor is; empty for none. Raises Refusal."""
    return _read_id(cursor, "cursor")


def _read_id(text: str, field: str) -> bytes:
    if not text:
        return b""
    try:
        return ids.read(text)
    except ValueError:
        raise invalid(field, "is not an id. Ids are UUIDs, as they were in the answer.") from None
