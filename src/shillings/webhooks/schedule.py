"""When a delivery is tried again. Pure: the random numbers and the time come from outside."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MINUTE, HOUR = 60, 3600

PAUSE_SECONDS = (0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""The pause before each attempt, counted from the end of the attempt before it: ten attempts within about three days.
They are those that Standard Webhooks recommends."""

JITTER = 0.1
"""A pause is this part longer at most, so that what failed together does not come back together."""

RETRY_AFTER_SECONDS_MAX = 24 * HOUR
"""A receiver may ask for a longer pause than the schedule's, but not for longer than this."""

FAILING_SECONDS_MAX = 72 * HOUR
"""An endpoint that has answered every attempt with a failure for this long is switched off."""


def next_due(
    attempts_made: int,
    failed_at: datetime,
    rng: random.Random,
    *,
    retry_after_s: float = 0.0,
    pauses: tuple[float, ...] = PAUSE_SECONDS,
) -> datetime | None:
    """When to try again after a failed attempt; None when it was the last.

    Args:
        attempts_made: how many there have been, this one included.
        failed_at: when this one ended.
        rng: for jitter.
        retry_after_s: what the receiver asked for; it may only lengthen the pause.
        pauses: the pause before each attempt.
    """
    assert attempts_made >= 1, "there was an attempt"
    if attempts_made >= len(pauses):
        return None
    scheduled = pauses[attempts_made] * rng.uniform(1.0, 1.0 + JITTER)
    return failed_at + timedelta(seconds=max(scheduled, min(retry_after_s, RETRY_AFTER_SECONDS_MAX)))


def is_failing_for_long(failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint that has only failed since then is to be switched off."""
    return (now - failing_since).total_seconds() >= FAILING_SECONDS_MAX


def retry_after_seconds(header: str, now: datetime) -> float:
    """What a Retry-After header asks for, in seconds within bounds; 0 when it says nothing that makes sense.

    >>> moment = datetime(2026, 1, 1, tzinfo=UTC)
    >>> retry_after_seconds("120", moment), retry_after_seconds("Thu, 01 Jan 2026 00:01:00 GMT", moment)
    (120.0, 60.0)
    >>> retry_after_seconds("soon", moment), retry_after_seconds("99999999999", moment)
    (0.0, 86400.0)
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        # A number of more digits than this is above the bound, and int() takes long for very long ones.
        seconds = float(int(text[:12]))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            return 0.0
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), float(RETRY_AFTER_SECONDS_MAX))
