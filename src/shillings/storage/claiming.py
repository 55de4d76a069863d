"""Deliverers take what is due. One claim at a time, whoever makes it, so no delivery is taken twice.

A claim belongs to its deliverer for as long as that one is alive: it says so with every claim, and what a dead one had
is due again. Leases run on the machine's clock; when a delivery is due, the environment's clock says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shillings.base.clock import FORMAT, stored
from shillings.base.ids import NIL
from shillings.storage.events import EVENT_COLUMNS, StoredEvent, event_of
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal
from shillings.storage.webhook_endpoints import keys_in_force, read_secrets
from shillings.webhooks.claims import Queue, shares

ALIVE_SECONDS = 10.0
"""How long a deliverer counts as alive after it was last heard of."""


class Claim(NamedTuple):
    """A request for work.

    Args:
        deliverer_id: who asks.
        limit: how many deliveries it can take.
        spare: how many of them are only for endpoints that have nothing under way.
        now: the environment's time.
        real_now: the machine's time.
        lives: whether it is to be noted that the deliverer lives, also when nothing can be taken.
    """

    deliverer_id: bytes
    limit: int
    now: datetime
    real_now: datetime
    spare: int = 0
    lives: bool = True


class Due(NamedTuple):
    """One delivery that is due.

    Args:
        endpoint_id, url, keys: where it goes, and the secrets to sign with.
        event: what is told.
        attempts: how many there have been.
        put_off: whether a fault has put it off already.
    """

    endpoint_id: bytes
    url: str
    keys: list[bytes]
    event: StoredEvent
    attempts: int
    put_off: bool


class Claimed(NamedTuple):
    """What a claim brought: the deliveries are the deliverer's now."""

    due: list[Due]


def claim(connection: Connection, request: Claim) -> Claimed:
    """Take deliveries that are due. Safe to run twice: what a lost run took is due again when its lease has ended."""
    now, real_now = stored(request.now), stored(request.real_now)
    queues = _open(connection, request.deliverer_id, real_now, now)
    taken = shares(queues, now, request.limit, spare=request.spare)
    due = _read(connection, taken, now) if taken else []
    if not due and not request.lives:
        # Most claims while endpoints hang bring nothing: they are to cost no write.
        connection.query("ROLLBACK")
        return Claimed([])
    alive_until = stored(request.real_now + timedelta(seconds=ALIVE_SECONDS))
    connection.commit(
        f"UPDATE deliverers SET alive_until = '{alive_until}' WHERE deliverer_id = {literal(request.deliverer_id)}",
        *_lease(due, request.deliverer_id, now),
    )
    return Claimed(due)


class Outlook(NamedTuple):
    """What there is to claim.

    Args:
        due: whether a claim might find something.
        leased: how many deliveries deliverers have.
        listened: whether any endpoint is switched on.
        next_due_at: when the next delivery is due; None when nothing waits.
    """

    due: bool
    leased: int
    listened: bool
    next_due_at: datetime | None


def peek(connection: Connection, now: datetime, real_now: datetime) -> Outlook:
    """Whether to claim: a cheap read, without locks."""
    waiting, dead, [[leased]] = connection.query(
        "SELECT (SELECT CAST(MIN(d.due_at) AS CHAR(26)) FROM deliveries d WHERE d.endpoint_id = w.endpoint_id"
        " AND d.due_at IS NOT NULL) FROM webhook_endpoints w WHERE w.enabled = 1",
        f"SELECT deliverer_id FROM deliverers WHERE alive_until < '{stored(real_now)}' LIMIT 1",
        "SELECT COUNT(*) FROM deliveries WHERE leased_by IS NOT NULL",
    )
    first = min([row[0] for row in waiting if row[0] is not None], default="")
    next_due_at = datetime.strptime(first, FORMAT).replace(tzinfo=UTC) if first else None
    due = bool(dead) or (next_due_at is not None and next_due_at <= now)
    return Outlook(due, int(leased), bool(waiting), next_due_at)


