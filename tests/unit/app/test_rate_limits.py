"""Guessing has limits, and nobody can use them to lock somebody else out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from shillings.app.call import Call, Handler, Result, SignedInCall
from shillings.app.rate_limits import GUESSES_WAITING_MAX, RateLimits, Rates, network_of
from shillings.auth.pseudonyms import Pseudonyms
from shillings.auth.tokens import Claims
from shillings.auth.turns import Turn
from shillings.base.errors import Code, Refusal, Unavailable, invalid
from shillings.cache.counters import Counters, MemoryStorage
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.outcomes import Outcome
from shillings.storage.sessions import Profile

ACCOUNT, ADDRESS, SIGNUPS, RECEIVERS = 3, 5, 4, 3
SECONDS = 60
HOME, CAFE, ELSEWHERE = "192.0.2.1", "198.51.100.7", "203.0.113.9"


class Service:
    """The handlers behind the limits: ann's password is `right`, and she is the only one there."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        rates = Rates((ACCOUNT, SECONDS), (ADDRESS, SECONDS), (SIGNUPS, SECONDS), (RECEIVERS, SECONDS))
        self.pseudonyms = Pseudonyms("k" * 32)
        self.limits = RateLimits(rates, Counters(MemoryStorage(self._now), self._now), self.pseudonyms)
        self.hashed: list[Turn] = []
        self.asked = 0
        handlers: dict[commands.Command, Handler] = {
            commands.LGN: self._log_in,
            commands.SGN: self._sign_up,
            commands.PWD: self._change,
            commands.EML: self._change,
            commands.PAY: self._pay,
            commands.HLD: self._pay,
            commands.TPU: self._pay,
        }
        self.handlers = self.limits.around(handlers)

    def _now(self) -> float:
        return self.seconds

    async def _log_in(self, call: Call, request: wire.LoginRequest) -> Result:
        self.hashed.append(call.turn)
        await asyncio.sleep(0)
        if request.password == "unread":
            raise Unavailable
        if request.password != "right":
            raise Refusal(Code.UNAUTHENTICATED, "Email or password is wrong.")
        return Result(wire.LoginAnswer())

    async def _sign_up(self, call: Call, request: wire.SignupRequest) -> Result:
        self.hashed.append(call.turn)
        if request.email == "ann@example.com":
            raise Refusal(Code.EMAIL_TAKEN, "This email has an account already.")
        if not request.first_name:
            raise invalid("first_name", "must not be empty.")
        return Result(wire.SignupAnswer())

    async def _change(self, _call: SignedInCall, request: Any) -> Result:
        self.asked += 1
        if request.password != "right":
            raise invalid("password", "is not yours. Nothing was changed.")
        if getattr(request, "new_email", "") == "ann@example.com":
            raise Refusal(Code.EMAIL_TAKEN, "This email is or was somebody else's.", field="new_email")
        return Result(wire.LoginAnswer())

    async def _pay(self, call: SignedInCall, request: Any) -> Result:
        self.asked += 1
        if call.decline is not None or getattr(request, "receiver_email", "") == "nobody@example.com":
            raise Refusal(Code.RECEIVER_NOT_FOUND, "No user has receiver_email.", replayed=bool(call.idempotency_key))
        return Result(wire.TransactionAnswer())

    async def log_in(self, password: str, address: str = HOME, email: str = "ann@example.com") -> Code:
        """Log in; returns how that ended."""
        call = Call("r1", 0.0, "", "", turn=Turn(address))
        return await code_of(self.handlers[commands.LGN](call, wire.LoginRequest(email=email, password=password)))

    async def sign_up(self, email: str, address: str = HOME, first_name: str = "Ann") -> Code:
        """Sign up; returns how that ended."""
        call = Call("r1", 0.0, "", "", turn=Turn(address))
        request = wire.SignupRequest(email=email, first_name=first_name)
        return await code_of(self.handlers[commands.SGN](call, request))

    async def signed_in(self, command: commands.Command, request: Any, user: bytes = b"u", **call: Any) -> Code:
        """Ask as somebody who is signed in; returns how that ended."""
        claims = Claims(user * 16, call.pop("session", user) * 16, 2**31)
        asking = SignedInCall("r1", 0.0, call.pop("key", ""), claims, cast(Profile, None), **call)
        return await code_of(self.handlers[command](asking, request))


