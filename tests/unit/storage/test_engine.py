"""What a database's errors mean: try again, the connection is gone, the database is away, or the work is wrong."""

import sqlite3
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

from shillings.errors import SettingsError
from shillings.storage.engine import MYSQL, SQLITE, Trouble, dialect_of, make_engine, sqlite_path, trouble

ERRORS = [
    (pymysql.err.OperationalError(1213, "Deadlock found"), Trouble.CONFLICT),
    (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), Trouble.CONFLICT),
    (pymysql.err.OperationalError(1020, "Record has changed since last read"), Trouble.CONFLICT),
    *[(pymysql.err.OperationalError(code, "Write conflict"), Trouble.CONFLICT) for code in (8002, 8022, 8028, 9007)],
    (pymysql.err.OperationalError(2013, "Lost connection to server during query"), Trouble.LOST),
    (pymysql.err.OperationalError(2006, "Server has gone away"), Trouble.LOST),
    (pymysql.err.OperationalError(2003, "Can't connect"), Trouble.LOST),
    (pymysql.err.OperationalError(1927, "Connection was killed"), Trouble.LOST),
    (pymysql.err.OperationalError(1053, "Server shutdown in progress"), Trouble.LOST),
    (pymysql.err.InterfaceError(0, ""), Trouble.LOST),
    (pymysql.err.InternalError("Packet sequence number wrong"), Trouble.LOST),
    (ConnectionResetError(), Trouble.LOST),
    (TimeoutError(), Trouble.LOST),
    (EOFError(), Trouble.LOST),
    (pymysql.err.OperationalError(1047, "WSREP has not yet prepared node"), Trouble.AWAY),
    (pymysql.err.OperationalError(1040, "Too many connections"), Trouble.AWAY),
    (pymysql.err.OperationalError(1021, "Disk full"), Trouble.AWAY),
    (pymysql.err.OperationalError(1290, "--read-only"), Trouble.AWAY),
    (pymysql.err.IntegrityError(1062, "Duplicate entry"), Trouble.FAULT),
    (pymysql.err.ProgrammingError(1064, "Syntax"), Trouble.FAULT),
    (pymysql.err.OperationalError(1045, "Access denied"), Trouble.FAULT),
    (pymysql.err.DataError(1406, "Data too long"), Trouble.FAULT),
    (ValueError(1213), Trouble.CONFLICT),
    (ValueError("text with a NUL"), Trouble.FAULT),
    (KeyError("x"), Trouble.FAULT),
    (AssertionError(), Trouble.FAULT),
]


@pytest.mark.parametrize(("error", "meaning"), ERRORS, ids=lambda value: str(value)[:40])
def test_errors_have_their_meaning(error: Exception, meaning: Trouble) -> None:
    """Each error means one thing, raised by the driver or wrapped by SQLAlchemy."""
    assert trouble(error) is meaning
    assert trouble(sa.exc.DBAPIError("SELECT", None, error)) is meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_BUSY, Trouble.CONFLICT),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.CONFLICT),
        (sqlite3.SQLITE_LOCKED, Trouble.CONFLICT),
        (sqlite3.SQLITE_FULL, Trouble.AWAY),
        (sqlite3.SQLITE_IOERR_FSYNC, Trouble.AWAY),
        (sqlite3.SQLITE_READONLY, Trouble.AWAY),
        (sqlite3.SQLITE_CANTOPEN, Trouble.AWAY),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Trouble.FAULT),
        (sqlite3.SQLITE_ERROR, Trouble.FAULT),
    ],
)
def test_sqlites_errors_have_their_meaning(code: int, meaning: Trouble) -> None:
    """SQLite's errors are told apart by their primary code."""
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code

    assert trouble(error) is meaning


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
        connection.exec_driver_sql("CREATE TABLE x (n INTEGER)")
    with (
        make_engine(url, writes=False).connect() as connection,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("INSERT INTO x VALUES (1)")
    assert sqlite_path(url) == tmp_path / "x.db"


@pytest.mark.parametrize("writes", [True, False])
def test_errors_do_not_tell_values(tmp_path: Path, writes: bool) -> None:
    """An error of the database, which is logged, has the statement in it, and none of the values."""
    with (
        make_engine(f"sqlite:///{tmp_path / 'x.db'}", writes=writes).connect() as connection,
        pytest.raises(sa.exc.OperationalError, match="INSERT INTO nowhere") as failed,
    ):
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:password)"), {"password": "secret-word"})

    assert "secret-word" not in str(failed.value)
