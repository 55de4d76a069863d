"""The capacity model, held against what was measured and against the page that shows it."""

from pathlib import Path

import pytest

from benchmarks.capacity import TARGETS, ledger, need, on_one_machine, table

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"

# Payments a second on two processors, and how many of them one batch had. Without nginx: one web
# server and one application server, with 64 and 256 clients; two application servers, with 64. Then through nginx.
MEASURED = [(28, False, 7_404), (63, False, 9_451), (14, False, 6_287), (28, True, 6_584), (63, True, 7_673)]


@pytest.mark.parametrize(("batch", "nginx", "rate"), MEASURED)
def test_model_agrees_with_what_was_measured(batch: float, nginx: bool, rate: float) -> None:
    """For one and for two processes the model is within a sixth of the measured rate."""
    assert on_one_machine(2, batch, nginx=nginx) == pytest.approx(rate, rel=1 / 6)


@pytest.mark.parametrize(("batch", "milliseconds"), [(1, 1.05), (32, 3.0), (64, 4.6), (256, 16)])
def test_batches_take_as_long_as_measured(batch: int, milliseconds: float) -> None:
    """A batch of the ledger takes what it took, whatever its size."""
    assert batch * 1e3 / ledger(0.2, batch) == pytest.approx(milliseconds, rel=0.08)


def test_more_takes_more() -> None:
    """Ten times the rate takes about ten times the servers, and a slower COMMIT more application servers."""
    small, large = need(TARGETS[1], 2), need(TARGETS[2], 2)

    assert 9 <= large.web / small.web <= 10
    assert 9 <= large.app / small.app <= 10
    assert need(TARGETS[2], 10).app > large.app > need(TARGETS[2], 0.2).app


def test_page_shows_the_model() -> None:
    """The table of docs/scaling.md is the model's."""
    assert table() in PAGE.read_text()
