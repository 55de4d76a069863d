"""Lanes: the threads that talk to the database.

Database calls block, so they happen in threads of their own, one hop per transaction. Each thread of a lane has
its own connection. Work that meets trouble which is not its fault is run again, whole, a bounded number of times;
so work must be safe to run twice, and the classes in this package that write say how theirs is.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from shillings.errors import OutcomeUnknown, Unavailable
from shillings.storage.engine import Dialect, Trouble, trouble

CONFLICT_RETRIES_MAX = 8
CONFLICT_PAUSE_SECONDS = 0.005
CONFLICT_PAUSES_MAX = 20
"""The longest pause, in CONFLICT_PAUSE_SECONDS."""

LOST_COMMIT_SECONDS_MAX = 3.0
"""How long to look for a database that was lost while it committed, before the outcome is called unknown."""

Rows = Sequence[Sequence[Any]]
Item = TypeVar("Item")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Session:
    """One connection to the database, opened when first needed, and opened anew after it was lost."""

    def __init__(self, engine: sa.Engine, dialect: Dialect) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self.dialect = dialect
        self.commit_sent = False
        """Whether, since the work began, a COMMIT was sent whose answer has not been seen."""

    def visit(self, *statements: str) -> list[Rows]:
        """Send statements as they are, in one round trip where the engine can; return each one's rows."""
        cursor = self._open().connection.cursor()
        try:
            if not self.dialect.one_packet:
                return [self._fetch(cursor, statement) for statement in statements]
            cursor.execute(";".join(statements))
            answers: list[Rows] = [cursor.fetchall()]
            while cursor.nextset():
                answers.append(cursor.fetchall())
            return answers
        finally:
            cursor.close()

    def commit(self, *statements: str) -> None:
        """Send statements and then COMMIT. From here until it returns, the outcome is not known."""
        self.commit_sent = True
        self.visit(*statements, "COMMIT")
        self.commit_sent = False

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a SQLAlchemy Core statement."""
        return self._open().execute(statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens or none of it does."""
        self.visit(self.dialect.begin)
        yield
        self.commit()

    def recover(self, kind: Trouble) -> None:
        """Be ready for the next work, after this trouble."""
        if kind in (Trouble.LOST, Trouble.AWAY):
            # A new connection may reach another, healthier node.
            self.discard()
        else:
            self.roll_back()

    def roll_back(self) -> None:
        """Undo what was begun. 1205 undoes one statement only, so this is sent after every trouble."""
        if self._connection is not None:
            with suppress(Exception):
                self.visit("ROLLBACK")
                return
            self.discard()

    def discard(self) -> None:
        """Forget the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.invalidate()
            with suppress(Exception):
                connection.close()

    def _open(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    @staticmethod
    def _fetch(cursor: Any, statement: str) -> Rows:
        cursor.execute(statement)
        rows: Rows = cursor.fetchall()
        return rows


class Lane:
    """A few threads with a connection each; one thread keeps its work in order.

    Args:
        engine: where to connect.
        dialect: the engine's kind.
        name: for thread names and logs.
        threads: how many pieces of work run at once.
        on_retry: told the reason whenever work is run again.
    """

    def __init__(
        self,
        engine: sa.Engine,
        dialect: Dialect,
        name: str,
        *,
        threads: int = 1,
        on_retry: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._name = name
        self._on_retry = on_retry
        self._local = threading.local()
        self._sessions: list[Session] = []
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """Run work in one of the lane's threads.

        Raises:
            Unavailable: the database is away, or conflicts did not end. Nothing was applied.
            OutcomeUnknown: the database was lost while it committed, and did not come back in time.
            Exception: what the work raised; it was rolled back.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._persist, work)

    async def run_batch(
        self, take: Callable[[], list[Item]], work_on: Callable[[list[Item]], Callable[[Session], list[Result]]]
    ) -> list[Result]:
        """Run work on a batch which is taken when a thread is free for it. See `run`.

        Args:
            take: gives the batch; an empty one is no work.
            work_on: makes the work on a batch. It is made once, however often it is run.
        """

        def take_and_persist() -> list[Result]:
            items = take()
            return self._persist(work_on(items)) if items else []

        return await asyncio.get_running_loop().run_in_executor(self._executor, take_and_persist)

    async def close(self) -> None:
        """Finish what is queued, then close the connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)
        for session in self._sessions:
            session.discard()

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self._engine, self._dialect)
            self._sessions.append(session)
        return session

    def _persist(self, work: Callable[[Session], Result]) -> Result:
        """Run the work until it is done, is at fault, or patience ends."""
        session = self._session()
        patience = _Patience()
        while True:
            session.commit_sent = False
            try:
                return work(session)
            except Exception as error:
                kind = trouble(error)
                patience.note(kind, session.commit_sent)
                session.recover(kind)
                if kind is Trouble.FAULT:
                    raise
                if not patience.lasts(kind):
                    log.warning(
                        "database_gave_up",
                        lane=self._name,
                        trouble=kind.name.lower(),
                        reason=str(error),
                        in_doubt=patience.in_doubt,
                    )
                    raise (OutcomeUnknown() if patience.in_doubt else Unavailable()) from error
                self._on_retry(kind.name.lower())
                patience.pause()


class _Patience:
    """How often work is run again, and whether an earlier run may have committed."""

    def __init__(self) -> None:
        self.in_doubt = False
        self._conflicts = 0
        self._losses = 0
        self._doubt_ends = time.monotonic() + LOST_COMMIT_SECONDS_MAX

    def note(self, kind: Trouble, commit_sent: bool) -> None:
        """Count one trouble."""
        self._conflicts += kind is Trouble.CONFLICT
        self._losses += kind is Trouble.LOST
        self.in_doubt = self.in_doubt or (commit_sent and kind is Trouble.LOST)

    def lasts(self, kind: Trouble) -> bool:
        """Whether to run the work once more."""
        if kind is Trouble.CONFLICT:
            return self._conflicts <= CONFLICT_RETRIES_MAX
        if self.in_doubt:
            # Somebody may have been paid: worth a longer look than a plain refusal is.
            return time.monotonic() < self._doubt_ends
        # A connection that idled may have died unseen; the second one tells whether the database is there.
        return kind is Trouble.LOST and self._losses <= 1

    def pause(self) -> None:
        """Wait a little before the next run. Jitter: two that collided should not collide again."""
        if self._losses == 1 and not self._conflicts:
            return
        doubled = min(2 ** (self._conflicts + self._losses), CONFLICT_PAUSES_MAX)
        time.sleep(CONFLICT_PAUSE_SECONDS * doubled * random.uniform(0.5, 1.5))