def release_all(connection: Connection, now: datetime) -> None:
    """Give back whatever any deliverer has: it is due now. Safe to run twice."""
    connection.query(f"UPDATE deliveries SET due_at = '{stored(now)}', leased_by = NULL WHERE leased_by IS NOT NULL")


def _open(connection: Connection, deliverer_id: bytes, real_now: str, now: str) -> list[Queue]:
    """Begin the transaction, give back what the dead had, and see what waits."""
    dialect = connection.dialect
    # The row of nobody is the lock: who holds it is the only one who claims.
    _, _, known, dead = connection.query(
        dialect.begin,
        f"SELECT deliverer_id FROM deliverers WHERE deliverer_id = {literal(NIL)}{dialect.for_update}",
        f"SELECT deliverer_id FROM deliverers WHERE deliverer_id = {literal(deliverer_id)}",
        f"SELECT deliverer_id FROM deliverers WHERE alive_until < '{real_now}'",
    )
    statements: list[str] = []
    if not known:
        statements.append(
            f"INSERT INTO deliverers (deliverer_id, alive_until) VALUES ({literal(deliverer_id)}, '{real_now}')"
        )
    if gone := [bytes(row[0]) for row in dead if bytes(row[0]) != deliverer_id]:
        statements += [
            f"UPDATE deliveries SET due_at = '{now}', leased_by = NULL WHERE leased_by IN ({in_list(gone)})",
            f"DELETE FROM deliverers WHERE deliverer_id IN ({in_list(gone)})",
        ]
    *_, leased, waiting = connection.query(
        *statements,
        "SELECT endpoint_id, COUNT(*) FROM deliveries WHERE leased_by IS NOT NULL GROUP BY endpoint_id",
        "SELECT w.endpoint_id, w.failing_since IS NOT NULL, (SELECT CAST(MIN(d.due_at) AS CHAR(26)) FROM deliveries d"
        " WHERE d.endpoint_id = w.endpoint_id AND d.due_at IS NOT NULL) FROM webhook_endpoints w WHERE w.enabled = 1",
    )
    under_way = {bytes(endpoint_id): count for endpoint_id, count in leased}
    return [
        Queue(i, due_at, under_way.get(i, 0), bool(failing))
        for i, failing, due_at in [(bytes(row[0]), row[1], row[2]) for row in waiting]
        if due_at is not None
    ]


def _read(connection: Connection, taken: Mapping[bytes, int], now: str) -> list[Due]:
    """The first deliveries of each queue, with what is told and how to tell it."""
    columns = ", ".join([f"e.{column}" for column in EVENT_COLUMNS])
    pages = [
        f"SELECT * FROM (SELECT d.endpoint_id, d.attempts, d.put_off, {columns}, CAST(e.created_at AS CHAR(26))"
        " FROM deliveries d JOIN events e ON e.event_id = d.event_id"
        f" WHERE d.endpoint_id = {literal(endpoint_id)} AND d.due_at <= '{now}'"
        f" ORDER BY d.due_at, d.event_id LIMIT {count}) p{place}"
        for place, (endpoint_id, count) in enumerate(taken.items())
    ]
    found, endpoints = connection.query(
        " UNION ALL ".join(pages),
        f"SELECT endpoint_id, url, secrets FROM webhook_endpoints WHERE endpoint_id IN ({in_list(taken)})",
    )
    where = {bytes(row[0]): (row[1], keys_in_force(read_secrets(row[2]), now)) for row in endpoints}
    return [
        Due(i, *where[i], event_of(event), attempts, bool(put_off))
        for i, attempts, put_off, event in [(bytes(row[0]), row[1], row[2], tuple(row[3:])) for row in found]
    ]


def _lease(due: Sequence[Due], deliverer_id: bytes, now: str) -> list[str]:
    events: dict[bytes, list[bytes]] = {}
    for one in due:
        events.setdefault(one.endpoint_id, []).append(one.event.event_id)
    return [
        f"UPDATE deliveries SET leased_by = {literal(deliverer_id)}, due_at = NULL, updated_at = '{now}'"
        f" WHERE endpoint_id = {literal(endpoint_id)} AND event_id IN ({in_list(event_ids)})"
        for endpoint_id, event_ids in events.items()
    ]
