"""Who asks: the process remembers, the cache is asked, the database decides; and a cache can only cost time."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import pytest

from shillings import clock, ids
from shillings.app.call import Call
from shillings.app.sessions import Sessions
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import Claims, Tokens
from shillings.batching import Batcher, Item, Result, Visit
from shillings.cache.interface import TOMBSTONE, SessionCache
from shillings.cache.memory import MemoryCache
from shillings.errors import Code, Refusal, Unavailable
from shillings.storage.lanes import Lane
from shillings.storage.sessions import Profile
from shillings.wire.shillings_pb2 import LogoutRequest

KEY = "0123456789abcdef0123456789abcdef"
LIFETIME = 3600


def profile_of(user_id: bytes) -> Profile:
    """Somebody."""
    return Profile(user_id, "Ann", "", "Lee", "ann@example.com", "", "2026-01-02T03:04:05.000006Z")


class Database:
    """Stands in for the identity lane: it knows every user and the sessions that were revoked."""

    def __init__(self) -> None:
        self.revoked: set[bytes] = set()
        self.looks: list[list[bytes]] = []
        self.away = False

    async def run(self, work: Callable[["Database"], Result]) -> Result:
        """Run work on this database."""
        if self.away:
            raise Unavailable
        return work(self)


class Forgetful(MemoryCache):
    """A cache in trouble: it finds nothing and keeps nothing."""

    async def fill(self, entries: object) -> None:
        """Keep nothing."""

    async def bury(self, token_id: bytes, seconds: int) -> None:
        """Keep nothing."""


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database, and the statements of storage.sessions made to use it."""

    def find_profiles(session: Database, looks: list[Claims]) -> list[Profile | None]:
        session.looks.append([look.token_id for look in looks])
        return [None if look.token_id in session.revoked else profile_of(look.user_id) for look in looks]

    def revoke(session: Database, token_id: bytes, _expires_at: object) -> None:
        session.revoked.add(token_id)

    monkeypatch.setattr("shillings.app.sessions.stored.find_profiles", find_profiles)
    monkeypatch.setattr("shillings.app.sessions.stored.revoke", revoke)
    return Database()


@pytest.fixture
def tokens() -> Tokens:
    """The tokens both processes make and verify."""
    return Tokens([KEY], LIFETIME)


def process(database: Database, tokens: Tokens, cache: SessionCache) -> Sessions:
    """One application server's sessions."""

    def make_batcher(
        name: str, visit: Visit[Item, Result], *, batch_items_max: int | None = None, visits_max: int = 1
    ) -> Batcher[Item, Result]:
        return Batcher(visit, batch_items_max=64, queue_items_max=64)

    return Sessions(
        tokens=tokens,
        passwords=cast(Passwords, None),
        cache=cache,
        identity=cast(Lane, database),
        clock=clock.now,
        make_batcher=make_batcher,
        look_counter=lambda _found_in: lambda: None,
    )


def call(token: str) -> Call:
    """A request with a token."""
    return Call("r1", time.monotonic() + 10, "", token)


async def refused(sessions: Sessions, token: str) -> bool:
    """Whether a request is turned away as unauthenticated."""
    try:
        await sessions.signed_in(call(token))
    except Refusal as refusal:
        return refusal.code is Code.UNAUTHENTICATED
    return False


async def test_profile_comes_from_process_cache_and_database_in_that_order(database: Database, tokens: Tokens) -> None:
    """The database is asked once; then the cache spares it for other processes, and memory for this one."""
    cache = MemoryCache()
    token, claims = tokens.make(ids.new_id())
    for sessions in (process(database, tokens, cache), process(database, tokens, cache)):
        for _ in range(2):
            asked = call(token)
            await sessions.signed_in(asked)
            assert (asked.claims, asked.profile) == (claims, profile_of(claims.user_id))

    assert database.looks == [[claims.token_id]]


async def test_crowd_asks_once(database: Database, tokens: Tokens) -> None:
    """Many sessions looked up together are one visit to the database, each asked for once."""
    made = [tokens.make(ids.new_id()) for _ in range(10)]
    sessions = process(database, tokens, MemoryCache())
    await asyncio.gather(*[sessions.signed_in(call(token)) for token, _ in made])

    assert database.looks == [[claims.token_id for _, claims in made]]


