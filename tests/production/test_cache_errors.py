"""Redis stopped, hung, emptied, full: answers get slower, never wrong, never 5xx; what was revoked stays revoked."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from operator import attrgetter
from uuid import UUID

import httpx
import jwt
import pytest

from deploy.local.redis import Redis
from deploy.local.waiting import wait_until
from tests.figures import note
from tests.production.conftest import Production
from tests.service import PASSWORD, new_token

ROUNDS = 30
MOST_SECONDS_MAX = 0.5
SLOWEST_SECONDS_MAX = 1.0
PREFIX = b"shillings:session:"


@contextmanager
def stopped(redis: Redis) -> Iterator[None]:
    """Redis is down."""
    redis.kill(stays_down=True)
    try:
        yield
    finally:
        redis.start()


@contextmanager
def hung(redis: Redis) -> Iterator[None]:
    """Redis accepts connections and says nothing."""
    redis.pause()
    try:
        yield
    finally:
        redis.resume()


@contextmanager
def emptied(redis: Redis) -> Iterator[None]:
    """Redis has forgotten everything."""
    with redis.client() as client:
        client.flushall()
    yield


@contextmanager
def full(redis: Redis) -> Iterator[None]:
    """Redis refuses to store anything."""
    before = {"maxmemory": "0", "maxmemory-policy": "allkeys-lru"}
    with redis.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            for name, value in before.items():
                client.config_set(name, value)


@contextmanager
def restarted(redis: Redis) -> Iterator[None]:
    """Redis was started again, and is empty."""
    redis.restart()
    yield


Failure = Callable[[Redis], AbstractContextManager[None]]

FAILURES: list[Failure] = [stopped, hung, emptied, full, restarted]
NAME = attrgetter("__name__")


@contextmanager
def log_in(production: Production, email: str) -> Iterator[httpx.Client]:
    """A client with a session of its own, through nginx."""
    with httpx.Client(base_url=production.topology.url, timeout=10) as client:
        reply = client.post("/v1/login", json={"email": email, "password": PASSWORD})
        assert reply.status_code == 200, reply.text
        yield client


@pytest.mark.parametrize("failure", FAILURES, ids=NAME)
def test_answers_stay_right(production: Production, failure: Failure) -> None:
    """Sessions old and new work through both application servers while the cache fails, and none gets a 5xx."""
    emails = production.payers.emails[:4]
    topology = production.topology
    seconds: list[float] = []

    def read(client: httpx.Client, email: str, token: str = "") -> None:
        began = time.monotonic()
        reply = client.get("/v1/account", headers={"Authorization": f"Bearer {token}"} if token else {})
        seconds.append(time.monotonic() - began)
        assert reply.status_code == 200, reply.text
        assert reply.json()["user"]["email"] == email

    with ExitStack() as stack:
        clients = [stack.enter_context(log_in(production, email)) for email in emails]
        stranger = stack.enter_context(httpx.Client(base_url=topology.url, timeout=10))
        stack.enter_context(failure(topology.redis))
        clients.append(stack.enter_context(log_in(production, emails[0])))
        for _ in range(ROUNDS):
            for client, email in zip(clients, [*emails, emails[0]], strict=True):
                read(client, email)
            # A session that no server has met yet, so that it is looked for in the cache.
            read(stranger, emails[1], another_session(production, emails[1]))
    slowest, most = max(seconds), statistics.quantiles(seconds, n=100)[-1]
    note(
        f"redis {NAME(failure)}: {len(seconds)} reads, none wrong; 99 % within {most * 1000:.0f} ms,"
        f" the slowest took {slowest * 1000:.0f} ms"
    )
    assert most < MOST_SECONDS_MAX
    assert slowest < SLOWEST_SECONDS_MAX


@pytest.mark.parametrize("failure", FAILURES, ids=NAME)
def test_what_was_revoked_before_stays_revoked(production: Production, failure: Failure) -> None:
    """A session that was logged out is refused by every application server, whatever becomes of the cache."""
    with log_in(production, production.payers.emails[5]) as client:
        token = client.cookies["token"]
        assert client.get("/v1/account").status_code == 200
        assert client.post("/v1/logout").status_code == 200
    with failure(production.topology.redis):
        assert_refused(production, token)
    assert_refused(production, token)


@pytest.mark.parametrize("failure", [stopped, hung, full], ids=NAME)
def test_logging_out_works_without_the_cache(production: Production, failure: Failure) -> None:
    """A session that is logged out while the cache fails is dead then, and dead when the cache is back."""
    with log_in(production, production.payers.emails[6]) as client:
        token = client.cookies["token"]
        assert_accepted(production, token)
        with failure(production.topology.redis):
            assert client.post("/v1/logout").status_code == 200
            assert_refused(production, token)
    assert_refused(production, token)


def test_a_profile_lives_exactly_as_long_as_its_token(production: Production) -> None:
    """The cached profile's time to live is the token's remaining life: not a second, not for ever."""
    lives: list[tuple[float, float]] = []

    def log_in_and_read() -> bool:
        with log_in(production, production.payers.emails[7]) as client:
            claims = jwt.decode(client.cookies["token"], options={"verify_signature": False})
        with production.topology.redis.client() as redis:
            left = redis.pttl(PREFIX + UUID(claims["jti"]).bytes) / 1000
        lives.append((left, claims["exp"] - time.time()))
        return bool(left > 0)

    # For up to a second after the failures before, the cache is not asked.
    wait_until(log_in_and_read, seconds=10, what="a cached profile")

    left, due = lives[-1]
    assert left == pytest.approx(due, abs=2)


@pytest.mark.parametrize("failure", [stopped, hung, emptied, full], ids=NAME)
def test_paying_goes_on(production: Production, failure: Failure) -> None:
    """Users who pay do not notice what becomes of the cache, while it lasts and when it is over."""

    def go_through_it() -> None:
        told = production.payers.told.acknowledged
        with failure(production.topology.redis):
            target = len(told) + 300
            wait_until(lambda: len(told) >= target, seconds=15, what="300 payments without a cache")

    not_done = production.payers.told.not_done.total()
    unknown = production.pay_through(f"redis {NAME(failure)}", go_through_it, during=300, dies=("redis",))
    assert unknown.total() == 0
    assert production.payers.told.not_done.total() == not_done


def another_session(production: Production, email: str) -> str:
    """A token that no server has seen before."""
    user_id = jwt.decode(production.payers.tokens[email], options={"verify_signature": False})["sub"]
    return new_token(user_id, production.topology.settings["JWT_KEYS"])


def assert_refused(production: Production, token: str) -> None:
    """Every application server refuses the token for everything; requests alternate between servers."""
    pay = {"receiver_email": production.payers.emails[0], "amount": "0.01"}
    for client in clients(production, token):
        with client:
            for _ in range(2):
                replies = [
                    client.get("/v1/account"),
                    client.get("/v1/transactions"),
                    client.post("/v1/topup", json={"amount": "0.01"}),
                    client.post("/v1/pay", json=pay),
                    # An odd number, so that each request meets each server.
                    client.get("/v1/account"),
                ]
                assert [reply.status_code for reply in replies] == [401] * len(replies)


def assert_accepted(production: Production, token: str) -> None:
    """Every application server knows the token, and so remembers it."""
    for client in clients(production, token):
        with client:
            for _ in range(4):
                reply = client.get("/v1/account")
                assert reply.status_code == 200, reply.text


def clients(production: Production, token: str) -> list[httpx.Client]:
    """A client with this token for the entrance, and for each web server by itself."""
    headers = {"Authorization": f"Bearer {token}"}
    urls = [production.topology.url, *[server.url for server in production.topology.webs]]
    return [httpx.Client(base_url=url, headers=headers, timeout=10) for url in urls]
