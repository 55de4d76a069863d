"""The adversary: what a receiver must survive happens on command, to the deliveries that a rule names, and is told."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.local.waiting import wait_until
from tests.service import Client, User
from tests.sink import Reply, Sink


@pytest.fixture
def sink(client: Client) -> Iterator[Sink]:
    """An endpoint that accepts everything. No rule is left in force afterwards."""
    with Sink() as opened:
        yield opened
    client.send("DELETE", "/v1/sandbox/faults")


def listen(user: User, url: str) -> tuple[str, str]:
    """Make an endpoint; its id and secret."""
    answer = user.send("POST", "/v1/webhook_endpoints", {"url": url})
    assert answer.outcome == (200, "ok"), answer
    return answer.body["endpoint_id"], answer.body["secret"]


def make_fault(user: User, fault: str, endpoint_id: str, **params: object) -> dict[str, Any]:
    """Put a rule in force for deliveries to one endpoint."""
    body = {"fault": fault, "params": params, "match": {"endpoint_id": endpoint_id}}
    answer = user.client.send("POST", "/v1/sandbox/faults", body)
    assert answer.outcome == (200, "ok"), answer
    return answer.body


def attempts(user: User, endpoint_id: str, event_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The attempts of a delivery, when there are so many; the oldest first."""
    path = f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{event_id}"

    def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = user.send("GET", path).body["delivery"]["attempts"]
        return found[::-1]

    wait_until(lambda: len(read()) >= count, seconds=15, what=f"{count} attempts")
    return read()


def test_duplicate_is_sent_several_times(ann: User, sink: Sink) -> None:
    """The same id and body arrive as often as asked; it is one attempt, and its fault is told."""
    endpoint_id, _ = listen(ann, sink.url)
    make_fault(ann, "duplicate", endpoint_id, copies=3)
    ann.top_up("1.00")
    ann.top_up("1.00")
    sink.wait_for(4)

    first, second = dict.fromkeys(sink.ids)
    assert sorted(sink.ids.count(one) for one in (first, second)) == [1, 3]
    thrice = max(sink.ids, key=sink.ids.count)
    assert len({one.body for one in sink.received if one.id == thrice}) == 1
    [attempt] = attempts(ann, endpoint_id, thrice)
    assert (attempt["fault"], attempt["outcome"]) == ("duplicate;copies=3", "accepted")


