"""Times are stored and shown in UTC, to the microsecond, in forms that sort."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shillings.base import clock

MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


@given(MOMENTS, MOMENTS)
def test_stored_times_sort_as_times(one: datetime, other: datetime) -> None:
    """The text of an earlier time is smaller."""
    assert (clock.stored(one) < clock.stored(other)) == (one < other)


@given(MOMENTS)
def test_shown_time_is_the_stored_one(moment: datetime) -> None:
    """The API's form of a stored time is RFC 3339 and loses nothing."""
    assert datetime.fromisoformat(clock.rfc3339(clock.stored(moment))) == moment


def test_other_time_zones_are_stored_in_utc() -> None:
    """A time with an offset is stored as the same moment in UTC."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=8)))

    assert clock.stored(moment) == "2026-01-01 19:04:05.000000"


def test_now_knows_its_time_zone() -> None:
    """The current time is in UTC and says so."""
    assert clock.SystemClock().now().tzinfo is UTC


def test_milliseconds_are_those_of_the_time() -> None:
    """Both ways to ask a clock for the time agree."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    real = clock.SystemClock()

    assert clock.FixedClock(moment).unix_ms() == 1_767_323_045_678
    assert abs(real.unix_ms() - real.now().timestamp() * 1000) < 1000
