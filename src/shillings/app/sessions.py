"""Sessions: logging in, knowing who asks, logging out.

Whether a session is revoked is decided by the database, in the same visit that reads or moves the money. The cache
only spares the database the profile, and turns most revoked sessions away early. So whatever the cache forgets or
fails to hear, a revoked session does nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog

from shillings import ids
from shillings.app.call import Call
from shillings.app.identity import canonical_email, normal_password
from shillings.auth.passwords import Passwords
from shillings.auth.tokens import Claims, Tokens, unauthenticated
from shillings.batching import Batcher, MakeBatcher, at_once
from shillings.cache.interface import TOMBSTONE, SessionCache
from shillings.errors import Code, Refusal
from shillings.storage import sessions as stored
from shillings.storage.lanes import Lane
from shillings.storage.sessions import Credential, Profile, SessionLook
from shillings.wire.shillings_pb2 import LoginAnswer, LoginRequest, LogoutAnswer, LogoutRequest

KNOWN_MAX = 100_000
"""Sessions whose profile a process remembers. They are dropped when they expire or the limit is reached."""

log = structlog.get_logger(__name__)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Profile)


class Sessions:
    """Everything about sessions.

    Args:
        tokens: makes and verifies JWTs.
        passwords: verifies passwords.
        cache: the profiles of sessions.
        identity: the lane for credentials and revocations.
        clock: the current time in UTC.
        make_batcher: gathers look-ups and logins into visits.
        look_counter: counts look-ups by where the profile was found.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        passwords: Passwords,
        cache: SessionCache,
        identity: Lane,
        clock: Callable[[], datetime],
        make_batcher: MakeBatcher,
        look_counter: Callable[[str], Callable[[], None]],
    ) -> None:
        self._tokens = tokens
        self._passwords = passwords
        self._cache = cache
        self._identity = identity
        self._clock = clock
        self._found_in_process = look_counter("process")
        self._found_in_cache = look_counter("cache")
        self._found_in_database = look_counter("database")
        self._known: dict[bytes, Profile] = {}

        self._looks: Batcher[Claims, Profile | None] = make_batcher("sessions", at_once(self._look_up))
        self._credentials: Batcher[str, Credential | None] = make_batcher(
            "credentials", at_once(self._find_credentials)
        )
        self._logins: Batcher[bytes, None] = make_batcher("logins", at_once(self._note_logins))

    async def log_in(self, call: Call, request: LoginRequest) -> LoginAnswer:
        """Check a password and open a session. Unknown user and wrong password look the same and take as long."""
        refusal = Refusal(Code.UNAUTHENTICATED, "Email or password is wrong.")
        try:
            email = canonical_email(request.email)
            credential = await self._credentials.submit(email, call.deadline)
        except Refusal as error:
            if error.code != Code.INVALID_REQUEST:
                raise
            credential = None
        right = await self._passwords.verify(
            credential.password if credential else None, normal_password(request.password)
        )
        if credential is None or not right:
            log.info("login_refused", request_id=call.request_id)
            raise refusal
        await self._logins.submit(credential.credential_id, call.deadline)
        token, claims = self._tokens.make(credential.profile.user_id)
        await self._cache.fill([self._entry(claims, credential.profile)])
        log.info("login", request_id=call.request_id, user_id=ids.show(claims.user_id))
        return LoginAnswer(token=token, lifetime_s=self._tokens.lifetime_s)

    async def signed_in(self, call: Call) -> None:
        """Find out who asks, and set `call.claims` and `call.profile`.

        Raises:
            Refusal: `unauthenticated`: no valid token, or a revoked session.
        """
        call.claims = claims = self._tokens.verify(call.token)
        profile = self._known.get(claims.token_id)
        if profile is None:
            profile = await self._looks.submit(claims, call.deadline)
            if profile is None:
                raise unauthenticated()
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[claims.token_id] = profile
        else:
            self._found_in_process()
        call.profile = profile

    async def log_out(self, call: Call, _request: LogoutRequest) -> LogoutAnswer:
        """Revoke the session everywhere, at once."""
        claims = call.claims
        expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
        await self._identity.run(lambda session: stored.revoke(session, claims.token_id, expires_at))
        await self._cache.bury(claims.token_id, self._tokens.seconds_left(claims))
        self._known.pop(claims.token_id, None)
        log.info("logout", request_id=call.request_id, user_id=ids.show(claims.user_id))
        return LogoutAnswer()

    async def _look_up(self, looks: list[Claims]) -> list[Profile | None]:
        """Profiles from the cache, the rest from the database; what the database told goes into the cache."""
        entries = await self._cache.get([claims.token_id for claims in looks])
        found = [_profile(entry, claims) for entry, claims in zip(entries, looks, strict=True)]
        missing = [
            claims
            for claims, profile, entry in zip(looks, found, entries, strict=True)
            if profile is None and entry != TOMBSTONE
        ]
        for _ in range(len(looks) - len(missing)):
            self._found_in_cache()
        if not missing:
            return found
        for _ in missing:
            self._found_in_database()
        wanted = [SessionLook(claims.user_id, claims.token_id) for claims in missing]
        profiles = await self._identity.run(lambda session: stored.find_profiles(session, wanted))
        told = {claims.token_id: profile for claims, profile in zip(missing, profiles, strict=True)}
        await self._cache.fill(
            [
                self._entry(claims, profile)
                for claims, profile in zip(missing, profiles, strict=True)
                if profile is not None
            ]
        )
        return [profile or told.get(claims.token_id) for profile, claims in zip(found, looks, strict=True)]

    def _entry(self, claims: Claims, profile: Profile) -> tuple[bytes, bytes, int]:
        """A cache entry. Its time to live ends when the token does."""
        return claims.token_id, _encoder.encode(profile), self._tokens.seconds_left(claims)

    async def _find_credentials(self, emails: list[str]) -> list[Credential | None]:
        return await self._identity.run(lambda session: stored.find_credentials(session, emails))

    async def _note_logins(self, credential_ids: list[bytes]) -> list[None]:
        moment = self._clock()
        return await self._identity.run(lambda session: stored.note_logins(session, credential_ids, moment))


def _profile(entry: bytes | None, claims: Claims) -> Profile | None:
    """The profile in a cache entry, if it is one, and this user's."""
    if entry is None or entry == TOMBSTONE:
        return None
    try:
        profile = _decoder.decode(entry)
    except msgspec.DecodeError:
        return None
    return profile if profile.user_id == claims.user_id else None
