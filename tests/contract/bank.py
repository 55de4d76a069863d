"""A small bank on any database: users to move money between, and an auditor who checks what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.audit.acknowledged import Transaction
from shillings.audit.auditor import Auditor
from shillings.ledger.operation import Decision, Header, Operation, fingerprint
from shillings.ledger.payment import Payment
from shillings.ledger.rows import Kind
from shillings.ledger.topup import TopUp
from shillings.storage.accounts import NewUser, add_user
from shillings.storage.engines import dialect_of, make_engine
from shillings.storage.executor import Connection, Executor
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.ledger_optimistic import KnownWallets
from tests.values import new_id, now

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
    return NewUser(user_id=new_id(), credential_id=new_id(), email=email, created_at=MOMENT, **(values | fields))


def payment(sender: Somebody, receiver: str | Somebody, amount: int, key: str = "", token: bytes = TOKEN) -> Operation:
    """A request to pay."""
    email = receiver if isinstance(receiver, str) else receiver.email
    return Payment(header(sender, key, token, Kind.PAYMENT, email, amount), email, amount)


def topup(user: Somebody, amount: int, key: str = "", token: bytes = TOKEN) -> Operation:
    """A request to top up."""
    return TopUp(header(user, key, token, Kind.TOPUP, "", amount), amount)


def header(user: Somebody, key: str, token: bytes, *fields: str | int) -> Header:
    """The header of somebody's request, made of what tells it from others."""
    return Header(new_id(), user.user_id, token, key, fingerprint(*fields), "request")


class Ledger(NamedTuple):
    """Everything about the money at one moment, as rows."""

    users: list[tuple[Any, ...]]
    transactions: list[Transaction]
    entries: list[tuple[Any, ...]]
    keys: list[tuple[Any, ...]]


class Bank:
    """A database with the current schema.

    Args:
        url: where it is. It is for whoever made it to remove.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = dialect_of(url)
        self.engine = make_engine(url)
        self.known = KnownLinks()
        self.wallets = None if self.dialect.is_embedded else KnownWallets(always=True)
        self._connections: list[Connection] = []
        self.connection = self.open()

    def open(self, kind: Callable[[sa.Engine, Any], Connection] = Connection) -> Connection:
        """Another connection, closed with the bank."""
        self._connections.append(kind(self.engine, self.dialect))
        return self._connections[-1]

    def executor(self, threads: int = 1) -> Executor:
        """Threads with connections of their own; the caller closes it."""
        return Executor(self.engine, self.dialect, "test", threads=threads)

    def user(self, balance: int = 0, email: str = "") -> Somebody:
        """Somebody new, with money."""
        made = new_user(email)
        assert add_user(self.connection, made) is None
        somebody = Somebody(made.user_id, made.email)
        if balance:
            self.execute([topup(somebody, balance)])
        return somebody

    def batch(self, operations: Iterable[Operation], now: Callable[[], datetime] = now) -> LedgerBatch:
        """A batch on its way."""
        return LedgerBatch(list(operations), self.known, now, wallets=self.wallets)

    def execute(self, operations: Iterable[Operation], now: Callable[[], datetime] = now) -> list[Decision]:
        """Execute a batch, in this thread."""
        return self.batch(operations, now).execute(self.connection)

    def balance(self, user: Somebody) -> int:
        """What the database says somebody has."""
        found = self.rows(f"SELECT balance FROM users WHERE user_id = x'{user.user_id.hex()}'")
        return int(found[0][0])

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        [found] = self.connection.query(statement)
        return [tuple(row) for row in found]

    def ledger(self) -> Ledger:
        """Everything about the money, once the audit has found nothing."""
        with Auditor(self.url) as auditor:
            auditor.audit().require_clean()
            transactions = auditor.transactions()
        return Ledger(
            self.rows("SELECT user_id, email, balance, entry_count FROM users ORDER BY user_id"),
            transactions,
            self.rows("SELECT account_id, seq, transaction_id, amount, balance FROM entries ORDER BY account_id, seq"),
            self.rows("SELECT user_id, idempotency_key, outcome FROM idempotency_keys ORDER BY 1, 2"),
        )

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.discard()
        self.engine.dispose()
