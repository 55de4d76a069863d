"""Which processes go first where the processors are not enough for all of them."""

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 5
"""How much: it gets a third of what another process gets where both want a processor, and so is never starved. With 10,
payments gained no more."""

_AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Take what the other processes leave of the processors, from now on."""
    os.nice(NICENESS)
    # Linux may share the processors among sessions first (autogroup), and then niceness counts inside a session only. A
    # session of this process's own gives way as a whole; one that it shares with others is not its to judge.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _AUTOGROUP.write_text(str(NICENESS))
