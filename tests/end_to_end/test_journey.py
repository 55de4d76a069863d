"""The main job, as its users do it."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.service import Client, Service, User, token_of


def test_sign_up_to_logout(client: Client, name: str) -> None:
    """A user signs up, logs in, tops up, pays, sees the account and the history, and logs out."""
    receiver = client.new_user(f"receiver-{name}")
    signed_up = client.sign_up(f"sender-{name}@example.com", middle_name="Mae", phone="+65 6123 4567")
    assert signed_up.outcome == (200, "ok")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", signed_up.body["user_id"])

    sender = User(client, f"sender-{name}@example.com", token_of(client.log_in(f"sender-{name}@example.com")))
    topped_up = sender.top_up("50.00")
    paid = sender.pay(receiver.email, "12.5")

    assert topped_up.outcome == paid.outcome == (200, "ok")
    account = sender.account()
    assert account.pop("user_id") == signed_up.body["user_id"]
    times = [datetime.fromisoformat(account.pop(field)) for field in ("created_at", "updated_at")]
    assert times[0] < times[1]
    assert abs(datetime.now(UTC) - times[1]) < timedelta(minutes=1)
    assert account == {
        "first_name": "Ann",
        "middle_name": "Mae",
        "last_name": "Lee",
        "email": sender.email,
        "phone": "+65 6123 4567",
        "balance": "37.50",
        "held": "0.00",
        "debt": "0.00",
        "currency": "USD",
    }
    payment, topup = sender.history()
    assert payment.pop("created_at") > topup.pop("created_at")
    assert topup == {
        "transaction_id": topped_up.body["transaction_id"],
        "kind": "topup",
        "sender_email": "",
        "receiver_email": sender.email,
        "amount": "50.00",
        "reference": "",
        "metadata": {},
        "refunded": "0.00",
        "status": "succeeded",
    }
    assert payment == {
        "transaction_id": paid.body["transaction_id"],
        "kind": "payment",
        "sender_email": sender.email,
        "receiver_email": receiver.email,
        "amount": "12.50",
        "reference": "",
        "metadata": {},
        "refunded": "0.00",
        "status": "succeeded",
    }
    assert receiver.balance == Decimal("12.50")
    assert [line["transaction_id"] for line in receiver.history()] == [payment["transaction_id"]]

    assert sender.send("POST", "/v1/logout").outcome == (200, "ok")
    assert sender.send("GET", "/v1/account").outcome == (401, "unauthenticated")


def test_receiver_is_found_by_any_form_of_the_email(ann: User, bob: User) -> None:
    """A payment reaches its receiver however the email's case, width and outer white space are written."""
    assert ann.pay(f"  {bob.email.upper()} ", "1.00").outcome == (200, "ok")

    assert bob.balance == Decimal("1.00")


def test_amount_may_be_a_string_or_a_number(ann: User, bob: User) -> None:
    """An amount is read exactly, as a string or as a number, with as many decimals as it is written with."""
    for amount in (
        b'"0.01"',
        b"0.01",
        b'"0.1"',
        b"0.1",
        b"7",
        b'"7"',
        b"1.10",
        b"  2.00  ",
        b"0.29",
        b'"0.29"',
        b"8.2",
    ):
        body = b'{"receiver_email": "%s", "amount": %s}' % (bob.email.encode(), amount)
        assert ann.send("POST", "/v1/pay", content=body).outcome == (200, "ok")

    assert bob.balance == Decimal("26.10")
    assert ann.balance == Decimal("73.90")


def test_balance_is_as_it_is_now(ann: User, bob: User) -> None:
    """Whoever reads a balance right after a movement of either side sees the movement."""
    for paid in range(1, 11):
        assert ann.pay(bob.email, "1.00").outcome == (200, "ok")
        assert (ann.account()["balance"], bob.account()["balance"]) == (f"{100 - paid}.00", f"{paid}.00")


def test_exactly_everything_can_be_paid(ann: User, bob: User) -> None:
    """A payment of the whole balance leaves 0.00."""
    assert ann.pay(bob.email, "100.00").outcome == (200, "ok")

    assert ann.account()["balance"] == "0.00"
    assert bob.account()["balance"] == "100.00"


def test_health_is_answered_without_a_session(client: Client) -> None:
    """/healthz and /readyz say ok to anybody."""
    assert client.send("GET", "/healthz").outcome == (200, "ok")
    assert client.send("GET", "/readyz").outcome == (200, "ok")


def test_welcome_shows_commands_that_work(service: Service) -> None:
    """What `serve` prints names its own address, so its lines can be pasted."""
    assert f"Shillings is at {service.url} " in service.output
    assert f"curl -s {service.url}/v1/signup" in service.output
