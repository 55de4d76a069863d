"""Concurrent items make one batch, in order, and everything is bounded."""

import asyncio

import pytest

from shillings.base.batching import Batcher, at_once
from shillings.base.errors import Overloaded
from tests.unit.base.executions import FOREVER, Executions, Line, settle


async def test_concurrent_items_make_one_batch() -> None:
    """What arrives in one turn of the loop leaves together, and each gets its own result."""
    executions = Executions()
    batcher = executions.batcher()

    results = await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(50)])

    assert executions.seen == [list(range(50))]
    assert results == [f"done {item}" for item in range(50)]


async def test_who_comes_meanwhile_leaves_next_in_order() -> None:
    """Items that arrive during an execution form the next batch, in the order of their arrival."""
    executions = Executions()
    executions.open.clear()
    batcher = executions.batcher()
    futures = [batcher.submit(0, FOREVER)]
    await executions.begun(1)
    for item in range(1, 6):
        futures.append(batcher.submit(item, FOREVER))
        await asyncio.sleep(0)
    assert batcher.waiting == 5
    executions.open.set()
    await asyncio.gather(*futures)

    assert executions.seen == [[0], [1, 2, 3, 4, 5]]


async def test_lone_item_leaves_at_once() -> None:
    """An idle batcher begins its batch within two turns of the loop: there is no timer."""
    executions = Executions()
    future = executions.batcher().submit(7, FOREVER)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert executions.seen == [[7]]
    assert await future == "done 7"


async def test_full_queue_is_refused() -> None:
    """One item more than may wait is refused, and those that wait are carried out."""
    executions = Executions()
    batcher = executions.batcher(queue_items_max=3)
    futures = [batcher.submit(item, FOREVER) for item in range(3)]
    with pytest.raises(Overloaded):
        batcher.submit(3, FOREVER)

    assert await asyncio.gather(*futures) == ["done 0", "done 1", "done 2"]
    assert await batcher.submit(4, FOREVER) == "done 4"


async def test_batch_is_bounded() -> None:
    """More items than one batch may have take several, one after the other."""
    executions = Executions()
    batcher = executions.batcher(batch_items_max=4)
    await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(10)])

    assert executions.seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_batches_never_overlap() -> None:
    """While one batch is under way no other begins."""
    executions = Executions()
    executions.open.clear()
    batcher = executions.batcher(batch_items_max=1)
    futures = [batcher.submit(item, FOREVER) for item in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)

    assert executions.seen == [[0]]
    executions.open.set()
    await asyncio.gather(*futures)


async def test_drain_waits_for_everything() -> None:
    """Draining ends when nothing waits and no batch is under way."""
    executions = Executions()
    executions.open.clear()
    batcher = executions.batcher(batch_items_max=2)
    futures = [batcher.submit(item, FOREVER) for item in range(5)]
    draining = asyncio.ensure_future(batcher.drain())
    await executions.begun(1)
    assert not draining.done()
    executions.open.set()
    await draining

    assert all(future.done() for future in futures)
    await batcher.drain()


async def test_sizes_are_observed() -> None:
    """Whoever watches is told the size of every batch."""
    sizes: list[int] = []
    batcher: Batcher[int, str] = Batcher(
        at_once(Executions()), batch_items_max=3, queue_items_max=10, observe=sizes.append
    )
    await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(7)])

    assert sizes == [3, 3, 1]


async def test_second_execution_waits_for_its_turn() -> None:
    """One execution waits behind the one under way, no more, and carries out all that came before its turn."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=100, batches_in_flight_max=2)
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


async def test_execution_that_finds_nothing_ends() -> None:
    """An execution whose turn comes when everything is done has nothing to do, and the next item makes a new one."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=100, batches_in_flight_max=2)
    futures = [batcher.submit(item, FOREVER) for item in range(2)]
    for _ in range(4):
        line.let_in()
    assert await asyncio.gather(*futures) == [0, 1]
    await batcher.drain()

    assert await batcher.submit(2, FOREVER) == 2
    assert [batch for batch in line.carried_out if batch] == [[0, 1], [2]]


async def test_item_of_the_next_turn_leaves_with_the_first() -> None:
    """An idle batcher waits one turn of the loop, so that what one read of a socket brings is one batch."""
    executions = Executions()
    batcher = executions.batcher()
    first = batcher.submit(1, FOREVER)
    await asyncio.sleep(0)
    second = batcher.submit(2, FOREVER)
    await asyncio.gather(first, second)

    assert executions.seen == [[1, 2]]


async def test_queue_that_was_full_has_room_when_a_batch_was_taken() -> None:
    """Only items that wait count against the queue's bound; those being executed do not."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=2, batches_in_flight_max=2)
    futures = [batcher.submit(item, FOREVER) for item in (1, 2)]
    await settle()
    with pytest.raises(Overloaded):
        batcher.submit(3, FOREVER)
    line.let_in()
    await settle()
    futures += [batcher.submit(item, FOREVER) for item in (4, 5)]
    with pytest.raises(Overloaded):
        batcher.submit(6, FOREVER)
    for _ in range(4):
        line.let_in()

    assert await asyncio.gather(*futures) == [1, 2, 4, 5]
