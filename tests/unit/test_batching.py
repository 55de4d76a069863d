"""A crowd makes one visit; everything is bounded; one item's trouble is its own."""

import asyncio
import time
from collections.abc import Callable

import pytest

from shillings.batching import Batcher, Take, at_once
from shillings.errors import DeadlineExceeded, Overloaded, Unavailable

FOREVER = float("inf")


class Visits:
    """Visits that note what they carry out, and may be held up or made to fail."""

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
        """A batcher that makes these visits."""
        return Batcher(at_once(self), batch_items_max=batch_items_max, queue_items_max=queue_items_max)

    async def begun(self, count: int) -> None:
        """Return when so many visits have begun."""
        while len(self.seen) < count:
            self._news.clear()
            await self._news.wait()


async def test_crowd_makes_one_visit() -> None:
    """What arrives in one turn of the loop leaves together, and each gets its own result."""
    visits = Visits()
    batcher = visits.batcher()

    results = await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(50)])

    assert visits.seen == [list(range(50))]
    assert results == [f"done {item}" for item in range(50)]


async def test_who_comes_meanwhile_leaves_next_in_order() -> None:
    """Items that arrive during a visit form the next one, in the order of their arrival."""
    visits = Visits()
    visits.open.clear()
    batcher = visits.batcher()
    futures = [batcher.submit(0, FOREVER)]
    await visits.begun(1)
    for item in range(1, 6):
        futures.append(batcher.submit(item, FOREVER))
        await asyncio.sleep(0)
    assert batcher.waiting == 5
    visits.open.set()
    await asyncio.gather(*futures)

    assert visits.seen == [[0], [1, 2, 3, 4, 5]]


async def test_lone_item_leaves_at_once() -> None:
    """An idle batcher begins its visit within two turns of the loop: there is no timer."""
    visits = Visits()
    future = visits.batcher().submit(7, FOREVER)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert visits.seen == [[7]]
    assert await future == "done 7"


async def test_full_queue_is_refused() -> None:
    """One item more than may wait is refused, and those that wait are carried out."""
    visits = Visits()
    batcher = visits.batcher(queue_items_max=3)
    futures = [batcher.submit(item, FOREVER) for item in range(3)]
    with pytest.raises(Overloaded):
        batcher.submit(3, FOREVER)

    assert await asyncio.gather(*futures) == ["done 0", "done 1", "done 2"]
    assert await batcher.submit(4, FOREVER) == "done 4"


async def test_batch_is_bounded() -> None:
    """A crowd larger than one visit takes several, one after the other."""
    visits = Visits()
    batcher = visits.batcher(batch_items_max=4)
    await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(10)])

    assert visits.seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_visits_never_overlap() -> None:
    """While one visit is under way no other begins."""
    visits = Visits()
    visits.open.clear()
    batcher = visits.batcher(batch_items_max=1)
    futures = [batcher.submit(item, FOREVER) for item in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)

    assert visits.seen == [[0]]
    visits.open.set()
    await asyncio.gather(*futures)


async def test_abandoned_item_is_not_carried_out() -> None:
    """An item whose caller gave up before its visit began stays undone; its neighbours do not notice."""
    visits = Visits()
    visits.open.clear()
    batcher = visits.batcher()
    begun = batcher.submit(0, FOREVER)
    await visits.begun(1)
    waiting = [batcher.submit(item, FOREVER) for item in (1, 2, 3)]
    waiting[1].cancel()
    begun.cancel()
    visits.open.set()

    assert [await waiting[0], await waiting[2]] == ["done 1", "done 3"]
    assert visits.seen == [[0], [1, 3]]


async def test_late_item_is_not_carried_out() -> None:
    """An item whose deadline passed while it waited is told so and stays undone."""
    visits = Visits()
    batcher = visits.batcher()
    now = time.monotonic()
    late, timely = batcher.submit(1, now - 0.001), batcher.submit(2, now + 60)

    with pytest.raises(DeadlineExceeded):
        await late
    assert await timely == "done 2"
    assert visits.seen == [[2]]


@pytest.mark.parametrize("sick", [0, 6, 12])
async def test_sick_item_fails_alone(sick: int) -> None:
    """An error that is no refusal reaches only the item at fault; the others are carried out, in order, once each."""
    carried_out: list[int] = []

    def fails(items: list[int]) -> Exception | None:
        if sick in items:
            return ValueError("sick")
        carried_out.extend(items)
        return None

    visits = Visits(fails)
    batcher = visits.batcher()
    futures = [batcher.submit(item, FOREVER) for item in range(13)]
    results = await asyncio.gather(*futures, return_exceptions=True)

    assert isinstance(results[sick], ValueError)
    assert [r for r in results if isinstance(r, str)] == [f"done {item}" for item in range(13) if item != sick]
    assert carried_out == [item for item in range(13) if item != sick]


async def test_refusal_concerns_all() -> None:
    """A refusal means the whole visit could not be made: everyone gets it, and it is not tried item by item."""
    visits = Visits(lambda _items: Unavailable())
    batcher = visits.batcher()
    results = await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(5)], return_exceptions=True)

    assert all(isinstance(result, Unavailable) for result in results)
    assert visits.seen == [[0, 1, 2, 3, 4]]


