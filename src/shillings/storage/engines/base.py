"""What an engine must say about itself. The statements that are not here are the same on every engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import IO, Any, ClassVar, NamedTuple

import sqlalchemy as sa

Rows = Sequence[Sequence[Any]]

Send = Callable[[tuple[str, ...]], list[Rows]]
"""Sends statements as they are, in one round trip where that is possible; returns each one's rows."""


class ErrorKind(Enum):
    """What a database error means for the work that met it."""

    CONFLICT = auto()
    """Others were in the way (deadlock, lock wait, changed record): roll back and run the whole work again."""

    CONNECTION_LOST = auto()
    """The connection is gone."""

    UNAVAILABLE = auto()
    """The database answers but cannot do this now: disk full, read-only, not part of its cluster. Not applied."""

    PERMANENT = auto()
    """The work itself is wrong."""


class Placement(NamedTuple):
    """Where the work of one executor runs.

    Args:
        threads: how many there are, with a connection each.
        of: the executor whose threads it uses instead of its own.
        writes: whether its connections may write.
    """

    threads: int = 1
    of: str = ""
    writes: bool = True


class Dialect(ABC):
    """One engine, as far as it differs from the others."""

    name: ClassVar[str]

    prefixes: ClassVar[tuple[str, ...]]
    """What its URLs begin with."""

    begin: ClassVar[str]
    """Begins a transaction that will write."""

    for_update: ClassVar[str]
    """What follows a SELECT that locks its rows; empty where `begin` locks everything."""

    is_embedded: ClassVar[bool]
    """Whether the database lives in this process: nobody else brings it, and nobody else uses it."""

    executors: ClassVar[Mapping[str, Placement]]
    """The executors of an application server. An executor that uses another's threads comes after it."""

    changed: ClassVar[str]
    """An expression: how many rows the statement before has changed."""

    or_ignore: ClassVar[str]
    """What follows INSERT where a row that is there already is to be left as it is."""

    binds_rows: ClassVar[bool]
    """Whether rows are bound to a statement, each changing exactly one, instead of being written out in its text."""

    @abstractmethod
    def require(self, condition: str) -> str:
        """A statement that fails, so that what follows it is not reached, unless a condition holds."""

    @abstractmethod
    def sender(self, connection: sa.Connection) -> Send:
        """What sends statements on a connection, for as long as it is open."""

    @abstractmethod
    def classify(self, error: Exception) -> ErrorKind | None:
        """What an error of this engine's driver means; None when it is none of its own."""

    @abstractmethod
    def make_engine(self, url: str, *, writes: bool = True) -> sa.Engine:
        """Where connections come from. They commit each statement unless a transaction was begun in so many words.

        Connections are held by the threads that use them (executor.py), so there is no pool. Errors do not tell the
        values of a statement: they are logged, and the values are people's names and the hashes of their passwords.
        """

    @abstractmethod
    def missing_in(self, url: sa.URL) -> str:
        """What must be in a URL and is not, as the end of a sentence; empty when nothing is missing."""

    @abstractmethod
    def prepare(self, url: str) -> None:
        """Make what must be there before the first connection. Raises SettingsError."""

    @abstractmethod
    def claim(self, url: str) -> IO[str] | None:
        """Keep other servers from using a database that only one may use, until what is returned is closed.

        Raises:
            SettingsError: another one uses it.
        """

    @abstractmethod
    def require_there(self, connection: sa.Connection) -> None:
        """Raise the driver's error for a database that is unavailable when what this connection has open is gone."""

    @abstractmethod
    def risks(self, connection: sa.Connection) -> list[str]:
        """One sentence for each setting that could lose an acknowledged payment; none when all is well."""
