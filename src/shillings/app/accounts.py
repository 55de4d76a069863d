"""Accounts: signing up, and reading one's account."""

from hashlib import blake2b

import structlog

from shillings.app.call import Call, Result, SignedInCall
from shillings.app.identity import checked_name, checked_phone, new_email, new_password
from shillings.app.news import News
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import unauthenticated
from shillings.base import ids
from shillings.base.batching import Batcher, MakeBatcher, at_once
from shillings.base.bounded import BoundedMap
from shillings.base.clock import stored as as_stored
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal
from shillings.contract.events import EventType
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.contract.shillings_pb2 import AccountAnswer, AccountRequest, SignupAnswer, SignupRequest
from shillings.ledger.events import Event
from shillings.storage import accounts as stored
from shillings.storage.accounts import Balance, BalanceLookup, Balances, NewUser, SignupKey, Taken
from shillings.storage.executor import Executor

RECEIVERS_REMEMBERED_MAX = 1_000
UNUSABLE = "!"
"""A hash that no password has."""

log = structlog.get_logger(__name__)


class Accounts:
    """Everything about users.

    Args:
        passwords: hashes passwords.
        identity: the executor that stores users.
        reads: the executor that reads balances.
        environment: time and ids.
        make_batcher: batches reads.
        currency: that of all amounts.
        told: whether it is kept for everybody what happens to them; None where nobody ever listens.
        news: told when something may have to be delivered.
    """

    def __init__(
        self,
        *,
        passwords: Passwords,
        identity: Executor,
        reads: Executor,
        environment: Environment,
        make_batcher: MakeBatcher,
        currency: str,
        told: bool | None = None,
        news: News | None = None,
    ) -> None:
        self._currency = currency
        self._passwords = passwords
        self._identity = identity
        self._reads = reads
        self._environment = environment
        self._receivers = _nobody()
        self._told = told
        self._news = news
        self._balances = Balances()
        self._batcher: Batcher[BalanceLookup, Balance | None] = make_batcher("accounts", at_once(self._read))

    async def sign_up(self, call: Call, request: SignupRequest) -> Result:
        """Make a user with an empty wallet."""
        if call.idempotency_key and not IDEMPOTENCY_KEY.fits(call.idempotency_key):
            raise Refusal(Code.INVALID_REQUEST, IDEMPOTENCY_KEY.sentence, field="idempotency_key")
        first_name = checked_name(request.first_name, "first_name", required=True)
        middle_name = checked_name(request.middle_name, "middle_name", required=False)
        last_name = checked_name(request.last_name, "last_name", required=True)
        email = new_email(request.email)
        phone = checked_phone(request.phone)
        password = new_password(request.password, (first_name, middle_name, last_name, email))
        hashed = await self._passwords.hash(password, call.turn)
        clock, new_id = self._environment.clock, self._environment.ids.new
        user = NewUser(new_id(), new_id(), first_name, middle_name, last_name, email, phone, hashed, clock.now())
        key = SignupKey(call.idempotency_key, _fingerprint(user)) if call.idempotency_key else None
        created, everybody = self._created(call, user), bool(self._told)
        taken = await self._identity.run(
            lambda connection: stored.add_user(connection, user, key, created, everybody=everybody)
        )
        if taken is not None:
            return await self._signed_up_before(call, taken, key, password)
        log.info("signup", request_id=call.request_id, user_id=ids.show(user.user_id))
        if self._news is not None:
            self._news.tell()
        return Result(SignupAnswer(user_id=user.user_id))

    async def _signed_up_before(self, call: Call, taken: Taken, key: SignupKey | None, password: str) -> Result:
        """Answer a sign-up with an email that is somebody's: the same answer again to the same one with its key.

        The password is not in the fingerprint, because that is no way to keep a password; it is verified instead.
        """
        if key is None or taken.key is None or taken.key.idempotency_key != key.idempotency_key:
            raise Refusal(Code.EMAIL_TAKEN, "This email has an account already. Log in, or use another email.")
        if taken.key == key and await self._passwords.verify(taken.password, password, call.turn):
            return Result(SignupAnswer(user_id=taken.user_id), replayed=True)
        raise Refusal(
            Code.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key belongs to another sign-up with this email. Use a new one.",
        )

    async def make_receiver(self, email: str) -> None:
        """Make sure that there is somebody with this email who can be paid. Nobody can log in as that."""
        receivers = self._receivers
        if email in receivers:
            return
        clock, new_id = self._environment.clock, self._environment.ids.new
        user = NewUser(new_id(), new_id(), "Magic", "", "Receiver", email, "", UNUSABLE, clock.now())
        await self._identity.run(lambda connection: stored.add_user(connection, user))
        receivers[email] = True

    def forget_receivers(self) -> None:
        """The books are other ones: nobody is known to be there, who is being made at this moment included."""
        self._receivers = _nobody()

    def _created(self, call: Call, user: NewUser) -> Event | None:
        if self._told is None:
            return None
        data = {"user_id": ids.show(user.user_id), "email": user.email}
        return Event(user.user_id, EventType.USER_CREATED, user.user_id, 1, data, call.request_id)

    async def read(self, call: SignedInCall, _request: AccountRequest) -> Result:
        """The user and the balance as the database has it now."""
        claims, profile = call.claims, call.profile
        balance = await self._batcher.submit(BalanceLookup(claims.user_id, claims.token_id), call.deadline)
        if balance is None:
            raise unauthenticated()
        return Result(
            AccountAnswer(
                user_id=profile.user_id,
                first_name=profile.first_name,
                middle_name=profile.middle_name,
                last_name=profile.last_name,
                email=profile.email,
                phone=profile.phone,
                created_at=profile.created_at,
                balance_minor=balance.balance,
                held_minor=balance.held,
                debt_minor=balance.debt,
                updated_at=balance.updated_at,
                currency=self._currency,
            )
        )

    async def _read(self, lookups: list[BalanceLookup]) -> list[Balance | None]:
        now = as_stored(self._environment.clock.now())
        return await self._reads.run(lambda connection: self._balances.read(connection, lookups, now))


def _nobody() -> BoundedMap[str, bool]:
    return BoundedMap(entries_max=RECEIVERS_REMEMBERED_MAX)


def _fingerprint(user: NewUser) -> bytes:
    """16 bytes that are equal for equal sign-ups, but for their passwords."""
    said = f"{user.first_name}\n{user.middle_name}\n{user.last_name}\n{user.email}\n{user.phone}"
    return blake2b(said.encode(), digest_size=16).digest()
