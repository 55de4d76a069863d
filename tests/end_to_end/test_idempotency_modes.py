"""Idempotency keys behave as other systems' do, when they are told to: by a setting, or while the service runs."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from tests.service import Client, Service, User

MODES = "/v1/sandbox/idempotency"
SHILLINGS = {
    "preset": "shillings", "concurrent": "wait", "refusals": "remember", "other_body": 422, "lifetime_seconds": 86_400,
}  # fmt: skip


@pytest.fixture
def sandbox(client: Client) -> Iterator[Client]:
    """A client; afterwards keys behave as ever."""
    yield client
    assert client.send("POST", MODES, {"preset": "shillings"}).outcome == (200, "ok")
    assert client.send("POST", "/v1/sandbox/clock/reset").outcome == (200, "ok")


def test_modes_are_told(sandbox: Client) -> None:
    """What keys do is told, with the preset that it is; one thing can be changed by itself."""
    assert sandbox.send("GET", MODES).body == SHILLINGS

    stripe = sandbox.send("POST", MODES, {"preset": "stripe"}).body
    changed = sandbox.send("POST", MODES, {"refusals": "forget", "lifetime_seconds": 60}).body

    assert stripe == SHILLINGS | {"preset": "stripe", "concurrent": 409, "other_body": 400}
    assert changed == stripe | {"preset": None, "refusals": "forget", "lifetime_seconds": 60}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(422, (422, "idempotency_key_reused")), (409, (409, "idempotency_conflict")), (400, (400, "invalid_request"))],
)
def test_other_body_is_refused_as_told(
    status: int, outcome: tuple[int, str], sandbox: Client, ann: User, bob: User
) -> None:
    """A key that comes again with another request gets the status that was asked for, and nothing moves."""
    sandbox.send("POST", MODES, {"other_body": status})
    key = str(uuid4())
    assert ann.pay(bob.email, "1", key=key).outcome == (200, "ok")

    assert ann.pay(bob.email, "2", key=key).outcome == outcome
    assert bob.balance == 1


@pytest.mark.parametrize(("refusals", "again"), [("remember", "insufficient_funds"), ("forget", "ok")])
def test_refusals_are_kept_as_told(refusals: str, again: str, sandbox: Client, ann: User, bob: User) -> None:
    """A refusal is heard again under its key, or judged again once the money is there."""
    sandbox.send("POST", MODES, {"refusals": refusals})
    key = str(uuid4())
    assert ann.pay(bob.email, "150", key=key).outcome == (402, "insufficient_funds")
    assert ann.top_up("100").outcome == (200, "ok")

    assert ann.pay(bob.email, "150", key=key).code == again


def test_keys_end_when_told(sandbox: Client, name: str) -> None:
    """After its lifetime a key is a new one, by the test clock."""
    ann, bob = sandbox.new_user(f"ann-{name}", "9.00"), sandbox.new_user(f"bob-{name}")
    sandbox.send("POST", MODES, {"lifetime_seconds": 60})
    key = str(uuid4())
    first, replay = ann.pay(bob.email, "1", key=key), ann.pay(bob.email, "1", key=key)
    sandbox.send("POST", "/v1/sandbox/clock/advance", {"seconds": 61})
    later = ann.pay(bob.email, "1", key=key)

    assert first.body == replay.body != later.body
    assert bob.balance == 2


def test_key_at_work_is_refused_as_told(sandbox: Client, ann: User, bob: User) -> None:
    """While a key's request is at work, the same key is 409 or waits, as told; either way the money moves once."""
    sandbox.send("POST", MODES, {"concurrent": 409})
    key, began = str(uuid4()), time.monotonic()
    codes: set[str] = set()

    def pay(_number: int) -> str:
        with Client(sandbox.url) as own:
            return User(own, ann.email, ann.token).pay(bob.email, "1", key=key).code

    # Whether two meet at all is up to the machine: rounds go on until two have.
    with ThreadPoolExecutor(8) as pool:
        while "idempotency_conflict" not in codes and time.monotonic() - began < 20:
            key = str(uuid4())
            before = bob.balance
            codes = set(pool.map(pay, range(8)))
            assert bob.balance == before + 1

    assert codes == {"ok", "idempotency_conflict"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"preset": "melt"}, "preset"),
        ({"concurrent": 422}, "concurrent"),
        ({"refusals": "maybe"}, "refusals"),
        ({"other_body": 500}, "other_body"),
        ({"lifetime_seconds": 0}, "lifetime_seconds"),
        ({"lifetime_seconds": 86_401}, "lifetime_seconds"),
        ({"lifetime": 5}, "lifetime"),
    ],
)
def test_other_modes_are_refused(body: dict[str, object], named: str, sandbox: Client) -> None:
    """What cannot be told is a 400 that names the field, and nothing has changed."""
    answer = sandbox.send("POST", MODES, body)

    assert (answer.outcome, named in answer.message) == ((400, "invalid_request"), True)
    assert sandbox.send("GET", MODES).body == SHILLINGS


def test_setting_is_where_a_reset_goes_back_to(tmp_path: Path) -> None:
    """A service starts with the preset of its setting, and a reset brings that back."""
    with Service(tmp_path, SHILLINGS_IDEMPOTENCY="ietf") as service:
        client = service.client()
        started = client.send("GET", MODES).body
        client.send("POST", MODES, {"preset": "forgetful"})
        assert client.send("POST", "/v1/sandbox/reset").outcome == (200, "ok")

        assert started["preset"] == "ietf"
        assert client.send("GET", MODES).body == started
