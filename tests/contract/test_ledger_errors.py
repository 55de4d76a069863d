"""Whatever the database does in the middle of it, a batch is applied whole and once, or the answer says unknown."""

import pymysql
import pytest

from shillings.base import ids
from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.storage import executor as executors
from shillings.storage.engines import SQLITE
from shillings.storage.engines import mysql as engine_module
from shillings.storage.events import EventQuery, find
from shillings.storage.executor import CONFLICT_RETRIES_MAX, Connection
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.listening import Listening
from tests.contract.bank import NOBODY, Bank, Somebody, payment, topup
from tests.contract.hooks import Hooks
from tests.contract.planned_errors import CONFLICTS, Plan, database_error
from tests.values import now

LOST = 2013
READ, COMMIT = 1, 2
"""A batch's round trips where receivers are not known yet: 0 finds them, 1 locks and reads, 2 writes and commits."""

SHORT_COMMIT = 3
"""Where somebody is short of money, the round trip before looks for what is theirs by now."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long between runs, and checks as long as it takes on a busy machine."""
    monkeypatch.setattr(executors, "CONFLICT_PAUSE_SECONDS", 0.0005)
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 10.0)


async def execute(bank: Bank, operations: list[Operation]) -> list[Decision]:
    """Execute a batch in an executor, as the service does."""
    executor = bank.executor()
    try:
        return await executor.run(bank.batch(operations).execute)
    finally:
        await executor.close()


def three(ann: Somebody, bob: Somebody, key: str) -> list[Operation]:
    """Two payments that are possible and one that is not."""
    return [payment(ann, bob, 10, key and key + "1"), payment(ann, NOBODY, 1, key and key + "2"), payment(ann, bob, 5)]


@pytest.mark.parametrize("key", ["", "key"], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    "failures",
    [
        [(COMMIT, "after", LOST)],
        [(COMMIT, "before", LOST)],
        [(COMMIT, "after", LOST), (3, "before", LOST), (5, "after", LOST)],
        [(COMMIT, "before", LOST), (5, "after", LOST)],
        [(COMMIT, "before", LOST), (5, "before", LOST), (8, "after", LOST)],
        [(COMMIT, "after", LOST), (4, "after", 1213)],
        [(READ, "after", LOST)],
        [(0, "before", LOST)],
    ],
    ids=[
        "committed",
        "not committed",
        "committed, then lost twice",
        "not committed, then committed",
        "not committed twice, then committed",
        "committed, then a deadlock",
        "while it read",
        "before it began",
    ],
)
async def test_lost_connection_applies_a_batch_once(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, failures: list[tuple[int, str, int]], key: str
) -> None:
    """Whether the COMMIT whose answer was lost had happened or not: the batch is there once, and so it is told."""
    ann, bob = bank.user(100), bank.user()
    bank.known = KnownLinks()
    operations = three(ann, bob, key)
    plan = Plan(*failures)
    plan.install(monkeypatch)
    decisions = await execute(bank, operations)
    ledger = bank.ledger()

    assert plan.all_met
    assert decisions == [
        Decision(Outcome.OK, operations[0].header.id),
        Decision(Outcome.RECEIVER_NOT_FOUND, ids.NIL),
        Decision(Outcome.OK, operations[2].header.id),
    ]
    assert (bank.balance(ann), bank.balance(bob)) == (85, 15)
    assert sum(row.transaction_id == operations[0].header.id for row in ledger.transactions) == 1
    if key:
        assert [one.replayed for one in await execute(bank, operations[:2])] == [True, True]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_refusal_whose_commit_was_lost_is_no_replay(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A refusal kept under a key is answered as the first answer, also when its COMMIT had to be looked into."""
    ann, bob = bank.user(5), bank.user()
    bank.known = KnownLinks()
    plan = Plan((SHORT_COMMIT, when, LOST))
    plan.install(monkeypatch)

    assert await execute(bank, [payment(ann, bob, 10, "key")]) == [Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL)]
    assert plan.all_met
    assert plan.trips[SHORT_COMMIT][-1] == "COMMIT"
    [again] = await execute(bank, [payment(ann, bob, 10, "key")])
    assert again == Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL, replayed=True)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_refusal_that_somebody_hears_of_is_told_once(
    bank: Bank, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Where a batch writes nothing but that a payment was refused, its event tells whether a lost COMMIT happened."""
    ann, bob = Somebody(hooks.owner.user_id, "ann@example.com"), bank.user()
    operation = payment(ann, bob, 10)
    batch = LedgerBatch([operation], KnownLinks(), now, Listening())
    plan = Plan((SHORT_COMMIT, when, LOST))
    plan.install(monkeypatch)
    executor = bank.executor()
    decisions = await executor.run(batch.execute)
    await executor.close()

    assert plan.all_met
    assert plan.trips[SHORT_COMMIT][-1] == "COMMIT"
    assert decisions == [Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL)]
    heard = find(bank.connection, hooks.owner, EventQuery())
    assert [event.object_id for event in heard] == [operation.header.id]


