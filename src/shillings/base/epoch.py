"""The epoch of the data: which life of the books this is.

A sandbox can reset or restore the books. What a process remembers of them, and every session, is then of another life.
"""

from collections.abc import Callable


class Epoch:
    """A number that grows with each reset or restore; 0 where there never was one."""

    def __init__(self) -> None:
        self.number = 0
        self._forget: list[Callable[[], None]] = []

    def on_change(self, forget: Callable[[], None]) -> None:
        """Call this whenever another epoch begins: it empties a memory."""
        self._forget.append(forget)

    def begin(self, number: int) -> None:
        """Another epoch: every memory of the one before is emptied."""
        self.number = number
        for forget in self._forget:
            forget()
