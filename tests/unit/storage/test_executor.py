"""An executor runs work again when that can help, a bounded number of times, and says why it gives up."""

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pymysql
import pytest
import sqlalchemy as sa

from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.storage import executor as executors
from shillings.storage.engines import MYSQL, classify
from shillings.storage.executor import CONFLICT_RETRIES_MAX, Connection, Executor

DEADLOCK, LOST, DOWN = (pymysql.err.OperationalError(code, "x") for code in (1213, 2013, 1040))


class Journal:
    """Stands in for a database: it notes what happened to the connection, and raises what it is told to."""

    def __init__(self, *errors: Exception | None, in_commit: bool = False) -> None:
        self.errors = list(errors)
        self.in_commit = in_commit
        self.runs = 0
        self.retries: list[str] = []

    def work(self, connection: Connection) -> str:
        """Work that meets the errors, one in each run."""
        self.runs += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            connection.commit_sent = self.in_commit
            raise error
        return "done"

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        """An executor whose connections are none."""
        made = Executor(cast(sa.Engine, None), MYSQL, "test", on_retry=self.retries.append)
        try:
            yield made
        finally:
            await made.close()

    async def run(self) -> str:
        """Run the work in an executor."""
        async with self.executor() as executor:
            return await executor.run(self.work)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between runs are long enough to be pauses."""
    monkeypatch.setattr(executors, "CONFLICT_PAUSE_SECONDS", 0.0001)


@pytest.mark.parametrize("count", [1, 3, CONFLICT_RETRIES_MAX])
async def test_conflict_is_run_again_whole(count: int) -> None:
    """Work that met others is run again from its beginning until it is done; each retry is counted."""
    journal = Journal(*[DEADLOCK] * count)

    assert await journal.run() == "done"
    assert journal.runs == count + 1
    assert journal.retries == ["conflict"] * count


async def test_conflicts_that_do_not_end_are_given_up() -> None:
    """After so many conflicts the work is refused; it was rolled back, so nothing was applied."""
    journal = Journal(*[DEADLOCK] * 100)
    with pytest.raises(Unavailable):
        await journal.run()

    assert journal.runs == CONFLICT_RETRIES_MAX + 1


async def test_dead_connection_is_replaced_once() -> None:
    """A connection that died while it idled is no failure; a database that is down is, at once."""
    assert await Journal(LOST).run() == "done"
    journal = Journal(*[LOST] * 100)
    with pytest.raises(Unavailable):
        await journal.run()

    assert journal.runs == 2


async def test_database_that_cannot_now_is_not_asked_again() -> None:
    """A database that answers that it cannot is believed: nothing was applied."""
    journal = Journal(DOWN)
    with pytest.raises(Unavailable):
        await journal.run()

    assert journal.runs == 1


async def test_lost_commit_is_looked_into() -> None:
    """A COMMIT without an answer is looked into again and again, until the work can tell what became of it."""
    assert await Journal(LOST, LOST, LOST, LOST, in_commit=True).run() == "done"


async def test_lost_commit_that_cannot_be_looked_into_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database does not come back in time the outcome is unknown, and not called anything else."""
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 0.1)
    journal = Journal(*[LOST] * 100_000, in_commit=True)
    with pytest.raises(OutcomeUnknown):
        await journal.run()


async def test_doubt_stays_whatever_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a COMMIT was lost, a later error of another kind cannot make the outcome a definite one."""
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 0.1)

    class Later(Journal):
        def work(self, connection: Connection) -> str:
            if self.runs == 1:
                self.in_commit = False
            return super().work(connection)

    with pytest.raises(OutcomeUnknown):
        await Later(LOST, *[DOWN] * 100_000, in_commit=True).run()


@pytest.mark.parametrize("error", [ValueError("x"), pymysql.err.IntegrityError(1062, "x"), AssertionError("x")])
async def test_fault_is_the_works_own(error: Exception) -> None:
    """Work that is wrong is not run again; its error comes out as it is."""
    journal = Journal(error)
    with pytest.raises(type(error)):
        await journal.run()

    assert journal.runs == 1


async def test_one_thread_keeps_order_and_its_connection() -> None:
    """Work of an executor with one thread runs one after the other, in that thread, on one connection."""
    seen: list[tuple[int, Connection]] = []

    def note(connection: Connection) -> None:
        seen.append((threading.get_ident(), connection))

    async with Journal().executor() as executor:
        for _ in range(5):
            await executor.run(note)

    assert len(set(seen)) == 1
    assert seen[0][0] != threading.get_ident()


@pytest.mark.parametrize(("error", "closes"), [(DEADLOCK, False), (LOST, True), (DOWN, True), (ValueError(), False)])
def test_recovery_rolls_back_or_opens_again(error: Exception, closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a conflict or a fault everything is rolled back; after a loss the connection is replaced."""
    done: list[str] = []
    connection = Connection(cast(sa.Engine, None), MYSQL)
    for name in ("roll_back", "discard"):
        monkeypatch.setattr(connection, name, _noting(done, name))
    connection.recover(classify(error))

    assert done == ["discard" if closes else "roll_back"]


