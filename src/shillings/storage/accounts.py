"""Users: signing up, and reading balances. A balance is only ever read here, from the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from shillings.clock import rfc3339
from shillings.storage.lanes import Session
from shillings.storage.sql import in_list
from shillings.storage.tables import credentials, users


class NewUser(NamedTuple):
    """What a sign-up stores. The email is canonical, the password hashed."""

    user_id: bytes
    credential_id: bytes
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    password: str
    created_at: datetime


class Balance(NamedTuple):
    """What of a user changes: the balance in minor units, and when it last did (RFC 3339)."""

    balance: int
    updated_at: str


class BalanceLook(NamedTuple):
    """A wish to read one's balance with a session."""

    user_id: bytes
    token_id: bytes


def add_user(session: Session, user: NewUser) -> bool:
    """Store a new user; False when the email is taken.

    Safe to run twice: the ids are made before, so a user stored by an earlier run is known as our own.
    """
    with session.transaction():
        taken = session.execute(sa.select(users.c.user_id).where(users.c.email == user.email)).scalar()
        if taken is None:
            taken = _insert(session, user)
    return bytes(taken) == user.user_id


def _insert(session: Session, user: NewUser) -> bytes:
    moment = user.created_at.replace(tzinfo=None)
    names = user._asdict()
    try:
        session.execute(
            sa.insert(users).values(
                {c.name: names[c.name] for c in users.c if c.name in names}
                | {"balance": 0, "entry_count": 0, "created_at": moment, "updated_at": moment}
            )
        )
    except sa.exc.IntegrityError:
        # Somebody else signed up with this email since we looked; the unique index decided.
        return bytes(16)
    session.execute(
        sa.insert(credentials).values(
            {c.name: names[c.name] for c in credentials.c if c.name in names} | {"updated_at": moment}
        )
    )
    return user.user_id


def read_balances(session: Session, looks: Sequence[BalanceLook]) -> list[Balance | None]:
    """The balances asked for, in order; None where the session is revoked or nobody has the id."""
    users_found, revoked_found = session.visit(
        "SELECT user_id, balance, CAST(updated_at AS CHAR(26))"
        f" FROM users WHERE user_id IN ({in_list({look.user_id for look in looks})})",
        f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({in_list({look.token_id for look in looks})})",
    )
    balances = {bytes(row[0]): Balance(row[1], rfc3339(row[2])) for row in users_found}
    revoked = {bytes(row[0]) for row in revoked_found}
    return [None if look.token_id in revoked else balances.get(look.user_id) for look in looks]
