"""Webhooks and the test clock: what an advance makes due is delivered before the advance is answered."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.waiting import wait_until
from tests.service import Service, User
from tests.sink import Reply, Sink


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose clock is frozen."""
    folder: Path = tmp_path_factory.mktemp("frozen")
    with Service(
        folder, SHILLINGS_FROZEN_AT="2026-01-01T00:00:00Z", SHILLINGS_TOKEN_LIFETIME_SECONDS="3000000"
    ) as running:
        yield running


def advance(user: User, seconds: float) -> dict[str, int]:
    """Move the clock; what that made due."""
    answer = user.client.send("POST", "/v1/sandbox/clock/advance", {"seconds": int(seconds)})
    assert answer.outcome == (200, "ok"), answer
    return {due["what"]: due["count"] for due in answer.body["due"]}


def test_schedule_runs_on_the_test_clock(frozen: Service) -> None:
    """Ten attempts within three test days: each advance makes the next one, and says so; then the endpoint is off."""
    ann = frozen.new_user("ann")
    with Sink(lambda _received: Reply(500)) as sink:
        made = ann.send("POST", "/v1/webhook_endpoints", {"url": sink.url}).body
        ann.top_up("1.00")
        sink.wait_for(1)
        path = f"/v1/webhook_endpoints/{made['endpoint_id']}/deliveries/{sink.ids[0]}"
        wait_until(
            lambda: ann.send("GET", path).body["delivery"]["due_at"], seconds=5, what="a second attempt to be due"
        )
        for count, pause in enumerate((5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400), start=2):
            assert advance(ann, pause * 0.9)["deliveries_attempted"] == 0
            assert advance(ann, pause * 0.21 + 1)["deliveries_attempted"] == 1
            assert len(sink.received) == count

    delivery = ann.send("GET", path).body["delivery"]
    assert (delivery["state"], delivery["attempt_count"], delivery["due_at"]) == ("failed", 10, None)
    endpoint = ann.send("GET", f"/v1/webhook_endpoints/{made['endpoint_id']}").body["webhook_endpoint"]
    assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "failing")
    stamps = {one.headers["webhook-timestamp"] for one in sink.received}
    assert all(abs(int(stamp) - datetime.now(UTC).timestamp()) < 120 for stamp in stamps), "signed at the real time"
    assert {one.body for one in sink.received} == {sink.received[0].body}
    assert sink.received[0].event["timestamp"].startswith("2026-01-01T00:00:00")


def test_restore_brings_deliveries_back(frozen: Service) -> None:
    """A snapshot holds what was to be delivered; after a restore it is delivered again, under the same id."""
    bob = frozen.new_user("bob")
    with Sink() as sink:
        bob.send("POST", "/v1/webhook_endpoints", {"url": sink.url})
        sink.answer = lambda _received: Reply(500)
        bob.top_up("1.00")
        sink.wait_for(1)
        assert bob.client.send("POST", "/v1/sandbox/snapshots", {"name": "before"}).outcome == (200, "ok")
        sink.answer = lambda _received: Reply(200)
        advance(bob, timedelta(minutes=1).total_seconds())
        assert len(sink.received) == 2
        assert bob.client.send("POST", "/v1/sandbox/snapshots/before/restore", {}).outcome == (200, "ok")
        advance(bob, timedelta(minutes=1).total_seconds())
        assert sink.wait_for(3)[2].id == sink.ids[0]


def test_hold_that_runs_out_is_told_to_both_sides(frozen: Service) -> None:
    """When the test clock passes a hold's end, payer and receiver hear of it."""
    carl, dora = frozen.new_user("carl", "5.00"), frozen.new_user("dora")
    with Sink() as sink:
        for user in (carl, dora):
            user.send("POST", "/v1/webhook_endpoints", {"url": sink.url, "event_types": ["hold.expired"]})
        body = {"receiver_email": dora.email, "amount": "2.00", "expires_in_seconds": 60}
        assert carl.send("POST", "/v1/holds", body).outcome == (200, "ok")
        advance(carl, 120)
        told = sink.wait_for(2)
    assert {one.event["data"]["sequence"] for one in told} == {2}
    assert len({one.id for one in told}) == 2
