"""The oracle: for every finding a client that misbehaves in just that way, and one that looks like it and does not."""

import itertools
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.base.ids import show
from shillings.sandbox.oracle.evidence import Attempt, Delivery, Evidence, Hold, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence
from shillings.sandbox.oracle.judge import BY_CODE, DETECTORS, judge

ANN, BOB = b"ann", b"bob"
COFFEE, TEA = b"coffee", b"tea"
LOST: dict[str, Any] = {"fault": "lost_response"}


class Client:
    """A client's requests, one a second."""

    def __init__(self) -> None:
        self.requests: list[LoggedRequest] = []

    def pay(
        self, key: str = "", *, user: bytes = ANN, made: bytes = b"", body: bytes = COFFEE, **more: Any
    ) -> "Client":
        """A payment; `made` is the transaction it comes to."""
        return self.send(
            "PAY", key=key, user_id=user, body=body, transaction_id=made, takes_key=True, writes=True, **more
        )

    def send(self, command: str, *, user_id: bytes = ANN, **more: Any) -> "Client":
        """Any request."""
        number = len(self.requests) + 1
        at = more.pop("at", float(number))
        session = more.pop("session", b"s" + user_id)
        self.requests.append(
            LoggedRequest(number, f"r{number}", command, user_id, session, received_s=at, answered_s=at + 0.01, **more)
        )
        return self

    def found(self, **more: Any) -> dict[str, Confidence]:
        """What the oracle says, by code."""
        evidence = Evidence(self.requests, lookups=frozenset({"TXQ"}), logouts=frozenset({"LGO"}), **more)
        return {finding.code: finding.confidence for finding in judge(evidence)}


CERTAIN, SUSPECTED = Confidence.CERTAIN, Confidence.SUSPECTED
BEHAVED: dict[str, Confidence] = {}

