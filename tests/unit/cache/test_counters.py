"""Counting in windows: never too many, never refused too early, and never for longer than the window."""

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.cache import counters as counters_module
from shillings.cache.counters import Counters, Limit, MemoryStorage

MEMORY_BYTES_MAX = 32 << 20


class Time:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.seconds


def counting() -> tuple[Counters, Time]:
    """Counters and their clock."""
    time = Time()
    return Counters(MemoryStorage(time), time), time


LIMIT = Limit("test", 3, 60)


async def test_so_many_in_a_window_and_no_more() -> None:
    """The third of three is let through; then one waits for what is left of the window, in whole seconds."""
    counters, time = counting()
    waits = []
    for _ in range(3):
        assert await counters.wait_seconds(LIMIT, "ann") == 0
        waits.append(await counters.count(LIMIT, "ann"))
        time.seconds += 10

    assert waits == [0, 0, 40]
    assert await counters.wait_seconds(LIMIT, "ann") == 30
    time.seconds += 29.5
    assert await counters.wait_seconds(LIMIT, "ann") == 1
    time.seconds += 0.5
    assert await counters.wait_seconds(LIMIT, "ann") == 0


async def test_everybody_is_counted_apart() -> None:
    """What one does, and what is counted under another limit, is nobody else's."""
    counters, _ = counting()
    for _ in range(5):
        await counters.count(LIMIT, "ann", "192.0.2.1")

    assert await counters.wait_seconds(LIMIT, "ann", "192.0.2.1") == 60
    assert await counters.wait_seconds(LIMIT, "ann", "192.0.2.2") == 0
    assert await counters.wait_seconds(LIMIT, "ann") == 0
    assert await counters.wait_seconds(Limit("other", 3, 60), "ann", "192.0.2.1") == 0


async def test_what_was_counted_has_happened_until_the_window_ends() -> None:
    """That something happened is known as long as its window, and not after `forget`."""
    counters, time = counting()
    assert not await counters.happened(LIMIT, "ann")
    await counters.count(LIMIT, "ann")
    time.seconds += 59
    assert await counters.happened(LIMIT, "ann")
    time.seconds += 1
    assert not await counters.happened(LIMIT, "ann")

    await counters.count(LIMIT, "ann")
    counters.forget()
    assert not await counters.happened(LIMIT, "ann")


async def test_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more counters than fit, the oldest go; whoever is counted again is new again."""
    monkeypatch.setattr(counters_module, "ENTRIES_MAX", 10)
    counters, _ = counting()
    await counters.count(LIMIT, "ann")
    for number in range(30):
        await counters.count(LIMIT, f"other-{number}")
        await counters.count(LIMIT, "ann")

    assert await counters.wait_seconds(LIMIT, "ann") == 60
    assert [await counters.happened(LIMIT, f"other-{number}") for number in (0, 29)] == [False, True]


async def test_memory_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of callers costs a process 32 MiB at most, whoever they are; a hundredth of it is measured."""
    entries_max = counters_module.ENTRIES_MAX
    monkeypatch.setattr(counters_module, "ENTRIES_MAX", entries_max // 100)
    storage = MemoryStorage()
    tracemalloc.start()
    try:
        for number in range(entries_max // 50):
            await storage.incr(Limit("receiver-user", 100, 60).item.key_for(f"{number:032x}"), 60)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held * 100 < MEMORY_BYTES_MAX


@given(
    amount=st.integers(1, 5),
    seconds=st.integers(1, 20),
    pauses=st.lists(st.integers(0, 120).map(lambda eighths: eighths / 8), max_size=60),
)
def test_counting_is_right(amount: int, seconds: int, pauses: list[float]) -> None:
    """Whatever is tried when: at most so many get through in each window, and who waits as told gets through."""
    asyncio.run(_hold_against_a_list(amount, seconds, pauses))


async def _hold_against_a_list(amount: int, seconds: int, pauses: list[float]) -> None:
    counters, time = counting()
    limit = Limit("test", amount, seconds)
    window: list[float] = []
    for pause in pauses:
        time.seconds += pause
        if window and time.seconds >= window[0] + seconds:
            window = []
        wait = await counters.wait_seconds(limit, "ann")
        assert (wait == 0) == (len(window) < amount)
        if wait:
            assert window[0] + seconds <= time.seconds + wait < window[0] + seconds + 1
        else:
            await counters.count(limit, "ann")
            window.append(time.seconds)
