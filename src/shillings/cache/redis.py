"""The cache in Redis, shared by all application servers.

Redis may be away, hung, full or empty: each operation has 100 ms, failures open a breaker, and every failure
counts as "not in the cache". Nothing true is kept here alone, so nothing can be lost here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import structlog

from shillings.cache.breaker import Breaker
from shillings.cache.interface import TOMBSTONE
from shillings.errors import SettingsError

OPERATION_SECONDS_MAX = 0.1
PREFIX = b"shillings:session:"

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class RedisCache:
    """Session profiles under `shillings:session:<token id>`, each with the session's own time to live.

    Args:
        url: redis://host:port/database.
        on_failure: told whenever an operation failed.
    """

    def __init__(self, url: str, on_failure: Callable[[], None] = lambda: None) -> None:
        try:
            import redis.asyncio
        except ImportError:
            raise SettingsError(
                "SHILLINGS_REDIS_URL is set, and redis-py is missing: pip install 'shillings[redis]'"
            ) from None
        try:
            self._redis = redis.asyncio.Redis.from_url(
                url, socket_connect_timeout=OPERATION_SECONDS_MAX, socket_timeout=OPERATION_SECONDS_MAX, retry=None
            )
        except ValueError as error:
            raise SettingsError(f"SHILLINGS_REDIS_URL is wrong: {error}") from None
        self._troubles = (redis.exceptions.RedisError, OSError, TimeoutError)
        self._on_failure = on_failure
        self.breaker = Breaker()

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """See SessionCache."""
        found = await self._ask(lambda: self._redis.mget([PREFIX + t for t in token_ids]))
        # redis-py's types allow for text; without decode_responses it is always bytes.
        return [None] * len(token_ids) if found is None else cast(list[bytes | None], found)

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """See SessionCache."""
        pipeline = self._redis.pipeline(transaction=False)
        for token_id, entry, seconds in entries:
            if seconds > 0:
                pipeline.set(PREFIX + token_id, entry, ex=seconds, nx=True)
        if pipeline.command_stack:
            await self._ask(pipeline.execute)

    async def bury(self, token_id: bytes, seconds: int) -> None:
        """See SessionCache."""
        if seconds > 0:
            await self._ask(lambda: self._redis.set(PREFIX + token_id, TOMBSTONE, ex=seconds))

    async def close(self) -> None:
        """See SessionCache."""
        await self._redis.aclose()

    async def _ask(self, operation: Callable[[], Awaitable[Result]]) -> Result | None:
        """Run an operation in the time it has; None when it failed or the breaker is open."""
        if not self.breaker.allows():
            return None
        was_open = self.breaker.is_open
        try:
            async with asyncio.timeout(OPERATION_SECONDS_MAX):
                result = await operation()
        except self._troubles as error:
            self.breaker.failed()
            self._on_failure()
            if self.breaker.is_open and not was_open:
                log.warning("cache_away", reason=str(error) or type(error).__name__)
            return None
        self.breaker.succeeded()
        if was_open:
            log.info("cache_back")
        return result
