"""Holds: money is set aside for somebody, who takes it later, in part or whole, or lets it go.

```
             capture (once, by the receiver, before its end)
        ┌──────────────────────────────────────────────────▶ captured   the rest is released
open ───┤ void (by the receiver)
        ├──────────────────────────────────────────────────▶ voided     all is released
        │ its time is over
        └──────────────────────────────────────────────────▶ expired    all is released
```

The money leaves the payer's wallet when the hold is made, so it always suffices. Whether a hold's time is over is told
by the clock when something is done with it, whether or not anybody has released its money yet.
"""

from collections.abc import Collection
from typing import NamedTuple

from shillings.base.clock import rfc3339
from shillings.base.ids import NIL, show
from shillings.contract.events import EventType
from shillings.ledger.book import RELEASE, Book, Links, follower_id
from shillings.ledger.events import Data, Event
from shillings.ledger.operation import Header, Needs, short_of_money
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import (
    HOLDING,
    AccountId,
    HoldEnd,
    HoldStatus,
    HoldTerms,
    Kind,
    TransactionRow,
)


class Hold(NamedTuple):
    """The user who asks sets money aside for another.

    Args:
        header: see Header. Its id is the hold's.
        receiver_email: canonical.
        amount_minor: more than zero.
        expires_at: when the money is the payer's again; as times are stored.
    """

    header: Header
    receiver_email: str
    amount_minor: int
    expires_at: str

    def needs(self) -> Needs:
        """See Operation."""
        return Needs((self.receiver_email,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        receiver_id = links.users.get(self.receiver_email)
        return () if receiver_id is None else (receiver_id,)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        assert self.amount_minor > 0, "amounts are checked where requests come in"
        header, receiver_email, amount_minor, expires_at = self
        receiver_id = book.links.users.get(receiver_email, NIL)
        if receiver_id not in book.accounts:
            return Outcome.RECEIVER_NOT_FOUND
        if receiver_id == header.user_id:
            return Outcome.SELF_PAYMENT
        payer, receiver = book.accounts[header.user_id], book.accounts[receiver_id]
        if payer.balance_minor < amount_minor:
            return short_of_money(book, payer)
        transaction = TransactionRow(
            header.id, Kind.HOLD, payer.user_id, payer.email, receiver_id, receiver.email, amount_minor
        )
        book.post(transaction, (payer.user_id, -amount_minor), (HOLDING, amount_minor))
        terms = HoldTerms(header.id, payer.user_id, payer.email, receiver_id, receiver.email, amount_minor, expires_at)
        book.write(terms)
        _tell(book, EventType.HOLD_CREATED, terms, header, 1)
        return Outcome.OK


class Capture(NamedTuple):
    """Whoever money is held for takes it; the rest is released.

    Args:
        header: see Header.
        hold_id: which.
        amount_minor: how much; 0 for all of it.
    """

    header: Header
    hold_id: bytes
    amount_minor: int

    def needs(self) -> Needs:
        """See Operation."""
        return Needs(hold_ids=(self.hold_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        return _both_sides(self.hold_id, links)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        terms = _open_terms(self.hold_id, self.header, book)
        if isinstance(terms, Outcome):
            return terms
        amount_minor = self.amount_minor or terms.amount_minor
        if amount_minor > terms.amount_minor:
            return Outcome.CAPTURE_EXCEEDS_HOLD
        receiver = book.accounts[terms.receiver_id]
        if not receiver.has_room(amount_minor):
            return Outcome.BALANCE_LIMIT_EXCEEDED
        transaction = TransactionRow(
            self.header.id,
            Kind.CAPTURE,
            terms.payer_id,
            terms.payer_email,
            receiver.user_id,
            receiver.email,
            amount_minor,
        )
        book.post(transaction, (HOLDING, -amount_minor), (receiver.user_id, amount_minor))
        _release(book, terms, release_id(terms.hold_id), terms.amount_minor - amount_minor)
        _end(book, terms, HoldStatus.CAPTURED, amount_minor)
        captured = {"captured_minor": amount_minor, "transaction_id": show(self.header.id)}
        _tell(book, EventType.HOLD_CAPTURED, terms, self.header, 2, captured)
        return Outcome.OK


class Void(NamedTuple):
    """Whoever money is held for lets it go.

    Args:
        header: see Header.
        hold_id: which.
    """

    header: Header
    hold_id: bytes

    def needs(self) -> Needs:
        """See Operation."""
        return Needs(hold_ids=(self.hold_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation."""
        return _both_sides(self.hold_id, links)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        terms = _open_terms(self.hold_id, self.header, book)
        if isinstance(terms, Outcome):
            return terms
        _release(book, terms, self.header.id, terms.amount_minor)
        _end(book, terms, HoldStatus.VOIDED)
        _tell(book, EventType.HOLD_VOIDED, terms, self.header, 2)
        return Outcome.OK


class Expire(NamedTuple):
    """The money of a hold whose time is over goes back to its payer. Nobody asks for it; the clock does.

    Args:
        header: of the payer, without a session.
        hold_id: which.
    """

    header: Header
    hold_id: bytes

    def needs(self) -> Needs:
        """See Operation."""
        return Needs(hold_ids=(self.hold_id,))

    def accounts(self, links: Links) -> Collection[AccountId]:
        """See Operation. The receiver's too: who numbers somebody's events holds their wallet."""
        return _both_sides(self.hold_id, links)

    def decide(self, book: Book) -> Outcome:
        """See Operation."""
        terms = book.links.holds.get(self.hold_id)
        if terms is None or book.holds.get(self.hold_id) is not HoldStatus.OPEN or terms.expires_at > book.now:
            return Outcome.NOT_FOUND
        _release(book, terms, self.header.id, terms.amount_minor)
        _end(book, terms, HoldStatus.EXPIRED)
        _tell(book, EventType.HOLD_EXPIRED, terms, self.header, 2)
        return Outcome.OK


def expire(hold_id: bytes, payer_id: AccountId) -> Expire:
    """The end of a hold by the clock. Whoever finds a hold over means one transaction: its id is made of the hold's."""
    return Expire(Header(release_id(hold_id), payer_id, NIL, "", NIL, ""), hold_id)


def release_id(hold_id: bytes) -> bytes:
    """The id of the transaction that releases what is left of a hold.

    >>> release_id(release_id(bytes(16))) == bytes(16) != release_id(bytes(16))
    True
    """
    return follower_id(hold_id, RELEASE)


def _both_sides(hold_id: bytes, links: Links) -> Collection[AccountId]:
    terms = links.holds.get(hold_id)
    return () if terms is None else (terms.payer_id, terms.receiver_id)


_ENDED = {
    HoldStatus.CAPTURED: Outcome.HOLD_ALREADY_CAPTURED,
    HoldStatus.VOIDED: Outcome.HOLD_ALREADY_VOIDED,
    HoldStatus.EXPIRED: Outcome.HOLD_EXPIRED,
}


def _open_terms(hold_id: bytes, header: Header, book: Book) -> HoldTerms | Outcome:
    """The terms of a hold that this user can capture or void now; otherwise why not."""
    terms = book.links.holds.get(hold_id)
    if terms is None or header.user_id != terms.receiver_id:
        return Outcome.NOT_FOUND
    status = book.holds[hold_id]
    if status is not HoldStatus.OPEN:
        return _ENDED[status]
    return Outcome.HOLD_EXPIRED if terms.expires_at <= book.now else terms


def _release(book: Book, terms: HoldTerms, transaction_id: bytes, amount_minor: int) -> None:
    """Give money on hold back to its payer; nothing when none is left."""
    if not amount_minor:
        return
    payer = book.accounts[terms.payer_id]
    transaction = TransactionRow(
        transaction_id, Kind.RELEASE, terms.receiver_id, terms.receiver_email, payer.user_id, payer.email, amount_minor
    )
    book.post(transaction, (HOLDING, -amount_minor), (payer.user_id, amount_minor))


def _end(book: Book, terms: HoldTerms, status: HoldStatus, captured_minor: int = 0) -> None:
    book.holds[terms.hold_id] = status
    book.write(HoldEnd(terms.hold_id, status, captured_minor))


def _tell(
    book: Book, kind: EventType, terms: HoldTerms, header: Header, sequence: int, more: Data | None = None
) -> None:
    """Both sides hear of all that becomes of a hold; the request is told only to whose it was."""
    if book.audience is None:
        return
    data: Data = {
        "hold_id": show(terms.hold_id),
        "payer_email": terms.payer_email,
        "receiver_email": terms.receiver_email,
        "amount_minor": terms.amount_minor,
        "expires_at": rfc3339(terms.expires_at),
        **(more or {}),
    }
    book.emit(
        header.id,
        *[
            Event(
                user_id,
                kind,
                terms.hold_id,
                sequence,
                data,
                header.request_id if user_id == header.user_id else "",
                header.idempotency_key if user_id == header.user_id else "",
            )
            for user_id in (terms.payer_id, terms.receiver_id)
        ],
    )
