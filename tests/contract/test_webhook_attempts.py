"""Reports of attempts on every database: retries by the schedule, resending, recovering."""

from datetime import timedelta

from shillings.storage import deliveries, webhook_endpoints
from shillings.storage.claiming import ALIVE_SECONDS, peek
from shillings.storage.webhook_endpoints import Change
from shillings.webhooks.schedule import PAUSE_SECONDS
from tests.contract.bank import MOMENT
from tests.contract.hooks import ANOTHER, DELIVERER, NO, OK, Hooks, ids_of


def _taken_over(hooks: Hooks) -> bytes:
    """An event whose delivery a deliverer had that was taken for dead, and that another has now."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.claim(by=ANOTHER, real=60)
    return event_id


def test_report_counts_once(hooks: Hooks) -> None:
    """A report that is told twice, or by a deliverer that has lost the delivery, changes nothing."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.report(NO, event_id)
    hooks.report(NO, event_id)
    hooks.report(NO, event_id, by=ANOTHER)
    assert hooks.delivery(event_id).attempts == 1


def test_two_reports_of_one_attempt_count_once_in_one_batch(hooks: Hooks) -> None:
    """Two reports of one delivery that are stored together are one attempt, as when they are stored one by one."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.report(NO, event_id, event_id)
    assert hooks.delivery(event_id).attempts == 1


def test_failure_is_believed_of_whoever_has_the_delivery(hooks: Hooks) -> None:
    """A deliverer that was taken for dead and tells of a failure is too late; the one that has it now is believed."""
    event_id = _taken_over(hooks)
    hooks.report(NO, event_id)
    assert hooks.delivery(event_id).attempts == 0
    hooks.report(NO, event_id, by=ANOTHER)
    assert hooks.delivery(event_id).attempts == 1


def test_late_acceptance_is_news(hooks: Hooks) -> None:
    """A deliverer that was taken for dead, and comes back with an acceptance, is believed."""
    event_id = _taken_over(hooks)
    hooks.report(OK, event_id)

    assert hooks.delivery(event_id).state == "delivered"
    hooks.report(NO, event_id, by=ANOTHER)
    hooks.report(OK, event_id, by=ANOTHER)
    assert (hooks.delivery(event_id).state, hooks.delivery(event_id).attempts) == ("delivered", 1)


def test_failed_attempts_come_back_by_the_schedule_and_end(hooks: Hooks) -> None:
    """Ten attempts, each when it is due and not before; then the delivery has failed, and every answer is kept."""
    [event_id] = hooks.happen("payment.succeeded")
    now = MOMENT
    for attempt in range(1, 11):
        assert ids_of(hooks.claim(now=now)) == [event_id]
        hooks.report(NO, event_id, now=now)
        if attempt < 10:
            early = now + timedelta(seconds=PAUSE_SECONDS[attempt] - 0.001)
            assert hooks.claim(now=early).due == []
            outlook = peek(hooks.bank.connection, early, MOMENT)
            assert not outlook.due
            assert outlook.next_due_at is not None
            assert outlook.next_due_at > early
            now += timedelta(seconds=PAUSE_SECONDS[attempt] * 1.11)

    delivery = hooks.delivery(event_id)
    assert (delivery.state, delivery.attempts, delivery.due_at) == ("failed", 10, "")
    assert [made.attempt for made in delivery.made] == list(range(10, 0, -1))
    assert {(made.outcome, made.http_status, made.answer) for made in delivery.made} == {("rejected", 500, b"no")}
    assert hooks.claim(now=now + timedelta(days=30)).due == []


def test_accepted_is_done(hooks: Hooks) -> None:
    """A delivery that was accepted is never due again."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.report(OK, event_id)

    assert hooks.delivery(event_id).state == "delivered"
    assert hooks.claim(now=MOMENT + timedelta(days=9), real=99).due == []


def test_resend_begins_the_schedule_again(hooks: Hooks) -> None:
    """A delivery that was accepted or has failed is due again when asked for, with all its attempts before it."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.report(OK, event_id)
    later = MOMENT + timedelta(days=1)

    assert deliveries.resend(hooks.bank.connection, hooks.owner, hooks.endpoint_id, event_id, later)
    assert ids_of(hooks.claim(now=later)) == [event_id]
    hooks.report(NO, event_id, now=later)
    assert (hooks.delivery(event_id).state, hooks.delivery(event_id).attempts) == ("pending", 2)
    assert ids_of(hooks.claim(now=later + timedelta(seconds=6))) == [event_id]


def test_resend_while_under_way_changes_nothing(hooks: Hooks) -> None:
    """What a deliverer has is not given to a second one by asking for it."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    assert deliveries.resend(hooks.bank.connection, hooks.owner, hooks.endpoint_id, event_id, MOMENT)
    assert hooks.claim(by=ANOTHER).due == []


