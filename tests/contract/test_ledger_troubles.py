"""Whatever the database does in the middle of it, a batch is applied whole and once, or the answer says unknown."""

import pymysql
import pytest

from shillings import ids
from shillings.errors import OutcomeUnknown, Unavailable
from shillings.ledger.outcomes import Outcome
from shillings.ledger.transfers import Decision, Transfer
from shillings.storage import engine as engine_module
from shillings.storage import lanes
from shillings.storage.engine import SQLITE, Trouble, trouble
from shillings.storage.lanes import CONFLICT_RETRIES_MAX, Session
from shillings.storage.schema import migrate
from tests.contract.bank import NOBODY, Bank, Somebody, payment, topup
from tests.contract.troubles import CONFLICTS, Plan, database_error

LOST = 2013
READ, COMMIT = 1, 2
"""The visits of a batch whose receivers are not known yet: 0 finds them, 1 locks and reads, 2 writes and commits."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long between runs, and looks as long as it takes on a busy machine."""
    monkeypatch.setattr(lanes, "CONFLICT_PAUSE_SECONDS", 0.0005)
    monkeypatch.setattr(lanes, "LOST_COMMIT_SECONDS_MAX", 10.0)


async def carry_out(bank: Bank, wishes: list[Transfer]) -> list[Decision]:
    """Carry a batch out in a lane, as the service does."""
    lane = bank.lane()
    try:
        return await lane.run(bank.batch(wishes).carry_out)
    finally:
        await lane.close()


def three(ann: Somebody, bob: Somebody, key: str) -> list[Transfer]:
    """Two payments that are possible and one that is not."""
    return [payment(ann, bob, 10, key and key + "1"), payment(ann, NOBODY, 1, key and key + "2"), payment(ann, bob, 5)]


