"""Every fault as its clients meet it: what they see, and what the ledger holds afterwards."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.waiting import wait_until
from tests.seeing import CLIENTS, See
from tests.service import Client, Service, User

ANY_CLIENT = pytest.mark.parametrize("see", CLIENTS.values(), ids=list(CLIENTS))
CLIENT_SECONDS_MAX = 1.0

FAULTS = [
    ("decline", "402 insufficient_funds", 0),
    ("decline;outcome=receiver_not_found", "404 receiver_not_found", 0),
    ("latency;seconds=0.1", "200 ok", 1),
    ("latency;seconds=0.05;distribution=exponential", "200 ok", 1),
    ("error", "500 internal", 0),
    ("error;code=unavailable", "503 unavailable", 0),
    ("rate_limit;retry_after_s=7", "429 rate_limited", 0),
    ("expired_session;how=refused", "401 unauthenticated", 0),
    ("duplicate", "200 ok", 2),
    ("lost_response", "reset", 1),
    ("lost_response;how=close", "closed", 1),
    ("lost_response;how=truncate", "truncated", 1),
    ("lost_response;how=hang", "timeout", 1),
    ("lost_response;how=hang;seconds=0.1", "closed", 1),
    ("error_after_commit", "500 internal", 1),
    ("error_after_commit;code=timeout", "504 timeout", 1),
    ("slow_response;seconds=0.1", "200 ok", 1),
    ("slow_response;seconds=30", "timeout", 1),
    ("garbled_response", "200 garbled", 1),
    ("garbled_response;how=html", "200 garbled", 1),
    ("garbled_response;how=empty", "200 garbled", 1),
]


def pay_and_see(
    see: See, payer: User, receiver: User | str, headers: Mapping[str, str], seconds: float = CLIENT_SECONDS_MAX
) -> str:
    """Pay, and say what was seen."""
    email = receiver if isinstance(receiver, str) else receiver.email
    body = json.dumps({"receiver_email": email, "amount": "1.00"}).encode()
    sent = {"Authorization": f"Bearer {payer.token}", "Content-Type": "application/json", **headers}
    return see("POST", f"{payer.client.url}/v1/pay", body, sent, seconds)


@pytest.fixture(scope="module")
def payer(session_client: Client) -> User:
    """Somebody with money enough for every test here."""
    return session_client.new_user("faults-payer", "1000.00")


@pytest.fixture(scope="module")
def receiver(session_client: Client) -> User:
    """Somebody who is paid."""
    return session_client.new_user("faults-receiver")


@ANY_CLIENT
@pytest.mark.parametrize(("fault", "seen", "payments"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_client_sees_the_fault_and_the_ledger_holds_the_truth(
    see: See, fault: str, seen: str, payments: int, payer: User, receiver: User
) -> None:
    """Each client sees what the fault promises, and so many payments were made as it promises."""
    before = receiver.balance

    assert pay_and_see(see, payer, receiver, {"Shillings-Fault": fault}) == seen
    assert receiver.balance == before + payments


@ANY_CLIENT
def test_retry_after_a_lost_response_gets_the_stored_answer(see: See, payer: User, receiver: User) -> None:
    """With the same key the answer that was lost is told, and marked as told again; the money has moved once."""
    before, key = receiver.balance, str(uuid4())

    lost = pay_and_see(see, payer, receiver, {"Shillings-Fault": "lost_response", "Idempotency-Key": key})
    retry = payer.pay(receiver.email, "1.00", key=key)

    assert (lost, retry.outcome, retry.headers["idempotent-replayed"]) == ("reset", (200, "ok"), "true")
    assert retry.body["transaction_id"] == payer.history()[0]["transaction_id"]
    assert receiver.balance == before + 1


def test_retry_with_a_new_key_pays_twice(payer: User, receiver: User) -> None:
    """Whoever makes a new key for a retry, or has none, pays again."""
    before = receiver.balance
    for key in (str(uuid4()), str(uuid4())):
        pay_and_see(CLIENTS["stdlib"], payer, receiver, {"Shillings-Fault": "lost_response", "Idempotency-Key": key})

    assert receiver.balance == before + 2


def test_duplicate_with_a_key_pays_once(payer: User, receiver: User) -> None:
    """A request that is processed twice under one key moves the money once, and the answer is the stored one."""
    before = receiver.balance

    answer = payer.client.send(
        "POST",
        "/v1/pay",
        {"receiver_email": receiver.email, "amount": "1"},
        headers={"Shillings-Fault": "duplicate", "Idempotency-Key": str(uuid4())},
        token=payer.token,
    )

    assert (answer.outcome, answer.headers["idempotent-replayed"]) == ((200, "ok"), "true")
    assert answer.headers["shillings-fault-applied"] == "duplicate;rule=header;phase=during"
    assert receiver.balance == before + 1


def test_duplicate_without_a_key_may_refuse_what_was_paid(client: Client, name: str, receiver: User) -> None:
    """Whoever has money for one payment only hears the second one's refusal, and has paid."""
    poor = client.new_user(f"poor-{name}", "1.00")

    assert pay_and_see(CLIENTS["stdlib"], poor, receiver, {"Shillings-Fault": "duplicate"}) == "402 insufficient_funds"
    assert poor.balance == Decimal(0)


