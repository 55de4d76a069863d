"""Initialised data directories of MariaDB, made once for each version and copied from then on."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from deploy.local.programs import find_program

DATABASE = "shillings"
USER = "shillings"
ADMIN = "admin"
# Guards nothing: these servers listen on the loopback interface and live as long as a test or a session.
PASSWORD = "local-only"

# The application may use every database whose name begins with `shillings`, so that tests can have their own.
# The first statement switches on the account tables, without which no account can be made.
_ACCOUNTS = rf"""
FLUSH PRIVILEGES;
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON `shillings%`.* TO '{USER}'@'%';
CREATE USER '{ADMIN}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;
"""


class TemplateFailed(Exception):
    """MariaDB could not initialise a data directory; the message has its output."""


@cache
def mariadb_version() -> str:
    """The installed server's version, such as `10.11.6-MariaDB-1`. Raises MissingProgram."""
    text = subprocess.run(
        [find_program("mariadbd"), "--no-defaults", "--version"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"Ver (\S+)", text)
    return found[1] if found else hashlib.sha256(text.encode()).hexdigest()[:16]


def copy_template(target: Path, kind: str = "single", make: Callable[[Path], None] | None = None) -> None:
    """Make `target` an initialised data directory.

    Args:
        target: the data directory; must not exist yet.
        kind: which template; part of its name.
        make: makes that template in the directory it is given, when it does not exist yet.

    Raises:
        MissingProgram: MariaDB is not installed.
        TemplateFailed: it could not initialise a directory.
    """
    # What the template depends on is in its name, so a stale one is never used.
    recipe = hashlib.sha256(f"{mariadb_version()} {_ACCOUNTS}".encode()).hexdigest()[:12]
    template = _cache_directory() / f"mariadb-{kind}-{recipe}"
    if not template.is_dir():
        _make_template(template, make or initialise)
    shutil.copytree(template, target)


def initialise(target: Path) -> None:
    """Have MariaDB write a new data directory, with our database and accounts in it. Raises TemplateFailed."""
    with tempfile.TemporaryDirectory(prefix="shillings-") as scratch:
        accounts = Path(scratch) / "accounts.sql"
        accounts.write_text(_ACCOUNTS)
        result = subprocess.run(
            [
                find_program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={target}",
                *as_root_option(),
                "--skip-test-db",
                "--skip-name-resolve",
                "--auth-root-authentication-method=socket",
                f"--extra-file={accounts}",
                # A small redo log makes a small copy; a server that wants another size makes it anew at its start.
                "--innodb-log-file-size=8M",
                "--skip-log-bin",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode != 0:
        raise TemplateFailed(f"mariadb-install-db failed\n{result.stdout}\n{result.stderr}")


def as_root_option() -> list[str]:
    """What mariadbd must be told when root runs it, which it otherwise refuses."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _make_template(template: Path, make: Callable[[Path], None]) -> None:
    """Make it beside its place and move it there whole: several processes may do this at the same time."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=template.parent) as scratch:
        made = Path(scratch) / "data"
        make(made)
        try:
            made.rename(template)
        except OSError:
            if not template.is_dir():
                raise


def _cache_directory() -> Path:
    """Where templates are kept: the user's cache directory, made when absent."""
    home = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    directory = Path(home) / "shillings"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
