"""SQLite: a file of this process's own, one connection that writes, one statement after the other."""

import sqlite3
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from shillings.storage.engines.base import Dialect, ErrorKind, Placement, Rows, Send
from shillings.storage.engines.sqlite_file import OpenFile, lock_file, prepare_file
from shillings.storage.sql import Bound

BUSY_SECONDS_MAX = 5.0

WAL_PAGES_MAX = 10_000
"""How many pages are written ahead (41 MB) before they are copied to the database, all at once. A page that was written
often is copied once, so the more, the cheaper; and a commit that has to wait for the copying waits no longer, however
large the database is."""

WAL_BYTES_MAX = 64 << 20
"""What the file of pages written ahead is cut to after a transaction that needed more, as a restore may."""

_SYNCHRONOUS_FULL = 2
_FILE = "file"


class SQLite(Dialect):
    """See Dialect."""

    name = "sqlite"
    prefixes = ("sqlite:///",)
    begin = "BEGIN IMMEDIATE"
    for_update = ""
    is_embedded = True
    # One connection writes, so everything that writes shares the ledger's thread.
    executors = {  # noqa: RUF012
        "ledger": Placement(),
        "identity": Placement(of="ledger"),
        "accounts": Placement(writes=False),
        "history": Placement(writes=False),
    }

    changed = "changes()"
    # Text with values in it is parsed again for each batch; a statement with question marks is parsed once.
    or_ignore = "OR IGNORE"
    binds_rows = True

    def require(self, condition: str) -> str:
        """See Dialect. What is in json() is evaluated only when the condition does not hold."""
        return f"SELECT CASE WHEN {condition} THEN 1 ELSE json('a requirement does not hold') END"

    def sender(self, connection: sa.Connection) -> Send:
        """See Dialect. There is nobody to travel to, so one by one costs nothing."""
        new_cursor = connection.connection.cursor

        def send(statements: tuple[str, ...]) -> list[Rows]:
            cursor = new_cursor()
            try:
                return [_fetch(cursor, statement) for statement in statements]
            finally:
                cursor.close()

        return send

    def classify(self, error: Exception) -> ErrorKind | None:
        """See Dialect."""
        if not isinstance(error, sqlite3.Error):
            return None
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ErrorKind.CONFLICT
        if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return ErrorKind.UNAVAILABLE
        return ErrorKind.PERMANENT

    def make_engine(self, url: str, *, writes: bool = True) -> sa.Engine:
        """See Dialect."""
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS_MAX},
        )

        file = OpenFile(file_of(url))

        @event.listens_for(engine, "do_connect")
        def before(*_: object) -> None:
            # Connecting to a file that is gone would make an empty one.
            file.require_there()

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            file.note()
            record.info[_FILE] = file
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
            cursor.execute(f"PRAGMA journal_size_limit={WAL_BYTES_MAX}")
            if not writes:
                # One connection writes and checkpoints: before SQLite 3.51.3 several could corrupt a WAL.
                cursor.execute("PRAGMA query_only=ON")
                cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.close()

        return engine

    def require_there(self, connection: sa.Connection) -> None:
        """See Dialect. What is written to a file that was removed is nowhere, and no statement would fail."""
        connection.info[_FILE].require_there()

    def missing_in(self, url: sa.URL) -> str:
        """See Dialect."""
        if not url.database or url.database == ":memory:":
            return "must name a file, such as sqlite:////var/lib/shillings/shillings.db"
        return ""

    def prepare(self, url: str) -> None:
        """See Dialect."""
        prepare_file(file_of(url))

    def claim(self, url: str) -> IO[str] | None:
        """See Dialect."""
        return lock_file(file_of(url))

    def risks(self, connection: sa.Connection) -> list[str]:
        """See Dialect."""
        level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        if level < _SYNCHRONOUS_FULL:
            return [f"SQLite's synchronous is {level}; 2 (FULL) is needed for a commit to reach the disk."]
        return []


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(url.removeprefix("sqlite:///").split("?")[0])


def _fetch(cursor: Any, statement: str) -> Rows:
    if isinstance(statement, Bound):
        cursor.executemany(statement, statement.rows)
        if cursor.rowcount != len(statement.rows):
            raise sqlite3.IntegrityError(f"{cursor.rowcount} rows were changed where {len(statement.rows)} were meant")
        return ()
    cursor.execute(statement)
    rows: Rows = cursor.fetchall()
    return rows
