"""Users: signing up, and reading balances. A balance is only ever read here, from the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.base.clock import rfc3339, stored
from shillings.base.ids import NIL
from shillings.ledger.events import Event
from shillings.storage.engines import Rows
from shillings.storage.event_writes import event_statements, read_audience
from shillings.storage.executor import Connection
from shillings.storage.sql import id_list, literal
from shillings.storage.tables import credentials, emails, signup_keys, users
from shillings.storage.transits import any_arrived_or_owed, select_arrived_and_owed


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
    """What of a user changes, in minor units: what can be spent, is on hold, is owed; when it last did."""

    balance: int
    held: int
    updated_at: str
    debt: int = 0


class BalanceLookup(NamedTuple):
    """Whose balance is read, and with which session."""

    user_id: bytes
    token_id: bytes


class SignupKey(NamedTuple):
    """An idempotency key of a sign-up, and what is 16 bytes that are equal for equal requests."""

    idempotency_key: str
    fingerprint: bytes


class Taken(NamedTuple):
    """Who has an email already.

    Args:
        user_id: whose it is.
        password: the hash of their password; empty when the account is closed.
        key: that of their sign-up, for as long as it is kept.
    """

    user_id: bytes
    password: str
    key: SignupKey | None


def add_user(
    connection: Connection,
    user: NewUser,
    key: SignupKey | None = None,
    created: Event | None = None,
    *,
    everybody: bool = False,
) -> Taken | None:
    """Store a new user and the key that this was asked with; return who has the email if it is taken.

    That it happened is an event, if anybody listens, or if everybody's events are kept.

    Safe to run twice: the ids are made before, so a user stored by an earlier run is known as our own.
    """
    owner_of = sa.select(emails.c.user_id).where(emails.c.email == user.email)
    with connection.transaction():
        owner = connection.execute(owner_of).scalar()
        if owner is None:
            insert_user(connection, user, key)
            owner = connection.execute(owner_of).scalar_one()
            if created is not None and bytes(owner) == user.user_id:
                _tell(connection, user, created, everybody=everybody)
    if bytes(owner) == user.user_id:
        return None
    return _taken(connection, bytes(owner))


def _taken(connection: Connection, user_id: bytes) -> Taken:
    password = connection.execute(sa.select(credentials.c.password).where(credentials.c.user_id == user_id)).scalar()
    key: Any = connection.execute(
        sa.select(signup_keys.c.idempotency_key, signup_keys.c.fingerprint).where(signup_keys.c.user_id == user_id)
    ).first()
    return Taken(user_id, password or "", SignupKey(key[0], bytes(key[1])) if key else None)


def _tell(connection: Connection, user: NewUser, created: Event, *, everybody: bool) -> None:
    audience = read_audience(connection, [user.user_id])
    audience.everybody = everybody
    for statement in event_statements(*audience.told(user.user_id, (created,)), stored(user.created_at)):
        connection.query(statement)


def owner_of(connection: Connection, email: str) -> bytes | None:
    """Whose an email is, or was; None where it is free."""
    owner = connection.execute(sa.select(emails.c.user_id).where(emails.c.email == email)).scalar()
    return None if owner is None else bytes(owner)


def insert_user(connection: Connection, user: NewUser, key: SignupKey | None = None) -> None:
    """Store a new user, in a transaction that is under way; nothing where the email is somebody's."""
    moment = user.created_at.replace(tzinfo=None)
    names = user._asdict()
    try:
        connection.execute(sa.insert(emails).values(email=user.email, user_id=user.user_id))
    except sa.exc.IntegrityError:
        # Somebody else signed up with this email since we asked; the primary key decided.
        return
    connection.execute(
        sa.insert(users).values(
            {c.name: names[c.name] for c in users.c if c.name in names}
            | {"balance": 0, "entry_count": 0, "created_at": moment, "updated_at": moment}
        )
    )
    connection.execute(
        sa.insert(credentials).values(
            {c.name: names[c.name] for c in credentials.c if c.name in names} | {"updated_at": moment}
        )
    )
    if key is not None:
        connection.execute(
            sa.insert(signup_keys).values(key._asdict() | {"user_id": user.user_id, "created_at": moment})
        )


