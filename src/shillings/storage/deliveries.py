"""Deliveries as their endpoint's owner sees them: what was sent, what came back, and sending again."""

from datetime import datetime
from typing import Any, NamedTuple

from shillings.base.clock import rfc3339, stored
from shillings.base.ids import NIL
from shillings.ledger.events import DeliveryRow, id_of
from shillings.storage.event_writes import insert_deliveries
from shillings.storage.events import EVENT_COLUMNS, StoredEvent, event_of
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal
from shillings.storage.webhook_endpoints import Endpoint, Owner, find
from shillings.webhooks.settling import DeliveryState

RECOVERED_MAX = 10_000
"""Deliveries that are made due at once; what is left is recovered by asking again."""


class StoredAttempt(NamedTuple):
    """One attempt as it is stored; the time is in the API's form."""

    attempt: int
    outcome: str
    http_status: int
    answer: bytes
    detail: str
    fault: str
    took_ms: int
    created_at: str


class StoredDelivery(NamedTuple):
    """One delivery with what it tells; times in the API's form, `due_at` empty for none."""

    endpoint_id: bytes
    state: str
    attempts: int
    due_at: str
    under_way: bool
    updated_at: str
    event: StoredEvent
    made: tuple[StoredAttempt, ...] = ()


class DeliveryQuery(NamedTuple):
    """Which deliveries of an endpoint are asked for, newest first.

    Args:
        endpoint_id: the endpoint.
        event_id: only that of this event, with its attempts; empty for a page.
        state: only those in this state; empty for all.
        before: the event's id that the page before ended with.
        limit: how many at most.
    """

    endpoint_id: bytes
    event_id: bytes = b""
    state: str = ""
    before: bytes = b""
    limit: int = 20


def read(connection: Connection, owner: Owner, query: DeliveryQuery) -> list[StoredDelivery] | None:
    """The deliveries; None when the owner has no such endpoint.

    Raises:
        Revoked: the session is over.
    """
    if not find(connection, owner, query.endpoint_id):
        return None
    where = f"d.endpoint_id = {literal(query.endpoint_id)}"
    if query.event_id:
        where += f" AND d.event_id = {literal(query.event_id)}"
    if query.state:
        where += f" AND d.state = {literal(query.state)}"
    if query.before:
        where += f" AND d.event_id < {literal(query.before)}"
    columns = ", ".join([f"e.{column}" for column in EVENT_COLUMNS])
    [found] = connection.query(
        "SELECT d.endpoint_id, d.state, d.attempts, CAST(d.due_at AS CHAR(26)), d.leased_by IS NOT NULL,"
        f" CAST(d.updated_at AS CHAR(26)), {columns}, CAST(e.created_at AS CHAR(26))"
        f" FROM deliveries d JOIN events e ON e.event_id = d.event_id WHERE {where}"
        f" ORDER BY d.event_id DESC LIMIT {query.limit}"
    )
    deliveries = [_delivery(row) for row in found]
    if query.event_id and deliveries:
        return [deliveries[0]._replace(made=_attempts(connection, query))]
    return deliveries


def resend(connection: Connection, owner: Owner, endpoint_id: bytes, event_id: bytes, now: datetime) -> bool:
    """Make a delivery due now, with the whole schedule before it, whatever became of it; False when there is no such.

    It need not have been one: any event of the owner's can be sent. Safe to run twice.

    Raises:
        Revoked: the session is over.
    """
    with connection.transaction():
        found = find(connection, owner, endpoint_id)
        return bool(found) and bool(_send(connection, found[0], f"e.event_id = {literal(event_id)}", now, 1))


def recover(connection: Connection, owner: Owner, endpoint_id: bytes, since: datetime, now: datetime) -> int | None:
    """Make due whatever has happened since then and has not been accepted; None when there is no such endpoint.

    Returns how many deliveries that are. Safe to run twice.

    Raises:
        Revoked: the session is over.
    """
    with connection.transaction():
        found = find(connection, owner, endpoint_id)
        if not found:
            return None
        [endpoint] = found
        condition = f"e.created_at >= '{stored(since)}' AND (d.state IS NULL OR d.state <> '{DeliveryState.DELIVERED}')"
        if endpoint.event_types:
            condition += f" AND e.type IN ({in_list(endpoint.event_types)})"
        return _send(connection, endpoint, condition, now, RECOVERED_MAX)


def _send(connection: Connection, endpoint: Endpoint, condition: str, now: datetime, limit: int) -> int:
    """Make the deliveries of these events due, and make those that there are not yet."""
    mine = "1 = 1" if endpoint.user_id == NIL else f"e.user_id = {literal(endpoint.user_id)}"
    of = literal(endpoint.endpoint_id)
    [found] = connection.query(
        "SELECT e.event_id, d.state, d.leased_by IS NOT NULL FROM events e LEFT JOIN deliveries d"
        f" ON d.endpoint_id = {of} AND d.event_id = e.event_id WHERE {mine} AND {condition}"
        f" ORDER BY e.created_at, e.event_id LIMIT {limit}"
    )
    moment = stored(now)
    missing = [DeliveryRow(endpoint.endpoint_id, bytes(row[0])) for row in found if row[1] is None]
    again = [bytes(row[0]) for row in found if row[1] is not None and not row[2]]
    if missing:
        connection.query(insert_deliveries(missing, moment))
    if again:
        connection.query(
            f"UPDATE deliveries SET state = '{DeliveryState.PENDING}', attempts_since_resent = 0, due_at = '{moment}',"
            f" put_off = 0, updated_at = '{moment}' WHERE endpoint_id = {of} AND event_id IN ({in_list(again)})"
            " AND leased_by IS NULL"
        )
    return len(found)


