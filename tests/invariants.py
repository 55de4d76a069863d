"""What must hold about the money, checked on any database from outside, as an auditor would.

Nothing here uses the service's own code: the tables and columns are named as the documentation names them. All reads
of one check happen in one consistent snapshot, so the checks may run while payments go on.

`totals` is cheap and meant for many snapshots during a run. `read_ledger` reads everything; `violations` looks at the
ledger by itself, and `disagreements` holds it against what clients were told. Both return sentences, none when all
is well.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

NOBODY = bytes(16)
"""The id of the funding account, from which top-ups come. It has no row."""


class User(NamedTuple):
    """What the users table says about one account."""

    user_id: bytes
    email: str
    balance: int
    entry_count: int


class Transaction(NamedTuple):
    """One row of the transactions table."""

    transaction_id: bytes
    kind: str
    sender_id: bytes
    sender_email: str
    receiver_id: bytes
    receiver_email: str
    amount: int


class Entry(NamedTuple):
    """One row of the entries table."""

    account_id: bytes
    seq: int
    transaction_id: bytes
    amount: int
    balance: int


class Key(NamedTuple):
    """One row of the idempotency_keys table."""

    user_id: bytes
    idempotency_key: str
    outcome: str
    transaction_id: bytes


@dataclass(frozen=True)
class Ledger:
    """Everything about the money at one moment; entries in order of account and seq."""

    users: list[User]
    transactions: list[Transaction]
    entries: list[Entry]
    keys: list[Key]


class Totals(NamedTuple):
    """The sums of one snapshot, in minor units."""

    balances: int
    lowest: int
    topped_up: int
    entries: int
    entry_count: int
    entry_count_due: int


class Acknowledged(NamedTuple):
    """A movement that a client was told is done.

    Args:
        transaction_id: 16 bytes, as the answer said.
        kind: payment or topup.
        sender_email: empty for a top-up.
        receiver_email: who got the money.
        amount: minor units.
        began, ended: when the client asked and when it knew, on one monotonic clock; 0 where nobody noted it.
    """

    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int
    began: float = 0.0
    ended: float = 0.0


class Auditor:
    """One connection that reads, and changes nothing.

    Args:
        url: a SQLAlchemy URL, of SQLite or of the MySQL family.
    """

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        if self._is_sqlite:
            url = f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true"
        self._engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection = self._engine.connect()
        if not self._is_sqlite:
            self._connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def totals(self) -> Totals:
        """The sums at one moment."""
        with self._snapshot():
            [balances, lowest] = self._one("SELECT COALESCE(SUM(balance), 0), COALESCE(MIN(balance), 0) FROM users")
            [entries, entry_count] = self._one("SELECT COALESCE(SUM(amount), 0), COUNT(*) FROM entries")
            by_kind = {
                str(kind): (int(amount), int(count))
                for kind, amount, count in self._all(
                    "SELECT kind, SUM(amount), COUNT(*) FROM transactions GROUP BY kind"
                )
            }
        topped_up, topups = by_kind.get("topup", (0, 0))
        _, payments = by_kind.get("payment", (0, 0))
        return Totals(int(balances), int(lowest), topped_up, int(entries), int(entry_count), topups + 2 * payments)

    def read_ledger(self) -> Ledger:
        """Everything at one moment."""
        with self._snapshot():
            return Ledger(
                [
                    User(bytes(row[0]), *row[1:])
                    for row in self._all("SELECT user_id, email, balance, entry_count FROM users ORDER BY user_id")
                ],
                [
                    Transaction(bytes(row[0]), row[1], bytes(row[2]), row[3], bytes(row[4]), *row[5:])
                    for row in self._all(
                        "SELECT transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email, amount"
                        " FROM transactions ORDER BY transaction_id"
                    )
                ],
                [
                    Entry(bytes(row[0]), row[1], bytes(row[2]), *row[3:])
                    for row in self._all(
                        "SELECT account_id, seq, transaction_id, amount, balance FROM entries ORDER BY account_id, seq"
                    )
                ],
                [
                    Key(bytes(row[0]), row[1], row[2], bytes(row[3]))
                    for row in self._all(
                        "SELECT user_id, idempotency_key, outcome, transaction_id FROM idempotency_keys"
                        " ORDER BY user_id, idempotency_key"
                    )
                ],
            )

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        begin = "BEGIN" if self._is_sqlite else "START TRANSACTION WITH CONSISTENT SNAPSHOT"
        self._connection.exec_driver_sql(begin)
        try:
            yield
        finally:
            self._connection.exec_driver_sql("ROLLBACK")

    def _one(self, statement: str) -> Sequence[Any]:
        return self._connection.exec_driver_sql(statement).one()

    def _all(self, statement: str) -> Sequence[Sequence[Any]]:
        return self._connection.exec_driver_sql(statement).all()


def wrong_totals(totals: Totals) -> list[str]:
    """What is wrong with one snapshot's sums."""
    wrong = []
    if totals.balances != totals.topped_up:
        wrong.append(f"money is not conserved: {totals.topped_up} was topped up, {totals.balances} is there")
    if totals.entries != totals.topped_up:
        wrong.append(f"entries sum to {totals.entries}; {totals.topped_up} was topped up")
    if totals.entry_count != totals.entry_count_due:
        wrong.append(f"there are {totals.entry_count} entries; the transactions call for {totals.entry_count_due}")
    if totals.lowest < 0:
        wrong.append(f"a balance is negative: {totals.lowest}")
    return wrong


def violations(ledger: Ledger) -> list[str]:
    """What is wrong with the ledger by itself."""
    return [
        *_wrong_accounts(ledger),
        *_wrong_transactions(ledger),
        *_wrong_keys(ledger),
    ]


