"""Money on its way: top-ups that arrive later or come back, and refunds that get through later or fail.

```
                 it arrives                       it comes back
top-up   pending ─────────▶ succeeded ──────────────────────────▶ returned   the money is taken from the wallet;
            │                                                        ▲       what is missing is lent, and owed
            └────────────────────────────────────────────────────────┘
                 it comes back before it has arrived

refund   pending ─────────▶ succeeded
            └─────────────▶ failed                                           the money is again whose it was
```

A pending top-up's money is in transit: it has left the funding account, and nobody can spend it. A pending refund's
money has left the refunder's wallet. The transaction that began it never changes; others follow, whose ids are made of
its id, so that each is written once, whoever finds that it has to be.
"""

from collections.abc import Collection
from typing import NamedTuple

from shillings.base.ids import NIL
from shillings.contract.events import EventType
from shillings.ledger.book import LOAN, RETURN, SETTLEMENT, Book, Links, follower_id
from shillings.ledger.events import Data, Event, transaction_data
from shillings.ledger.operation import Header, Needs
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import (
    DEBT,
    FUNDING,
    TRANSIT,
    AccountId,
    Kind,
    RefundEnd,
    TransactionRow,
    Transit,
    TransitRow,
    TransitStatus,
)

_TOPUPS = (Kind.TOPUP, Kind.PENDING_TOPUP)
_OVER = (TransitStatus.RETURNED, TransitStatus.FAILED)


