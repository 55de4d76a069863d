"""Logging in, on a real database: who may, what it leaves behind, and in which order."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from shillings.app.call import Call
from shillings.app.sessions import Sessions
from shillings.auth.passwords import Passwords
from shillings.auth.pseudonyms import Pseudonyms
from shillings.auth.tokens import Tokens
from shillings.auth.turns import NOBODY, Turn
from shillings.base.batching import Batcher, Execute, Item, Result
from shillings.base.clock import FixedClock, stored
from shillings.base.errors import Code, Refusal, Unavailable
from shillings.cache.interface import SessionCache
from shillings.cache.none import NoCache
from shillings.contract.shillings_pb2 import LoginAnswer, LoginRequest
from shillings.storage import sessions as stored_sessions
from shillings.storage.accounts import NewUser, add_user
from shillings.storage.executor import Executor
from shillings.storage.schema import migrate
from tests.contract.bank import Bank, new_user
from tests.shared_cache import SharedCache
from tests.values import MOMENT, fixed_environment

PASSWORD = "correct horse"
LIFETIME = 3600


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A bank of this module's own."""
    made = Bank(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shillings.db'}")
    migrate(made.engine)
    yield made
    made.close()


class NotedPasswords(Passwords):
    """Passwords that note what is verified: whether against somebody's hash."""

    def __init__(self) -> None:
        super().__init__(1)
        self.verified: list[bool] = []

    async def verify(self, hashed: str | None, password: str, turn: Turn = NOBODY) -> bool:
        """See Passwords."""
        self.verified.append(hashed is not None)
        return await super().verify(hashed, password, turn)


class Server:
    """One application server's sessions, and what they count and verify."""

    def __init__(self, identity: Executor, cache: SessionCache) -> None:
        self.environment = fixed_environment()
        self.passwords = NotedPasswords()
        self.found: Counter[str] = Counter()
        self.sessions = Sessions(
            tokens=Tokens(["k" * 32], LIFETIME, self.environment),
            passwords=self.passwords,
            cache=cache,
            identity=identity,
            clock=self.environment.clock,
            make_batcher=_make_batcher,
            lookup_counter=self._counter,
            pseudonyms=Pseudonyms("k" * 32),
        )

    def _counter(self, found_in: str) -> Callable[[], None]:
        return lambda: self.found.update([found_in])

    async def log_in(self, email: str, password: str = PASSWORD) -> str:
        """Log in; returns the token."""
        result = await self.sessions.log_in(_call(""), LoginRequest(email=email, password=password))
        assert isinstance(result.answer, LoginAnswer)
        assert result.answer.lifetime_s == LIFETIME
        return result.answer.token

    async def refusal(self, email: str, password: str = PASSWORD) -> tuple[Code, str]:
        """How a login is refused."""
        with pytest.raises(Refusal) as caught:
            await self.log_in(email, password)
        return caught.value.code, caught.value.message

    async def who(self, token: str) -> str:
        """The email of whoever asks with this token."""
        return (await self.sessions.signed_in(_call(token))).profile.email


def _call(token: str) -> Call:
    return Call("r1", time.monotonic() + 10, "", token)


def _make_batcher(
    name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
) -> Batcher[Item, Result]:
    return Batcher(execute, batch_items_max=64, queue_items_max=64)


@asynccontextmanager
async def serving(bank: Bank, cache: SessionCache | None = None) -> AsyncIterator[tuple[Server, NewUser]]:
    """A server, and somebody who has signed up."""
    executor = bank.executor()
    server = Server(executor, cache or NoCache())
    user = new_user(password=await server.passwords.hash(PASSWORD))
    assert add_user(bank.connection, user) is None
    try:
        yield server, user
    finally:
        await server.passwords.close()
        await executor.close()


def last_login(bank: Bank, user: NewUser) -> Any:
    """When somebody last logged in, as the database has it."""
    [(found,)] = bank.rows(f"SELECT CAST(last_login AS CHAR(26)) FROM credentials WHERE email = '{user.email}'")
    return found


async def test_login_is_noted_and_remembered(bank: Bank) -> None:
    """A login keeps its time, and the process that made the session knows whose it is without asking anybody."""
    async with serving(bank) as (server, user):
        token = await server.log_in(f"  {user.email.upper()} ")

        assert await server.who(token) == user.email
        assert server.found == {"process": 1}
        assert last_login(bank, user) == stored(MOMENT)


async def test_each_login_has_its_own_time(bank: Bank) -> None:
    """The time that is kept is that of the login, not that of the first one or of the server's start."""
    async with serving(bank) as (server, user):
        await server.log_in(user.email)
        clock = server.environment.clock
        assert isinstance(clock, FixedClock)
        clock.moment = MOMENT + timedelta(hours=5)
        await server.log_in(user.email)

        assert last_login(bank, user) == stored(MOMENT + timedelta(hours=5))


async def test_login_spares_other_servers_the_database(bank: Bank) -> None:
    """A new session's profile is in the shared cache at once, so another server finds it there."""
    cache = SharedCache()
    async with serving(bank, cache) as (here, user), serving(bank, cache) as (there, _):
        token = await here.log_in(user.email)

        assert await there.who(token) == user.email
        assert there.found == {"cache": 1}


@pytest.mark.parametrize("password", ["wrong horse", "", "Correct horse", "correct horse "])
async def test_wrong_password_leaves_nothing_behind(bank: Bank, password: str) -> None:
    """A wrong password opens no session, and the time of the last login stays what it was."""
    async with serving(bank) as (server, user):
        assert (await server.refusal(user.email, password))[0] is Code.UNAUTHENTICATED
        assert last_login(bank, user) is None
        assert len(server.sessions._remembered) == 0


@pytest.mark.parametrize("email", ["nobody@example.com", "no email", "", "a@b"])
async def test_nobody_is_refused_as_somebody_is(bank: Bank, email: str) -> None:
    """Whoever does not exist, or cannot, gets the refusal of a wrong password, after as much work."""
    async with serving(bank) as (server, user):
        refused = await server.refusal(user.email, "wrong horse")

        assert await server.refusal(email) == refused
        assert server.passwords.verified == [True, False]


async def test_endless_password_is_refused_without_work(bank: Bank) -> None:
    """A password too long to be anybody's is refused before anything is hashed or looked up, whoever has the email."""
    async with serving(bank) as (server, user):
        refused = await server.refusal(user.email, "wrong horse")

        assert await server.refusal(user.email, "x" * 100_000) == refused
        assert server.passwords.verified == [True]


async def test_database_that_is_down_is_no_wrong_password(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody can tell whether a password is right, nobody is told that it is wrong."""

    def unavailable(*_: object) -> None:
        raise Unavailable

    async with serving(bank) as (server, user):
        monkeypatch.setattr(stored_sessions, "find_credentials", unavailable)

        assert (await server.refusal(user.email))[0] is Code.UNAVAILABLE


async def test_login_that_cannot_be_noted_opens_no_session(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that is refused because its time could not be kept leaves no session in the process or in the cache."""

    def unavailable(*_: object) -> None:
        raise Unavailable

    cache = SharedCache()
    async with serving(bank, cache) as (server, user):
        monkeypatch.setattr(stored_sessions, "open_sessions", unavailable)

        assert (await server.refusal(user.email))[0] is Code.UNAVAILABLE
        assert len(server.sessions._remembered) == 0
        assert cache._entries == {}
