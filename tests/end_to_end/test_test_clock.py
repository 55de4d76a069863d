"""The test clock: tokens and keys age by it, in every process, before the call is answered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.service import Answer, Service

DAY = 86_400


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose clock may be moved."""
    with Service(tmp_path_factory.mktemp("clock")) as made:
        yield made


def clock(service: Service, command: str = "", **body: object) -> Answer:
    """Tell the clock something, or read it."""
    if not command:
        return service.client().send("GET", "/v1/sandbox/clock")
    return service.client().send("POST", f"/v1/sandbox/clock/{command}", body)


def now(answer: Answer) -> datetime:
    """The time that an answer tells."""
    assert answer.outcome == (200, "ok"), answer
    return datetime.fromisoformat(answer.body["now"])


def test_tokens_age_by_the_clock(service: Service) -> None:
    """A session is over once the clock is past its end; until then it is not."""
    ann = service.new_user("ann", "5.00")
    before = now(clock(service))
    assert timedelta(seconds=DAY - 60) <= now(clock(service, "advance", seconds=DAY - 60)) - before
    assert ann.send("GET", "/v1/account").outcome == (200, "ok")
    clock(service, "advance", seconds=61)

    assert ann.send("GET", "/v1/account").outcome == (401, "unauthenticated")
    assert service.client().log_in(ann.email).outcome == (200, "ok")


def test_keys_age_by_the_clock(service: Service) -> None:
    """An idempotency key lives 24 hours of the clock, and an advance says how many rows it purged."""
    ann = service.new_user("ann", "5.00")
    bob = service.new_user("bob")
    first = ann.pay(bob.email, "1", key="k")
    assert ann.pay(bob.email, "1", key="k").body == first.body
    advanced = clock(service, "advance", seconds=DAY + 1)
    token = service.client().log_in(ann.email)
    again = service.client().send(
        "POST",
        "/v1/pay",
        {"receiver_email": bob.email, "amount": "1"},
        headers={"Idempotency-Key": "k", "Cookie": token.headers["set-cookie"].split(";")[0]},
    )

    assert again.outcome == (200, "ok")
    assert again.body != first.body
    assert any(due["what"] == "rows_purged" and due["count"] >= 1 for due in advanced.body["due"])


def test_frozen_clock_does_not_move_and_can_be_advanced(service: Service) -> None:
    """A frozen clock tells one time, rows carry it, an advance moves it exactly, and a reset lets it run."""
    frozen = clock(service, "freeze")
    ann = service.new_user("ann", "5.00")
    assert frozen.body["mode"] == "frozen"
    assert {line["created_at"] for line in ann.history()} == {frozen.body["now"]}
    assert now(clock(service)) == now(frozen)
    assert now(clock(service, "advance", seconds=90)) == now(frozen) + timedelta(seconds=90)

    reset = clock(service, "reset")
    assert reset.body["mode"] == "real"
    assert abs(now(reset) - datetime.fromisoformat(reset.body["real_now"])) < timedelta(seconds=1)


def test_clock_is_advanced_to_a_time_and_survives_a_restart(service: Service) -> None:
    """A time ahead can be named; a server that starts again has not forgotten it."""
    clock(service, "freeze", at="2040-02-29T12:00:00+08:00")
    assert now(clock(service, "advance", to="2041-01-01T00:00:00Z")).year == 2041
    service.stop()
    service.start()

    assert clock(service).body["mode"] == "frozen"
    assert now(clock(service)).year == 2041


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing": ("advance", {}, "seconds"),
    "both": ("advance", {"seconds": 1, "to": "2041-01-01T00:00:00Z"}, "seconds"),
    "backwards": ("advance", {"seconds": -1}, "seconds"),
    "to the past": ("advance", {"to": "2020-01-01T00:00:00Z"}, "to"),
    "beyond the calendar": ("advance", {"seconds": 10**15}, "seconds"),
    "far": ("advance", {"to": "9500-01-01T00:00:00Z"}, "to"),
    "no time": ("advance", {"to": "tomorrow"}, "to"),
    "no time zone": ("advance", {"to": "2041-01-01T00:00:00"}, "to"),
    "a float": ("advance", {"seconds": 1.5}, "seconds"),
    "unknown": ("advance", {"minutes": 1}, ""),
    "frozen in the past": ("freeze", {"at": "1999-01-01T00:00:00Z"}, "at"),
}


def test_what_the_clock_cannot_do_changes_nothing(service: Service) -> None:
    """A clock moved backwards, no time, or too much: 400 that names the field, and the clock is as before."""
    for name, (command, body, field) in BAD.items():
        answer = service.client().send("POST", f"/v1/sandbox/clock/{command}", body)
        assert answer.outcome == (400, "invalid_request"), name
        assert field in answer.message, name

    assert clock(service).body["mode"] == "real"


def test_without_the_sandbox_there_is_no_test_clock(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the sandbox is off, its paths are not there."""
    with Service(tmp_path_factory.mktemp("off"), SHILLINGS_SANDBOX="0") as service:
        assert clock(service).outcome == (404, "not_found")
        assert clock(service, "advance", seconds=1).outcome == (404, "not_found")
