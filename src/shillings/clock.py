"""Time as the project writes it: UTC, to the microsecond."""

from datetime import UTC, datetime

FORMAT = "%Y-%m-%d %H:%M:%S.%f"
"""How a time is stored: a DATETIME(6) literal for MariaDB and MySQL, text for SQLite; both sort as text."""


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def stored(moment: datetime) -> str:
    """The column form of a time.

    >>> stored(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    '2026-01-02 03:04:05.000006'
    """
    return moment.astimezone(UTC).strftime(FORMAT)


def rfc3339(column: str) -> str:
    """The API form of a stored time.

    >>> rfc3339("2026-01-02 03:04:05.000006")
    '2026-01-02T03:04:05.000006Z'
    """
    return f"{column[:10]}T{column[11:]}Z"
