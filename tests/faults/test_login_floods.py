"""A flood of wrong passwords starves nobody: who has the right one gets in, and who pays goes on paying."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Self

import pytest
import uvloop

from shillings.load.client import Reply
from tests.figures import note
from tests.load import LoadClient
from tests.service import PASSWORD, Service, User

GUESSERS = 160
HONEST = 8
FLOOD_SECONDS = 1.0
LOGIN_SECONDS_MAX = 5.0
GUESSES_MAX = 200
"""Passwords that the flood has tried: the limit of its address, and those that were waiting when it was reached."""

PAYMENT_SECONDS_MAX = 2.5
"""For 99 of 100 payments, on a machine that has much else to do; alone it takes a twentieth of that."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service as it is by default."""
    with Service(tmp_path_factory.mktemp("flooded")) as running:
        yield running


@pytest.fixture(scope="module")
def ann(service: Service) -> User:
    """Somebody who pays."""
    return service.new_user("ann", "1000.00")


@pytest.fixture(scope="module")
def honest(service: Service) -> list[str]:
    """The emails of those who have signed up, and log in when everybody guesses."""
    emails = [f"honest{number}@example.com" for number in range(HONEST)]
    for email in emails:
        assert service.client().sign_up(email).http == 200
    return emails


class Flood:
    """Guesses from many clients at once, for as long as the block lasts.

    Args:
        port: the service's.
        emails: whose passwords are guessed, over and over; none: another account's each time.
    """

    def __init__(self, port: int, emails: list[str]) -> None:
        self._port = port
        self._emails = emails
        self._numbers = count()
        self._guessers: list[asyncio.Task[None]] = []
        self.outcomes: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._guessers = [asyncio.create_task(self._guess()) for _ in range(GUESSERS)]
        await asyncio.sleep(FLOOD_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for guesser in self._guessers:
            guesser.cancel()
        await asyncio.gather(*self._guessers, return_exceptions=True)

    async def _guess(self) -> None:
        client = LoadClient(self._port)
        try:
            while True:
                number = next(self._numbers)
                email = self._emails[number % len(self._emails)] if self._emails else f"{number}@example.com"
                self.outcomes[(await log_in(client, email, "wrong horse battery")).code] += 1
        finally:
            client.close()


async def log_in(client: LoadClient, email: str, password: str) -> Reply:
    """Send a login."""
    return await client.ask("POST", "/v1/login", {"email": email, "password": password})


async def pay(client: LoadClient, user: User, until: asyncio.Event) -> list[float]:
    """Pay one after the other; returns how long each took."""
    took = []
    while not until.is_set():
        began = time.monotonic()
        body = {"amount": "0.01", "receiver_email": "honest0@example.com"}
        assert (await client.ask("POST", "/v1/pay", body, user.token)).http == 200
        took.append(time.monotonic() - began)
    return sorted(took)


@pytest.mark.parametrize("which", ["unknown accounts", "one known account"])
def test_flood_of_wrong_passwords_starves_nobody(service: Service, ann: User, honest: list[str], which: str) -> None:
    """While 160 clients guess passwords without a pause, from the same address, honest logins and payments go on."""
    logins: list[tuple[str, float]] = []
    payments: list[float] = []
    outcomes: Counter[str] = Counter()

    async def run() -> None:
        async with Flood(service.port, [ann.email] if which == "one known account" else []) as flood:
            client, payer, over = LoadClient(service.port), LoadClient(service.port), asyncio.Event()
            paying = asyncio.create_task(pay(payer, ann, over))
            for email in honest:
                began = time.monotonic()
                reply = await log_in(client, email, PASSWORD)
                logins.append((reply.code, time.monotonic() - began))
            over.set()
            payments.extend(await paying)
            outcomes.update(flood.outcomes)
            client.close()
            payer.close()

    uvloop.run(run())

    slowest, p99 = max(took for _, took in logins), payments[int(len(payments) * 0.99)]
    answered = Counter(code for code, _ in logins)
    note(
        f"login flood, {which}: {GUESSERS} clients got {dict(outcomes.most_common())}; honest logins"
        f" {dict(answered)}, the slowest {slowest * 1000:.0f} ms; {len(payments)} payments, p99 {p99 * 1000:.0f} ms"
    )
    assert answered == {"ok": HONEST}
    assert slowest < LOGIN_SECONDS_MAX
    assert p99 < PAYMENT_SECONDS_MAX
    assert outcomes["unauthenticated"] <= GUESSES_MAX
