"""The book: what is known about the accounts of a batch while their wallets are locked, and what is to be written.

Operations decide on it one after the other, each on what those before it have left. It knows no database: storage
fills it, and writes what it holds afterwards.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.events import Audience, DeliveryRow, Event, EventRow
from shillings.ledger.rows import (
    DEBT,
    DERIVED,
    FUNDING,
    AccountId,
    Debt,
    EntryRow,
    HoldStatus,
    HoldTerms,
    KeyOwner,
    KeyRow,
    Kind,
    TransactionRow,
    Transit,
    Wallet,
)

Leg = tuple[AccountId, int]
"""What one transaction does to one account, in minor units: plus is money in, minus is money out."""


class Links(NamedTuple):
    """What operations refer to and what never changes, so that it can be read before anything is locked.

    Args:
        users: user ids by canonical email; those that nobody has are not there.
        transactions: by id; those that do not exist are not there.
        holds: by id; those that do not exist are not there.
        transits: transactions again, of which it matters how their money travels.
    """

    users: Mapping[str, bytes] = {}
    transactions: Mapping[bytes, TransactionRow] = {}
    holds: Mapping[bytes, HoldTerms] = {}
    transits: Mapping[bytes, TransactionRow] = {}


@dataclass(slots=True)
class Book:
    """A batch's view of the ledger.

    Args:
        now: the time of the batch, as it is stored. Times in this form compare as text.
        keys_since: idempotency keys that were stored before this time are over.
        forgets_refusals: whether a refusal is not stored under its key, so that a retry is judged again.
        links: what never changes.
        accounts: the wallets that are locked, by user id.
        answers: what was decided under the batch's keys; what is decided on this book is added, so that a key which is
            seen twice is decided once.
        revoked: ids of revoked sessions.
        holds: how the holds that are locked have ended, by id; `open` for those that have not.
        refunded: how much of a transaction was refunded before, by id.
        transits: how the money of transactions travels, by id; those whose money simply arrived are not there.
        debts: what users owe, by id; only of users who owe something, or did.
        rows: what is to be written, by the class of the rows.
        audience: who listens to what happens; None where nobody does.
    """

    now: str = ""
    keys_since: str = ""
    links: Links = field(default_factory=Links)
    accounts: dict[AccountId, Wallet] = field(default_factory=dict)
    answers: dict[KeyOwner, KeyRow] = field(default_factory=dict)
    revoked: frozenset[bytes] = frozenset()
    holds: dict[bytes, HoldStatus] = field(default_factory=dict)
    refunded: dict[bytes, int] = field(default_factory=dict)
    transits: dict[bytes, Transit] = field(default_factory=dict)
    debts: dict[AccountId, Debt] = field(default_factory=dict)
    rows: defaultdict[type, list[Any]] = field(default_factory=lambda: defaultdict(list))
    audience: Audience | None = None
    forgets_refusals: bool = False

    def post(self, transaction: TransactionRow, *legs: Leg) -> None:
        """Write a transaction and its entries. No balance changes anywhere else.

        Whether the money is there is for the operation to know. An AssertionError here is a bug; it ends the batch, and
        nothing of this book is written.
        """
        entries, total = self.rows[EntryRow], 0
        for account_id, amount_minor in legs:
            total += amount_minor
            if account_id in DERIVED:
                continue
            wallet = self.accounts[account_id]
            wallet.balance_minor += amount_minor
            wallet.entry_count += 1
            assert 0 <= wallet.balance_minor <= BALANCE_MINOR_MAX, "a balance left its bounds"
            if not wallet.changed:
                wallet.changed = True
                self.rows[Wallet].append(wallet)
            entries.append(
                EntryRow(account_id, wallet.entry_count, transaction.transaction_id, amount_minor, wallet.balance_minor)
            )
        assert total == 0, "the legs of a transaction sum to zero"
        self.rows[TransactionRow].append(transaction)
        if self.debts and transaction.kind is not Kind.LOAN:
            for account_id, amount_minor in legs:
                if amount_minor > 0 and self.owed_by(account_id):
                    self._repay(self.accounts[account_id], transaction.transaction_id)

    def owed_by(self, user_id: AccountId) -> int:
        """What a user owes."""
        debt = self.debts.get(user_id)
        return 0 if debt is None else debt.amount_minor

    def owe(self, user_id: AccountId, amount_minor: int) -> None:
        """Have a user owe more, or less."""
        debt = self.debts.setdefault(user_id, Debt(user_id, 0))
        debt.amount_minor += amount_minor
        assert debt.amount_minor >= 0, "nobody owes less than nothing"
        if not debt.changed:
            debt.changed = True
            self.rows[Debt].append(debt)

    def _repay(self, wallet: Wallet, cause: bytes) -> None:
        """Settle what a user owes with money that has just come in."""
        amount_minor = min(wallet.balance_minor, self.owed_by(wallet.user_id))
        transaction = TransactionRow(
            follower_id(cause, REPAYMENT), Kind.REPAYMENT, wallet.user_id, wallet.email, FUNDING, "", amount_minor
        )
        self.post(transaction, (wallet.user_id, -amount_minor), (DEBT, amount_minor))
        self.owe(wallet.user_id, -amount_minor)

    def write(self, row: Any) -> None:
        """Have one more row written, in the same database transaction as everything else."""
        self.rows[type(row)].append(row)

    def emit(self, cause: bytes, *events: Event) -> None:
        """Have those told who listen. Where nobody does, an operation need not even make its events.

        Args:
            cause: the id of the operation.
            events: what it has brought about.
        """
        if self.audience is not None:
            rows, deliveries = self.audience.told(cause, events)
            if rows:
                self.rows[EventRow] += rows
            if deliveries:
                self.rows[DeliveryRow] += deliveries


RELEASE, REPAYMENT, SETTLEMENT, RETURN, LOAN = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB


def follower_id(transaction_id: bytes, place: int) -> bytes:
    """The id of a transaction that follows from another one: the other's, but for its last byte.

    So whoever finds that it has to follow means the same one, and it cannot be written twice.

    >>> follower_id(follower_id(bytes(16), SETTLEMENT), REPAYMENT) != follower_id(bytes(16), RETURN)
    True
    """
    return transaction_id[:15] + bytes([transaction_id[15] ^ place])
