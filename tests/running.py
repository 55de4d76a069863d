"""`shillings` commands as processes, started, awaited and ended as people do it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from deploy.local.waiting import wait_until

SHILLINGS = str(Path(sys.executable).with_name("shillings"))
COMMAND_SECONDS_MAX = 20.0
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 20.0


def clean_environ(**settings: str) -> dict[str, str]:
    """This process's environment with only these SHILLINGS_* settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHILLINGS_")}
    return kept | settings


def start_shillings(*arguments: str, cwd: Path, **settings: str) -> subprocess.Popen[str]:
    """Start a command that ends by itself."""
    return subprocess.Popen(
        [SHILLINGS, *arguments],
        cwd=cwd,
        env=clean_environ(**settings),
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


def free_port() -> int:
    """A port of the loopback interface that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Program:
    """One `shillings` command as a process. Everything it writes goes to `log`.

    Args:
        folder: its own; the log and the data are kept in it.
        arguments: of the command line.
        settings: SHILLINGS_* variables.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data_dir = folder / "data"
        self.log = folder / "log"
        self._arguments = arguments
        self._settings = {"SHILLINGS_DATA_DIR": str(self.data_dir), "SHILLINGS_PASSWORD_THREADS": "2"} | dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._ever_seen: dict[int, psutil.Process] = {}
        self.started_in = 0.0

    @property
    def database_url(self) -> str:
        """The embedded database."""
        return f"sqlite:///{self.data_dir / 'shillings.db'}"

    @property
    def output(self) -> str:
        """Everything it has written since it was first started."""
        return self.log.read_text() if self.log.exists() else ""

    @property
    def pid(self) -> int:
        """The parent's process id."""
        assert self._process is not None, "start it first"
        return self._process.pid

    def processes(self) -> list[psutil.Process]:
        """The parent and its children, as they are now."""
        parent = psutil.Process(self.pid)
        found = [parent, *parent.children(recursive=True)]
        self._ever_seen.update((process.pid, process) for process in found)
        return found

    def start(self) -> None:
        """Start and wait until it is ready; `started_in` is how many seconds that took."""
        written = len(self.output)
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [SHILLINGS, *self._arguments], cwd=self.folder, env=clean_environ(**self._settings),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

        def ready() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"it ended with {self._process.returncode}:\n{self.output[written:]}")
            return self.is_ready(self.output[written:])

        wait_until(ready, seconds=START_SECONDS_MAX, what="shillings to be ready", interval=0.005)
        self.started_in = time.monotonic() - began
        self.processes()

    def is_ready(self, output: str) -> bool:
        """Whether it may be used, told from what it has written since it was started."""
        raise NotImplementedError

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code when it and all its children are gone."""
        self.processes()
        os.kill(self.pid, number)
        return self._wait_for_exit()

    def press_ctrl_c(self) -> int:
        """Stop it as a terminal does, which sends SIGINT to the parent and its children alike; return the exit code."""
        self.processes()
        os.killpg(self.pid, signal.SIGINT)
        return self._wait_for_exit()

    def _wait_for_exit(self) -> int:
        assert self._process is not None
        code = self._process.wait(STOP_SECONDS_MAX)
        self.wait_until_gone(0.5)
        return code

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

    @property
    def is_running(self) -> bool:
        """Whether the parent is alive."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.kill()


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that only waits for its exit code to be read does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
