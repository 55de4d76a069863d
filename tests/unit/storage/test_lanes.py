"""A lane runs work again when that can help, a bounded number of times, and says what it means when it gives up."""

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pymysql
import pytest
import sqlalchemy as sa

from shillings.errors import OutcomeUnknown, Unavailable
from shillings.storage import lanes
from shillings.storage.engine import MYSQL, trouble
from shillings.storage.lanes import CONFLICT_RETRIES_MAX, Lane, Session

DEADLOCK, LOST, AWAY = (pymysql.err.OperationalError(code, "x") for code in (1213, 2013, 1047))


class Journal:
    """Stands in for a database: it notes what happened to the session, and raises what it is told to."""

    def __init__(self, *troubles: Exception | None, in_commit: bool = False) -> None:
        self.troubles = list(troubles)
        self.in_commit = in_commit
        self.runs = 0
        self.retries: list[str] = []

    def work(self, session: Session) -> str:
        """Work that meets the troubles, one in each run."""
        self.runs += 1
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            session.commit_sent = self.in_commit
            raise trouble
        return "done"

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """A lane whose sessions have no connection."""
        made = Lane(cast(sa.Engine, None), MYSQL, "test", on_retry=self.retries.append)
        try:
            yield made
        finally:
            await made.close()

    async def run(self) -> str:
        """Run the work in a lane."""
        async with self.lane() as lane:
            return await lane.run(self.work)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between runs are long enough to be pauses."""
    monkeypatch.setattr(lanes, "CONFLICT_PAUSE_SECONDS", 0.0001)


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
    """A connection that died while it idled is no trouble; a database that is away is, at once."""
    assert await Journal(LOST).run() == "done"
    journal = Journal(*[LOST] * 100)
    with pytest.raises(Unavailable):
        await journal.run()

    assert journal.runs == 2


async def test_database_that_cannot_now_is_not_asked_again() -> None:
    """A database that answers that it cannot is believed: nothing was applied."""
    journal = Journal(AWAY)
    with pytest.raises(Unavailable):
        await journal.run()

    assert journal.runs == 1


async def test_lost_commit_is_looked_into() -> None:
    """A COMMIT without an answer is looked into again and again, until the work can tell what became of it."""
    assert await Journal(LOST, LOST, LOST, LOST, in_commit=True).run() == "done"


async def test_lost_commit_that_cannot_be_looked_into_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database does not come back in time the outcome is unknown, and not called anything else."""
    monkeypatch.setattr(lanes, "LOST_COMMIT_SECONDS_MAX", 0.1)
    journal = Journal(*[LOST] * 100_000, in_commit=True)
    with pytest.raises(OutcomeUnknown):
        await journal.run()


async def test_doubt_stays_whatever_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a COMMIT was lost, later trouble of another kind cannot make the outcome a definite one."""
    monkeypatch.setattr(lanes, "LOST_COMMIT_SECONDS_MAX", 0.1)

    class Later(Journal):
        def work(self, session: Session) -> str:
            if self.runs == 1:
                self.in_commit = False
            return super().work(session)

    with pytest.raises(OutcomeUnknown):
        await Later(LOST, *[AWAY] * 100_000, in_commit=True).run()


@pytest.mark.parametrize("error", [ValueError("x"), pymysql.err.IntegrityError(1062, "x"), AssertionError("x")])
async def test_fault_is_the_works_own(error: Exception) -> None:
    """Work that is wrong is not run again; its error comes out as it is."""
    journal = Journal(error)
    with pytest.raises(type(error)):
        await journal.run()

    assert journal.runs == 1


async def test_one_thread_keeps_order_and_its_session() -> None:
    """Work of a lane with one thread runs one after the other, in that thread, on one session."""
    seen: list[tuple[int, Session]] = []

    def note(session: Session) -> None:
        seen.append((threading.get_ident(), session))

    async with Journal().lane() as lane:
        for _ in range(5):
            await lane.run(note)

    assert len(set(seen)) == 1
    assert seen[0][0] != threading.get_ident()


@pytest.mark.parametrize(("error", "closes"), [(DEADLOCK, False), (LOST, True), (AWAY, True), (ValueError(), False)])
def test_recovery_rolls_back_or_opens_anew(error: Exception, closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a conflict or a fault everything is rolled back; after a loss the connection is replaced."""
    done: list[str] = []
    session = Session(cast(sa.Engine, None), MYSQL)
    for name in ("roll_back", "discard"):
        monkeypatch.setattr(session, name, _noting(done, name))
    session.recover(trouble(error))

    assert done == ["discard" if closes else "roll_back"]


def _noting(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


async def test_doubt_is_of_one_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """After work whose outcome is unknown, the lane's next work is refused as plainly as ever."""
    monkeypatch.setattr(lanes, "LOST_COMMIT_SECONDS_MAX", 0.05)
    journal = Journal(*[LOST] * 100_000, in_commit=True)

    def refused(_session: Session) -> None:
        raise LOST

    async with journal.lane() as lane:
        with pytest.raises(OutcomeUnknown):
            await lane.run(journal.work)
        with pytest.raises(Unavailable):
            await lane.run(refused)


@pytest.mark.parametrize("answer", [DEADLOCK, AWAY], ids=["deadlock", "away"])
async def test_commit_that_was_answered_is_not_in_doubt(answer: Exception) -> None:
    """A COMMIT that got an error for an answer was not applied, so the refusal is a plain one."""
    with pytest.raises(Unavailable):
        await Journal(*[answer] * 100, in_commit=True).run()


def test_pauses_between_conflicts_have_a_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many conflicts there were, the thread never sleeps longer than it may."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    patience = lanes._Patience()
    for _ in range(CONFLICT_RETRIES_MAX + 1):
        patience.note(trouble(DEADLOCK), commit_sent=False)
        patience.pause()

    assert max(slept) <= lanes.CONFLICT_PAUSE_SECONDS * lanes.CONFLICT_PAUSES_MAX * 1.5
