"""A progress bar that knows how long is left, because every step's length is planned."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text


class _TimeLeft(ProgressColumn):
    """Minutes and seconds until the planned end."""

    def render(self, task: Task) -> Text:
        """Part of rich's interface."""
        left = max(0, round(task.fields["ends_at"] - time.monotonic()))
        return Text(f"{left // 60}:{left % 60:02d} left", style="cyan")


class Bar:
    """The progress of one run; a context manager. Where there is no terminal, it prints a line now and then.

    Args:
        seconds: how long the whole run is planned to be.
    """

    def __init__(self, seconds: float) -> None:
        # To stderr, so that what is printed at the end can be kept apart.
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<34}"), BarColumn(bar_width=None), _TimeLeft(), console=self._console
        )
        self._left = seconds
        self._total = seconds
        self._step = 0.0
        self._task = self._progress.add_task("", total=seconds, ends_at=time.monotonic() + seconds)
        self._printed_at = 0.0

    def step(self, what: str, seconds: float = 0.0) -> None:
        """The step before is over; this one begins."""
        self._left -= self._step
        self._step = seconds
        self._progress.update(
            self._task,
            description=what,
            completed=self._total - self._left,
            ends_at=time.monotonic() + self._left,
        )
        if not self._console.is_terminal and time.monotonic() > self._printed_at + 15:
            self._printed_at = time.monotonic()
            print(f"{what}, about {max(0, round(self._left))} s left", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