async def test_what_a_process_remembers_has_a_bound(
    database: Database, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sessions come, a process keeps a bounded number of profiles, and knows everybody all the same."""
    monkeypatch.setattr("shillings.app.sessions.KNOWN_MAX", 3)
    sessions = process(database, tokens, MemoryCache())
    for token, claims in [tokens.make(ids.new_id()) for _ in range(10)] * 2:
        asked = call(token)
        await sessions.signed_in(asked)

        assert asked.profile == profile_of(claims.user_id)
        assert len(sessions._known) <= 3


async def test_entry_lives_as_long_as_the_token(database: Database, tokens: Tokens) -> None:
    """What goes into the cache has the token's remaining life, not a second and not for ever."""
    kept: list[int] = []

    class Noting(MemoryCache):
        async def fill(self, entries: object) -> None:
            kept.extend(seconds for _, _, seconds in cast("list[tuple[bytes, bytes, int]]", entries))

    token, _ = tokens.make(ids.new_id())
    await process(database, tokens, Noting()).signed_in(call(token))

    assert len(kept) == 1
    assert LIFETIME - 5 <= kept[0] <= LIFETIME


async def test_logout_is_known_everywhere(database: Database, tokens: Tokens) -> None:
    """After a logout the database has the revocation and the cache a tombstone, which spares it all further looks."""
    cache = MemoryCache()
    here, there = process(database, tokens, cache), process(database, tokens, cache)
    token, claims = tokens.make(ids.new_id())
    asked = call(token)
    await here.signed_in(asked)
    await here.log_out(asked, LogoutRequest())

    assert database.revoked == {claims.token_id}
    assert await cache.get([claims.token_id]) == [TOMBSTONE]
    assert await refused(here, token)
    assert await refused(there, token)
    assert database.looks == [[claims.token_id]]


async def test_logout_holds_without_a_cache(database: Database, tokens: Tokens) -> None:
    """A cache that forgets everything lets no revoked session in."""
    sessions = process(database, tokens, Forgetful())
    token, _ = tokens.make(ids.new_id())
    asked = call(token)
    await sessions.signed_in(asked)
    await sessions.log_out(asked, LogoutRequest())

    assert await refused(sessions, token)
    assert await refused(process(database, tokens, MemoryCache()), token)


async def test_logout_that_cannot_be_kept_is_not_acknowledged(database: Database, tokens: Tokens) -> None:
    """When the database cannot take the revocation the logout fails, and no tombstone pretends otherwise."""
    cache = MemoryCache()
    sessions = process(database, tokens, cache)
    token, claims = tokens.make(ids.new_id())
    asked = call(token)
    await sessions.signed_in(asked)
    database.away = True
    with pytest.raises(Unavailable):
        await sessions.log_out(asked, LogoutRequest())

    assert await cache.get([claims.token_id]) != [TOMBSTONE]


@pytest.mark.parametrize("entry", [b"", b"garbage", b"\x90", b"\x97" + b"\xc0" * 7])
async def test_strange_entry_is_a_miss(database: Database, tokens: Tokens, entry: bytes) -> None:
    """An entry that is no profile is passed over, and the database is asked."""
    cache = MemoryCache()
    token, claims = tokens.make(ids.new_id())
    await cache.fill([(claims.token_id, entry, 60)])
    asked = call(token)
    await process(database, tokens, cache).signed_in(asked)

    assert asked.profile == profile_of(claims.user_id)
    assert database.looks == [[claims.token_id]]


async def test_somebody_elses_entry_is_a_miss(database: Database, tokens: Tokens) -> None:
    """An entry of another user under this session's id is not believed."""
    cache = MemoryCache()
    sessions = process(database, tokens, cache)
    token, claims = tokens.make(ids.new_id())
    stranger = profile_of(ids.new_id())
    await cache.fill([sessions._entry(claims, stranger)])
    asked = call(token)
    await sessions.signed_in(asked)

    assert asked.profile.user_id == claims.user_id
