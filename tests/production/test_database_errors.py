"""Deadlocks, lock waits, changed records, and a connection that breaks while COMMIT's answer is on its way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql
import pytest

from deploy.local.waiting import wait_until
from tests.production.conftest import Proxied
from tests.production.production_stack import CLIENTS
from tests.proxy import Proxy

COMMIT = b";COMMIT"
"""The end of a packet that writes. Connecting sends COMMIT too: in READ COMMITTED and AUTOCOMMIT."""


@contextmanager
def adversary(proxied: Proxied, *statements: str) -> Iterator[pymysql.cursors.Cursor]:
    """Another session on the same database, which begins no transaction by itself.

    Args:
        proxied: whose database.
        statements: what it begins with.
    """
    with proxied.database.connect("shillings") as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield cursor


def conflicts(proxied: Proxied) -> float:
    """How often the ledger has met others and run its work again."""
    return proxied.counted("shillings_database_retries_total", executor="ledger", reason="conflict")


def wait_for_conflicts(proxied: Proxied, count: float) -> None:
    """Return when the ledger has met others so often. Raises TimeoutError."""
    wait_until(lambda: conflicts(proxied) >= count, seconds=15, what=f"{count:g} conflicts", interval=0.05)


def test_deadlocks(proxied: Proxied) -> None:
    """A session that changes wallets in the opposite order wins deadlocks (1213); no payment is lost or halved."""
    due = conflicts(proxied) + 5

    def fight() -> None:
        ends = time.monotonic() + 20
        with adversary(proxied) as cursor:
            cursor.execute("SELECT user_id FROM users ORDER BY user_id DESC")
            users = [row[0].hex() for row in cursor.fetchall()]
            while conflicts(proxied) < due:
                assert time.monotonic() < ends, "no deadlock came about"
                # What it has changed already makes it the one that the database spares.
                cursor.execute("BEGIN")
                with suppress_conflicts():
                    for user in users:
                        cursor.execute(f"UPDATE users SET phone = UUID_SHORT() WHERE user_id = x'{user}'")
                cursor.execute("COMMIT")

    proxied.pay_through(f"{proxied.database.name}: 1213 deadlocks", fight)


def test_lock_wait(proxied: Proxied) -> None:
    """A wallet that somebody holds for longer than the lock wait (1205) delays payments and loses none."""
    due = conflicts(proxied) + 1

    def hold() -> None:
        # One wallet: who holds one row only cannot be part of a deadlock.
        with adversary(proxied, "BEGIN", "SELECT balance FROM users ORDER BY user_id LIMIT 1 FOR UPDATE"):
            wait_for_conflicts(proxied, due)

    assert proxied.pay_through(f"{proxied.database.name}: 1205 lock wait", hold).total() == 0


def test_lock_wait_between_the_writes(proxied: Proxied) -> None:
    """A lock wait (1205) that comes when wallets are written and transactions are not leaves no half payment."""
    due = conflicts(proxied) + 1
    # The last one, and with it the gap after it, into which every new one goes.
    last = "SELECT transaction_id FROM transactions ORDER BY transaction_id DESC LIMIT 1 FOR UPDATE"

    def hold() -> None:
        with adversary(proxied, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN", last):
            wait_for_conflicts(proxied, due)

    assert proxied.pay_through(f"{proxied.database.name}: 1205 between the writes", hold).total() == 0


@pytest.mark.parametrize("proxied_stack", ["mariadb"], indirect=True)
def test_changed_records(proxied: Proxied) -> None:
    """In MariaDB sessions that read first and write later are refused (1020), and cost no payment."""
    refusals = 0

    def read_then_write() -> None:
        nonlocal refusals
        ends = time.monotonic() + 20
        with adversary(proxied, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ") as cursor:
            while refusals < 5:
                assert time.monotonic() < ends, "no record changed under the reader"
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                with suppress_conflicts() as met:
                    cursor.execute("UPDATE users SET phone = UUID_SHORT()")
                refusals += met == [1020]
                cursor.execute("COMMIT")

    assert proxied.pay_through(f"{proxied.database.name}: 1020 changed records", read_then_write).total() == 0


@contextmanager
def suppress_conflicts() -> Iterator[list[int]]:
    """Pass over a transaction's being in the way of others; the list gets the error's number."""
    met: list[int] = []
    try:
        yield met
    except pymysql.err.OperationalError as error:
        met.append(error.args[0])
        if met[0] not in (1213, 1205, 1020):
            raise


def test_lost_answer_to_commit(proxied: Proxied) -> None:
    """When the answer to COMMIT is lost, the service finds out what happened, and no key is ever paid twice."""

    def lose_answers() -> None:
        for number in range(1, 9):
            cuts = proxied.proxy.cuts
            proxied.proxy.lose_answer_to(COMMIT)
            proxied.proxy.wait_for_cuts(cuts + 1)
            assert proxied.proxy.cuts >= number

    unknown = proxied.pay_through(f"{proxied.database.name}: answer to COMMIT lost x 8", lose_answers)
    # The service checks for itself; only what it could not find out in time is told to the caller as unknown.
    assert unknown.total() == 0


def test_commit_that_never_arrived(proxied: Proxied) -> None:
    """When the connection breaks before COMMIT arrives, the payments are made again, once."""

    def cut_commits() -> None:
        for _ in range(8):
            cuts = proxied.proxy.cuts
            proxied.proxy.cut_before(COMMIT)
            proxied.proxy.wait_for_cuts(cuts + 1)

    assert proxied.pay_through(f"{proxied.database.name}: COMMIT never arrived x 8", cut_commits).total() == 0


@pytest.mark.parametrize(
    ("break_it", "truth"),
    [(Proxy.lose_answer_to, "had been done"), (Proxy.cut_before, "had not been done")],
    ids=["arrived", "never arrived"],
)
def test_commit_whose_fate_nobody_can_find_out(
    proxied: Proxied, break_it: Callable[[Proxy, bytes], None], truth: str
) -> None:
    """When the database is out of reach after a broken COMMIT, the outcome is unknown, and the key tells the truth."""
    told = proxied.payers.told
    resolved = told.resolved[truth]

    def break_and_refuse() -> None:
        before = told.answers[500, "internal"]
        # Connections that are open go on; only who lost his cannot come back.
        proxied.proxy.refuse()
        break_it(proxied.proxy, COMMIT)
        wait_until(lambda: told.answers[500, "internal"] > before, seconds=10, what="an unknown outcome")
        proxied.proxy.restore()

    unknown = proxied.pay_through(
        f"{proxied.database.name}: COMMIT {truth}, and nobody knew", break_and_refuse, during=50
    )
    assert unknown["internal"] > 0
    assert told.resolved[truth] - resolved == unknown.total()


def test_hanging_database(proxied: Proxied) -> None:
    """While the way to the database hangs nobody knows the outcome; then each key tells it, and none is paid twice."""
    told = proxied.payers.told

    def hang() -> None:
        before = told.answers[504, "timeout"]
        proxied.proxy.hold()
        wait_until(lambda: told.answers[504, "timeout"] >= before + CLIENTS, seconds=10, what="unknown outcomes")
        proxied.proxy.restore()

    unknown = proxied.pay_through(f"{proxied.database.name}: network to the database hangs", hang)
    assert unknown["timeout"] >= CLIENTS / 2


def test_database_out_of_reach(proxied: Proxied) -> None:
    """While the database refuses connections, payments are refused as not applied, and go on when it is back."""

    def refuse() -> None:
        proxied.proxy.refuse()
        proxied.proxy.cut()
        not_done = proxied.payers.told.not_done
        before = not_done["unavailable"]
        wait_until(lambda: not_done["unavailable"] > before + 50, seconds=10, what="refusals")
        proxied.proxy.restore()

    proxied.pay_through(f"{proxied.database.name}: database out of reach", refuse)
