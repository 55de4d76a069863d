"""A web server takes no more connections than it may open files."""

import subprocess
import sys

import pytest

from shillings.runtime.descriptors import RESERVED

ASK = "from shillings.runtime.descriptors import affordable; print('\\n', affordable(1000))"


@pytest.mark.parametrize(
    ("limits", "connections"),
    [
        ("ulimit -n 128", 128 - RESERVED),
        ("ulimit -n 10", 1),
        ("ulimit -Sn 128", 1000),
    ],
)
def test_connections_leave_room_for_the_rest(limits: str, connections: int) -> None:
    """Where fewer files may be open, there are fewer connections; a soft limit is raised first."""
    command = ["bash", "-c", f'{limits} && exec "$0" -c "$1"', sys.executable, ASK]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert result.stdout.split()[-1:] == [str(connections)], result.stderr
    assert ("few_descriptors" in result.stdout) == (connections < 1000)
