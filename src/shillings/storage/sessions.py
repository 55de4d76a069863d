"""Credentials and revoked sessions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.clock import rfc3339, stored
from shillings.storage.lanes import Session
from shillings.storage.tables import credentials, revoked_tokens, users


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


class SessionLook(NamedTuple):
    """A wish to know whether a session stands, and whose it is."""

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


def find_credentials(session: Session, emails: Sequence[str]) -> list[Credential | None]:
    """The credentials for canonical emails, in order; None where nobody has the email."""
    found = session.execute(
        sa.select(*_CREDENTIAL)
        .join(users, users.c.user_id == credentials.c.user_id)
        .where(credentials.c.email.in_(set(emails)))
    )
    rows: Sequence[Any] = found.all()
    made = [Credential(bytes(row[0]), row[1], _profile(row[2:])) for row in rows]
    by_email = {credential.profile.email: credential for credential in made}
    return [by_email.get(email) for email in emails]


def note_logins(session: Session, credential_ids: Sequence[bytes], moment: datetime) -> list[None]:
    """Keep when these users last logged in. Safe to run twice."""
    session.execute(
        sa.update(credentials)
        .where(credentials.c.credential_id.in_(set(credential_ids)))
        .values(last_login=moment.replace(tzinfo=None))
    )
    return [None] * len(credential_ids)


def revoke(session: Session, token_id: bytes, expires_at: datetime) -> None:
    """Revoke a session for good. Safe to run twice."""
    with session.transaction():
        if not session.execute(
            sa.select(revoked_tokens.c.token_id).where(revoked_tokens.c.token_id == token_id)
        ).first():
            session.execute(
                sa.insert(revoked_tokens).values(token_id=token_id, expires_at=expires_at.replace(tzinfo=None))
            )


def find_profiles(session: Session, looks: Sequence[SessionLook]) -> list[Profile | None]:
    """The profiles for sessions, in order; None where the session is revoked or the user does not exist."""
    found = session.execute(sa.select(*_PROFILE).where(users.c.user_id.in_({look.user_id for look in looks})))
    profiles = {profile.user_id: profile for profile in map(_profile, found)}
    gone = session.execute(
        sa.select(revoked_tokens.c.token_id).where(revoked_tokens.c.token_id.in_({look.token_id for look in looks}))
    )
    revoked = {bytes(row[0]) for row in gone}
    return [None if look.token_id in revoked else profiles.get(look.user_id) for look in looks]


def _profile(row: Sequence[Any]) -> Profile:
    user_id, first_name, middle_name, last_name, email, phone, created_at = row
    moment = rfc3339(stored(created_at.replace(tzinfo=UTC)))
    return Profile(bytes(user_id), first_name, middle_name, last_name, email, phone, moment)
