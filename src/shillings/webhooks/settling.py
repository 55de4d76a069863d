"""What becomes of a delivery, and of its endpoint, after an attempt. Pure."""

import random
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.schedule import is_failing_for_long, next_due


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    """It waits for its first or its next attempt, or one is under way."""

    DELIVERED = "delivered"
    """The receiver has accepted it."""

    FAILED = "failed"
    """Every attempt failed. It can be sent again by hand."""


class DisabledReason(StrEnum):
    """Why an endpoint is switched off."""

    ASKED = "asked"
    """Its owner did so."""

    GONE = "gone"
    """It answered 410."""

    FAILING = "failing"
    """It has failed for long."""


class Settled(NamedTuple):
    """What an attempt comes to.

    Args:
        state: the delivery's.
        due_at: when it is tried again; None for not at all.
        failing_since: since when the endpoint has only failed; None when it has just accepted.
        disabled_reason: why the endpoint is to be switched off; empty when it is not.
    """

    state: DeliveryState
    due_at: datetime | None
    failing_since: datetime | None
    disabled_reason: str = ""


def settle(
    attempt: Attempt,
    attempts_made: int,
    failing_since: datetime | None,
    now: datetime,
    rng: random.Random,
    pauses: tuple[float, ...],
) -> Settled:
    """Decide what follows from an attempt.

    Args:
        attempt: how it ended.
        attempts_made: of this delivery, this one included.
        failing_since: since when the endpoint has only failed, before this attempt; None for not at all.
        now: the time.
        rng: for jitter.
        pauses: the pause before each attempt.
    """
    if attempt.outcome is AttemptOutcome.ACCEPTED:
        return Settled(DeliveryState.DELIVERED, None, None)
    since = failing_since or now
    due_at = next_due(attempts_made, now, rng, retry_after_s=attempt.retry_after_s, pauses=pauses)
    if attempt.outcome is AttemptOutcome.GONE:
        return Settled(DeliveryState.PENDING if due_at else DeliveryState.FAILED, due_at, since, DisabledReason.GONE)
    reason = DisabledReason.FAILING if is_failing_for_long(since, now) else ""
    return Settled(DeliveryState.PENDING if due_at else DeliveryState.FAILED, due_at, since, reason)
