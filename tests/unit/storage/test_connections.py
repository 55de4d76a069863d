"""An executor's connections, on a real database: one for each thread, and none that is kept when it should not be."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from shillings.storage.engines import Rows, dialect_of, make_engine
from shillings.storage.executor import Connection, Executor
from shillings.storage.ledger import Ledger
from tests.values import ENVIRONMENT


class Opened:
    """Counts the connections of an engine that are open."""

    def __init__(self, engine: sa.Engine) -> None:
        self.now = 0
        event.listen(engine, "connect", lambda *_: self._add(1))
        event.listen(engine, "close", lambda *_: self._add(-1))

    def _add(self, count: int) -> None:
        self.now += count


@asynccontextmanager
async def executing(folder: Path, threads: int = 1) -> AsyncIterator[tuple[Executor, Opened]]:
    """An executor on a database of its own, with one table, and the connections it has."""
    url = f"sqlite:///{folder / 'numbers.db'}"
    engine = make_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS numbers (n INTEGER)")
    opened = Opened(engine)
    executor = Executor(engine, dialect_of(url), "test", threads=threads)
    try:
        yield executor, opened
    finally:
        await executor.close()


def _numbers(connection: Connection) -> list[int]:
    [rows] = connection.query("SELECT n FROM numbers ORDER BY n")
    return [row[0] for row in rows]


async def test_each_thread_has_a_connection_which_ends_with_the_executor(tmp_path: Path) -> None:
    """Works that run at once never share a connection, and closing the executor closes every one of them."""
    gate, seen = threading.Barrier(3), []

    def meet(connection: Connection) -> None:
        connection.query("SELECT 1")
        seen.append(connection)
        gate.wait(10)

    async with executing(tmp_path, threads=3) as (executor, opened):
        await asyncio.gather(*[executor.run(meet) for _ in range(3)])
        assert len(set(seen)) == opened.now == 3

    assert opened.now == 0


async def test_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What was written in a transaction that ended with an error is undone, and the next work finds none of it."""

    def half(connection: Connection) -> None:
        with connection.transaction():
            connection.query("INSERT INTO numbers VALUES (1)")
            raise ValueError("sick")

    async with executing(tmp_path) as (executor, _):
        with pytest.raises(ValueError, match="sick"):
            await executor.run(half)
        assert await executor.run(_numbers) == []


async def test_connection_that_cannot_roll_back_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does not take its ROLLBACK is given up, so that nobody goes on in a half-done transaction."""
    query = Connection.query

    def deaf(self: Connection, *statements: str) -> list[Rows]:
        if statements == ("ROLLBACK",):
            raise OSError("deaf")
        return query(self, *statements)

    def half(connection: Connection) -> None:
        connection.query("BEGIN IMMEDIATE", "INSERT INTO numbers VALUES (1)")
        raise ValueError("sick")

    monkeypatch.setattr(Connection, "query", deaf)
    async with executing(tmp_path) as (executor, opened):
        with pytest.raises(ValueError, match="sick"):
            await executor.run(half)
        assert opened.now == 0
        assert await executor.run(_numbers) == []


async def test_batch_of_the_ledger_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a batch is run, it is taken once and is one object: it knows what became of the run before."""
    made: list[list[int]] = []

    class Batch:
        """Fails the first time."""

        made_deliveries = True

        def __init__(self, operations: list[int], *_others: object) -> None:
            made.append(operations)
            self._runs = 0

        def execute(self, _connection: Connection) -> list[int]:
            """Run once more."""
            self._runs += 1
            if self._runs == 1:
                raise ConnectionResetError
            return [self._runs]

    monkeypatch.setattr("shillings.storage.ledger.LedgerBatch", Batch)
    told: list[bool] = []
    async with executing(tmp_path) as (executor, _):
        ledger = Ledger(executor, ENVIRONMENT.clock.now, on_deliveries=lambda: told.append(True))
        found: Any = await ledger.execute(cast(Any, lambda: [7]))

    assert (made, found, told) == ([[7]], [2], [True])


async def test_empty_batch_is_no_work(tmp_path: Path) -> None:
    """A batch that turns out to be empty costs the database nothing."""
    async with executing(tmp_path) as (executor, opened):
        assert await Ledger(executor, ENVIRONMENT.clock.now).execute(list) == []
        assert opened.now == 0