@pytest.mark.parametrize("code", [1047, 1180])
async def test_commit_that_a_node_denied_and_its_cluster_applied(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A node that is cut off at a COMMIT says it failed while the others applied it: it is looked for, not refused."""
    ann, bob = bank.user(10), bank.user()
    plan = Plan((COMMIT, "after", code))
    bank.known = type(bank.known)()
    plan.install(monkeypatch)
    [decision] = await execute(bank, [payment(ann, bob, 4, "key")])

    assert plan.all_met
    assert (decision.outcome, decision.replayed) == (Outcome.OK, False)
    assert (bank.balance(ann), bank.balance(bob)) == (6, 4)


def test_refusal_that_never_arrived_gives_way_to_what_was_decided_since(bank: Bank) -> None:
    """A refusal whose COMMIT never arrived is not what the key says once another server has used it and paid."""

    class Deaf(Connection):
        def commit(self, *statements: str) -> None:
            raise database_error(LOST)

    ann, bob = bank.user(5), bank.user()
    refused = bank.batch([payment(ann, bob, 10, "key")])
    with pytest.raises(pymysql.err.OperationalError):
        refused.execute(deaf := bank.open(Deaf))
    deaf.discard()
    bank.execute([topup(ann, 5)])
    [paid] = bank.execute([payment(ann, bob, 10, "key")])

    assert refused.execute(bank.connection) == [Decision(Outcome.OK, paid.transaction_id, replayed=True)]


async def test_unanswered_commit_of_a_database_that_stays_down_is_unknown(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody can tell whether it was committed the answer is unknown; the key tells the truth later."""
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 0.1)
    ann = bank.user()
    operation = topup(ann, 5, "key")
    plan = Plan((1, "after", LOST), *[(trip, "before", 2003) for trip in range(2, 10_000)])
    plan.install(monkeypatch)
    with pytest.raises(OutcomeUnknown):
        await execute(bank, [operation])
    monkeypatch.undo()

    [decision] = await execute(bank, [topup(ann, 5, "key")])
    assert decision == Decision(Outcome.OK, operation.header.id, replayed=True)
    assert bank.balance(ann) == 5


