"""Pending top-ups and refunds over HTTP: asked for as a fault, ended by the clock or by hand, told by events."""

from uuid import uuid4

import pytest

from tests.service import PASSWORD, Answer, Client, User
from tests.sink import Sink

NOT_FOUND = (404, "not_found")


def asked(user: User, fault: str, path: str, body: object, key: str = "") -> str:
    """The id of a movement that the fault happened to."""
    headers = {"Shillings-Fault": fault} | ({"Idempotency-Key": key} if key else {})
    answer = user.client.send("POST", path, body, headers=headers, token=user.token)
    assert answer.outcome == (200, "ok"), answer
    found: str = answer.body["transaction_id"]
    return found


def slow_topup(user: User, amount: str, how: str = "progression=manual", key: str = "") -> str:
    """The id of a top-up that travels so."""
    return asked(user, f"pending_topup;{how}", "/v1/topup", {"amount": amount}, key)


def end(user: User, what: str, transaction_id: str, how: str) -> Answer:
    """Have it arrive, or come back."""
    return user.client.send("POST", f"/v1/sandbox/{what}/{transaction_id}/{how}", {})


def status(user: User, transaction_id: str) -> str:
    """What has become of a transaction."""
    found: str = user.send("GET", f"/v1/transactions/{transaction_id}").body["transaction"]["status"]
    return found


def money(user: User) -> tuple[str, str]:
    """What a user has, and owes."""
    account = user.account()
    return account["balance"], account["debt"]


def test_pending_topup_cannot_be_spent_until_it_is_settled(bob: User, ann: User) -> None:
    """It is shown as pending, and a payment of it is refused; settled, it is there, once."""
    topup = slow_topup(bob, "10.00", key="t")
    assert (status(bob, topup), money(bob)) == ("pending", ("0.00", "0.00"))
    assert bob.pay(ann.email, "10.00").outcome == (402, "insufficient_funds")
    assert slow_topup(bob, "10.00", key="t") == topup

    assert end(bob, "topups", topup, "settle").outcome == (200, "ok")
    assert (status(bob, topup), money(bob)) == ("succeeded", ("10.00", "0.00"))
    assert end(bob, "topups", topup, "settle").outcome == (409, "already_settled")
    assert bob.pay(ann.email, "10.00").outcome == (200, "ok")
    assert [line["kind"] for line in bob.history()] == ["payment", "settlement", "topup"]


def test_returned_topup_leaves_a_debt_that_the_next_money_settles(bob: User, ann: User) -> None:
    """Spent and come back, it is owed: no balance below zero, 402 with a code of its own, repaid by what comes in."""
    topup = bob.top_up("10.00").body["transaction_id"]
    bob.pay(ann.email, "7.00")
    assert end(bob, "topups", topup, "return").outcome == (200, "ok")
    assert (status(bob, topup), money(bob)) == ("returned", ("0.00", "7.00"))
    for path, body in (
        ("/v1/pay", {"receiver_email": ann.email, "amount": "1"}),
        ("/v1/holds", {"receiver_email": ann.email, "amount": "1"}),
    ):
        assert bob.send("POST", path, body).outcome == (402, "debt_outstanding")
    assert bob.send("POST", "/v1/account/close", {"password": PASSWORD}).outcome == (
        409, "account_not_empty",
    )  # fmt: skip

    ann.pay(bob.email, "3.00")
    assert money(bob) == ("0.00", "4.00")
    bob.top_up("5.00")
    assert money(bob) == ("1.00", "0.00")
    assert end(bob, "topups", topup, "return").outcome == (409, "already_returned")


def movement(user: User, fault: str, path: str, body: object, key: str = "") -> tuple[str, str, str | None]:
    """A movement's id, and what its answer says of its money."""
    headers = {"Shillings-Fault": fault} if fault else {}
    answer = user.client.send("POST", path, body, headers=headers | ({"Idempotency-Key": key} if key else {}),
                              token=user.token).body  # fmt: skip
    return answer["transaction_id"], answer["transaction_status"], answer["settles_at"]


