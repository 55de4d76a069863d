"""A histogram of durations: small, and never wrong by more than one part in 128."""

from collections.abc import Iterable, Mapping
from typing import Self

_PRECISION_BITS = 7
"""Above 2**8 microseconds, values that agree in their first 8 bits share a bucket."""


class Histogram:
    """Counts of whole microseconds in buckets that widen with the value, as in HdrHistogram.

    Args:
        counts: how many values each bucket has.
        slowest: the largest value, kept exactly.
    """

    def __init__(self, counts: Mapping[int, int] | None = None, slowest: int = 0) -> None:
        self._counts = dict(counts or {})
        self._total = sum(self._counts.values())
        self.slowest = slowest

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """The histogram of these microseconds."""
        histogram = cls()
        for value in values:
            histogram.add(value)
        return histogram

    @property
    def counts(self) -> dict[int, int]:
        """How many values each bucket has."""
        return dict(self._counts)

    def __len__(self) -> int:
        return self._total

    def add(self, value: int, times: int = 1) -> None:
        """Count a value."""
        bucket = _bucket(value)
        self._counts[bucket] = self._counts.get(bucket, 0) + times
        self._total += times
        self.slowest = max(self.slowest, value)

    def quantile(self, fraction: float) -> float:
        """The value that this fraction of all values does not exceed; 0 when there are none.

        >>> Histogram.of([1, 2, 3, 4]).quantile(0.5)
        2.0
        """
        assert 0 < fraction <= 1, "a fraction of all values"
        due = fraction * self._total
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= due:
                # The bucket's upper end: a latency is never shown smaller than it was.
                return float(min(_upper_end(bucket), self.slowest))
        return float(self.slowest)


def _bucket(value: int) -> int:
    shift = max(0, value.bit_length() - _PRECISION_BITS - 1)
    return (shift << _PRECISION_BITS) + (value >> shift)


def _upper_end(bucket: int) -> int:
    shift = max(0, (bucket >> _PRECISION_BITS) - 1)
    return ((bucket - (shift << _PRECISION_BITS) + 1) << shift) - 1
