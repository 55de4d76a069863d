"""Every cache of sessions does the same: it keeps an entry as long as it was told, and never buries a tombstone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Self

import pytest
import redis

from deploy.local.redis import Redis
from shillings import ids
from shillings.cache import memory
from shillings.cache import redis as cache_in_redis
from shillings.cache.interface import TOMBSTONE, SessionCache
from shillings.cache.memory import MemoryCache
from shillings.cache.redis import PREFIX, RedisCache

LIFETIME = 3600


class Kept(ABC):
    """A cache to be used in one event loop, and what it has of an entry's life."""

    cache: SessionCache

    @abstractmethod
    def seconds_left(self, token_id: bytes) -> float:
        """How long an entry still lives; 0 when there is none."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()


class InProcess(Kept):
    """The dictionary, with a clock that stands."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.cache: MemoryCache = MemoryCache(lambda: self.now)

    def seconds_left(self, token_id: bytes) -> float:
        """See Kept."""
        found = self.cache._entries.get(token_id)
        return found[1] - self.now if found else 0.0


class InRedis(Kept):
    """The real thing."""

    def __init__(self, server: Redis, client: redis.Redis) -> None:
        self.cache: RedisCache = RedisCache(server.url)
        self._client = client

    def seconds_left(self, token_id: bytes) -> float:
        """See Kept."""
        found = self._client.pttl(PREFIX + token_id)
        assert isinstance(found, int)
        assert found != -1, "an entry without an end"
        return max(0, found) / 1000


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Each kind of cache, with time enough to answer on a busy machine."""
    monkeypatch.setattr(cache_in_redis, "OPERATION_SECONDS_MAX", 5.0)
    if request.param == "memory":
        yield InProcess()
        return
    server: Redis = request.getfixturevalue("redis_server")
    with server.client() as client:
        yield InRedis(server, client)


async def test_entries_are_found_in_order(kept: Kept) -> None:
    """A look for many gets each entry in its place, and None where there is none."""
    known = [ids.new_id() for _ in range(3)]
    async with kept:
        await kept.cache.fill([(token_id, b"entry %d" % number, 60) for number, token_id in enumerate(known)])
        found = await kept.cache.get([known[2], ids.new_id(), known[0], known[1], known[2]])

    assert found == [b"entry 2", None, b"entry 0", b"entry 1", b"entry 2"]


@pytest.mark.parametrize("entry", [b"", b"\0", bytes(range(256)), b"x" * 10_000, b"\r\n$5\r\n"])
async def test_any_bytes_are_kept(kept: Kept, entry: bytes) -> None:
    """An entry is bytes, and comes back as it was."""
    token_id = ids.new_id()
    async with kept:
        await kept.cache.fill([(token_id, entry, 60)])

        assert await kept.cache.get([token_id]) == [entry]


@pytest.mark.parametrize("seconds", [60, LIFETIME, 31_536_000])
async def test_entry_ends_when_its_token_does(kept: Kept, seconds: int) -> None:
    """An entry's time to live is the one it was given: neither a second nor for ever."""
    filled, buried = ids.new_id(), ids.new_id()
    async with kept:
        await kept.cache.fill([(filled, b"entry", seconds)])
        await kept.cache.bury(buried, seconds)

        for token_id in (filled, buried):
            assert seconds - 10 <= kept.seconds_left(token_id) <= seconds


@pytest.mark.parametrize("seconds", [0, -1])
async def test_nothing_is_kept_for_a_token_that_is_over(kept: Kept, seconds: int) -> None:
    """A token without a life left has no entry and no tombstone."""
    token_id = ids.new_id()
    async with kept:
        await kept.cache.fill([(token_id, b"entry", seconds)])
        await kept.cache.bury(token_id, seconds)

        assert await kept.cache.get([token_id]) == [None]


async def test_only_the_absent_are_filled(kept: Kept) -> None:
    """A fill that comes late changes neither an entry nor its end."""
    token_id, new = ids.new_id(), ids.new_id()
    async with kept:
        await kept.cache.fill([(token_id, b"first", 60)])
        await kept.cache.fill([(token_id, b"late", LIFETIME), (new, b"new", 60)])

        assert await kept.cache.get([token_id, new]) == [b"first", b"new"]
        assert kept.seconds_left(token_id) <= 60


async def test_tombstone_is_not_dug_up(kept: Kept) -> None:
    """A tombstone takes an entry's place and stays, whoever fills late, until the token would have expired."""
    known, unknown = ids.new_id(), ids.new_id()
    async with kept:
        await kept.cache.fill([(known, b"entry", 60)])
        for token_id in (known, unknown):
            await kept.cache.bury(token_id, 60)
            await kept.cache.fill([(token_id, b"late", LIFETIME)])

        assert await kept.cache.get([known, unknown]) == [TOMBSTONE, TOMBSTONE]
        assert kept.seconds_left(known) <= 60


async def test_nothing_asked_is_nothing_found(kept: Kept) -> None:
    """Looking for nothing and filling nothing are no trouble."""
    async with kept:
        await kept.cache.fill([])

        assert await kept.cache.get([]) == []


async def test_entry_is_gone_when_its_time_is_over() -> None:
    """In the process an entry is gone at the very second it ends, and may then be filled anew."""
    kept, token_id = InProcess(), ids.new_id()
    await kept.cache.fill([(token_id, b"first", 60)])
    kept.now += 59.9
    assert await kept.cache.get([token_id]) == [b"first"]
    kept.now += 0.1
    assert await kept.cache.get([token_id]) == [None]
    await kept.cache.fill([(token_id, b"second", 60)])

    assert await kept.cache.get([token_id]) == [b"second"]


async def test_process_keeps_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full dictionary forgets the oldest entry, and nothing else."""
    monkeypatch.setattr(memory, "ENTRIES_MAX", 3)
    cache, token_ids = MemoryCache(), [ids.new_id() for _ in range(5)]
    for token_id in token_ids:
        await cache.fill([(token_id, b"entry", 60)])

    assert await cache.get(token_ids) == [None, None, b"entry", b"entry", b"entry"]
