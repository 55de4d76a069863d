"""Filled databases, and the check that tells a right ledger from a wrong one."""

import subprocess
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

from benchmarks.filling import Filling, fill_sqlite
from benchmarks.population import BALANCE, email, user_id
from benchmarks.verify import LedgerWrong, verify
from deploy.local.mariadb import MariaDB
from deploy.local.shillings import PROGRAM, settings_environment
from shillings import ids
from tests.invariants import Auditor, violations

_USERS, _HISTORY = 7, 7 * 40


@pytest.fixture(scope="module")
def filled_url(mariadb: MariaDB, fresh_database_url: str) -> str:
    """The URL of a database with a few users and some history."""
    _migrate(fresh_database_url)
    with mariadb.connect(_name(fresh_database_url)) as connection:
        list(Filling(connection, _USERS, _HISTORY).run())
    return fresh_database_url


def test_made_up_history_obeys_every_invariant(filled_url: str) -> None:
    """What the filling makes passes the audit that real ledgers must pass, entry by entry."""
    with Auditor(filled_url) as auditor:
        ledger = auditor.read_ledger()

    assert violations(ledger) == []
    assert len(ledger.transactions) == _USERS + _HISTORY
    assert [user.email for user in ledger.users] == [email(number) for number in range(_USERS)]


def test_embedded_users_obey_every_invariant(tmp_path: Path) -> None:
    """The users made in SQLite pass the same audit."""
    url = f"sqlite:///{tmp_path / 'shillings.db'}"
    _migrate(url)
    fill_sqlite(tmp_path / "shillings.db", 20)

    with Auditor(url) as auditor:
        ledger = auditor.read_ledger()

    assert violations(ledger) == []
    assert {user.balance for user in ledger.users} == {BALANCE}


def test_a_right_ledger_is_verified(filled_url: str) -> None:
    """Every acknowledged transaction that is there is counted."""
    with sa.create_engine(filled_url).connect() as connection:
        found = connection.exec_driver_sql("SELECT transaction_id FROM transactions").all()
    acknowledged = "".join(ids.show(bytes(row[0])) for row in found).encode()

    assert verify(filled_url, [acknowledged]) == _USERS + _HISTORY


def test_a_lost_payment_is_found(filled_url: str) -> None:
    """An acknowledged transaction that is not in the ledger is an error."""
    lost = ids.show(b"\x01" * 16).encode()

    with pytest.raises(LedgerWrong, match="1 acknowledged payments are not in the ledger"):
        verify(filled_url, [lost])


def test_a_payment_acknowledged_twice_is_found(filled_url: str) -> None:
    """One transaction that two payments were told about is an error."""
    with pytest.raises(LedgerWrong, match="acknowledged for two"):
        verify(filled_url, [ids.show(b"\x01" * 16).encode() * 2])


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (f"UPDATE users SET balance = balance + 1 WHERE email = '{email(3)}'", "was topped up and .* is there"),
        (f"UPDATE entries SET amount = 2 WHERE account_id = x'{user_id(3).hex()}' AND seq = 2", "entries sum to"),
        (f"DELETE FROM entries WHERE account_id = x'{user_id(3).hex()}' AND seq = 2", "have .* entries"),
        (f"UPDATE entries SET seq = 999 WHERE account_id = x'{user_id(3).hex()}' AND seq = 2", "of 1 accounts do not"),
    ],
)
def test_damaged_books_are_found(mariadb: MariaDB, damage: str, complaint: str) -> None:
    """Money, entries or numbers that are not as they should be are an error that says what is wrong."""
    name = "shillings_damaged"
    url = mariadb.create_database(name)
    try:
        _migrate(url)
        with mariadb.connect(name) as connection:
            list(Filling(connection, _USERS, _HISTORY).run())
            _execute(connection, damage)

        with pytest.raises(LedgerWrong, match=complaint):
            verify(url)
    finally:
        mariadb.drop_database(name)


def _migrate(url: str) -> None:
    environment = settings_environment({"DATABASE_URL": url})
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


def _execute(connection: "pymysql.Connection[pymysql.cursors.Cursor]", statement: str) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute(statement) == 1
