"""What the ledger reads and writes: each class is a row of one table, or the part of it that the ledger needs.

A row's class is also its address: a book keeps the rows it has to write by their class, and storage has one statement
for each class (storage/ledger_writes.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.outcomes import Outcome

AccountId = bytes
"""A user's id, or a derived account's."""

FUNDING: AccountId = bytes(16)
"""Where top-ups come from. Its balance is the negative sum of all others, so it is derived and has no row: a row would
have to be locked by every top-up."""

HOLDING: AccountId = bytes(15) + b"\x01"
"""Where money on hold is. Its balance is the sum of what holds have left, so it has no row either."""

TRANSIT: AccountId = bytes(15) + b"\x02"
"""Where money is that is on its way: it has left one side, and has not come to the other yet."""

DEBT: AccountId = bytes(15) + b"\x03"
"""What users owe, below zero: it lends them what they have spent of a top-up that comes back."""

DERIVED = frozenset({FUNDING, HOLDING, TRANSIT, DEBT})
"""Accounts without a row: their side of a transaction is not written, because the other sides imply it."""

KeyOwner = tuple[bytes, str]
"""(user_id, idempotency_key): keys belong to users."""


class Kind(StrEnum):
    """What a transaction is."""

    PAYMENT = "payment"
    """Money moves from one user to another."""

    TOPUP = "topup"
    """Money moves from the funding account to a user."""

    REFUND = "refund"
    """Money of a payment or a capture moves back, from who received it to who paid it."""

    HOLD = "hold"
    """Money moves from a user to the holding account."""

    CAPTURE = "capture"
    """Money on hold moves to the receiver."""

    RELEASE = "release"
    """Money on hold moves back to the payer."""

    PENDING_TOPUP = "pending_topup"
    """Money moves from the funding account into transit; the user it is for is shown it as a pending top-up."""

    PENDING_REFUND = "pending_refund"
    """Money of a payment leaves who received it, and is in transit to who paid it."""

    SETTLEMENT = "settlement"
    """Money in transit arrives."""

    REVERSAL = "reversal"
    """Money in transit moves back to the user it came from: a refund has failed."""

    PENDING_RETURN = "pending_return"
    """Money in transit moves back to the funding account: a top-up has come back before it arrived."""

    RETURN = "return"
    """Money of a top-up moves from the user back to the funding account."""

    LOAN = "loan"
    """A user gets what is missing for a return, and owes it."""

    REPAYMENT = "repayment"
    """Money that a user has just got settles what the user owes."""

    @property
    def shown(self) -> str:
        """What people call it: that something is pending is its status, not its kind."""
        return self.value.removeprefix("pending_")


SHOWN_KINDS = tuple(dict.fromkeys(kind.shown for kind in Kind))
"""The kinds that people are shown."""


@dataclass(slots=True)
class Wallet:
    """A user's account while a batch is applied to it; read under a lock, written when the batch is decided."""

    user_id: AccountId
    email: str
    balance_minor: int
    entry_count: int
    changed: bool = False

    def has_room(self, amount_minor: int) -> bool:
        """Whether the balance may grow by so much."""
        return self.balance_minor + amount_minor <= BALANCE_MINOR_MAX


class HoldStatus(StrEnum):
    """What has become of a hold."""

    OPEN = "open"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


class HoldTerms(NamedTuple):
    """What was agreed when a hold was made, and never changes. Its id is that of the transaction that made it."""

    hold_id: bytes
    payer_id: AccountId
    payer_email: str
    receiver_id: AccountId
    receiver_email: str
    amount_minor: int
    expires_at: str


class HoldEnd(NamedTuple):
    """How an open hold ends."""

    hold_id: bytes
    status: HoldStatus
    captured_minor: int = 0


class TransitStatus(StrEnum):
    """What has become of money on its way."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    RETURNED = "returned"
    """A top-up has come back."""
    FAILED = "failed"
    """A refund has not got through."""


class TransitRow(NamedTuple):
    """How the money of a top-up or refund travels that does not simply arrive.

    Args:
        transaction_id: the top-up's or refund's.
        sender_id, receiver_id, amount_minor: as in the transaction.
        refunded_id: the payment that a refund is of; NIL for a top-up.
        status: what has become of it so far.
        final: what becomes of it in the end, unless somebody decides otherwise.
        due_at: when; as times are stored. Empty when somebody is to decide.
    """

    transaction_id: bytes
    sender_id: AccountId
    receiver_id: AccountId
    refunded_id: bytes
    amount_minor: int
    status: TransitStatus
    final: TransitStatus
    due_at: str


@dataclass(slots=True)
class Transit:
    """The part of a TransitRow that changes; read under a lock, written when the batch is decided."""

    transaction_id: bytes
    refunded_id: bytes
    status: TransitStatus
    final: TransitStatus
    due_at: str
    changed: bool = False


@dataclass(slots=True)
class Debt:
    """What a user owes. Whoever owes something has an empty wallet: what comes in is taken at once."""

    user_id: AccountId
    amount_minor: int
    changed: bool = False


class RefundEnd(NamedTuple):
    """That a refund does not count any more: it has failed."""

    transaction_id: bytes
    refund_id: bytes


class RefundRow(NamedTuple):
    """That a transaction was refunded, in part or whole."""

    transaction_id: bytes
    refund_id: bytes
    amount_minor: int


class DetailsRow(NamedTuple):
    """What the user who asked for a transaction says of it. `metadata` is JSON."""

    transaction_id: bytes
    user_id: AccountId
    reference: str
    metadata: str


class TransactionRow(NamedTuple):
    """What one applied operation moved. It is written once and never changes."""

    transaction_id: bytes
    kind: Kind
    sender_id: AccountId
    sender_email: str
    receiver_id: AccountId
    receiver_email: str
    amount_minor: int


class EntryRow(NamedTuple):
    """One line of one account's statement; `seq` counts 1, 2, 3 … in each account."""

    account_id: AccountId
    seq: int
    transaction_id: bytes
    amount_minor: int
    balance_minor: int


class KeyRow(NamedTuple):
    """One idempotency key, and what was decided about the first operation that came with it."""

    user_id: bytes
    idempotency_key: str
    fingerprint: bytes
    outcome: Outcome
    transaction_id: bytes
    created_at: str


class ExpiredKey(NamedTuple):
    """A key whose lifetime is over and whose row makes room, because the key is used again."""

    user_id: bytes
    idempotency_key: str
