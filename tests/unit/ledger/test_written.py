"""What each operation writes, and whom it tells what: these rows and events to the last field, and no others."""

import json
from typing import Any, NamedTuple

from shillings.base.ids import NIL, show
from shillings.ledger.book import LOAN, REPAYMENT, RETURN, SETTLEMENT, Links, follower_id
from shillings.ledger.events import Audience, EventRow
from shillings.ledger.hold import Capture, Expire, Hold, Void, expire, release_id
from shillings.ledger.operation import Course, Details, Header, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.refund import Refund
from shillings.ledger.rows import (
    FUNDING,
    DetailsRow,
    HoldEnd,
    HoldStatus,
    HoldTerms,
    KeyRow,
    Kind,
    RefundEnd,
    RefundRow,
    TransactionRow,
    Transit,
    TransitRow,
    TransitStatus,
)
from shillings.ledger.topup import TopUp
from shillings.ledger.transit import Conclude, conclude
from tests.unit.ledger.operations import ANN, BOB, EMAILS, payment, topup
from tests.unit.ledger.test_movements import EARLY, NOON, World, header, held, paid
from tests.values import new_id

A, B = EMAILS[ANN], EMAILS[BOB]
SHOWN_NOON = "2026-01-02T12:00:00.000000Z"
PENDING, SUCCEEDED, RETURNED, FAILED = TransitStatus
OK = Outcome.OK


class Told(NamedTuple):
    """An event as somebody hears it. `request` is whether it says whose request and key it was."""

    user_id: bytes
    type: str
    object_id: bytes
    sequence: int
    data: dict[str, Any]
    request: bool


def written(world: World, *operations: Operation) -> tuple[list[Any], list[Told]]:
    """What these operations, which are applied, write beside entries and wallets, and what is told of them."""
    world.audience = Audience(everybody=True, listeners=[])
    assert world.decide(*operations) == [OK] * len(operations)
    kinds = (TransactionRow, HoldTerms, HoldEnd, RefundRow, RefundEnd, TransitRow, Transit, DetailsRow)
    told = []
    for row in world.book.rows[EventRow]:
        event = row.event
        asked = (event.request_id, event.idempotency_key)
        assert asked in {("", ""), ("request", "key")}
        owner, kind, of, sequence, *_ = event
        told.append(Told(owner, kind, of, sequence, json.loads(row.data), request=asked == ("request", "key")))
    return [row for each in kinds for row in world.book.rows[each]], told


def transaction(row: TransactionRow) -> dict[str, Any]:
    """What is told of a transaction."""
    return {
        "transaction_id": show(row.transaction_id),
        "kind": row.kind.removeprefix("pending_"),
        "sender_email": row.sender_email,
        "receiver_email": row.receiver_email,
        "amount_minor": row.amount_minor,
    }


def of_hold(hold_id: bytes, **more: Any) -> dict[str, Any]:
    """What is told of a hold of 100."""
    sides = {"payer_email": A, "receiver_email": B}
    return {"hold_id": show(hold_id), **sides, "amount_minor": 100, "expires_at": SHOWN_NOON, **more}


def test_payment() -> None:
    """What the sender says of a payment is kept and told to the sender; the receiver hears of the payment alone."""
    world = World()
    world.decide(topup(ANN, 100))
    asked = header(ANN, "key")
    rows, told = written(world, Payment(asked, B, 40, Details("order 7", '{"a": "b"}')))

    made = TransactionRow(asked.id, Kind.PAYMENT, ANN, A, BOB, B, 40)
    assert world.book.rows[KeyRow] == [KeyRow(ANN, "key", asked.fingerprint, OK, asked.id, EARLY)]
    assert rows == [made, DetailsRow(asked.id, ANN, "order 7", '{"a": "b"}')]
    assert told == [
        Told(ANN, "payment.succeeded", asked.id, 1, transaction(made) | {"reference": "order 7"}, request=True),
        Told(BOB, "payment.received", asked.id, 1, transaction(made), request=False),
    ]


