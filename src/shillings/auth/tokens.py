"""Tokens: a session is a JWT, signed with HS256 and nothing else.

Claims: iss and aud, which say that a token was made by Shillings and for it; sub (user id) and jti (session id), both
hyphenated UUIDs; iat and exp, Unix seconds. Keys rotate: the first key signs, all verify, so a new key goes in front
and the old one leaves when its tokens have expired.
"""

from typing import NamedTuple

import jwt

from shillings.base import ids
from shillings.base.environment import Environment
from shillings.base.epoch import Epoch
from shillings.base.errors import Code, Refusal
from shillings.base.limits import TOKEN_CHARACTERS_MAX

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "shillings"


class Claims(NamedTuple):
    """What a valid token says. Ids are 16 bytes, times Unix seconds; the epoch is that in which it was made."""

    user_id: bytes
    token_id: bytes
    expires_at: int
    epoch: int = 0


def unauthenticated() -> Refusal:
    """The one answer to every token that is missing, wrong, expired or revoked."""
    return Refusal(Code.UNAUTHENTICATED, "Log in first: there is no session, or it is over.")


class Tokens:
    """Makes and verifies tokens.

    Args:
        keys: at least one secret; the first signs.
        lifetime_s: how long a token lives.
        environment: the time by which tokens age, and their ids.
        epoch: which life of the books this is; a token of another one is over.
    """

    def __init__(self, keys: list[str], lifetime_s: int, environment: Environment, epoch: Epoch | None = None) -> None:
        assert keys, "at least one key"
        self._keys = keys
        self._clock = environment.clock
        self._ids = environment.ids
        self.lifetime_s = lifetime_s
        self._epoch = epoch or Epoch()

    def make(self, user_id: bytes) -> tuple[str, Claims]:
        """A new token for a user, and what it says."""
        now = self._clock.unix_ms() // 1000
        claims = Claims(user_id, self._ids.new(), now + self.lifetime_s, self._epoch.number)
        payload: dict[str, str | int] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": ids.show(claims.user_id),
            "jti": ids.show(claims.token_id),
            "iat": now,
            "exp": claims.expires_at,
        }
        if claims.epoch:
            payload["epoch"] = claims.epoch
        return jwt.encode(payload, self._keys[0], algorithm=ALGORITHM), claims

    def verify(self, token: str) -> Claims:
        """The claims of a token that is ours and not over.

        Raises:
            Refusal: `unauthenticated`, the same for every reason.
        """
        claims = self._decode(token)
        if self.is_over(claims):
            raise unauthenticated()
        return claims

    def is_over(self, claims: Claims) -> bool:
        """Whether a session has expired, or is of another epoch of the books."""
        return claims.expires_at * 1000 <= self._clock.unix_ms() or claims.epoch != self._epoch.number

    def seconds_left(self, claims: Claims) -> int:
        """How long a session still lives; at least 0."""
        return max(0, (claims.expires_at * 1000 - self._clock.unix_ms()) // 1000)

    def _decode(self, token: str) -> Claims:
        if not token or len(token) > TOKEN_CHARACTERS_MAX:
            raise unauthenticated()
        for key in self._keys:
            try:
                # Times are judged by our own clock, in verify; the library only checks that they are there.
                payload = jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    issuer=ISSUER,
                    audience=AUDIENCE,
                    options={
                        "require": ["iss", "aud", "sub", "jti", "iat", "exp"],
                        "verify_exp": False,
                        "verify_iat": False,
                        "strict_aud": True,
                    },
                )
                expires_at = payload["exp"]
                if not isinstance(expires_at, int):
                    break
                return Claims(ids.read(payload["sub"]), ids.read(payload["jti"]), expires_at, payload.get("epoch", 0))
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError):
                break
        raise unauthenticated()
