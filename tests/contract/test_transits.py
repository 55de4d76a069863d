"""Pending top-ups and refunds on every database: exact by the clock, each ended once, and nothing of them is lost."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shillings.ledger.operation import Course, Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.refund import Refund
from shillings.ledger.rows import TransitStatus
from shillings.ledger.topup import TopUp
from shillings.ledger.transit import conclude
from shillings.storage.accounts import Balance, BalanceLookup, Balances
from shillings.storage.changes import _is_empty
from shillings.storage.executor import Connection
from shillings.storage.history import EVERYTHING, Filter, HistoryLine, HistoryQuery, read_pages
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.transits import Begun, find_begun, find_due
from tests.contract.bank import MOMENT, TOKEN, Bank, Somebody, header, payment, topup
from tests.contract.test_ledger_races import at_once
from tests.snapshots import Snapshots
from tests.values import new_id

EARLY = "2026-01-02 04:04:05.000005"
UNTIL = "2026-01-02 04:04:05.000006"
"""An hour after MOMENT; and one microsecond less."""

OK = Outcome.OK
ARRIVES = Course(True, TransitStatus.SUCCEEDED, UNTIL)
BY_HAND = Course(True, TransitStatus.SUCCEEDED, "")


def at_first() -> datetime:
    """The time at which everything begins."""
    return MOMENT


def an_hour_later() -> datetime:
    """The time at which it is due."""
    return MOMENT + timedelta(hours=1)


def slow_topup(user: Somebody, amount: int, course: Course = ARRIVES, key: str = "") -> Operation:
    """A top-up that travels so."""
    return TopUp(header(user, key, TOKEN, "topup", "", amount), amount, None, course)


def slow_refund(user: Somebody, made: Operation, amount: int, course: Course) -> Operation:
    """A refund that travels so."""
    return Refund(header(user, "", TOKEN, "refund", amount), made.header.id, amount, course)


def due_of(bank: Bank, user: Somebody, now: str = UNTIL) -> list[Begun]:
    """What of somebody's is due."""
    return [one for one in find_due(bank.connection, now) if one.user_id == user.user_id]


def outcomes(bank: Bank, *operations: Operation, now: Callable[[], datetime] = at_first) -> list[Outcome]:
    """What becomes of a batch."""
    return [decision.outcome for decision in bank.execute(operations, now)]


def account(bank: Bank, user: Somebody, now: str) -> Balance:
    """What the account shows."""
    [found] = Balances().read(bank.connection, [BalanceLookup(user.user_id, TOKEN)], now)
    assert found is not None
    assert {type(amount) for amount in (found.balance, found.held, found.debt)} == {int}, "amounts are whole numbers"
    return found


def lines(bank: Bank, user: Somebody, now: str = UNTIL, wanted: Filter = EVERYTHING) -> list[HistoryLine]:
    """What the history shows."""
    query = HistoryQuery(user.user_id, TOKEN, 2**62, 100, wanted)
    [found] = read_pages(bank.connection, [query], now)
    return found or []


def test_topup_arrives_by_the_clock_whoever_looks_first(bank: Bank) -> None:
    """One microsecond early it is pending and cannot be spent; from its time on it is there: read, and spent."""
    ann, bob = bank.user(), bank.user()
    made = slow_topup(ann, 100)
    bank.execute([made], at_first)
    assert [line[1:6] for line in lines(bank, ann, EARLY)] == [(made.header.id, "topup", "", ann.email, 100)]
    seen = [(account(bank, ann, now).balance, lines(bank, ann, now)[0].progress.status) for now in (EARLY, UNTIL)]
    assert seen == [(0, "pending"), (100, "succeeded")]
    assert outcomes(bank, payment(ann, bob, 1)) == [Outcome.INSUFFICIENT_FUNDS]

    assert outcomes(bank, payment(ann, bob, 60), payment(ann, bob, 41), now=an_hour_later) == [
        OK, Outcome.INSUFFICIENT_FUNDS,
    ]  # fmt: skip
    assert (bank.balance(ann), bank.balance(bob)) == (40, 60)
    assert [line.kind for line in lines(bank, ann)] == ["payment", "settlement", "topup"]
    assert due_of(bank, ann) == []
    assert bank.ledger()


