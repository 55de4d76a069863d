"""The Batcher: a crowd makes one visit.

Items that arrive while a visit is under way wait together and leave as the next visit, the moment the
previous one is back. There are no timers, so a lone item never waits: an idle batcher starts at the end of
the event loop's current turn, with everything that this turn brought.

Everything is bounded: how many items wait, and how many leave together. An item whose caller gave up before
its visit began is not carried out.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from shillings.errors import DeadlineExceeded, Overloaded, Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

Take = Callable[[], list[Item]]
"""Gives a visit its batch, on whatever thread; the same one however often it is called. It may be empty."""

Visit = Callable[[Take[Item]], Awaitable[Sequence[Result]]]


def at_once(visit: Callable[[list[Item]], Awaitable[Sequence[Result]]]) -> Visit[Item, Result]:
    """A visit that takes its batch as soon as it begins, made of a function of the batch."""

    async def begin(take: Take[Item]) -> Sequence[Result]:
        items = take()
        return await visit(items) if items else []

    return begin


class Batcher(Generic[Item, Result]):
    """Gathers items and hands them over in batches.

    Args:
        visit: carries out a batch; returns one result for each item, in order. When it raises a `Refusal`, that
            concerns the whole batch (the database is away, say) and every item gets it. When it raises anything
            else, nothing was applied: the batch is taken apart until the item at fault stands alone, and only
            that item gets the error.
        batch_items_max: the most items of one visit.
        queue_items_max: the most items that wait; one more is refused with `Overloaded`.
        visits_max: the most visits under way. With two, the second stands in line for the same thread as the first,
            and takes its batch when its turn comes: so the thread need not wait for the event loop in between.
        observe: told the size of every batch.
    """

    def __init__(
        self,
        visit: Visit[Item, Result],
        *,
        batch_items_max: int,
        queue_items_max: int,
        visits_max: int = 1,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._visit = visit
        self._batch_items_max = batch_items_max
        self._queue_items_max = queue_items_max
        self._visits_max = visits_max
        self._observe = observe
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._visits: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, item: Item, deadline: float) -> asyncio.Future[Result]:
        """Queue an item; the future gets its result.

        Args:
            item: what to carry out.
            deadline: the time (of `time.monotonic`) after which it is not worth starting.

        Raises:
            Overloaded: the queue is full.
        """
        if len(self._waiting) >= self._queue_items_max:
            raise Overloaded
        # Kept, as asking for it is a system call (Python 3.11 looks whether the process has forked).
        loop = self._loop = self._loop or asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future, deadline))
        self._begin_visit(loop)
        return future

    @property
    def waiting(self) -> int:
        """How many items wait for the next visit."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Wait until nothing waits and no visit is under way."""
        while self._visits:
            await asyncio.wait(self._visits)

    def _begin_visit(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and len(self._visits) < self._visits_max:
            task = loop.create_task(self._carry_out_next())
            self._visits.add(task)
            task.add_done_callback(self._end_visit)

    def _end_visit(self, task: asyncio.Task[None]) -> None:
        self._visits.discard(task)
        self._begin_visit(task.get_loop())

    async def _carry_out_next(self) -> None:
        # One more turn of the loop: everything that arrived together leaves together.
        await asyncio.sleep(0)
        batch = _Batch(self._waiting, self._batch_items_max)
        await self._carry_out(batch)
        if batch.taken:
            self._observe(len(batch.taken))

    async def _carry_out(self, batch: "_Batch[Item, Result]") -> None:
        try:
            results = await self._visit(batch.take)
        except Exception as error:
            # A visit that failed before it took its batch fails for that batch all the same.
            batch.take()
            await self._fail(batch, error)
        else:
            batch.settle(results)

    async def _fail(self, batch: "_Batch[Item, Result]", error: Exception) -> None:
        """Pass on a refusal; halve a batch that failed otherwise, until the item at fault stands alone."""
        if isinstance(error, Refusal) or len(batch.taken) <= 1:
            batch.refuse(error)
            return
        for half in batch.halves():
            await self._carry_out(half)
        batch.refuse_late()


_Waiting = tuple[Item, asyncio.Future[Result], float]


class _Batch(Generic[Item, Result]):
    """What one visit carries out. It is taken from the queue on the visit's thread, and settled on the event loop's.

    Args:
        waiting: the queue. It is only ever appended to by the event loop, and only ever popped from by one visit.
        items_max: the most items to take.
    """

    def __init__(self, waiting: deque[_Waiting[Item, Result]], items_max: int) -> None:
        self._waiting = waiting
        self._items_max = items_max
        self._late: list[asyncio.Future[Result]] = []
        self._is_taken = False
        self.taken: list[_Waiting[Item, Result]] = []

    def take(self) -> list[Item]:
        """See Take."""
        if not self._is_taken:
            self._is_taken = True
            now = time.monotonic()
            while self._waiting and len(self.taken) < self._items_max:
                one = self._waiting.popleft()
                if one[2] < now:
                    self._late.append(one[1])
                elif not one[1].done():
                    self.taken.append(one)
        return [item for item, _, _ in self.taken]

    def halves(self) -> "list[_Batch[Item, Result]]":
        """The same items in two batches."""
        middle = len(self.taken) // 2
        return [_Batch(deque(part), len(part)) for part in (self.taken[:middle], self.taken[middle:])]

    def settle(self, results: Sequence[Result]) -> None:
        """Give every item its result."""
        assert len(results) == len(self.taken), "a visit answers every item"
        for (_, future, _), result in zip(self.taken, results, strict=True):
            if not future.done():
                future.set_result(result)
        self.refuse_late()

    def refuse(self, error: Exception) -> None:
        """Give every item the same error."""
        for _, future, _ in self.taken:
            if not future.done():
                future.set_exception(error)
        self.refuse_late()

    def refuse_late(self) -> None:
        """Tell those whose deadline passed while they waited."""
        for future in self._late:
            if not future.done():
                future.set_exception(DeadlineExceeded())


class MakeBatcher(Protocol):
    """Makes batchers with the process's bounds, and counts what they do under their names."""

    def __call__(
        self, name: str, visit: Visit[Item, Result], *, batch_items_max: int | None = None, visits_max: int = 1
    ) -> Batcher[Item, Result]:
        """A new batcher; `batch_items_max` where it must be smaller than the process's bound."""
