"""Rate limits: how often passwords, emails and receivers may be guessed.

Only what fails is counted, and sign-ups: whoever has the right password is never refused for using it often. A guess
that is refused here costs nothing: no password is hashed for it, and no ledger is asked.

Nobody can lock somebody else out. From an address where an account was used before, its failures are counted apart:
whatever others do elsewhere, its owner gets in from there. From everywhere else the wait is at most the window.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple, NoReturn

import structlog
from google.protobuf.message import Message

from shillings.app.call import Call, Handler, Result, SignedInCall
from shillings.app.identity import canonical_email
from shillings.auth.pseudonyms import Pseudonyms
from shillings.base.bounded import BoundedMap
from shillings.base.errors import Code, Overloaded, Refusal
from shillings.base.limits import EMAIL_CHARACTERS_MAX
from shillings.cache.counters import Counters, Limit
from shillings.contract import commands
from shillings.contract.commands import Command
from shillings.contract.shillings_pb2 import LoginRequest, SignupRequest

KNOWN_SECONDS = 30 * 86_400
"""How long an address is known for an account's."""

GUESSES_WAITING_MAX = 64
"""Logins to one account that wait for each other. Of more, nobody's would be answered in time."""

BLOCKED_MAX = 10_000
IPV6_NETWORK_BITS = 64
"""What one subscriber has of IPv6 addresses: all of them count as one."""

Counted = Sequence[tuple[Limit, tuple[str, ...]]]

log = structlog.get_logger(__name__)


class Rates(NamedTuple):
    """The limits, each so many in so many seconds.

    Args:
        account_failures: wrong passwords of one account.
        address_failures: wrong passwords from one address; counted apart, sign-ups with emails that are taken.
        address_signups: sign-ups from one address.
        unknown_receivers: payments and holds of one user to nobody.
    """

    account_failures: tuple[int, int]
    address_failures: tuple[int, int]
    address_signups: tuple[int, int]
    unknown_receivers: tuple[int, int]


