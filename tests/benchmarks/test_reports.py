"""What is written: the results file, its verdicts and its picture."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.document import write_part
from benchmarks.movements import Movements
from benchmarks.movements_report import movement_promises
from benchmarks.overload import Overload, recovery
from benchmarks.plot import draw
from benchmarks.rates import CLIENTS, CONNECTIONS, Plan, Rates
from benchmarks.report import rates_part
from benchmarks.rounds import Measurement, Series
from benchmarks.scale import KINDS, Memory, Scale, ScalePlan
from benchmarks.scale_report import scale_part
from benchmarks.targets import HALF_PEAK, promises
from shillings.load.histogram import Histogram
from shillings.load.jobs import Tick

_KINDS = ("pay", "account", "transactions", "topup", "login")


def _series(rate: float, milliseconds: float) -> Series:
    return Series([Measurement(rate, Histogram.of([int(milliseconds * 1000)]), 0, {"web": 30.0})] * 3)


def _rates(pay: float = 9_000.0) -> Rates:
    names = [f"echo {n}" for n in CLIENTS] + [f"{kind} direct {n}" for kind in _KINDS for n in CLIENTS]
    names += ["pay nginx 64", "pay nginx 256", "account nginx 64", "pay embedded 64", "account embedded 64"]
    names += ["pay sandbox-off 64", HALF_PEAK]
    results = {name: _series(pay, 8.0) for name in names}
    results |= {f"bare {n}": _series(3_000.0, 2.5) for n in CONNECTIONS}
    results["echo 64"] = _series(20_000.0, 2.0)
    calm, busy = [Tick(accepted=450)] * 50, [Tick(accepted=900, refused=2_700, others=3)] * 100
    overload = Overload(
        peak=pay,
        offered=4 * pay,
        seconds=10.0,
        accepted=9_000.0,
        accepted_latencies=Histogram.of([200_000]),
        refused=27_000.0,
        refused_latencies=Histogram.of([5_000]),
        others={504: 7},
        recovered_seconds=0.3,
        timeline=calm + busy + calm,
        generator_busy=0.5,
    )
    return Rates(Plan(), results, overload, looked_up=123, generator_busy_max=0.6)


def test_promises_that_hold_are_said_to_hold() -> None:
    """Each verdict follows from the figures: met, met with the next, or not met."""
    verdicts = {one.what: one.verdict for one in promises(_rates(pay=9_000.0).results)}

    assert verdicts["payments, 64 clients ÷ bare database"] == "met, and the next one"
    assert verdicts["account reads ÷ HTTP echo, 64 clients"] == "met"
    assert verdicts["p99 of payments at half the peak rate, 64 clients"] == "met, and the next one"


def test_promises_that_do_not_hold_are_said_not_to() -> None:
    """A rate below the bound is called not met, in bold."""
    verdicts = [one.verdict for one in promises(_rates(pay=3_000.0).results)]

    assert verdicts[:4] == ["**not met**"] * 4


def test_the_report_has_every_point(tmp_path: Path) -> None:
    """All that was measured is in the table, and so are the machine and the settings."""
    text = rates_part(_rates(), tmp_path)

    for words in ("HTTP echo, 64 clients", "login, 256 clients", "pay, embedded", "innodb_flush_log_at_trx_commit=1"):
        assert words in text
    assert "7 answered 504" in text
    assert "All 123 payments" in text


def test_parts_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Writing one part leaves the other as it was, whichever comes first."""
    path = tmp_path / "RESULTS.md"
    write_part(path, "scale", "grows slowly")
    write_part(path, "rates", "old")
    write_part(path, "rates", "new")

    text = path.read_text()
    assert "old" not in text
    assert text.index("new") < text.index("grows slowly")
    assert text.count("# How fast Shillings is") == 1


def test_the_picture_is_well_formed_and_says_its_figures() -> None:
    """The SVG parses, and the rates are in it as numbers."""
    root = ET.fromstring(draw(_rates(pay=9_000.0)))

    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "9,000" in words
    assert "20,000" in words
    assert "HTTP echo: the ceiling" in words


def test_same_figures_make_the_same_picture() -> None:
    """A picture says nothing of when it was drawn, so that it changes only when a figure does."""
    assert draw(_rates()) == draw(_rates())


def test_picture_without_an_overload_has_three_panels() -> None:
    """A run that measured no overload has a picture, too."""
    words = draw(replace(_rates(), overload=None))

    assert "How long a payment takes" in words
    assert "times the load" not in words


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ([Tick(accepted=1)] * 20, 0.0),
        ([Tick(refused=1)] * 3 + [Tick(accepted=1)] * 12, 0.3),
        ([Tick(accepted=1)] * 9 + [Tick(accepted=1, slowest_us=900_000)] + [Tick(accepted=1)] * 10, 1.0),
        ([Tick(accepted=1, others=1)] * 20, None),
    ],
)
def test_recovery_is_the_first_second_in_which_all_is_well(after: list[Tick], seconds: float | None) -> None:
    """Refusals, failures and slow answers put it off; without a whole good second there was none."""
    overload = [Tick(refused=5)] * 10

    assert recovery(overload + after, 1.0) == (None if seconds is None else pytest.approx(seconds))


def test_scale_says_what_is_slower_and_what_grows() -> None:
    """A variant under four fifths of the usual rate is called slower; a process that grows is said to."""
    variants = ["usual", "many users"]
    results = {f"{kind} usual": _series(1_000.0, 5.0) for kind in KINDS}
    results |= {f"{kind} many users": _series(700.0 if kind == "pay" else 990.0, 5.0) for kind in KINDS}
    samples = [{"web 1": 60 * 2**20, "app 1": (60 + number) * 2**20} for number in range(10)]

    text = scale_part(Scale(ScalePlan(), variants, results, Memory(samples, 1), 9))

    assert "| many users | pay | 700 | 5.00 | 0.70 (0.70-0.70) | **slower** |" in text
    assert "| many users | account | 990 | 5.00 | 0.99 (0.99-0.99) | the same |" in text
    assert "| web 1 | 60.0 | 60.0 | 60.0 | +0.0 | flat |" in text
    assert "| app 1 | 60.0 | 65.0 | 69.0 | +4.0 | **grows** |" in text


def _movements(one: float) -> Movements:
    names = ("nobody", "waiting", "draining", "pay", "refund", "hold")
    results = {name: _series(1_000.0, 8.0) for name in names} | {"one": _series(one, 8.0)}
    return Movements(results, idle_late_ms=7.0, drain_rate=500.0, waiting=10_000, endpoints=100, late_ms=(90.0, 95.0))


def test_webhooks_are_held_against_what_is_promised(tmp_path: Path) -> None:
    """Payments that lose more than a fifth to one listener are called not met; the figures are in the report."""
    verdicts = [movement_promises(_movements(rate))[0].verdict for rate in (850.0, 700.0)]
    text = rates_part(replace(_rates(), movements=_movements(850.0)), tmp_path)

    assert verdicts == ["met", "**not met**"]
    assert "| pay, one endpoint hears everything | 850 |" in text
    assert "Of 10,000 deliveries that waited, 500 a second went out" in text
