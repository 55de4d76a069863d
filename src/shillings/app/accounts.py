"""Accounts: signing up, and reading one's account."""

from collections.abc import Callable
from datetime import datetime

import structlog

from shillings import ids
from shillings.app.call import Call
from shillings.app.identity import canonical_email, checked_name, checked_password, checked_phone
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import unauthenticated
from shillings.batching import Batcher, MakeBatcher, at_once
from shillings.errors import Code, Refusal
from shillings.storage import accounts as stored
from shillings.storage.accounts import Balance, BalanceLook, NewUser
from shillings.storage.lanes import Lane
from shillings.wire.shillings_pb2 import AccountAnswer, AccountRequest, SignupAnswer, SignupRequest

log = structlog.get_logger(__name__)


class Accounts:
    """Everything about users.

    Args:
        passwords: hashes passwords.
        identity: the lane that stores users.
        reads: the lane that reads balances.
        clock: the current time in UTC.
        make_batcher: gathers reads into visits.
    """

    def __init__(
        self,
        *,
        passwords: Passwords,
        identity: Lane,
        reads: Lane,
        clock: Callable[[], datetime],
        make_batcher: MakeBatcher,
    ) -> None:
        self._passwords = passwords
        self._identity = identity
        self._reads = reads
        self._clock = clock
        self._balances: Batcher[BalanceLook, Balance | None] = make_batcher("accounts", at_once(self._read))

    async def sign_up(self, call: Call, request: SignupRequest) -> SignupAnswer:
        """Make a user with an empty wallet."""
        first_name = checked_name(request.first_name, "first_name", required=True)
        middle_name = checked_name(request.middle_name, "middle_name", required=False)
        last_name = checked_name(request.last_name, "last_name", required=True)
        email = canonical_email(request.email)
        phone = checked_phone(request.phone)
        password = await self._passwords.hash(checked_password(request.password))
        user = NewUser(
            ids.new_id(), ids.new_id(), first_name, middle_name, last_name, email, phone, password, self._clock()
        )
        if not await self._identity.run(lambda session: stored.add_user(session, user)):
            raise Refusal(Code.EMAIL_TAKEN, "This email has an account already. Log in, or use another email.")
        log.info("signup", request_id=call.request_id, user_id=ids.show(user.user_id))
        return SignupAnswer(user_id=user.user_id)

    async def read(self, call: Call, _request: AccountRequest) -> AccountAnswer:
        """The user and the balance as the database has it now."""
        claims, profile = call.claims, call.profile
        balance = await self._balances.submit(BalanceLook(claims.user_id, claims.token_id), call.deadline)
        if balance is None:
            raise unauthenticated()
        return AccountAnswer(**profile._asdict(), balance=balance.balance, updated_at=balance.updated_at)

    async def _read(self, looks: list[BalanceLook]) -> list[Balance | None]:
        return await self._reads.run(lambda session: stored.read_balances(session, looks))