def put_off(
    connection: Connection, deliverer_id: bytes, endpoint_id: bytes, event_ids: list[bytes], due_at: datetime
) -> None:
    """Give back deliveries that a deliverer has, untried, to be due later. Safe to run twice."""
    connection.query(
        f"UPDATE deliveries SET due_at = '{stored(due_at)}', leased_by = NULL, put_off = 1"
        f" WHERE endpoint_id = {literal(endpoint_id)} AND event_id IN ({in_list(event_ids)})"
        f" AND leased_by = {literal(deliverer_id)}"
    )


class Tried(NamedTuple):
    """One delivery and the ends of its attempts, the oldest first: outcome and fault."""

    event_id: bytes
    object_id: bytes
    sequence: int
    state: str
    attempts: tuple[tuple[str, str], ...]


def find_tried(connection: Connection) -> list[Tried]:
    """The newest deliveries that were attempted, up to TRIED_MAX."""
    [found] = connection.query(
        "SELECT d.endpoint_id, e.event_id, e.object_id, e.sequence, d.state FROM events e"
        " JOIN webhook_endpoints w ON w.user_id IN (e.user_id, " + literal(NIL) + ")"
        " JOIN deliveries d ON d.endpoint_id = w.endpoint_id AND d.event_id = e.event_id"
        f" WHERE d.attempts > 0 ORDER BY e.event_id DESC LIMIT {TRIED_MAX}"
    )
    if not found:
        return []
    endpoints, oldest = {bytes(row[0]) for row in found}, min(bytes(row[1]) for row in found)
    [made] = connection.query(
        "SELECT endpoint_id, event_id, outcome, fault FROM attempts"
        f" WHERE endpoint_id IN ({in_list(endpoints)}) AND event_id >= {literal(oldest)} ORDER BY attempt"
    )
    ends: dict[tuple[bytes, bytes], list[tuple[str, str]]] = {}
    for endpoint_id, event_id, outcome, fault in made:
        ends.setdefault((bytes(endpoint_id), bytes(event_id)), []).append((outcome, fault))
    return [
        Tried(bytes(row[1]), bytes(row[2]), row[3], row[4], tuple(ends.get((bytes(row[0]), bytes(row[1])), ())))
        for row in reversed(found)
    ]


TRIED_MAX = 10_000
"""Deliveries that are judged at once."""


class Told(NamedTuple):
    """One delivery of what a transaction brought about."""

    endpoint_id: bytes
    event_id: bytes
    type: str
    object_id: bytes
    state: str
    attempts: int


def told_of(connection: Connection, transaction_id: bytes) -> list[Told]:
    """The deliveries of what an operation with this id has brought about."""
    if not transaction_id:
        return []
    places = in_list([id_of(transaction_id, place) for place in range(1, EVENTS_MAX + 1)])
    [found] = connection.query(
        "SELECT d.endpoint_id, e.event_id, e.type, e.object_id, d.state, d.attempts FROM events e"
        " JOIN webhook_endpoints w ON w.user_id IN (e.user_id, " + literal(NIL) + ")"
        " JOIN deliveries d ON d.endpoint_id = w.endpoint_id AND d.event_id = e.event_id"
        f" WHERE e.event_id IN ({places})"
    )
    return [Told(bytes(row[0]), bytes(row[1]), row[2], bytes(row[3]), row[4], row[5]) for row in found]


EVENTS_MAX = 8
"""Events that one operation brings about at most."""


def _attempts(connection: Connection, query: DeliveryQuery) -> tuple[StoredAttempt, ...]:
    [found] = connection.query(
        "SELECT attempt, outcome, http_status, answer, detail, fault, took_ms, CAST(created_at AS CHAR(26))"
        f" FROM attempts WHERE endpoint_id = {literal(query.endpoint_id)} AND event_id = {literal(query.event_id)}"
        f" ORDER BY attempt DESC LIMIT {ATTEMPTS_SHOWN_MAX}"
    )
    return tuple(
        StoredAttempt(number, outcome, status, bytes(answer), detail, fault, took_ms, rfc3339(moment))
        for number, outcome, status, answer, detail, fault, took_ms, moment in found
    )


ATTEMPTS_SHOWN_MAX = 25
"""Attempts that are shown, the newest first: with their answers they fit into a frame."""


def _delivery(row: Any) -> StoredDelivery:
    endpoint_id, state, attempts, due_at, under_way, updated_at, *event = row
    due = "" if due_at is None else rfc3339(due_at)
    return StoredDelivery(
        bytes(endpoint_id), state, attempts, due, bool(under_way), rfc3339(updated_at), event_of(event)
    )