def disagreements(ledger: Ledger, acknowledged: Iterable[Acknowledged]) -> list[str]:
    """Where the ledger and what clients were told differ; `acknowledged` is everything anybody was told is done."""
    told = list(acknowledged)
    by_id = {transaction.transaction_id: transaction for transaction in ledger.transactions}
    wrong = [
        f"{transaction_id.hex()} was acknowledged for {count} requests"
        for transaction_id, count in Counter(one.transaction_id for one in told).items()
        if count > 1
    ]
    for one in told:
        found = by_id.get(one.transaction_id)
        if found is None:
            wrong.append(f"{one.transaction_id.hex()} was acknowledged and is lost")
        elif (found.kind, found.sender_email, found.receiver_email, found.amount) != one[1:5]:
            wrong.append(f"{one.transaction_id.hex()} was acknowledged as {one[1:5]} and stands as {found[1:]}")
    ghosts = by_id.keys() - {one.transaction_id for one in told}
    wrong += [f"{ghost.hex()} moved money and nobody was told" for ghost in sorted(ghosts)]
    return wrong + _out_of_order(ledger, told)


def _wrong_accounts(ledger: Ledger) -> list[str]:
    """Entries are numbered 1, 2, 3 …, their balances are running sums, and the user's row is the last of them."""
    wrong = []
    by_account: defaultdict[bytes, list[Entry]] = defaultdict(list)
    for entry in ledger.entries:
        by_account[entry.account_id].append(entry)
    for user in ledger.users:
        entries = by_account.pop(user.user_id, [])
        numbers = [entry.seq for entry in entries]
        if numbers != list(range(1, len(entries) + 1)):
            gap = next(n for n, seq in enumerate([*numbers, 0], start=1) if n != seq)
            wrong.append(f"{user.email}: entries are not numbered without a gap at {gap}")
        running = 0
        for entry in entries:
            running += entry.amount
            if entry.balance != running:
                wrong.append(f"{user.email}: entry {entry.seq} says {entry.balance}, its running sum is {running}")
                break
        if any(entry.balance < 0 for entry in entries) or user.balance < 0:
            wrong.append(f"{user.email}: a balance is negative")
        total = sum(entry.amount for entry in entries)
        if user.balance != total:
            wrong.append(f"{user.email}: the balance is {user.balance}, the entries sum to {total}")
        if user.entry_count != len(entries):
            wrong.append(f"{user.email}: entry_count is {user.entry_count}, there are {len(entries)} entries")
    return wrong + [f"{account.hex()} has entries and is no user" for account in by_account]


def _wrong_transactions(ledger: Ledger) -> list[str]:
    """Every transaction has exactly its entries: minus at the sender, plus at the receiver, of its amount."""
    wrong = []
    emails = {user.user_id: user.email for user in ledger.users}
    by_transaction: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
    for entry in ledger.entries:
        by_transaction[entry.transaction_id].append((entry.account_id, entry.amount))
    for one in ledger.transactions:
        name = one.transaction_id.hex()
        due = [(one.receiver_id, one.amount)]
        if one.kind == "payment":
            due.append((one.sender_id, -one.amount))
        if sorted(by_transaction.pop(one.transaction_id, [])) != sorted(due):
            wrong.append(f"{name}: its entries are not its two sides")
        sender_due = "" if one.kind == "topup" else emails.get(one.sender_id)
        if (sender_due, emails.get(one.receiver_id)) != (one.sender_email, one.receiver_email):
            wrong.append(f"{name}: its emails are not its users'")
        if one.kind not in ("payment", "topup") or (one.kind == "topup") != (one.sender_id == NOBODY):
            wrong.append(f"{name}: it is neither a payment nor a top-up")
        if one.amount <= 0 or one.sender_id == one.receiver_id:
            wrong.append(f"{name}: it moves nothing")
    return wrong + [f"{transaction_id.hex()} has entries and is no transaction" for transaction_id in by_transaction]


def _wrong_keys(ledger: Ledger) -> list[str]:
    """A key kept for a movement that was made names it, and no two keys name the same one."""
    wrong = []
    by_id = {transaction.transaction_id: transaction for transaction in ledger.transactions}
    seen: set[bytes] = set()
    for key in ledger.keys:
        if key.outcome != "ok":
            if key.transaction_id != NOBODY:
                wrong.append(f"key {key.idempotency_key} was refused and names a transaction")
            continue
        found = by_id.get(key.transaction_id)
        if found is None:
            wrong.append(f"key {key.idempotency_key} names a transaction that is not there")
        elif key.user_id != (found.sender_id if found.kind == "payment" else found.receiver_id):
            wrong.append(f"key {key.idempotency_key} names somebody else's transaction")
        if key.transaction_id in seen:
            wrong.append(f"key {key.idempotency_key} names a transaction that has another key")
        seen.add(key.transaction_id)
    return wrong


def _out_of_order(ledger: Ledger, told: list[Acknowledged]) -> list[str]:
    """Where an account's statement contradicts the clock: what had ended before another began comes first."""
    times = {one.transaction_id: (one.began, one.ended) for one in told if one.ended}
    latest: dict[bytes, float] = {}
    wrong = []
    for entry in ledger.entries:
        if entry.transaction_id in times:
            began, ended = times[entry.transaction_id]
            if ended < latest.get(entry.account_id, 0.0):
                wrong.append(f"{entry.account_id.hex()}: entry {entry.seq} had ended before an earlier one began")
            latest[entry.account_id] = max(began, latest.get(entry.account_id, 0.0))
    return wrong
