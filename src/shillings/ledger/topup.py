"""Top-ups: money from outside into a wallet."""

from collections.abc import Collection
from typing import NamedTuple

from shillings.contract.events import EventType
from shillings.ledger.book import Book, Links
from shillings.ledger.events import Event, transaction_data
from shillings.ledger.operation import NOTHING, Course, Details, Header, Needs
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import FUNDING, TRANSIT, AccountId, Kind, TransactionRow


class TopUp(NamedTuple):
    """The user who asks gets money from the funding account.

    Args:
        header: see Header.
        amount_minor: more than zero.
        details: what the user says of it; None for nothing.
        course: how its money travels; None where it simply arrives.
    """

    header: Header
    amount_minor: int
    details: Details | None = None
    course: Course | None = None

    def needs(self) -> Needs:
        """See Operation."""
        return NOTHING

    def accounts(self, _links: Links) -> Collection[AccountId]:
        """See Operation."""
        return ()

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        assert self.amount_minor > 0, "amounts are checked where requests come in"
        receiver = book.accounts[self.header.user_id]
        if not receiver.has_room(self.amount_minor):
            return Outcome.BALANCE_LIMIT_EXCEEDED
        is_pending = self.course is not None and self.course.is_pending
        kind = Kind.PENDING_TOPUP if is_pending else Kind.TOPUP
        transaction = TransactionRow(
            self.header.id, kind, FUNDING, "", receiver.user_id, receiver.email, self.amount_minor
        )
        taken, user_id = (FUNDING, -self.amount_minor), receiver.user_id
        if is_pending:
            # The line of nothing is where the user's history shows it.
            book.post(transaction, taken, (TRANSIT, self.amount_minor), (user_id, 0))
        else:
            book.post(transaction, taken, (user_id, self.amount_minor))
        if self.course is not None:
            book.write(self.course.row(transaction))
        if self.details is not None:
            book.write(self.details.row(self.header))
        if book.audience is not None:
            header, told = self.header, EventType.TOPUP_PENDING if is_pending else EventType.TOPUP_SUCCEEDED
            reference = self.details.reference if self.details is not None else ""
            data = {**transaction_data(transaction), "reference": reference}
            event = Event(header.user_id, told, header.id, 1, data, header.request_id, header.idempotency_key)
            book.emit(header.id, event)
        return Outcome.OK
