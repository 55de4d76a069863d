"""Webhook endpoints on every database: who may have them, their secrets, and how they are switched off."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from shillings.base.clock import stored
from shillings.base.ids import NIL
from shillings.storage import deliveries, webhook_endpoints
from shillings.storage.deliveries import DeliveryQuery
from shillings.storage.events import EventQuery, find
from shillings.storage.executor import Connection
from shillings.storage.webhook_endpoints import Change, Endpoint, Owner, Revoked, Secret, TooMany
from tests.contract.bank import MOMENT, Bank
from tests.contract.hooks import GONE, NO, OK, Hooks, fresh_id, ids_of
from tests.contract.planned_errors import Paused


def test_gone_switches_off_and_tells(hooks: Hooks) -> None:
    """410 switches the endpoint off with an event, which the owner's other endpoints hear; nothing is lost."""
    first, second = hooks.happen("payment.succeeded", "payment.received")
    hooks.claim()
    other = hooks.listen()
    hooks.report(GONE, first, second)

    assert (hooks.endpoint.enabled, hooks.endpoint.disabled_reason) == (False, "gone")
    [due] = hooks.claim(now=MOMENT + timedelta(days=1)).due
    assert (due.endpoint_id, due.event.type) == (other, "webhook_endpoint.disabled")
    assert '"reason":"gone"' in due.event.data
    webhook_endpoints.change(hooks.bank.connection, hooks.owner, hooks.endpoint_id, Change(enabled=True), MOMENT)
    assert set(ids_of(hooks.claim(now=MOMENT + timedelta(days=1)))) == {first, second}


def test_endpoint_that_fails_for_three_days_is_switched_off(hooks: Hooks) -> None:
    """Failures for three days on end switch an endpoint off; one acceptance in between begins the time again."""
    made = hooks.happen(*["payment.succeeded"] * 6)
    hooks.claim()
    day = timedelta(days=1)
    for number, (attempt, on) in enumerate([(NO, True), (NO, True), (OK, True), (NO, True), (NO, True), (NO, False)]):
        hooks.report(attempt, made[number], now=MOMENT + day * 1.5 * number)
        assert hooks.endpoint.enabled is on
    assert hooks.endpoint.disabled_reason == "failing"


def test_secrets_rotate_with_overlap(hooks: Hooks) -> None:
    """While a secret rotates both sign; when the overlap is over, only the new one does."""
    until = stored(MOMENT + timedelta(hours=1))
    change = Change(new_key=b"n" * 32, old_until=until)
    for _ in range(2):
        webhook_endpoints.change(hooks.bank.connection, hooks.owner, hooks.endpoint_id, change, MOMENT)
    hooks.happen("payment.succeeded", "payment.succeeded")

    [during] = hooks.claim(limit=1).due
    [after] = hooks.claim(now=MOMENT + timedelta(hours=1)).due
    assert (during.keys, after.keys) == ([b"n" * 32, b"k" * 32], [b"n" * 32])


def test_endpoints_of_one_owner_are_bounded(hooks: Hooks) -> None:
    """One more than there may be is refused, and the same one twice is one."""
    for _ in range(9):
        hooks.listen()
    with pytest.raises(TooMany):
        hooks.listen()
    hooks.bank.connection.roll_back()
    again = hooks.endpoint
    assert webhook_endpoints.add(hooks.bank.connection, hooks.owner, again, 10, MOMENT).endpoint_id == again.endpoint_id


def test_revoked_sessions_do_nothing(hooks: Hooks) -> None:
    """A session that is over reads and changes nothing."""
    token = fresh_id()
    hooks.bank.connection.query(
        f"INSERT INTO revoked_tokens (token_id, expires_at) VALUES (x'{token.hex()}', '{stored(MOMENT)}')"
    )
    over = Owner(hooks.owner.user_id, token)
    connection, endpoint_id = hooks.bank.connection, hooks.endpoint_id
    attempts: list[Callable[[], object]] = [
        lambda: webhook_endpoints.find(connection, over),
        lambda: webhook_endpoints.change(connection, over, endpoint_id, Change(enabled=False), MOMENT),
        lambda: webhook_endpoints.remove(connection, over, endpoint_id),
        lambda: webhook_endpoints.add(connection, over, hooks.endpoint, 10, MOMENT),
        lambda: find(connection, over, EventQuery()),
        lambda: deliveries.read(connection, over, DeliveryQuery(endpoint_id)),
        lambda: deliveries.recover(connection, over, endpoint_id, MOMENT, MOMENT),
    ]
    for attempt in attempts:
        with pytest.raises(Revoked):
            attempt()
        connection.roll_back()
    assert hooks.endpoint.enabled


def test_operators_endpoint_may_be_switched_off_again_and_again(bank: Bank) -> None:
    """The operator's own events are numbered like anybody's: each time an endpoint is switched off is one."""
    operator, somebody = Hooks(bank, owner=webhook_endpoints.OPERATOR), Hooks(bank)
    for _ in range(3):
        [event_id] = somebody.happen("topup.succeeded")
        operator.claim(now=MOMENT + timedelta(days=9))
        operator.report(GONE, event_id)
        assert not operator.endpoint.enabled
        webhook_endpoints.change(bank.connection, operator.owner, operator.endpoint_id, Change(enabled=True), MOMENT)
    told = find(bank.connection, operator.owner, EventQuery(object_id=operator.endpoint_id))
    assert sorted(one.sequence for one in told) == [1, 2, 3]
    webhook_endpoints.remove(bank.connection, operator.owner, operator.endpoint_id)
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")


@pytest.mark.parametrize("is_operator", [False, True], ids=["somebody", "the operator"])
def test_two_that_ask_for_the_last_place_at_once_do_not_both_get_it(bank: Bank, is_operator: bool) -> None:
    """While one server stands at the COMMIT of an owner's last endpoint, another waits, and then finds no room."""
    owner = webhook_endpoints.OPERATOR if is_operator else Owner(bank.user().user_id, NIL)
    first, second = bank.open(Paused), bank.open()
    assert isinstance(first, Paused)
    made: dict[Connection, Endpoint | TooMany] = {}

    def add(connection: Connection) -> None:
        endpoint = Endpoint(fresh_id(), owner.user_id, "http://127.0.0.1:9/", (), (Secret(b"k" * 32),), True, *[""] * 4)
        try:
            made[connection] = webhook_endpoints.add(connection, owner, endpoint, 1, MOMENT)
        except TooMany as error:
            connection.roll_back()
            made[connection] = error

    threads = [threading.Thread(target=add, args=(connection,)) for connection in (first, second)]
    threads[0].start()
    assert first.at_commit.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    first.go_on.set()
    for thread in threads:
        thread.join(10)

    assert [type(made[connection]) for connection in (first, second)] == [Endpoint, TooMany]
    bank.connection.query("DELETE FROM webhook_endpoints")
