"""A process that gives way does so inside its session, and as a session of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shillings.runtime.priority import NICENESS

SESSIONS = Path("/proc/self/autogroup")
ASK = """
import os
from pathlib import Path
from shillings.runtime.priority import give_way

sessions = Path("/proc/self/autogroup")
give_way()
print(os.nice(0), sessions.read_text().split()[-1] if sessions.exists() else "")
"""


@pytest.mark.parametrize("own", [True, False])
def test_what_gives_way_comes_last(*, own: bool) -> None:
    """The process is nicer than it was; so is its session where that is its own, and no session that it shares."""
    before, shared = os.nice(0), SESSIONS.read_text().split()[-1:] if SESSIONS.exists() else []
    command = [sys.executable, "-c", ASK]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, start_new_session=own)

    niceness, *session = result.stdout.split()
    assert int(niceness) == min(before + NICENESS, 19)
    assert session == ([str(NICENESS)] if own and shared else shared)
