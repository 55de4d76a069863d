"""Refunds over HTTP: by the receiver, in parts or whole, once for each key, and never more than was paid."""

from uuid import uuid4

import pytest

from tests.service import Client, User


def test_payment_is_refunded_in_parts(ann: User, bob: User) -> None:
    """The receiver gives back a part and then the rest; both sides see it, and the payment says how much came back."""
    ann.top_up("20.00")
    before = ann.balance, bob.balance
    payment = ann.pay(bob.email, "10.00").body["transaction_id"]
    part = bob.send("POST", "/v1/refunds", {"transaction_id": payment, "amount": "2.50"})
    assert part.outcome == (200, "ok")
    assert bob.send("GET", f"/v1/transactions/{payment}").body["transaction"]["refunded"] == "2.50"
    assert bob.send("POST", "/v1/refunds", {"transaction_id": payment, "amount": "7.51"}).outcome == (
        422, "refund_exceeds_payment",
    )  # fmt: skip
    assert bob.send("POST", "/v1/refunds", {"transaction_id": payment}).outcome == (200, "ok")

    assert (ann.balance, bob.balance) == before
    assert [line["kind"] for line in ann.history()[:3]] == ["refund", "refund", "payment"]
    shown = ann.send("GET", f"/v1/transactions/{part.body['transaction_id']}").body["transaction"]
    assert (shown["sender_email"], shown["receiver_email"], shown["amount"]) == (bob.email, ann.email, "2.50")


def test_refund_is_made_once_for_its_key(ann: User, bob: User) -> None:
    """The same refund with its key gets the stored answer; another one with that key is refused."""
    ann.top_up("5.00")
    payment = ann.pay(bob.email, "5.00").body["transaction_id"]
    body = {"transaction_id": payment, "amount": "1.00"}
    first, second = (bob.send("POST", "/v1/refunds", body, key="back") for _ in range(2))

    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    assert bob.send("POST", "/v1/refunds", body | {"amount": "2.00"}, key="back").outcome == (
        422, "idempotency_key_reused",
    )  # fmt: skip


def test_only_the_receiver_of_a_payment_refunds(ann: User, bob: User, carol: User) -> None:
    """Not the payer, not a stranger, not a top-up, not a refund, and nothing that is not there."""
    topup = ann.top_up("5.00").body["transaction_id"]
    payment = ann.pay(bob.email, "5.00").body["transaction_id"]
    back = bob.send("POST", "/v1/refunds", {"transaction_id": payment, "amount": "1.00"}).body["transaction_id"]
    tried = [(ann, payment), (carol, payment), (ann, topup), (ann, back), (bob, str(uuid4()))]
    outcomes = [user.send("POST", "/v1/refunds", {"transaction_id": one}).outcome for user, one in tried]

    assert outcomes == [
        (422, "not_refundable"), (404, "not_found"), (422, "not_refundable"), (422, "not_refundable"),
        (404, "not_found"),
    ]  # fmt: skip


def test_spent_money_cannot_be_refunded(ann: User, bob: User, carol: User) -> None:
    """A receiver who has spent the money is short of it: 402."""
    ann.top_up("5.00")
    payment = ann.pay(bob.email, "5.00").body["transaction_id"]
    bob.pay(ann.email, str(bob.balance))

    assert bob.send("POST", "/v1/refunds", {"transaction_id": payment}).outcome == (402, "insufficient_funds")


BAD = [
    {}, {"transaction_id": "x"}, {"transaction_id": 7}, {"transaction_id": str(uuid4()), "amount": "0"},
    {"transaction_id": str(uuid4()), "amount": "-1"}, {"transaction_id": str(uuid4()), "amount": "1.001"},
    {"transaction_id": str(uuid4()), "amount": ""}, {"transaction_id": str(uuid4()), "to": "x"},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=str)
def test_malformed_refund_is_refused(carol: User, body: dict[str, object]) -> None:
    """What is not a refund is 400, and changes nothing."""
    before = carol.state()

    assert carol.send("POST", "/v1/refunds", body).outcome == (400, "invalid_request")
    assert carol.state() == before


def test_refunds_need_a_session(client: Client) -> None:
    """Without a session nothing is refunded."""
    assert client.send("POST", "/v1/refunds", {"transaction_id": str(uuid4())}).outcome == (401, "unauthenticated")
