"""Counting in Redis is counting in one process, but for all of them; without Redis each counts for itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import redis

from deploy.local.redis import Redis
from shillings.cache import counters as counters_module
from shillings.cache.counters import PREFIX, Counters, Limit, SharedStorage
from shillings.testing.ports import free_port


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough to answer on a busy machine."""
    monkeypatch.setattr(counters_module, "OPERATION_SECONDS_MAX", 5.0)


@pytest.fixture
def kept(redis_server: Redis) -> Iterator[redis.Redis]:
    """What is in Redis."""
    with redis_server.client() as client:
        yield client


@asynccontextmanager
async def counting(url: str, servers: int = 1) -> AsyncIterator[list[Counters]]:
    """The counters of some servers."""
    made = [Counters(SharedStorage(url)) for _ in range(servers)]
    try:
        yield made
    finally:
        for one in made:
            await one.close()


def limit(amount: int = 3) -> Limit:
    """A limit that no other test has."""
    return Limit(f"test-{uuid4()}", amount, 60)


async def test_servers_count_together(redis_server: Redis) -> None:
    """What one server counts, the other knows, and says how long to wait."""
    logins = limit()
    async with counting(redis_server.url, 2) as (one, other):
        assert await one.count(logins, "ann") == 0
        assert await other.count(logins, "ann") == 0
        assert await other.wait_seconds(logins, "ann") == 0
        assert 55 <= await one.count(logins, "ann") <= 60

        assert 55 <= await other.wait_seconds(logins, "ann") <= 60
        assert await other.happened(logins, "ann")
        assert await other.wait_seconds(logins, "bob") == 0


async def test_counters_end_by_themselves(redis_server: Redis, kept: redis.Redis) -> None:
    """Every counter in Redis has an end: that of its window."""
    logins = limit()
    async with counting(redis_server.url) as (one,):
        for _ in range(3):
            await one.count(logins, "ann")

    (key,) = kept.keys(f"{PREFIX}:{logins.name}*")
    lifetime = kept.ttl(key)
    assert isinstance(lifetime, int)
    assert 0 < lifetime <= 60


async def test_limits_hold_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Redis does not answer, each server counts for itself: nobody may guess without end, and nothing fails."""
    monkeypatch.setattr(counters_module, "OPERATION_SECONDS_MAX", 0.1)
    failures: list[int] = []
    counters = Counters(SharedStorage(f"redis://127.0.0.1:{free_port()}/0", lambda: failures.append(1)))
    logins = limit()
    waits = [await counters.count(logins, "ann") for _ in range(3)]
    await counters.close()

    assert waits[:2] == [0, 0]
    assert 55 <= waits[2] <= 60
    assert failures
