"""Starts child processes that cannot outlive this one, however it ends.

Linux sends a child the signal it chose (PR_SET_PDEATHSIG) when the *thread* that made it ends. So all children
are made by one thread that lives as long as this process: else a server that a test's thread restarted would
die with that thread. `setpriv` makes the choice in the child, which needs no Python between fork and exec.
"""

import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from deploy.local.programs import find_program

_Order = tuple["Future[subprocess.Popen[bytes]]", list[str], Mapping[str, str], Path, IO[bytes]]


class _Spawner:
    """The thread that makes children, and the queue of what it is to make."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def order(
        self, command: list[str], environment: Mapping[str, str], directory: Path, log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Have a child made, and wait until it is."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
                self._thread.start()
        made: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((made, command, environment, directory, log))
        return made.result()

    def _run(self) -> None:
        while True:
            made, command, environment, directory, log = self._orders.get()
            try:
                made.set_result(
                    subprocess.Popen(
                        command,
                        env=environment,
                        cwd=directory,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            except OSError as error:
                made.set_exception(error)


_spawner = _Spawner()


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: IO[bytes],
    death_signal: str = "KILL",
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a new session, its output going to `log`.

    Args:
        command: the program's full path and its arguments.
        environment: all of its environment.
        directory: where it runs.
        log: an open file for its output and errors.
        death_signal: what it gets when this process ends without stopping it.

    Raises:
        OSError: it could not be started.
    """
    prefix = [find_program("setpriv"), "--pdeathsig", death_signal]
    return _spawner.order([*prefix, *command], environment, directory, log)
