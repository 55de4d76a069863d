"""Tokens: a session is a JWT, signed with HS256 and nothing else.

Claims: sub (user id) and jti (session id), both hyphenated UUIDs; iat and exp, Unix seconds. Keys rotate: the
first key signs, all verify, so a new key goes in front and the old one leaves when its tokens have expired.
"""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jwt

from shillings import ids
from shillings.errors import Code, Refusal

ALGORITHM = "HS256"
TOKEN_CHARACTERS_MAX = 1024
VERIFIED_MAX = 100_000


class Claims(NamedTuple):
    """What a valid token says. Ids are 16 bytes, times Unix seconds."""

    user_id: bytes
    token_id: bytes
    expires_at: int


def unauthenticated() -> Refusal:
    """The one answer to every token that is missing, wrong, expired or revoked."""
    return Refusal(Code.UNAUTHENTICATED, "Log in first: POST /v1/login, then send the cookie or the Bearer token.")


class Tokens:
    """Makes and verifies tokens.

    Args:
        keys: at least one secret; the first signs.
        lifetime_s: how long a token lives.
        now: Unix seconds.
    """

    def __init__(self, keys: list[str], lifetime_s: int, now: Callable[[], float] = time.time) -> None:
        assert keys, "at least one key"
        self._keys = keys
        self._now = now
        self.lifetime_s = lifetime_s
        self._verified: dict[str, Claims] = {}

    def make(self, user_id: bytes) -> tuple[str, Claims]:
        """A new token for a user, and what it says."""
        now = int(self._now())
        claims = Claims(user_id, ids.new_id(), now + self.lifetime_s)
        payload = {
            "sub": ids.show(claims.user_id),
            "jti": ids.show(claims.token_id),
            "iat": now,
            "exp": claims.expires_at,
        }
        return jwt.encode(payload, self._keys[0], algorithm=ALGORITHM), claims

    def verify(self, token: str) -> Claims:
        """The claims of a token. A token verified once is not verified again while it lives.

        Raises:
            Refusal: `unauthenticated`, the same for every reason.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decode(token)
            if len(self._verified) >= VERIFIED_MAX:
                self._verified.clear()
            self._verified[token] = claims
        if claims.expires_at <= self._now():
            self._verified.pop(token, None)
            raise unauthenticated()
        return claims

    def seconds_left(self, claims: Claims) -> int:
        """How long a session still lives; at least 0."""
        return max(0, int(claims.expires_at - self._now()))

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
                    options={"require": ["sub", "jti", "iat", "exp"], "verify_exp": False, "verify_iat": False},
                )
                expires_at = payload["exp"]
                if not isinstance(expires_at, int):
                    break
                return Claims(ids.read(payload["sub"]), ids.read(payload["jti"]), expires_at)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError):
                break
        raise unauthenticated()


def generated_key(path: Path) -> str:
    """The secret kept in a file; made, readable by its owner only, when there is none."""
    try:
        with open(path, "x", opener=_private) as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
