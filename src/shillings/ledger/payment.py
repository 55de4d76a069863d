"""Payments: money from one user to another."""

from collections.abc import Collection
from typing import NamedTuple

from shillings.base.ids import NIL
from shillings.contract.events import EventType
from shillings.ledger.book import Book, Links
from shillings.ledger.events import Event, transaction_data
from shillings.ledger.operation import Details, Header, Needs, short_of_money
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import AccountId, Kind, TransactionRow


class Payment(NamedTuple):
    """The user who asks pays another.

    Args:
        header: see Header.
        receiver_email: canonical.
        amount_minor: more than zero.
        details: what the user says of it; None for nothing.
    """

    header: Header
    receiver_email: str
    amount_minor: int
    details: Details | None = None

    def needs(self) -> Needs:
        """See Operation."""
        return Needs((self.receiver_email,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        receiver_id = links.users.get(self.receiver_email)
        return () if receiver_id is None else (receiver_id,)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        outcome = self._pay(book)
        if outcome is not Outcome.OK:
            self.tell_declined(book, outcome)
        return outcome

    def tell_declined(self, book: Book, outcome: Outcome) -> None:
        """Let the sender hear that it was not made, where anybody listens."""
        if book.audience is not None:
            book.emit(self.header.id, self._declined(outcome))

    def _pay(self, book: Book) -> Outcome:
        assert self.amount_minor > 0, "amounts are checked where requests come in"
        header, _, amount_minor, details = self
        receiver_id = book.links.users.get(self.receiver_email, NIL)
        if receiver_id not in book.accounts:
            # Nobody has the email; or it is still somebody's whose account is closed, or whose books were reset.
            return Outcome.RECEIVER_NOT_FOUND
        if receiver_id == header.user_id:
            return Outcome.SELF_PAYMENT
        sender, receiver = book.accounts[header.user_id], book.accounts[receiver_id]
        if sender.balance_minor < amount_minor:
            return short_of_money(book, sender)
        if not receiver.has_room(amount_minor):
            return Outcome.BALANCE_LIMIT_EXCEEDED
        transaction = TransactionRow(
            header.id, Kind.PAYMENT, sender.user_id, sender.email, receiver_id, receiver.email, amount_minor
        )
        book.post(transaction, (header.user_id, -amount_minor), (receiver_id, amount_minor))
        if details is not None:
            book.write(details.row(header))
        if book.audience is not None:
            data = transaction_data(transaction)
            mine = {**data, "reference": details.reference if details is not None else ""}
            paid = EventType.PAYMENT_SUCCEEDED
            sent = Event(header.user_id, paid, header.id, 1, mine, header.request_id, header.idempotency_key)
            book.emit(header.id, sent, Event(receiver_id, EventType.PAYMENT_RECEIVED, header.id, 1, data))
        return Outcome.OK

    def _declined(self, outcome: Outcome) -> Event:
        """What the sender hears of a payment that was not made; nobody else does."""
        header = self.header
        data = {"code": outcome, "receiver_email": self.receiver_email, "amount_minor": self.amount_minor}
        kind = EventType.PAYMENT_DECLINED
        return Event(header.user_id, kind, header.id, 1, data, header.request_id, header.idempotency_key)
