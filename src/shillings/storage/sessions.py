"""Credentials and revoked sessions."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.base.clock import rfc3339, stored
from shillings.storage.executor import Connection
from shillings.storage.tables import credentials, revoked_tokens, sessions, users


class Profile(NamedTuple):
    """The part of a user that never changes; what the cache keeps. The time is RFC 3339."""

    user_id: bytes
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    created_at: str


class Credential(NamedTuple):
    """What a login is checked against, and whose it is."""

    credential_id: bytes
    password: str
    profile: Profile


class SessionLookup(NamedTuple):
    """Which session is checked, and whose it says it is."""

    user_id: bytes
    token_id: bytes


_PROFILE = (
    users.c.user_id,
    users.c.first_name,
    users.c.middle_name,
    users.c.last_name,
    users.c.email,
    users.c.phone,
    users.c.created_at,
)
_CREDENTIAL: tuple[sa.Column[Any], ...] = (credentials.c.credential_id, credentials.c.password, *_PROFILE)


def find_credentials(connection: Connection, emails: Sequence[str]) -> list[Credential | None]:
    """The credentials for canonical emails, in order; None where nobody has the email."""
    found = connection.execute(
        sa.select(*_CREDENTIAL)
        .join(users, users.c.user_id == credentials.c.user_id)
        .where(credentials.c.email.in_(set(emails)))
    )
    rows: Sequence[Any] = found.all()
    made = [Credential(bytes(row[0]), row[1], _profile(row[2:])) for row in rows]
    by_email = {credential.profile.email: credential for credential in made}
    return [by_email.get(email) for email in emails]


class NewSession(NamedTuple):
    """A session that is to be opened.

    Args:
        token_id, user_id, expires_at: as in its token; the time is in UTC.
        credential_id, password: what the password was checked against: the hash then.
    """

    token_id: bytes
    user_id: bytes
    expires_at: datetime
    credential_id: bytes
    password: str

    def row(self) -> dict[str, Any]:
        """Its row in the table of sessions."""
        expires_at = self.expires_at.replace(tzinfo=None)
        return {"token_id": self.token_id, "user_id": self.user_id, "expires_at": expires_at}


def open_sessions(connection: Connection, opened: Sequence[NewSession], moment: datetime) -> list[bool]:
    """Keep sessions, and when their users last logged in; False where the password has changed since it was checked.

    Safe to run twice: a session that an earlier run has kept is passed over.
    """
    with connection.transaction():
        # The lock keeps a change of the password waiting, or finds that it was made.
        found = connection.execute(
            sa.select(credentials.c.credential_id, credentials.c.password)
            .where(credentials.c.credential_id.in_({one.credential_id for one in opened}))
            .order_by(credentials.c.credential_id)
            .with_for_update()
        )
        rows: Sequence[Any] = found.all()
        passwords = {bytes(row[0]): row[1] for row in rows}
        right = {one.token_id: one for one in opened if passwords.get(one.credential_id) == one.password}
        if right:
            _keep_sessions(connection, right, moment)
    return [one.token_id in right for one in opened]


def _keep_sessions(connection: Connection, right: dict[bytes, NewSession], moment: datetime) -> None:
    kept = connection.execute(sa.select(sessions.c.token_id).where(sessions.c.token_id.in_(right)))
    missing = right.keys() - {bytes(row[0]) for row in kept}
    connection.execute(
        sa.update(credentials)
        .where(credentials.c.credential_id.in_({one.credential_id for one in right.values()}))
        .values(last_login=moment.replace(tzinfo=None))
    )
    if missing:
        connection.execute(sa.insert(sessions).values([right[token_id].row() for token_id in sorted(missing)]))


def revoke(connection: Connection, token_id: bytes, expires_at: datetime) -> None:
    """Revoke a session for good. Safe to run twice, and by two at once."""
    with connection.transaction(), suppress(sa.exc.IntegrityError):  # it is revoked already
        connection.execute(
            sa.insert(revoked_tokens).values(token_id=token_id, expires_at=expires_at.replace(tzinfo=None))
        )


def find_profiles(connection: Connection, lookups: Sequence[SessionLookup]) -> list[Profile | None]:
    """The profiles for sessions, in order; None where the session is revoked or the user does not exist."""
    found = connection.execute(sa.select(*_PROFILE).where(users.c.user_id.in_({lookup.user_id for lookup in lookups})))
    profiles = {profile.user_id: profile for profile in map(_profile, found)}
    gone = connection.execute(
        sa.select(revoked_tokens.c.token_id).where(
            revoked_tokens.c.token_id.in_({lookup.token_id for lookup in lookups})
        )
    )
    revoked = {bytes(row[0]) for row in gone}
    return [None if lookup.token_id in revoked else profiles.get(lookup.user_id) for lookup in lookups]


def _profile(row: Sequence[Any]) -> Profile:
    user_id, first_name, middle_name, last_name, email, phone, created_at = row
    moment = rfc3339(stored(created_at.replace(tzinfo=UTC)))
    return Profile(bytes(user_id), first_name, middle_name, last_name, email, phone, moment)
