"""What users change about themselves: the password, the email, that they have an account at all.

Each change is one database transaction, which locks the user's credential first. A login locks it too, so no session
opened with the old password can outlive the change. Each ends every session there was.
"""

from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.ledger.rows import HoldStatus, TransitStatus
from shillings.storage.executor import Connection
from shillings.storage.sessions import NewSession
from shillings.storage.tables import (
    credentials,
    debts,
    emails,
    holds,
    revoked_tokens,
    sessions,
    transits,
    users,
    webhook_endpoints,
)


class ChangeOutcome(Enum):
    """What became of a change, in order of precedence."""

    DONE = auto()
    SESSION_OVER = auto()
    """The session that asked was revoked in the meantime."""
    PASSWORD_CHANGED = auto()
    """The password that was checked is no longer the user's."""
    EMAIL_TAKEN = auto()
    NOT_EMPTY = auto()


class ChangeRequest(NamedTuple):
    """Who asks for a change.

    Args:
        session: the session that asks, and the password it was checked against.
        renewed: the session that takes its place; None where none does.
        moment: when, in UTC.
    """

    session: NewSession
    renewed: NewSession | None
    moment: datetime


def find_password(connection: Connection, user_id: bytes, token_id: bytes) -> tuple[bytes, str] | None:
    """The id of a user's credential and the hash in it; None where the session that asks is revoked."""
    found: Any = connection.execute(
        sa.select(credentials.c.credential_id, credentials.c.password).where(credentials.c.user_id == user_id)
    ).first()
    if found is None or _has(connection, revoked_tokens, token_id):
        return None
    return bytes(found[0]), found[1]


def change_password(connection: Connection, asking: ChangeRequest, password: str) -> ChangeOutcome:
    """Give a user another password, hashed. Safe to run twice: the renewed session tells that it was done."""
    with connection.transaction():
        refused = _refused(connection, asking)
        if refused is None:
            _update_credential(connection, asking, password=password)
            _renew_session(connection, asking)
    return refused or ChangeOutcome.DONE


def change_email(connection: Connection, asking: ChangeRequest, email: str) -> ChangeOutcome:
    """Give a user another canonical email; the one before stays theirs. Safe to run twice, as change_password is."""
    user_id = asking.session.user_id
    with connection.transaction():
        refused = _refused(connection, asking)
        if refused is None and not _claim(connection, user_id, email):
            refused = ChangeOutcome.EMAIL_TAKEN
        if refused is None:
            moment = asking.moment.replace(tzinfo=None)
            connection.execute(
                sa.update(users).where(users.c.user_id == user_id).values(email=email, updated_at=moment)
            )
            _update_credential(connection, asking, email=email)
            _renew_session(connection, asking)
    return refused or ChangeOutcome.DONE


def close_account(connection: Connection, asking: ChangeRequest) -> ChangeOutcome:
    """Remove a user whose wallet is empty: names, phone and password are gone, the books and the email's owner stay.

    Safe to run twice: whose credential is gone is closed.
    """
    user_id = asking.session.user_id
    with connection.transaction():
        if _is_closed(connection, user_id):
            return ChangeOutcome.DONE
        refused = _refused(connection, asking)
        if refused is None and not _is_empty(connection, user_id):
            refused = ChangeOutcome.NOT_EMPTY
        if refused is None:
            _end_sessions(connection, asking)
            connection.execute(
                sa.update(webhook_endpoints).where(webhook_endpoints.c.user_id == user_id).values(enabled=False)
            )
            for table in (users, credentials):
                connection.execute(sa.delete(table).where(table.c.user_id == user_id))
    return refused or ChangeOutcome.DONE


def _is_closed(connection: Connection, user_id: bytes) -> bool:
    found = sa.select(credentials.c.credential_id).where(credentials.c.user_id == user_id)
    return connection.execute(found).first() is None


def _refused(connection: Connection, asking: ChangeRequest) -> ChangeOutcome | None:
    """Lock the credential, and say why a change cannot be, or that it was made already."""
    session, renewed = asking.session, asking.renewed
    password = connection.execute(
        sa.select(credentials.c.password).where(credentials.c.credential_id == session.credential_id).with_for_update()
    ).scalar()
    if renewed is not None and _has(connection, sessions, renewed.token_id):
        return ChangeOutcome.DONE
    if password is None or _has(connection, revoked_tokens, session.token_id):
        return ChangeOutcome.SESSION_OVER
    return None if password == session.password else ChangeOutcome.PASSWORD_CHANGED


def _has(connection: Connection, table: sa.Table, token_id: bytes) -> bool:
    return connection.execute(sa.select(table.c.token_id).where(table.c.token_id == token_id)).first() is not None


def _claim(connection: Connection, user_id: bytes, email: str) -> bool:
    """Make an email a user's, unless it is somebody else's."""
    owner_of = sa.select(emails.c.user_id).where(emails.c.email == email)
    owner = connection.execute(owner_of).scalar()
    if owner is None:
        try:
            connection.execute(sa.insert(emails).values(email=email, user_id=user_id))
        except sa.exc.IntegrityError:
            # Somebody else took it since we asked; the primary key decided.
            owner = connection.execute(owner_of).scalar_one()
        else:
            return True
    return bytes(owner) == user_id


def _is_empty(connection: Connection, user_id: bytes) -> bool:
    """Lock the wallet, and say whether there is no money in it, none on hold or on its way, and nothing owed.

    Whoever makes a hold locks both wallets, so none can begin while this one is locked.
    """
    balance = connection.execute(
        sa.select(users.c.balance).where(users.c.user_id == user_id).with_for_update()
    ).scalar_one()
    is_theirs = sa.or_(holds.c.payer_id == user_id, holds.c.receiver_id == user_id)
    on_hold = sa.select(holds.c.hold_id).where(is_theirs, holds.c.status == HoldStatus.OPEN.value).limit(1)
    in_transit = sa.select(transits.c.transaction_id).where(
        sa.or_(transits.c.sender_id == user_id, transits.c.receiver_id == user_id),
        # What has arrived may still be to come back.
        sa.or_(transits.c.status == TransitStatus.PENDING.value, transits.c.due_at.is_not(None)),
    )
    owed = sa.select(debts.c.user_id).where(debts.c.user_id == user_id, debts.c.amount > 0)
    unfinished = (on_hold, in_transit.limit(1), owed)
    return bool(balance == 0) and all(connection.execute(one).first() is None for one in unfinished)


def _update_credential(connection: Connection, asking: ChangeRequest, **values: str) -> None:
    connection.execute(
        sa.update(credentials)
        .where(credentials.c.credential_id == asking.session.credential_id)
        .values(values | {"updated_at": asking.moment.replace(tzinfo=None)})
    )


def _renew_session(connection: Connection, asking: ChangeRequest) -> None:
    _end_sessions(connection, asking)
    if asking.renewed is not None:
        connection.execute(sa.insert(sessions).values(asking.renewed.row()))


def _end_sessions(connection: Connection, asking: ChangeRequest) -> None:
    """Revoke every session of a user. One that logs out at this moment is revoked already, which is as good."""
    theirs = sessions.c.user_id == asking.session.user_id
    asked = asking.session.row()
    ended = sa.select(sessions.c.token_id, sessions.c.expires_at).where(theirs)
    for statement in (
        sa.insert(revoked_tokens).from_select(["token_id", "expires_at"], ended),
        sa.insert(revoked_tokens).values(token_id=asked["token_id"], expires_at=asked["expires_at"]),
    ):
        connection.execute(statement.prefix_with(connection.dialect.or_ignore))
    connection.execute(sa.delete(sessions).where(theirs))