@pytest.mark.parametrize("key", ["", "key"], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    "troubles",
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
    bank: Bank, monkeypatch: pytest.MonkeyPatch, troubles: list[tuple[int, str, int]], key: str
) -> None:
    """Whether the COMMIT whose answer was lost had happened or not: the batch stands once, and so it is told."""
    ann, bob = bank.user(100), bank.user()
    bank.receivers = type(bank.receivers)()
    wishes = three(ann, bob, key)
    plan = Plan(*troubles)
    plan.install(monkeypatch)
    decisions = await carry_out(bank, wishes)
    ledger = bank.ledger()

    assert plan.all_met
    assert decisions == [
        Decision(Outcome.OK, wishes[0].transaction_id),
        Decision(Outcome.RECEIVER_NOT_FOUND, ids.NIL),
        Decision(Outcome.OK, wishes[2].transaction_id),
    ]
    assert (bank.balance(ann), bank.balance(bob)) == (85, 15)
    assert sum(row.transaction_id == wishes[0].transaction_id for row in ledger.transactions) == 1
    if key:
        assert [one.replayed for one in await carry_out(bank, wishes[:2])] == [True, True]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_refusal_whose_commit_was_lost_is_no_replay(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A refusal kept under a key is answered as the first answer, also when its COMMIT had to be looked into."""
    ann, bob = bank.user(5), bank.user()
    bank.receivers = type(bank.receivers)()
    plan = Plan((COMMIT, when, LOST))
    plan.install(monkeypatch)

    assert await carry_out(bank, [payment(ann, bob, 10, "key")]) == [Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL)]
    assert plan.all_met
    [again] = await carry_out(bank, [payment(ann, bob, 10, "key")])
    assert again == Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL, replayed=True)


def test_refusal_that_never_arrived_gives_way_to_what_was_decided_since(bank: Bank) -> None:
    """A refusal whose COMMIT never arrived is not what the key says once another server has used it and paid."""

    class Deaf(Session):
        def commit(self, *statements: str) -> None:
            raise database_error(LOST)

    ann, bob = bank.user(5), bank.user()
    refused = bank.batch([payment(ann, bob, 10, "key")])
    with pytest.raises(pymysql.err.OperationalError):
        refused.carry_out(deaf := bank.open(Deaf))
    deaf.discard()
    bank.carry_out([topup(ann, 5)])
    [paid] = bank.carry_out([payment(ann, bob, 10, "key")])

    assert refused.carry_out(bank.session) == [Decision(Outcome.OK, paid.transaction_id, replayed=True)]


async def test_unanswered_commit_of_a_database_that_stays_away_is_unknown(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody can tell whether it was committed the answer is unknown; the key tells the truth later."""
    monkeypatch.setattr(lanes, "LOST_COMMIT_SECONDS_MAX", 0.1)
    ann = bank.user()
    wish = topup(ann, 5, "key")
    plan = Plan((1, "after", LOST), *[(visit, "before", 2003) for visit in range(2, 10_000)])
    plan.install(monkeypatch)
    with pytest.raises(OutcomeUnknown):
        await carry_out(bank, [wish])
    monkeypatch.undo()

    [decision] = await carry_out(bank, [topup(ann, 5, "key")])
    assert decision == Decision(Outcome.OK, wish.transaction_id, replayed=True)
    assert bank.balance(ann) == 5


async def test_database_that_is_lost_before_the_commit_is_unavailable(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that goes away before the COMMIT was sent has applied nothing, and the answer says so."""
    ann = bank.user()
    Plan(*[(visit, "before", LOST) for visit in range(100)]).install(monkeypatch)
    with pytest.raises(Unavailable):
        await carry_out(bank, [topup(ann, 5, "key")])

    assert bank.balance(ann) == 0
    assert not [key for key in bank.ledger().keys if key.user_id == ann.user_id]


@pytest.mark.parametrize("code", CONFLICTS.values(), ids=CONFLICTS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("visit", [0, READ])
async def test_conflict_while_reading_is_run_again(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int, when: str, visit: int
) -> None:
    """A conflict before anything was written is run again, whole, and nobody notices."""
    await _survives(bank, monkeypatch, (visit, when, code))


@pytest.mark.parametrize("code", CONFLICTS.values(), ids=CONFLICTS)
async def test_conflict_at_the_commit_is_run_again(bank: Bank, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A conflict in place of the COMMIT is run again, whole."""
    await _survives(bank, monkeypatch, (COMMIT, "before", code))


async def _survives(bank: Bank, monkeypatch: pytest.MonkeyPatch, trouble: tuple[int, str, int]) -> None:
    ann, bob = bank.user(100), bank.user()
    bank.receivers = type(bank.receivers)()
    plan = Plan(trouble)
    plan.install(monkeypatch)
    decisions = await carry_out(bank, three(ann, bob, "key"))

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
    original = lanes.Session.commit
    met: list[int] = []

    def commit(self: lanes.Session, *writes: str) -> None:
        if not met:
            met.append(code)
            self.visit(*writes[:statements])
            raise database_error(code)
        original(self, *writes)

    monkeypatch.setattr(lanes.Session, "commit", commit)
    decisions = await carry_out(bank, three(ann, bob, "key"))

    assert [one.outcome for one in decisions] == [Outcome.OK, Outcome.RECEIVER_NOT_FOUND, Outcome.OK]
    assert (bank.balance(ann), bank.balance(bob)) == (85, 15)
    assert bank.ledger()


async def test_conflicts_without_end_are_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded number of runs the batch is refused, and nothing of it stands."""
    ann = bank.user()
    plan = Plan(*[(visit, "before", 1213) for visit in range(CONFLICT_RETRIES_MAX + 1)])
    plan.install(monkeypatch)
    with pytest.raises(Unavailable):
        await carry_out(bank, [topup(ann, 5, "key")])

    assert plan.all_met
    assert bank.balance(ann) == 0


async def test_row_that_cannot_be_written_takes_nothing_along(bank: Bank) -> None:
    """When one row of a batch is refused by the database, no part of the batch stands, and it is not tried again."""
    ann, bob = bank.user(100), bank.user()
    used = payment(ann, bob, 1)
    bank.carry_out([used])
    before = bank.ledger()
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        await carry_out(bank, [payment(ann, bob, 2), used._replace(amount=3)])

    assert bank.ledger() == before


async def test_lane_goes_on_after_a_row_that_cannot_be_written(bank: Bank) -> None:
    """What the database refused leaves no transaction open in which the next batch would find itself."""
    ann, bob, lane = bank.user(100), bank.user(), bank.lane()
    used = payment(ann, bob, 1)
    bank.carry_out([used])
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        await lane.run(bank.batch([used._replace(amount=3)]).carry_out)
    [decision] = await lane.run(bank.batch([payment(ann, bob, 2)]).carry_out)
    await lane.close()

    assert decision.outcome is Outcome.OK
    assert bank.balance(bob) == 3
    assert bank.ledger()


async def test_lane_goes_on_after_a_commit_that_had_happened(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Having looked what became of a COMMIT, the lane holds no wallet any more."""
    ann, bob = bank.user(100), bank.user()
    bank.receivers = type(bank.receivers)()
    Plan((COMMIT, "after", LOST)).install(monkeypatch)
    lane = bank.lane()
    await lane.run(bank.batch([payment(ann, bob, 1)]).carry_out)
    bank.carry_out([topup(ann, 1)])
    await lane.run(bank.batch([payment(ann, bob, 2)]).carry_out)
    await lane.close()

    assert (bank.balance(ann), bank.balance(bob)) == (98, 3)


async def test_wallet_of_a_server_that_stopped_is_free_again(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB undoes the transaction of a server that stopped in its middle, and its wallets can pay again."""
    monkeypatch.setattr(engine_module, "IDLE_TRANSACTION_SECONDS_MAX", 1)
    bank = Bank(fresh_database_url)
    migrate(bank.engine)
    ann, stopped, lane = bank.user(10), bank.open(), bank.lane()
    stopped.visit(bank.dialect.begin)
    stopped.visit(f"UPDATE users SET balance = 99 WHERE user_id = x'{ann.user_id.hex()}'")

    assert (await lane.run(bank.batch([topup(ann, 1)]).carry_out))[0].outcome is Outcome.OK
    assert bank.balance(ann) == 11
    with pytest.raises(Exception, match=r"(?i)lost|gone|timeout") as caught:
        stopped.commit()
    assert trouble(caught.value) is Trouble.LOST
    await lane.close()
    bank.close()


async def test_wallet_held_by_another_is_waited_for_or_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that another transaction holds for too long ends in a refusal within bounds, and nothing is applied."""
    monkeypatch.setattr(engine_module, "LOCK_WAIT_SECONDS_MAX", 1)
    monkeypatch.setattr(lanes, "CONFLICT_RETRIES_MAX", 0)
    ann, holder, lane = bank.user(10), bank.open(), bank.lane()
    if bank.dialect is SQLITE:
        await lane.run(lambda session: session.visit("PRAGMA busy_timeout = 100"))
    holder.visit(bank.dialect.begin)
    holder.visit(f"UPDATE users SET phone = '1' WHERE user_id = x'{ann.user_id.hex()}'")
    with pytest.raises(Unavailable):
        await lane.run(bank.batch([topup(ann, 1)]).carry_out)
    holder.roll_back()

    assert (await lane.run(bank.batch([topup(ann, 1)]).carry_out))[0].outcome is Outcome.OK
    assert bank.balance(ann) == 11
    await lane.close()
