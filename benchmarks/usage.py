"""What each part of the machine's software costs: processor time and memory, by part."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil


class Usage:
    """The processes of each part, looked up once.

    Args:
        parts: the numbers of each part's processes; their children belong to it too.
    """

    def __init__(self, parts: Mapping[str, Sequence[int]]) -> None:
        self._parts = {name: _families(pids) for name, pids in parts.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used since it started."""
        return {
            name: sum(times.user + times.system for times in (process.cpu_times() for process in processes))
            for name, processes in self._parts.items()
        }

    def resident_bytes(self) -> dict[str, int]:
        """What each part has in memory."""
        return {
            name: sum(process.memory_info().rss for process in processes) for name, processes in self._parts.items()
        }


class MemoryWatch:
    """Notes each part's memory from time to time, in a thread, while it is open as a context manager.

    Args:
        usage: whose.
        seconds: between two readings.
    """

    def __init__(self, usage: Usage, seconds: float) -> None:
        self._usage = usage
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)
        self.samples: list[dict[str, int]] = []

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self.samples.append(self._usage.resident_bytes())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


class Neighbours:
    """What everything else on the machine does, from the moment this is made.

    Everything of ours descends from this process, so the rest is theirs (and a little is the kernel's own).
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy, self._ours = _busy_seconds(), _our_seconds()

    def share(self) -> float:
        """The share of all processors that others have used since."""
        available = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        theirs = (_busy_seconds() - self._busy) - (_our_seconds() - self._ours)
        return max(0.0, theirs / available)


def _busy_seconds() -> float:
    """What all processors have worked since the machine started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _our_seconds() -> float:
    """What this process, its descendants, and its children that have ended have worked."""
    me = psutil.Process()
    own = me.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for process in me.children(recursive=True):
        # A short-lived one may have ended; then it is in its parent's figures.
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return float(total)


def _families(pids: Sequence[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        process = psutil.Process(pid)
        found += [process, *process.children(recursive=True)]
    return found