class Conclude(NamedTuple):
    """What becomes of money on its way. No user asks for it; the clock does, or whoever operates the sandbox.

    Args:
        header: of whoever's operation it was, without a session.
        transaction_id: the top-up or refund.
        arrives: whether it arrives, or comes back; None for what was planned, if it is time.
    """

    header: Header
    transaction_id: bytes
    arrives: bool | None = None

    def needs(self) -> Needs:
        """See Operation."""
        return Needs(transit_ids=(self.transaction_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation. Both sides': who numbers somebody's events holds their wallet."""
        begun = links.transits.get(self.transaction_id)
        return () if begun is None else {begun.sender_id, begun.receiver_id} - {FUNDING}

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        begun = book.links.transits.get(self.transaction_id)
        transit = book.transits.get(self.transaction_id)
        if begun is None or (transit is None and begun.kind is not Kind.TOPUP):
            return Outcome.NOT_FOUND
        if any(side not in book.accounts for side in self.accounts(book.links)):
            return Outcome.NOT_FOUND
        arrives = self.arrives
        if arrives is None:
            if transit is None or not transit.due_at or transit.due_at > book.now:
                return Outcome.NOT_FOUND
            arrives = transit.final is TransitStatus.SUCCEEDED
        status = TransitStatus.SUCCEEDED if transit is None else transit.status
        if status in _OVER:
            return Outcome.ALREADY_RETURNED
        if status is TransitStatus.SUCCEEDED:
            if arrives or begun.kind not in _TOPUPS:
                return Outcome.ALREADY_SETTLED
            self._take_back(book, begun, transit)
        elif arrives and book.accounts[begun.receiver_id].has_room(begun.amount_minor):
            self._settle(book, begun)
        else:
            # What there is no room for comes back.
            assert transit is not None, "what is pending has a row"
            self._give_back(book, begun, transit)
        return Outcome.OK

    def _settle(self, book: Book, begun: TransactionRow) -> None:
        """The money arrives."""
        receiver = book.accounts[begun.receiver_id]
        settled = begun._replace(
            transaction_id=follower_id(begun.transaction_id, SETTLEMENT),
            kind=Kind.SETTLEMENT,
            receiver_email=receiver.email,
        )
        book.post(settled, (TRANSIT, -begun.amount_minor), (receiver.user_id, begun.amount_minor))
        _end(book, begun, TransitStatus.SUCCEEDED)
        self._tell(book, begun, TransitStatus.SUCCEEDED, 2)

    def _give_back(self, book: Book, begun: TransactionRow, transit: Transit) -> None:
        """The money goes back to where it came from, without having arrived."""
        back_id, amount_minor = follower_id(begun.transaction_id, RETURN), begun.amount_minor
        if begun.kind in _TOPUPS:
            back = TransactionRow(
                back_id, Kind.PENDING_RETURN, begun.receiver_id, begun.receiver_email, FUNDING, "", amount_minor
            )
            book.post(back, (TRANSIT, -amount_minor), (FUNDING, amount_minor))
            status = TransitStatus.RETURNED
        else:
            refunder = book.accounts[begun.sender_id]
            back = TransactionRow(
                back_id,
                Kind.REVERSAL,
                begun.receiver_id,
                begun.receiver_email,
                refunder.user_id,
                refunder.email,
                amount_minor,
            )
            book.post(back, (TRANSIT, -amount_minor), (refunder.user_id, amount_minor))
            book.write(RefundEnd(transit.refunded_id, begun.transaction_id))
            status = TransitStatus.FAILED
        _end(book, begun, status)
        self._tell(book, begun, status, 2)

    def _take_back(self, book: Book, begun: TransactionRow, transit: Transit | None) -> None:
        """Money that has arrived is taken again. What of it is spent is lent first, so no balance is ever negative."""
        wallet, amount_minor = book.accounts[begun.receiver_id], begun.amount_minor
        missing_minor = max(0, amount_minor - wallet.balance_minor)
        if missing_minor:
            loan_id = follower_id(begun.transaction_id, LOAN)
            loan = TransactionRow(loan_id, Kind.LOAN, FUNDING, "", wallet.user_id, wallet.email, missing_minor)
            book.post(loan, (DEBT, -missing_minor), (wallet.user_id, missing_minor))
            book.owe(wallet.user_id, missing_minor)
        back = TransactionRow(
            follower_id(begun.transaction_id, RETURN),
            Kind.RETURN,
            wallet.user_id,
            wallet.email,
            FUNDING,
            "",
            amount_minor,
        )
        book.post(back, (wallet.user_id, -amount_minor), (FUNDING, amount_minor))
        _end(book, begun, TransitStatus.RETURNED)
        was_pending = transit is not None and begun.kind is Kind.PENDING_TOPUP
        self._tell(book, begun, TransitStatus.RETURNED, 3 if was_pending else 2, {"debt_minor": missing_minor})

    def _tell(
        self, book: Book, begun: TransactionRow, status: TransitStatus, sequence: int, more: Data | None = None
    ) -> None:
        """Whose top-up it was hears of it; of a refund, both sides do. It was no user's request."""
        if book.audience is not None:
            noun = "topup" if begun.kind in _TOPUPS else "refund"
            data = {**transaction_data(begun), **(more or {})}
            for user_id in sorted(self.accounts(book.links)):
                book.emit(
                    self.header.id,
                    Event(user_id, EventType(f"{noun}.{status}"), begun.transaction_id, sequence, data),
                )


def _end(book: Book, begun: TransactionRow, status: TransitStatus) -> None:
    transit = book.transits.get(begun.transaction_id)
    if transit is None:
        # A top-up whose money simply arrived; that it has come back is all there is to keep.
        book.transits[begun.transaction_id] = Transit(begun.transaction_id, NIL, status, status, "", changed=True)
        sides = begun.sender_id, begun.receiver_id
        book.write(TransitRow(begun.transaction_id, *sides, NIL, begun.amount_minor, status, status, ""))
        return
    transit.status, transit.due_at = status, ""
    if not transit.changed:
        transit.changed = True
        book.write(transit)


def conclude(transaction_id: bytes, user_id: AccountId, *, arrives: bool | None = None) -> Conclude:
    """The end of a top-up or refund on its way, by the clock or by hand.

    Args:
        transaction_id: the top-up or refund.
        user_id: whose operation it was.
        arrives: see Conclude.
    """
    place = RETURN if arrives is False else SETTLEMENT
    return Conclude(Header(follower_id(transaction_id, place), user_id, NIL, "", NIL, ""), transaction_id, arrives)