def test_declined_payment() -> None:
    """The sender hears which payment was not made, and why."""
    world = World(audience=Audience(everybody=True, listeners=[]))
    asked = header(ANN, "key")
    assert world.decide(Payment(asked, B, 40)) == [Outcome.INSUFFICIENT_FUNDS]

    [row] = world.book.rows[EventRow]
    assert row.event[:4] == (ANN, "payment.declined", asked.id, 1)
    assert json.loads(row.data) == {"code": "insufficient_funds", "receiver_email": B, "amount_minor": 40}
    assert (row.event.request_id, row.event.idempotency_key) == ("request", "key")


def test_topup() -> None:
    """What the user says of a top-up is kept and told."""
    asked = header(ANN, "key")
    rows, told = written(World(), TopUp(asked, 40, Details("salary", "{}")))

    made = TransactionRow(asked.id, Kind.TOPUP, FUNDING, "", ANN, A, 40)
    assert rows == [made, DetailsRow(asked.id, ANN, "salary", "{}")]
    facts = transaction(made) | {"reference": "salary"}
    assert told == [Told(ANN, "topup.succeeded", asked.id, 1, facts, request=True)]


def test_topup_on_its_way() -> None:
    """A pending top-up is told as such, and how it travels is kept; one that comes back later is there at first."""
    ways = (True, Kind.PENDING_TOPUP, "topup.pending"), (False, Kind.TOPUP, "topup.succeeded")
    for is_pending, kind, type_ in ways:
        asked = header(ANN, "key")
        rows, told = written(World(), TopUp(asked, 40, None, Course(is_pending, RETURNED, NOON)))

        made = TransactionRow(asked.id, kind, FUNDING, "", ANN, A, 40)
        status = PENDING if is_pending else SUCCEEDED
        assert rows == [made, TransitRow(asked.id, FUNDING, ANN, NIL, 40, status, RETURNED, NOON)]
        assert told == [Told(ANN, type_, asked.id, 1, transaction(made) | {"reference": ""}, request=True)]


def test_topup_that_arrives_and_comes_back() -> None:
    """Each step is a transaction of its own; its user hears of each, in order, and how much is owed at the end."""
    world = World()
    up = TopUp(header(ANN), 40, None, Course(True, SUCCEEDED, ""))
    world.decide(up)
    topup_id, begun = up.header.id, world.transactions[up.header.id]

    rows, told = written(world, conclude(topup_id, ANN, arrives=True))
    settled = TransactionRow(follower_id(topup_id, SETTLEMENT), Kind.SETTLEMENT, FUNDING, "", ANN, A, 40)
    assert rows == [settled, Transit(topup_id, NIL, SUCCEEDED, SUCCEEDED, "", changed=True)]
    assert told == [Told(ANN, "topup.succeeded", topup_id, 2, transaction(begun), request=False)]

    world.decide(payment(ANN, B, 30))
    rows, told = written(world, conclude(topup_id, ANN, arrives=False))
    assert rows == [
        TransactionRow(follower_id(topup_id, LOAN), Kind.LOAN, FUNDING, "", ANN, A, 30),
        TransactionRow(follower_id(topup_id, RETURN), Kind.RETURN, ANN, A, FUNDING, "", 40),
        Transit(topup_id, NIL, RETURNED, SUCCEEDED, "", changed=True),
    ]
    assert told == [Told(ANN, "topup.returned", topup_id, 3, transaction(begun) | {"debt_minor": 30}, request=False)]

    more = TopUp(header(ANN, "key"), 50)
    rows, _ = written(world, more)
    repaid = TransactionRow(follower_id(more.header.id, REPAYMENT), Kind.REPAYMENT, ANN, A, FUNDING, "", 30)
    assert rows == [TransactionRow(more.header.id, Kind.TOPUP, FUNDING, "", ANN, A, 50), repaid]