async def code_of(asked: Awaitable[Result]) -> Code:
    """How a request ended; a refusal for its rate says how long to wait."""
    try:
        await asked
    except Refusal as refusal:
        ended = refusal
    else:
        return Code.OK
    limited = ended.code is Code.RATE_LIMITED
    assert (ended.retry_after_s is not None) == (limited or ended.code in (Code.OVERLOADED, Code.UNAVAILABLE))
    assert not limited or 1 <= (ended.retry_after_s or 0) <= SECONDS
    return ended.code


@pytest.fixture
def service() -> Service:
    """A service whose clock stands still."""
    return Service()


async def times(number: int, ask: Callable[[], Awaitable[Code]]) -> list[Code]:
    """How a request ended, so many times."""
    return [await ask() for _ in range(number)]


async def test_wrong_passwords_of_an_account_have_a_limit(service: Service) -> None:
    """After so many wrong passwords no more is verified, wherever from, until the window is over."""
    codes = await times(ACCOUNT + 2, lambda: service.log_in("wrong", ELSEWHERE))
    assert codes == [Code.UNAUTHENTICATED] * ACCOUNT + [Code.RATE_LIMITED] * 2
    assert await service.log_in("right", CAFE) is Code.RATE_LIMITED
    assert len(service.hashed) == ACCOUNT

    service.seconds += SECONDS
    assert await service.log_in("right", CAFE) is Code.OK


async def test_password_that_nobody_read_is_no_guess(service: Service) -> None:
    """A login that failed because the service could not be reached is not counted."""
    assert await times(ADDRESS + 1, lambda: service.log_in("unread")) == [Code.UNAVAILABLE] * (ADDRESS + 1)
    assert await service.log_in("right") is Code.OK


async def test_wrong_passwords_at_once_are_as_many_as_one_after_the_other(service: Service) -> None:
    """Whoever guesses many times at once gets no more guesses; of very many, most are refused at once."""
    codes = await asyncio.gather(*[service.log_in("wrong", ELSEWHERE) for _ in range(2 * GUESSES_WAITING_MAX)])

    assert len(service.hashed) == ACCOUNT
    assert set(codes) == {Code.UNAUTHENTICATED, Code.RATE_LIMITED, Code.OVERLOADED}
    assert codes.count(Code.OVERLOADED) == GUESSES_WAITING_MAX
    assert await service.log_in("right", ELSEWHERE, "bob@example.com") is Code.OK


async def test_owner_gets_in_from_where_she_was_before(service: Service) -> None:
    """However often somebody else guesses, the right password works from an address where it has worked before."""
    assert await service.log_in("right", HOME) is Code.OK
    for _ in range(10):
        await times(ACCOUNT + 1, lambda: service.log_in("wrong", ELSEWHERE))
        assert await service.log_in("right", ELSEWHERE) is Code.RATE_LIMITED
        assert await service.log_in("right", HOME) is Code.OK
        service.seconds += SECONDS / 3


async def test_known_address_may_guess_no_more_than_others(service: Service) -> None:
    """From a known address, too, so many wrong passwords are the limit; and its failures are no other address's."""
    assert await service.log_in("right", HOME) is Code.OK
    codes = await times(ACCOUNT + 1, lambda: service.log_in("wrong", HOME))
    assert codes == [Code.UNAUTHENTICATED] * ACCOUNT + [Code.RATE_LIMITED]
    assert await service.log_in("right", HOME) is Code.RATE_LIMITED
    assert await service.log_in("right", CAFE) is Code.OK


