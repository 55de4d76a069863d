"""The request log and the audit: what a client did is seen, and it is told what it did wrong, and only that."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.waiting import wait_until
from tests.running import run_shillings
from tests.service import Answer, Service, User
from tests.sink import Sink


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose log nobody else writes to."""
    with Service(tmp_path_factory.mktemp("audit")) as made:
        yield made


def audit(service: Service) -> dict[str, Any]:
    """The findings, by code."""
    answer = service.client().send("GET", "/v1/sandbox/audit")
    assert answer.outcome == (200, "ok"), answer
    assert answer.body["clean"] is (answer.body["findings"] == [])
    return {finding["code"]: finding for finding in answer.body["findings"]}


def log(service: Service, query: str = "") -> list[dict[str, Any]]:
    """The request log, newest first."""
    answer = service.client().send("GET", f"/v1/sandbox/requests?limit=100&{query}")
    assert answer.outcome == (200, "ok"), answer
    found: list[dict[str, Any]] = answer.body["requests"]
    return found


def lose(user: User, receiver: User, key: str, intent: str = "") -> None:
    """A payment that is made, and whose answer never comes."""
    headers = {"Shillings-Fault": "lost_response", "Idempotency-Key": key}
    headers |= {"Shillings-Intent": intent} if intent else {}
    with pytest.raises(httpx.TransportError):
        user.client.send(
            "POST", "/v1/pay", {"receiver_email": receiver.email, "amount": "1.00"}, headers=headers, token=user.token
        )


def test_client_that_retries_with_its_key_is_clean(service: Service) -> None:
    """After a lost answer the same key gets the stored answer, and the audit has nothing to say."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    lose(ann, bob, "order-1")
    again = ann.pay(bob.email, "1.00", key="order-1")

    assert again.headers["idempotent-replayed"] == "true"
    assert str(bob.balance) == "1.00"
    assert audit(service) == {}


def test_client_that_pays_twice_is_found_out(service: Service) -> None:
    """After a lost answer a new key pays again: the audit names both payments, and what to do about it."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    lose(ann, bob, "order-1", intent="order-1")
    second = ann.client.send(
        "POST",
        "/v1/pay",
        {"receiver_email": bob.email, "amount": "1.00"},
        headers={"Idempotency-Key": "order-1b", "Shillings-Intent": "order-1"},
        token=ann.token,
    )
    found = audit(service)

    assert found.keys() == {"paid_twice", "key_changed", "never_resolved"}
    assert found["paid_twice"]["severity"] == "critical"
    assert found["paid_twice"]["confidence"] == "certain"
    made = {line["transaction_id"] for line in bob.history()}
    assert set(found["paid_twice"]["evidence"]["transactions"]) == made
    assert second.body["transaction_id"] in made
    assert second.headers["x-request-id"] in found["paid_twice"]["evidence"]["requests"]
    assert "key" in found["paid_twice"]["hint"]


def test_two_coffees_are_no_double_payment(service: Service) -> None:
    """Two equal payments that were both answered are nobody's mistake."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    ann.pay(bob.email, "3.00", key="a")
    ann.pay(bob.email, "3.00", key="b")

    assert audit(service) == {}


def test_pending_topup_taken_for_money_is_told(service: Service) -> None:
    """Who looks at a pending top-up before paying is clean, even when the payment is refused; who does not is told."""
    ann, bob = service.new_user("ann"), service.new_user("bob")
    fault = {"Shillings-Fault": "pending_topup;progression=manual"}
    for looks in (True, False):
        topup = ann.client.send("POST", "/v1/topup", {"amount": "5.00"}, headers=fault, token=ann.token)
        if looks:
            ann.account()
        paid = ann.pay(bob.email, "5.00", key=str(looks))
        found = audit(service)
        assert paid.outcome == (402, "insufficient_funds")
        assert found.keys() == (set() if looks else {"pending_taken_for_money"})

    evidence = found["pending_taken_for_money"]["evidence"]
    assert evidence["transactions"] == [topup.body["transaction_id"]]
    assert evidence["requests"] == [one.headers["x-request-id"] for one in (topup, paid)]


def test_hold_that_nobody_ends_is_told(service: Service) -> None:
    """A hold is a finding until it is captured or voided."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    hold = ann.send("POST", "/v1/holds", {"receiver_email": bob.email, "amount": "1.00"}).body["hold_id"]
    assert audit(service)["hold_left_open"]["evidence"]["holds"] == [hold]
    bob.send("POST", f"/v1/holds/{hold}/void")

    assert audit(service) == {}


