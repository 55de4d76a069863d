"""With a frozen clock and a seed, a whole service does the same twice."""

from pathlib import Path
from typing import Any

from tests.service import Service

SETTINGS = {"SHILLINGS_SEED": "checkout-test", "SHILLINGS_FROZEN_AT": "2026-01-05T09:30:00Z"}


def _journey(service: Service) -> list[Any]:
    """What one client is told, one request after the other: bodies, and the requests' ids."""
    ann, bob = service.new_user("ann", "50.00"), service.new_user("bob")
    answers = [ann.pay(bob.email, "12.50", key="lunch"), ann.pay(bob.email, "1"), ann.pay("nobody@example.com", "1")]
    answers.append(ann.send("GET", "/v1/transactions"))
    answers.append(ann.send("GET", "/v1/account"))
    return [(one.outcome, one.body, one.headers["x-request-id"]) for one in answers]


def _faults_and_events(service: Service) -> dict[str, Any]:
    """What becomes of a sequential client where faults are left to chance and somebody listens to events."""
    cid, dan, sandbox = service.new_user("cid", "50.00"), service.new_user("dan"), service.client()
    hook = dan.send("POST", "/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/nobody"})
    rules = [
        {"fault": "error", "times": 100, "probability": 0.3, "match": {"endpoint": "/v1/pay"}},
        {"fault": "error_after_commit", "times": 100, "probability": 0.4, "match": {"user_email": cid.email}},
        {"fault": "rate_limit", "times": 100, "skip": 3, "probability": 0.2},
    ]
    made = [sandbox.send("POST", "/v1/sandbox/faults", rule).body["fault_id"] for rule in rules]
    paid = [cid.pay(dan.email, "0.01", key=f"k{number}") for number in range(25)]
    sandbox.send("DELETE", "/v1/sandbox/faults")
    return {
        "rules": [hook.body["endpoint_id"], *made],
        "codes": [one.code for one in paid],
        "applied": [one.headers.get("shillings-fault-applied", "") for one in paid],
        "events": dan.send("GET", "/v1/events?limit=100").body["events"],
        "history": dan.history(),
        "log": sandbox.send("GET", "/v1/sandbox/requests?limit=100").body,
    }


def test_same_seed_gives_the_same_ids_and_times(tmp_path: Path) -> None:
    """Two services with one seed tell one sequential client the same, faults and events too; another seed does not."""
    told, faults = [], []
    for name, seed in (("one", "a"), ("two", "a"), ("other", "b")):
        with Service(tmp_path / name, **SETTINGS | {"SHILLINGS_SEED": seed}) as service:
            told.append(_journey(service))
            faults.append(_faults_and_events(service))

    assert told[0] == told[1]
    assert told[0] != told[2]
    assert faults[0] == faults[1]
    assert faults[0]["applied"] != faults[2]["applied"]
    assert set(faults[0]["codes"]) == {"ok", "internal", "rate_limited"}
    assert len({one.partition(";")[0] for one in faults[0]["applied"]}) == 4
    assert len({event["event_id"] for event in faults[0]["events"]}) == len(faults[0]["history"]) > 0
    assert {one["received_at"] for one in faults[0]["log"]["requests"]} == {"2026-01-05T09:30:00.000000Z"}
    assert told[0][4][1]["user"]["created_at"] == "2026-01-05T09:30:00.000000Z"


def test_server_that_starts_again_makes_new_ids(tmp_path: Path) -> None:
    """A seeded server that comes back on the data it has written goes on, and repeats no id."""
    with Service(tmp_path, **SETTINGS) as service:
        ann = service.new_user("ann", "5.00")
        first = {line["transaction_id"] for line in ann.history()}
        service.stop()
        assert "The seed is checkout-test." in service.log.read_text()
        service.start()
        again = service.client()
        token = again.log_in(ann.email)
        assert token.outcome == (200, "ok")
        assert ann.top_up("1").outcome == (200, "ok")
        assert ann.pay(service.new_user("bob").email, "2").outcome == (200, "ok")

        assert len({line["transaction_id"] for line in ann.history()} | first) == 3
