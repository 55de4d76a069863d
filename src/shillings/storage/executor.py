"""Executors: the threads that talk to the database.

Database calls block, so they happen in threads of their own, one hop per transaction. Each thread of an executor has
its own connection.

Retry
-----
Work runs until it is done, is at fault, or has met too much. An error of the database that is not the work's own ends
the transaction (never a single statement is repeated), and the whole work is run again, a bounded number of times:

    conflict          roll back, pause, run again; up to CONFLICT_RETRIES_MAX times, then `Unavailable`
    connection lost   connect again, run again; once, because a connection that idled may have died unseen
    unavailable       the database has answered that it cannot: `Unavailable` at once
    permanent         roll back, and the error comes out as it is

So work must be safe to run twice, and everything in this package that writes says how it is.

Doubt
-----
`Unavailable` promises that nothing was applied. There is one moment after which nobody can promise that: a COMMIT was
sent, and the connection was lost before its answer came. From then on the work is in doubt, whatever happens later:

    no doubt ── COMMIT sent, connection lost ──▶ in doubt ── run again, done ──▶ the work checks; its result is true
                                                    └── too many conflicts, a permanent error,
                                                        or LOST_COMMIT_SECONDS_MAX are over ──▶ `OutcomeUnknown`

A COMMIT that was answered with an error was not applied, so a conflict or a full disk at COMMIT is no doubt. (A Galera
node that is cut off from the others answers errors to what they have applied: these count as a lost connection.)
Whoever may have been paid deserves a longer wait than a plain refusal, so work in doubt is run again by time, not by
count.
`commit_sent` is set before the COMMIT leaves: set after it, a COMMIT whose answer is lost would seem unsent.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.storage.engines import Dialect, ErrorKind, Rows, Send, classify, dialect_of

CONFLICT_RETRIES_MAX = 8
CONFLICT_PAUSE_SECONDS = 0.005
CONFLICT_PAUSES_MAX = 20
"""The longest pause, in CONFLICT_PAUSE_SECONDS."""

FRESH_SECONDS = 1.0
"""For how long a connection that has answered is taken to be there."""

LOST_COMMIT_SECONDS_MAX = 3.0
"""How long to try to reach a database that was lost while it committed, before the outcome is called unknown."""

Item = TypeVar("Item")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Connection:
    """One connection to the database, opened when first needed, and opened again after it was lost."""

    def __init__(self, engine: sa.Engine, dialect: Dialect) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._send: Send | None = None
        self._answered_at = float("-inf")
        self.dialect = dialect
        self.commit_sent = False
        """Whether, since the work began, a COMMIT was sent whose answer has not been seen."""

    @property
    def is_fresh(self) -> bool:
        """Whether it is open and has just answered: one that idled may have died unseen."""
        return self._send is not None and time.monotonic() - self._answered_at < FRESH_SECONDS

    def query(self, *statements: str) -> list[Rows]:
        """Send statements as they are, in one round trip where the engine can; return each one's rows."""
        if self._send is None:
            self._send = self.dialect.sender(self._open())
        answers = self._send(statements)
        self._answered_at = time.monotonic()
        return answers

    def commit(self, *statements: str) -> None:
        """Send statements and then COMMIT. From here until it returns, the outcome is not known."""
        self.commit_sent = True
        self.query(*statements, "COMMIT")
        self.commit_sent = False

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a SQLAlchemy Core statement."""
        return self._open().execute(statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens or none of it does."""
        self.query(self.dialect.begin)
        yield
        self.commit()

    def require_there(self) -> None:
        """Raise the driver's error when the database that is open was removed."""
        if self._connection is not None:
            self.dialect.require_there(self._connection)

    def recover(self, kind: ErrorKind) -> None:
        """Be ready for the next work, after this error."""
        if kind in (ErrorKind.CONNECTION_LOST, ErrorKind.UNAVAILABLE):
            # A new connection may reach another, healthier node.
            self.discard()
        else:
            self.roll_back()

    def roll_back(self) -> None:
        """Undo what was begun. 1205 undoes one statement only, so this is sent after every error."""
        if self._connection is not None:
            with suppress(Exception):
                self.query("ROLLBACK")
                return
            self.discard()

    def discard(self) -> None:
        """Forget the connection; the next use opens a new one."""
        connection, self._connection, self._send = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                connection.invalidate()
            with suppress(Exception):
                connection.close()

    def _open(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection


class Executor:
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
        self._connections: list[Connection] = []
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run work in one of the executor's threads.

        Raises:
            Unavailable: the database is unavailable, or conflicts did not end. Nothing was applied.
            OutcomeUnknown: the database was lost while it committed, and did not come back in time.
            Exception: what the work raised; it was rolled back.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._persist, work)

    async def close(self) -> None:
        """Finish what is queued, then close the connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)
        for connection in self._connections:
            connection.discard()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = Connection(self._engine, self._dialect)
            self._connections.append(connection)
        return connection

    def _persist(self, work: Callable[[Connection], Result]) -> Result:
        """Run the work until it is done, is at fault, or patience ends."""
        connection = self._connection()
        patience = _Patience()
        while True:
            connection.commit_sent = False
            try:
                connection.require_there()
                return work(connection)
            except Exception as error:
                kind = classify(error)
                patience.note(kind, connection.commit_sent)
                connection.recover(kind)
                if kind is ErrorKind.PERMANENT and not patience.in_doubt:
                    raise
                if not patience.lasts(kind):
                    log.warning(
                        "database_gave_up",
                        executor=self._name,
                        error=kind.name.lower(),
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
        self._doubt_ends = 0.0

    def note(self, kind: ErrorKind, commit_sent: bool) -> None:
        """Count one error."""
        self._conflicts += kind is ErrorKind.CONFLICT
        self._losses += kind is ErrorKind.CONNECTION_LOST
        if commit_sent and kind is ErrorKind.CONNECTION_LOST and not self.in_doubt:
            self.in_doubt = True
            self._doubt_ends = time.monotonic() + LOST_COMMIT_SECONDS_MAX

    def lasts(self, kind: ErrorKind) -> bool:
        """Whether to run the work once more."""
        if kind is ErrorKind.PERMANENT:
            return False
        if kind is ErrorKind.CONFLICT:
            return self._conflicts <= CONFLICT_RETRIES_MAX
        if self.in_doubt:
            # Somebody may have been paid: worth a longer wait than a plain refusal is.
            return time.monotonic() < self._doubt_ends
        # A connection that idled may have died unseen; the second one tells whether the database is there.
        return kind is ErrorKind.CONNECTION_LOST and self._losses <= 1

    def pause(self) -> None:
        """Wait a little before the next run. Jitter: two that collided should not collide again."""
        if self._losses == 1 and not self._conflicts:
            return
        doubled = min(2 ** (self._conflicts + self._losses), CONFLICT_PAUSES_MAX)
        time.sleep(CONFLICT_PAUSE_SECONDS * doubled * random.uniform(0.5, 1.5))


def make_executors(url: str, on_retry: Callable[[str], Callable[[str], None]]) -> dict[str, Executor]:
    """The executors of an application server, by name. Several names may mean one: its work shares one thread.

    Args:
        url: the database.
        on_retry: gives what an executor of this name is to tell the reason of each retry.
    """
    dialect = dialect_of(url)
    engines = {writes: dialect.make_engine(url, writes=writes) for writes in (True, False)}
    made: dict[str, Executor] = {}
    for name, placement in dialect.executors.items():
        made[name] = made.get(placement.of) or Executor(
            engines[placement.writes], dialect, name, threads=placement.threads, on_retry=on_retry(name)
        )
    return made
