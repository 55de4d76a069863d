"""Which server programs tests need, and what was skipped because they are missing."""

import os

import pytest

from deploy.local.programs import MissingProgram, find_galera_library, find_program

# The reasons of all skips, for the summary at the end of the run.
skipped: set[str] = set()


def require_programs(*names: str, galera: bool = False) -> None:
    """Skip the test when a program is missing; fail it in CI, where everything must be there."""
    try:
        for name in names:
            find_program(name)
        if galera:
            find_galera_library()
    except MissingProgram as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        skipped.add(str(missing))
        pytest.skip(str(missing))
