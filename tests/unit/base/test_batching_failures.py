"""A failure reaches those whom it concerns, and does not last."""

import asyncio

import pytest

from shillings.base.batching import Batcher, Take
from shillings.base.errors import Unavailable
from tests.unit.base.executions import FOREVER, Executions


@pytest.mark.parametrize("sick", [0, 6, 12])
async def test_sick_item_fails_alone(sick: int) -> None:
    """An error that is no refusal reaches only the item at fault; the others are carried out, in order, once each."""
    carried_out: list[int] = []

    def fails(items: list[int]) -> Exception | None:
        if sick in items:
            return ValueError("sick")
        carried_out.extend(items)
        return None

    executions = Executions(fails)
    batcher = executions.batcher()
    futures = [batcher.submit(item, FOREVER) for item in range(13)]
    results = await asyncio.gather(*futures, return_exceptions=True)

    assert isinstance(results[sick], ValueError)
    assert [r for r in results if isinstance(r, str)] == [f"done {item}" for item in range(13) if item != sick]
    assert carried_out == [item for item in range(13) if item != sick]


async def test_refusal_concerns_all() -> None:
    """A refusal means the whole batch could not be executed: everyone gets it, and it is not tried item by item."""
    executions = Executions(lambda _items: Unavailable())
    batcher = executions.batcher()
    results = await asyncio.gather(*[batcher.submit(item, FOREVER) for item in range(5)], return_exceptions=True)

    assert all(isinstance(result, Unavailable) for result in results)
    assert executions.seen == [[0, 1, 2, 3, 4]]


async def test_failure_does_not_last() -> None:
    """After a batch that failed the next one is executed as ever."""
    errors = [Unavailable(), ValueError("sick"), None]
    executions = Executions(lambda _items: errors.pop(0))
    batcher = executions.batcher()
    for error in (Unavailable, ValueError):
        with pytest.raises(error):
            await batcher.submit(1, FOREVER)

    assert await batcher.submit(2, FOREVER) == "done 2"


async def test_execution_that_never_took_its_batch_fails_for_it() -> None:
    """When an execution breaks before it reads the queue, its items get the error; they are not left waiting."""

    async def broken(_take: Take[int]) -> list[int]:
        raise RuntimeError("no thread")

    batcher: Batcher[int, int] = Batcher(broken, batch_items_max=10, queue_items_max=10)
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(batcher.submit(1, FOREVER), 5)


async def test_batch_that_fails_takes_nobody_along_who_came_later() -> None:
    """Who waits for the next batch does not share the failure of this one."""
    executions = Executions(lambda items: Unavailable() if 1 in items else None)
    executions.open.clear()
    batcher = executions.batcher()
    first = batcher.submit(1, FOREVER)
    await executions.begun(1)
    later = batcher.submit(2, FOREVER)
    executions.open.set()
    with pytest.raises(Unavailable):
        await first

    assert await later == "done 2"
