"""Who asks: the process remembers, the cache is asked, the database decides; and a cache can only cost time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from shillings.app.call import Call, SignedInCall
from shillings.app.sessions import Sessions
from shillings.auth.passwords import Passwords
from shillings.auth.pseudonyms import Pseudonyms
from shillings.auth.tokens import Claims, Tokens
from shillings.base.batching import Batcher, Execute, Item, Result
from shillings.base.clock import FixedClock
from shillings.base.epoch import Epoch
from shillings.base.errors import Code, Refusal, Unavailable
from shillings.cache.interface import TOMBSTONE, SessionCache
from shillings.cache.none import NoCache
from shillings.contract.shillings_pb2 import LogoutRequest, SandboxOptions
from shillings.storage.executor import Executor
from shillings.storage.sessions import Profile
from tests.shared_cache import SharedCache
from tests.values import ENVIRONMENT, fixed_environment, new_id

KEY = "0123456789abcdef0123456789abcdef"
LIFETIME = 3600


def profile_of(user_id: bytes) -> Profile:
    """Somebody."""
    return Profile(user_id, "Ann", "", "Lee", "ann@example.com", "", "2026-01-02T03:04:05.000006Z")


class Database:
    """Stands in for the identity executor: it knows every user and the sessions that were revoked."""

    def __init__(self) -> None:
        self.revoked: dict[bytes, datetime] = {}
        self.lookups: list[list[bytes]] = []
        self.down = False
        self.lookups_answered = asyncio.Event()
        self.lookups_answered.set()

    async def run(self, work: Callable[["Database"], Result]) -> Result:
        """Run work on this database. What a lookup has found may have to wait before anybody hears of it."""
        if self.down:
            raise Unavailable
        result = work(self)
        if isinstance(result, list):
            await self.lookups_answered.wait()
        return result


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database, and the statements of storage.sessions made to use it."""

    def find_profiles(database: Database, lookups: list[Claims]) -> list[Profile | None]:
        database.lookups.append([lookup.token_id for lookup in lookups])
        return [None if lookup.token_id in database.revoked else profile_of(lookup.user_id) for lookup in lookups]

    def revoke(database: Database, token_id: bytes, expires_at: datetime) -> None:
        database.revoked[token_id] = expires_at

    monkeypatch.setattr("shillings.app.sessions.stored.find_profiles", find_profiles)
    monkeypatch.setattr("shillings.app.sessions.stored.revoke", revoke)
    return Database()


@pytest.fixture
def tokens() -> Tokens:
    """The tokens both processes make and verify."""
    return Tokens([KEY], LIFETIME, ENVIRONMENT)


def process(database: Database, tokens: Tokens, cache: SessionCache, found: Counter[str] | None = None) -> Sessions:
    """One application server's sessions, and where they found profiles."""
    counts: Counter[str] = Counter() if found is None else found

    def lookup_counter(found_in: str) -> Callable[[], None]:
        return lambda: counts.update([found_in])

    def make_batcher(
        name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
    ) -> Batcher[Item, Result]:
        return Batcher(execute, batch_items_max=64, queue_items_max=64)

    return Sessions(
        tokens=tokens,
        passwords=cast(Passwords, None),
        cache=cache,
        identity=cast(Executor, database),
        clock=ENVIRONMENT.clock,
        make_batcher=make_batcher,
        lookup_counter=lookup_counter,
        pseudonyms=Pseudonyms(KEY),
    )


def call(token: str) -> Call:
    """A request with a token."""
    return Call("r1", time.monotonic() + 10, "", token)


async def refused(sessions: Sessions, token: str) -> bool:
    """Whether a request is refused as unauthenticated."""
    try:
        await sessions.signed_in(call(token))
    except Refusal as refusal:
        return refusal.code is Code.UNAUTHENTICATED
    return False


