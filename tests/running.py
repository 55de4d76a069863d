"""`shillings` commands as processes, and what tests of starting and stopping must know of them and their children."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from deploy.local.waiting import wait_until
from shillings.testing.process import START_SECONDS_MAX, STOP_SECONDS_MAX, Process, clean_environ, shillings_command

COMMAND_SECONDS_MAX = 20.0

__all__ = ["START_SECONDS_MAX", "Program", "Tracked", "clean_environ", "run_shillings", "start_shillings"]


def start_shillings(*arguments: str, cwd: Path, **settings: str) -> subprocess.Popen[str]:
    """Start a command that ends by itself."""
    return subprocess.Popen(
        [shillings_command(), *arguments],
        cwd=cwd,
        env=clean_environ(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_shillings(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself, and return what it said."""
    with start_shillings(*arguments, cwd=cwd, **settings) as process:
        try:
            stdout, stderr = process.communicate(timeout=COMMAND_SECONDS_MAX)
        finally:
            process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


class Tracked(Process):
    """A process whose children are known, so that none of them outlives it unnoticed."""

    def __init__(self, folder: Path, arguments: Sequence[str], settings: Mapping[str, str]) -> None:
        super().__init__(folder, arguments, {"SHILLINGS_PASSWORD_THREADS": "2"} | dict(settings))
        self._ever_seen: dict[int, psutil.Process] = {}

    def processes(self) -> list[psutil.Process]:
        """The parent and its children, as they are now."""
        parent = psutil.Process(self.pid)
        found = [parent, *parent.children(recursive=True)]
        self._ever_seen.update((process.pid, process) for process in found)
        return found

    def start(self) -> None:
        """See Process."""
        super().start()
        self.processes()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code when it and all its children are gone."""
        self.processes()
        code = super().stop(number)
        self.wait_until_gone(0.5)
        return code

    def press_ctrl_c(self) -> int:
        """Stop it as a terminal does, which sends SIGINT to the parent and its children alike; return the exit code."""
        for process in self.processes()[1:]:
            process.send_signal(signal.SIGINT)
        return self.stop(signal.SIGINT)

    def kill(self) -> float:
        """Kill the parent with SIGKILL; return how many seconds its children survived it."""
        assert self._process is not None
        self.processes()
        began = time.monotonic()
        self._process.kill()
        self._process.wait()
        self.wait_until_gone(STOP_SECONDS_MAX)
        return time.monotonic() - began

    def wait_until_gone(self, seconds: float) -> None:
        """Return when no process that ever belonged to it is left. Raises TimeoutError."""
        wait_until(
            lambda: not any(_is_alive(process) for process in self._ever_seen.values()),
            seconds=seconds,
            what="every process of it to be gone",
        )
        self._ever_seen.clear()


class Program(Tracked):
    """One `shillings` command, with data of its own.

    Args:
        folder: its own; the log and the data are kept in it.
        arguments: of the command line.
        settings: SHILLINGS_* variables.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], settings: Mapping[str, str]) -> None:
        super().__init__(folder, arguments, {"SHILLINGS_DATA_DIR": str(folder / "data")} | dict(settings))


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that only waits for its exit code to be read does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
