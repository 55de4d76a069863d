"""A small bank on any database: users to move money between, and an auditor who looks at what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import sqlalchemy as sa

from shillings import clock, ids
from shillings.app.payments import fingerprint
from shillings.ledger.transfers import Decision, Kind, Transfer
from shillings.storage.accounts import NewUser, add_user
from shillings.storage.engine import dialect_of, make_engine
from shillings.storage.lanes import Lane, Session
from shillings.storage.ledger import LedgerBatch, Receivers
from tests.invariants import Auditor, Ledger, violations

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
TOKEN = b"t" * 16
NOBODY = "nobody@example.com"

_numbers = count(1)


@dataclass(frozen=True)
class Somebody:
    """A user."""

    user_id: bytes
    email: str


def new_user(email: str = "", **fields: Any) -> NewUser:
    """A sign-up that nobody has sent yet."""
    number = next(_numbers)
    email = email or f"user{number}@example.com"
    values = {"first_name": "Ann", "middle_name": "", "last_name": "Lee", "phone": "", "password": "$argon2id$"}
    return NewUser(
        user_id=ids.new_id(), credential_id=ids.new_id(), email=email, created_at=MOMENT, **(values | fields)
    )


def payment(sender: Somebody, receiver: str | Somebody, amount: int, key: str = "", token: bytes = TOKEN) -> Transfer:
    """A wish to pay."""
    email = receiver if isinstance(receiver, str) else receiver.email
    return _transfer(Kind.PAYMENT, sender, email, amount, key, token)


def topup(user: Somebody, amount: int, key: str = "", token: bytes = TOKEN) -> Transfer:
    """A wish to top up."""
    return _transfer(Kind.TOPUP, user, "", amount, key, token)


def _transfer(kind: Kind, user: Somebody, email: str, amount: int, key: str, token: bytes) -> Transfer:
    return Transfer(ids.new_id(), kind, user.user_id, email, amount, token, key, fingerprint(kind, email, amount))


class Bank:
    """A database with the current schema.

    Args:
        url: where it is. It is for whoever made it to remove.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = dialect_of(url)
        self.engine = make_engine(url)
        self.receivers = Receivers()
        self._sessions: list[Session] = []
        self.session = self.open()

    def open(self, kind: Callable[[sa.Engine, Any], Session] = Session) -> Session:
        """Another session, closed with the bank."""
        self._sessions.append(kind(self.engine, self.dialect))
        return self._sessions[-1]

    def lane(self, threads: int = 1) -> Lane:
        """Threads with sessions of their own; the caller closes it."""
        return Lane(self.engine, self.dialect, "test", threads=threads)

    def user(self, balance: int = 0) -> Somebody:
        """Somebody new, with money."""
        made = new_user()
        assert add_user(self.session, made)
        somebody = Somebody(made.user_id, made.email)
        if balance:
            self.carry_out([topup(somebody, balance)])
        return somebody

    def batch(self, transfers: Iterable[Transfer], now: Callable[[], datetime] = clock.now) -> LedgerBatch:
        """A batch on its way."""
        return LedgerBatch(list(transfers), self.receivers, now)

    def carry_out(self, transfers: Iterable[Transfer], now: Callable[[], datetime] = clock.now) -> list[Decision]:
        """Carry a batch out, in this thread."""
        return self.batch(transfers, now).carry_out(self.session)

    def balance(self, user: Somebody) -> int:
        """What the database says somebody has."""
        found = self.rows(f"SELECT balance FROM users WHERE user_id = x'{user.user_id.hex()}'")
        return int(found[0][0])

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        [found] = self.session.visit(statement)
        return [tuple(row) for row in found]

    def ledger(self) -> Ledger:
        """Everything about the money; it must be sound."""
        with Auditor(self.url) as auditor:
            found = auditor.read_ledger()
        wrong = violations(found)
        assert not wrong, wrong
        return found

    def close(self) -> None:
        """Close every connection."""
        for session in self._sessions:
            session.discard()
        self.engine.dispose()