def test_log_tells_what_was_asked_and_what_came_of_it(service: Service) -> None:
    """A record has both bodies, who asked, how often, which fault, which transaction; and no secret."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    lose(ann, bob, "order-1", intent="order-1")
    ann.pay(bob.email, "1.00", key="order-1")
    again, lost = log(service, "endpoint=/v1/pay")

    assert (lost["method"], lost["endpoint"], lost["user_email"]) == ("POST", "/v1/pay", ann.email)
    assert (lost["body"]["receiver_email"], lost["body"]["amount"]) == (bob.email, "1.00")
    assert (lost["code"], lost["idempotency_key"], lost["intent"], lost["tries_before"]) == (
        "ok", "order-1", "order-1", 0,
    )  # fmt: skip
    assert lost["fault_applied"].startswith("lost_response;")
    assert (again["replayed"], again["tries_before"]) == (True, 1)
    assert again["transaction_id"] == lost["transaction_id"] == bob.history()[0]["transaction_id"]
    assert lost["received_at"] <= lost["executed_at"] <= lost["answered_at"] <= again["received_at"]
    text = str(log(service))
    assert "correct horse" not in text
    assert ann.token not in text
    assert [one["body"]["password"] for one in log(service, "endpoint=/v1/login")] == ["***", "***"]


def test_log_is_filtered(service: Service) -> None:
    """By user, by code, by fault, by time, and by number."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    ann.pay("nobody@example.com", "1.00")
    lose(ann, bob, "k")
    refused = log(service, "code=receiver_not_found")

    assert [one["endpoint"] for one in refused] == ["/v1/pay"]
    assert {one["user_email"] for one in log(service, f"user_email={ann.email.title()}")} == {ann.email}
    assert len(log(service, "fault=lost_response")) == 1
    assert log(service, "since=2100-01-01T00:00:00Z") == []
    assert log(service, f"after={refused[0]['number']}")[-1]["number"] > refused[0]["number"]


def test_what_the_edge_refuses_is_in_the_log(service: Service) -> None:
    """A request that never became a command is there too, with what it was told."""
    service.client().send("POST", "/v1/pay", content=b"{", headers={"X-Request-Id": "broken-1"})
    found: list[dict[str, Any]] = []
    while not found:
        found = [one for one in log(service) if one["request_id"] == "broken-1"]

    assert (found[0]["method"], found[0]["path"], found[0]["code"]) == ("POST", "/v1/pay", "invalid_request")


@pytest.mark.parametrize(
    "query", ["limit=0", "code=great", "fault=melt", "user_email=ann", "since=now", "endpoint=/v2/pay", "colour=red"]
)
def test_wrong_query_is_refused(service: Service, query: str) -> None:
    """A filter that is none is 400."""
    answer: Answer = service.client().send("GET", f"/v1/sandbox/requests?{query}")

    assert answer.outcome == (400, "invalid_request")


def test_command_line_audits(service: Service) -> None:
    """`shillings audit` exits with 0 when all is well, 1 with findings that it prints, and 2 when it could not ask."""
    clean = run_shillings("audit", "--url", service.url, cwd=service.folder)
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    lose(ann, bob, "order-1")
    ann.pay(bob.email, "1.00", key="order-2")
    found = run_shillings("audit", "--url", service.url, cwd=service.folder)
    service.stop()
    gone = run_shillings("audit", "--url", service.url, cwd=service.folder)

    assert (clean.returncode, found.returncode, gone.returncode) == (0, 1, 2)
    assert "paid_twice" in found.stdout
    assert "cannot" in gone.stderr


def test_reset_empties_the_log(service: Service) -> None:
    """After a reset nobody has done anything."""
    ann, bob = service.new_user("ann", "10.00"), service.new_user("bob")
    lose(ann, bob, "order-1")
    service.client().send("POST", "/v1/sandbox/reset")

    assert [one["endpoint"] for one in log(service) if not one["endpoint"].startswith("/v1/sandbox")] == []
    assert audit(service) == {}


def test_receiver_that_takes_a_forgery_is_found_out(service: Service) -> None:
    """An endpoint that accepts a webhook with a bad signature is told so, with the delivery that shows it."""
    ann = service.new_user("ann")
    with Sink() as sink:
        made = ann.send("POST", "/v1/webhook_endpoints", {"url": sink.url}).body
        rule = {"fault": "bad_signature", "match": {"endpoint_id": made["endpoint_id"]}}
        assert ann.client.send("POST", "/v1/sandbox/faults", rule).outcome == (200, "ok")
        ann.top_up("1.00")
        [forged] = sink.wait_for(1)
        path = f"/v1/webhook_endpoints/{made['endpoint_id']}/deliveries/{forged.id}"
        wait_until(lambda: ann.send("GET", path).body["delivery"]["attempts"], seconds=5, what="the attempt")
        found = audit(service)

    assert found.keys() == {"webhook_forgery_accepted"}
    assert found["webhook_forgery_accepted"]["evidence"]["deliveries"] == [forged.id]
    assert "whsec_" not in str(log(service)), "a secret is in the log"
