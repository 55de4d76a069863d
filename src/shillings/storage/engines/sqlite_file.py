"""The embedded database's file: there, ours, nobody else's to read, and used by one process at a time."""

import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import IO

from shillings.base.errors import SettingsError

FILE_LOCK_SECONDS_MAX = 5.0


def prepare_file(database: Path) -> None:
    """Make the embedded database's file, for its owner only; one that is there already is made so.

    Raises:
        SettingsError: it cannot be.
    """
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its other files, which hold the same data, the mode of this one.
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        for file in (database, database.with_name(database.name + "-wal"), database.with_name(database.name + "-shm")):
            if file.exists() and file.stat().st_mode & 0o077:
                file.chmod(0o600)
    except OSError as error:
        raise SettingsError(
            f"the database {database} cannot be used: {error.strerror}. Choose another --data-dir"
        ) from None


def lock_file(database: Path) -> IO[str]:
    """Claim a SQLite database for this process; the claim ends with the returned file.

    Raises:
        SettingsError: another process has it. A predecessor gets a moment to finish.
    """
    prepare_file(database)
    lock = database.with_name(database.name + ".lock")
    file = os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600), "w")
    ends = time.monotonic() + FILE_LOCK_SECONDS_MAX
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > ends:
                file.close()
                raise SettingsError(
                    f"another Shillings uses {database}; stop it, or choose another --data-dir"
                ) from None
            time.sleep(0.05)
        else:
            return file


class OpenFile:
    """The file that an engine's connections have open, to notice when it is no longer where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def note(self) -> None:
        """Remember which file it is, the first time."""
        if self._identity is None:
            self._identity = self._stat()

    def require_there(self) -> None:
        """Raise SQLite's error for a file that cannot be opened when it is gone, or another is in its place."""
        if self._identity is not None and self._stat() != self._identity:
            error = sqlite3.OperationalError(f"the database {self._path} is gone, or another is in its place")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