async def test_sign_up_makes_an_address_known(service: Service) -> None:
    """Where an account was opened is where its owner is."""
    assert await service.sign_up("new@example.com", HOME) is Code.OK
    await times(ACCOUNT + 1, lambda: service.log_in("wrong", ELSEWHERE, "new@example.com"))

    assert await service.log_in("right", HOME, "New@Example.com ") is Code.OK
    assert service.hashed[-1] == Turn(HOME, service.pseudonyms.of("new@example.com"))


async def test_wrong_passwords_from_an_address_have_a_limit(service: Service) -> None:
    """Many accounts cannot be tried from one address; those that are known there, and other addresses, go on."""
    assert await service.log_in("right", ELSEWHERE) is Code.OK
    codes = [await service.log_in("wrong", ELSEWHERE, f"user{number}@example.com") for number in range(ADDRESS + 2)]
    assert codes == [Code.UNAUTHENTICATED] * ADDRESS + [Code.RATE_LIMITED] * 2

    assert await service.log_in("right", ELSEWHERE) is Code.OK
    assert await service.log_in("right", ELSEWHERE, "bob@example.com") is Code.RATE_LIMITED
    assert await service.log_in("right", CAFE, "bob@example.com") is Code.OK


async def test_right_passwords_are_not_counted(service: Service) -> None:
    """Whoever has the right password may log in as often as it likes."""
    codes = await times(10 * ADDRESS, lambda: service.log_in("right"))
    assert set(codes) == {Code.OK}


async def test_subscriber_of_ipv6_is_one_address(service: Service) -> None:
    """All the addresses that one subscriber has count as one."""
    for number in range(ADDRESS):
        await service.log_in("wrong", f"2001:db8:1:2::{number}", f"user{number}@example.com")

    assert await service.log_in("right", "2001:db8:1:2:ffff::1") is Code.RATE_LIMITED
    assert await service.log_in("right", "2001:db8:1:3::1") is Code.OK
    assert network_of("nonsense") == ""


async def test_without_an_address_accounts_have_limits_still(service: Service) -> None:
    """Where nobody knows where a client is, no address is limited, and accounts are."""
    for number in range(3 * ADDRESS):
        assert await service.log_in("wrong", "", f"user{number}@example.com") is Code.UNAUTHENTICATED
    codes = await times(ACCOUNT + 1, lambda: service.log_in("wrong", ""))
    assert codes[-1] is Code.RATE_LIMITED


async def test_email_that_is_none_has_a_limit_too(service: Service) -> None:
    """What is no email, or far too long, is counted like any account."""
    codes = await times(ACCOUNT + 1, lambda: service.log_in("wrong", "", "x" * 100_000))
    assert codes[-1] is Code.RATE_LIMITED


async def test_refusal_is_logged_without_the_email(service: Service) -> None:
    """A refused login is in the log with the account's pseudonym and the address."""
    await times(ACCOUNT, lambda: service.log_in("wrong"))
    with capture_logs() as lines:
        await service.log_in("wrong")

    assert lines == [
        {
            "event": "rate_limited", "log_level": "info", "request_id": "r1", "limit": "login-account",
            "account": service.pseudonyms.of("ann@example.com"), "address": HOME,
        }
    ]  # fmt: skip


async def test_taken_emails_can_be_asked_for_so_often(service: Service) -> None:
    """Whether emails are taken can be found out so many times from an address; other addresses go on."""
    service.limits = RateLimits(
        Rates((ACCOUNT, SECONDS), (ADDRESS, SECONDS), (1000, SECONDS), (RECEIVERS, SECONDS)),
        service.limits._counters,
        service.pseudonyms,
    )
    service.handlers = service.limits.around({commands.SGN: service._sign_up})
    codes = await times(ADDRESS + 1, lambda: service.sign_up("ann@example.com"))
    assert codes == [Code.EMAIL_TAKEN] * ADDRESS + [Code.RATE_LIMITED]
    assert await service.sign_up("bob@example.com") is Code.RATE_LIMITED
    assert await service.sign_up("bob@example.com", CAFE) is Code.OK
    assert len(service.hashed) == ADDRESS + 1


