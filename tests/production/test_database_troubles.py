"""Deadlocks, lock waits, changed records, and a connection that breaks while COMMIT's answer is on its way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql

from deploy.local.waiting import wait_until
from tests.production.conftest import Proxied

COMMIT = b"COMMIT"


def status(proxied: Proxied, name: str) -> int:
    """A counter of the database server."""
    with proxied.mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SHOW GLOBAL STATUS LIKE '{name}'")
        [(_, value)] = cursor.fetchall()
        return int(value)


@contextmanager
def adversary(proxied: Proxied) -> Iterator[pymysql.cursors.Cursor]:
    """Another session on the same database, which begins no transaction by itself."""
    with proxied.mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"USE {proxied.database_url.rsplit('/', 1)[1].split('?')[0]}")
        yield cursor


def quarrel(proxied: Proxied, rounds: int, statements: Callable[[list[bytes]], list[str]]) -> int:
    """Take wallets' locks in an order nobody else uses, again and again; return how often it lost a deadlock."""
    lost = 0
    with adversary(proxied) as cursor:
        cursor.execute("SELECT user_id FROM users ORDER BY user_id")
        users = [row[0] for row in cursor.fetchall()]
        for _ in range(rounds):
            cursor.execute("BEGIN")
            try:
                for statement in statements(users):
                    cursor.execute(statement)
            except pymysql.err.OperationalError as error:
                if error.args[0] not in (1213, 1205, 1020):
                    raise
                lost += 1
            cursor.execute("ROLLBACK")
    return lost


def test_deadlocks(proxied: Proxied) -> None:
    """A session that locks wallets in the opposite order causes deadlocks (1213); no payment is lost or halved."""
    before = status(proxied, "Innodb_deadlocks")

    def backwards(users: list[bytes]) -> list[str]:
        return [f"SELECT balance FROM users WHERE user_id = x'{user.hex()}' FOR UPDATE" for user in reversed(users)]

    def fight() -> None:
        ends = time.monotonic() + 20
        while status(proxied, "Innodb_deadlocks") < before + 5:
            assert time.monotonic() < ends, "no deadlock came about"
            quarrel(proxied, 20, backwards)

    proxied.pay_through("1213 deadlocks", fight)


def test_lock_wait(proxied: Proxied) -> None:
    """A wallet that somebody holds for longer than the lock wait (1205) delays payments and loses none."""

    def hold() -> None:
        with adversary(proxied) as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT balance FROM users FOR UPDATE")
            ends = time.monotonic() + 3.6  # the lock wait is 3 s
            wait_until(lambda: time.monotonic() > ends, seconds=5, what="the end of the lock wait")
            cursor.execute("ROLLBACK")

    proxied.pay_through("1205 lock wait", hold)


def test_changed_records(proxied: Proxied) -> None:
    """Snapshot isolation's refusals (1020) in sessions that read first and lock later cost no payment."""
    refusals: list[int] = []

    def read_then_lock() -> None:
        ends = time.monotonic() + 20
        with adversary(proxied) as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            while len(refusals) < 5:
                assert time.monotonic() < ends, "no record changed under the reader"
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                cursor.execute("SELECT SUM(balance) FROM users")
                try:
                    cursor.execute("SELECT balance FROM users FOR UPDATE")
                except pymysql.err.OperationalError as error:
                    refusals.append(error.args[0])
                cursor.execute("ROLLBACK")

    proxied.pay_through("1020 changed records", read_then_lock)
    assert 1020 in refusals


def test_lost_answer_to_commit(proxied: Proxied) -> None:
    """When the answer to COMMIT is lost, the service finds out what happened, and no key is ever paid twice."""

    def lose_answers() -> None:
        for number in range(1, 9):
            cuts = proxied.proxy.cuts
            proxied.proxy.lose_answer_to(COMMIT)
            proxied.proxy.wait_for_cuts(cuts + 1)
            assert proxied.proxy.cuts >= number

    unknown = proxied.pay_through("answer to COMMIT lost x 8", lose_answers)
    # The service looks for itself; only what it could not find out in time is told to the caller as unknown.
    assert unknown.total() == 0


def test_commit_that_never_arrived(proxied: Proxied) -> None:
    """When the connection breaks before COMMIT arrives, the payments are made anew, once."""

    def cut_commits() -> None:
        for _ in range(8):
            cuts = proxied.proxy.cuts
            proxied.proxy.cut_before(COMMIT)
            proxied.proxy.wait_for_cuts(cuts + 1)

    assert proxied.pay_through("COMMIT never arrived x 8", cut_commits).total() == 0


def test_hanging_database(proxied: Proxied) -> None:
    """A way to the database that hangs for a second delays payments; nothing is lost."""

    def hang() -> None:
        proxied.proxy.hold()
        released = threading.Timer(1.0, proxied.proxy.restore)
        released.start()
        released.join()

    proxied.pay_through("network to the database hangs", hang)


def test_database_out_of_reach(proxied: Proxied) -> None:
    """While the database refuses connections, payments are refused as not applied, and go on when it is back."""

    def refuse() -> None:
        proxied.proxy.refuse()
        proxied.proxy.cut()
        away = proxied.crowd.told.turned_away
        before = away["unavailable"]
        wait_until(lambda: away["unavailable"] > before + 50, seconds=10, what="refusals")
        proxied.proxy.restore()

    proxied.pay_through("database out of reach", refuse)
