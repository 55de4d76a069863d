"""The cache in Redis, shared by all application servers.

Redis may be down, hung, full or empty: each operation has 100 ms, failures open a breaker, and every failure
counts as "not in the cache". Nothing true is kept here alone, so nothing can be lost here.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from shillings.base.errors import SettingsError
from shillings.cache.interface import ENTRY_BYTES_MAX, TOMBSTONE
from shillings.cache.protected_calls import ProtectedCalls

OPERATION_SECONDS_MAX = 0.1

PREFIX = b"shillings:session:"

Result = TypeVar("Result")


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
        self._asking = ProtectedCalls("cache", (redis.exceptions.RedisError, OSError, TimeoutError), on_failure)
        self.breaker = self._asking.breaker

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """See SessionCache."""
        found = await self._ask(lambda: self._redis.mget([PREFIX + t for t in token_ids]))
        # redis-py's types allow for text; without decode_responses it is always bytes.
        entries = [None] * len(token_ids) if found is None else cast(list[bytes | None], found)
        return [None if entry is None or len(entry) > ENTRY_BYTES_MAX else entry for entry in entries]

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """See SessionCache."""
        pipeline = self._redis.pipeline(transaction=False)
        for token_id, entry, seconds in entries:
            if seconds > 0:
                pipeline.set(PREFIX + token_id, entry, ex=seconds, nx=True)
        if pipeline.command_stack:
            await self._ask(pipeline.execute)

    async def revoke(self, token_id: bytes, seconds: int) -> None:
        """See SessionCache."""
        if seconds > 0:
            await self._ask(lambda: self._redis.set(PREFIX + token_id, TOMBSTONE, ex=seconds))

    async def close(self) -> None:
        """See SessionCache."""
        await self._redis.aclose()

    async def _ask(self, operation: Callable[[], Awaitable[Result]]) -> Result | None:
        return await self._asking.ask(operation, OPERATION_SECONDS_MAX)
