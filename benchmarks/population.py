"""The users of a benchmark: numbered, so that whoever knows a number knows the id and the email."""

from shillings.auth.tokens import Tokens
from shillings.base.environment import make_environment

BALANCE = 1_000_000_00
"""What everybody has at first, in minor units. Payments are of 1, so nobody's ever runs out."""

JWT_KEY = "for-benchmarks-only-and-no-longer-than-they-run"
"""What the measured servers sign sessions with, so that sessions can be made here."""

EMAIL = "user%07d@bench.example"
"""Everybody's email, with a place for the number."""

_ID_PREFIX = bytes.fromhex("01900000000070008000")
_TOKEN_LIFETIME_SECONDS = 86_400


def user_id(number: int) -> bytes:
    """The id of a numbered user: a UUIDv7 that ends with the number."""
    return _ID_PREFIX + number.to_bytes(6, "big")


def email(number: int) -> str:
    """The email of a numbered user; all have the same length."""
    return EMAIL % number


def make_tokens(count: int) -> list[str]:
    """A session for each of the first users, made as the service makes them, without a thousand logins."""
    tokens = Tokens([JWT_KEY], _TOKEN_LIFETIME_SECONDS, make_environment())
    return [tokens.make(user_id(number))[0] for number in range(count)]
