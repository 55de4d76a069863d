"""Events and claims on every database: what is due is delivered once, and whoever dies, nothing is lost."""

from collections import Counter

import pytest

from shillings.base.ids import NIL
from shillings.storage import deliveries, webhook_endpoints
from shillings.storage import listening as listening_module
from shillings.storage.claiming import ALIVE_SECONDS
from shillings.storage.deliveries import DeliveryQuery
from shillings.storage.events import EventQuery, find
from shillings.storage.ledger import Ledger, LedgerBatch
from shillings.storage.listening import Listening
from shillings.storage.webhook_endpoints import Change, Owner
from shillings.webhooks.claims import LEASED_MAX
from tests.contract.bank import MOMENT, NOBODY, Bank, Somebody, payment, topup
from tests.contract.hooks import ANOTHER, NO, OK, Hooks, ids_of


def test_event_is_claimed_with_all_that_is_needed_to_send_it(hooks: Hooks) -> None:
    """A claim brings the address, the secrets and the event as it was written."""
    [event_id] = hooks.happen("payment.succeeded")

    [due] = hooks.claim().due

    assert (due.endpoint_id, due.url, due.keys) == (hooks.endpoint_id, "http://127.0.0.1:9/", [b"k" * 32])
    assert (due.event.event_id, due.event.type, due.event.number) == (event_id, "payment.succeeded", 1)
    assert (due.event.data, due.event.request_id) == ('{"amount_minor":5}', "r-1")
    assert (due.event.idempotency_key, due.event.created_at) == ("k-1", "2026-01-02T03:04:05.000006Z")


async def test_ledger_says_when_something_is_to_be_delivered(bank: Bank) -> None:
    """A batch that an endpoint wants to hear of wakes who delivers, once it is durable; no other batch does."""
    hooks = Hooks(bank, "topup.succeeded")
    ann = Somebody(hooks.owner.user_id, "")
    executor = bank.executor()
    told: list[int] = []
    ledger = Ledger(
        executor, lambda: MOMENT, listening=Listening(), on_deliveries=lambda: told.append(bank.balance(ann))
    )
    await ledger.execute(lambda: [payment(ann, NOBODY, 1)])
    assert told == []
    await ledger.execute(lambda: [topup(ann, 5)])
    await executor.close()

    assert told == [5]
    assert [due.event.type for due in hooks.claim().due] == ["topup.succeeded"]
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")


