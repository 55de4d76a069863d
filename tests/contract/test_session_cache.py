"""The cache of sessions keeps an entry as long as it was told, and never replaces a tombstone."""

from collections.abc import Iterator
from typing import Self

import pytest
import redis

from deploy.local.redis import Redis
from shillings.cache import redis as cache_in_redis
from shillings.cache.interface import ENTRY_BYTES_MAX, TOMBSTONE, SessionCache
from shillings.cache.none import NoCache
from shillings.cache.redis import PREFIX, RedisCache
from tests.values import new_id

LIFETIME = 3600


class Kept:
    """Redis as the cache to be used in one event loop, and what it has of an entry's life."""

    def __init__(self, server: Redis, client: redis.Redis) -> None:
        self.cache: SessionCache = RedisCache(server.url)
        self._client = client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()

    def seconds_left(self, token_id: bytes) -> float:
        """How long an entry still lives; 0 when there is none."""
        found = self._client.pttl(PREFIX + token_id)
        assert isinstance(found, int)
        assert found != -1, "an entry without an end"
        return max(0, found) / 1000


@pytest.fixture
def kept(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """The cache, with time enough to answer on a busy machine."""
    monkeypatch.setattr(cache_in_redis, "OPERATION_SECONDS_MAX", 5.0)
    with redis_server.client() as client:
        yield Kept(redis_server, client)


async def test_entries_are_found_in_order(kept: Kept) -> None:
    """A lookup of many gets each entry in its place, and None where there is none."""
    known = [new_id() for _ in range(3)]
    async with kept:
        await kept.cache.fill([(token_id, b"entry %d" % number, 60) for number, token_id in enumerate(known)])
        found = await kept.cache.get([known[2], new_id(), known[0], known[1], known[2]])

    assert found == [b"entry 2", None, b"entry 0", b"entry 1", b"entry 2"]


@pytest.mark.parametrize("entry", [b"", b"\0", bytes(range(256)), b"x" * ENTRY_BYTES_MAX, b"\r\n$5\r\n"])
async def test_any_bytes_are_kept(kept: Kept, entry: bytes) -> None:
    """An entry is bytes, and comes back as it was."""
    token_id = new_id()
    async with kept:
        await kept.cache.fill([(token_id, entry, 60)])

        assert await kept.cache.get([token_id]) == [entry]


@pytest.mark.parametrize("seconds", [60, LIFETIME, 31_536_000])
async def test_entry_ends_when_its_token_does(kept: Kept, seconds: int) -> None:
    """An entry's time to live is the one it was given: neither a second nor for ever."""
    filled, revoked = new_id(), new_id()
    async with kept:
        await kept.cache.fill([(filled, b"entry", seconds)])
        await kept.cache.revoke(revoked, seconds)

        for token_id in (filled, revoked):
            assert seconds - 10 <= kept.seconds_left(token_id) <= seconds


@pytest.mark.parametrize("seconds", [0, -1])
async def test_nothing_is_kept_for_a_token_that_is_over(kept: Kept, seconds: int) -> None:
    """A token without a life left has no entry and no tombstone."""
    token_id = new_id()
    async with kept:
        await kept.cache.fill([(token_id, b"entry", seconds)])
        await kept.cache.revoke(token_id, seconds)

        assert await kept.cache.get([token_id]) == [None]


async def test_only_the_absent_are_filled(kept: Kept) -> None:
    """A fill that comes late changes neither an entry nor its end."""
    token_id, new = new_id(), new_id()
    async with kept:
        await kept.cache.fill([(token_id, b"first", 60)])
        await kept.cache.fill([(token_id, b"late", LIFETIME), (new, b"new", 60)])

        assert await kept.cache.get([token_id, new]) == [b"first", b"new"]
        assert kept.seconds_left(token_id) <= 60


async def test_tombstone_is_not_replaced(kept: Kept) -> None:
    """A tombstone takes an entry's place and stays, whoever fills late, until the token would have expired."""
    known, unknown = new_id(), new_id()
    async with kept:
        await kept.cache.fill([(known, b"entry", 60)])
        for token_id in (known, unknown):
            await kept.cache.revoke(token_id, 60)
            await kept.cache.fill([(token_id, b"late", LIFETIME)])

        assert await kept.cache.get([known, unknown]) == [TOMBSTONE, TOMBSTONE]
        assert kept.seconds_left(known) <= 60


async def test_nothing_asked_is_nothing_found(kept: Kept) -> None:
    """Asking for nothing and filling nothing are no failure."""
    async with kept:
        await kept.cache.fill([])

        assert await kept.cache.get([]) == []


async def test_no_cache_keeps_nothing() -> None:
    """Where there is no Redis, nothing is ever found, and nothing fails."""
    cache: SessionCache = NoCache()
    token_ids = [new_id(), new_id()]
    await cache.fill([(token_ids[0], b"entry", 60)])
    await cache.revoke(token_ids[1], 60)

    assert await cache.get(token_ids) == [None, None]
    await cache.close()
