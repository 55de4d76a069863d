"""Notes what became of each request, at the least cost while the load is on; sums it up afterwards."""

from array import array
from bisect import bisect_right
from collections import Counter
from itertools import accumulate

from shillings.load.histogram import Histogram
from shillings.load.jobs import TICK_SECONDS, Latencies, Phase, PhaseResult, Tick


class Record:
    """Three columns: when a request should have been sent, when its fate was known, and its status."""

    def __init__(self) -> None:
        self._intended_at = array("d")
        self._known_at = array("d")
        self._statuses = array("H")

    def add(self, intended_at: float, known_at: float, status: int) -> None:
        """Note one request."""
        self._intended_at.append(intended_at)
        self._known_at.append(known_at)
        self._statuses.append(status)

    def statuses(self) -> dict[int, int]:
        """How many requests had each status, at any time."""
        return dict(Counter(self._statuses))

    def phases(self, phases: list[Phase], begins_at: float) -> list[PhaseResult]:
        """The latencies of each phase, by status.

        In an open loop a request belongs to the phase in which it should have begun, in a closed loop to that in
        which it was answered: so the rate is right even where the answer takes longer than the phase.
        """
        moments = self._intended_at if phases[0].rate else self._known_at
        ends = list(accumulate((phase.seconds for phase in phases), initial=begins_at))[1:]
        found: list[dict[int, Histogram]] = [{} for _ in phases]
        columns = zip(moments, self._intended_at, self._known_at, self._statuses, strict=True)
        for moment, intended_at, known_at, status in columns:
            number = bisect_right(ends, moment)
            if number < len(found):
                by_status = found[number]
                histogram = by_status.get(status)
                if histogram is None:
                    histogram = by_status[status] = Histogram()
                histogram.add(int((known_at - intended_at) * 1e6))
        return [
            PhaseResult(phase.seconds, {status: Latencies(h.counts, h.slowest) for status, h in by_status.items()})
            for phase, by_status in zip(phases, found, strict=True)
        ]

    def timeline(self, begins_at: float, seconds: float) -> list[Tick]:
        """What became of the requests of each tick."""
        ticks = [Tick() for _ in range(round(seconds / TICK_SECONDS))]
        for intended_at, known_at, status in zip(self._intended_at, self._known_at, self._statuses, strict=True):
            number = int((intended_at - begins_at) / TICK_SECONDS)
            if number < len(ticks):
                tick = ticks[number]
                tick.accepted += status == 200
                tick.refused += status == 503
                tick.others += status not in (200, 503)
                tick.slowest_us = max(tick.slowest_us, int((known_at - intended_at) * 1e6))
        return ticks