async def test_database_that_is_lost_before_the_commit_is_unavailable(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is lost before the COMMIT was sent has applied nothing, and the answer says so."""
    ann = bank.user()
    Plan(*[(trip, "before", LOST) for trip in range(100)]).install(monkeypatch)
    with pytest.raises(Unavailable):
        await execute(bank, [topup(ann, 5, "key")])

    assert bank.balance(ann) == 0
    assert not [key for key in bank.ledger().keys if key[0] == ann.user_id]


@pytest.mark.parametrize("code", CONFLICTS.values(), ids=CONFLICTS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trip", [0, READ])
async def test_conflict_while_reading_is_run_again(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int, when: str, trip: int
) -> None:
    """A conflict before anything was written is run again, whole, and nobody notices."""
    await _survives(bank, monkeypatch, (trip, when, code))


@pytest.mark.parametrize("code", CONFLICTS.values(), ids=CONFLICTS)
async def test_conflict_at_the_commit_is_run_again(bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A conflict in place of the COMMIT is run again, whole."""
    await _survives(bank, monkeypatch, (COMMIT, "before", code))


async def _survives(bank: Bank, monkeypatch: pytest.MonkeyPatch, failure: tuple[int, str, int]) -> None:
    ann, bob = bank.user(100), bank.user()
    bank.known = KnownLinks()
    plan = Plan(failure)
    plan.install(monkeypatch)
    decisions = await execute(bank, three(ann, bob, "key"))

    assert plan.all_met
    assert [one.outcome for one in decisions] == [Outcome.OK, Outcome.RECEIVER_NOT_FOUND, Outcome.OK]
    assert not any(one.replayed for one in decisions)
    assert (bank.balance(ann), bank.balance(bob)) == (85, 15)
    assert bank.ledger()


@pytest.mark.parametrize("statements", [1, 2, 3])
@pytest.mark.parametrize("code", CONFLICTS.values(), ids=CONFLICTS)
async def test_conflict_between_the_writes_leaves_no_half(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int, statements: int
) -> None:
    """1205 undoes one statement only: what was written before it must not be committed by what comes after."""
    ann, bob = bank.user(100), bank.user()
    original = executors.Connection.commit
    met: list[int] = []

    def commit(self: executors.Connection, *writes: str) -> None:
        if not met:
            met.append(code)
            self.query(*writes[:statements])
            raise database_error(code)
        original(self, *writes)

    monkeypatch.setattr(executors.Connection, "commit", commit)
    decisions = await execute(bank, three(ann, bob, "key"))

    assert [one.outcome for one in decisions] == [Outcome.OK, Outcome.RECEIVER_NOT_FOUND, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (85, 15)
    assert bank.ledger()


async def test_conflicts_without_end_are_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded number of runs the batch is refused, and nothing of it is there."""
    ann = bank.user()
    plan = Plan(*[(trip, "before", 1213) for trip in range(CONFLICT_RETRIES_MAX + 1)])
    plan.install(monkeypatch)
    with pytest.raises(Unavailable):
        await execute(bank, [topup(ann, 5, "key")])

    assert plan.all_met
    assert bank.balance(ann) == 0


async def test_row_that_cannot_be_written_takes_nothing_along(bank: Bank) -> None:
    """When one row of a batch is refused by the database, no part of the batch is there, and it is not tried again."""
    ann, bob = bank.user(100), bank.user()
    used = payment(ann, bob, 1)
    bank.execute([used])
    before = bank.ledger()
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        await execute(bank, [payment(ann, bob, 2), Payment(used.header, bob.email, 3)])

    assert bank.ledger() == before


async def test_executor_goes_on_after_a_row_that_cannot_be_written(bank: Bank) -> None:
    """What the database refused leaves no transaction open in which the next batch would find itself."""
    ann, bob, executor = bank.user(100), bank.user(), bank.executor()
    used = payment(ann, bob, 1)
    bank.execute([used])
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        await executor.run(bank.batch([Payment(used.header, bob.email, 3)]).execute)
    [decision] = await executor.run(bank.batch([payment(ann, bob, 2)]).execute)
    await executor.close()

    assert decision.outcome is Outcome.OK
    assert bank.balance(bob) == 3
    assert bank.ledger()


async def test_executor_goes_on_after_a_commit_that_had_happened(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Having looked what became of a COMMIT, the executor holds no wallet any more."""
    ann, bob = bank.user(100), bank.user()
    bank.known = KnownLinks()
    Plan((COMMIT, "after", LOST)).install(monkeypatch)
    executor = bank.executor()
    await executor.run(bank.batch([payment(ann, bob, 1)]).execute)
    bank.execute([topup(ann, 1)])
    await executor.run(bank.batch([payment(ann, bob, 2)]).execute)
    await executor.close()

    assert (bank.balance(ann), bank.balance(bob)) == (98, 3)


async def test_wallet_held_by_another_is_waited_for_or_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that another transaction holds for too long ends in a refusal within bounds, and nothing is applied."""
    monkeypatch.setattr(engine_module, "LOCK_WAIT_SECONDS_MAX", 1)
    monkeypatch.setattr(executors, "CONFLICT_RETRIES_MAX", 0)
    ann, holder, executor = bank.user(10), bank.open(), bank.executor()
    if bank.dialect is SQLITE:
        await executor.run(lambda connection: connection.query("PRAGMA busy_timeout = 100"))
    holder.query(bank.dialect.begin)
    holder.query(f"UPDATE users SET phone = '1' WHERE user_id = x'{ann.user_id.hex()}'")
    with pytest.raises(Unavailable):
        await executor.run(bank.batch([topup(ann, 1)]).execute)
    holder.roll_back()

    assert (await executor.run(bank.batch([topup(ann, 1)]).execute))[0].outcome is Outcome.OK
    assert bank.balance(ann) == 11
    await executor.close()