CASES: dict[str, tuple[Callable[[Client], Client], dict[str, Confidence]]] = {
    "nothing was asked": (lambda c: c, BEHAVED),
    "two coffees for the same price": (lambda c: c.pay("a", made=b"1").pay("b", made=b"2"), BEHAVED),
    "two coffees without keys": (lambda c: c.pay(made=b"1").pay(made=b"2"), BEHAVED),
    "a lost answer, retried with its key": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("a", made=b"1", replayed=True),
        BEHAVED,
    ),
    "a lost answer, retried with its key until it came": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("a", code="timeout").pay("a", made=b"1", replayed=True),
        BEHAVED,
    ),
    "a lost answer, looked up, then another coffee": (
        lambda c: c.pay("a", made=b"1", **LOST).send("TXQ").pay("b", made=b"2"),
        BEHAVED,
    ),
    "a lost answer, retried with its key, then another coffee": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("a", made=b"1", replayed=True).pay("b", made=b"2"),
        BEHAVED,
    ),
    "a lost answer, then the same order of somebody else": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("a", made=b"1", replayed=True).pay("b", user=BOB, made=b"2"),
        BEHAVED,
    ),
    "a lost answer and a new key: paid twice": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("b", made=b"2"),
        {"paid_twice": SUSPECTED, "key_changed": SUSPECTED, "never_resolved": CERTAIN},
    ),
    "a lost answer and no key: paid twice": (
        lambda c: c.pay(made=b"1", **LOST).pay(made=b"2"),
        {"paid_twice": SUSPECTED, "key_changed": SUSPECTED, "never_resolved": CERTAIN},
    ),
    "the same with the intent told": (
        lambda c: c.pay("a", made=b"1", intent="o", **LOST).pay("b", made=b"2", intent="o"),
        {"paid_twice": CERTAIN, "key_changed": CERTAIN, "never_resolved": CERTAIN},
    ),
    "the same with two intents": (
        lambda c: c.pay("a", made=b"1", intent="o", **LOST).pay("b", made=b"2", intent="p"),
        {"never_resolved": CERTAIN},
    ),
    "one intent twice, and every answer came": (
        lambda c: c.pay("a", made=b"1", intent="o").pay("b", made=b"2", intent="o"),
        {"paid_twice": CERTAIN},
    ),
    "one intent, replayed": (
        lambda c: c.pay("a", made=b"1", intent="o").pay("a", made=b"1", intent="o", replayed=True),
        BEHAVED,
    ),
    "one intent, refused first": (
        lambda c: c.pay("a", code="insufficient_funds", intent="o").pay("b", made=b"1", intent="o"),
        BEHAVED,
    ),
    "one intent of two users": (
        lambda c: c.pay("a", made=b"1", intent="o").pay("a", user=BOB, made=b"2", intent="o"),
        BEHAVED,
    ),
    "one intent, paid and then given back": (
        lambda c: c.pay("a", made=b"1", intent="o").send(
            "RFD", key="b", transaction_id=b"2", takes_key=True, writes=True, intent="o"
        ),
        BEHAVED,
    ),
    "a lost answer, retried without an answer, and a new key: paid twice": (
        lambda c: c.pay("a", made=b"1", **LOST).pay("a", code="timeout").pay("b", made=b"2"),
        {"paid_twice": SUSPECTED, "key_changed": SUSPECTED, "never_resolved": CERTAIN},
    ),
    "unknown, and its key used for another command": (
        lambda c: c.pay("a", code="timeout").send("HLD", key="a", takes_key=True, writes=True, body=COFFEE),
        {"never_resolved": CERTAIN, "key_reused": CERTAIN},
    ),
    "unknown and not done, then a new key": (
        lambda c: c.pay("a", code="internal").pay("b", made=b"2").send("TXQ"),
        {"key_changed": SUSPECTED},
    ),
    "unknown, then something else": (
        lambda c: c.pay("a", code="timeout").pay("b", made=b"2", body=TEA).send("TXQ"),
        BEHAVED,
    ),
    "a key for two orders": (
        lambda c: c.pay("a", made=b"1").pay("a", body=TEA, code="idempotency_key_reused"),
        {"key_reused": CERTAIN},
    ),
    "a key of two users": (lambda c: c.pay("a", made=b"1").pay("a", user=BOB, body=TEA, made=b"2"), BEHAVED),
    "unknown and left alone": (lambda c: c.pay("a", code="timeout"), {"never_resolved": CERTAIN}),
    "unknown, looked up, and the look-up failed": (
        lambda c: c.pay("a", code="timeout").send("TXQ", code="unavailable"),
        {"never_resolved": CERTAIN},
    ),
    "unknown, looked up with a session that was over": (
        lambda c: c.pay("a", code="timeout").send("TXQ", code="unauthenticated"),
        {"never_resolved": CERTAIN},
    ),
    "a read that failed": (lambda c: c.send("USR", code="timeout"), BEHAVED),
    "a session that expired, noticed once": (
        lambda c: c.send("USR").send("USR", code="unauthenticated", user_id=b"", session=b"sann"),
        BEHAVED,
    ),
    "a session that expired, used on": (
        lambda c: (
            c.send("USR")
            .send("USR", code="unauthenticated", user_id=b"", session=b"sann")
            .send("USR", code="unauthenticated", user_id=b"", session=b"sann")
        ),
        {"token_after_end": CERTAIN},
    ),
    "a session used after its log-out": (
        lambda c: c.send("LGO").send("USR", code="unauthenticated", user_id=b"", session=b"sann"),
        {"token_after_end": CERTAIN},
    ),
    "a session used after its log-out, which an answer overtook": (
        lambda c: c.send("LGO").send("USR").send("USR", code="unauthenticated", user_id=b"", session=b"sann"),
        {"token_after_end": CERTAIN},
    ),
    "a token that never was good": (
        lambda c: c.send("USR", code="unauthenticated", user_id=b"", session=b"x").send(
            "USR", code="unauthenticated", user_id=b"", session=b"x"
        ),
        BEHAVED,
    ),
    "refused as busy, and back at once three times": (
        lambda c: (
            c.pay("a", code="unavailable", retry_after_s=1, at=1.0)
            .pay("a", code="unavailable", retry_after_s=1, at=1.1)
            .pay("a", code="unavailable", retry_after_s=1, at=1.2)
            .pay("a", made=b"1", at=1.3)
        ),
        {"hasty_retries": CERTAIN},
    ),
    "refused as busy, and back when it was asked to": (
        lambda c: (
            c.pay("a", code="unavailable", retry_after_s=1, at=1.0)
            .pay("a", code="unavailable", retry_after_s=1, at=2.0)
            .pay("a", made=b"1", at=3.1)
        ),
        BEHAVED,
    ),
    "a double click": (
        lambda c: c.pay("a", code="rate_limited", at=1.0).pay("a", made=b"1", at=1.02),
        BEHAVED,
    ),
    "reads in a row, all answered": (
        lambda c: c.send("USR", at=1.0).send("USR", at=1.01).send("USR", at=1.02),
        BEHAVED,
    ),
}


