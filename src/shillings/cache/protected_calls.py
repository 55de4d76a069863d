"""Calls to a server that may fail: each has a short time-out, and a circuit breaker skips them after a few failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shillings.cache.breaker import Breaker

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class ProtectedCalls:
    """Runs operations, and logs when the server becomes unavailable and when it is back.

    Args:
        name: what it is asked as, for the log.
        errors: what it fails with.
        on_failure: told whenever an operation failed.
    """

    def __init__(self, name: str, errors: tuple[type[Exception], ...], on_failure: Callable[[], None]) -> None:
        self._lost, self._back = f"{name}_unavailable", f"{name}_back"
        self._errors = errors
        self._on_failure = on_failure
        self.breaker = Breaker()

    async def ask(self, operation: Callable[[], Awaitable[Result]], seconds: float) -> Result | None:
        """Run an operation in the time it has; None when it failed or the breaker is open."""
        if not self.breaker.allows():
            return None
        was_open = self.breaker.is_open
        try:
            async with asyncio.timeout(seconds):
                result = await operation()
        except self._errors as error:
            self.breaker.failed()
            self._on_failure()
            if self.breaker.is_open and not was_open:
                log.warning(self._lost, reason=str(error) or type(error).__name__)
            return None
        self.breaker.succeeded()
        if was_open:
            log.info(self._back)
        return result