async def test_trouble_does_not_last() -> None:
    """After a visit that failed the next one is made as ever."""
    troubles = [Unavailable(), ValueError("sick"), None]
    visits = Visits(lambda _items: troubles.pop(0))
    batcher = visits.batcher()
    for error in (Unavailable, ValueError):
        with pytest.raises(error):
            await batcher.submit(1, FOREVER)

    assert await batcher.submit(2, FOREVER) == "done 2"


async def test_drain_waits_for_everything() -> None:
    """Draining ends when nothing waits and no visit is under way."""
    visits = Visits()
    visits.open.clear()
    batcher = visits.batcher(batch_items_max=2)
    futures = [batcher.submit(item, FOREVER) for item in range(5)]
    draining = asyncio.ensure_future(batcher.drain())
    await visits.begun(1)
    assert not draining.done()
    visits.open.set()
    await draining

    assert all(future.done() for future in futures)
    await batcher.drain()


async def test_sizes_are_observed() -> None:
    """Whoever watches is told the size of every batch."""
    sizes: list[int] = []
    batcher: Batcher[int, str] = Batcher(at_once(Visits()), batch_items_max=3, queue_items_max=10, observe=sizes.append)
    await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(7)])

    assert sizes == [3, 3, 1]


class Line:
    """Visits that stand in line for one thread, as a lane's do: each takes its batch when it is let in."""

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
        """The next visit's turn has come."""
        self._turns.release()


async def settle() -> None:
    """Let the event loop do all that it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_second_visit_stands_in_line() -> None:
    """One visit waits behind the one under way, no more, and carries out all that came before its turn."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=100, visits_max=2)
    futures = [batcher.submit(0, FOREVER)]
    await settle()
    for item in (1, 2, 3):
        futures.append(batcher.submit(item, FOREVER))
        await settle()
    assert line.begun == 2
    line.let_in()
    await settle()
    futures.append(batcher.submit(4, FOREVER))
    line.let_in()
    line.let_in()

    assert await asyncio.gather(*futures) == [0, 1, 2, 3, 4]
    # The first had not had its turn, so it took what came meanwhile; the second took the rest, the third found nothing.
    assert [batch for batch in line.carried_out if batch] == [[0, 1, 2, 3], [4]]


async def test_visit_that_finds_nothing_ends() -> None:
    """A visit whose turn comes when everything is done has nothing to do, and the next item makes a new one."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=100, visits_max=2)
    futures = [batcher.submit(item, FOREVER) for item in range(2)]
    for _ in range(4):
        line.let_in()
    assert await asyncio.gather(*futures) == [0, 1]
    await batcher.drain()

    assert await batcher.submit(2, FOREVER) == 2
    assert [batch for batch in line.carried_out if batch] == [[0, 1], [2]]


async def test_visit_that_never_took_its_batch_fails_for_it() -> None:
    """When a visit breaks before it looks at the queue, its items get the error; they are not left waiting."""

    async def broken(_take: Take[int]) -> list[int]:
        raise RuntimeError("no thread")

    batcher: Batcher[int, int] = Batcher(broken, batch_items_max=10, queue_items_max=10)
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(batcher.submit(1, FOREVER), 5)


@pytest.mark.parametrize("error", [None, Unavailable()], ids=["done", "refused"])
async def test_caller_who_leaves_during_the_visit_costs_nobody_an_answer(error: Exception | None) -> None:
    """A caller who gives up while the visit is under way does not take its neighbours' answers along."""
    visits = Visits(lambda _items: error)
    visits.open.clear()
    batcher = visits.batcher()
    gone, stays = batcher.submit(1, FOREVER), batcher.submit(2, FOREVER)
    await visits.begun(1)
    gone.cancel()
    visits.open.set()
    async with asyncio.timeout(5):
        [got] = await asyncio.gather(stays, return_exceptions=True)

    assert got == (error or "done 2")


async def test_late_item_beside_a_sick_one_is_told_so() -> None:
    """Whatever becomes of the visit, an item that came too late for it gets its answer."""
    batcher = Visits(lambda items: ValueError("sick") if 2 in items else None).batcher()
    deadlines = [(1, time.monotonic() - 1), (2, FOREVER), (3, FOREVER)]
    async with asyncio.timeout(5):
        got = await asyncio.gather(*[batcher.submit(*one) for one in deadlines], return_exceptions=True)

    assert [type(one) for one in got] == [DeadlineExceeded, ValueError, str]


async def test_visit_that_fails_takes_nobody_along_who_came_later() -> None:
    """Who waits for the next visit does not share the failure of this one."""
    visits = Visits(lambda items: Unavailable() if 1 in items else None)
    visits.open.clear()
    batcher = visits.batcher()
    first = batcher.submit(1, FOREVER)
    await visits.begun(1)
    later = batcher.submit(2, FOREVER)
    visits.open.set()
    with pytest.raises(Unavailable):
        await first

    assert await later == "done 2"