@pytest.mark.parametrize(("act", "found"), CASES.values(), ids=CASES)
def test_client_is_judged_by_what_it_did(act: Callable[[Client], Client], found: dict[str, Confidence]) -> None:
    """Each client gets exactly the findings it has earned, and one that behaved gets none."""
    assert act(Client()).found() == found


@pytest.mark.parametrize(
    ("status", "found"), [("open", True), ("expired", True), ("captured", False), ("voided", False)]
)
def test_hold_must_be_ended(status: str, found: bool) -> None:
    """A hold that is open or ran out is told; one that was captured or voided is not."""
    assert ("hold_left_open" in Client().found(holds=(Hold(b"h", status),))) is found


def test_wrong_books_are_told_first() -> None:
    """What is wrong with the books themselves comes before what the client did."""
    findings = judge(Evidence(Client().pay("a", code="timeout").requests, wrong_books=("Money is missing.",)))

    assert [finding.code for finding in findings] == ["wrong_books", "never_resolved"]


E1, E2 = bytes(15) + b"1", bytes(15) + b"2"
TOOK, FAILED, DROPPED = Attempt("accepted"), Attempt("rejected"), Attempt("dropped", "drop")
TWICE = Attempt("accepted", "duplicate;copies=2")


def delivered(*attempts: Attempt, state: str = "delivered", event: bytes = E1, sequence: int = 1) -> Delivery:
    """A delivery with these attempts."""
    return Delivery(event, b"object", sequence, state, attempts)


def ended(sequence: int, *attempts: Attempt) -> Delivery:
    """The delivery of an event about the top-up."""
    return Delivery(E1, b"t", sequence, "delivered", attempts)


def acted(*events: bytes) -> Client:
    """A client that makes a payment because of each event."""
    client = Client()
    for number, event in enumerate(events):
        client.pay(f"k{number}", made=str(number).encode(), body=str(number).encode(), intent=show(event))
    return client


