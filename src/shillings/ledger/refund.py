"""Refunds: money of a payment goes back, in part or whole, never more than was paid."""

from collections.abc import Collection
from typing import NamedTuple

from shillings.base.ids import show
from shillings.contract.events import EventType
from shillings.ledger.book import Book, Links
from shillings.ledger.events import Event, transaction_data
from shillings.ledger.operation import Course, Header, Needs, can_move
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import TRANSIT, AccountId, Kind, RefundRow, TransactionRow

REFUNDABLE = frozenset({Kind.PAYMENT, Kind.CAPTURE})


class Refund(NamedTuple):
    """Whoever received a payment gives it back.

    Args:
        header: see Header.
        transaction_id: the payment or capture.
        amount_minor: how much; 0 for all that is left of it.
        course: how its money travels; None where it simply arrives.
    """

    header: Header
    transaction_id: bytes
    amount_minor: int
    course: Course | None = None

    def needs(self) -> Needs:
        """See Operation."""
        return Needs(transaction_ids=(self.transaction_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        original = links.transactions.get(self.transaction_id)
        return () if original is None else (original.sender_id,)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        original = book.links.transactions.get(self.transaction_id)
        refused = _refused(original, self.header.user_id)
        if original is None or refused is not None:
            return refused or Outcome.NOT_FOUND
        if original.sender_id not in book.accounts:
            return Outcome.RECEIVER_NOT_FOUND
        left_minor = original.amount_minor - book.refunded.get(self.transaction_id, 0)
        amount_minor = self.amount_minor or left_minor
        if not 0 < amount_minor <= left_minor:
            return Outcome.REFUND_EXCEEDS_PAYMENT
        refunder, payer = book.accounts[self.header.user_id], book.accounts[original.sender_id]
        outcome = can_move(book, refunder, payer, amount_minor)
        if outcome is Outcome.OK:
            kind = Kind.REFUND if self.course is None else Kind.PENDING_REFUND
            transaction = TransactionRow(
                self.header.id, kind, refunder.user_id, refunder.email, payer.user_id, payer.email, amount_minor
            )
            taken = (refunder.user_id, -amount_minor)
            if self.course is None:
                book.post(transaction, taken, (payer.user_id, amount_minor))
            else:
                # The line of nothing is where the payer's history shows it.
                book.post(transaction, taken, (TRANSIT, amount_minor), (payer.user_id, 0))
                book.write(self.course.row(transaction, self.transaction_id))
            book.write(RefundRow(self.transaction_id, self.header.id, amount_minor))
            book.refunded[self.transaction_id] = original.amount_minor - left_minor + amount_minor
            if book.audience is not None:
                self._tell(book, transaction)
        return outcome

    def _tell(self, book: Book, transaction: TransactionRow) -> None:
        """Both sides hear of it: who gave it back, and who paid."""
        header = self.header
        kind = EventType.REFUND_SUCCEEDED if self.course is None else EventType.REFUND_PENDING
        data = {**transaction_data(transaction), "refunded_transaction_id": show(self.transaction_id)}
        mine = Event(header.user_id, kind, header.id, 1, data, header.request_id, header.idempotency_key)
        book.emit(header.id, mine, Event(transaction.receiver_id, kind, header.id, 1, data))


def _refused(original: TransactionRow | None, user_id: AccountId) -> Outcome | None:
    """Why this user can never refund it; None when it may be tried."""
    if original is None or user_id not in (original.sender_id, original.receiver_id):
        return Outcome.NOT_FOUND
    if original.kind not in REFUNDABLE or user_id != original.receiver_id:
        return Outcome.NOT_REFUNDABLE
    return None
