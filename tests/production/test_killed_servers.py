"""kill -9 of every server of the production stack, while a crowd pays through nginx."""

import os
import random
import signal
import time
from contextlib import suppress

import pymysql
import pytest
import uvloop

from deploy.local.server import Server
from deploy.local.waiting import wait_until
from tests.faults.test_conservation import Snapshots
from tests.figures import note
from tests.load import LoadClient, Wish, random_wish
from tests.production.conftest import Production
from tests.production.stand import CLIENTS, counted

WISHES = 20_000


def server_named(production: Production, name: str) -> Server:
    """One server of the stack."""
    return next(server for server in production.topology.servers if server.name == name)


def kill_and_wait(production: Production, name: str) -> float:
    """Kill -9; wait for the new one; return the moment at which it was started, the end of the fault."""
    server = server_named(production, name)
    before = server.pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: server.alive and server.pid != before, seconds=15, what=f"a new {name}")
    ended = time.monotonic()
    wait_until(server.answers, seconds=15, what=f"an answer of the new {name}")
    return ended


@pytest.mark.parametrize(("name", "during"), [("web1", 50), ("app1", 50), ("mariadb", 0), ("redis", 0), ("nginx", 0)])
def test_kill_loses_and_doubles_nothing(production: Production, name: str, during: int) -> None:
    """After kill -9 of any server, everything acknowledged is there once; where there are two, the other one serves."""
    production.pay_through(f"kill -9 of {name}", lambda: kill_and_wait(production, name), during=during, dies=name)
    wait_until(production.topology.is_ready, seconds=15, what="the service")


def carried_out(production: Production) -> list[float]:
    """How many payments each application server has made."""
    labels = {"command": "PAY", "code": "ok"}
    return [counted(server, "shillings_command_seconds_count", **labels) for server in production.topology.apps]


def stop_in_a_transaction(production: Production, server: Server) -> None:
    """Stop a server (SIGSTOP) at a moment at which it has wallets locked."""
    idle = (
        "SELECT COUNT(*) FROM information_schema.innodb_trx JOIN information_schema.processlist"
        " ON id = trx_mysql_thread_id WHERE user = 'shillings' AND command = 'Sleep' AND time_ms > 200"
    )
    with production.topology.mariadb.connect() as connection, connection.cursor() as cursor:

        def in_a_transaction() -> bool:
            cursor.execute(idle)
            return cursor.fetchall() != ((0,),)

        def gets_somewhere() -> None:
            before = carried_out(production)[0]
            wait_until(lambda: carried_out(production)[0] > before, seconds=10, what="a payment by app1")

        for _ in range(50):
            gets_somewhere()  # or it would be stopped at the same place again
            os.kill(server.pid, signal.SIGSTOP)
            with suppress(TimeoutError):
                wait_until(in_a_transaction, seconds=0.4, what="a transaction that does not go on")
                return
            os.kill(server.pid, signal.SIGCONT)
    pytest.fail("never stopped in a transaction")


def test_application_server_that_hangs(production: Production) -> None:
    """A server that hangs, with wallets locked, costs what it had taken. All else is paid by the other one."""
    told, server = production.crowd.told, server_named(production, "app1")

    def hang() -> float:
        given_up = told.unknown["timeout"]
        try:
            stop_in_a_transaction(production, server)
            wait_until(lambda: told.unknown["timeout"] > given_up, seconds=15, what="a request that is given up")
            enough = len(told.acknowledged) + 500
            wait_until(lambda: len(told.acknowledged) >= enough, seconds=15, what="payments without app1")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        return time.monotonic()

    unknown = production.pay_through("app1 hangs, with wallets locked", hang, during=500)
    assert unknown.keys() == {"timeout"}
    assert unknown.total() <= CLIENTS


def test_clean_restart_of_the_database(production: Production) -> None:
    """The database is stopped in good order and started again: nothing is lost, and paying goes on by itself."""

    def restart() -> None:
        production.topology.mariadb.restart()

    production.pay_through("clean restart of mariadb", restart, dies="mariadb")


def test_killed_connections(production: Production) -> None:
    """Connections that the database cuts are replaced, and cost no payment."""
    killed: set[int] = set()

    def kill_connections() -> None:
        with production.topology.mariadb.connect() as connection, connection.cursor() as cursor:

            def others() -> set[int]:
                cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'shillings'")
                return {number for (number,) in cursor.fetchall()} - killed

            for _ in range(5):
                wait_until(lambda: len(others()) >= 2, seconds=10, what="connections to kill")
                for number in others():
                    killed.add(number)
                    with suppress(pymysql.err.OperationalError):  # it ended by itself meanwhile
                        cursor.execute(f"KILL CONNECTION {number}")

    production.pay_through("KILL CONNECTION, five rounds", kill_connections, during=50)
    assert len(killed) >= 10


def test_two_application_servers_and_a_hot_account(production: Production) -> None:
    """Everybody pays to and from one account through both application servers: nothing is lost or made."""

    def to_or_from_one(chance: random.Random, emails: list[str]) -> Wish:
        wish = random_wish(chance, emails[1:], with_key=True)
        if chance.random() < 0.5:
            return wish._replace(payer=emails[0])
        return wish._replace(receiver=emails[0])

    before = carried_out(production)
    production.pay_through(
        "hot account on two app servers", lambda: None, before=1500, after=200, choose=to_or_from_one
    )
    assert min(now - then for now, then in zip(carried_out(production), before, strict=True)) > 200


def test_conservation_through_nginx(production: Production) -> None:
    """20,000 payments by 64 clients through nginx, two web and two app servers conserve money in every snapshot."""
    crowd, chance = production.crowd, random.Random(7)
    wishes = [random_wish(chance, crowd.emails, with_key=chance.random() < 0.25) for _ in range(WISHES)]
    acknowledged = len(crowd.told.acknowledged)

    async def work(client: LoadClient) -> None:
        while wishes:
            await crowd.carry_out(client, wishes.pop())

    with Snapshots(production.database_url) as snapshots:
        began = time.monotonic()
        uvloop.run(crowd.with_clients(64, work))
        took = time.monotonic() - began
    note(
        f"conservation behind nginx: {WISHES} wishes in {took:.1f} s, {len(crowd.told.acknowledged) - acknowledged}"
        f" acknowledged; {snapshots.taken} snapshots, {len(snapshots.wrong)} wrong"
    )
    assert snapshots.wrong == []
    assert snapshots.taken >= 20
    production.pay_through("after conservation", lambda: None, before=1, after=200)
