"""A private MariaDB with every setting that durability needs."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deploy.local.database_server import ADMIN, DATABASE, PASSWORD, USER, DatabaseServer
from deploy.local.programs import find_program
from deploy.local.template import as_root_option, copy_template, initialise, program_version

# The application may use every database whose name begins with `shillings`, so that tests can have their own.
# The first statement switches on the account tables, without which no account can be made.
ACCOUNTS = rf"""
FLUSH PRIVILEGES;
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON `shillings%`.* TO '{USER}'@'%';
CREATE USER '{ADMIN}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;
"""


class MariaDB(DatabaseServer):
    """One MariaDB server.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        port: where it listens on 127.0.0.1; a free port if 0.
        buffer_pool_mb: memory for data pages.
        redo_log_mb: size of the redo log. The bigger, the less often dirty pages must be written.
        password: of the application's account and the administrator's.
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
        password: str = PASSWORD,
        options: Mapping[str, str] | None = None,
    ) -> None:
        sizes = {"innodb_buffer_pool_size": f"{buffer_pool_mb}M", "innodb_log_file_size": f"{redo_log_mb}M"}
        super().__init__(directory, name=name, port=port, password=password, options=sizes | dict(options or {}))

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            find_program("mariadbd"),
            "--no-defaults",
            *as_root_option(),
            *self._place_options(),
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
            *self._further_options(),
        ]

    def _make_data_directory(self) -> None:
        """See `DatabaseServer`."""
        copy_mariadb(self.data_directory)


def copy_mariadb(target: Path) -> None:
    """Make `target` a data directory with our database and accounts in it."""
    copy_template(target, "mariadb-single", f"{mariadb_version()} {ACCOUNTS}", _initialise)


@cache
def mariadb_version() -> str:
    """The installed server's version, such as `10.11.6-MariaDB-1`. Raises MissingProgram."""
    return program_version([find_program("mariadbd")])


def _initialise(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="shillings-") as scratch:
        accounts = Path(scratch) / "accounts.sql"
        accounts.write_text(ACCOUNTS)
        initialise(
            [
                find_program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={target}",
                *as_root_option(),
                "--skip-test-db",
                "--skip-name-resolve",
                "--auth-root-authentication-method=socket",
                f"--extra-file={accounts}",
                # A small redo log makes a small copy; a server that wants another size makes it again at its start.
                "--innodb-log-file-size=8M",
                "--skip-log-bin",
            ]
        )
