"""The test clock: the real time, the real time moved forward, or a frozen time. The real time comes in.

It only ever goes forward, so that nothing that has expired is alive again; only a reset takes it back.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shillings.base.clock import Clock
from shillings.base.errors import invalid
from shillings.base.limits import CLOCK_YEAR_MAX

_YEAR_SECONDS = 366 * 86_400


class Mode(StrEnum):
    """How the clock runs."""

    REAL = "real"
    """It tells the real time."""

    OFFSET = "offset"
    """It runs, ahead of the real time."""

    FROZEN = "frozen"
    """It tells one time until it is told another."""


class ClockState(NamedTuple):
    """All there is to know of the clock.

    Args:
        mode: how it runs.
        offset_us: microseconds ahead of the real time; 0 unless the mode is `offset`.
        frozen_at: the time it tells; None unless the mode is `frozen`.
    """

    mode: Mode = Mode.REAL
    offset_us: int = 0
    frozen_at: datetime | None = None


class TestClock:
    """A clock that can be told to advance, to freeze, and to be the real one again.

    Args:
        real: the real time.
        state: how it starts.
    """

    __test__ = False  # pytest collects what is called Test…

    def __init__(self, real: Clock, state: ClockState | None = None) -> None:
        self._real = real
        self.state = state or ClockState()

    def now(self) -> datetime:
        """See Clock."""
        state = self.state
        if state.frozen_at is not None:
            return state.frozen_at
        return self._real.now() + timedelta(microseconds=state.offset_us)

    def unix_ms(self) -> int:
        """See Clock."""
        state = self.state
        if state.frozen_at is not None:
            return int(state.frozen_at.timestamp() * 1000)
        return self._real.unix_ms() + state.offset_us // 1000

    def advanced_by(self, seconds: int) -> ClockState:
        """The state after so many seconds more.

        Raises:
            Refusal: `invalid_request`: it would go back, stay, or go too far.
        """
        if seconds <= 0:
            raise invalid("seconds", "must be more than zero: the clock only goes forward. Reset it to go back.")
        if seconds > (CLOCK_YEAR_MAX - self.now().year) * _YEAR_SECONDS:
            raise invalid("seconds", f"is too much: the clock goes up to the year {CLOCK_YEAR_MAX}.")
        return self._moved_to(self.now() + timedelta(seconds=seconds), "seconds")

    def advanced_to(self, moment: datetime) -> ClockState:
        """The state that tells this time now.

        Raises:
            Refusal: `invalid_request`: it lies in the past, or too far ahead.
        """
        return self._moved_to(moment, "to")

    def frozen(self, moment: datetime | None) -> ClockState:
        """The frozen state, now or at a time ahead.

        Raises:
            Refusal: `invalid_request`: the time lies in the past, or too far ahead.
        """
        if moment is None:
            return ClockState(Mode.FROZEN, 0, self.now())
        self._require_ahead(moment, "at")
        return ClockState(Mode.FROZEN, 0, moment)

    def _moved_to(self, moment: datetime, field: str) -> ClockState:
        self._require_ahead(moment, field)
        if self.state.mode is Mode.FROZEN:
            return ClockState(Mode.FROZEN, 0, moment)
        ahead = moment - self._real.now()
        return ClockState(Mode.OFFSET, ahead // timedelta(microseconds=1))

    def _require_ahead(self, moment: datetime, field: str) -> None:
        if moment.year > CLOCK_YEAR_MAX:
            raise invalid(field, f"is too far ahead: the clock goes up to the year {CLOCK_YEAR_MAX}.")
        if moment < self.now():
            raise invalid(field, "lies in the past: the clock only goes forward. Reset it to go back.")