def test_dropped_attempt_is_made_up_for(ann: User, sink: Sink) -> None:
    """A drop sends nothing; the next attempt comes by the schedule and arrives."""
    endpoint_id, _ = listen(ann, sink.url)
    make_fault(ann, "drop", endpoint_id)
    ann.top_up("1.00")
    [received] = sink.wait_for(1, seconds=15)

    dropped, accepted = attempts(ann, endpoint_id, received.id, 2)
    assert (dropped["outcome"], dropped["fault"], dropped["http_status"]) == ("dropped", "drop", 0)
    assert (accepted["outcome"], accepted["fault"]) == ("accepted", None)


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("bad_signature", {"how": "wrong"}), ("bad_signature", {"how": "malformed"}),
        ("bad_signature", {"how": "missing"}), ("stale_timestamp", {}),
    ],
)  # fmt: skip
def test_spoilt_delivery_is_refused_by_a_verifier(ann: User, sink: Sink, fault: str, params: dict[str, object]) -> None:
    """A receiver that verifies refuses it; when it says so the event comes again, whole."""
    endpoint_id, secret = listen(ann, sink.url)

    def verifies(body: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(secret).verify(body, headers)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    sink.answer = lambda one: Reply(200 if verifies(one.body, one.headers) else 401)
    make_fault(ann, fault, endpoint_id, **params)
    ann.top_up("1.00")
    bad, good = sink.wait_for(2, seconds=15)

    assert (bad.id, bad.body) == (good.id, good.body)
    assert not verifies(bad.body, bad.headers)
    assert verifies(good.body, good.headers)


def test_reordered_deliveries_arrive_newest_first(ann: User, sink: Sink) -> None:
    """As many as asked are held together and arrive in reverse, one after the other."""
    endpoint_id, _ = listen(ann, sink.url)
    make_fault(ann, "reorder", endpoint_id, batch=3, seconds=8)
    made = []
    for _ in range(3):
        made.append(ann.top_up("1.00").body["transaction_id"])
        wait_until(lambda: _all_under_way(ann, endpoint_id), seconds=5, what="the delivery to be taken")
    received = sink.wait_for(3)

    assert [one.event["data"]["object_id"] for one in received] == made[::-1]


def _all_under_way(user: User, endpoint_id: str) -> bool:
    found = user.send("GET", f"/v1/webhook_endpoints/{endpoint_id}/deliveries").body["deliveries"]
    return all(delivery["under_way"] or delivery["state"] == "delivered" for delivery in found)


def test_delayed_delivery_is_late_and_whole(ann: User, sink: Sink) -> None:
    """A delayed event arrives after what happened after it; no attempt was made meanwhile."""
    endpoint_id, _ = listen(ann, sink.url)
    make_fault(ann, "delay", endpoint_id, seconds=1.5)
    late = ann.top_up("1.00").body["transaction_id"]
    in_time = ann.top_up("2.00").body["transaction_id"]

    order = [one.event["data"]["object_id"] for one in sink.wait_for(2, seconds=15)]
    assert order == [in_time, late]
    assert len(attempts(ann, endpoint_id, sink.ids[1])) == 1


def test_webhook_arrives_before_the_answer(ann: User, bob: User, sink: Sink) -> None:
    """With `before_response` the receiver has the event when the payment is answered; the answer says so."""
    endpoint_id, _ = listen(ann, sink.url)
    rule = make_fault(ann, "before_response", endpoint_id)
    answer = ann.pay(bob.email, "1.00", key="first")
    heard = list(sink.received)

    assert answer.outcome == (200, "ok")
    assert [one.event["data"]["object_id"] for one in heard] == [answer.body["transaction_id"]]
    applied = answer.headers["shillings-fault-applied"]
    assert applied.startswith("before_response;")
    assert rule["fault_id"] in applied
    assert "not_before" not in applied


def test_answer_says_why_the_webhook_is_not_first(ann: User, bob: User, sink: Sink) -> None:
    """Where the receiver does not accept it, the answer comes all the same within its time, and says why."""
    endpoint_id, _ = listen(ann, sink.url)
    sink.answer = lambda _received: Reply(500)
    make_fault(ann, "before_response", endpoint_id)
    answer = ann.pay(bob.email, "1.00")

    assert answer.outcome == (200, "ok")
    assert 'not_before="not accepted' in answer.headers["shillings-fault-applied"]


def test_rule_for_deliveries_leaves_requests_alone(ann: User, sink: Sink) -> None:
    """A rule for somebody else's endpoint, or for another type, touches nothing."""
    endpoint_id, _ = listen(ann, sink.url)
    make_fault(ann, "drop", str(uuid4()))
    other = {"fault": "drop", "match": {"event_type": "hold.created", "endpoint_id": endpoint_id}}
    assert ann.client.send("POST", "/v1/sandbox/faults", other).outcome == (200, "ok")
    ann.top_up("1.00")
    [received] = sink.wait_for(1)
    [attempt] = attempts(ann, endpoint_id, received.id)
    assert attempt["fault"] is None


@pytest.mark.parametrize(
    ("fault", "params", "field"),
    [("duplicate", {"copies": 1}, "copies"), ("duplicate", {"copies": 11}, "copies"),
     ("reorder", {"batch": 1}, "batch"), ("bad_signature", {"how": "odd"}, "how"),
     ("delay", {"seconds": -1}, "seconds")],
)  # fmt: skip
def test_bad_parameters_are_refused(client: Client, fault: str, params: dict[str, object], field: str) -> None:
    """A parameter out of its bounds is refused, and named."""
    body = {"fault": fault, "params": params, "match": {"endpoint_id": str(uuid4())}}
    answer = client.send("POST", "/v1/sandbox/faults", body)
    assert answer.outcome == (400, "invalid_request")
    assert field in answer.message
