"""A server program run as a child process that a test can kill, pause and start again.

    launch ──▶ alive ──answers──▶ ready
                 │  kill (as by a crash), or it dies by itself: wanted, so a supervisor starts it again
                 └  stop: not wanted, so it stays down until somebody starts it

No server outlives its owner: `close` stops it, leaving the interpreter stops it, and a killed owner takes it along
(see `spawning`).
"""

import atexit
import contextlib
import os
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.spawning import spawn

_STOP_SECONDS_MAX = 15.0
_TAIL_BYTES_MAX = 4000


class ServerFailed(Exception):
    """A server did not start, or does not answer; the message ends with the tail of its log."""


class Server(ABC):
    """One server process.

    Subclasses say what to run and how to tell that it answers.

    Args:
        name: what messages and the log file call it.
        directory: its own directory; made when absent.
    """

    # What asks the program to end in good order, and what it gets when the owner was killed.
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: str = "KILL"
    start_seconds_max: float = 30.0
    # How long a supervisor leaves it alone after it died.
    rest_seconds: float = 0.0

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / f"{name}.log"
        self.wanted = False
        # Set by a supervisor: then a process that died is not the end.
        self.is_supervised = False
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        # Held while the process is made or ended, so that a supervisor and a test never do both at once.
        self._lock = threading.RLock()

    @abstractmethod
    def command(self) -> list[str]:
        """The program's full path and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does its work now. Must return within a second or two, and not raise."""

    def environment(self) -> Mapping[str, str]:
        """The process's environment: this process's own, unless a subclass says otherwise."""
        return os.environ

    def prepare(self) -> None:  # noqa: B027  (most servers need nothing)
        """Make what must be there before the process starts."""

    @property
    def alive(self) -> bool:
        """Whether the process is running (or paused)."""
        process = self._process
        return process is not None and process.poll() is None

    @property
    def pid(self) -> int:
        """The number of the running process, which is also that of its process group.

        Raises:
            ServerFailed: it is not running.
        """
        process = self._process
        if process is None or process.poll() is not None:
            raise ServerFailed(f"{self.name} is not running\n{self.log_tail()}")
        return process.pid

    def start(self) -> Self:
        """Launch it and wait until it answers. Raises ServerFailed."""
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Make the process, if there is none, and do not wait for it."""
        with self._lock:
            self.wanted = True
            if self.alive:
                return
            self._end_group()
            self.prepare()
            with self.log_path.open("ab") as log:
                self._log_start = log.tell()
                self._process = spawn(
                    self.command(),
                    environment=self.environment(),
                    directory=self.directory,
                    log=log,
                    death_signal=self.death_signal,
                )
            _running.add(self)

    def relaunch_if_dead(self) -> bool:
        """Launch it if it died although it is wanted. True if that was so."""
        with self._lock:
            if not self.wanted or self.alive:
                return False
            self.launch()
            return True

    def wait_until_ready(self, seconds: float | None = None) -> None:
        """Return when it answers.

        Raises:
            ServerFailed: it ended and nobody will start it again, or it did not answer within `seconds`.
        """
        seconds = self.start_seconds_max if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while not self.answers():
            if not self.alive and not (self.is_supervised and self.wanted):
                raise ServerFailed(f"{self.name} ended\n{self.log_tail()}")
            if time.monotonic() >= deadline:
                raise ServerFailed(f"{self.name} does not answer after {seconds:g} s\n{self.log_tail()}")
            time.sleep(0.01)

    def kill(self, *, stays_down: bool = False) -> None:
        """End it at once, as a crash does (kill -9).

        Args:
            stays_down: until somebody starts it. Otherwise a supervisor does.
        """
        with self._lock:
            self.wanted = self.wanted and not stays_down
            self._end_group()

    def stop(self, seconds: float = _STOP_SECONDS_MAX) -> None:
        """Ask it to end, and kill it if it has not within the given time. It stays down until started."""
        with self._lock:
            self.wanted = False
            if self._process is not None and self.alive:
                self._signal_group(signal.SIGCONT)
                # To the leader alone: it ends its own children, in its own order.
                self._process.send_signal(self.stop_signal)
                # If it takes too long, it is ended the hard way.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
            self._end_group()

    def restart(self) -> None:
        """Stop it in good order and start it again. Raises ServerFailed."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it where it is (SIGSTOP), as if the machine had stopped."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal_group(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        _running.discard(self)

    def log_tail(self) -> str:
        """The end of what it has logged since it was last launched."""
        if not self.log_path.exists():
            return "(it has no log yet)"
        with self.log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES_MAX))
            text = log.read().decode(errors="replace")
        return f"--- {self.log_path} ---\n{text}"

    def _signal_group(self, number: signal.Signals) -> None:
        # All of it may have ended already.
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                os.killpg(self._process.pid, number)

    def _end_group(self) -> None:
        """Kill whatever is left of it, its children too, and reap the process."""
        self._signal_group(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            # Forgotten, so that its number can never mean another process later.
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_running: set[Server] = set()


@atexit.register
def _close_all() -> None:
    for server in list(_running):
        server.kill()