def test_answer_says_whether_the_money_is_there(ann: User, bob: User) -> None:
    """The answer of a top-up or refund says how its money travels, as the transaction does; a replay asks again."""
    amount = {"amount": "1.00"}
    for fault, expected in (
        ("", "succeeded"),
        ("pending_topup;progression=immediate;final=returned;seconds=600", "succeeded"),
        ("pending_topup;progression=manual", "pending"),
        ("pending_topup;seconds=600", "pending"),
        ("pending_topup;seconds=600;final=returned", "pending"),
        ("pending_topup;seconds=0", "succeeded"),
    ):
        topup, told, settles_at = movement(bob, fault, "/v1/topup", amount)
        line = bob.send("GET", f"/v1/transactions/{topup}").body["transaction"]
        assert (told, settles_at) == (expected, line["settles_at"]), fault
        assert told == line["status"], fault
        assert (settles_at is not None) == (told == "pending" and "manual" not in fault), fault

    payment = ann.pay(bob.email, "1.00").body["transaction_id"]
    refund = movement(bob, "pending_refund;progression=manual", "/v1/refunds", {"transaction_id": payment})
    assert refund[1:] == ("pending", None)

    first = movement(bob, "pending_topup;progression=manual", "/v1/topup", amount, "again")
    assert first == movement(bob, "", "/v1/topup", amount, "again")
    end(bob, "topups", first[0], "settle")
    assert movement(bob, "", "/v1/topup", amount, "again") == (first[0], "succeeded", None)


def test_refund_fails_in_the_end(ann: User, bob: User) -> None:
    """While it is pending its money has left and counts as refunded; failed, it is back and counts no more."""
    payment = ann.pay(bob.email, "8.00").body["transaction_id"]
    refund = asked(bob, "pending_refund;progression=manual", "/v1/refunds", {"transaction_id": payment})
    assert (status(bob, refund), status(ann, refund), money(bob)[0]) == ("pending", "pending", "0.00")
    assert ann.send("GET", f"/v1/transactions/{payment}").body["transaction"]["refunded"] == "8.00"

    assert end(bob, "refunds", refund, "fail").outcome == (200, "ok")
    assert (status(bob, refund), money(bob)[0]) == ("failed", "8.00")
    assert ann.send("GET", f"/v1/transactions/{payment}").body["transaction"]["refunded"] == "0.00"
    assert end(bob, "refunds", refund, "settle").outcome == (409, "already_returned")


def test_events_tell_of_each_state(bob: User) -> None:
    """Pending, then succeeded, then returned: one event each, in order, delivered too."""
    with Sink() as sink:
        bob.send("POST", "/v1/webhook_endpoints", {"url": sink.url})
        topup = slow_topup(bob, "10.00")
        end(bob, "topups", topup, "settle")
        end(bob, "topups", topup, "return")
        sink.wait_for(3)
        events = bob.send("GET", f"/v1/events?object_id={topup}").body["events"]
        delivered = {one.event["type"] for one in sink.received}

    told = [(one["type"], one["data"]["sequence"]) for one in reversed(events)]
    assert told == [("topup.pending", 1), ("topup.succeeded", 2), ("topup.returned", 3)]
    assert delivered == {kind for kind, _ in told}


def test_clock_ends_what_is_due(bob: User) -> None:
    """An advance of the test clock past its time ends a top-up before it is answered."""
    # The service is shared, so its clock is moved by a second only.
    topup = slow_topup(bob, "10.00", "seconds=1.5")
    assert [line["kind"] for line in bob.history()] == ["topup"]
    due = bob.client.send("POST", "/v1/sandbox/clock/advance", {"seconds": 2}).body["due"]

    assert "transits_ended" in [one["what"] for one in due]
    assert (status(bob, topup), money(bob)[0]) == ("succeeded", "10.00")
    assert [line["kind"] for line in bob.history()] == ["settlement", "topup"]


@pytest.mark.parametrize(("what", "how"), [
    ("topups", "settle"), ("topups", "return"), ("refunds", "settle"), ("refunds", "fail"),
])  # fmt: skip
def test_what_is_none_is_not_found(ann: User, bob: User, what: str, how: str) -> None:
    """An id that nothing has, and that of a payment, end nothing; what is no id is 400."""
    payment = ann.pay(bob.email, "1.00").body["transaction_id"]
    for transaction_id in (str(uuid4()), payment):
        assert end(ann, what, transaction_id, how).outcome == NOT_FOUND
    assert end(ann, what, "x", how).outcome == (400, "invalid_request")
    assert money(bob)[0] == "1.00"


def test_pending_topup_is_seen_by_its_owner_only(bob: User, ann: User, client: Client) -> None:
    """A stranger does not find it; nobody makes one without a session, nor by a fault on another request."""
    topup = slow_topup(bob, "1.00")
    assert ann.send("GET", f"/v1/transactions/{topup}").outcome == NOT_FOUND
    fault = {"Shillings-Fault": "pending_topup"}
    assert client.send("POST", "/v1/topup", {"amount": "1.00"}, headers=fault).outcome == (401, "unauthenticated")
    body = {"receiver_email": bob.email, "amount": "1.00"}
    refused = client.send("POST", "/v1/pay", body, headers=fault, token=ann.token)
    assert refused.outcome == (400, "invalid_request")
