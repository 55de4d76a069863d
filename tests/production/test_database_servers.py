"""What database servers do and suffer while users pay through the whole stack: each engine in turn."""

import os
import signal
import time
from contextlib import suppress

import pymysql
import pytest

from deploy.local.server import Server
from deploy.local.waiting import wait_until
from tests.production.conftest import Production
from tests.production.production_stack import CLIENTS

STACKS = {"mariadb": "production", "mysql": "production_on_mysql"}


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Production:
    """The whole stack on each engine."""
    found: Production = request.getfixturevalue(STACKS[request.param])
    return found


def test_killed_database(stack: Production) -> None:
    """After kill -9 of the database everything acknowledged is there once, and paying goes on by itself."""
    name = stack.database.name
    stack.pay_through(f"kill -9 of {name}", lambda: stack.kill_and_wait(name), dies=(name,))
    wait_until(stack.topology.is_ready, seconds=15, what="the service")


def test_clean_restart_of_the_database(stack: Production) -> None:
    """The database is stopped in good order and started again: nothing is lost, and paying goes on by itself."""
    name = stack.database.name
    stack.pay_through(f"clean restart of {name}", stack.database.restart, dies=(name,))


def test_database_that_takes_no_writes(stack: Production) -> None:
    """While the database is read-only payments are refused as not applied; afterwards they are made."""
    not_done = stack.payers.told.not_done

    def refuse_writes() -> None:
        before = not_done["unavailable"]
        with stack.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL read_only = 1")
            try:
                wait_until(lambda: not_done["unavailable"] > before + 50, seconds=10, what="refusals")
            finally:
                cursor.execute("SET GLOBAL read_only = 0")

    assert stack.pay_through(f"{stack.database.name} is read-only", refuse_writes).total() == 0


def test_killed_connections(stack: Production) -> None:
    """Connections that the database cuts are replaced, and cost no payment."""
    killed: set[int] = set()

    def kill_connections() -> None:
        with stack.database.connect() as connection, connection.cursor() as cursor:

            def others() -> set[int]:
                cursor.execute("SHOW PROCESSLIST")
                return {number for number, user, *_ in cursor.fetchall() if user == "shillings"} - killed

            for _ in range(5):
                wait_until(lambda: len(others()) >= 2, seconds=10, what="connections to kill")
                for number in others():
                    killed.add(number)
                    with suppress(pymysql.err.OperationalError):  # it ended by itself meanwhile
                        cursor.execute(f"KILL CONNECTION {number}")

    name = stack.database.name
    stack.pay_through(f"{name}: KILL CONNECTION, five rounds", kill_connections, during=50)
    assert len(killed) >= 10


def test_interrupted_statements(stack: Production) -> None:
    """Statements that somebody interrupts (1317) are run again, and cost no payment."""

    def interrupt() -> None:
        with stack.database.connect() as connection, connection.cursor() as cursor:
            interrupted = 0
            ends = time.monotonic() + 10
            while interrupted < 20 and time.monotonic() < ends:
                cursor.execute("SHOW PROCESSLIST")
                busy = [row[0] for row in cursor.fetchall() if row[1] == "shillings" and row[4] == "Query"]
                for number in busy:
                    with suppress(pymysql.err.OperationalError):  # it ended by itself meanwhile
                        cursor.execute(f"KILL QUERY {number}")
                        interrupted += 1
        assert interrupted >= 20

    assert stack.pay_through(f"{stack.database.name}: KILL QUERY x 20", interrupt).total() == 0


def stop_in_a_transaction(stack: Production, server: Server) -> None:
    """Stop a server (SIGSTOP) at a moment at which it has wallets locked."""
    seen: dict[tuple[int, int], float] = {}
    with stack.database.connect() as connection, connection.cursor() as cursor:

        def in_a_transaction() -> bool:
            cursor.execute("SELECT trx_mysql_thread_id, trx_id FROM information_schema.innodb_trx")
            now = time.monotonic()
            found = {(int(thread), int(transaction)) for thread, transaction in cursor.fetchall() if thread}
            for gone in seen.keys() - found:
                del seen[gone]
            return any(now - seen.setdefault(one, now) > 0.25 for one in found)

        def gets_somewhere() -> None:
            before = stack.paid_by_each()[0]
            wait_until(lambda: stack.paid_by_each()[0] > before, seconds=10, what="a payment by app1")

        for _ in range(50):
            gets_somewhere()  # or it would be stopped at the same place again
            os.kill(server.pid, signal.SIGSTOP)
            with suppress(TimeoutError):
                wait_until(in_a_transaction, seconds=0.5, what="a transaction that does not go on")
                return
            os.kill(server.pid, signal.SIGCONT)
    pytest.fail("never stopped in a transaction")


def test_application_server_that_hangs(stack: Production) -> None:
    """A server that hangs, with wallets locked, costs what it had taken. All else is paid by the other one."""
    told, server = stack.payers.told, stack.server("app1")

    def hang() -> float:
        given_up = told.unknown["timeout"]
        try:
            stop_in_a_transaction(stack, server)
            wait_until(lambda: told.unknown["timeout"] > given_up, seconds=15, what="a request that is given up")
            enough = len(told.acknowledged) + 500
            wait_until(lambda: len(told.acknowledged) >= enough, seconds=15, what="payments without app1")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        return time.monotonic()

    what = f"{stack.database.name}: app1 hangs, with wallets locked"
    unknown = stack.pay_through(what, hang, during=500)
    assert unknown.keys() == {"timeout"}
    assert unknown.total() <= CLIENTS
