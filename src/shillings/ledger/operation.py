"""Operations: everything that can be asked of the ledger has this shape, whatever it does.

A new operation is a module beside `payment.py`, and where it reads or writes something new, a row in storage's tables
(storage/ledger_links.py, ledger_reads.py, ledger_writes.py). Nothing that exists asks which operation it is.
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import NamedTuple, Protocol

from shillings.base.ids import NIL
from shillings.ledger.book import Book, Links
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import AccountId, DetailsRow, TransactionRow, TransitRow, TransitStatus, Wallet


class Header(NamedTuple):
    """What every operation has.

    Args:
        id: the id its transaction gets if it is applied (16 bytes). It is made before the operation is sent, so that
            after a COMMIT whose answer was lost one query tells whether it was applied.
        user_id: who asks, and whose idempotency key it is. This user's wallet is always locked.
        token_id: the session it was asked for with, NIL for none; with a revoked one nothing is done.
        idempotency_key: empty for none.
        fingerprint: 16 bytes that are equal for equal requests.
        request_id: the request it came with.
    """

    id: bytes
    user_id: bytes
    token_id: bytes
    idempotency_key: str
    fingerprint: bytes
    request_id: str


class Details(NamedTuple):
    """What the user who asks says of a transaction, to find it by.

    Args:
        reference: the user's own name for it; empty for none.
        metadata: JSON of a few short texts by name.
    """

    reference: str
    metadata: str

    def row(self, header: Header) -> DetailsRow:
        """What is stored of it, once the operation is applied."""
        return DetailsRow(header.id, header.user_id, self.reference, self.metadata)


class Course(NamedTuple):
    """How money travels that does not simply arrive.

    Args:
        is_pending: whether it is on its way first; otherwise it is there at once.
        final: what becomes of it in the end.
        due_at: when; as times are stored. Empty when somebody is to decide.
    """

    is_pending: bool
    final: TransitStatus
    due_at: str

    def row(self, transaction: TransactionRow, refunded_id: bytes = NIL) -> TransitRow:
        """What is stored of it, once its transaction is made."""
        return TransitRow(
            transaction.transaction_id,
            transaction.sender_id,
            transaction.receiver_id,
            refunded_id,
            transaction.amount_minor,
            TransitStatus.PENDING if self.is_pending else TransitStatus.SUCCEEDED,
            self.final,
            self.due_at,
        )


class Needs(NamedTuple):
    """What an operation refers to: read before anything is locked, so only what never changes."""

    emails: Collection[str] = ()
    transaction_ids: Collection[bytes] = ()
    hold_ids: Collection[bytes] = ()
    transit_ids: Collection[bytes] = ()


NOTHING = Needs()


class Decision(NamedTuple):
    """The answer to one operation. `transaction_id` means something when the outcome is OK."""

    outcome: Outcome
    transaction_id: bytes
    replayed: bool = False


class Operation(Protocol):
    """One thing that is asked of the ledger."""

    @property
    def header(self) -> Header:
        """What every operation has."""

    def needs(self) -> Needs:
        """What it refers to."""

    def accounts(self, links: Links) -> Collection[AccountId]:
        """Whose wallets it may read or change, beside its own user's. They are locked, in the order of their ids."""

    def decide(self, book: Book) -> Outcome:
        """Apply it to the book, or say why not and leave the book as it was.

        It is pure: the same book gives the same outcome, and it may be asked again on another book.
        """


def short_of_money(book: Book, payer: Wallet) -> Outcome:
    """Why a user cannot pay whose balance is less than the amount. Whoever owes money has none."""
    return Outcome.DEBT_OUTSTANDING if book.owed_by(payer.user_id) else Outcome.INSUFFICIENT_FUNDS


def can_move(book: Book, payer: Wallet, receiver: Wallet, amount_minor: int) -> Outcome:
    """Whether so much can move from one wallet to the other: OK, or why not."""
    if payer.balance_minor < amount_minor:
        return short_of_money(book, payer)
    return Outcome.OK if receiver.has_room(amount_minor) else Outcome.BALANCE_LIMIT_EXCEEDED


def fingerprint(*fields: str | int) -> bytes:
    r"""16 bytes that are equal for equal fields: what a request is compared by when its idempotency key comes again.

    >>> fingerprint("a\n", "b") == fingerprint("a", "\nb")
    False
    """
    text = "\n".join(map(str, fields))
    if "\\" in text or text.count("\n") >= len(fields):
        text = "\n".join([str(field).replace("\\", r"\\").replace("\n", r"\n") for field in fields])
    return blake2b(text.encode(), digest_size=16).digest()
