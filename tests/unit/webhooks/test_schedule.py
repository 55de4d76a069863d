"""The schedule: ten attempts in about three days, never early, and what receivers ask for within bounds."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.webhooks.schedule import (
    JITTER,
    PAUSE_SECONDS,
    RETRY_AFTER_SECONDS_MAX,
    is_failing_for_long,
    next_due,
    retry_after_seconds,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEEDS = st.integers(0, 2**32)


def test_pauses_are_the_standards() -> None:
    """0, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    hours = [pause / 3600 for pause in PAUSE_SECONDS]
    assert PAUSE_SECONDS[:4] == (0, 5, 300, 1800)
    assert hours[4:] == [2, 5, 10, 14, 20, 24]


@given(attempts=st.integers(1, 9), seed=SEEDS)
def test_pause_is_the_schedules_and_a_little(attempts: int, seed: int) -> None:
    """An attempt is never early, and late by the jitter at most."""
    due = next_due(attempts, NOW, random.Random(seed))

    assert due is not None
    pause = (due - NOW).total_seconds()
    assert PAUSE_SECONDS[attempts] <= pause <= PAUSE_SECONDS[attempts] * (1 + JITTER) + 0.001


def test_jitter_comes_from_the_given_chance() -> None:
    """The same seed gives the same time; different seeds different ones."""
    times = {seed: next_due(3, NOW, random.Random(seed)) for seed in range(20)}

    assert times[7] == next_due(3, NOW, random.Random(7))
    assert len(set(times.values())) == len(times)


def test_tenth_attempt_is_the_last() -> None:
    """After ten failures nothing more is tried."""
    assert next_due(9, NOW, random.Random(1)) is not None
    assert next_due(10, NOW, random.Random(1)) is None
    assert next_due(11, NOW, random.Random(1)) is None


@given(attempts=st.integers(1, 9), asked=st.floats(0, 10**9), seed=SEEDS)
def test_retry_after_only_lengthens_and_is_bounded(attempts: int, asked: float, seed: int) -> None:
    """What a receiver asks for makes a pause longer, never shorter, and a day long at most by itself."""
    plain = next_due(attempts, NOW, random.Random(seed))
    due = next_due(attempts, NOW, random.Random(seed), retry_after_s=asked)

    assert plain is not None
    assert due == max(plain, NOW + timedelta(seconds=min(asked, RETRY_AFTER_SECONDS_MAX)))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0), ("7", 7), (" 60 ", 60), ("86401", 86_400), ("9" * 10_000, 86_400), ("-5", 0), ("1.5", 0), ("", 0),
        ("soon", 0), ("٣", 0), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 86_400), ("Thu, 99 Foo 2026 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms_or_not_at_all(header: str, seconds: float) -> None:
    """Seconds or a date, within bounds; anything else asks for nothing."""
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=50))
def test_no_retry_after_breaks_anything(header: str) -> None:
    """Any text gives a number within bounds."""
    assert 0 <= retry_after_seconds(header, NOW) <= RETRY_AFTER_SECONDS_MAX


def test_long_is_three_days() -> None:
    """An endpoint that has failed for less than three days stays on."""
    assert not is_failing_for_long(NOW, NOW + timedelta(hours=71))
    assert is_failing_for_long(NOW, NOW + timedelta(hours=72))
