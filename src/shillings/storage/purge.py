"""Removing what has outlived its use: keys after a day, sessions and revocations of expired tokens, old events."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from shillings.base.ids import first_id
from shillings.storage.executor import Connection
from shillings.storage.ledger import IDEMPOTENCY_KEY_LIFETIME
from shillings.storage.tables import (
    attempts,
    deliveries,
    events,
    idempotency_keys,
    revoked_tokens,
    sessions,
    signup_keys,
)

EVENT_LIFETIME = timedelta(days=30)
"""Ten times as long as a delivery is tried."""

ROWS_MAX = 500
"""Rows of one run: small, so that nobody waits long behind it."""


def purge(connection: Connection, now: datetime) -> int:
    """Remove up to ROWS_MAX rows of each kind; return how many went. Safe to run twice."""
    moment = now.replace(tzinfo=None)
    oldest_key = moment - IDEMPOTENCY_KEY_LIFETIME
    return (
        _purge(connection, idempotency_keys, idempotency_keys.c.created_at < oldest_key)
        + _purge(connection, signup_keys, signup_keys.c.created_at < oldest_key)
        + _purge(connection, revoked_tokens, revoked_tokens.c.expires_at < moment)
        + _purge(connection, sessions, sessions.c.expires_at < moment)
        + _purge_events(connection, now - EVENT_LIFETIME)
    )


def _purge_events(connection: Connection, oldest: datetime) -> int:
    """Remove old events with their deliveries and attempts, those of endpoints that are gone included.

    Their ids are of their time, so all of it is found by its primary key.
    """
    end = first_id(oldest)
    found = [row[0] for row in connection.execute(_old_ids(events.c.event_id, end))]
    gone = len(found)
    for table in (attempts, deliveries):
        for (endpoint_id,) in connection.execute(sa.select(deliveries.c.endpoint_id).distinct()).all():
            mine = table.c.endpoint_id == endpoint_id
            old = [row[0] for row in connection.execute(_old_ids(table.c.event_id, end).where(mine))]
            if old:
                gone += connection.execute(sa.delete(table).where(mine, table.c.event_id.in_(old))).rowcount
    if found:
        connection.execute(sa.delete(events).where(events.c.event_id.in_(found)))
    return gone


def _old_ids(column: sa.Column[bytes], end: bytes) -> sa.Select[bytes]:
    return sa.select(column).where(column < end).order_by(column).limit(ROWS_MAX)


def _purge(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    # By primary key, because DELETE … LIMIT is not portable and a range delete would lock the range. The condition is
    # said again: between the two statements the ledger may have given an expired key a new life.
    key = list(table.primary_key)
    found = connection.execute(sa.select(*key).where(condition).limit(ROWS_MAX)).all()
    if not found:
        return 0
    matches = [sa.and_(*[column == value for column, value in zip(key, row, strict=True)]) for row in found]
    return connection.execute(sa.delete(table).where(sa.or_(*matches), condition)).rowcount
