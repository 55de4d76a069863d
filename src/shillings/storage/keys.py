"""Whether an idempotency key has been used."""

from datetime import datetime

import sqlalchemy as sa

from shillings.storage.executor import Connection
from shillings.storage.tables import idempotency_keys


def key_is_used(connection: Connection, user_id: bytes, key: str, oldest: datetime) -> bool:
    """Whether a user's key has a stored answer that is not too old. It only reads."""
    found = connection.execute(
        sa.select(idempotency_keys.c.user_id).where(
            idempotency_keys.c.user_id == user_id,
            idempotency_keys.c.idempotency_key == key,
            idempotency_keys.c.created_at >= oldest.replace(tzinfo=None),
        )
    )
    return found.first() is not None
