"""A queue in front of a few threads is fair, and has a bound."""

import asyncio
import random

import pytest

from shillings.auth.turns import NOBODY, Turn, Turns
from shillings.base.errors import Overloaded

FLOOD, HONEST = Turn("192.0.2.1"), Turn("198.51.100.7")


class Work:
    """Those who work at `turns`, in the order in which they began; each goes on until it is told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[Turn] = []
        self.at_work: list[asyncio.Event] = []

    async def do(self, turn: Turn) -> None:
        """Wait, begin, and go on until the end."""
        await self.turns.take(turn)
        end = asyncio.Event()
        self.began.append(turn)
        self.at_work.append(end)
        try:
            await end.wait()
        finally:
            self.at_work.remove(end)
            self.turns.give()

    def begin(self, turn: Turn, times: int = 1) -> list[asyncio.Task[None]]:
        """Have somebody come so many times."""
        return [asyncio.ensure_future(self.do(turn)) for _ in range(times)]

    async def end_one(self) -> None:
        """Have the first that works end, and the next begin."""
        await settle()
        self.at_work[0].set()
        await settle()

    async def end_all(self) -> None:
        """Go on until nobody works."""
        await settle()
        while self.at_work:
            await self.end_one()


async def settle() -> None:
    """Let everybody come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turn_of_who_leaves_as_it_comes_is_the_next_ones() -> None:
    """Whoever goes away in the moment in which the turn has come gives it back."""
    turns = Turns(1, 8)
    await turns.take(FLOOD)
    leaves, waits = (asyncio.ensure_future(turns.take(turn)) for turn in (FLOOD, HONEST))
    await settle()
    turns.give()
    leaves.cancel()
    await settle()

    assert leaves.cancelled()
    assert waits.done()


async def test_who_asks_once_is_served_next() -> None:
    """However many of one address wait, another address waits for one of them only."""
    work = Work(Turns(1, 64))
    work.begin(FLOOD, 40)
    await settle()
    work.begin(HONEST)
    for _ in range(3):
        await work.end_one()

    assert HONEST in work.began[:3]
    await work.end_all()
    assert len(work.began) == 41


async def test_known_account_has_a_share_of_its_own() -> None:
    """Where an address is known to be an account's, it does not wait for what else that address asks."""
    work = Work(Turns(1, 64))
    work.begin(FLOOD, 40)
    await settle()
    known = Turn(FLOOD.address, "ann")
    work.begin(known)
    for _ in range(3):
        await work.end_one()

    assert known in work.began[:4]
    await work.end_all()


async def test_full_queue_refuses_whoever_has_most_in_it() -> None:
    """When the queue is full, the newest of the longest share makes room; one who comes first time is let in."""
    work = Work(Turns(1, 10))
    flood = work.begin(FLOOD, 12)
    await settle()
    assert [task.done() for task in flood] == [False] * 10 + [True] * 2

    honest = work.begin(HONEST)
    await settle()

    assert isinstance(flood[9].exception(), Overloaded)
    assert not honest[0].done()
    await work.end_all()
    assert honest[0].exception() is None
    assert len(work.began) == 10


async def test_one_more_of_the_same_is_refused_itself() -> None:
    """Whoever has most in a full queue, and comes again, is refused."""
    work = Work(Turns(1, 3))
    work.begin(NOBODY, 3)
    late = work.begin(NOBODY)
    await settle()

    assert isinstance(late[0].exception(), Overloaded)
    await work.end_all()


async def test_closing_refuses_who_waits() -> None:
    """At the end those who work go on, and those who wait are refused."""
    work = Work(Turns(2, 10))
    tasks = work.begin(FLOOD, 5)
    await settle()
    work.turns.close()
    await work.end_all()

    assert [task.exception() is None for task in tasks] == [True, True, False, False, False]


@pytest.mark.parametrize("seed", range(30))
async def test_room_is_never_lost_nor_made(seed: int) -> None:
    """Whoever comes, ends, gives up or is refused: not too many work, not more wait than fit, and all go on."""
    chance = random.Random(seed)
    at_once, entries_max = chance.randint(1, 3), chance.randint(3, 8)
    work = Work(Turns(at_once, entries_max))
    tasks: list[asyncio.Task[None]] = []
    for _ in range(120):
        dice = chance.random()
        if dice < 0.5:
            tasks += work.begin(Turn(chance.choice("ab"), chance.choice(["", "x", "y"])), chance.randint(1, 3))
        elif dice < 0.8 and work.at_work:
            chance.choice(work.at_work).set()
        elif tasks:
            chance.choice(tasks).cancel()
        if chance.random() < 0.7:
            await settle()
            there = sum(not task.done() for task in tasks)
            assert len(work.at_work) == min(at_once, there)
            assert there <= entries_max
    await work.end_all()
    assert all(task.done() for task in tasks)

    # All room is there again.
    again = work.begin(NOBODY, entries_max)
    await settle()
    assert len(work.at_work) == min(at_once, entries_max)
    assert not any(task.done() for task in again)
    await work.end_all()
    assert {task.exception() for task in again} == {None}