WEBHOOKS: dict[str, tuple[Client, list[Delivery], set[str]]] = {
    "accepted at once": (Client(), [delivered(TOOK)], set()),
    "not tried yet": (Client(), [delivered(state="pending")], set()),
    "dropped on purpose, then accepted": (Client(), [delivered(DROPPED, TOOK)], set()),
    "dropped on purpose, and yet to come": (Client(), [delivered(DROPPED, state="pending")], set()),
    "failed for good": (Client(), [delivered(FAILED, FAILED, state="failed")], {"webhook_not_accepted"}),
    "failing still": (Client(), [delivered(FAILED, state="pending")], {"webhook_not_accepted"}),
    "accepted after failing": (Client(), [delivered(FAILED, TOOK)], {"webhook_accepted_late"}),
    "a forgery refused": (Client(), [delivered(Attempt("rejected", "bad_signature;how=wrong"), TOOK)], set()),
    "a forgery accepted": (
        Client(), [delivered(Attempt("accepted", "bad_signature;how=missing"))], {"webhook_forgery_accepted"},
    ),
    "an old timestamp accepted": (
        Client(), [delivered(Attempt("accepted", "stale_timestamp"))], {"webhook_forgery_accepted"},
    ),
    "delivered twice, handled once": (acted(E1), [delivered(TWICE)], set()),
    "delivered once, acted on twice": (acted(E1, E1), [delivered(TOOK)], {"paid_twice"}),
    "delivered twice, handled twice": (
        acted(E1, E1), [delivered(TWICE)], {"paid_twice", "webhook_handled_twice"},
    ),
    "delivered twice, while another was acted on twice": (
        acted(E2, E2), [delivered(TWICE), delivered(TOOK, event=E2, sequence=2)], {"paid_twice"},
    ),
    "an older event after a newer one": (
        acted(E2, E1), [delivered(TOOK), delivered(TOOK, event=E2, sequence=2)], {"webhook_out_of_order"},
    ),
    "events in order": (
        acted(E1, E2), [delivered(TOOK), delivered(TOOK, event=E2, sequence=2)], set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("client", "deliveries", "found"), WEBHOOKS.values(), ids=WEBHOOKS)
def test_receiver_is_judged_by_what_it_took(client: Client, deliveries: list[Delivery], found: set[str]) -> None:
    """A receiver that misses, forges, repeats or turns round is told; one that only met failures is not."""
    assert client.found(deliveries=deliveries).keys() == found


def topped_up(*, made: bytes = b"t", user: bytes = ANN) -> Client:
    """A client whose top-up is answered at once, whenever its money comes."""
    return Client().send("TPU", user_id=user, transaction_id=made, takes_key=True, writes=True)


SHORT: dict[str, Any] = {"code": "insufficient_funds"}
PENDING: dict[str, tuple[Client, list[Delivery], bool]] = {
    "paid at once": (topped_up().pay("a", **SHORT), [], True),
    "paid at once, told only that it is pending": (topped_up().pay("a", **SHORT), [ended(1, TOOK)], True),
    "held at once": (topped_up().send("HLD", takes_key=True, writes=True, **SHORT), [], True),
    "looked first": (topped_up().send("USR").pay("a", **SHORT), [], False),
    "tried to look first": (topped_up().send("USR", code="timeout").pay("a", **SHORT), [], True),
    "waited for the event": (topped_up().pay("a", **SHORT), [ended(2, TOOK)], False),
    "did not take the event": (topped_up().pay("a", **SHORT), [ended(2, FAILED)], True),
    "paid with other money": (topped_up().pay("a", made=b"1"), [], False),
    "the money was there at once": (topped_up(made=b"x").pay("a", **SHORT), [], False),
    "somebody else's": (topped_up(user=BOB).pay("a", **SHORT), [], False),
    "too dear, before the top-up": (
        Client().pay("a", **SHORT).send("TPU", transaction_id=b"t", takes_key=True, writes=True), [], False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("client", "deliveries", "found"), PENDING.values(), ids=PENDING)
def test_pending_topup_is_no_money_yet(client: Client, deliveries: list[Delivery], found: bool) -> None:
    """Whoever pays from a pending top-up without a look is told; who looked, or waited for the event, is not."""
    expected = {"pending_taken_for_money": SUSPECTED} if found else {}
    said = client.found(deliveries=deliveries, pending_topups={b"t"})

    assert {code: sure for code, sure in said.items() if code == "pending_taken_for_money"} == expected


def test_every_detector_has_a_case_and_tells_people_what_to_do() -> None:
    """No detector is without a client that shows it; each has its texts."""
    shown = {code for _, found in CASES.values() for code in found} | {
        "hold_left_open",
        "wrong_books",
        "pending_taken_for_money",
    }
    shown |= {code for _, _, found in WEBHOOKS.values() for code in found}

    assert shown == BY_CODE.keys()
    for detector in DETECTORS:
        assert all(text.strip().endswith(".") for text in (detector.seen, detector.costs, detector.hint)), detector.code
        assert detector.example


@given(st.lists(st.sampled_from(["pay", "retry", "look", "lose"]), max_size=12))
def test_careful_client_is_never_accused(steps: list[str]) -> None:
    """A client with a key for each order, which retries with it until it is answered before it goes on, is clean."""
    client = Client()
    for order, step in enumerate(steps):
        key, made = f"k{order}", str(order).encode()
        if step == "look":
            client.send("TXQ")
        elif step in ("lose", "retry"):
            client.pay(key, made=made, **LOST)
            if step == "retry":
                client.pay(key, code="timeout")
            client.pay(key, made=made, replayed=True)
        else:
            client.pay(key, made=made)

    assert client.found() == {}


@pytest.mark.no_cover  # it has a profile function of its own
@pytest.mark.parametrize("body", [lambda _: COFFEE, lambda number: b"%d" % number], ids=["one thing", "many things"])
@pytest.mark.parametrize("key", [lambda _: "a", lambda number: f"k{number}"], ids=["one key", "many keys"])
def test_work_grows_with_the_log_and_no_faster(body: Callable[[int], bytes], key: Callable[[int], str]) -> None:
    """Of a client whose every answer was lost, ten times as many requests make ten times the work for the oracle."""

    def calls(count: int) -> int:
        client, called = Client(), itertools.count()
        for number in range(count):
            client.pay(key(number), body=body(number), made=b"%d" % number, **LOST)
        sys.setprofile(lambda *_: next(called) and None)
        try:
            client.found()
        finally:
            sys.setprofile(None)
        return next(called)

    assert calls(2_000) < 15 * calls(200)
