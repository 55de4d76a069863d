"""A server that stops in the middle of a transaction does not keep its wallets locked."""

import pytest

from shillings.ledger.outcomes import Outcome
from shillings.storage import executor as executors
from shillings.storage.engines import ErrorKind, classify
from shillings.storage.engines import mysql as engine_module
from shillings.storage.executor import Connection
from tests.contract.bank import Bank, payment, topup
from tests.contract.conftest import DATABASES


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database on each server. SQLite's locks end with their process."""
    url: str = request.getfixturevalue(DATABASES[request.param])
    return url


@pytest.fixture
def served(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """A bank whose connections, from now on, let a transaction be idle for a second."""
    monkeypatch.setattr(engine_module, "IDLE_TRANSACTION_SECONDS_MAX", 1)
    return bank


async def test_wallet_of_a_server_that_stopped_is_free_again(served: Bank) -> None:
    """The database undoes the transaction of a server that stopped in its middle, and its wallets can pay again."""
    ann, stopped, executor = served.user(10), served.open(), served.executor()
    stopped.query(served.dialect.begin)
    stopped.query(f"UPDATE users SET balance = 99 WHERE user_id = x'{ann.user_id.hex()}'")

    assert (await executor.run(served.batch([topup(ann, 1)]).execute))[0].outcome is Outcome.OK
    assert served.balance(ann) == 11
    with pytest.raises(Exception, match=r"(?i)lost|gone|timeout|disconnected") as caught:
        stopped.commit()
    assert classify(caught.value) is ErrorKind.CONNECTION_LOST
    await executor.close()


async def test_commit_of_a_server_that_stopped_is_looked_for(served: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that goes on after its transaction was undone finds that nothing was applied, and pays once."""
    ann, bob, rival = served.user(10), served.user(), served.open()
    stopped: list[tuple[str, ...]] = []

    class Stopping(Connection):
        def commit(self, *statements: str) -> None:
            if not stopped:
                stopped.append(statements)
                # Somebody else gets the wallet only when the transaction was undone.
                lock = f"SELECT balance FROM users WHERE user_id = x'{ann.user_id.hex()}' FOR UPDATE"
                assert rival.query(self.dialect.begin, lock, "ROLLBACK")[1] == ((10,),)
            super().commit(*statements)

    monkeypatch.setattr(executors, "Connection", Stopping)
    executor = served.executor()
    [decision] = await executor.run(served.batch([payment(ann, bob, 4)]).execute)
    await executor.close()

    assert len(stopped) == 1
    assert decision.outcome is Outcome.OK
    assert (served.balance(ann), served.balance(bob)) == (6, 4)


def test_bound_is_lifted_when_the_transaction_ends(served: Bank) -> None:
    """Outside of transactions a connection may be as quiet as the server lets any other."""
    connection = served.open()
    [[bounds]] = connection.query("SELECT @@GLOBAL.wait_timeout")
    for end in ("COMMIT", "ROLLBACK"):
        [_, [found]] = connection.query(served.dialect.begin, "SELECT 7")
        connection.query(end)
        [[now]] = connection.query("SELECT @@SESSION.wait_timeout")

        assert found == (7,)
        assert now == bounds
    connection.discard()
