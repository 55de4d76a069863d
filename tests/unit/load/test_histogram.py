"""Histograms of durations."""

from hypothesis import given
from hypothesis import strategies as st

from shillings.load.histogram import Histogram

_values = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1)


@given(values=_values, fraction=st.floats(min_value=0.001, max_value=1))
def test_quantiles_are_right_to_one_part_in_128(values: list[int], fraction: float) -> None:
    """A quantile is never smaller than the exact one, and larger by at most one part in 128."""
    exact = next(value for n, value in enumerate(sorted(values), start=1) if n >= fraction * len(values))

    found = Histogram.of(values).quantile(fraction)

    assert exact <= found <= exact * (1 + 1 / 128)


def test_small_values_are_exact() -> None:
    """Up to 255 microseconds nothing is rounded."""
    histogram = Histogram.of(range(256))

    assert [histogram.quantile((value + 1) / 256) for value in range(256)] == list(range(256))


def test_an_empty_histogram_has_quantiles_of_zero() -> None:
    """Where nothing was measured, there is no error and no invented number."""
    assert Histogram().quantile(0.99) == 0


def test_a_histogram_survives_its_counts() -> None:
    """A histogram made again from its counts and slowest value is the same."""
    histogram = Histogram.of([5, 700, 700, 123_456])

    again = Histogram(histogram.counts, histogram.slowest)

    assert [again.quantile(q) for q in (0.25, 0.5, 1)] == [histogram.quantile(q) for q in (0.25, 0.5, 1)]
