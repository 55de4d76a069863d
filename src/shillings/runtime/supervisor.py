"""The parent of `shillings serve`: starts the children, restarts the one that dies, leaves none behind.

It does nothing else, so there is nothing in it to break. Each child holds the reading end of a pipe whose writing
end only the parent has: when the parent is gone, however it went, the pipe ends, and the child tidies up and stops.
"""

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shillings.base.errors import SettingsError

EXIT_SETTINGS = 2
"""A child that exits with this cannot start as it was told to; starting it again would not help."""

STOP_SECONDS_MAX = 12.0
RESTART_SECONDS_MAX = 2.0

_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


@dataclass
class Child:
    """One process to keep alive.

    Args:
        name: for messages.
        run: what the process does.
        stage: children of the highest stage are stopped first.
    """

    name: str
    run: Callable[[], None]
    stage: int
    pid: int = 0
    started_at: float = 0.0
    restarts_in_a_row: int = 0
    restart_at: float | None = field(default=None)


class Supervisor:
    """Keeps children alive until SIGTERM or Ctrl-C.

    Args:
        children: what to keep alive.
        folder: where their sockets are. Whoever made it removes it; when the parent was killed, the children do.
    """

    def __init__(self, children: list[Child], folder: Path) -> None:
        self._children = children
        self._folder = folder
        self._pipe = os.pipe()

    def start(self) -> None:
        """Start every child."""
        # Signals wait until we ask for them, so none is missed and none interrupts.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for child in self._children:
            self._start(child)

    def run(self) -> int:
        """Watch over the children until told to stop; return the exit code."""
        while True:
            number = self._next_signal()
            if number in (signal.SIGTERM, signal.SIGINT):
                self.stop_all()
                return 0
            if self._reap() == EXIT_SETTINGS:
                self.stop_all()
                return EXIT_SETTINGS
            self._restart_due()

    def check(self) -> int | None:
        """The exit code if the children cannot go on or a stop was asked for; None while all is well."""
        if signal.sigpending() & {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}:
            return self.run()
        return None

    def _next_signal(self) -> int | None:
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        if not due:
            return signal.sigwait(_SIGNALS)
        found = signal.sigtimedwait(_SIGNALS, max(0.0, min(due) - time.monotonic()))
        return found.si_signo if found else None

    def _start(self, child: Child) -> None:
        child.restart_at = None
        child.started_at = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(self._be(child))
        child.pid = pid

    def _be(self, child: Child) -> int:
        """What a child does with its life. Runs in the child."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent tells us in order.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _name_process(f"shillings {child.name}")
        reading, writing = self._pipe
        os.close(writing)
        threading.Thread(target=_outlive_no_parent, args=(reading, self._folder), daemon=True).start()
        try:
            child.run()
        except SettingsError as error:
            print(f"shillings: {error}", file=sys.stderr)
            return EXIT_SETTINGS
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stderr.flush()
        return 0

    def _reap(self) -> int | None:
        """Collect the children that ended, and plan their return. EXIT_SETTINGS when one cannot start."""
        for child in self._children:
            pid, status = os.waitpid(child.pid, os.WNOHANG) if child.pid else (0, 0)
            if pid == 0:
                continue
            child.pid = 0
            code = os.waitstatus_to_exitcode(status)
            if code == EXIT_SETTINGS:
                return EXIT_SETTINGS
            lived = time.monotonic() - child.started_at
            child.restarts_in_a_row = 0 if lived > RESTART_SECONDS_MAX else child.restarts_in_a_row + 1
            # The first return is immediate; one that keeps dying comes back more and more slowly.
            pause = min(0.1 * 2**child.restarts_in_a_row, RESTART_SECONDS_MAX) if child.restarts_in_a_row else 0.0
            child.restart_at = time.monotonic() + pause
            print(f"shillings: {child.name} ended ({code}); starting it again", file=sys.stderr)
        return None

    def _restart_due(self) -> None:
        for child in self._children:
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                self._start(child)

    def stop_all(self) -> None:
        """Stop the children, highest stage first: what takes requests in stops before what answers them."""
        for child in self._children:
            child.restart_at = None
        for stage in sorted({child.stage for child in self._children}, reverse=True):
            self._stop([child for child in self._children if child.stage == stage and child.pid])

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
        ends = time.monotonic() + STOP_SECONDS_MAX
        for child in children:
            while os.waitpid(child.pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > ends:
                    os.kill(child.pid, signal.SIGKILL)
                    os.waitpid(child.pid, 0)
                    break
                signal.sigtimedwait({signal.SIGCHLD}, 0.05)
            child.pid = 0


def _name_process(name: str) -> None:
    """Have `ps` and `top` tell the children apart. Linux keeps 15 characters; elsewhere they all have one name."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _outlive_no_parent(reading: int, folder: Path) -> None:
    """Tidy up and stop this process when the parent is gone; the hard way if it does not stop by itself."""
    os.read(reading, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS_MAX)
    os._exit(1)
