"""Deliveries that are turned round on purpose: held until they are together, and let go in reverse."""

import asyncio

from shillings.contract.delivery_faults import DeliveryFault
from shillings.webhooks.turns import Turns

ENDPOINT, OTHER = b"e" * 16, b"f" * 16
SOON, NEVER = 0.01, 3600.0


class Line:
    """Deliveries that take their turns, and the order in which they had them."""

    def __init__(self) -> None:
        self._turns = Turns()
        self.gone: list[str] = []

    async def deliver(self, name: str, fault: DeliveryFault | None = None, endpoint: bytes = ENDPOINT) -> None:
        """Take a turn."""
        async with self._turns.turn(endpoint, fault):
            self.gone.append(name)


def reorder(batch: int, seconds: float = NEVER) -> DeliveryFault:
    """The fault."""
    return DeliveryFault("reorder", batch=batch, seconds=seconds)


async def test_batch_goes_in_reverse_once_it_is_together() -> None:
    """Those that follow to the same endpoint join it; one to another endpoint waits for nobody."""
    line = Line()
    await asyncio.gather(
        line.deliver("a", reorder(3)), line.deliver("b"), line.deliver("x", endpoint=OTHER), line.deliver("c")
    )
    assert line.gone == ["x", "c", "b", "a"]


async def test_batch_that_is_never_together_goes_when_its_time_is_over() -> None:
    """Nobody waits longer than the fault says."""
    line = Line()
    await asyncio.gather(line.deliver("a", reorder(3, SOON)), line.deliver("b"))
    assert line.gone == ["b", "a"]


async def test_time_of_a_batch_that_is_gone_ends_no_later_one() -> None:
    """The timer of a batch that was together in time does not let go the batch that was opened after it."""
    line, over = Line(), asyncio.Event()
    await asyncio.gather(line.deliver("a", reorder(2, SOON)), line.deliver("b"))
    waiting = asyncio.ensure_future(line.deliver("c", reorder(2)))
    # Timers of one loop end in the order of their times.
    asyncio.get_running_loop().call_later(2 * SOON, over.set)
    await over.wait()
    await asyncio.gather(line.deliver("d"), waiting)

    assert line.gone == ["b", "a", "d", "c"]
