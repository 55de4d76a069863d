"""Webhooks over HTTP: what is told, who hears it, and that nobody else's can be seen, sent or changed."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from deploy.local.waiting import wait_until
from tests.service import Client, Service, User
from tests.sink import Reply, Sink

LATE_MS_MAX = 1_000.0
"""For a machine that does other things too; on an idle one it is some ten milliseconds."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An endpoint that accepts everything."""
    with Sink() as opened:
        yield opened


def listen(user: User, url: str, **more: object) -> tuple[str, str]:
    """Make an endpoint; its id and secret."""
    answer = user.send("POST", "/v1/webhook_endpoints", {"url": url, **more})
    assert answer.outcome == (200, "ok"), answer
    return answer.body["endpoint_id"], answer.body["secret"]


def delivery(user: User, endpoint_id: str, event_id: str) -> dict[str, Any]:
    """One delivery."""
    answer = user.send("GET", f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{event_id}")
    assert answer.outcome == (200, "ok"), answer
    found: dict[str, Any] = answer.body["delivery"]
    return found


def test_payment_is_told_to_both_sides(ann: User, bob: User, sink: Sink) -> None:
    """Sender and receiver each hear their side, signed with their own secrets, soon after the answer."""
    with Sink() as other:
        (_, anns), (_, bobs) = listen(ann, sink.url), listen(bob, other.url)
        paid = ann.pay(bob.email, "12.50", key="order-7").body["transaction_id"]
        began = time.monotonic()
        [sent], [received] = sink.wait_for(1), other.wait_for(1)
        assert (time.monotonic() - began) * 1000 < LATE_MS_MAX

    assert Webhook(anns).verify(sent.body, sent.headers)["type"] == "payment.succeeded"
    told = Webhook(bobs).verify(received.body, received.headers)
    assert told["type"] == "payment.received"
    assert told["data"] == {
        "event_id": received.id, "object_id": paid, "sequence": 1, "request_id": None, "idempotency_key": None,
        "transaction_id": paid, "kind": "payment", "sender_email": ann.email, "receiver_email": bob.email,
        "amount": "12.50", "currency": "USD",
    }  # fmt: skip
    assert sent.event["data"]["idempotency_key"] == "order-7"


def test_event_is_told_as_it_is_kept(ann: User, sink: Sink) -> None:
    """What is delivered is what /v1/events shows."""
    listen(ann, sink.url)
    ann.top_up("3.00")
    [received] = sink.wait_for(1)

    event = ann.send("GET", f"/v1/events/{received.id}").body["event"]
    assert received.event == {name: event[name] for name in ("type", "timestamp", "data")}
    assert event["event_id"] == received.id


def test_declined_payment_is_told_and_replay_is_not(ann: User, bob: User, sink: Sink) -> None:
    """A refusal is an event with its code, and its repeats are none; so with a payment."""
    listen(ann, sink.url)
    for _ in range(2):
        assert ann.pay(bob.email, "1000.00", key="much").code == "insufficient_funds"
        ann.pay(bob.email, "1.00", key="little")
    kinds = sorted(one.event["type"] for one in sink.wait_for(2))

    assert kinds == ["payment.declined", "payment.succeeded"]
    page = ann.send("GET", "/v1/events").body["events"]
    assert len(page) == 2
    [declined] = [event for event in page if event["type"] == "payment.declined"]
    assert (declined["data"]["code"], declined["data"]["amount"]) == ("insufficient_funds", "1000.00")


def test_pages_of_events_do_not_overlap(ann: User, sink: Sink) -> None:
    """Events come newest first, page by page, filtered by type and object."""
    listen(ann, sink.url)
    ids = [ann.top_up("1.00").body["transaction_id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = ann.send("GET", f"/v1/events?limit=2&cursor={cursor}").body
        seen += [event["data"]["object_id"] for event in page["events"]]
        cursor = page["next_cursor"]

    assert seen == ids[::-1]
    assert len(ann.send("GET", f"/v1/events?object_id={ids[0]}").body["events"]) == 1
    assert ann.send("GET", "/v1/events?type=payment.received").body["events"] == []


def test_failure_is_shown_and_resent(ann: User, sink: Sink) -> None:
    """A failed attempt is kept with its answer; resending brings the same event with the same id and body."""
    endpoint_id, _ = listen(ann, sink.url)
    sink.answer = lambda _received: Reply(500, body=b"not now")
    ann.top_up("1.00")
    [first] = sink.wait_for(1)
    wait_until(lambda: delivery(ann, endpoint_id, first.id)["attempts"], seconds=5, what="the attempt to be noted")
    found = delivery(ann, endpoint_id, first.id)
    [attempt] = found["attempts"]
    assert (found["state"], attempt["outcome"], attempt["http_status"], attempt["answer"]) == (
        "pending", "rejected", 500, "not now",
    )  # fmt: skip

    sink.answer = lambda _received: Reply(200)
    path = f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{first.id}/resend"
    assert ann.send("POST", path).body == {"delivery_count": 1}
    again = sink.wait_for(2)[1]
    assert (again.id, again.body) == (first.id, first.body)
    wait_until(lambda: delivery(ann, endpoint_id, first.id)["state"] == "delivered", seconds=5, what="acceptance")


def test_missed_events_are_recovered(ann: User, sink: Sink) -> None:
    """What happened while an endpoint was off, and another kept the events, is delivered when asked for."""
    endpoint_id, _ = listen(ann, sink.url)
    with Sink() as other:
        listen(ann, other.url)
        change = f"/v1/webhook_endpoints/{endpoint_id}"
        assert ann.send("PATCH", change, {"enabled": False}).body["webhook_endpoint"]["disabled_reason"] == "asked"
        ann.top_up("1.00")
        [missed] = other.wait_for(1)
    assert ann.send("PATCH", change, {"enabled": True}).body["webhook_endpoint"]["enabled"]
    assert ann.send("POST", f"{change}/recover", {"since": "2026-01-01T00:00:00Z"}).body == {"delivery_count": 1}
    assert sink.wait_for(1)[0].id == missed.id


def test_secret_rotates_with_overlap(ann: User, sink: Sink) -> None:
    """While it rotates both secrets verify; with no overlap only the new one does."""
    endpoint_id, old = listen(ann, sink.url)
    path = f"/v1/webhook_endpoints/{endpoint_id}/rotate"
    new = ann.send("POST", path, {"overlap_seconds": 60}).body["secret"]
    ann.top_up("1.00")
    [both] = sink.wait_for(1)
    newest = ann.send("POST", path, {"overlap_seconds": 0}).body["secret"]
    ann.top_up("1.00")
    only = sink.wait_for(2)[1]

    assert len(both.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        Webhook(secret).verify(both.body, both.headers)
    assert len(only.headers["webhook-signature"].split()) == 1
    Webhook(newest).verify(only.body, only.headers)


def test_secret_is_shown_once(ann: User, sink: Sink) -> None:
    """No answer but that of making and rotating shows a secret."""
    endpoint_id, secret = listen(ann, sink.url)
    for path in ("", f"/{endpoint_id}", f"/{endpoint_id}/deliveries"):
        assert "whsec_" not in ann.send("GET", f"/v1/webhook_endpoints{path}").content.decode()
    changed = ann.send("PATCH", f"/v1/webhook_endpoints/{endpoint_id}", {"event_types": ["topup.succeeded"]})
    assert "whsec_" not in changed.content.decode()
    assert secret.startswith("whsec_")


def test_types_choose_what_is_delivered(ann: User, bob: User, sink: Sink) -> None:
    """An endpoint hears only the types it asked for."""
    listen(ann, sink.url, event_types=["topup.succeeded"])
    ann.pay(bob.email, "1.00")
    ann.top_up("1.00")
    assert [one.event["type"] for one in sink.wait_for(1)] == ["topup.succeeded"]


def test_gone_switches_the_endpoint_off(ann: User, sink: Sink) -> None:
    """410 is taken at its word; the owner's other endpoint hears of it."""
    endpoint_id, _ = listen(ann, sink.url)
    sink.answer = lambda _received: Reply(410)
    with Sink() as other:
        listen(ann, other.url, event_types=["webhook_endpoint.disabled"])
        ann.top_up("1.00")
        [told] = other.wait_for(1)
    assert told.event["data"]["endpoint_id"] == endpoint_id
    assert told.event["data"]["reason"] == "gone"
    shown = ann.send("GET", f"/v1/webhook_endpoints/{endpoint_id}").body["webhook_endpoint"]
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")


def test_removed_endpoint_hears_nothing(ann: User, sink: Sink) -> None:
    """After an endpoint is removed it is not found, and nothing more is sent there."""
    endpoint_id, _ = listen(ann, sink.url)
    assert ann.send("DELETE", f"/v1/webhook_endpoints/{endpoint_id}").outcome == (200, "ok")
    with Sink() as other:
        listen(ann, other.url)
        ann.top_up("1.00")
        other.wait_for(1)
    assert sink.received == []
    assert ann.send("GET", f"/v1/webhook_endpoints/{endpoint_id}").outcome == (404, "not_found")


def test_nobody_sees_or_changes_what_is_somebody_elses(ann: User, bob: User, carol: User, sink: Sink) -> None:
    """A stranger's endpoint, event or delivery is the same 404 as one that does not exist; and nothing is changed."""
    endpoint_id, _ = listen(ann, sink.url)
    ann.pay(bob.email, "1.00")
    [received] = sink.wait_for(1)
    before = ann.send("GET", f"/v1/webhook_endpoints/{endpoint_id}").body
    attempts = [
        ("GET", "/v1/webhook_endpoints/{endpoint}", None), ("DELETE", "/v1/webhook_endpoints/{endpoint}", None),
        ("PATCH", "/v1/webhook_endpoints/{endpoint}", {"enabled": False}),
        ("POST", "/v1/webhook_endpoints/{endpoint}/rotate", {}),
        ("POST", "/v1/webhook_endpoints/{endpoint}/recover", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", "/v1/webhook_endpoints/{endpoint}/deliveries", None),
        ("GET", "/v1/webhook_endpoints/{endpoint}/deliveries/{event}", None),
        ("POST", "/v1/webhook_endpoints/{endpoint}/deliveries/{event}/resend", {}), ("GET", "/v1/events/{event}", None),
    ]  # fmt: skip
    for method, path, body in attempts:
        theirs = carol.send(method, path.format(endpoint=endpoint_id, event=received.id), body)
        nobodys = carol.send(method, path.format(endpoint=uuid4(), event=uuid4()), body)
        assert theirs.outcome == nobodys.outcome == (404, "not_found"), path
        assert theirs.message == nobodys.message

    assert carol.send("GET", "/v1/webhook_endpoints").body == {"webhook_endpoints": []}
    assert ann.send("GET", f"/v1/webhook_endpoints/{endpoint_id}").body == before
    assert len(sink.received) == 1


def test_nothing_without_a_session(client: Client) -> None:
    """Whoever is not signed in gets nothing of it."""
    some = uuid4()
    for method, path in [
        ("GET", "/v1/events"), ("GET", f"/v1/events/{some}"), ("POST", "/v1/webhook_endpoints"),
        ("GET", "/v1/webhook_endpoints"), ("GET", f"/v1/webhook_endpoints/{some}"),
        ("PATCH", f"/v1/webhook_endpoints/{some}"), ("DELETE", f"/v1/webhook_endpoints/{some}"),
        ("POST", f"/v1/webhook_endpoints/{some}/rotate"), ("POST", f"/v1/webhook_endpoints/{some}/recover"),
        ("GET", f"/v1/webhook_endpoints/{some}/deliveries"), ("GET", f"/v1/webhook_endpoints/{some}/deliveries/{some}"),
        ("POST", f"/v1/webhook_endpoints/{some}/deliveries/{some}/resend"),
    ]:  # fmt: skip
        body = {"url": "http://127.0.0.1:9/"} if path == "/v1/webhook_endpoints" and method == "POST" else None
        body = {"since": "2026-01-01T00:00:00Z"} if path.endswith("recover") else body
        assert client.send(method, path, body).outcome == (401, "unauthenticated"), path


def test_session_that_is_over_hears_no_more_of_it(service: Service, client: Client, name: str) -> None:
    """After logging out a token reads and changes no endpoint."""
    user = client.new_user(name)
    assert user.send("POST", "/v1/logout").outcome == (200, "ok")
    assert user.send("GET", "/v1/webhook_endpoints").outcome == (401, "unauthenticated")
    assert user.send("GET", "/v1/events").outcome == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"), ({"url": 7}, "url"), ({"url": "ftp://example.com"}, "url"), ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"), ({"url": "http://u:p@example.com/"}, "url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url"), ({"url": "http://example.com/" + "x" * 2048}, "url"),
        ({"url": "https://example.com", "event_types": []}, "event_types"),
        ({"url": "https://example.com", "event_types": ["payment"]}, "event_types"),
        ({"url": "https://example.com", "event_types": ["*", "payment.received"]}, "event_types"),
        ({"url": "https://example.com", "secret": "secret"}, "secret"),
        ({"url": "https://example.com", "secret": "whsec_c2hvcnQ="}, "secret"),
        ({"url": "https://example.com", "colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_bad_endpoint_is_refused_with_its_field(carol: User, body: dict[str, object], field: str) -> None:
    """What is no endpoint is refused, the message names the field, and nothing is made."""
    answer = carol.send("POST", "/v1/webhook_endpoints", body)
    assert answer.outcome == (400, "invalid_request")
    assert field in answer.message
    assert carol.send("GET", "/v1/webhook_endpoints").body == {"webhook_endpoints": []}


def test_own_listener_is_refused(carol: User, service: Service) -> None:
    """Shillings does not deliver to itself."""
    answer = carol.send("POST", "/v1/webhook_endpoints", {"url": f"{service.url}/v1/pay"})
    assert answer.outcome == (400, "invalid_request")
    assert "Shillings itself" in answer.message


def test_eleventh_endpoint_is_refused(ann: User) -> None:
    """A user has at most ten endpoints."""
    for number in range(10):
        listen(ann, f"https://example.com/{number}")
    answer = ann.send("POST", "/v1/webhook_endpoints", {"url": "https://example.com/11"})
    assert answer.outcome == (400, "invalid_request")
    assert len(ann.send("GET", "/v1/webhook_endpoints").body["webhook_endpoints"]) == 10


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/events?limit=0", "limit"), ("/v1/events?limit=101", "limit"), ("/v1/events?cursor=x", "cursor"),
     ("/v1/events?type=x", "type"), ("/v1/events?object_id=x", "object_id"), ("/v1/events/x", "event_id")],
)  # fmt: skip
def test_bad_query_is_refused_with_its_field(carol: User, path: str, field: str) -> None:
    """A query that makes no sense is refused, and the message names the parameter."""
    answer = carol.send("GET", path)
    assert answer.outcome == (400, "invalid_request")
    assert field in answer.message


def test_operator_hears_everybody(ann: User, bob: User, client: Client, sink: Sink) -> None:
    """Whoever operates the service has endpoints for everybody's events, and sees all events and deliveries."""
    made = client.send("POST", "/v1/sandbox/webhook_endpoints", {"url": sink.url})
    assert made.outcome == (200, "ok"), made
    path = f"/v1/sandbox/webhook_endpoints/{made.body['endpoint_id']}"
    try:
        paid = ann.pay(bob.email, "1.00").body["transaction_id"]
        wait_until(
            lambda: [one for one in sink.received if one.event["data"]["object_id"] == paid][1:],
            seconds=10,
            what="both sides of the payment",
        )
        mine = [one for one in sink.received if one.event["data"]["object_id"] == paid]
        assert {one.event["type"] for one in mine} == {"payment.succeeded", "payment.received"}
        Webhook(made.body["secret"]).verify(mine[0].body, mine[0].headers)
        found = client.send("GET", f"/v1/sandbox/events?object_id={paid}").body["events"]
        assert {event["event_id"] for event in found} == {one.id for one in mine}
        assert client.send("GET", f"{path}/deliveries/{mine[0].id}").outcome == (200, "ok")
        assert client.send("POST", f"{path}/deliveries/{mine[0].id}/resend").body == {"delivery_count": 1}
        assert ann.send("GET", path.replace("/sandbox", "")).outcome == (404, "not_found")
    finally:
        assert client.send("DELETE", path).outcome == (200, "ok")
    assert client.send("GET", "/v1/sandbox/webhook_endpoints").body == {"webhook_endpoints": []}


def test_refund_and_hold_are_told_to_both_sides(ann: User, bob: User, sink: Sink) -> None:
    """What becomes of a payment and of a hold, payer and receiver both hear, in order by `sequence`."""
    with Sink() as other:
        listen(ann, sink.url)
        listen(bob, other.url)
        paid = ann.pay(bob.email, "10.00").body["transaction_id"]
        refund = bob.send("POST", "/v1/refunds", {"transaction_id": paid, "amount": "4.00"})
        assert refund.outcome == (200, "ok"), refund
        hold = ann.send("POST", "/v1/holds", {"receiver_email": bob.email, "amount": "5.00"}, key="hold-1")
        hold_id = hold.body["hold_id"]
        assert bob.send("POST", f"/v1/holds/{hold_id}/capture", {"amount": "3.00"}).outcome == (200, "ok")
        anns, bobs = sink.wait_for(4), other.wait_for(4)

    by_type = {one.event["type"]: one.event["data"] for one in anns}
    assert by_type.keys() == {"payment.succeeded", "refund.succeeded", "hold.created", "hold.captured"}
    assert {one.event["type"] for one in bobs} == {*by_type, "payment.received"} - {"payment.succeeded"}
    refunded = by_type["refund.succeeded"]
    assert (refunded["refunded_transaction_id"], refunded["amount"]) == (paid, "4.00")
    created, captured = by_type["hold.created"], by_type["hold.captured"]
    assert (created["object_id"], created["sequence"], created["idempotency_key"]) == (hold_id, 1, "hold-1")
    assert (captured["object_id"], captured["sequence"], captured["captured"]) == (hold_id, 2, "3.00")
    [theirs] = [one.event["data"] for one in bobs if one.event["type"] == "hold.created"]
    assert (theirs["idempotency_key"], theirs["request_id"]) == (None, None)


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", ""])
def test_moment_that_is_none_is_refused(ann: User, sink: Sink, since: str) -> None:
    """What is no time, has no zone or lies outside of the calendar recovers nothing, and is refused by its name."""
    made = ann.send("POST", "/v1/webhook_endpoints", {"url": sink.url})
    answer = ann.send("POST", f"/v1/webhook_endpoints/{made.body['endpoint_id']}/recover", {"since": since})

    assert answer.outcome == (400, "invalid_request")
    assert "since" in answer.message
