"""A circuit breaker: after a few failures in a row, stop asking for a while, then let one request probe."""

import time
from collections.abc import Callable

FAILURES_MAX = 3
OPEN_SECONDS = 1.0


class Breaker:
    """Counts failures in a row; open means "do not ask".

    Args:
        now: seconds, never going back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures = 0
        self._closed_again_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last attempts failed and no probe has succeeded since."""
        return self._failures >= FAILURES_MAX

    def allows(self) -> bool:
        """Whether to ask now. While open, one caller each OPEN_SECONDS is let through to probe."""
        if not self.is_open:
            return True
        if self._now() < self._closed_again_at:
            return False
        self._closed_again_at = self._now() + OPEN_SECONDS
        return True

    def succeeded(self) -> None:
        """The asked one answered."""
        self._failures = 0

    def failed(self) -> None:
        """The asked one did not answer."""
        self._failures += 1
        if self._failures == FAILURES_MAX:
            self._closed_again_at = self._now() + OPEN_SECONDS