async def test_profile_comes_from_process_cache_and_database_in_that_order(database: Database, tokens: Tokens) -> None:
    """The database is asked once; then the cache spares it for other processes, and memory for this one."""
    cache = SharedCache()
    token, claims = tokens.make(new_id())
    for sessions in (process(database, tokens, cache), process(database, tokens, cache)):
        for _ in range(2):
            asked = await sessions.signed_in(call(token))
            assert (asked.claims, asked.profile) == (claims, profile_of(claims.user_id))

    assert database.lookups == [[claims.token_id]]


async def test_what_a_request_brings_is_handed_on(database: Database, tokens: Tokens) -> None:
    """Whoever is signed in, the request keeps its id, deadline, key, token, sandbox options and record."""
    token, claims = tokens.make(new_id())
    asked = Call("r1", time.monotonic() + 10, "key", token, SandboxOptions(intent="rent"), object())
    got = await process(database, tokens, NoCache()).signed_in(asked)

    assert got == SignedInCall(
        asked.request_id,
        asked.deadline,
        "key",
        claims,
        profile_of(claims.user_id),
        token,
        sandbox_options=asked.sandbox_options,
        record=asked.record,
    )


async def test_sessions_that_are_remembered_have_a_bound(
    database: Database, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the process remembers is bounded by the length of the tokens together: the oldest makes room."""
    first, second = tokens.make(new_id())[0], tokens.make(new_id())[0]
    monkeypatch.setattr("shillings.app.sessions.REMEMBERED_BYTES_MAX", len(first) + 1)
    sessions = process(database, tokens, NoCache())
    for token in (first, first, second, first):
        await sessions.signed_in(call(token))

    assert len(database.lookups) == 3


async def test_concurrent_requests_ask_once(database: Database, tokens: Tokens) -> None:
    """Many sessions looked up together are one query to the database, each asked for once."""
    made = [tokens.make(new_id()) for _ in range(10)]
    sessions = process(database, tokens, SharedCache())
    await asyncio.gather(*[sessions.signed_in(call(token)) for token, _ in made])

    assert database.lookups == [[claims.token_id for _, claims in made]]


async def test_what_a_process_remembers_has_a_bound(
    database: Database, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sessions come, a process keeps a bounded number of profiles, and knows everybody all the same."""
    monkeypatch.setattr("shillings.app.sessions.REMEMBERED_MAX", 3)
    sessions = process(database, tokens, SharedCache())
    for token, claims in [tokens.make(new_id()) for _ in range(10)] * 2:
        asked = await sessions.signed_in(call(token))

        assert asked.profile == profile_of(claims.user_id)
        assert len(sessions._remembered) <= 3


async def test_tokens_are_verified_once(database: Database, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process remembers of a session spares it the signature, too, until the session is over."""
    verified: list[str] = []
    verify = tokens.verify

    def noting(token: str) -> Claims:
        verified.append(token)
        return verify(token)

    monkeypatch.setattr(tokens, "verify", noting)
    sessions = process(database, tokens, NoCache())
    token, _ = tokens.make(new_id())
    for _ in range(3):
        await sessions.signed_in(call(token))
    assert verified == [token]
    monkeypatch.setattr(tokens, "is_over", lambda _claims: True)

    assert await refused(sessions, token)
    assert len(sessions._remembered) == 0


async def test_lookup_that_comes_late_forgets_no_logout(database: Database, tokens: Tokens) -> None:
    """A session that is revoked while it is looked up stays revoked here, whatever the lookup had found."""
    sessions = process(database, tokens, NoCache())
    token, _ = tokens.make(new_id())
    asked = await sessions.signed_in(call(token))
    sessions._remembered.clear()
    database.lookups_answered.clear()
    late = asyncio.ensure_future(sessions.signed_in(call(token)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(database.lookups) == 2
    await sessions.log_out(asked, LogoutRequest())
    database.lookups_answered.set()
    await asyncio.gather(late, return_exceptions=True)

    assert await refused(sessions, token)
    assert len(database.lookups) == 2


async def test_sessions_of_one_user_are_told_apart(database: Database, tokens: Tokens) -> None:
    """Of two sessions of one user, looked up together, the revoked one is refused and the other one stays."""
    sessions, user_id = process(database, tokens, SharedCache()), new_id()
    (gone, gone_claims), (stays, _) = tokens.make(user_id), tokens.make(user_id)
    database.revoked[gone_claims.token_id] = ENVIRONMENT.clock.now()
    refusals = await asyncio.gather(*[refused(sessions, token) for token in (gone, stays)])

    assert refusals == [True, False]
    assert len(database.lookups) == 1
    assert [await refused(sessions, gone), await refused(sessions, stays)] == [True, False]


async def test_revoked_session_leaves_no_entry(database: Database, tokens: Tokens) -> None:
    """What is not there is not kept in the cache: a session the database refuses has no entry."""
    cache = SharedCache()
    token, claims = tokens.make(new_id())
    database.revoked[claims.token_id] = ENVIRONMENT.clock.now()

    assert await refused(process(database, tokens, cache), token)
    assert await cache.get([claims.token_id]) == [None]


async def test_lookups_are_counted_by_where_the_profile_was_found(database: Database, tokens: Tokens) -> None:
    """Each lookup counts once, for the first place that knew: the process, the cache or the database."""
    cache, here, there = SharedCache(), Counter[str](), Counter[str]()
    sessions, others = process(database, tokens, cache, here), process(database, tokens, cache, there)
    made = [tokens.make(new_id())[0] for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*[sessions.signed_in(call(token)) for token in made])
    new = tokens.make(new_id())[0]
    await asyncio.gather(*[others.signed_in(call(token)) for token in (*made, new)])

    assert here == {"database": 3, "process": 3}
    assert there == {"cache": 3, "database": 1}


async def test_what_the_cache_is_told_ends_with_the_token(database: Database) -> None:
    """An entry and a tombstone get what is left of the token's life when they are made, not the whole of it again."""
    kept: list[int] = []

    class Noting(SharedCache):
        async def fill(self, entries: object) -> None:
            kept.extend(seconds for _, _, seconds in cast("list[tuple[bytes, bytes, int]]", entries))

        async def revoke(self, token_id: bytes, seconds: int) -> None:
            kept.append(seconds)

    environment = fixed_environment()
    clock, tokens = environment.clock, Tokens([KEY], LIFETIME, environment)
    assert isinstance(clock, FixedClock)
    sessions = process(database, tokens, Noting())
    token, _ = tokens.make(new_id())
    clock.moment += timedelta(seconds=1000)
    asked = await sessions.signed_in(call(token))
    clock.moment += timedelta(seconds=1000)
    await sessions.log_out(asked, LogoutRequest())

    assert kept == [LIFETIME - 1000, LIFETIME - 2000]


async def test_logout_is_known_everywhere(database: Database, tokens: Tokens) -> None:
    """After a logout the database has the revocation and the cache a tombstone, which spares it all further lookups."""
    cache = SharedCache()
    here, there = process(database, tokens, cache), process(database, tokens, cache)
    token, claims = tokens.make(new_id())
    asked = await here.signed_in(call(token))
    await here.log_out(asked, LogoutRequest())

    assert database.revoked == {claims.token_id: datetime.fromtimestamp(claims.expires_at, UTC)}
    assert await cache.get([claims.token_id]) == [TOMBSTONE]
    assert await refused(here, token)
    assert await refused(there, token)
    assert database.lookups == [[claims.token_id]]


async def test_logout_holds_without_a_cache(database: Database, tokens: Tokens) -> None:
    """A cache that forgets everything lets no revoked session in."""
    sessions = process(database, tokens, NoCache())
    token, _ = tokens.make(new_id())
    asked = await sessions.signed_in(call(token))
    await sessions.log_out(asked, LogoutRequest())

    lookups = len(database.lookups)
    assert await refused(sessions, token)
    assert len(database.lookups) == lookups, "whoever has revoked it knows it"
    assert await refused(process(database, tokens, NoCache()), token)


async def test_logout_that_cannot_be_kept_is_not_acknowledged(database: Database, tokens: Tokens) -> None:
    """When the database cannot take the revocation the logout fails, and no tombstone pretends otherwise."""
    cache = SharedCache()
    sessions = process(database, tokens, cache)
    token, claims = tokens.make(new_id())
    asked = await sessions.signed_in(call(token))
    database.down = True
    with pytest.raises(Unavailable):
        await sessions.log_out(asked, LogoutRequest())

    assert await cache.get([claims.token_id]) != [TOMBSTONE]
    database.down = False
    assert not await refused(sessions, token)


@pytest.mark.parametrize("entry", [
    b"", b"garbage", b"\x90", b"\x97" + b"\xc0" * 7, b"\x97\xc4\x10" + bytes(16) + b"\xa1\xff" * 6,
    b"\x91" * 4000, b"\xdd\xff\xff\xff\xff",
])  # fmt: skip
async def test_strange_entry_is_a_miss(database: Database, tokens: Tokens, entry: bytes) -> None:
    """An entry that is no profile is passed over, and the database is asked."""
    cache = SharedCache()
    token, claims = tokens.make(new_id())
    await cache.fill([(claims.token_id, entry, 60)])
    asked = await process(database, tokens, cache).signed_in(call(token))

    assert asked.profile == profile_of(claims.user_id)
    assert database.lookups == [[claims.token_id]]


async def test_somebody_elses_entry_is_a_miss(database: Database, tokens: Tokens) -> None:
    """An entry of another user under this session's id is not believed."""
    cache = SharedCache()
    sessions = process(database, tokens, cache)
    token, claims = tokens.make(new_id())
    stranger = profile_of(new_id())
    await cache.fill([sessions._entry(claims, stranger)])
    asked = await sessions.signed_in(call(token))

    assert asked.profile.user_id == claims.user_id


async def test_login_that_another_epoch_overtakes_opens_no_session(database: Database) -> None:
    """A token made before the books were replaced is over, even if its login ends after that."""
    epoch = Epoch()
    tokens = Tokens([KEY], LIFETIME, ENVIRONMENT, epoch)
    sessions = process(database, tokens, NoCache())
    token, claims = tokens.make(new_id())
    epoch.begin(1)
    await sessions.remember(token, claims, profile_of(claims.user_id))

    assert await refused(sessions, token)


async def test_lookup_that_another_epoch_overtakes_finds_nobody(database: Database) -> None:
    """What was looked up in the books before them is not said of the new ones, and not remembered."""
    epoch = Epoch()
    tokens = Tokens([KEY], LIFETIME, ENVIRONMENT, epoch)
    sessions = process(database, tokens, NoCache())
    token, _ = tokens.make(new_id())
    database.lookups_answered.clear()
    asking = asyncio.ensure_future(refused(sessions, token))
    for _ in range(10):
        await asyncio.sleep(0)
    assert database.lookups
    epoch.begin(1)
    database.lookups_answered.set()

    assert await asking
    assert len(sessions._remembered) == 0


async def test_first_good_token_of_several_counts(database: Database, tokens: Tokens) -> None:
    """A browser may send a stale cookie beside the good one; what the database cannot say refuses no token."""
    sessions = process(database, tokens, NoCache())
    (good, claims), (revoked, over) = tokens.make(new_id()), tokens.make(new_id())
    database.revoked[over.token_id] = datetime.now(UTC)

    assert (await sessions.signed_in(call(f"stale {revoked} {good}"))).claims == claims
    assert await refused(sessions, f"stale {revoked}")
    database.down = True
    with pytest.raises(Unavailable):
        await process(database, tokens, NoCache()).signed_in(call(f"stale {good} {revoked}"))
