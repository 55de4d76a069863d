"""Measuring in turns, and what is made of it."""

import pytest

from benchmarks.rounds import Measurement, Point, Series, compare, in_turns, run
from shillings.load.histogram import Histogram


def _series(*rates: float) -> Series:
    return Series([Measurement(rate, Histogram.of([int(rate)])) for rate in rates])


def _point(name: str, *, every: int = 1, is_last: bool = False) -> Point:
    return Point(name, 1.0, lambda: Measurement(1.0, Histogram()), every, is_last)


def test_every_point_is_in_every_round_it_is_due_in() -> None:
    """A point that is due in every other round is in the first and the third of three."""
    order = in_turns([_point("often"), _point("seldom", every=2), _point("once", every=1000)], rounds=3)

    assert sorted(point.name for point in order) == ["often", "often", "often", "once", "seldom", "seldom"]


def test_rounds_are_not_mixed() -> None:
    """No point is looked at for the second time before all have been looked at once."""
    order = in_turns([_point(str(number)) for number in range(10)], rounds=4)

    for start in range(0, 40, 10):
        assert len({point.name for point in order[start : start + 10]}) == 10


def test_the_order_differs_from_round_to_round() -> None:
    """What comes first in one round does not come first in all: a machine that tires favours nobody."""
    order = in_turns([_point(str(number)) for number in range(10)], rounds=4)

    assert len({tuple(point.name for point in order[start : start + 10]) for start in range(0, 40, 10)}) > 1


def test_a_point_that_needs_the_others_comes_last() -> None:
    """A point that is measured at half of what others reached is looked at when they have been."""
    order = in_turns([_point("half", is_last=True), *[_point(str(number)) for number in range(5)]], rounds=3)

    assert [order[end].name for end in (5, 11, 17)] == ["half"] * 3


def test_one_bad_round_changes_no_median() -> None:
    """A series with one outlier has the rate and the latency of the others."""
    series = _series(100, 5, 101)

    assert (series.rate, series.quantile_ms(0.5)) == (100, 0.1)


def test_ratios_compare_rounds_with_themselves() -> None:
    """Where both sides are slow in the same round, the ratio of that round is as it always is."""
    ratio = compare(_series(200, 20, 210), _series(100, 10, 100))

    assert (ratio.value, ratio.least, ratio.greatest) == (2.0, 2.0, 2.1)


def test_a_failure_names_its_point() -> None:
    """An error while measuring says which point was being measured."""

    def fail() -> Measurement:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        run([Point("pay 64", 1.0, fail)], {}, lambda _point: None)
    assert caught.value.__notes__ == ["while measuring: pay 64"]
