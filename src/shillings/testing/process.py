"""A `shillings` command as a process: started, awaited, and ended as people do it."""

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0
_POLL_SECONDS = 0.005
_OUTPUT_CHARACTERS_SHOWN = 4000


class ServerFailed(Exception):
    """A server did not start or did not stop; the message ends with what it wrote."""


def clean_environ(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with these SHILLINGS_* settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHILLINGS_")}
    return kept | dict(settings)


def shillings_command() -> str:
    """The path of the `shillings` command that was installed with this package."""
    beside_python = Path(sys.executable).with_name("shillings")
    return str(beside_python if beside_python.exists() else Path(sysconfig.get_path("scripts"), "shillings"))


class Process:
    """One command that runs until it is stopped; a context manager. Everything it writes goes to a file.

    Args:
        folder: its own; it runs there, and `log` is kept there.
        arguments: of the command line, after `shillings`.
        settings: SHILLINGS_* variables. The environment's own are not passed on.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "log"
        self.settings = dict(settings)
        self.started_in = 0.0
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """Everything it has written since it was first started."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def pid(self) -> int:
        """The number of the process, which is also that of its process group."""
        assert self._process is not None, "start it first"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive. Its children may outlive it by a moment."""
        return self._process is not None and self._process.poll() is None

    def is_ready(self, output: str) -> bool:
        """Whether it may be used; `output` is what it has written since it was started."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it is ready; `started_in` is how many seconds that took.

        Raises:
            ServerFailed: it ended, or was not ready in time.
        """
        written = len(self.output)
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [shillings_command(), *self._arguments],
                cwd=self.folder,
                env=clean_environ(self.settings),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while not self.is_ready(self.output[written:]):
            code = self._process.poll()
            if code is not None:
                raise ServerFailed(f"it ended with {code}:\n{self._end_of_output(written)}")
            if time.monotonic() - began > START_SECONDS_MAX:
                self.end()
                raise ServerFailed(f"it is not ready after {START_SECONDS_MAX:g} s:\n{self._end_of_output(written)}")
            time.sleep(_POLL_SECONDS)
        self.started_in = time.monotonic() - began

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, wait until it has, and return its exit code.

        Raises:
            ServerFailed: it did not stop in time, and was killed.
        """
        os.kill(self.pid, number)
        assert self._process is not None
        try:
            return self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.end()
            raise ServerFailed(f"it did not stop in {STOP_SECONDS_MAX:g} s:\n{self._end_of_output(0)}") from None

    def end(self) -> None:
        """Kill all of it at once, children too, as a crash of the machine does. It may be started again."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _end_of_output(self, start: int) -> str:
        return self.output[start:][-_OUTPUT_CHARACTERS_SHOWN:]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
