"""The Batcher: a crowd makes one visit.

Items that arrive while a visit is under way wait together and leave as the next visit, the moment the
previous one is back. There are no timers, so a lone item never waits: an idle batcher starts at the end of
the event loop's current turn, with everything that this turn brought.

Everything is bounded: how many items wait, and how many leave together. An item whose caller gave up before
its visit began is not carried out.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from shillings.errors import DeadlineExceeded, Overloaded, Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")
Visit = Callable[[list[Item]], Awaitable[Sequence[Result]]]


class Batcher(Generic[Item, Result]):
    """Gathers items and hands them over in batches, one batch at a time.

    Args:
        visit: carries out a batch; returns one result for each item, in order. When it raises a `Refusal`, that
            concerns the whole batch (the database is away, say) and every item gets it. When it raises anything
            else, nothing was applied: the batch is taken apart until the item at fault stands alone, and only
            that item gets the error.
        batch_items_max: the most items of one visit.
        queue_items_max: the most items that wait; one more is refused with `Overloaded`.
        observe: told the size of every batch.
    """

    def __init__(
        self,
        visit: Visit[Item, Result],
        *,
        batch_items_max: int,
        queue_items_max: int,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._visit = visit
        self._batch_items_max = batch_items_max
        self._queue_items_max = queue_items_max
        self._observe = observe
        self._waiting: deque[tuple[Item, asyncio.Future[Result], float]] = deque()
        self._task: asyncio.Task[None] | None = None

    def submit(self, item: Item, deadline: float) -> asyncio.Future[Result]:
        """Queue an item; the future gets its result.

        Args:
            item: what to carry out.
            deadline: the event loop's time after which it is not worth starting.

        Raises:
            Overloaded: the queue is full.
        """
        if len(self._waiting) >= self._queue_items_max:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future, deadline))
        if self._task is None:
            self._task = loop.create_task(self._work())
        return future

    @property
    def waiting(self) -> int:
        """How many items wait for the next visit."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Wait until nothing waits and no visit is under way."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        try:
            # One more turn of the loop: everything that arrived together leaves together.
            await asyncio.sleep(0)
            while self._waiting:
                batch = self._take()
                if batch:
                    self._observe(len(batch))
                    await self._carry_out(batch)
        finally:
            self._task = None

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        now = asyncio.get_running_loop().time()
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        waiting = self._waiting
        while waiting and len(batch) < self._batch_items_max:
            item, future, deadline = waiting.popleft()
            if future.done():
                continue
            if deadline < now:
                future.set_exception(DeadlineExceeded())
                continue
            batch.append((item, future))
        return batch

    async def _carry_out(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._visit([item for item, _ in batch])
        except Refusal as refusal:
            for _, future in batch:
                if not future.done():
                    future.set_exception(refusal)
        except Exception as error:
            await self._take_apart(batch, error)
        else:
            assert len(results) == len(batch), "a visit answers every item"
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    async def _take_apart(self, batch: list[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
        """Halve a batch that failed, so that the healthy items are carried out and the sick one is found."""
        if len(batch) == 1:
            future = batch[0][1]
            if not future.done():
                future.set_exception(error)
            return
        middle = len(batch) // 2
        await self._carry_out(batch[:middle])
        await self._carry_out(batch[middle:])


class MakeBatcher(Protocol):
    """Makes batchers with the process's bounds, and counts what they do under their names."""

    def __call__(
        self, name: str, visit: Visit[Item, Result], batch_items_max: int | None = None
    ) -> Batcher[Item, Result]:
        """A new batcher; `batch_items_max` where it must be smaller than the process's bound."""
