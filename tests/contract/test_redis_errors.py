"""Redis that is down, hung, full or emptied costs a moment and an entry, never an answer or a wrong one."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from deploy.local.redis import Redis
from shillings.base.errors import SettingsError
from shillings.cache import breaker
from shillings.cache import redis as cache_in_redis
from shillings.cache.breaker import FAILURES_MAX
from shillings.cache.interface import ENTRY_BYTES_MAX
from shillings.cache.redis import OPERATION_SECONDS_MAX, PREFIX, RedisCache
from tests.programs import require_programs
from tests.values import new_id

SLACK_SECONDS = 1.0
"""How late an answer may be on a machine that does other things too."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of one test's own."""
    require_programs("redis-server")
    with Redis(tmp_path) as started:
        yield started


@pytest.fixture
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis may take its time, as it must on a busy machine, where time is not the point."""
    monkeypatch.setattr(cache_in_redis, "OPERATION_SECONDS_MAX", 5.0)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open breaker lets somebody probe again soon."""
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.1)


@asynccontextmanager
async def opened(server: Redis) -> AsyncIterator[RedisCache]:
    """A cache, closed in the end."""
    cache = RedisCache(server.url)
    try:
        yield cache
    finally:
        await cache.close()


async def misses(cache: RedisCache, token_id: bytes) -> float:
    """How many seconds it took to learn that an entry is not there."""
    began = time.monotonic()
    assert await cache.get([token_id]) == [None]
    return time.monotonic() - began


async def recovers(cache: RedisCache, token_id: bytes) -> None:
    """Return when the cache keeps entries again. Raises TimeoutError."""
    async with asyncio.timeout(10):
        while await cache.get([token_id]) == [None]:
            await cache.fill([(token_id, b"again", 60)])
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("failure", ["killed", "hung"])
async def test_redis_that_does_not_answer_is_a_miss(server: Redis, failure: str) -> None:
    """Every lookup is a miss within its time; soon nobody asks any more; when Redis is back, so are the entries."""
    token_id = new_id()
    async with opened(server) as cache:
        await recovers(cache, token_id)
        server.kill() if failure == "killed" else server.pause()
        for _ in range(FAILURES_MAX):
            assert not cache.breaker.is_open
            assert await misses(cache, token_id) < OPERATION_SECONDS_MAX + SLACK_SECONDS
        assert cache.breaker.is_open
        assert sum([await misses(cache, token_id) for _ in range(100)]) < 2 * OPERATION_SECONDS_MAX + SLACK_SECONDS
        await cache.fill([(token_id, b"late", 60)])
        await cache.revoke(token_id, 60)

        server.start() if failure == "killed" else server.resume()
        await recovers(cache, token_id)
        assert not cache.breaker.is_open


async def test_nobody_gets_somebody_elses_entry_after_a_pause(server: Redis) -> None:
    """Answers that come after their caller gave up are not taken for the answers to later questions."""
    tokens = {new_id(): b"entry %d" % number for number in range(20)}
    async with opened(server) as cache:
        with server.client() as client:
            for token_id, entry in tokens.items():
                client.set(PREFIX + token_id, entry)
        for _ in range(3):
            server.pause()
            hung = [asyncio.ensure_future(cache.get([token_id])) for token_id in list(tokens)[:10]]
            await asyncio.sleep(0)
            hung[0].cancel()
            await asyncio.gather(*hung, return_exceptions=True)
            server.resume()
            cache.breaker.succeeded()
            found = await asyncio.gather(*[cache.get([token_id]) for token_id in tokens])
            assert all(one in (None, entry) for [one], entry in zip(found, tokens.values(), strict=True))
        async with asyncio.timeout(10):
            while await cache.get(list(tokens)) != list(tokens.values()):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.01)


@pytest.mark.usefixtures("time_enough")
async def test_full_redis_is_a_miss_that_is_counted(server: Redis) -> None:
    """A Redis that takes no more entries is a failure that is counted, and nothing else."""
    failures: list[int] = []
    with server.client() as client:
        client.config_set("maxmemory", "1")
        client.config_set("maxmemory-policy", "noeviction")
    cache = RedisCache(server.url, lambda: failures.append(1))
    token_id = new_id()
    await cache.fill([(token_id, b"entry", 60)])
    await cache.revoke(token_id, 60)

    assert await cache.get([token_id]) == [None]
    assert len(failures) == 2
    await cache.close()


@pytest.mark.usefixtures("time_enough")
async def test_emptied_redis_is_only_empty(server: Redis) -> None:
    """Flushing everything is a miss, no failure, and the next fill is kept."""
    token_id = new_id()
    async with opened(server) as cache:
        await cache.fill([(token_id, b"entry", 60)])
        with server.client() as client:
            client.flushall()
        assert await cache.get([token_id]) == [None]
        await cache.fill([(token_id, b"new", 60)])

        assert await cache.get([token_id]) == [b"new"]
        assert not cache.breaker.is_open


@pytest.mark.usefixtures("time_enough")
async def test_strange_things_under_our_names_are_misses(server: Redis) -> None:
    """A value of another type under an entry's name is passed over."""
    token_id = new_id()
    with server.client() as client:
        client.lpush(PREFIX + token_id, b"x")
    async with opened(server) as cache:
        assert await cache.get([token_id]) == [None]
        await cache.revoke(token_id, 60)
        assert await cache.get([token_id]) == [b"-"]


@pytest.mark.usefixtures("time_enough")
async def test_huge_entry_is_a_miss(server: Redis) -> None:
    """A value larger than any profile is passed over, and its neighbour is not."""
    huge, ours = new_id(), new_id()
    with server.client() as client:
        client.set(PREFIX + huge, b"x" * 5_000_000)
        client.set(PREFIX + ours, b"x" * ENTRY_BYTES_MAX)
    async with opened(server) as cache:
        assert await cache.get([huge, ours]) == [None, b"x" * ENTRY_BYTES_MAX]


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "127.0.0.1:6379", "redis://127.0.0.1:port/0"])
def test_wrong_url_is_refused(url: str) -> None:
    """What is no Redis URL is refused by the setting's name."""
    with pytest.raises(SettingsError, match="SHILLINGS_REDIS_URL is wrong"):
        RedisCache(url)


async def test_absence_is_logged_once_when_it_begins_and_once_when_it_ends(server: Redis) -> None:
    """However many operations fail meanwhile, the log says once that the cache fails and once that it is back."""
    token_id = new_id()
    with structlog.testing.capture_logs() as logs:
        async with opened(server) as cache:
            await recovers(cache, token_id)
            server.kill()
            for _ in range(FAILURES_MAX + 1):
                await misses(cache, token_id)
                await asyncio.sleep(breaker.OPEN_SECONDS)
            server.start()
            await recovers(cache, token_id)
            for _ in range(3):
                await cache.get([token_id])

    assert [line["event"] for line in logs if line["event"].startswith("cache_")] == ["cache_unavailable", "cache_back"]


@pytest.mark.usefixtures("time_enough")
async def test_token_that_is_over_is_no_failure(server: Redis) -> None:
    """Nothing is asked for a token without a life left: a command that Redis refuses would count as a failure."""
    failures: list[int] = []
    cache = RedisCache(server.url, lambda: failures.append(1))
    for seconds in (0, -1):
        await cache.fill([(new_id(), b"entry", seconds)])
        await cache.revoke(new_id(), seconds)
    await cache.close()

    assert failures == []
