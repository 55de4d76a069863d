"""Counting what must not happen too often: how many times in a window, in this process or, with Redis, in all of them.

The counting is the `limits` package's: fixed windows, each of which begins with what is counted first in it.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter

from shillings.base.bounded import BoundedMap
from shillings.cache.protected_calls import ProtectedCalls

ENTRIES_MAX = 100_000
"""Counters in memory, the newest. Each of them has cost whoever is counted a hashed password or a payment, so nobody
can make a process forget within the length of a window."""

PREFIX = "shillings:rate"
OPERATION_SECONDS_MAX = 0.1

Answer = TypeVar("Answer")


class Limit(NamedTuple):
    """How often something may happen.

    Args:
        name: what it is called where it is counted.
        amount: so often,
        seconds: in a window of this length.
    """

    name: str
    amount: int
    seconds: int

    @property
    def item(self) -> RateLimitItemPerSecond:
        """The same, for the `limits` package."""
        return RateLimitItemPerSecond(self.amount, self.seconds, namespace=self.name)


class MemoryStorage(Storage):
    """Counters of this process: bounded, and without tasks or timers of their own, which those of the package have.

    Args:
        now: seconds, never going back.
    """

    STORAGE_SCHEME = None

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._counts: BoundedMap[str, tuple[int, float]] = BoundedMap(entries_max=ENTRIES_MAX)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Part of the package's interface. Nothing fails here."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; return how many there are in the window now."""
        count, ends_at = self._window(key)
        self._counts[key] = count + amount, ends_at if count else self._now() + expiry
        return count + amount

    async def get(self, key: str) -> int:
        """How many there are in the window."""
        return self._window(key)[0]

    async def get_expiry(self, key: str) -> float:
        """When the window ends."""
        return self._window(key)[1]

    async def check(self) -> bool:
        """Part of the package's interface."""
        return True

    async def reset(self) -> None:
        """Part of the package's interface."""
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self._counts.clear()

    async def clear(self, key: str) -> None:
        """Forget one."""
        self._counts.pop(key)

    def _window(self, key: str) -> tuple[int, float]:
        count, ends_at = self._counts.get(key) or (0, 0.0)
        return (count, ends_at) if ends_at > self._now() else (0, self._now())


class SharedStorage(MemoryStorage):
    """Counters in Redis. While it fails, those of this process: limits become one for each process, and stay limits.

    Args:
        url: redis://host:port/database.
        on_failure: told whenever Redis failed.
    """

    STORAGE_SCHEME = None

    def __init__(self, url: str, on_failure: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        import redis.asyncio

        # The package's own way from a URL wants a port in it. What it is typed to take is what can stand in a URL.
        pool: Any = redis.asyncio.ConnectionPool.from_url(
            url, socket_connect_timeout=OPERATION_SECONDS_MAX, socket_timeout=OPERATION_SECONDS_MAX, retry=None
        )
        self._pool = pool
        self._redis = RedisStorage("redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)
        self._asking = ProtectedCalls(
            "shared_rate_limits", (redis.exceptions.RedisError, OSError, TimeoutError), on_failure
        )

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See MemoryStorage."""
        here = await super().incr(key, expiry, amount)
        return max(here, await self._ask(lambda: self._redis.incr(key, expiry, amount)) or 0)

    async def get(self, key: str) -> int:
        """See MemoryStorage."""
        return max(await super().get(key), await self._ask(lambda: self._redis.get(key)) or 0)

    async def get_expiry(self, key: str) -> float:
        """See MemoryStorage."""
        there = await self._ask(lambda: self._redis.get_expiry(key))
        return max(await super().get_expiry(key), self._now() + (there - time.time() if there else 0))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._pool.aclose()

    async def _ask(self, operation: Callable[[], Awaitable[Answer]]) -> Answer | None:
        return await self._asking.ask(operation, OPERATION_SECONDS_MAX)


class Counters:
    """What was counted, and whether that was too often.

    Args:
        storage: where it is counted.
        now: the clock of the storage.
    """

    def __init__(self, storage: MemoryStorage, now: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self.now = now

    async def wait_seconds(self, limit: Limit, *who: str) -> int:
        """How many whole seconds somebody has to wait before another time; 0 for none."""
        if await self._limiter.test(limit.item, *who):
            return 0
        return await self._seconds_left(limit, *who)

    async def count(self, limit: Limit, *who: str) -> int:
        """Count one; return how long somebody has to wait before another time."""
        await self._limiter.hit(limit.item, *who)
        return await self.wait_seconds(limit, *who)

    async def happened(self, limit: Limit, *who: str) -> bool:
        """Whether something was counted in the window."""
        return await self._storage.get(limit.item.key_for(*who)) > 0

    def forget(self) -> None:
        """Forget what was counted in this process."""
        self._storage.forget()

    async def close(self) -> None:
        """Let go of what the storage holds open."""
        if isinstance(self._storage, SharedStorage):
            await self._storage.close()

    async def _seconds_left(self, limit: Limit, *who: str) -> int:
        stats = await self._limiter.get_window_stats(limit.item, *who)
        return max(1, math.ceil(stats.reset_time - self.now()))
