"""The request log of several application servers, on every database: all of them tell the same."""

from typing import Any, cast

import pytest

from shillings.app.sandbox import shared_request_store
from shillings.app.sandbox.explanations import Explained
from shillings.app.sandbox.request_log import Record, RequestLog
from shillings.app.sandbox.request_store import RecentRequests, new_name
from shillings.app.sandbox.shared_request_store import SharedRequestStore
from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.contract import shillings_pb2 as wire
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.rules import Pick, Rule, RuleState
from shillings.storage.executor import Connection, Executor
from shillings.storage.request_batches import begin_log, read_batches, write_batch
from tests.contract.bank import Bank
from tests.values import ENVIRONMENT

FAULT_ID = bytes(range(16))


class Servers:
    """Two application servers that share a database."""

    def __init__(self, executor: Executor, connection: Connection) -> None:
        self.executor = executor
        self.connection = connection
        self.stores = [SharedRequestStore(executor), SharedRequestStore(executor)]
        self._logs = [RequestLog(store.keep, ENVIRONMENT) for store in self.stores]

    def pay(self, server: int, *keys: str) -> None:
        """Log a payment under each key."""
        for key in keys:
            request = wire.Request(command=wire.PAY, token="t", idempotency_key=key, request_id=key, data=b"\x10\x01")
            self._logs[server].end(self._logs[server].begin(request), wire.Response(data=b"\x0a\x00"))