def test_recover_brings_what_was_not_accepted_since(hooks: Hooks) -> None:
    """Whatever happened since then and was not accepted is due; also what the endpoint was never told."""
    before, accepted, failed = hooks.happen("payment.succeeded", "payment.succeeded", "payment.succeeded")
    hooks.claim()
    for event_id in (before, failed):
        hooks.bank.connection.query(
            f"UPDATE deliveries SET state = 'failed', leased_by = NULL WHERE event_id = x'{event_id.hex()}'"
        )
    hooks.report(OK, accepted)
    hooks.bank.connection.query(
        f"UPDATE events SET created_at = '2020-01-01 00:00:00.000000' WHERE event_id = x'{before.hex()}'"
    )
    webhook_endpoints.change(hooks.bank.connection, hooks.owner, hooks.endpoint_id, Change(enabled=False), MOMENT)
    other = hooks.listen()
    [missed] = hooks.happen("payment.received")
    webhook_endpoints.remove(hooks.bank.connection, hooks.owner, other)
    webhook_endpoints.change(hooks.bank.connection, hooks.owner, hooks.endpoint_id, Change(enabled=True), MOMENT)

    assert deliveries.recover(hooks.bank.connection, hooks.owner, hooks.endpoint_id, MOMENT, MOMENT) == 2
    assert set(ids_of(hooks.claim())) == {failed, missed}
    assert deliveries.recover(hooks.bank.connection, hooks.owner, hooks.endpoint_id, MOMENT, MOMENT) == 2


def test_what_was_put_off_is_so_for_one_attempt(hooks: Hooks) -> None:
    """A fault puts a delivery off once: after its attempt, or when it is sent again, it may be put off again."""
    [event_id] = hooks.happen("payment.succeeded")
    connection, now = hooks.bank.connection, MOMENT
    for resent in (False, True):
        assert [due.put_off for due in hooks.claim(now=now).due] == [False]
        deliveries.put_off(connection, DELIVERER, hooks.endpoint_id, [event_id], now)
        if resent:
            assert deliveries.resend(connection, hooks.owner, hooks.endpoint_id, event_id, now)
            continue
        assert [due.put_off for due in hooks.claim(now=now).due] == [True]
        hooks.report(NO, event_id, now=now)
        now += timedelta(seconds=10)
    assert [due.put_off for due in hooks.claim(now=now).due] == [False]


def test_what_was_tried_at_one_endpoint_is_not_told_of_another(hooks: Hooks) -> None:
    """One event that two endpoints hear is two deliveries, each with its own attempts."""
    other = hooks.listen()
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    hooks.report(NO, event_id)
    first, hooks.endpoint_id = hooks.endpoint_id, other
    hooks.report(OK, event_id)
    hooks.endpoint_id = first

    found = [one for one in deliveries.find_tried(hooks.bank.connection) if one.event_id == event_id]
    assert {(one.state, one.attempts) for one in found} == {
        ("pending", (("rejected", ""),)), ("delivered", (("accepted", ""),)),
    }  # fmt: skip


def test_what_was_tried_is_told_with_its_ends(hooks: Hooks) -> None:
    """Deliveries that were attempted are listed with how each attempt ended, in order; others are not."""
    tried, _untouched = hooks.happen("payment.succeeded", "payment.received")
    hooks.claim(limit=1)
    hooks.report(NO, tried)
    hooks.claim(now=MOMENT + timedelta(seconds=6))
    hooks.report(OK, tried)

    [found] = [one for one in deliveries.find_tried(hooks.bank.connection) if one.event_id == tried]
    assert (found.state, found.sequence, found.attempts) == ("delivered", 1, (("rejected", ""), ("accepted", "")))
    assert _untouched not in [one.event_id for one in deliveries.find_tried(hooks.bank.connection)]


def test_delivery_that_another_has_by_now_is_not_put_off(hooks: Hooks) -> None:
    """Only who has a delivery can give it back: not a deliverer that was taken for dead and goes on."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim()
    assert ids_of(hooks.claim(by=ANOTHER, real=ALIVE_SECONDS + 1)) == [event_id]
    later = MOMENT + timedelta(hours=1)
    deliveries.put_off(hooks.bank.connection, DELIVERER, hooks.endpoint_id, [event_id], later)
    assert hooks.delivery(event_id).under_way

    deliveries.put_off(hooks.bank.connection, ANOTHER, hooks.endpoint_id, [event_id], later)
    assert not hooks.delivery(event_id).under_way
    assert ids_of(hooks.claim(by=ANOTHER, real=ALIVE_SECONDS + 1)) == []
    assert ids_of(hooks.claim(by=ANOTHER, real=ALIVE_SECONDS + 1, now=later)) == [event_id]
    hooks.report(OK, event_id, by=ANOTHER)
