"""The database engines: everything that tells SQLite from MySQL and MariaDB is in this package, and nowhere else."""

import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.engines.base import Dialect, ErrorKind, Rows, Send
from shillings.storage.engines.mysql import MySQL
from shillings.storage.engines.sqlite import SQLite

__all__ = [
    "DIALECTS",
    "MYSQL",
    "SQLITE",
    "Dialect",
    "ErrorKind",
    "Rows",
    "Send",
    "classify",
    "dialect_of",
    "make_engine",
]

SQLITE: Dialect = SQLite()
MYSQL: Dialect = MySQL()
DIALECTS = (SQLITE, MYSQL)


def dialect_of(url: str) -> Dialect:
    """The dialect of a database URL.

    Raises:
        SettingsError: it is neither sqlite:// nor mysql+pymysql://. The URL is not repeated: it holds a password.
    """
    for dialect in DIALECTS:
        if url.startswith(dialect.prefixes):
            return dialect
    raise SettingsError(
        f"SHILLINGS_DATABASE_URL must begin with sqlite:/// or mysql+pymysql://, not {url.split(':', maxsplit=1)[0]!r}"
    )


def make_engine(url: str, *, writes: bool = True) -> sa.Engine:
    """Where connections to a database come from. See `Dialect.make_engine`."""
    return dialect_of(url).make_engine(url, writes=writes)


def classify(error: Exception) -> ErrorKind:
    """What an error from a driver or from SQLAlchemy means."""
    if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    for dialect in DIALECTS:
        kind = dialect.classify(error)
        if kind is not None:
            return kind
    return ErrorKind.CONNECTION_LOST if isinstance(error, OSError | EOFError) else ErrorKind.PERMANENT
