"""Sessions: logging in, knowing who asks, logging out.

Whether a session is revoked is decided by the database, in the same database transaction that reads or moves the
money. What the process and the cache remember only spares the database the profile, and refuses most revoked sessions
early. So whatever they forget or fail to hear, a revoked session does nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import structlog

from shillings.app.call import Call, Result, SignedInCall
from shillings.app.identity import canonical_email, normal_password
from shillings.auth.passwords import Passwords
from shillings.auth.pseudonyms import Pseudonyms
from shillings.auth.tokens import Claims, Tokens, unauthenticated
from shillings.base import ids
from shillings.base.batching import Batcher, MakeBatcher, at_once
from shillings.base.bounded import BoundedMap
from shillings.base.clock import Clock
from shillings.base.errors import Code, Refusal
from shillings.base.limits import EMAIL_CHARACTERS_MAX, TOKENS_TRIED_MAX
from shillings.cache.interface import TOMBSTONE, SessionCache
from shillings.contract.shillings_pb2 import LoginAnswer, LoginRequest, LogoutAnswer, LogoutRequest
from shillings.storage import sessions as stored
from shillings.storage.executor import Executor
from shillings.storage.sessions import Credential, NewSession, Profile, SessionLookup

REMEMBERED_MAX = 100_000
"""Sessions that a process remembers, the newest. They are forgotten when they are over or the limit is reached."""

REMEMBERED_BYTES_MAX = 32 << 20
"""How much memory their tokens take."""

log = structlog.get_logger(__name__)


class Session(NamedTuple):
    """What a process remembers of a session.

    Args:
        claims: what its token says. Remembered, a token need not be verified again.
        profile: whose it is; None once it is revoked.
    """

    claims: Claims
    profile: Profile | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Profile)


class Sessions:
    """Everything about sessions.

    Args:
        tokens: makes and verifies JWTs.
        passwords: verifies passwords.
        cache: the profiles of sessions.
        identity: the executor for credentials and revocations.
        clock: the time of logins.
        make_batcher: batches lookups and logins.
        lookup_counter: counts lookups by where the profile was found.
        pseudonyms: names accounts in the log.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        passwords: Passwords,
        cache: SessionCache,
        identity: Executor,
        clock: Clock,
        make_batcher: MakeBatcher,
        lookup_counter: Callable[[str], Callable[[], None]],
        pseudonyms: Pseudonyms,
    ) -> None:
        self._pseudonyms = pseudonyms
        self._tokens = tokens
        self._passwords = passwords
        self._cache = cache
        self._identity = identity
        self._clock = clock
        self._found_in_process = lookup_counter("process")
        self._found_in_cache = lookup_counter("cache")
        self._found_in_database = lookup_counter("database")
        self._remembered: BoundedMap[str, Session] = BoundedMap(
            entries_max=REMEMBERED_MAX, key_bytes_max=REMEMBERED_BYTES_MAX
        )

        self._lookups: Batcher[Claims, Profile | None] = make_batcher("sessions", at_once(self._look_up))
        self._credentials: Batcher[str, Credential | None] = make_batcher(
            "credentials", at_once(self._find_credentials)
        )
        self._logins: Batcher[NewSession, bool] = make_batcher("logins", at_once(self._open))

    async def log_in(self, call: Call, request: LoginRequest) -> Result:
        """Check a password and open a session. Unknown user and wrong password are answered alike, as late."""
        refusal = Refusal(Code.UNAUTHENTICATED, "Email or password is wrong.")
        password = normal_password(request.password)
        if password is None:
            raise refusal  # At once, whoever has the email: so long a password is nobody's.
        email = request.email[:EMAIL_CHARACTERS_MAX]
        try:
            email = canonical_email(request.email)
            credential = await self._credentials.submit(email, call.deadline)
        except Refusal as error:
            if error.code != Code.INVALID_REQUEST:
                raise
            credential = None
        right = await self._passwords.verify(credential.password if credential else None, password, call.turn)
        if credential is None or not right:
            account = self._pseudonyms.of(email)
            log.info("login_refused", request_id=call.request_id, account=account, address=call.turn.address)
            raise refusal
        token, claims = self._tokens.make(credential.profile.user_id)
        opened = new_session(claims, credential.credential_id, credential.password)
        if not await self._logins.submit(opened, call.deadline):
            raise refusal  # The password was changed while it was verified.
        await self.remember(token, claims, credential.profile)
        log.info("login", request_id=call.request_id, user_id=ids.show(claims.user_id))
        return Result(LoginAnswer(token=token, lifetime_s=self._tokens.lifetime_s))

    async def remember(self, token: str, claims: Claims, profile: Profile) -> None:
        """Keep the profile of a session that was just opened where the next request looks for it."""
        self._remembered[token] = Session(claims, profile)
        await self._cache.fill([self._entry(claims, profile)])

    async def forget(self, call: SignedInCall) -> None:
        """Let nobody find the profile of a session that was just revoked."""
        self._remembered[call.token] = Session(call.claims, None)
        await self._cache.revoke(call.claims.token_id, self._tokens.seconds_left(call.claims))

    async def signed_in(self, call: Call) -> SignedInCall:
        """Find out who asks.

        Raises:
            Refusal: `unauthenticated`: no valid token, or a revoked session.
        """
        token = call.token
        if " " in token:
            return await self._signed_in_with_one(call)
        session = self._remembered.get(token)
        if session is None:
            claims = self._tokens.verify(token)
            session = Session(claims, await self._lookups.submit(claims, call.deadline))
            if self._tokens.is_over(claims):
                raise unauthenticated()
            # Unless it was revoked in the meantime, which is not to be forgotten.
            if session.profile is not None and token not in self._remembered:
                self._remembered[token] = session
        elif self._tokens.is_over(session.claims):
            self._remembered.pop(token)
            raise unauthenticated()
        else:
            self._found_in_process()
        if session.profile is None:
            raise unauthenticated()
        return SignedInCall(
            call.request_id,
            call.deadline,
            call.idempotency_key,
            session.claims,
            session.profile,
            token=token,
            sandbox_options=call.sandbox_options,
            record=call.record,
        )

    async def _signed_in_with_one(self, call: Call) -> SignedInCall:
        """Find out who asks with several tokens, of which one is ours: the first that is good counts."""
        for token in call.token.split(" ")[:TOKENS_TRIED_MAX]:
            try:
                return await self.signed_in(call._replace(token=token))
            except Refusal as refusal:
                if refusal.code is not Code.UNAUTHENTICATED:
                    raise
        raise unauthenticated()

    def forget_all(self) -> None:
        """Forget every session: another epoch has begun."""
        self._remembered.clear()

    async def log_out(self, call: SignedInCall, _request: LogoutRequest) -> Result:
        """Revoke the session everywhere, at once."""
        await self.end(call)
        return Result(LogoutAnswer())

    async def end(self, call: SignedInCall) -> None:
        """End the caller's session, whoever wants that."""
        claims = call.claims
        expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
        await self._identity.run(lambda connection: stored.revoke(connection, claims.token_id, expires_at))
        await self.forget(call)
        log.info("logout", request_id=call.request_id, user_id=ids.show(claims.user_id))

    async def _look_up(self, claims_list: list[Claims]) -> list[Profile | None]:
        """Profiles from the cache, the rest from the database; what the database told goes into the cache."""
        entries = await self._cache.get([claims.token_id for claims in claims_list])
        found = [_profile(entry, claims) for entry, claims in zip(entries, claims_list, strict=True)]
        missing = [
            claims
            for claims, profile, entry in zip(claims_list, found, entries, strict=True)
            if profile is None and entry != TOMBSTONE
        ]
        for _ in range(len(claims_list) - len(missing)):
            self._found_in_cache()
        if not missing:
            return found
        for _ in missing:
            self._found_in_database()
        wanted = [SessionLookup(claims.user_id, claims.token_id) for claims in missing]
        profiles = await self._identity.run(lambda connection: stored.find_profiles(connection, wanted))
        told = {claims.token_id: profile for claims, profile in zip(missing, profiles, strict=True)}
        await self._cache.fill(
            [
                self._entry(claims, profile)
                for claims, profile in zip(missing, profiles, strict=True)
                if profile is not None
            ]
        )
        return [profile or told.get(claims.token_id) for profile, claims in zip(found, claims_list, strict=True)]

    def _entry(self, claims: Claims, profile: Profile) -> tuple[bytes, bytes, int]:
        """A cache entry. Its time to live ends when the token does."""
        return claims.token_id, _encoder.encode(profile), self._tokens.seconds_left(claims)

    async def _find_credentials(self, emails: list[str]) -> list[Credential | None]:
        return await self._identity.run(lambda connection: stored.find_credentials(connection, emails))

    async def _open(self, opened: list[NewSession]) -> list[bool]:
        moment = self._clock.now()
        return await self._identity.run(lambda connection: stored.open_sessions(connection, opened, moment))


def new_session(claims: Claims, credential_id: bytes, password: str) -> NewSession:
    """What is stored of a session, with the hash that the password was checked against."""
    expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
    return NewSession(claims.token_id, claims.user_id, expires_at, credential_id, password)


def _profile(entry: bytes | None, claims: Claims) -> Profile | None:
    """The profile in a cache entry, if it is one, and this user's."""
    if entry is None or entry == TOMBSTONE:
        return None
    try:
        profile = _decoder.decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return profile if profile.user_id == claims.user_id else None
