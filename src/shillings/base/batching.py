"""The Batcher: requests that arrive together are executed together.

Items that arrive while a batch is being executed wait, and leave as the next batch the moment the previous one is
back. There are no timers, so a lone item never waits: an idle batcher starts at the end of the event loop's current
turn, with everything that this turn brought.

Everything is bounded: how many items wait, and how many leave together. An item whose caller gave up before its batch
was taken is not executed.

The hand-over
-------------
An item has one owner at a time: the queue, then one batch. Every item that `submit` has taken gets exactly one answer.

    state       owner               until                               then
    waiting     the queue           a batch takes it                    taken
                                    its deadline has passed by then     late: told so with that batch, never executed
                                    its caller has given up by then     forgotten, never executed
    taken       one batch           the execution returns               settled, with its own result
                                    it raises a Refusal                 settled, with the refusal
                                    it raises anything else             taken, in one of two halves; alone: settled

`take` decides all this, and may be called on the thread that executes. That is safe without a lock, because the event
loop only appends to the queue, and only one execution takes from it at a time: either they take on the event loop
(`at_once`), or they take on the one thread that they share.

With two batches in flight, the second is queued on that thread and has taken nothing yet. When the first is done the
thread goes on at once, with all that has arrived until then, while the event loop still settles the first:

    thread        ── take, execute 1 ──┬── take, execute 2 ──┬── take, execute 3
    event loop       append …          └─ settle 1, queue 3   └─ settle 2, queue 4
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from shillings.base.errors import DeadlineExceeded, Overloaded, Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

Take = Callable[[], list[Item]]
"""Takes the batch from the queue, on whatever thread; the same one however often it is called. It may be empty."""

Execute = Callable[[Take[Item]], Awaitable[Sequence[Result]]]


def at_once(execute: Callable[[list[Item]], Awaitable[Sequence[Result]]]) -> Execute[Item, Result]:
    """An execution that takes its batch as soon as it begins, made of a function of the batch."""

    async def begin(take: Take[Item]) -> Sequence[Result]:
        items = take()
        return await execute(items) if items else []

    return begin


class Batcher(Generic[Item, Result]):
    """Gathers items and hands them over in batches.

    Args:
        execute: executes a batch; returns one result for each item, in order. When it raises a `Refusal`, that
            concerns the whole batch (the database is unavailable, say) and every item gets it. When it raises
            anything else, nothing was applied: the batch is halved until the item at fault is alone, and only
            that item gets the error.
        batch_items_max: the most items of one batch.
        queue_items_max: the most items that wait; one more is refused with `Overloaded`.
        batches_in_flight_max: the most batches being executed. With two, the second waits for the same thread as the
            first and takes its items when its turn comes, so the thread need not wait for the event loop in between.
        observe: told the size of every batch.
    """

    def __init__(
        self,
        execute: Execute[Item, Result],
        *,
        batch_items_max: int,
        queue_items_max: int,
        batches_in_flight_max: int = 1,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._execute = execute
        self._batch_items_max = batch_items_max
        self._queue_items_max = queue_items_max
        self._batches_in_flight_max = batches_in_flight_max
        self._observe = observe
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._in_flight: set[asyncio.Task[None]] = set()
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
        # Kept, as asking for it is a system call (Python 3.11 checks whether the process has forked).
        loop = self._loop = self._loop or asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future, deadline))
        self._start_batch(loop)
        return future

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Wait until nothing waits and no batch is being executed."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and len(self._in_flight) < self._batches_in_flight_max:
            task = loop.create_task(self._carry_out_next())
            self._in_flight.add(task)
            task.add_done_callback(self._batch_ended)

    def _batch_ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._start_batch(task.get_loop())

    async def _carry_out_next(self) -> None:
        # One more turn of the loop: everything that arrived together leaves together.
        await asyncio.sleep(0)
        batch = _Batch(self._waiting, self._batch_items_max)
        await self._carry_out(batch)
        if batch.taken:
            self._observe(len(batch.taken))

    async def _carry_out(self, batch: "_Batch[Item, Result]") -> None:
        try:
            results = await self._execute(batch.take)
        except Exception as error:
            # An execution that failed before it took its batch fails for that batch all the same.
            batch.take()
            await self._fail(batch, error)
        else:
            batch.settle(results)

    async def _fail(self, batch: "_Batch[Item, Result]", error: Exception) -> None:
        """Pass on a refusal; halve a batch that failed otherwise, until the item at fault is alone."""
        if isinstance(error, Refusal) or len(batch.taken) <= 1:
            batch.refuse(error)
            return
        for half in batch.halves():
            await self._carry_out(half)
        batch.refuse_late()


_Waiting = tuple[Item, asyncio.Future[Result], float]


class _Batch(Generic[Item, Result]):
    """What is executed together. It is taken from the queue on the executing thread, and settled on the event loop's.

    Args:
        waiting: the queue. It is only ever appended to by the event loop, and only ever popped from by one batch.
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
        assert len(results) == len(self.taken), "an execution answers every item"
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
        self,
        name: str,
        execute: Execute[Item, Result],
        *,
        batch_items_max: int | None = None,
        batches_in_flight_max: int = 1,
    ) -> Batcher[Item, Result]:
        """A new batcher; `batch_items_max` where it must be smaller than the process's bound."""
