"""A process that gives way does so inside its session, and as a session of its own."""

import os
import subprocess
import sys

import pytest

from shillings.runtime.priority import NICENESS

ASK = """
import os
from pathlib import Path
from shillings.runtime.priority import give_way

def session() -> str:
    # A kernel without autogroups has no such file, and it is empty in a session that began before they were on.
    sessions = Path("/proc/self/autogroup")
    text = sessions.read_text() if sessions.exists() else ""
    return text.split()[-1] if text else "none"

before = session()
give_way()
print(os.nice(0), before, session())
"""


@pytest.mark.parametrize("own", [True, False])
def test_what_gives_way_comes_last(*, own: bool) -> None:
    """The process is nicer than it was; so is its session where that is its own, and no session that it shares."""
    before = os.nice(0)
    command = [sys.executable, "-c", ASK]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, start_new_session=own)

    niceness, session_before, session_after = result.stdout.split()
    assert int(niceness) == min(before + NICENESS, 19)
    assert session_after == (str(NICENESS) if own and session_before != "none" else session_before)
