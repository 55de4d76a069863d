"""Parses the times in requests."""

from datetime import UTC, datetime

from shillings.base.errors import invalid

CHARACTERS_MAX = 40


def parse_time(text: str, field: str) -> datetime:
    """A time in RFC 3339, in UTC.

    Raises:
        Refusal: `invalid_request`, naming the field: it is no time, or has no time zone.
    """
    try:
        moment = datetime.fromisoformat(text[: CHARACTERS_MAX + 1])
    except ValueError:
        raise invalid(field, 'is not a time. Write one in RFC 3339, such as "2026-01-31T12:00:00Z".') from None
    if moment.tzinfo is None:
        raise invalid(field, "has no time zone. End it with Z, or with an offset such as +08:00.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "lies outside of the calendar.") from None
