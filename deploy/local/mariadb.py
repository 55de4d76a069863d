"""A private MariaDB with every setting that durability needs."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from deploy.local.ports import free_port
from deploy.local.programs import find_program
from deploy.local.server import Server
from deploy.local.template import ADMIN, DATABASE, PASSWORD, USER, as_root_option, copy_template

# The kernel's limit for the path of a Unix socket is 108 bytes.
_SOCKET_PATH_BYTES_MAX = 100


class MariaDB(Server):
    """One MariaDB server with the database and the user `shillings`.

    Its data directory is made at the first start and kept; the same directory gives the same data again.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        port: where it listens on 127.0.0.1; a free port if 0.
        buffer_pool_mb: memory for data pages.
        redo_log_mb: size of the redo log. The bigger, the less often dirty pages must be written.
        options: further options of mariadbd, such as `{"innodb_snapshot_isolation": "ON"}`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "mariadb",
        port: int = 0,
        buffer_pool_mb: int = 64,
        redo_log_mb: int = 64,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, directory)
        self.port = port or free_port()
        self.data_directory = self.directory / "data"
        self.socket_path = self._choose_socket_path()
        self._options = {
            "innodb_buffer_pool_size": f"{buffer_pool_mb}M",
            "innodb_log_file_size": f"{redo_log_mb}M",
            **(options or {}),
        }

    @property
    def url(self) -> str:
        """How Shillings is told of the database `shillings`."""
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        """How Shillings is told of one database of this server."""
        return f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

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
            "password": PASSWORD,
            "database": database,
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": 5,
        }
        return pymysql.connect(**{**defaults, **options})

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            find_program("mariadbd"),
            "--no-defaults",
            *([] if self.user else as_root_option()),
            f"--datadir={self.data_directory}",
            f"--tmpdir={self.directory}",
            f"--socket={self.socket_path}",
            f"--pid-file={self.directory / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_bin",
            # An acknowledged commit is on the disk, whole, whatever ends the server.
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-doublewrite=1",
            "--skip-log-bin",
            # The default of 50 s is longer than anyone waits for an answer.
            "--innodb-lock-wait-timeout=3",
            "--max-connections=300",
            "--performance-schema=OFF",
            "--innodb-buffer-pool-dump-at-shutdown=OFF",
            "--innodb-buffer-pool-load-at-startup=OFF",
            *(f"--{name.replace('_', '-')}={value}" for name, value in self._options.items()),
        ]

    def prepare(self) -> None:
        """See `Server`."""
        if not self.data_directory.exists():
            copy_template(self.data_directory)

    def answers(self) -> bool:
        """See `Server`."""
        try:
            self.connect(connect_timeout=1, read_timeout=2).close()
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def _choose_socket_path(self) -> Path:
        path = self.directory / "mariadb.sock"
        if len(str(path).encode()) <= _SOCKET_PATH_BYTES_MAX:
            return path
        return Path(tempfile.mkdtemp(prefix="shillings-")) / "mariadb.sock"
