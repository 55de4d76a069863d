"""What the project promises of its speed, and whether it holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.rounds import Ratio, Series, compare

BARE_MANY = ("bare 8", "bare 32")
HALF_PEAK = "pay half peak"


@dataclass(frozen=True)
class Promise:
    """One promise.

    Args:
        what: in words.
        value: as measured.
        least: of single rounds, and `greatest` likewise; None where there are no single ones.
        greatest: see `least`.
        first: what must hold.
        next: what it shall be one day.
        at_least: whether more is better; else less is.
        unit: of the values.
    """

    what: str
    value: float
    least: float | None
    greatest: float | None
    first: float
    next: float
    at_least: bool = True
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Whether it holds."""
        if self._holds(self.next):
            return "met, and the next one"
        return "met" if self._holds(self.first) else "**not met**"

    def __str__(self) -> str:
        sign = "at least" if self.at_least else "at most"
        verdict = self.verdict.replace("*", "")
        return f"{self.what}: {self.value:.2f}{self.unit}; must be {sign} {self.first:g}{self.unit}: {verdict}"

    def _holds(self, bound: float) -> bool:
        return self.value >= bound if self.at_least else self.value <= bound


def best_bare(results: Mapping[str, Series]) -> Series:
    """The bare database at its best with many connections."""
    return max((results[name] for name in BARE_MANY), key=lambda series: series.rate)


def promises(results: Mapping[str, Series]) -> list[Promise]:
    """Every promise, compared with what was measured."""
    bare = best_bare(results)

    def ratio(what: str, found: Ratio, first: float, then: float) -> Promise:
        return Promise(what, found.value, found.least, found.greatest, first, then)

    slowness = results["pay direct 1"].quantile_ms(0.5) / results["bare 1"].quantile_ms(0.5)
    return [
        ratio("payments, 64 clients ÷ bare database", compare(results["pay direct 64"], bare), 2.0, 3.0),
        ratio("payments, 256 clients ÷ bare database", compare(results["pay direct 256"], bare), 2.0, 3.0),
        ratio("payments ÷ HTTP echo, 64 clients", compare(results["pay direct 64"], results["echo 64"]), 0.25, 0.40),
        ratio(
            "account reads ÷ HTTP echo, 64 clients",
            compare(results["account direct 64"], results["echo 64"]),
            0.35,
            0.50,
        ),
        Promise(
            "p99 of payments at half the peak rate, 64 clients",
            results[HALF_PEAK].quantile_ms(0.99),
            None,
            None,
            25.0,
            10.0,
            at_least=False,
            unit=" ms",
        ),
        Promise(
            "p50 of a payment, 1 client ÷ p50 of the bare transaction, 1 connection",
            slowness,
            None,
            None,
            4.0,
            2.5,
            at_least=False,
        ),
    ]
