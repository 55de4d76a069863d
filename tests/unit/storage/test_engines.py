"""What a database's errors mean: try again, the connection is gone, the database is down, or the work is wrong."""

import sqlite3
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.engines import MYSQL, SQLITE, ErrorKind, classify, dialect_of, make_engine, sqlite
from shillings.storage.engines.sqlite import file_of

ERRORS = [
    (pymysql.err.OperationalError(1213, "Deadlock found"), ErrorKind.CONFLICT),
    (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), ErrorKind.CONFLICT),
    (pymysql.err.OperationalError(1020, "Record has changed since last read"), ErrorKind.CONFLICT),
    *[(pymysql.err.OperationalError(code, "Write conflict"), ErrorKind.CONFLICT) for code in (8002, 8022, 8028, 9007)],
    (pymysql.err.OperationalError(2013, "Lost connection to server during query"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(2006, "Server has gone away"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(2003, "Can't connect"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1927, "Connection was killed"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1053, "Server shutdown in progress"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1317, "Query execution was interrupted"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(3169, "Session was killed"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(4031, "Disconnected for inactivity"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(3101, "Rolled back by the group"), ErrorKind.CONFLICT),
    (pymysql.err.InterfaceError(0, ""), ErrorKind.CONNECTION_LOST),
    (pymysql.err.InternalError("Packet sequence number wrong"), ErrorKind.CONNECTION_LOST),
    (ConnectionResetError(), ErrorKind.CONNECTION_LOST),
    (TimeoutError(), ErrorKind.CONNECTION_LOST),
    (EOFError(), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1047, "WSREP has not yet prepared node"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1180, "Not connected to Primary Component"), ErrorKind.CONNECTION_LOST),
    (pymysql.err.OperationalError(1040, "Too many connections"), ErrorKind.UNAVAILABLE),
    (pymysql.err.OperationalError(1021, "Disk full"), ErrorKind.UNAVAILABLE),
    (pymysql.err.OperationalError(1290, "--read-only"), ErrorKind.UNAVAILABLE),
    (pymysql.err.OperationalError(1114, "The table is full"), ErrorKind.UNAVAILABLE),
    (pymysql.err.OperationalError(1030, "Got error 28 from storage engine"), ErrorKind.UNAVAILABLE),
    (pymysql.err.OperationalError(3032, "The server is currently in offline mode"), ErrorKind.UNAVAILABLE),
    (pymysql.err.IntegrityError(1062, "Duplicate entry"), ErrorKind.PERMANENT),
    (pymysql.err.ProgrammingError(1064, "Syntax"), ErrorKind.PERMANENT),
    (pymysql.err.OperationalError(1045, "Access denied"), ErrorKind.PERMANENT),
    (pymysql.err.DataError(1406, "Data too long"), ErrorKind.PERMANENT),
    (ValueError(1213), ErrorKind.CONFLICT),
    (ValueError("text with a NUL"), ErrorKind.PERMANENT),
    (KeyError("x"), ErrorKind.PERMANENT),
    (AssertionError(), ErrorKind.PERMANENT),
]


@pytest.mark.parametrize(("error", "meaning"), ERRORS, ids=lambda value: str(value)[:40])
def test_errors_have_their_meaning(error: Exception, meaning: ErrorKind) -> None:
    """Each error means one thing, raised by the driver or wrapped by SQLAlchemy."""
    assert classify(error) is meaning
    assert classify(sa.exc.DBAPIError("SELECT", None, error)) is meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_BUSY, ErrorKind.CONFLICT),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, ErrorKind.CONFLICT),
        (sqlite3.SQLITE_LOCKED, ErrorKind.CONFLICT),
        (sqlite3.SQLITE_FULL, ErrorKind.UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_FSYNC, ErrorKind.UNAVAILABLE),
        (sqlite3.SQLITE_READONLY, ErrorKind.UNAVAILABLE),
        (sqlite3.SQLITE_CANTOPEN, ErrorKind.UNAVAILABLE),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, ErrorKind.PERMANENT),
        (sqlite3.SQLITE_ERROR, ErrorKind.PERMANENT),
    ],
)
def test_sqlites_errors_have_their_meaning(code: int, meaning: ErrorKind) -> None:
    """SQLite's errors are told apart by their primary code."""
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code

    assert classify(error) is meaning


def test_urls_name_their_dialect() -> None:
    """SQLite and the MySQL family are known by their URLs; anything else is refused without its password."""
    assert dialect_of("sqlite:///x.db") is SQLITE
    assert dialect_of("mysql+pymysql://u:p@h/d") is MYSQL
    assert dialect_of("mariadb+pymysql://u:p@h/d") is MYSQL
    with pytest.raises(SettingsError, match="must begin with") as refused:
        dialect_of("postgresql://u:secret@h/d")
    assert "secret" not in str(refused.value)


def test_embedded_database_is_durable(tmp_path: Path) -> None:
    """Every SQLite connection writes ahead and syncs fully; one made for reading cannot write."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with make_engine(url).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 10_000
        connection.exec_driver_sql("CREATE TABLE x (n INTEGER)")
    with (
        make_engine(url, writes=False).connect() as connection,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("INSERT INTO x VALUES (1)")
    assert file_of(url) == tmp_path / "x.db"


def test_pages_written_ahead_are_copied_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is written, what is written ahead stays small; what one large transaction needed is given back."""
    monkeypatch.setattr(sqlite, "WAL_PAGES_MAX", 50)
    monkeypatch.setattr(sqlite, "WAL_BYTES_MAX", 300_000)
    wal = tmp_path / "x.db-wal"
    with make_engine(f"sqlite:///{tmp_path / 'x.db'}").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE x (text TEXT)")
        sizes = []
        for kilobytes in [20] * 30 + [2_000] + [20] * 30:
            connection.exec_driver_sql(f"INSERT INTO x VALUES ('{'x' * kilobytes * 1000}')")
            sizes.append(wal.stat().st_size)

    assert max(sizes[:30]) <= 300_000
    assert sizes[30] > 2_000_000
    assert sizes[-1] <= 300_000


@pytest.mark.parametrize("writes", [True, False])
def test_errors_do_not_tell_values(tmp_path: Path, writes: bool) -> None:
    """An error of the database, which is logged, has the statement in it, and none of the values."""
    with (
        make_engine(f"sqlite:///{tmp_path / 'x.db'}", writes=writes).connect() as connection,
        pytest.raises(sa.exc.OperationalError, match="INSERT INTO nowhere") as failed,
    ):
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:password)"), {"password": "secret-word"})

    assert "secret-word" not in str(failed.value)
