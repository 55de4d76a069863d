"""Measures many points in turns, again and again, and takes medians.

What else happens on the machine (another process, a slow disk for a second) meets all points alike, because the
points of one round lie close together and their order is shuffled.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from shillings.load.histogram import Histogram


@dataclass(frozen=True)
class Measurement:
    """One measurement of one point.

    Args:
        rate: requests answered 200, per second.
        latencies: of those.
        refused: how many were answered 503 or, too late, 504.
        cpu_us: processor time that each part used for one such request, in microseconds.
        batch: how many payments one batch of the ledger had, on average; 0 if there was none or nobody counts.
    """

    rate: float
    latencies: Histogram
    refused: int = 0
    cpu_us: dict[str, float] = field(default_factory=dict)
    batch: float = 0.0


@dataclass
class Series:
    """Every measurement of one point, and their medians."""

    measurements: list[Measurement] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return median(one.rate for one in self.measurements)

    @property
    def rates(self) -> list[float]:
        """Of every measurement, in order."""
        return [one.rate for one in self.measurements]

    @property
    def refused(self) -> int:
        """How many requests were answered 503 or 504, in all."""
        return sum(one.refused for one in self.measurements)

    @property
    def batch(self) -> float:
        """How many payments one batch of the ledger had."""
        return median(one.batch for one in self.measurements)

    def quantile_ms(self, fraction: float) -> float:
        """The median of one quantile of the latencies, in milliseconds."""
        return median(one.latencies.quantile(fraction) for one in self.measurements) / 1000

    def cpu_us(self) -> dict[str, float]:
        """The median cost of one request, by part, in microseconds."""
        parts = dict.fromkeys(part for one in self.measurements for part in one.cpu_us)
        return {part: median(one.cpu_us.get(part, 0.0) for one in self.measurements) for part in parts}


@dataclass(frozen=True)
class Point:
    """Something to measure.

    Args:
        name: of the point; no other has it.
        seconds: how long one measurement takes, for the progress bar.
        measure: measures once.
        every: 1 if it is measured in every round, 2 in every other, and so on; always in the first.
        is_last: whether it is measured when the round's other points have been.
    """

    name: str
    seconds: float
    measure: Callable[[], Measurement]
    every: int = 1
    is_last: bool = False


def in_turns(points: Sequence[Point], rounds: int, seed: int = 1) -> list[Point]:
    """The order in which the points are measured, over all rounds."""
    chance = Random(seed)
    order: list[Point] = []
    for number in range(rounds):
        due = [point for point in points if number % point.every == 0]
        chance.shuffle(due)
        order += sorted(due, key=lambda point: point.is_last)
    return order


def run(order: Iterable[Point], results: dict[str, Series], note: Callable[[Point], None]) -> None:
    """Measure one point after the other.

    Args:
        order: see `in_turns`.
        results: where each measurement is added, by the point's name.
        note: told of each point before it is measured.
    """
    for point in order:
        note(point)
        try:
            measured = point.measure()
        except Exception as error:
            error.add_note(f"while measuring: {point.name}")
            raise
        results.setdefault(point.name, Series()).measurements.append(measured)


@dataclass(frozen=True)
class Ratio:
    """How two series compare: the ratio of their medians, and the least and the greatest of single rounds."""

    value: float
    least: float
    greatest: float


def compare(ours: Series, theirs: Series) -> Ratio:
    """Our rate divided by theirs. Measurements of the same round are compared."""
    single = [mine / other for mine, other in zip(ours.rates, theirs.rates, strict=False)]
    return Ratio(ours.rate / theirs.rate, min(single), max(single))
