"""What users change about themselves. Each change asks for the password, ends every session, and opens a new one."""

from collections.abc import Callable

import structlog

from shillings.app.call import Result, SignedInCall
from shillings.app.identity import new_email, new_password, normal_password
from shillings.app.sessions import Sessions, new_session
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import Tokens, unauthenticated
from shillings.auth.turns import Turn
from shillings.base import ids
from shillings.base.clock import Clock
from shillings.base.errors import Code, Refusal, invalid
from shillings.contract.shillings_pb2 import CloseAnswer, CloseRequest, EmailRequest, LoginAnswer, PasswordRequest
from shillings.storage import changes as stored
from shillings.storage.changes import ChangeOutcome, ChangeRequest
from shillings.storage.executor import Connection, Executor
from shillings.storage.sessions import NewSession

log = structlog.get_logger(__name__)

Work = Callable[[Connection, ChangeRequest], ChangeOutcome]

_REFUSALS: dict[ChangeOutcome, Callable[[], Refusal]] = {
    ChangeOutcome.SESSION_OVER: unauthenticated,
    ChangeOutcome.PASSWORD_CHANGED: lambda: invalid("password", "is not yours. Nothing was changed."),
    ChangeOutcome.EMAIL_TAKEN: lambda: Refusal(
        Code.EMAIL_TAKEN, "This email is or was somebody else's. Use another.", field="new_email"
    ),
    ChangeOutcome.NOT_EMPTY: lambda: Refusal(
        Code.ACCOUNT_NOT_EMPTY,
        "There is money in this account or on hold. Pay it to somebody first, or wait for the hold to end.",
    ),
}


class Changes:
    """Everything that users change about themselves.

    Args:
        tokens: makes the token of the session that goes on.
        passwords: verifies and hashes.
        sessions: told which session has ended and which has begun.
        identity: the executor that stores the changes.
        clock: the time of a change.
    """

    def __init__(
        self, *, tokens: Tokens, passwords: Passwords, sessions: Sessions, identity: Executor, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._passwords = passwords
        self._sessions = sessions
        self._identity = identity
        self._clock = clock

    async def change_password(self, call: SignedInCall, request: PasswordRequest) -> Result:
        """Give the user who asks another password."""
        profile = call.profile
        about = (profile.first_name, profile.middle_name, profile.last_name, profile.email)
        password = new_password(request.new_password, about, "new_password")
        session = await self._verified(call, request.password)
        hashed = await self._passwords.hash(password, _turn(call))
        return await self._renew(
            call,
            session,
            hashed,
            profile.email,
            lambda connection, asking: stored.change_password(connection, asking, hashed),
        )

    async def change_email(self, call: SignedInCall, request: EmailRequest) -> Result:
        """Give the user who asks another email. Nobody else can have the one before: money sent there still comes."""
        email = new_email(request.new_email, "new_email")
        session = await self._verified(call, request.password)
        return await self._renew(
            call,
            session,
            session.password,
            email,
            lambda connection, asking: stored.change_email(connection, asking, email),
        )

    async def close(self, call: SignedInCall, request: CloseRequest) -> Result:
        """Close the account of the user who asks, if it is empty."""
        session = await self._verified(call, request.password)
        asking = ChangeRequest(session, None, self._clock.now())
        _check(await self._identity.run(lambda connection: stored.close_account(connection, asking)))
        await self._sessions.forget(call)
        log.info("account_closed", request_id=call.request_id, user_id=ids.show(call.claims.user_id))
        return Result(CloseAnswer())

    async def _verified(self, call: SignedInCall, text: str) -> NewSession:
        """The session that asks, once its password was verified. Raises Refusal."""
        user_id, token_id = call.claims.user_id, call.claims.token_id
        found = await self._identity.run(lambda connection: stored.find_password(connection, user_id, token_id))
        if found is None:
            raise unauthenticated()
        credential_id, hashed = found
        password = normal_password(text)
        if password is None or not await self._passwords.verify(hashed, password, _turn(call)):
            log.info("password_refused", request_id=call.request_id, user_id=ids.show(user_id))
            raise _refusal(ChangeOutcome.PASSWORD_CHANGED)
        return new_session(call.claims, credential_id, hashed)

    async def _renew(self, call: SignedInCall, session: NewSession, password: str, email: str, work: Work) -> Result:
        """Make a change, and answer with the token of the one session that goes on."""
        token, claims = self._tokens.make(session.user_id)
        asking = ChangeRequest(session, new_session(claims, session.credential_id, password), self._clock.now())
        _check(await self._identity.run(lambda connection: work(connection, asking)))
        await self._sessions.forget(call)
        await self._sessions.remember(token, claims, call.profile._replace(email=email))
        log.info("credential_changed", request_id=call.request_id, user_id=ids.show(session.user_id))
        return Result(LoginAnswer(token=token, lifetime_s=self._tokens.lifetime_s))


def _turn(call: SignedInCall) -> Turn:
    return Turn(account=call.claims.user_id.hex())


def _check(changed: ChangeOutcome) -> None:
    if changed is not ChangeOutcome.DONE:
        raise _refusal(changed)


def _refusal(changed: ChangeOutcome) -> Refusal:
    return _REFUSALS[changed]()
