"""Copies of all data: whole people or nobody, and nothing of the service's own is touched."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
import sqlalchemy as sa

from shillings.app.call import Call
from shillings.app.sandbox import state
from shillings.app.sandbox.state import StateCommands
from shillings.app.sandbox.store import SandboxStore
from shillings.base.epoch import Epoch
from shillings.contract import shillings_pb2 as wire
from shillings.storage import snapshots
from shillings.storage.accounts import SignupKey, add_user
from shillings.storage.executor import Connection
from shillings.storage.snapshots import drop_copy, make_copy, put_back
from tests.contract.bank import Bank, new_user
from tests.values import ENVIRONMENT

NUMBER = 7
OF_PEOPLE = ("emails", "users", "credentials", "signup_keys")


@pytest.fixture
def connection(bank: Bank) -> Iterator[Connection]:
    """A connection; copies are deleted afterwards."""
    yield bank.open()
    bank.connection.roll_back()
    drop_copy(bank.connection, NUMBER)


def count(bank: Bank, table: str) -> int:
    """How many rows a table has."""
    return int(bank.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


def replace(connection: Connection, number: int | None) -> None:
    """Put a copy back, or nothing."""
    with connection.transaction():
        put_back(connection, number)


@pytest.mark.parametrize("late", OF_PEOPLE)
def test_sign_up_during_a_copy_is_in_all_of_it_or_in_nothing(
    bank: Bank, connection: Connection, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Whatever table is next when somebody signs up, a copy has their email, account, password and key, or none."""
    bank.user()
    copy = snapshots._copy

    def interrupted(given: Connection, number: int, table: sa.Table) -> None:
        # With an embedded database one connection writes, so nobody can sign up meanwhile.
        if table.name == late and not bank.dialect.is_embedded:
            assert add_user(bank.connection, new_user(), SignupKey("key", b"f" * 16)) is None
        copy(given, number, table)

    monkeypatch.setattr(snapshots, "_copy", interrupted)
    make_copy(connection, NUMBER)
    replace(connection, NUMBER)
    owners = bank.rows("SELECT user_id FROM users ORDER BY user_id")

    for table in ("emails", "credentials"):
        assert bank.rows(f"SELECT user_id FROM {table} ORDER BY user_id") == owners
    assert set(bank.rows("SELECT user_id FROM signup_keys")) <= set(owners)


def test_reset_leaves_what_the_service_needs(bank: Bank, connection: Connection) -> None:
    """When all data are removed, the currency stays, and so does the row under which deliveries are claimed."""
    bank.user(5)
    replace(connection, None)

    assert [count(bank, table) for table in (*OF_PEOPLE, "transactions", "entries")] == [0] * 6
    assert count(bank, "deliverers") == 1


async def test_what_is_remembered_while_the_books_are_replaced_is_forgotten(bank: Bank) -> None:
    """Memories are emptied before a reset, so that nobody pays, and once more when the books are the new ones."""
    bank.user()
    executor, epoch, users = bank.executor(), Epoch(), list[int]()
    epoch.on_change(lambda: users.append(count(bank, "users")))
    store = SandboxStore(executor, shared=False)
    commands = StateCommands(executor=executor, clock=ENVIRONMENT.clock, epoch=epoch, store=store, on_reset=[])
    await commands.reset(cast(Call, None), wire.ResetRequest())
    await executor.close()

    assert len(users) == 2
    assert users[0] > users[1] == 0


class Service:
    """One of several application servers of a bank, as far as snapshots go."""

    def __init__(self, bank: Bank) -> None:
        self._executor = bank.executor()
        self._commands = StateCommands(
            executor=self._executor,
            clock=ENVIRONMENT.clock,
            epoch=Epoch(),
            store=SandboxStore(self._executor, shared=False),
            on_reset=[],
        )

    async def make(self, name: str) -> None:
        """Make a snapshot."""
        await self._commands.make_snapshot(cast(Call, None), wire.MakeSnapshotRequest(name=name))

    async def restore(self, name: str) -> None:
        """Go back to a snapshot."""
        await self._commands.restore_snapshot(cast(Call, None), wire.RestoreSnapshotRequest(name=name))

    async def close(self) -> None:
        """Close its connections."""
        await self._executor.close()


async def test_snapshots_that_are_made_at_once_are_two(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that is made while another one is has its own number and its own copy, and none loses its name."""
    one, another, loop = Service(bank), Service(bank), asyncio.get_running_loop()

    def overtaken(connection: Connection, number: int) -> None:
        monkeypatch.setattr(state, "make_copy", make_copy)
        asyncio.run_coroutine_threadsafe(another.make("second"), loop).result(10)
        bank.user()
        make_copy(connection, number)

    monkeypatch.setattr(state, "make_copy", overtaken)
    await one.make("first")
    people = count(bank, "users")

    await one.restore("second")
    assert count(bank, "users") == people - 1
    await another.restore("first")
    assert count(bank, "users") == people
    for service in (one, another):
        await service.close()