async def test_sign_ups_from_an_address_have_a_limit(service: Service) -> None:
    """So many sign-ups come from one address; those that were refused for their form are not counted."""
    for _ in range(2 * SIGNUPS):
        assert await service.sign_up("user@example.com", first_name="") is Code.INVALID_REQUEST
    codes = [await service.sign_up(f"user{number}@example.com") for number in range(SIGNUPS + 1)]
    assert codes == [Code.OK] * SIGNUPS + [Code.RATE_LIMITED]
    assert await service.sign_up("bob@example.com", CAFE) is Code.OK


@pytest.mark.parametrize("command", [commands.PAY, commands.HLD], ids=["pay", "hold"])
async def test_unknown_receivers_have_a_limit(service: Service, command: commands.Command) -> None:
    """After so many receivers that do not exist, nothing more reaches the ledger; other users go on."""
    nobody, bob = (wire.PayRequest(receiver_email=f"{name}@example.com") for name in ("nobody", "bob"))
    codes = await times(RECEIVERS + 1, lambda: service.signed_in(command, nobody))
    assert codes == [Code.RECEIVER_NOT_FOUND] * RECEIVERS + [Code.RATE_LIMITED]

    assert await service.signed_in(command, bob) is Code.RATE_LIMITED
    assert service.asked == RECEIVERS
    assert await service.signed_in(commands.TPU, wire.TopupRequest()) is Code.OK
    assert await service.signed_in(command, bob, b"v") is Code.OK
    service.seconds += SECONDS
    assert await service.signed_in(command, bob) is Code.OK


async def test_told_and_made_up_answers_are_no_guesses(service: Service) -> None:
    """What a key has told before, and what the sandbox declines, tells nothing about receivers."""
    nobody = wire.PayRequest(receiver_email="nobody@example.com")
    for _ in range(2 * RECEIVERS):
        assert await service.signed_in(commands.PAY, nobody, key="k") is Code.RECEIVER_NOT_FOUND
        declined = await service.signed_in(commands.PAY, nobody, decline=Outcome.RECEIVER_NOT_FOUND)
        assert declined is Code.RECEIVER_NOT_FOUND


async def test_session_cannot_guess_its_owners_password(service: Service) -> None:
    """Whoever has a session and not the password may try so often; the owner's other sessions go on."""
    wrong, right = (wire.PasswordRequest(password=password) for password in ("wrong", "right"))
    codes = await times(ACCOUNT + 1, lambda: service.signed_in(commands.PWD, wrong))
    assert codes == [Code.INVALID_REQUEST] * ACCOUNT + [Code.RATE_LIMITED]
    assert await service.signed_in(commands.PWD, right) is Code.RATE_LIMITED
    assert await service.signed_in(commands.PWD, right, session=b"other") is Code.OK


async def test_changes_of_email_cannot_ask_for_others(service: Service) -> None:
    """Whether emails are taken can be asked so often by one user, in all its sessions."""
    taken = wire.EmailRequest(password="right", new_email="ann@example.com")
    codes = [await service.signed_in(commands.EML, taken, session=bytes([number])) for number in range(ACCOUNT + 1)]
    assert codes == [Code.EMAIL_TAKEN] * ACCOUNT + [Code.RATE_LIMITED]


async def test_other_books_begin_with_nothing_counted(service: Service) -> None:
    """When the books are other ones, what was counted is forgotten."""
    await times(ACCOUNT + 1, lambda: service.log_in("wrong"))
    nobody = wire.PayRequest(receiver_email="nobody@example.com")
    await times(RECEIVERS, lambda: service.signed_in(commands.PAY, nobody))
    service.limits.forget()

    assert await service.log_in("right") is Code.OK
    assert await service.signed_in(commands.PAY, nobody) is Code.RECEIVER_NOT_FOUND


def test_what_needs_no_limit_is_not_wrapped(service: Service) -> None:
    """Other handlers are as they were."""
    assert service.handlers[commands.TPU] == service._pay
