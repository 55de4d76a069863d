"""Looking up what became of a request: by id, by key, by one's own reference; only one's own."""

from uuid import uuid4

import pytest

from tests.service import Client, User


def found(user: User, query: str) -> list[str]:
    """The ids of the transactions that a query finds."""
    answer = user.send("GET", f"/v1/transactions?{query}")
    assert answer.outcome == (200, "ok"), answer
    return [line["transaction_id"] for line in answer.body["transactions"]]


def test_outcome_is_found_by_its_key(ann: User, bob: User) -> None:
    """After an answer that never came, the key finds the payment; a key that did nothing finds none."""
    ann.top_up("5.00")
    paid = ann.pay(bob.email, "5.00", key="order-1").body["transaction_id"]

    assert found(ann, "idempotency_key=order-1") == [paid]
    assert found(ann, "idempotency_key=order-2") == []
    assert found(bob, "idempotency_key=order-1") == []


def test_payment_is_found_by_its_reference(ann: User, bob: User) -> None:
    """Reference and metadata are the payer's: found by and shown to nobody else."""
    ann.top_up("5.00")
    body = {"receiver_email": bob.email, "amount": "1.00", "reference": "Ä 42", "metadata": {"cart": "7"}}
    paid = ann.send("POST", "/v1/pay", body).body["transaction_id"]
    [line] = ann.send("GET", "/v1/transactions?reference=%C3%84%2042").body["transactions"]

    assert (line["transaction_id"], line["reference"], line["metadata"]) == (paid, "Ä 42", {"cart": "7"})
    assert found(bob, "reference=%C3%84%2042") == []
    shown = bob.send("GET", f"/v1/transactions/{paid}").body["transaction"]
    assert (shown["reference"], shown["metadata"]) == ("", {})


def test_key_holds_the_reference_too(ann: User, bob: User) -> None:
    """The same payment with another reference is another request under its key."""
    ann.top_up("5.00")
    body = {"receiver_email": bob.email, "amount": "1.00", "reference": "a"}
    assert ann.send("POST", "/v1/pay", body, key="k").outcome == (200, "ok")
    assert ann.send("POST", "/v1/pay", body | {"reference": "b"}, key="k").outcome == (422, "idempotency_key_reused")


def test_history_is_filtered(ann: User, bob: User) -> None:
    """By kind, by the other side, and by time, together."""
    [first] = found(ann, "")
    topup = ann.top_up("5.00").body["transaction_id"]
    paid = ann.pay(bob.email, "1.00").body["transaction_id"]

    assert found(ann, "kind=topup") == [topup, first]
    assert found(ann, f"kind=payment&counterparty_email={bob.email.upper()}") == [paid]
    assert found(ann, "created_before=2020-01-01T00:00:00Z") == []
    assert found(ann, "created_after=2020-01-01T00:00:00Z") == [paid, topup, first]


def test_strangers_transaction_is_like_none(ann: User, bob: User, carol: User) -> None:
    """A transaction of others and one that is not there get the same answer."""
    ann.top_up("5.00")
    paid = ann.pay(bob.email, "1.00").body["transaction_id"]
    theirs = carol.send("GET", f"/v1/transactions/{paid}")
    nobodys = carol.send("GET", f"/v1/transactions/{uuid4()}")

    assert theirs.outcome == nobodys.outcome == (404, "not_found")
    assert theirs.message == nobodys.message
    assert carol.send("GET", "/v1/transactions/x").outcome == (400, "invalid_request")


@pytest.mark.parametrize(
    "query", ["kind=gift", "created_after=yesterday", "created_after=2026-01-01", "idempotency_key=%C3%A4", "color=red"]
)
def test_wrong_filter_is_refused(carol: User, query: str) -> None:
    """A filter that is none is 400, and names itself."""
    answer = carol.send("GET", f"/v1/transactions?{query}")

    assert answer.outcome == (400, "invalid_request")
    assert query.split("=", maxsplit=1)[0].replace("_", " ") in answer.message.replace("_", " ")


@pytest.mark.parametrize(
    "more",
    [
        {"reference": "x" * 129}, {"reference": 7}, {"reference": "a\0"}, {"metadata": {"a": 1}},
        {"metadata": {str(number): "x" for number in range(17)}}, {"metadata": {"a" * 41: "x"}},
        {"metadata": {"a": "x" * 201}}, {"metadata": {"": "x"}}, {"metadata": ["a"]},
    ],
    ids=lambda more: str(more)[:30],
)  # fmt: skip
def test_words_out_of_bounds_are_refused(carol: User, dave: User, more: dict[str, object]) -> None:
    """A reference or metadata that is too long, too much or no text is 400, and nothing moves."""
    before = carol.state()
    answer = carol.send("POST", "/v1/pay", {"receiver_email": dave.email, "amount": "1"} | more)

    assert answer.outcome == (400, "invalid_request")
    assert next(iter(more)) in answer.message
    assert carol.state() == before


def test_lookups_need_a_session(client: Client) -> None:
    """Without a session nothing is found."""
    assert client.send("GET", f"/v1/transactions/{uuid4()}").outcome == (401, "unauthenticated")