def test_only_what_somebody_short_of_money_waits_for_is_moved(bank: Bank) -> None:
    """A payment that is short makes its payer's money arrive, and leaves what others wait for to the job."""
    ann, bob, cat = bank.user(), bank.user(), bank.user()
    made = [slow_topup(ann, 100), slow_topup(bob, 100)]
    bank.execute(made, at_first)

    assert outcomes(bank, payment(ann, cat, 60), now=an_hour_later) == [OK]
    assert (due_of(bank, ann), due_of(bank, bob)) == ([], [(made[1].header.id, bob.user_id)])
    bank.execute([conclude(made[1].header.id, bob.user_id)], an_hour_later)


@pytest.mark.parametrize(("final", "shown"), [("succeeded", 100), ("returned", 0)])
def test_due_topups_are_found_and_ended(bank: Bank, final: str, shown: int) -> None:
    """The job finds what is due, and no earlier; what it comes to is what was shown before it ran."""
    ann = bank.user()
    made = slow_topup(ann, 100, Course(True, TransitStatus(final), UNTIL))
    bank.execute([made, slow_topup(ann, 5, BY_HAND)], at_first)
    assert due_of(bank, ann, EARLY) == []
    assert account(bank, ann, UNTIL).balance == shown
    due = due_of(bank, ann)

    assert due == [(made.header.id, ann.user_id)]
    assert outcomes(bank, *[conclude(*one) for one in due * 2], now=an_hour_later) == [OK, Outcome.NOT_FOUND]
    assert (bank.balance(ann), due_of(bank, ann)) == (shown, [])
    assert lines(bank, ann, UNTIL, Filter(transaction_id=made.header.id))[0].progress.status == final
    assert bank.ledger()


def test_debt_blocks_and_is_settled_by_what_comes_in(bank: Bank) -> None:
    """What of a returned top-up was spent is owed: shown, in the way of payments, repaid by receipts and top-ups."""
    ann, bob = bank.user(), bank.user()
    made = topup(ann, 100)
    bank.execute([made, payment(ann, bob, 70)], at_first)
    assert outcomes(bank, conclude(made.header.id, ann.user_id, arrives=False)) == [OK]
    assert account(bank, ann, EARLY)[::3] == (0, 70)
    assert outcomes(bank, payment(ann, bob, 1), now=an_hour_later) == [Outcome.DEBT_OUTSTANDING]

    assert outcomes(bank, payment(bob, ann, 30)) == [OK]
    assert account(bank, ann, EARLY)[::3] == (0, 40)
    bank.execute([slow_topup(ann, 45)], at_first)
    assert [account(bank, ann, now)[::3] for now in (EARLY, UNTIL)] == [(0, 40), (5, 0)]
    assert outcomes(bank, payment(ann, bob, 5), now=an_hour_later) == [OK]
    assert [(line.kind, line.amount) for line in lines(bank, ann)][-6:-2] == [
        ("repayment", 30), ("payment", 30), ("return", 100), ("loan", 70),
    ]  # fmt: skip
    assert (bank.balance(ann), bank.balance(bob)) == (0, 45)
    assert bank.rows(f"SELECT amount FROM debts WHERE user_id = x'{ann.user_id.hex()}'") == [(0,)]
    assert bank.ledger()


def test_failed_refund_counts_no_more(bank: Bank) -> None:
    """Pending, a refund counts as refunded and is nobody's; failed, by the clock, it is as if it had never been."""
    ann, bob = bank.user(100), bank.user()
    paid = payment(ann, bob, 100)
    bank.execute([paid], at_first)
    back = slow_refund(bob, paid, 60, Course(True, TransitStatus.FAILED, UNTIL))
    assert outcomes(bank, back) == [OK]
    assert [(line.kind, line.progress.status, line.refunded) for line in lines(bank, ann, EARLY)[:2]] == [
        ("refund", "pending", 0), ("payment", "succeeded", 60),
    ]  # fmt: skip
    assert (account(bank, bob, EARLY).balance, account(bank, bob, UNTIL).balance) == (40, 100)
    assert outcomes(bank, payment(bob, ann, 100), now=an_hour_later) == [OK]

    assert [(line.kind, line.progress.status, line.refunded) for line in lines(bank, bob)] == [
        ("payment", "succeeded", 0), ("reversal", "succeeded", 0), ("refund", "failed", 0),
        ("payment", "succeeded", 0),
    ]  # fmt: skip
    assert (bank.balance(ann), bank.balance(bob)) == (100, 0)
    assert bank.ledger()


