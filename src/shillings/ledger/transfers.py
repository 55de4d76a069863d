"""The ledger's values: transfers in, decisions and rows out."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shillings.ledger.outcomes import Outcome


class Kind(StrEnum):
    """What a transaction is."""

    PAYMENT = "payment"
    """Money moves from one user to another."""

    TOPUP = "topup"
    """Money moves from the funding account to a user."""


class Transfer(NamedTuple):
    """A wish to move money.

    Args:
        transaction_id: the id the transaction gets if it is applied (16 bytes).
        kind: payment or topup.
        user_id: who asks; owner of the idempotency key. The sender of a payment, the receiver of a topup.
        receiver_email: canonical email of the receiver of a payment; empty for a topup.
        amount: minor units, more than zero.
        token_id: the session the transfer was asked for with; a revoked one moves nothing.
        idempotency_key: empty for none.
        fingerprint: 16 bytes that are equal for equal requests.
    """

    transaction_id: bytes
    kind: Kind
    user_id: bytes
    receiver_email: str
    amount: int
    token_id: bytes
    idempotency_key: str
    fingerprint: bytes


@dataclass(slots=True)
class Wallet:
    """A user's account while a batch is applied to it; loaded under a lock, stored when the batch is done."""

    user_id: bytes
    email: str
    balance: int
    entry_count: int
    changed: bool = False


class StoredAnswer(NamedTuple):
    """What was decided about the first transfer with an idempotency key."""

    fingerprint: bytes
    outcome: Outcome
    transaction_id: bytes


class Decision(NamedTuple):
    """The answer to one transfer. `transaction_id` means something when the outcome is OK."""

    outcome: Outcome
    transaction_id: bytes
    replayed: bool = False


class TransactionRow(NamedTuple):
    """One applied transfer."""

    transaction_id: bytes
    kind: Kind
    sender_id: bytes
    sender_email: str
    receiver_id: bytes
    receiver_email: str
    amount: int


class EntryRow(NamedTuple):
    """One line of one account's statement; `seq` counts 1, 2, 3 … in each account."""

    account_id: bytes
    seq: int
    transaction_id: bytes
    amount: int
    balance: int


class KeyRow(NamedTuple):
    """One idempotency key and the answer it keeps."""

    user_id: bytes
    idempotency_key: str
    fingerprint: bytes
    outcome: Outcome
    transaction_id: bytes


@dataclass(slots=True)
class Ruling:
    """Everything a batch comes to: an answer for each transfer, and the rows that make the answers true."""

    decisions: list[Decision] = field(default_factory=list)
    transactions: list[TransactionRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    keys: list[KeyRow] = field(default_factory=list)