def test_decline_is_stored_under_its_key(payer: User, receiver: User) -> None:
    """A declined payment stays declined for its key, also without the fault; another key pays."""
    key, before = str(uuid4()), receiver.balance
    headers = {"Shillings-Fault": "decline;outcome=balance_limit_exceeded", "Idempotency-Key": key}

    first = pay_and_see(CLIENTS["stdlib"], payer, receiver, headers)
    retry = payer.pay(receiver.email, "1.00", key=key)

    assert first == "422 balance_limit_exceeded"
    assert (retry.outcome, retry.headers["idempotent-replayed"]) == ((422, "balance_limit_exceeded"), "true")
    assert receiver.balance == before
    assert payer.pay(receiver.email, "1.00", key=str(uuid4())).outcome == (200, "ok")


def test_replays_are_left_alone(payer: User, receiver: User) -> None:
    """A repeat of what was answered already gets its answer, whatever fault it asks for, and nothing is applied."""
    key = str(uuid4())
    assert payer.pay(receiver.email, "1.00", key=key).outcome == (200, "ok")

    for fault in ("error", "lost_response", "decline", "rate_limit", "latency;seconds=60", "expired_session"):
        headers = {"Shillings-Fault": fault, "Idempotency-Key": key}
        assert pay_and_see(CLIENTS["stdlib"], payer, receiver, headers) == "200 ok"


def test_session_ends_for_good(client: Client, name: str, receiver: User) -> None:
    """After an expired session the token is worth nothing, the money is untouched, and logging in helps."""
    user = client.new_user(f"expired-{name}", "5.00")

    assert pay_and_see(CLIENTS["stdlib"], user, receiver, {"Shillings-Fault": "expired_session"}) == (
        "401 unauthenticated"
    )
    assert user.send("GET", "/v1/account").outcome == (401, "unauthenticated")
    again = client.log_in(user.email)
    assert again.outcome == (200, "ok")


def test_rate_limit_says_when_to_come_again(payer: User) -> None:
    """The answer has the Retry-After that was asked for, and says which fault it was."""
    answer = payer.client.send(
        "GET", "/v1/account", headers={"Shillings-Fault": "rate_limit;retry_after_s=30"}, token=payer.token
    )

    assert (answer.outcome, answer.headers["retry-after"]) == ((429, "rate_limited"), "30")
    assert answer.headers["shillings-fault-applied"] == "rate_limit;rule=header;phase=before"


def test_reads_and_logins_can_fail_too(client: Client, payer: User) -> None:
    """Faults are not for payments only: a login and a read can be lost, refused and garbled."""
    lost = CLIENTS["stdlib"](
        "GET",
        f"{client.url}/v1/account",
        b"",
        {"Authorization": f"Bearer {payer.token}", "Shillings-Fault": "lost_response;how=close"},
        CLIENT_SECONDS_MAX,
    )
    login = client.send(
        "POST", "/v1/login", {"email": payer.email, "password": "x" * 9}, headers={"Shillings-Fault": "error"}
    )

    assert (lost, login.outcome) == ("closed", (500, "internal"))


