"""Removing what has outlived its use: idempotency keys after a day, revocations of expired tokens."""

from datetime import datetime

import sqlalchemy as sa

from shillings.storage.lanes import Session
from shillings.storage.ledger import IDEMPOTENCY_KEY_LIFETIME
from shillings.storage.tables import idempotency_keys, revoked_tokens

ROWS_MAX = 500
"""Rows of one visit: small, so that nobody waits long behind it."""


def purge(session: Session, now: datetime) -> int:
    """Remove up to ROWS_MAX rows of each kind; return how many went. Safe to run twice."""
    moment = now.replace(tzinfo=None)
    return _purge(
        session, idempotency_keys, idempotency_keys.c.created_at < moment - IDEMPOTENCY_KEY_LIFETIME
    ) + _purge(session, revoked_tokens, revoked_tokens.c.expires_at < moment)


def _purge(session: Session, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    # By primary key, because DELETE … LIMIT is not portable and a range delete would lock the range.
    key = list(table.primary_key)
    found = session.execute(sa.select(*key).where(condition).limit(ROWS_MAX)).all()
    if found:
        matches = [sa.and_(*[column == value for column, value in zip(key, row, strict=True)]) for row in found]
        session.execute(sa.delete(table).where(sa.or_(*matches)))
    return len(found)