class Balances:
    """Reads balances.

    Most services have no open hold, nothing that arrived and was not moved, and nobody who owes anything. There,
    wallets are all there is to read, and the same statement tells whether it is so. What the last one told is kept.
    """

    def __init__(self) -> None:
        self._wallets_are_all = True

    def read(self, connection: Connection, lookups: Sequence[BalanceLookup], now: str) -> list[Balance | None]:
        """The balances asked for, in order; None where the session is revoked or nobody has the id.

        The money of a hold whose time is over counts as its payer's again, and what was to arrive by now has arrived,
        whether or not anybody has moved it yet. What comes in settles what is owed.
        """
        user_ids = id_list({lookup.user_id for lookup in lookups})
        tokens = id_list({lookup.token_id for lookup in lookups})
        revoked = f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({tokens})"
        found, revoked_found = connection.query(_select(user_ids, now, wallets=self._wallets_are_all), revoked)
        is_more = any(is_any for *_, is_any in found)
        if self._wallets_are_all and is_more:
            [found] = connection.query(_select(user_ids, now, wallets=False))
        self._wallets_are_all = not is_more
        balances = _balances(found)
        ended = {bytes(row[0]) for row in revoked_found}
        return [None if lookup.token_id in ended else balances.get(lookup.user_id) for lookup in lookups]


def _select(user_ids: str, now: str, *, wallets: bool) -> str:
    """Finds what these users have, and whether there is more than wallets; with everything, or the wallets alone.

    It is one statement, so of one moment: what moves meanwhile is neither missing nor counted twice.
    """
    of_wallets = (
        "SELECT user_id, balance, 0 AS held, 0 AS owed, CAST(updated_at AS CHAR(26)) AS updated_at, 0 AS is_any"
        f" FROM users WHERE user_id IN ({user_ids})"
    )
    any_more = f"EXISTS (SELECT 1 FROM holds WHERE status = 'open') OR {any_arrived_or_owed(now)}"
    others = [] if wallets else [_select_holds(user_ids, now), *select_arrived_and_owed(user_ids, now)]
    return " UNION ALL ".join([of_wallets, f"SELECT {literal(NIL)}, 0, 0, 0, '', {any_more}", *others])


def _select_holds(user_ids: str, now: str) -> str:
    return (
        f"SELECT payer_id, SUM(CASE WHEN expires_at <= '{now}' THEN amount ELSE 0 END),"
        f" SUM(CASE WHEN expires_at <= '{now}' THEN 0 ELSE amount END), 0, '', 0 FROM holds"
        f" WHERE payer_id IN ({user_ids}) AND status = 'open' GROUP BY payer_id"
    )


def _balances(found: Rows) -> dict[bytes, Balance]:
    """What rows of what somebody has, holds and owes come to, by user."""
    # Few users have more than the row that has a time.
    others: dict[bytes, tuple[int, int, int]] = {}
    for user_id, has, held, owed, updated_at, _ in found:
        if not updated_at:
            before = others.get(user_id := bytes(user_id), _NOTHING)
            others[user_id] = before[0] + int(has), before[1] + int(held), before[2] + int(owed)
    balances: dict[bytes, Balance] = {}
    for user_id, balance, _, _, updated_at, _ in found:
        if updated_at:
            more, held, owed = others.get(user_id := bytes(user_id), _NOTHING)
            # Beside a sum, a balance comes as a decimal from some databases.
            has = int(balance) + more
            balances[user_id] = Balance(
                max(0, has - owed) if owed else has, held, rfc3339(updated_at), owed and max(0, owed - has)
            )
    return balances


_NOTHING = 0, 0, 0
