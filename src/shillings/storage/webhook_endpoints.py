"""Webhook endpoints: who wants to be told of what, and where. The owner NIL is whoever operates the service."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from shillings.base.clock import rfc3339, stored
from shillings.base.ids import NIL
from shillings.storage.executor import Connection
from shillings.storage.tables import deliverers, revoked_tokens, users, webhook_endpoints
from shillings.webhooks.settling import DisabledReason


class Owner(NamedTuple):
    """Whose endpoints they are, and with which session they are asked for; NIL twice for the operator."""

    user_id: bytes
    token_id: bytes


OPERATOR = Owner(NIL, NIL)


class Secret(msgspec.Struct, frozen=True, array_like=True):
    """One of an endpoint's secrets. `until` is when it ends, in the stored form; empty for the one in force."""

    key: bytes
    until: str = ""


class Endpoint(NamedTuple):
    """One endpoint as it is stored. Times are in the API's form; the newest secret comes first."""

    endpoint_id: bytes
    user_id: bytes
    url: str
    event_types: tuple[str, ...]
    secrets: tuple[Secret, ...]
    enabled: bool
    disabled_reason: str
    failing_since: str
    created_at: str
    updated_at: str


class Revoked(Exception):
    """The session is over."""


class TooMany(Exception):
    """The owner has as many endpoints as there may be."""


_SECRETS = msgspec.json.Decoder(tuple[Secret, ...])


def add(connection: Connection, owner: Owner, endpoint: Endpoint, endpoints_max: int, now: datetime) -> Endpoint:
    """Store an endpoint. Safe to run twice: its id is made before.

    Raises:
        Revoked, TooMany: nothing was stored.
    """
    table = webhook_endpoints
    with connection.transaction():
        # Else two at once could each find room for one.
        _lock(connection, owner)
        _require_session(connection, owner)
        mine = [bytes(row[0]) for row in connection.execute(sa.select(table.c.endpoint_id).where(_is(owner)))]
        if endpoint.endpoint_id not in mine:
            if len(mine) >= endpoints_max:
                raise TooMany
            connection.execute(
                sa.insert(table).values(
                    endpoint_id=endpoint.endpoint_id, user_id=owner.user_id, enabled=True, disabled_reason="",
                    failing_since=None, created_at=now.replace(tzinfo=None), **_columns(endpoint, now),
                )
            )  # fmt: skip
    moment = rfc3339(stored(now))
    return endpoint._replace(created_at=moment, updated_at=moment)


def find(connection: Connection, owner: Owner, endpoint_id: bytes = b"") -> list[Endpoint]:
    """The owner's endpoints, oldest first; or only the one of this id, if it is the owner's.

    Raises:
        Revoked: the session is over.
    """
    table = webhook_endpoints
    _require_session(connection, owner)
    query = sa.select(table).where(_is(owner)).order_by(table.c.created_at, table.c.endpoint_id)
    if endpoint_id:
        query = query.where(table.c.endpoint_id == endpoint_id)
    return [_endpoint(row) for row in connection.execute(query)]


def change(
    connection: Connection, owner: Owner, endpoint_id: bytes, changed: "Change", now: datetime
) -> Endpoint | None:
    """Change an endpoint; None when the owner has none of this id. Safe to run twice.

    Raises:
        Revoked: the session is over.
    """
    table = webhook_endpoints
    with connection.transaction():
        _require_session(connection, owner)
        query = sa.select(table).where(_is(owner), table.c.endpoint_id == endpoint_id).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        made = changed.applied(_endpoint(row), now)
        values = _columns(made, now) | {"enabled": made.enabled, "disabled_reason": made.disabled_reason}
        if not made.failing_since:
            values["failing_since"] = None
        connection.execute(sa.update(table).where(table.c.endpoint_id == endpoint_id).values(values))
    return made._replace(updated_at=rfc3339(stored(now)))


def remove(connection: Connection, owner: Owner, endpoint_id: bytes) -> bool:
    """Remove an endpoint; False when the owner has none of this id. What is on its way there is not taken back.

    Raises:
        Revoked: the session is over.
    """
    table = webhook_endpoints
    with connection.transaction():
        _require_session(connection, owner)
        gone = connection.execute(sa.delete(table).where(_is(owner), table.c.endpoint_id == endpoint_id)).rowcount
    return bool(gone)


class Change(NamedTuple):
    """What is to be changed of an endpoint; None leaves a field as it is.

    Args:
        url, event_types, enabled: the fields.
        new_key: a new secret.
        old_until: until when the secrets before it stay in force.
    """

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    enabled: bool | None = None
    new_key: bytes | None = None
    old_until: str = ""

    def applied(self, endpoint: Endpoint, now: datetime) -> Endpoint:
        """The endpoint after the change."""
        if self.url is not None:
            endpoint = endpoint._replace(url=self.url)
        if self.event_types is not None:
            endpoint = endpoint._replace(event_types=self.event_types)
        if self.enabled is not None:
            # Switched on again it begins from the start, whatever it did before.
            endpoint = endpoint._replace(
                enabled=self.enabled,
                disabled_reason="" if self.enabled else DisabledReason.ASKED.value,
                failing_since="",
            )
        if self.new_key is not None and self.new_key not in [secret.key for secret in endpoint.secrets]:
            moment = stored(now)
            old = [Secret(s.key, min(s.until or self.old_until, self.old_until)) for s in endpoint.secrets]
            kept = tuple(secret for secret in old if secret.until > moment)[: SECRETS_MAX - 1]
            endpoint = endpoint._replace(secrets=(Secret(self.new_key), *kept))
        return endpoint


SECRETS_MAX = 4
"""Secrets in force at once, the newest of them: each is a signature in every attempt's header."""


def keys_in_force(secrets: Sequence[Secret], now: str) -> list[bytes]:
    """The secrets to sign with at this time, the newest first."""
    return [secret.key for secret in secrets if not secret.until or secret.until > now]


def read_secrets(column: str) -> tuple[Secret, ...]:
    """The secrets of a column."""
    return _SECRETS.decode(column)


def _lock(connection: Connection, owner: Owner) -> None:
    """Keep others from adding an endpoint of this owner's; nobody's deliverer stands for the operator."""
    lock = sa.select(users.c.user_id).where(users.c.user_id == owner.user_id)
    if owner.user_id == NIL:
        lock = sa.select(deliverers.c.deliverer_id).where(deliverers.c.deliverer_id == NIL)
    connection.execute(lock.with_for_update())


def _is(owner: Owner) -> sa.ColumnElement[bool]:
    return webhook_endpoints.c.user_id == owner.user_id


def _require_session(connection: Connection, owner: Owner) -> None:
    """The database has the last word on whether a session is over."""
    if owner.token_id == NIL:
        return
    query = sa.select(revoked_tokens.c.token_id).where(revoked_tokens.c.token_id == owner.token_id)
    if connection.execute(query).first() is not None:
        raise Revoked


def _columns(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "event_types": ",".join(endpoint.event_types),
        "secrets": msgspec.json.encode(endpoint.secrets).decode(),
        "updated_at": now.replace(tzinfo=None),
    }


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        bytes(row.endpoint_id), bytes(row.user_id), row.url, tuple(filter(None, row.event_types.split(","))),
        read_secrets(row.secrets), bool(row.enabled), row.disabled_reason, _moment(row.failing_since),
        _moment(row.created_at), _moment(row.updated_at),
    )  # fmt: skip


def _moment(value: datetime | None) -> str:
    return "" if value is None else rfc3339(stored(value.replace(tzinfo=UTC)))