def test_endpoint_that_another_server_made_is_heard_of_after_a_long_silence(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks only now and then whether anybody listens finds an endpoint, and tells it of that very batch."""
    monkeypatch.setattr(listening_module, "DEAF_BATCHES_MAX", 1)
    monkeypatch.setattr(listening_module, "FRESH_SECONDS", 0.0)
    ann, listening = bank.user(), Listening()
    for _ in range(3):
        LedgerBatch([topup(ann, 1)], bank.known, lambda: MOMENT, listening).execute(bank.connection)
    hooks = Hooks(bank, owner=Owner(ann.user_id, NIL))
    LedgerBatch([topup(ann, 4)], bank.known, lambda: MOMENT, listening).execute(bank.connection)

    assert ['"amount_minor":4' in due.event.data for due in hooks.claim().due] == [True]
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")


def test_events_are_numbered_without_a_gap(hooks: Hooks) -> None:
    """Each user's events count 1, 2, 3, and pages of them do not overlap."""
    hooks.happen(*["payment.succeeded"] * 5)

    first = find(hooks.bank.connection, hooks.owner, EventQuery(limit=3))
    rest = find(hooks.bank.connection, hooks.owner, EventQuery(limit=3, before=first[-1].number))
    assert [event.number for event in first + rest] == [5, 4, 3, 2, 1]


def test_only_wanted_types_are_delivered(bank: Bank) -> None:
    """An endpoint hears the types it asked for; the others are events all the same."""
    hooks = Hooks(bank, "payment.received")
    _, wanted = hooks.happen("payment.succeeded", "payment.received")

    assert ids_of(hooks.claim()) == [wanted]
    assert len(find(bank.connection, hooks.owner, EventQuery())) == 2
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")


def test_nobody_hears_what_is_somebody_elses(hooks: Hooks) -> None:
    """An endpoint gets its owner's events, the operator's gets everybody's, and events are shown to their owners."""
    operator = Hooks(hooks.bank, owner=webhook_endpoints.OPERATOR)
    other = Hooks(hooks.bank)
    [event_id] = hooks.happen("payment.succeeded")

    assert Counter(due.endpoint_id for due in hooks.claim().due) == {hooks.endpoint_id: 1, operator.endpoint_id: 1}
    assert find(hooks.bank.connection, other.owner, EventQuery(event_id=event_id)) == []
    assert [event.event_id for event in find(hooks.bank.connection, operator.owner, EventQuery(event_id=event_id))]
    assert deliveries.read(hooks.bank.connection, other.owner, DeliveryQuery(hooks.endpoint_id)) is None
    assert not deliveries.resend(hooks.bank.connection, other.owner, hooks.endpoint_id, event_id, MOMENT)
    assert not deliveries.resend(hooks.bank.connection, other.owner, other.endpoint_id, event_id, MOMENT)
    assert deliveries.recover(hooks.bank.connection, other.owner, hooks.endpoint_id, MOMENT, MOMENT) is None
    assert webhook_endpoints.change(hooks.bank.connection, other.owner, hooks.endpoint_id, Change(), MOMENT) is None
    assert not webhook_endpoints.remove(hooks.bank.connection, other.owner, hooks.endpoint_id)
    webhook_endpoints.remove(hooks.bank.connection, operator.owner, operator.endpoint_id)


def test_what_is_claimed_is_nobody_elses(hooks: Hooks) -> None:
    """Two deliverers never get the same delivery while both live."""
    made = hooks.happen(*["payment.succeeded"] * 6)

    first, second = hooks.claim(limit=4), hooks.claim(by=ANOTHER, limit=4)
    assert (ids_of(first), ids_of(second)) == (made[:4], made[4:])
    assert hooks.claim(by=ANOTHER).due == []


def test_dead_deliverers_work_is_due_again(hooks: Hooks) -> None:
    """What a deliverer had that has not been heard of for its time goes to another; not a moment earlier."""
    made = hooks.happen("payment.succeeded")
    hooks.claim(real=0)

    assert hooks.claim(by=ANOTHER, real=ALIVE_SECONDS).due == []
    assert ids_of(hooks.claim(by=ANOTHER, real=ALIVE_SECONDS + 0.001)) == made


def test_deliverer_that_asks_for_more_keeps_what_it_has(hooks: Hooks) -> None:
    """Every claim says that its deliverer lives."""
    hooks.happen("payment.succeeded")
    for real in (0, 8, 16, 24):
        hooks.claim(real=real)
    assert hooks.claim(by=ANOTHER, real=30).due == []


def test_deliverer_that_was_missed_by_nobody_keeps_what_it_has(hooks: Hooks) -> None:
    """One that was silent for long and asks again before anybody noticed is not given its own work a second time."""
    made = hooks.happen("payment.succeeded")
    assert ids_of(hooks.claim(real=0)) == made
    assert hooks.claim(real=60).due == []


def test_what_the_dead_had_is_nobodys_until_it_is_claimed(hooks: Hooks) -> None:
    """Once it is given back it is under way no more, and a failure that the dead one still tells of is too late."""
    [event_id] = hooks.happen("payment.succeeded")
    hooks.claim(real=0)
    assert hooks.claim(by=ANOTHER, real=60, limit=0).due == []

    assert not hooks.delivery(event_id).under_way
    hooks.report(NO, event_id)
    assert hooks.delivery(event_id).attempts == 0


def test_failing_endpoint_gets_one_at_a_time(hooks: Hooks) -> None:
    """While its last attempt failed, an endpoint is tried with one delivery; then with many again."""
    made = hooks.happen(*["payment.succeeded"] * 5)
    hooks.claim(limit=1)
    hooks.report(NO, made[0])
    [only] = ids_of(hooks.claim())
    assert hooks.claim().due == []
    hooks.report(OK, only)
    assert len(hooks.claim().due) == 3


def test_full_endpoint_delays_no_other(hooks: Hooks) -> None:
    """However much waits for one endpoint, it has a bounded number under way, and others get theirs."""
    hooks.happen(*["payment.succeeded"] * (LEASED_MAX + 10))
    quiet = Hooks(hooks.bank)
    assert len(hooks.claim(limit=1000).due) == LEASED_MAX
    [event_id] = quiet.happen("payment.succeeded")
    assert ids_of(hooks.claim(limit=1000)) == [event_id]
