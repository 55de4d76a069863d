"""Events: who hears what, in which order, and that nobody pays for them where nobody listens."""

import json
from collections.abc import Iterable

from shillings.base.ids import NIL
from shillings.ledger.book import Book
from shillings.ledger.events import Audience, DeliveryRow, EventRow, Listener
from shillings.ledger.rule import decide
from tests.unit.ledger.operations import ANN, BOB, CAT, EMAILS, NOBODY, book, payment, topup

HOOK, OTHER = b"h" * 16, b"i" * 16


def heard(page: Book, *listeners: Listener, everybody: bool = False, numbers: Iterable[tuple[bytes, int]] = ()) -> Book:
    """A book with an audience."""
    page.audience = Audience(everybody, list(listeners), dict(numbers))
    return page


def events(page: Book) -> list[tuple[bytes, str, int]]:
    """Whose events the book holds, of which type, and their numbers."""
    return [(row.event.user_id, row.event.type, row.number) for row in page.rows[EventRow]]


def test_payment_tells_both_sides_once() -> None:
    """The sender hears that it succeeded, the receiver that it came; a third hears nothing."""
    page = heard(book({ANN: 10, BOB: 0}), *[Listener(HOOK, user) for user in (ANN, BOB, CAT)])
    [decision] = decide([payment(ANN, EMAILS[BOB], 4, "key")], page)

    assert events(page) == [(ANN, "payment.succeeded", 1), (BOB, "payment.received", 1)]
    sent, received = (row.event for row in page.rows[EventRow])
    assert sent.object_id == received.object_id == decision.transaction_id
    assert (sent.sequence, received.sequence) == (1, 1)
    assert json.loads(page.rows[EventRow][0].data) == {
        "transaction_id": f"{decision.transaction_id.hex()[:8]}-{decision.transaction_id.hex()[8:12]}-"
        f"{decision.transaction_id.hex()[12:16]}-{decision.transaction_id.hex()[16:20]}-"
        f"{decision.transaction_id.hex()[20:]}",
        "kind": "payment",
        "sender_email": EMAILS[ANN],
        "receiver_email": EMAILS[BOB],
        "amount_minor": 4,
        "reference": "",
    }


def test_request_is_told_only_to_who_made_it() -> None:
    """The receiver does not see the sender's idempotency key or request."""
    page = heard(book({ANN: 10, BOB: 0}), everybody=True)
    decide([payment(ANN, EMAILS[BOB], 4, "key")], page)

    sent, received = (row.event for row in page.rows[EventRow])
    assert (sent.idempotency_key, sent.request_id) == ("key", "request")
    assert (received.idempotency_key, received.request_id) == ("", "")


def test_refusal_tells_the_sender_alone() -> None:
    """A payment that was not made is an event of the sender's, with the code; no receiver hears of it."""
    page = heard(book({ANN: 1, BOB: 0}), everybody=True)
    decide([payment(ANN, EMAILS[BOB], 4), payment(ANN, NOBODY, 1)], page)

    assert events(page) == [(ANN, "payment.declined", 1), (ANN, "payment.declined", 2)]
    codes = [json.loads(row.data)["code"] for row in page.rows[EventRow]]
    assert codes == ["insufficient_funds", "receiver_not_found"]


def test_replay_tells_nothing() -> None:
    """What happened once is told once, however often its answer is given."""
    page = heard(book({ANN: 10, BOB: 0}), everybody=True)
    decide([payment(ANN, EMAILS[BOB], 4, "key")] * 3, page)
    assert len(events(page)) == 2


def test_numbers_go_on_where_they_were() -> None:
    """Each user's events are numbered from the last one that is stored, without a gap."""
    page = heard(book({ANN: 10, BOB: 0}), everybody=True, numbers=[(ANN, 7)])
    decide([topup(ANN, 5), payment(ANN, EMAILS[BOB], 4), topup(ANN, 5)], page)

    assert [number for user, _, number in events(page) if user == ANN] == [8, 9, 10]
    assert [number for user, _, number in events(page) if user == BOB] == [1]
    assert len({row.event_id for row in page.rows[EventRow]}) == 4


def test_ids_of_events_are_those_of_their_operation() -> None:
    """They are its id but for the last byte, by their place, also where one before was told to nobody."""
    for listener, places in ((Listener(HOOK, NIL), [1, 2]), (Listener(HOOK, BOB), [2])):
        page = heard(book({ANN: 10, BOB: 0}), listener)
        [decision] = decide([payment(ANN, EMAILS[BOB], 4)], page)
        made = decision.transaction_id
        assert [row.event_id for row in page.rows[EventRow]] == [made[:15] + bytes([made[15] ^ at]) for at in places]


def test_only_who_listens_is_written_for() -> None:
    """Where one side listens, only its events are written, and delivered to each of its endpoints that wants them."""
    deaf = Listener(OTHER, BOB, frozenset({"hold.created"}))
    page = heard(book({ANN: 10, BOB: 0}), Listener(HOOK, BOB), deaf)
    decide([payment(ANN, EMAILS[BOB], 4)], page)

    assert events(page) == [(BOB, "payment.received", 1)]
    [row] = page.rows[EventRow]
    assert page.rows[DeliveryRow] == [DeliveryRow(HOOK, row.event_id)]


def test_operator_hears_everybody() -> None:
    """An endpoint of nobody's hears both sides."""
    page = heard(book({ANN: 10, BOB: 0}), Listener(HOOK, NIL))
    decide([payment(ANN, EMAILS[BOB], 4)], page)
    assert len(page.rows[DeliveryRow]) == 2


def test_nobody_listening_writes_nothing() -> None:
    """Without an audience a book holds no events."""
    page = book({ANN: 10, BOB: 0})
    decide([topup(ANN, 1), payment(ANN, EMAILS[BOB], 4), payment(ANN, NOBODY, 4)], page)
    assert not page.rows.get(EventRow)
    assert not page.rows.get(DeliveryRow)


def test_each_operation_of_a_batch_is_delivered() -> None:
    """What a batch has to deliver is what each of its operations brings about, not the last one's alone."""
    page = heard(book({ANN: 10, BOB: 0}), Listener(HOOK, BOB))
    decide([payment(ANN, EMAILS[BOB], 4), payment(ANN, EMAILS[BOB], 1)], page)

    assert page.rows[DeliveryRow] == [DeliveryRow(HOOK, row.event_id) for row in page.rows[EventRow]]
    assert len(page.rows[DeliveryRow]) == 2
