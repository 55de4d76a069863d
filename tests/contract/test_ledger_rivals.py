"""Two servers that want the same wallets, with one of them stopped where it matters most: at its COMMIT."""

import threading
import time
from collections.abc import Callable

import pymysql
import pytest

from shillings.base import ids
from shillings.ledger.operation import Decision, Operation
from shillings.ledger.outcomes import Outcome
from shillings.storage.executor import Connection
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from tests.contract.bank import MOMENT, Bank, payment, topup
from tests.contract.planned_errors import Paused, database_error
from tests.values import now

LOST = 2013


@pytest.fixture(autouse=True)
def locking(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bank reads wallets under their locks, always."""
    monkeypatch.setattr(bank, "wallets", None)


class HalfDead(Connection):
    """A connection whose COMMIT is lost on the way: the database has everything but the last word, and waits for it."""

    def commit(self, *statements: str) -> None:
        """Write, and lose the COMMIT."""
        self.query(*statements)
        raise database_error(LOST)


class Never(Connection):
    """A connection that breaks before anything of the last packet has arrived."""

    def commit(self, *statements: str) -> None:
        """Break, which rolls back."""
        self.discard()
        raise database_error(LOST)


class Rival:
    """Another server, which executes a batch in a thread of its own, with a memory and a connection of its own.

    Args:
        bank: where.
        batch: what it executes.
    """

    def __init__(self, bank: Bank, batch: LedgerBatch) -> None:
        self._bank = bank
        self._batch = batch
        self._connection = bank.open()
        self._thread = threading.Thread(target=self._run)
        self._decisions: list[Decision] = []

    def start(self) -> None:
        """Start, and return once it waits for what somebody else holds."""
        self._thread.start()
        if self._bank.dialect.for_update:
            self._wait_for(self._is_locking)
        # SQLite does not say who waits; it is held before the first statement, and there is no way around that.
        self._thread.join(0.3)
        assert self._thread.is_alive(), "it did not wait for the wallets"

    def decisions(self) -> list[Decision]:
        """What it decided, now that it could go on."""
        self._thread.join(10)
        assert not self._thread.is_alive(), "it still waits"
        return self._decisions

    def _run(self) -> None:
        self._decisions = self._batch.execute(self._connection)

    def _is_locking(self) -> bool:
        running = self._bank.connection.query("SHOW FULL PROCESSLIST")[0]
        return any("FOR UPDATE" in str(row[7]) for row in running)

    @staticmethod
    def _wait_for(condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < ends, "nobody waits for a lock"


def of_another_server(bank: Bank, *operations: Operation) -> LedgerBatch:
    """A batch of a server that remembers nothing of what this one has seen."""
    return LedgerBatch(operations, KnownLinks(), now)


def test_key_that_is_being_committed_is_seen_by_who_comes_next(bank: Bank) -> None:
    """Sent to a second server while the first is at its COMMIT, a key waits, and gets the first one's answer."""
    ann, bob = bank.user(100), bank.user()
    first = bank.open(Paused)
    assert isinstance(first, Paused)
    made: list[Decision] = []
    slow = threading.Thread(target=lambda: made.extend(bank.batch([payment(ann, bob, 10, "key")]).execute(first)))
    slow.start()
    assert first.at_commit.wait(10)
    rival = Rival(bank, of_another_server(bank, payment(ann, bob, 10, "key")))
    rival.start()
    first.go_on.set()
    slow.join(10)

    assert rival.decisions() == [Decision(Outcome.OK, made[0].transaction_id, replayed=True)]
    assert (bank.balance(ann), bank.balance(bob)) == (90, 10)
    assert bank.ledger()


@pytest.mark.parametrize(
    ("balance", "key"), [(100, ""), (100, "key"), (5, "key")], ids=["paid", "paid with a key", "refused with a key"]
)
@pytest.mark.parametrize("fate", ["COMMIT", "ROLLBACK"])
def test_half_dead_predecessor_is_waited_for_before_looking(bank: Bank, fate: str, key: str, balance: int) -> None:
    """After a lost COMMIT the check waits until the database has decided; the batch is there once."""
    ann, bob = bank.user(balance), bank.user()
    operation = payment(ann, bob, 10, key)
    batch = bank.batch([operation])
    predecessor = bank.open(HalfDead)
    with pytest.raises(pymysql.err.OperationalError):
        batch.execute(predecessor)
    again = Rival(bank, batch)
    again.start()
    predecessor.query(fate)
    decision = (
        Decision(Outcome.OK, operation.header.id) if balance == 100 else Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL)
    )

    assert again.decisions() == [decision]
    assert (bank.balance(ann), bank.balance(bob)) == ((90, 10) if balance == 100 else (5, 0))
    assert bank.ledger()
    if key:
        assert bank.execute([payment(ann, bob, 10, key)]) == [decision._replace(replayed=True)]


def test_lost_refusal_is_not_mistaken_for_another_servers_even_when_the_clock_is_frozen(bank: Bank) -> None:
    """A refusal that never arrived gives way to what another server has decided at the very same time."""
    ann, bob = bank.user(5), bank.user()
    refused = bank.batch([payment(ann, bob, 10, "key")], lambda: MOMENT)
    with pytest.raises(pymysql.err.OperationalError):
        refused.execute(bank.open(Never))
    bank.execute([topup(ann, 5)])
    [paid] = bank.execute([payment(ann, bob, 10, "key")], lambda: MOMENT)

    assert refused.execute(bank.connection) == [Decision(Outcome.OK, paid.transaction_id, replayed=True)]


def test_lost_refusals_are_all_there_or_none_is(bank: Bank) -> None:
    """Of two refusals that never arrived, one that another server has made too does not count for both."""
    ann, bob = bank.user(5), bank.user()
    operations = [payment(ann, bob, 10, "first"), payment(ann, bob, 10, "second")]
    refused = bank.batch(operations, lambda: MOMENT)
    with pytest.raises(pymysql.err.OperationalError):
        refused.execute(bank.open(Never))
    bank.execute([payment(ann, bob, 10, "first")], lambda: MOMENT)
    bank.execute([topup(ann, 5)])

    assert refused.execute(bank.connection) == [
        Decision(Outcome.INSUFFICIENT_FUNDS, ids.NIL, replayed=True),
        Decision(Outcome.OK, operations[1].header.id),
    ]
    assert bank.ledger()