@pytest.fixture
def servers(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """The servers, with an empty log. They wait for nobody."""
    monkeypatch.setattr(shared_request_store, "EVERYWHERE_SECONDS", 0.0)
    monkeypatch.setattr(shared_request_store, "READ_SECONDS", 0.0)
    begin_log(bank.connection, new_name())
    return Servers(bank.executor(), bank.connection)


async def no_rules() -> list[RuleState]:
    """That no rule is in force."""
    return []


def _unavailable(*_arguments: Any) -> None:
    raise Unavailable


def told(kept: RecentRequests) -> list[tuple[int, str, int]]:
    """What is kept: number, key, tries."""
    return [(one.number, one.key, one.tries) for one in kept.after(0)]


async def test_every_server_tells_what_each_has_answered(servers: Servers) -> None:
    """Numbers and tries are the same wherever somebody asks, and every field of a record comes through."""
    one, two = servers.stores
    servers.pay(0, "a", "b")
    await one.complete()
    servers.pay(1, "a")
    there = await two.complete()
    here = await one.complete()
    [first, *_] = here.after(0)

    assert told(there) == told(here) == [(1, "a", 0), (2, "b", 0), (3, "a", 1)]
    assert (here.name, here.seen) == (there.name, 3)
    assert (first.command, first.data, first.answer, first.request_id) == (wire.PAY, b"\x10\x01", b"\x0a\x00", "a")
    assert 0 < first.received_s <= first.answered_s
    assert first.received_at is not None
    assert first.received_at.timestamp() == pytest.approx(first.received_s, abs=1)
    assert len(first.session) == 8


async def test_who_goes_on_is_told_nothing_twice(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has read less than another has told reads on first, also after a reset."""
    one, two = servers.stores
    before = (await two.complete()).end
    monkeypatch.setattr(shared_request_store, "READ_SECONDS", 3600.0)
    servers.pay(0, "a", "b")
    cursor = (await one.complete()).end
    assert (await two.latest(before)).seen == 0
    assert (await two.latest(cursor)).find(cursor) == (2, False)

    await one.take_back()
    servers.pay(0, "c")
    cursor = (await one.complete()).end
    assert (await two.latest(cursor)).find(cursor) == (1, False)


async def test_reset_on_one_server_begins_a_new_log_on_each(servers: Servers) -> None:
    """What was there is gone everywhere, numbers begin again, and cursors of before are known to be old."""
    one, two = servers.stores
    servers.pay(0, "a")
    cursor = (await two.complete()).end
    await one.complete()
    await two.take_back()
    servers.pay(0, "b")
    here, there = await one.complete(), await two.complete()

    assert told(here) == told(there) == [(1, "b", 0)]
    assert here.find(cursor) == (0, True)


async def test_reset_is_noticed_where_nothing_was_asked_since(servers: Servers) -> None:
    """What a server has read goes when another one resets, explanations too, also while there is nothing new."""
    one, two = servers.stores
    servers.pay(0, "a")
    one.explain("a", Explained({}, Pick(None, 0, 1, 0.0, (), ""), ""))
    assert told(await one.complete()) == [(1, "a", 0)]
    await two.take_back()

    assert told(await one.complete()) == []
    assert await one.explanation("a", no_rules) is None


async def test_batches_of_another_log_are_not_read(servers: Servers) -> None:
    """Only what was written under a log's own name is read."""
    one, _ = servers.stores
    servers.pay(0, "a")
    await one.complete()

    assert read_batches(servers.connection, "another log's name", 0) == []


@pytest.mark.parametrize("failed", [False, True])
async def test_reset_takes_what_is_not_written_yet(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, *, failed: bool
) -> None:
    """What was answered before a reset is not written after it, nor is what could not be written before."""
    one, _ = servers.stores
    servers.pay(0, "old")
    one.explain("old", Explained({}, Pick(None, 0, 1, 0.0, (), ""), ""))
    if failed:
        with monkeypatch.context() as failing:
            failing.setattr(shared_request_store, "write_batch", _unavailable)
            with pytest.raises(Unavailable):
                await one.complete()
    await one.take_back()
    servers.pay(0, "new")

    assert told(await one.complete()) == [(1, "new", 0)]
    assert await one.explanation("old", no_rules) is None


async def test_large_log_comes_in_batches_and_the_oldest_go(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than is kept is written; who reads late gets the newest, under their numbers, and how many there were."""
    monkeypatch.setattr(shared_request_store, "BATCH_RECORDS_MAX", 10)
    monkeypatch.setattr(shared_request_store, "_KEPT_MIN", 50)
    one, two = servers.stores
    servers.pay(0, *[f"k{number}" for number in range(1, 256)])
    before = await two.latest()
    assert before.seen == 0
    await one.complete()
    late = await two.latest()

    assert late.seen == 255
    assert 40 <= late.kept <= 50
    assert [one.key for one in late.after(253)] == ["k254", "k255"]


@pytest.mark.parametrize("done", [True, False])
async def test_batch_whose_outcome_was_unknown_is_there_once(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> None:
    """What was written before the answer was lost is not written again, and what was not is written."""
    one, _ = servers.stores
    servers.pay(0, "a")
    lost: list[bool] = []

    def lose(connection: Connection, *arguments: Any) -> None:
        if done or lost:
            write_batch(connection, *arguments)
        if not lost:
            lost.append(True)
            raise OutcomeUnknown

    monkeypatch.setattr(shared_request_store, "write_batch", lose)
    with pytest.raises(OutcomeUnknown):
        await one.complete()
    servers.pay(0, "b")

    assert told(await one.complete()) == [(1, "a", 0), (2, "b", 0)]


async def test_explanation_is_known_on_every_server(servers: Servers) -> None:
    """What one server planned, another can explain: facts, counts, and the rule, as long as there is one."""
    one, two = servers.stores
    rule = Rule(FAULT_ID, LostResponse(), {})
    pick = Pick(rule, 2, 7, 12.5, ((1, 3), (4, 1)), "")
    facts = {"endpoint": 3, "user_email": "ann@example.com", "amount": None, "writes": True}
    one.explain("r1", Explained(facts, pick, "lost_response;rule=header"))
    await one.complete()

    async def rules() -> list[RuleState]:
        return [RuleState(rule, 3, 2)]

    assert await two.explanation("r1", rules) == Explained(facts, pick, "lost_response;rule=header")
    gone = await two.explanation("r1", no_rules)
    assert gone is not None
    assert gone.pick == pick._replace(rule=None)
    assert await two.explanation("r2", rules) is None


async def test_server_that_stops_leaves_what_it_knows(servers: Servers) -> None:
    """What was answered in the last moment is written when the server stops."""
    one, two = servers.stores
    servers.pay(0, "last")
    await one.finish()

    assert [key for _, key, _ in told(await two.latest())] == ["last"]


def test_every_field_of_a_record_is_written() -> None:
    """A field that is added to a record is not forgotten between servers."""
    record = Record(1, "r")
    for number, name in enumerate(Record.__slots__):
        setattr(record, name, cast(Any, number))
    copy = shared_request_store._record(shared_request_store._values(record))

    differing = [name for name in Record.__slots__ if getattr(copy, name) != getattr(record, name)]
    assert set(differing) <= {"number", "tries"}