def test_key_of_a_pending_topup_decides_once(bank: Bank) -> None:
    """Sent again with its key, while it is pending and after it came back, it is the same one, and moves nothing."""
    ann = bank.user()
    first, *others = [slow_topup(ann, 100, BY_HAND, "key") for _ in range(3)]
    decisions = bank.execute([first, others[0]], at_first)
    bank.execute([conclude(first.header.id, ann.user_id, arrives=False)], at_first)
    decisions += bank.execute([others[1]], at_first)

    assert [(one.outcome, one.transaction_id, one.replayed) for one in decisions] == [
        (OK, first.header.id, False), (OK, first.header.id, True), (OK, first.header.id, True),
    ]  # fmt: skip
    assert bank.balance(ann) == 0
    assert bank.ledger()


@pytest.mark.parametrize("seed", range(2))
async def test_ends_at_once_end_each_transit_once(bank: Bank, seed: int) -> None:
    """Two servers, one settling and one returning the same top-ups at the same moment: each goes one way at a time."""
    ann = bank.user()
    made = [slow_topup(ann, 10 + seed, BY_HAND) for _ in range(12)]
    bank.execute(made, at_first)
    known = KnownLinks()

    def works(arrives: bool) -> list[Callable[[Connection], Any]]:
        ends = [conclude(one.header.id, ann.user_id, arrives=arrives) for one in made]
        return [LedgerBatch([one], known, at_first).execute for one in ends]

    settled, returned = await at_once(bank, works(True), works(False)[:: 1 - 2 * seed])
    assert {decision.outcome for [decision] in settled} <= {OK, Outcome.ALREADY_RETURNED}
    assert [decision.outcome for [decision] in returned] == [OK] * len(made)
    assert bank.balance(ann) == 0
    assert bank.ledger()


def test_same_topup_settled_and_returned_in_one_batch(bank: Bank) -> None:
    """Two ends of one top-up in one batch are written as one row, the later one."""
    ann = bank.user()
    made = slow_topup(ann, 10, BY_HAND)
    bank.execute([made], at_first)
    both = [conclude(made.header.id, ann.user_id, arrives=arrives) for arrives in (True, False)]

    assert outcomes(bank, *both) == [OK, OK]
    assert lines(bank, ann)[-1].progress.status == "returned"
    assert bank.ledger()


def test_only_what_is_of_the_kind_is_found(bank: Bank) -> None:
    """An end by hand is of a top-up or of a pending refund; anything else is not found."""
    ann, bob = bank.user(100), bank.user()
    paid, slow = payment(ann, bob, 10), slow_topup(ann, 10)
    bank.execute([paid, slow], at_first)

    assert find_begun(bank.connection, slow.header.id, ["topup", "pending_topup"]) == (slow.header.id, ann.user_id)
    assert find_begun(bank.connection, paid.header.id, ["topup", "pending_topup"]) is None
    assert find_begun(bank.connection, new_id(), ["pending_refund"]) is None
    assert outcomes(bank, conclude(paid.header.id, ann.user_id, arrives=False)) == [Outcome.NOT_FOUND]


def _step(chance: random.Random, people: list[Somebody], begun: list[Operation]) -> Operation:
    """Anything that may be asked, by anybody or the clock."""
    one, other = chance.sample(people, 2)
    amount = chance.randrange(1, 15)
    at = chance.choice(["", UNTIL])
    match chance.randrange(9):
        case 0 | 1:
            made = payment(one, other, amount)
        case 2 | 3:
            final = chance.choice([TransitStatus.SUCCEEDED, TransitStatus.RETURNED])
            made = slow_topup(one, amount, Course(chance.random() < 0.5, final, at))
        case 4:
            course = Course(True, chance.choice([TransitStatus.SUCCEEDED, TransitStatus.FAILED]), at)
            made = slow_refund(one, chance.choice(begun), amount, course)
        case _:
            ended = chance.choice(begun).header
            return conclude(ended.id, ended.user_id, arrives=chance.choice([True, False, None]))
    begun.append(made)
    return made


