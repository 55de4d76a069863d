"""How the project connects to a database, and what each engine's errors mean.

What differs between SQLite and the MySQL family is in `Dialect`; the statements are the same.
"""

import sqlite3
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from shillings.errors import SettingsError

CONNECT_SECONDS_MAX = 2
READ_SECONDS_MAX = 30
"""A database that says nothing for this long counts as lost."""

LOCK_WAIT_SECONDS_MAX = 3
"""InnoDB's default of 50 s would outlive every caller."""

IDLE_TRANSACTION_SECONDS_MAX = 2
"""An application server that stops in the middle of a transaction, or whose machine vanishes, holds its wallets no
longer than this. What it had not committed is undone. (A connection that nobody closes would hold them for hours.)"""


class Trouble(Enum):
    """What a database error means for the work that met it."""

    CONFLICT = auto()
    """Others were in the way (deadlock, lock wait, changed record): roll back and run the whole work again."""

    LOST = auto()
    """The connection is gone."""

    AWAY = auto()
    """The database answers but cannot do this now: disk full, read-only, not part of its cluster. Not applied."""

    FAULT = auto()
    """The work itself is wrong."""


@dataclass(frozen=True)
class Dialect:
    """What differs between the engines."""

    name: str
    begin: str
    for_update: str
    one_packet: bool
    """Whether several statements can travel together, in one round trip."""


SQLITE = Dialect("sqlite", "BEGIN IMMEDIATE", "", one_packet=False)
MYSQL = Dialect("mysql", "BEGIN", " FOR UPDATE", one_packet=True)

# 1213 deadlock, 1205 lock wait, 1020 record changed; TiDB's 8002, 8022, 8028, 9007: write conflict or schema change,
# rolled back.
_CONFLICT_CODES = {1213, 1205, 1020, 8002, 8022, 8028, 9007}
# The client's own (2000 and up), the server stopping, the connection killed or cut off.
_LOST_CODES = {
    0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2000, 2002, 2003, 2006, 2013, 2014, 2055, 4031,
}  # fmt: skip
# The driver's own, not the server's: there is no connection, or it lost its place among the packets and closed it.
_LOST_KINDS = {("InterfaceError", None), ("InternalError", None)}
# Disk full, too many connections, out of memory, not in its cluster (1047), read-only (1290, 1836).
_AWAY_CODES = {1021, 1023, 1040, 1041, 1047, 1114, 1180, 1203, 1290, 1836, 3, 5, 28}


def trouble(error: Exception) -> Trouble:
    """What an error from the driver or from SQLAlchemy means."""
    if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    if isinstance(error, sqlite3.Error):
        return _sqlite_trouble(error)
    if isinstance(error, OSError | EOFError):
        return Trouble.LOST
    code = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if code in _CONFLICT_CODES:
        return Trouble.CONFLICT
    if code in _LOST_CODES or (type(error).__name__, code) in _LOST_KINDS:
        return Trouble.LOST
    if code in _AWAY_CODES:
        return Trouble.AWAY
    return Trouble.FAULT


def _sqlite_trouble(error: sqlite3.Error) -> Trouble:
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Trouble.CONFLICT
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return Trouble.AWAY
    return Trouble.FAULT


def dialect_of(url: str) -> Dialect:
    """The dialect of a database URL.

    Raises:
        SettingsError: it is neither sqlite:// nor mysql+pymysql://.
    """
    if url.startswith("sqlite:///"):
        return SQLITE
    if url.startswith(("mysql+pymysql://", "mariadb+pymysql://")):
        return MYSQL
    raise SettingsError(
        f"SHILLINGS_DATABASE_URL must begin with sqlite:/// or mysql+pymysql://, not {url.split(':', maxsplit=1)[0]!r}"
    )


def make_engine(url: str, *, writes: bool = True) -> sa.Engine:
    """An engine whose connections commit each statement unless a transaction was begun in so many words.

    Connections are held by the threads that use them (lanes.py), so there is no pool. Errors do not tell the values of
    a statement, because errors are logged, and the values are people's names and the hashes of their passwords.
    """
    if dialect_of(url) is SQLITE:
        return _sqlite_engine(url, writes)
    return _mysql_engine(url)


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(url.removeprefix("sqlite:///").split("?")[0])


def _sqlite_engine(url: str, writes: bool) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": 5.0},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        if not writes:
            # One connection writes and checkpoints: before SQLite 3.51.3 several could corrupt a WAL.
            cursor.execute("PRAGMA query_only=ON")
            cursor.execute("PRAGMA wal_autocheckpoint=0")
        cursor.close()

    return engine


def _mysql_engine(url: str) -> sa.Engine:
    try:
        from pymysql.constants import CLIENT
    except ImportError:
        raise SettingsError(
            "SHILLINGS_DATABASE_URL is MySQL's, and PyMySQL is missing: pip install 'shillings[mysql]'"
        ) from None
    engine = sa.create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={
            "client_flag": CLIENT.MULTI_STATEMENTS,
            "connect_timeout": CONNECT_SECONDS_MAX,
            "read_timeout": READ_SECONDS_MAX,
            "write_timeout": READ_SECONDS_MAX,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute(
                f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS_MAX},"
                " sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION'"
            )
            cursor.execute("SHOW VARIABLES WHERE Variable_name IN ('idle_transaction_timeout', 'wsrep_on')")
            there: dict[str, str] = dict(cursor.fetchall())
            if "idle_transaction_timeout" in there:  # MySQL has no such thing
                cursor.execute(f"SET SESSION idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS_MAX}")
            if there.get("wsrep_on") == "ON":
                # A node of a Galera cluster may lag behind the one we used before. Wait once until it has applied
                # everything the cluster has committed; from then on it is our only writer and cannot lag.
                cursor.execute("SET SESSION wsrep_sync_wait = 1")
                cursor.execute("START TRANSACTION")
                cursor.execute("COMMIT")
                cursor.execute("SET SESSION wsrep_sync_wait = 0")

    return engine
