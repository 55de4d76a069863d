"""Faults on holds and refunds: rules find them by their paths, and what was lost is found by its key."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.seeing import CLIENTS
from tests.service import Client, User

RULES = "/v1/sandbox/faults"


@pytest.fixture
def sandbox(client: Client) -> Iterator[Client]:
    """A client; no rule is left afterwards."""
    yield client
    assert client.send("DELETE", RULES).outcome == (200, "ok")


def lose(sandbox: Client, path: str) -> None:
    """Have the next answer at a path get lost."""
    body: dict[str, Any] = {"fault": "lost_response", "params": {"how": "close"}, "match": {"endpoint": path}}
    assert sandbox.send("POST", RULES, body).outcome == (200, "ok")


def see(user: User, path: str, key: str, content: bytes = b"{}") -> str:
    """Send a request with a key, and say what was seen."""
    headers = {
        "Authorization": f"Bearer {user.token}", "Content-Type": "application/json", "Idempotency-Key": key,
    }  # fmt: skip
    return CLIENTS["stdlib"]("POST", f"{user.client.url}{path}", content, headers, 5.0)


def test_lost_capture_is_found_by_its_key(sandbox: Client, ann: User, bob: User) -> None:
    """A capture whose answer was lost was made once; its key tells, and another key is told that it was."""
    held = ann.send("POST", "/v1/holds", {"receiver_email": bob.email, "amount": "5.00"})
    assert held.outcome == (200, "ok")
    lose(sandbox, "/v1/holds/{hold_id}/capture")
    path, key = f"/v1/holds/{held.body['hold_id']}/capture", str(uuid4())

    assert see(bob, path, key) == "closed"
    assert see(bob, path, key) == "200 ok"
    assert see(bob, path, str(uuid4())).endswith("hold_already_captured")
    assert bob.balance == 5


def test_path_of_two_methods_is_both(sandbox: Client, ann: User, bob: User) -> None:
    """A rule for a path is for reading there and for writing there."""
    lose(sandbox, "/v1/holds")
    body = f'{{"receiver_email": "{bob.email}", "amount": "5.00"}}'.encode()
    assert see(ann, "/v1/holds", str(uuid4()), body) == "closed"
    assert sandbox.send("POST", RULES, {"fault": "rate_limit", "match": {"endpoint": "/v1/holds"}}).http == 200

    assert ann.send("GET", "/v1/holds").outcome == (429, "rate_limited")
    assert {rule["match"]["endpoint"] for rule in sandbox.send("GET", RULES).body["faults"]} == {"/v1/holds"}


def test_refund_can_be_declined(ann: User, bob: User) -> None:
    """A refund is declined as it would be for real, and nothing moves."""
    paid = ann.pay(bob.email, "5.00")

    answer = bob.client.send(
        "POST",
        "/v1/refunds",
        {"transaction_id": paid.body["transaction_id"]},
        headers={"Shillings-Fault": "decline;outcome=refund_exceeds_payment"},
        token=bob.token,
    )

    assert answer.code == "refund_exceeds_payment"
    assert bob.balance == 5
