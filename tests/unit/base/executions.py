"""Executions of batches that a test can hold up, fail, or let in one by one."""

import asyncio
from collections.abc import Callable

from shillings.base.batching import Batcher, Take, at_once

FOREVER = float("inf")


class Executions:
    """Executions that note what they carry out, and may be held up or made to fail."""

    def __init__(self, fails: Callable[[list[int]], Exception | None] = lambda _items: None) -> None:
        self.seen: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._fails = fails
        self._news = asyncio.Event()

    async def __call__(self, items: list[int]) -> list[str]:
        """Carry out one batch."""
        self.seen.append(items)
        self._news.set()
        await self.open.wait()
        if (error := self._fails(items)) is not None:
            raise error
        return [f"done {item}" for item in items]

    def batcher(self, batch_items_max: int = 100, queue_items_max: int = 100) -> Batcher[int, str]:
        """A batcher of these executions."""
        return Batcher(at_once(self), batch_items_max=batch_items_max, queue_items_max=queue_items_max)

    async def begun(self, count: int) -> None:
        """Return when so many executions have begun."""
        while len(self.seen) < count:
            self._news.clear()
            await self._news.wait()


class Line:
    """Executions that queue for one thread, as an executor's do: each takes its batch when it is let in."""

    def __init__(self) -> None:
        self.begun = 0
        self.carried_out: list[list[int]] = []
        self._turns = asyncio.Semaphore(0)

    async def __call__(self, take: Take[int]) -> list[int]:
        """Wait for the turn, then carry out whatever waits by then."""
        self.begun += 1
        await self._turns.acquire()
        self.carried_out.append(take())
        return take()

    def let_in(self) -> None:
        """The next execution's turn has come."""
        self._turns.release()


async def settle() -> None:
    """Let the event loop do all that it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Clock:
    """Stands in for `time`: seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now
