"""The test clock's commands: read it, advance it, freeze it, reset it."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from shillings.app.call import Call, Result
from shillings.app.sandbox.movable_clock import ClockState, TestClock
from shillings.app.sandbox.store import SandboxStore
from shillings.app.times import parse_time
from shillings.base.clock import Clock, rfc3339, stored
from shillings.base.errors import invalid
from shillings.contract.shillings_pb2 import (
    AdvanceClockRequest,
    ClockAnswer,
    ClockRequest,
    Due,
    FreezeClockRequest,
    ResetClockRequest,
)

NAME = "clock"
"""What it is kept under."""

RunDue = Callable[[], Awaitable[int]]
"""Does what is due by the clock; returns how much it was."""


class ClockCommands:
    """Tells the clock what time it is.

    Args:
        clock: the clock that everything runs by.
        real: the real time.
        store: keeps what it was told.
        due: what an advance makes due, by name: done before the advance is answered.
    """

    def __init__(self, *, clock: TestClock, real: Clock, store: SandboxStore, due: Mapping[str, RunDue]) -> None:
        self._clock = clock
        self._real = real
        self._store = store
        self._due = due
        store.subscribe(NAME, self._apply)

    async def read(self, _call: Call, _request: ClockRequest) -> Result:
        """What time it is."""
        return Result(self._answer())

    async def advance(self, _call: Call, request: AdvanceClockRequest) -> Result:
        """Go forward, by seconds or to a time, everywhere; do what has become due by that; then answer."""
        if bool(request.seconds) == bool(request.to):
            raise invalid("seconds", "or `to` must be given, and not both.")
        if request.to:
            state = self._clock.advanced_to(parse_time(request.to, "to"))
        else:
            state = self._clock.advanced_by(request.seconds)
        await self._tell(state)
        return Result(self._answer([Due(what=what, count=await run()) for what, run in self._due.items()]))

    async def freeze(self, _call: Call, request: FreezeClockRequest) -> Result:
        """Freeze the clock, now or at a time ahead."""
        await self._tell(self._clock.frozen(parse_time(request.at, "at") if request.at else None))
        return Result(self._answer())

    async def reset(self, _call: Call, _request: ResetClockRequest) -> Result:
        """Be the real time again."""
        await self.take_back()
        return Result(self._answer())

    async def take_back(self) -> None:
        """Be the real time again, as part of a reset of everything."""
        await self._tell(ClockState())

    async def _tell(self, state: ClockState) -> None:
        await self._store.tell(NAME, msgspec.json.encode(state).decode())

    def _apply(self, value: str) -> None:
        self._clock.state = msgspec.json.decode(value, type=ClockState)

    def _answer(self, due: list[Due] | None = None) -> ClockAnswer:
        return ClockAnswer(
            mode=self._clock.state.mode.value,
            now=rfc3339(stored(self._clock.now())),
            real_now=rfc3339(stored(self._real.now())),
            due=due or [],
        )
