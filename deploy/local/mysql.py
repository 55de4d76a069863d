"""A private MySQL with every setting that durability needs.

Debian has MySQL in its unstable suite only, so the server may be one that was unpacked into a directory of its own with
the libraries it was built for (see `unpack-debian.sh`); the loader that came with them starts it.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deploy.local.database_server import ADMIN, DATABASE, PASSWORD, USER, DatabaseServer
from deploy.local.programs import MissingProgram, find_program
from deploy.local.template import as_root_option, cache_directory, copy_template, initialise, program_version

# The application may use every database whose name begins with `shillings`, so that tests can have their own.
_ACCOUNTS = rf"""
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON `shillings%`.* TO '{USER}'@'%';
CREATE USER '{ADMIN}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;
"""


class MySQL(DatabaseServer):
    """One MySQL server.

    Args:
        directory: its own directory.
        name: what messages and the log file call it.
        port: where it listens on 127.0.0.1; a free port if 0.
        buffer_pool_mb: memory for data pages.
        redo_log_mb: size of the redo log. The bigger, the less often dirty pages must be written.
        password: of the application's account and the administrator's.
        options: further options of mysqld, such as `{"innodb_lock_wait_timeout": "1"}`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "mysql",
        port: int = 0,
        buffer_pool_mb: int = 64,
        redo_log_mb: int = 64,
        password: str = PASSWORD,
        options: Mapping[str, str] | None = None,
    ) -> None:
        sizes = {"innodb_buffer_pool_size": f"{buffer_pool_mb}M", "innodb_redo_log_capacity": f"{redo_log_mb}M"}
        super().__init__(directory, name=name, port=port, password=password, options=sizes | dict(options or {}))

    @property
    def authority_path(self) -> Path:
        """The certificate of the authority that signed the server's own, for clients that check it."""
        return self.data_directory / "ca.pem"

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            *mysqld_command(),
            "--no-defaults",
            *mysqld_directories(),
            *as_root_option(),
            *self._place_options(),
            # An acknowledged commit is on the disk, whole, whatever ends the server.
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-doublewrite=ON",
            "--skip-log-bin",
            # The default of 50 s is longer than anyone waits for an answer.
            "--innodb-lock-wait-timeout=3",
            "--max-connections=300",
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
            "--performance-schema=OFF",
            "--innodb-buffer-pool-dump-at-shutdown=OFF",
            "--innodb-buffer-pool-load-at-startup=OFF",
            *self._further_options(),
        ]

    def _make_data_directory(self) -> None:
        """See `DatabaseServer`."""
        copy_template(self.data_directory, "mysql-single", f"{mysql_version()} {_ACCOUNTS}", _initialise)


@cache
def mysql_version() -> str:
    """The server's version, such as `9.7.4-2`. Raises MissingProgram."""
    return program_version(mysqld_command())


@cache
def mysqld_command() -> list[str]:
    """How MySQL's server is started, without its options.

    Raises:
        MissingProgram: there is none.
    """
    unpacked = _unpacked()
    program = unpacked / "usr/sbin/mysqld"
    if program.exists():
        [loader, *_] = sorted([*unpacked.glob("usr/lib64/ld-linux*"), *unpacked.glob("usr/lib/ld-linux*")])
        libraries = ":".join(str(path) for path in unpacked.glob("usr/lib/*-linux-gnu*"))
        return [str(loader), "--library-path", libraries, str(program)]
    try:
        found = find_program("mysqld")
    except MissingProgram:
        found = ""
    # Debian's MariaDB has a mysqld too, which is only another name for mariadbd.
    if not found or "MariaDB" in subprocess.check_output([found, "--no-defaults", "--version"], text=True):
        raise MissingProgram("MySQL's mysqld is not installed: run deploy/local/install-packages.sh")
    return [found]


def mysqld_directories() -> list[str]:
    """Where an unpacked server finds what it otherwise takes from /usr."""
    unpacked = _unpacked()
    if not unpacked.exists():
        return []
    return [
        f"--basedir={unpacked / 'usr'}",
        f"--lc-messages-dir={unpacked / 'usr/share/mysql'}",
        f"--plugin-dir={unpacked / 'usr/lib/mysql/plugin'}",
    ]


def _unpacked() -> Path:
    """Where install-packages.sh unpacks it."""
    return cache_directory() / "mysql-server-core"


def _initialise(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="shillings-") as scratch:
        accounts = Path(scratch) / "accounts.sql"
        accounts.write_text(_ACCOUNTS)
        initialise(
            [
                *mysqld_command(),
                "--no-defaults",
                "--initialize-insecure",
                *mysqld_directories(),
                *as_root_option(),
                f"--datadir={target}",
                f"--init-file={accounts}",
                # A small redo log makes a small copy; a server that wants another size makes it again at its start.
                "--innodb-redo-log-capacity=8M",
                "--skip-log-bin",
            ]
        )