def _noting(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


async def test_doubt_is_of_one_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """After work whose outcome is unknown, the executor's next work is refused as plainly as ever."""
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 0.05)
    journal = Journal(*[LOST] * 100_000, in_commit=True)

    def refused(_connection: Connection) -> None:
        raise LOST

    async with journal.executor() as executor:
        with pytest.raises(OutcomeUnknown):
            await executor.run(journal.work)
        with pytest.raises(Unavailable):
            await executor.run(refused)


@pytest.mark.parametrize("answer", [DEADLOCK, DOWN], ids=["deadlock", "down"])
async def test_commit_that_was_answered_is_not_in_doubt(answer: Exception) -> None:
    """A COMMIT that got an error for an answer was not applied, so the refusal is a plain one."""
    with pytest.raises(Unavailable):
        await Journal(*[answer] * 100, in_commit=True).run()


def test_pauses_between_conflicts_have_a_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many conflicts there were, the thread never sleeps longer than it may."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    patience = executors._Patience()
    for _ in range(CONFLICT_RETRIES_MAX + 1):
        patience.note(classify(DEADLOCK), commit_sent=False)
        patience.pause()

    assert max(slept) <= executors.CONFLICT_PAUSE_SECONDS * executors.CONFLICT_PAUSES_MAX * 1.5


async def test_error_of_the_work_itself_does_not_end_the_doubt() -> None:
    """A permanent error in a run after a lost COMMIT does not say that nothing was applied, so neither do we."""

    class Later(Journal):
        def work(self, connection: Connection) -> str:
            if self.runs == 1:
                self.in_commit = False
            return super().work(connection)

    journal = Later(LOST, ValueError("x"), in_commit=True)
    with pytest.raises(OutcomeUnknown):
        await journal.run()

    assert journal.runs == 2


async def test_commit_that_was_answered_leaves_no_doubt_for_the_next_run() -> None:
    """A COMMIT answered by a deadlock is over: a connection lost in the next run, before its COMMIT, is no doubt."""

    class Later(Journal):
        def work(self, connection: Connection) -> str:
            if self.runs == 1:
                self.in_commit = connection.commit_sent
            return super().work(connection)

    with pytest.raises(Unavailable):
        await Later(DEADLOCK, LOST, DOWN, in_commit=True).run()


def test_doubt_has_its_whole_time_from_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the work took before its COMMIT was lost, and whatever is lost after: the check has its seconds."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    patience, lost = executors._Patience(), classify(LOST)
    now[0] += executors.LOST_COMMIT_SECONDS_MAX * 2
    patience.note(lost, commit_sent=True)
    now[0] += executors.LOST_COMMIT_SECONDS_MAX - 0.1
    patience.note(lost, commit_sent=True)
    assert patience.lasts(lost)
    now[0] += 0.2
    assert not patience.lasts(lost)


async def test_doubt_does_not_make_conflicts_endless() -> None:
    """While a lost COMMIT is looked into, conflicts are bounded as ever; given up, the outcome is still unknown."""

    class Later(Journal):
        def work(self, connection: Connection) -> str:
            if self.runs == 1:
                self.in_commit = False
            return super().work(connection)

    journal = Later(LOST, *[DEADLOCK] * 1000, in_commit=True)
    with pytest.raises(OutcomeUnknown):
        await journal.run()

    assert journal.runs == CONFLICT_RETRIES_MAX + 2


async def test_conflict_does_not_use_up_the_second_connection() -> None:
    """Conflicts and losses are counted apart: after a deadlock a dead connection is still replaced."""
    assert await Journal(DEADLOCK, DEADLOCK, LOST).run() == "done"


def test_dead_connection_is_replaced_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a connection that only died while it idled; whatever else happened costs a pause."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    patience = executors._Patience()
    patience.note(classify(LOST), commit_sent=False)
    patience.pause()
    assert slept == []
    patience.note(classify(LOST), commit_sent=False)
    patience.pause()
    assert len(slept) == 1
