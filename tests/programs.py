"""Which server programs tests need, and what was skipped because they are missing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

from deploy.local.mysql import mysqld_command
from deploy.local.programs import MissingProgram, find_galera_library, find_program

# The reasons of all skips, for the summary at the end of the run.
skipped: set[str] = set()


def require_programs(*names: str, galera: bool = False) -> None:
    """Skip the test when a program is missing; fail it in CI, where everything must be there."""
    with _all_there():
        for name in names:
            find_program(name)
        if galera:
            find_galera_library()


def require_mysql() -> None:
    """The same for MySQL, which is not a program on the PATH."""
    with _all_there():
        mysqld_command()


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except MissingProgram as missing:
        leave_out(str(missing))


def leave_out(reason: str) -> NoReturn:
    """Skip the test, and say so at the end of the run; fail it in CI, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    skipped.add(reason)
    pytest.skip(reason)
