"""Events as they are stored: reading them page by page, and the statements that write them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from shillings.base.clock import rfc3339
from shillings.base.ids import NIL
from shillings.storage.executor import Connection
from shillings.storage.sql import literal
from shillings.storage.webhook_endpoints import Owner, Revoked

EVENT_COLUMNS = (
    "event_id", "user_id", "number", "type", "object_id", "sequence", "request_id", "idempotency_key", "data",
)  # fmt: skip
"""What `event_of` takes, followed by the time as text."""


class StoredEvent(NamedTuple):
    """One event. `data` is JSON, with amounts in minor units; the time is in the API's form."""

    event_id: bytes
    user_id: bytes
    number: int
    type: str
    object_id: bytes
    sequence: int
    request_id: str
    idempotency_key: str
    data: str
    created_at: str


class EventQuery(NamedTuple):
    """Which events are asked for, newest first; empty fields match everything.

    Args:
        event_id, object_id, type: what they must have.
        before: the place the page before ended at: a number of one's events, or the operator's last id.
        limit: how many at most.
    """

    event_id: bytes = b""
    object_id: bytes = b""
    type: str = ""
    before: int | bytes = 0
    limit: int = 20


def find(connection: Connection, owner: Owner, query: EventQuery) -> list[StoredEvent]:
    """The owner's events; everybody's for the operator.

    Raises:
        Revoked: the session is over.
    """
    conditions = ["1 = 1" if owner.user_id == NIL else f"user_id = {literal(owner.user_id)}"]
    conditions += [
        f"{name} = {literal(value)}"
        for name, value in (("event_id", query.event_id), ("object_id", query.object_id), ("type", query.type))
        if value
    ]
    if query.before:
        conditions.append(f"{'number' if isinstance(query.before, int) else 'event_id'} < {literal(query.before)}")
    order = "event_id" if owner.user_id == NIL else "number"
    columns = ", ".join(EVENT_COLUMNS)
    found, revoked = connection.query(
        f"SELECT {columns}, CAST(created_at AS CHAR(26)) FROM events WHERE {' AND '.join(conditions)}"
        f" ORDER BY {order} DESC LIMIT {query.limit}",
        f"SELECT token_id FROM revoked_tokens WHERE token_id = {literal(owner.token_id)}",
    )
    if revoked:
        raise Revoked
    return [event_of(row) for row in found]


def event_of(row: Sequence[Any]) -> StoredEvent:
    """The event of a row with EVENT_COLUMNS and the time."""
    event_id, user_id, number, kind, object_id, *plain, created_at = row
    return StoredEvent._make(
        [bytes(event_id), bytes(user_id), number, kind, bytes(object_id), *plain, rfc3339(created_at)]
    )
