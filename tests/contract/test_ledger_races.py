"""Several processes on one database: each is stood in for by a thread with connections of its own."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.storage.executor import Connection
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from shillings.storage.ledger_optimistic import KnownWallets
from tests.contract.bank import Bank, Somebody, payment, topup
from tests.contract.planned_errors import Paused
from tests.values import now

Result = TypeVar("Result")


async def at_once(bank: Bank, *works: list[Callable[[Connection], Result]]) -> list[list[Result]]:
    """Do each list of works in order, in a thread of its own, all threads at once."""
    executors = [bank.executor() for _ in works]
    gate = threading.Barrier(len(works))

    async def follow(number: int) -> list[Result]:
        await executors[number].run(lambda _session: gate.wait(10))
        return [await executors[number].run(work) for work in works[number]]

    try:
        return await asyncio.gather(*[follow(number) for number in range(len(works))])
    finally:
        for executor in executors:
            await executor.close()


def batches(operations: list[list[Operation]]) -> list[Callable[[Connection], list[Decision]]]:
    """The batches of one process, which remembers links and wallets by itself, and acts on wallets whenever it can."""
    known, wallets = KnownLinks(), KnownWallets(always=True)
    return [LedgerBatch(batch, known, now, wallets=wallets).execute for batch in operations]


@pytest.fixture
def locking(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bank reads wallets under their locks, always."""
    monkeypatch.setattr(bank, "wallets", None)


@pytest.mark.parametrize("seed", range(3))
async def test_crossing_payments_conserve_money(bank: Bank, seed: int) -> None:
    """Processes that pay to and fro between the same few wallets lose nothing, make nothing, overdraw nothing."""
    people = [bank.user(20) for _ in range(4)]
    chance = random.Random(seed)
    operations = [[_crossing(chance, people) for _ in range(25)] for _ in range(2)]
    found = await at_once(bank, *map(batches, operations))
    outcomes = [one.outcome for process in found for batch in process for one in batch]

    assert sum(bank.balance(one) for one in people) == 80
    assert set(outcomes) == {Outcome.OK, Outcome.INSUFFICIENT_FUNDS}
    assert bank.ledger()


def _crossing(chance: random.Random, people: list[Somebody]) -> list[Operation]:
    pairs = [chance.sample(people, 2) for _ in range(3)]
    return [payment(one, other, chance.randrange(1, 15)) for one, other in pairs]


async def test_one_key_at_once_moves_money_once(bank: Bank) -> None:
    """However many processes are sent the same key at the same moment, one carries it out and all say the same."""
    ann, bob = bank.user(1000), bank.user()
    operations = [[[payment(ann, bob, 10, f"key {number}")] for number in range(10)] for _ in range(4)]
    found = await at_once(bank, *map(batches, operations))

    for number in range(10):
        decisions = [process[number][0] for process in found]
        assert len({one.transaction_id for one in decisions}) == 1
        assert [one.replayed for one in decisions].count(False) == 1
    assert (bank.balance(ann), bank.balance(bob)) == (900, 100)
    assert bank.ledger()


@pytest.mark.usefixtures("locking")
@pytest.mark.parametrize("involved", ["payer", "receiver"])
def test_batch_waits_for_the_wallets_it_needs(bank: Bank, involved: str) -> None:
    """While one process is about to commit, another's batch on the same wallet waits, and then sees what it did."""
    ann, bob, cat = bank.user(10), bank.user(10), bank.user(10)
    first, second = bank.open(Paused), bank.open()
    assert isinstance(first, Paused)
    slow = threading.Thread(target=bank.batch([payment(ann, bob, 10)]).execute, args=(first,))
    operation = payment(bob, cat, 20) if involved == "payer" else topup(bob, 5)
    decisions: list[Decision] = []
    fast = threading.Thread(target=lambda: decisions.extend(bank.batch([operation]).execute(second)))
    slow.start()
    assert first.at_commit.wait(10)
    fast.start()
    # Without locks it would be done long before.
    fast.join(0.3)
    assert fast.is_alive()
    first.go_on.set()
    slow.join(10)
    fast.join(10)

    assert [one.outcome for one in decisions] == [Outcome.OK]
    assert bank.balance(bob) == (0 if involved == "payer" else 25)
    assert bank.ledger()


def test_nobody_hears_of_it_before_the_commit(bank: Bank) -> None:
    """The answer comes after the COMMIT: until then no other process sees the money, and the caller has no answer."""
    ann = bank.user()
    connection = bank.open(Paused)
    assert isinstance(connection, Paused)
    told: list[Decision] = []
    working = threading.Thread(target=lambda: told.extend(bank.batch([topup(ann, 5)]).execute(connection)))
    working.start()
    assert connection.at_commit.wait(10)
    assert (bank.balance(ann), told) == (0, [])
    connection.go_on.set()
    working.join(10)

    assert (bank.balance(ann), [one.outcome for one in told]) == (5, [Outcome.OK])
