"""Someone else's: no user sees or moves what is another's."""

from decimal import Decimal
from uuid import uuid4

import pytest

from tests.service import PASSWORD, User

MORE_FIELDS: list[dict[str, object]] = [
    {"sender_email": "B"}, {"sender_id": "B"}, {"user_id": "B"}, {"from": "B"}, {"account_id": "B"}, {"email": "B"},
    {"balance": "1000.00"}, {"kind": "topup"}, {"transaction_id": "B"}, {"idempotency_key": "x"}, {"role": "admin"},
    {"token": "x"}, {"created_at": "2020-01-01T00:00:00Z"}, {"__proto__": {}},
]  # fmt: skip


def test_nobody_sees_somebody_elses_payments(ann: User, bob: User, carol: User) -> None:
    """A payment is in its sender's and its receiver's history, and in nobody else's."""
    before = carol.state()
    paid = ann.pay(bob.email, "1.00").body["transaction_id"]

    for user, shown in ((ann, True), (bob, True), (carol, False)):
        assert (paid in [line["transaction_id"] for line in user.history()]) is shown
    assert carol.state() == before


def test_receiver_sees_no_more_than_the_payment(ann: User, bob: User) -> None:
    """What the receiver sees of the sender is the email and the amount; never a balance, a name or an id."""
    ann.pay(bob.email, "1.00")

    [line] = bob.history()
    seen = {"transaction_id", "kind", "sender_email", "receiver_email", "amount", "created_at"}
    assert line.keys() == seen | {"reference", "metadata", "refunded", "status"}
    account = ann.account()
    assert account["user_id"] not in str(line)
    assert account["balance"] not in str(line)


@pytest.mark.parametrize("more", MORE_FIELDS, ids=[next(iter(more)) for more in MORE_FIELDS])
@pytest.mark.parametrize("path", ["/v1/pay", "/v1/topup"])
def test_request_cannot_name_another_payer(carol: User, dave: User, path: str, more: dict[str, object]) -> None:
    """A field more, that would name somebody else's account or set what is the service's to set, is refused."""
    body: dict[str, object] = {"amount": "1.00"}
    if path == "/v1/pay":
        body["receiver_email"] = carol.email
    theirs: dict[str, object] = {name: dave.email if value == "B" else value for name, value in more.items()}
    before = carol.state(), dave.state()

    answer = carol.send("POST", path, body | theirs)

    assert answer.outcome == (400, "invalid_request")
    assert next(iter(more)) in answer.message
    assert (carol.state(), dave.state()) == before


def test_query_cannot_name_another_user(carol: User, dave: User) -> None:
    """Whatever the query says, the account read is one's own."""
    for query in (f"email={dave.email}", f"user_id={dave.account()['user_id']}", "user_id=*"):
        answer = carol.send("GET", f"/v1/account?{query}")
        assert answer.body["user"]["email"] == carol.email


def test_payment_takes_from_the_one_who_is_signed_in(ann: User, bob: User) -> None:
    """Money leaves the account of whoever's token came with the request, and no other."""
    before = bob.balance

    assert bob.pay(ann.email, "0.01").outcome == (402, "insufficient_funds")
    assert ann.pay(bob.email, "0.01").outcome == (200, "ok")

    assert bob.balance == before + Decimal("0.01")


def test_sign_up_cannot_set_what_is_the_services(carol: User, name: str) -> None:
    """Nobody signs up with a balance, an id or a role of their choice."""
    fields: list[dict[str, object]] = [
        {"balance": "1000.00"},
        {"user_id": str(uuid4())},
        {"role": "admin"},
        {"entry_count": 1},
        {"created_at": ""},
    ]
    for more in fields:
        answer = carol.client.sign_up(f"{name}@example.com", PASSWORD, **more)
        assert answer.outcome == (400, "invalid_request")
        assert next(iter(more)) in answer.message
    assert carol.client.sign_up(f"{name}@example.com").outcome == (200, "ok")
