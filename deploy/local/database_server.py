"""What private servers of MariaDB and MySQL have in common: where they listen, who may come in, how they are asked."""

import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pymysql
from pymysql.cursors import Cursor

from deploy.local.server import Server
from shillings.testing.ports import free_port

DATABASE = "shillings"
USER = "shillings"
ADMIN = "admin"
PASSWORD = "local-only"
"""Guards nothing: the servers of tests listen on the loopback interface, and are gone a moment later."""

# The kernel's limit for the path of a Unix socket is 108 bytes.
_SOCKET_PATH_BYTES_MAX = 100


class Database(Protocol):
    """What Shillings keeps its books in: one server, or a cluster of them."""

    @property
    def url(self) -> str:
        """How Shillings is told of it."""

    @property
    def servers(self) -> list[Server]:
        """Every process that it needs, in the order of starting."""

    def start(self) -> object:
        """Start all of them and wait until they answer. Raises ServerFailed."""

    def connect(self, database: str | None = None, **options: Any) -> "pymysql.Connection[Cursor]":
        """Open an administrator's connection that commits each statement by itself; the caller closes it."""


class DatabaseServer(Server):
    """One server of the MySQL family with the database and the user `shillings`.

    Its data directory is made at the first start and kept; the same directory gives the same data again.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        port: where it listens on 127.0.0.1; a free port if 0.
        password: of the application's account and the administrator's.
        options: further options of the server program, such as `{"innodb_buffer_pool_size": "64M"}`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        port: int = 0,
        password: str = PASSWORD,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, directory)
        self.password = password
        self.port = port or free_port()
        self.data_directory = self.directory / "data"
        self.socket_path = self._choose_socket_path()
        self._options = dict(options or {})

    @abstractmethod
    def command(self) -> list[str]:
        """See `Server`."""

    @property
    def url(self) -> str:
        """How Shillings is told of the database `shillings`."""
        return self.database_url(DATABASE)

    @property
    def servers(self) -> list[Server]:
        """See `Database`."""
        return [self]

    def database_url(self, database: str) -> str:
        """How Shillings is told of one database of this server."""
        return f"mysql+pymysql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def create_database(self, name: str) -> str:
        """Make an empty database, whose name must begin with `shillings`, and return its URL."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database with everything in it."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def connect(self, database: str | None = None, **options: Any) -> "pymysql.Connection[Cursor]":
        """Open an administrator's connection that commits each statement by itself; the caller closes it.

        Args:
            database: the database it uses.
            options: other arguments of `pymysql.connect`.

        Raises:
            pymysql.OperationalError: the server does not let it in.
        """
        defaults: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": ADMIN,
            "password": self.password,
            "database": database,
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": 5,
        }
        return pymysql.connect(**{**defaults, **options})

    def prepare(self) -> None:
        """See `Server`."""
        if not self.data_directory.exists():
            self._make_data_directory()
        path = self._accounts_path
        path.touch(mode=0o600)
        path.write_text("".join(f"{statement};\n" for statement in self._account_statements()))

    @abstractmethod
    def _make_data_directory(self) -> None:
        """Make the data directory, which is not there yet, with the accounts of the application and of tests."""

    def _account_statements(self) -> list[str]:
        """What the server does at each start. A new data directory has the password of all that are new."""
        if self.password == PASSWORD:
            return []
        return [f"ALTER USER '{user}'@'%' IDENTIFIED BY '{self.password}'" for user in (USER, ADMIN)]

    def answers(self) -> bool:
        """See `Server`."""
        try:
            self.connect(connect_timeout=1, read_timeout=2).close()
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def _place_options(self) -> list[str]:
        """Where it keeps its files and where it listens: the same words for every server program."""
        return [
            f"--datadir={self.data_directory}",
            f"--tmpdir={self.directory}",
            f"--socket={self.socket_path}",
            f"--pid-file={self.directory / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--init-file={self._accounts_path}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_bin",
        ]

    @property
    def _accounts_path(self) -> Path:
        return self.directory / "accounts.sql"

    def _further_options(self) -> list[str]:
        return [f"--{name.replace('_', '-')}={value}" for name, value in self._options.items()]

    def _choose_socket_path(self) -> Path:
        path = self.directory / f"{self.name}.sock"
        if len(str(path).encode()) <= _SOCKET_PATH_BYTES_MAX:
            return path
        return Path(tempfile.mkdtemp(prefix="shillings-")) / f"{self.name}.sock"