@pytest.mark.parametrize("seed", range(2))
async def test_any_mixture_conserves_money_in_every_snapshot(bank: Bank, seed: int) -> None:
    """Two servers at once, with payments, late and returned top-ups and failing refunds: at no moment is money lost."""
    people = [bank.user(20) for _ in range(4)]
    chance = random.Random(seed)
    spent = topup(people[0], 30)
    begun: list[Operation] = [spent, payment(people[0], people[1], 45)]
    bank.execute(begun, at_first)
    assert outcomes(bank, conclude(spent.header.id, people[0].user_id, arrives=False)) == [OK]
    steps = [[[_step(chance, people, begun) for _ in range(4)] for _ in range(25)] for _ in range(2)]
    works: list[list[Callable[[Connection], list[Decision]]]] = [
        [LedgerBatch(batch, KnownLinks(), an_hour_later).execute for batch in server] for server in steps
    ]
    with Snapshots(bank.url) as snapshots:
        found = await at_once(bank, *works)
    seen = Counter(decision.outcome for server in found for batch in server for decision in batch)

    assert (snapshots.wrong, snapshots.taken > 0) == ([], True)
    assert bank.ledger()
    assert seen.keys() >= {OK, Outcome.NOT_FOUND}
    assert bank.rows("SELECT COUNT(*) > 0 FROM transactions WHERE kind = 'repayment'") == [(1,)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_commit_beside_a_topup_that_is_due_is_told_truly(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A settlement that another server wrote does not pass for the batch that was lost: the payment is made once."""
    ann, bob = bank.user(), bank.user()
    slow, paid = slow_topup(ann, 100), payment(ann, bob, 30)
    bank.execute([slow], at_first)
    batch, other = bank.batch([paid], an_hour_later), bank.open()
    commit = Connection.commit

    def lose(connection: Connection, *writes: str) -> None:
        monkeypatch.setattr(Connection, "commit", commit)
        if when == "after":
            commit(connection, *writes)
        else:
            connection.query("ROLLBACK")
            LedgerBatch([conclude(slow.header.id, ann.user_id)], KnownLinks(), an_hour_later).execute(other)
        raise ConnectionError

    monkeypatch.setattr(Connection, "commit", lose)
    with pytest.raises(ConnectionError):
        batch.execute(bank.connection)
    [decision] = batch.execute(bank.connection)

    assert (decision.outcome, decision.transaction_id) == (OK, paid.header.id)
    assert (bank.balance(ann), bank.balance(bob)) == (70, 30)
    assert bank.ledger()


def test_account_with_money_on_its_way_or_a_debt_is_not_closed(bank: Bank) -> None:
    """Closing waits for what is pending, for what is to come back, and for what is owed; then it is done."""
    ann, bob = bank.user(), bank.user()
    slow, recalled = slow_topup(ann, 10), slow_topup(bob, 10, Course(False, TransitStatus.RETURNED, UNTIL))
    bank.execute([slow, recalled, payment(bob, ann, 10)], at_first)
    bank.execute([payment(ann, bank.user(), 10)], at_first)
    assert [bank.balance(user) for user in (ann, bob)] == [0, 0]
    assert [_is_empty(bank.connection, user.user_id) for user in (ann, bob)] == [False, False]
    due = find_due(bank.connection, UNTIL)
    bank.execute([conclude(*one) for one in due], an_hour_later)
    bank.execute([payment(ann, bob, 10)], an_hour_later)

    assert [_is_empty(bank.connection, user.user_id) for user in (ann, bob)] == [True, True]
    bank.execute([conclude(slow.header.id, ann.user_id, arrives=False)], at_first)
    assert account(bank, ann, EARLY)[::3] == (0, 10)
    assert not _is_empty(bank.connection, ann.user_id)