def test_topup_that_was_there_at_once_and_comes_back() -> None:
    """That it came back is all there is to keep of its way, and the second thing its user hears of it."""
    world = World()
    up = topup(ANN, 40)
    world.decide(up)
    rows, told = written(world, conclude(up.header.id, ANN, arrives=False))

    assert rows == [
        TransactionRow(follower_id(up.header.id, RETURN), Kind.RETURN, ANN, A, FUNDING, "", 40),
        TransitRow(up.header.id, FUNDING, ANN, NIL, 40, RETURNED, RETURNED, ""),
    ]
    facts = transaction(world.transactions[up.header.id]) | {"debt_minor": 0}
    assert told == [Told(ANN, "topup.returned", up.header.id, 2, facts, request=False)]


def test_topup_of_a_debtor_repays_when_it_arrives() -> None:
    """The line of nothing that a pending top-up has in its user's history repays nothing; a single coin does."""
    world = World()
    up = topup(ANN, 10)
    world.decide(up, payment(ANN, B, 10))
    world.decide(conclude(up.header.id, ANN, arrives=False))
    rows, _ = written(world, TopUp(header(ANN, "key"), 5, None, Course(True, SUCCEEDED, "")))
    assert [row.kind for row in rows if isinstance(row, TransactionRow)] == [Kind.PENDING_TOPUP]

    rows, _ = written(world, TopUp(header(ANN, "key"), 1))
    assert [row.kind for row in rows] == [Kind.TOPUP, Kind.REPAYMENT]
    assert world.debts[ANN] == 9


def test_topup_that_was_to_come_back_from_the_start() -> None:
    """One that was there at once, and comes back by the clock, is told for the second time."""
    world = World()
    up = TopUp(header(ANN), 40, None, Course(False, RETURNED, NOON))
    world.decide(up)
    _, told = written(world, conclude(up.header.id, ANN, arrives=False))
    assert [one[:4] for one in told] == [(ANN, "topup.returned", up.header.id, 2)]


def test_topup_that_never_arrives() -> None:
    """A pending top-up that comes back is told once more, and nothing is owed."""
    world = World()
    up = TopUp(header(ANN), 40, None, Course(True, SUCCEEDED, NOON))
    world.decide(up)
    rows, told = written(world, conclude(up.header.id, ANN, arrives=False))

    assert rows == [
        TransactionRow(follower_id(up.header.id, RETURN), Kind.PENDING_RETURN, ANN, A, FUNDING, "", 40),
        Transit(up.header.id, NIL, RETURNED, SUCCEEDED, "", changed=True),
    ]
    facts = transaction(world.transactions[up.header.id])
    assert told == [Told(ANN, "topup.returned", up.header.id, 2, facts, request=False)]


def test_refund() -> None:
    """Both sides hear of a refund and of which payment; only who gave it back is told the request."""
    world, payment_id = paid()
    asked = header(BOB, "key")
    rows, told = written(world, Refund(asked, payment_id, 30))

    made = TransactionRow(asked.id, Kind.REFUND, BOB, B, ANN, A, 30)
    assert rows == [made, RefundRow(payment_id, asked.id, 30)]
    facts = transaction(made) | {"refunded_transaction_id": show(payment_id)}
    assert told == [
        Told(BOB, "refund.succeeded", asked.id, 1, facts, request=True),
        Told(ANN, "refund.succeeded", asked.id, 1, facts, request=False),
    ]


def test_refund_that_fails() -> None:
    """Both sides hear that it is pending, and then that it failed; its money goes back, and it counts no more."""
    world, payment_id = paid()
    asked = header(BOB, "key")
    rows, told = written(world, Refund(asked, payment_id, 30, Course(True, FAILED, NOON)))

    made = TransactionRow(asked.id, Kind.PENDING_REFUND, BOB, B, ANN, A, 30)
    transit = TransitRow(asked.id, BOB, ANN, payment_id, 30, PENDING, FAILED, NOON)
    assert rows == [made, RefundRow(payment_id, asked.id, 30), transit]
    assert [one[:4] for one in told] == [(user, "refund.pending", asked.id, 1) for user in (BOB, ANN)]

    rows, told = written(world, conclude(asked.id, BOB, arrives=False))
    assert rows == [
        TransactionRow(follower_id(asked.id, RETURN), Kind.REVERSAL, ANN, A, BOB, B, 30),
        RefundEnd(payment_id, asked.id),
        Transit(asked.id, payment_id, FAILED, FAILED, "", changed=True),
    ]
    assert told == [Told(user, "refund.failed", asked.id, 2, transaction(made), request=False) for user in (ANN, BOB)]