class RateLimits:
    """Wraps the handlers whose answers somebody might want to guess with.

    Args:
        rates: how often is too often.
        counters: where it is counted.
        pseudonyms: names accounts where they are counted, and in the log.
    """

    def __init__(self, rates: Rates, counters: Counters, pseudonyms: Pseudonyms) -> None:
        self._counters = counters
        self._pseudonyms = pseudonyms
        self._of_account = Limit("login-account", *rates.account_failures)
        self._of_address = Limit("login-address", *rates.address_failures)
        self._known = Limit("known", 1, KNOWN_SECONDS)
        self._signups = Limit("signup-address", *rates.address_signups)
        self._taken = Limit("taken-address", *rates.address_failures)
        self._passwords = Limit("password-session", *rates.account_failures)
        self._emails = Limit("taken-user", *rates.account_failures)
        self._receivers = Limit("receiver-user", *rates.unknown_receivers)
        self._blocked: BoundedMap[bytes, float] = BoundedMap(entries_max=BLOCKED_MAX)
        self._queues = _Queues()

    def around(self, handlers: Mapping[Command, Handler]) -> dict[Command, Handler]:
        """The handlers, and limits around those that need some."""
        wrappers: dict[Command, Callable[[Handler], Handler]] = {
            commands.LGN: self.around_login,
            commands.SGN: self.around_signup,
            commands.PWD: self.around_change,
            commands.EML: self.around_change,
            commands.CLS: self.around_change,
            commands.PAY: self.around_payment,
            commands.HLD: self.around_payment,
        }
        return {
            command: wrappers[command](handler) if command in wrappers else handler
            for command, handler in handlers.items()
        }

    def forget(self) -> None:
        """Forget what was counted in this process: the books are other ones."""
        self._blocked.clear()
        self._counters.forget()

    async def close(self) -> None:
        """Let go of what the counters hold open."""
        await self._counters.close()

    def around_login(self, handler: Handler) -> Handler:
        """Limit wrong passwords, of an account and from an address."""

        async def limited(call: Call, request: LoginRequest) -> Result:
            account, network = self._account(request.email), network_of(call.turn.address)
            known = bool(network) and await self._counters.happened(self._known, account, network)
            who = (account, network) if known else (account,)
            counted: Counted = [(self._of_account, who)]
            if network and not known:
                counted = [*counted, (self._of_address, (network,))]
            if known:
                call = call._replace(turn=call.turn._replace(account=account))
            # One password of an account after the other: so none is tried before the one before is counted.
            async with self._queues.turn_of(who):
                await self._require_room(call, account, counted)
                try:
                    result = await handler(call, request)
                except Refusal as refusal:
                    if refusal.code is Code.UNAUTHENTICATED:
                        await self._count(counted)
                    raise
            if network:
                await self._counters.count(self._known, account, network)
            return result

        return limited

    def around_signup(self, handler: Handler) -> Handler:
        """Limit sign-ups, and above all those with emails that are taken."""

        async def limited(call: Call, request: SignupRequest) -> Result:
            network = network_of(call.turn.address)
            if not network:
                return await handler(call, request)
            account, signups, taken = (
                self._account(request.email),
                (self._signups, (network,)),
                (self._taken, (network,)),
            )
            await self._require_room(call, account, [signups, taken])
            try:
                result = await handler(call, request)
            except Refusal as refusal:
                if refusal.code in (Code.EMAIL_TAKEN, Code.IDEMPOTENCY_KEY_REUSED):
                    await self._count([signups, taken])
                raise
            await self._count([signups])
            await self._counters.count(self._known, account, network)
            return result

        return limited

    def around_change(self, handler: Handler) -> Handler:
        """Limit what somebody can guess who has a session and not its owner's password."""

        async def limited(call: SignedInCall, request: Message) -> Result:
            user, session = call.claims.user_id.hex(), call.claims.token_id.hex()
            wrong, taken = (self._passwords, (session,)), (self._emails, (user,))
            async with self._queues.turn_of((session,)):
                await self._require_room(call, user, [wrong, taken])
                try:
                    return await handler(call, request)
                except Refusal as refusal:
                    if refusal.code is Code.EMAIL_TAKEN:
                        await self._count([taken])
                    elif refusal.field == "password":
                        await self._count([wrong])
                    raise

        return limited

    def around_payment(self, handler: Handler) -> Handler:
        """Limit receivers that do not exist. What is asked before each payment is a dictionary that is mostly empty."""

        async def limited(call: SignedInCall, request: Message) -> Result:
            user_id = call.claims.user_id
            until = self._blocked.get(user_id)
            if until is not None:
                if (left := until - self._counters.now()) > 0:
                    self._refuse(call, user_id.hex(), self._receivers, round(left) or 1)
                self._blocked.pop(user_id)
            try:
                return await handler(call, request)
            except Refusal as refusal:
                if refusal.code is Code.RECEIVER_NOT_FOUND and not refusal.replayed and call.decline is None:
                    wait = await self._counters.count(self._receivers, user_id.hex())
                    if wait:
                        self._blocked[user_id] = self._counters.now() + wait
                raise

        return limited

    def _account(self, email: str) -> str:
        try:
            return self._pseudonyms.of(canonical_email(email))
        except Refusal:
            return self._pseudonyms.of(email[:EMAIL_CHARACTERS_MAX])

    async def _count(self, counted: Counted) -> None:
        for limit, who in counted:
            await self._counters.count(limit, *who)

    async def _require_room(self, call: Call | SignedInCall, account: str, counted: Counted) -> None:
        """Refuse when one of the limits is reached."""
        for limit, who in counted:
            if wait := await self._counters.wait_seconds(limit, *who):
                self._refuse(call, account, limit, wait)

    def _refuse(self, call: Call | SignedInCall, account: str, limit: Limit, wait: int) -> NoReturn:
        address = call.turn.address if isinstance(call, Call) else ""
        log.info("rate_limited", request_id=call.request_id, limit=limit.name, account=account, address=address)
        raise Refusal(
            Code.RATE_LIMITED, f"Too many attempts. Nothing was done; try again in {wait} s.", retry_after_s=wait
        )


class _Queues:
    """Queues of those who must wait for each other, bounded."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}
        self._lengths: Counter[tuple[str, ...]] = Counter()

    @asynccontextmanager
    async def turn_of(self, who: tuple[str, ...]) -> AsyncIterator[None]:
        """Wait for everybody who came before. Raises Overloaded."""
        if self._lengths[who] >= GUESSES_WAITING_MAX:
            raise Overloaded
        self._lengths[who] += 1
        try:
            async with self._locks.setdefault(who, asyncio.Lock()):
                yield
        finally:
            self._lengths[who] -= 1
            if not self._lengths[who]:
                del self._lengths[who], self._locks[who]


def network_of(text: str) -> str:
    """What counts as one address: an IPv4 address, or what one subscriber has of IPv6.

    >>> network_of("2001:db8:1:2:3::4")
    '2001:db8:1:2::/64'
    >>> network_of("::ffff:192.0.2.1")
    '192.0.2.1'
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), IPV6_NETWORK_BITS), strict=False))
    return str(address)
