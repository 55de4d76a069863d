"""Time as people see it: UTC, to the microsecond. Deadlines and leases run on `time.monotonic` instead."""

import time
from datetime import UTC, datetime
from typing import Protocol

FORMAT = "%Y-%m-%d %H:%M:%S.%f"
"""How a time is stored: a DATETIME(6) literal for MariaDB and MySQL, text for SQLite; both sort as text."""


class Clock(Protocol):
    """Tells the time that tokens, keys, rows and answers carry."""

    def now(self) -> datetime:
        """The current time in UTC."""

    def unix_ms(self) -> int:
        """The same in whole milliseconds since 1970, which is cheaper to ask for."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)

    def unix_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000


class FixedClock:
    """A frozen clock.

    Args:
        moment: the time it tells.
    """

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """See Clock."""
        return self.moment

    def unix_ms(self) -> int:
        """See Clock."""
        return int(self.moment.timestamp() * 1000)


def stored(moment: datetime) -> str:
    """The column form of a time.

    >>> stored(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    '2026-01-02 03:04:05.000006'
    """
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # Without its "+00:00" this is what strftime(FORMAT) would give, in a fraction of the time: every batch asks twice.
    return utc.isoformat(" ", "microseconds")[:26]


def rfc3339(column: str) -> str:
    """The API form of a stored time.

    >>> rfc3339("2026-01-02 03:04:05.000006")
    '2026-01-02T03:04:05.000006Z'
    """
    return f"{column[:10]}T{column[11:]}Z"
