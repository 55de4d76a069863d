"""What follows from an attempt."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.schedule import PAUSE_SECONDS
from shillings.webhooks.settling import Settled, settle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILURES = [outcome for outcome in AttemptOutcome if outcome is not AttemptOutcome.ACCEPTED]


def settled(outcome: AttemptOutcome, made: int = 1, since: datetime | None = None) -> Settled:
    """What an attempt comes to now."""
    return settle(Attempt(outcome), made, since, NOW, random.Random(1), PAUSE_SECONDS)


def test_acceptance_ends_it_and_clears_the_endpoint() -> None:
    """Accepted is delivered, and the endpoint fails no more."""
    assert settled(AttemptOutcome.ACCEPTED, 7, NOW - timedelta(days=9)) == ("delivered", None, None, "")


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_is_tried_again(outcome: AttemptOutcome) -> None:
    """Whatever went wrong, the next attempt comes by the schedule, and the endpoint is failing from now on."""
    state, due_at, since, _ = settled(outcome)
    assert (state, since) == ("pending", NOW)
    assert due_at is not None
    assert due_at > NOW


@pytest.mark.parametrize("outcome", FAILURES)
def test_last_failure_ends_it(outcome: AttemptOutcome) -> None:
    """After the tenth attempt the delivery has failed."""
    assert settled(outcome, 10)[:2] == ("failed", None)


def test_endpoint_is_switched_off_for_410_and_for_three_days() -> None:
    """410 at once, anything else after three days of nothing but failures."""
    assert settled(AttemptOutcome.GONE).disabled_reason == "gone"
    assert settled(AttemptOutcome.REJECTED, 1, NOW - timedelta(hours=71)).disabled_reason == ""
    assert settled(AttemptOutcome.REJECTED, 1, NOW - timedelta(hours=72)).disabled_reason == "failing"
    assert settled(AttemptOutcome.REJECTED, 1, NOW - timedelta(hours=72)).failing_since == NOW - timedelta(hours=72)