def test_hold() -> None:
    """Both sides hear that money was set aside, until when, and by which request only who asked."""
    world = World()
    world.decide(topup(ANN, 100))
    asked = header(ANN, "key")
    rows, told = written(world, Hold(asked, B, 100, NOON))

    terms = HoldTerms(asked.id, ANN, A, BOB, B, 100, NOON)
    assert rows == [TransactionRow(asked.id, Kind.HOLD, ANN, A, BOB, B, 100), terms]
    assert told == [
        Told(ANN, "hold.created", asked.id, 1, of_hold(asked.id), request=True),
        Told(BOB, "hold.created", asked.id, 1, of_hold(asked.id), request=False),
    ]


def test_capture() -> None:
    """What is captured and what is released are two transactions, and both sides hear how much was taken by which."""
    world, hold_id = held()
    asked = header(BOB, "key")
    rows, told = written(world, Capture(asked, hold_id, 60))

    assert rows == [
        TransactionRow(asked.id, Kind.CAPTURE, ANN, A, BOB, B, 60),
        TransactionRow(release_id(hold_id), Kind.RELEASE, BOB, B, ANN, A, 40),
        HoldEnd(hold_id, HoldStatus.CAPTURED, 60),
    ]
    facts = of_hold(hold_id, captured_minor=60, transaction_id=show(asked.id))
    assert told == [
        Told(ANN, "hold.captured", hold_id, 2, facts, request=False),
        Told(BOB, "hold.captured", hold_id, 2, facts, request=True),
    ]


def test_void() -> None:
    """All that was held is released by the transaction of whoever let it go."""
    world, hold_id = held()
    asked = header(BOB, "key")
    rows, told = written(world, Void(asked, hold_id))

    released = TransactionRow(asked.id, Kind.RELEASE, BOB, B, ANN, A, 100)
    assert rows == [released, HoldEnd(hold_id, HoldStatus.VOIDED, 0)]
    assert told == [
        Told(ANN, "hold.voided", hold_id, 2, of_hold(hold_id), request=False),
        Told(BOB, "hold.voided", hold_id, 2, of_hold(hold_id), request=True),
    ]


def test_expiry() -> None:
    """All that was held is released by the hold's own release, and it was nobody's request."""
    world, hold_id = held()
    world.now = NOON
    rows, told = written(world, expire(hold_id, ANN))

    released = TransactionRow(release_id(hold_id), Kind.RELEASE, BOB, B, ANN, A, 100)
    assert rows == [released, HoldEnd(hold_id, HoldStatus.EXPIRED, 0)]
    assert told == [Told(user, "hold.expired", hold_id, 2, of_hold(hold_id), request=False) for user in (ANN, BOB)]


def test_what_the_clock_asks_for_is_nobodys_request() -> None:
    """It has no session, no key, and an id that is made of what it ends."""
    hold_id = topup_id = new_id()

    assert expire(hold_id, ANN) == Expire(Header(release_id(hold_id), ANN, NIL, "", NIL, ""), hold_id)
    assert release_id(hold_id)[:15] == hold_id[:15]
    assert len(release_id(hold_id)) == 16
    for arrives, place in ((None, SETTLEMENT), (True, SETTLEMENT), (False, RETURN)):
        asked = Header(follower_id(topup_id, place), ANN, NIL, "", NIL, "")
        assert conclude(topup_id, ANN, arrives=arrives) == Conclude(asked, topup_id, arrives)


def test_accounts_of_an_expiry() -> None:
    """Both sides' wallets are locked when a hold ends by the clock, as when somebody ends it."""
    world, hold_id = held()
    links = Links(holds=world.terms)
    for ends in (expire(hold_id, ANN), Void(header(BOB), hold_id), Capture(header(BOB), hold_id, 0)):
        assert set(ends.accounts(links)) == {ANN, BOB}
        assert ends.needs().hold_ids == (hold_id,)