def test_lost_sign_up_is_found_by_its_key(client: Client, name: str) -> None:
    """A sign-up whose answer is lost was made; repeated with its key it tells who was made."""
    body = {"first_name": "A", "last_name": "B", "email": f"lost-{name}@example.com", "password": "correct horse"}
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4()), "Shillings-Fault": "lost_response"}
    url = f"{client.url}/v1/signup"

    lost = CLIENTS["stdlib"]("POST", url, json.dumps(body).encode(), headers, 5.0)
    again = client.send("POST", "/v1/signup", body, headers=headers)

    assert lost == "reset"
    assert (again.outcome, again.headers["idempotent-replayed"]) == ((200, "ok"), "true")


@pytest.mark.parametrize(
    ("method", "path", "fault", "named"),
    [
        ("POST", "/v1/pay", "melt", "melt"),
        ("POST", "/v1/pay", "lost_response;how=melt", "how"),
        ("POST", "/v1/pay", "latency;seconds=61", "seconds"),
        ("POST", "/v1/pay", "a b c", "Shillings-Fault"),
        ("POST", "/v1/pay", "error, error", "Shillings-Fault"),
        ("GET", "/v1/account", "decline", "decline"),
        ("GET", "/v1/account", "duplicate", "duplicate"),
    ],
)
def test_fault_that_cannot_happen_is_refused(
    method: str, path: str, fault: str, named: str, payer: User, receiver: User
) -> None:
    """An unknown fault or parameter, and a fault that cannot happen there, is a 400 that says so; nothing is done."""
    before = receiver.balance
    body = {"receiver_email": receiver.email, "amount": "1"} if method == "POST" else None

    answer = payer.client.send(method, path, body, headers={"Shillings-Fault": fault}, token=payer.token)

    assert answer.outcome == (400, "invalid_request")
    assert "Shillings-Fault" in answer.message
    assert named in answer.message
    assert receiver.balance == before


@pytest.mark.parametrize(
    ("receiver_email", "seen", "paid"),
    [
        ("fault+lost_response@shillings.test", "reset", 1),
        ("Fault+Lost_Response+how=truncate@Shillings.test", "truncated", 1),
        ("fault+decline@shillings.test", "402 insufficient_funds", 0),
        ("fault+error+code=unavailable@shillings.test", "503 unavailable", 0),
        ("fault+melt@shillings.test", "400 invalid_request", 0),
        ("fault+error+code=melt@shillings.test", "400 invalid_request", 0),
    ],
)
def test_magic_receiver_asks_for_a_fault(receiver_email: str, seen: str, paid: int, payer: User) -> None:
    """Paying a magic receiver makes its fault happen, without a header; the receiver need not sign up."""
    before = payer.balance

    assert pay_and_see(CLIENTS["stdlib"], payer, receiver_email, {}) == seen
    assert payer.balance == before - paid


def test_server_that_stops_lets_go_of_what_it_holds(tmp_path: Path) -> None:
    """A service with held requests stops as quickly as any; a delayed answer is sent, and a delayed request is done."""
    with Service(tmp_path) as service, ThreadPoolExecutor(4) as pool:
        ann, bob = service.new_user("ann", "9.00"), service.new_user("bob")
        ends = ("lost_response;how=hang;seconds=300", "slow_response;seconds=60", "latency;seconds=60")
        seen = [pool.submit(pay_and_see, CLIENTS["stdlib"], ann, bob, {"Shillings-Fault": f}, seconds=30) for f in ends]
        wait_until(lambda: bob.balance == 2, seconds=10, what="the two payments that are not held back to be made")
        began = time.monotonic()
        service.stop()

        assert time.monotonic() - began < 8
        assert [one.result() for one in seen][:2] == ["closed", "200 ok"]
        assert seen[2].result() in ("200 ok", "503 unavailable")
        assert "CancelledError" not in service.output


def test_nobody_can_log_in_as_a_magic_receiver(payer: User, client: Client) -> None:
    """A magic receiver has no password."""
    email = "fault+slow_response+seconds=0.001@shillings.test"
    assert payer.pay(email, "1.00").outcome == (200, "ok")

    for password in ("!", "", "Magic Receiver"):
        assert client.log_in(email, password).outcome == (401, "unauthenticated")
