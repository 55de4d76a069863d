"""Who gave up or came too late is not carried out, and no neighbour notices."""

import asyncio
import time

import pytest

from shillings.base.batching import Batcher
from shillings.base.errors import DeadlineExceeded, Unavailable
from tests.unit.base.executions import FOREVER, Clock, Executions, Line, settle


async def test_abandoned_item_is_not_carried_out() -> None:
    """An item whose caller gave up before its batch began stays undone; its neighbours do not notice."""
    executions = Executions()
    executions.open.clear()
    batcher = executions.batcher()
    begun = batcher.submit(0, FOREVER)
    await executions.begun(1)
    waiting = [batcher.submit(item, FOREVER) for item in (1, 2, 3)]
    waiting[1].cancel()
    begun.cancel()
    executions.open.set()

    assert [await waiting[0], await waiting[2]] == ["done 1", "done 3"]
    assert executions.seen == [[0], [1, 3]]


async def test_late_item_is_not_carried_out() -> None:
    """An item whose deadline passed while it waited is told so and stays undone."""
    executions = Executions()
    batcher = executions.batcher()
    now = time.monotonic()
    late, timely = batcher.submit(1, now - 0.001), batcher.submit(2, now + 60)

    with pytest.raises(DeadlineExceeded):
        await late
    assert await timely == "done 2"
    assert executions.seen == [[2]]


@pytest.mark.parametrize("error", [None, ValueError("sick"), Unavailable()], ids=["done", "sick", "refused"])
async def test_late_item_is_told_so_whatever_becomes_of_the_batch(error: Exception | None) -> None:
    """Whether the batch is executed, taken apart or refused: an item that came too late for it gets its answer."""
    batcher = Executions(lambda items: error if 2 in items else None).batcher()
    deadlines = [(1, time.monotonic() - 1), (2, FOREVER), (3, FOREVER)]
    async with asyncio.timeout(5):
        got = await asyncio.gather(*[batcher.submit(*one) for one in deadlines], return_exceptions=True)

    refused = isinstance(error, Unavailable)
    assert [type(one) for one in got] == [
        DeadlineExceeded,
        type(error) if error else str,
        Unavailable if refused else str,
    ]


async def test_item_that_is_late_when_its_batch_is_taken_is_not_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lateness is judged when the thread takes the batch: who gave up while it was in line was told so, and is."""
    clock, line = Clock(), Line()
    monkeypatch.setattr("shillings.base.batching.time", clock)
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=10)
    late, timely = batcher.submit(1, 101.0), batcher.submit(2, 102.0)
    await settle()
    assert line.begun == 1
    clock.now = 101.5
    line.let_in()

    assert await timely == 2
    with pytest.raises(DeadlineExceeded):
        await late
    assert line.carried_out == [[2]]


async def test_item_given_up_while_its_batch_waits_is_not_carried_out() -> None:
    """Whether a caller still waits is looked at when the batch is taken, not when it is made."""
    line = Line()
    batcher: Batcher[int, int] = Batcher(line, batch_items_max=10, queue_items_max=10)
    gone, stays = batcher.submit(1, FOREVER), batcher.submit(2, FOREVER)
    await settle()
    gone.cancel()
    line.let_in()

    assert await stays == 2
    assert line.carried_out == [[2]]


async def test_deadline_itself_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item is worth starting up to the very moment of its deadline."""
    monkeypatch.setattr("shillings.base.batching.time", Clock())

    assert await Executions().batcher().submit(1, 100.0) == "done 1"


async def test_half_that_comes_too_late_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a batch is taken apart and that takes long, an item whose deadline passes meanwhile is not begun."""
    clock = Clock()
    monkeypatch.setattr("shillings.base.batching.time", clock)

    def fails(items: list[int]) -> Exception | None:
        clock.now += 1
        return ValueError("sick") if 1 in items else None

    executions = Executions(fails)
    batcher = executions.batcher()
    futures = [batcher.submit(1, FOREVER), batcher.submit(2, 101.5)]
    got = await asyncio.gather(*futures, return_exceptions=True)

    assert [type(one) for one in got] == [ValueError, DeadlineExceeded]
    assert executions.seen == [[1, 2], [1]]


@pytest.mark.parametrize("error", [None, Unavailable()], ids=["done", "refused"])
async def test_caller_who_leaves_during_the_batch_costs_nobody_an_answer(error: Exception | None) -> None:
    """A caller who gives up while the batch is under way does not take its neighbours' answers along."""
    executions = Executions(lambda _items: error)
    executions.open.clear()
    batcher = executions.batcher()
    gone, stays = batcher.submit(1, FOREVER), batcher.submit(2, FOREVER)
    await executions.begun(1)
    gone.cancel()
    executions.open.set()
    async with asyncio.timeout(5):
        [got] = await asyncio.gather(stays, return_exceptions=True)

    assert got == (error or "done 2")
