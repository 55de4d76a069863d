"""What becomes of one attempt to deliver."""

from enum import StrEnum
from typing import NamedTuple

ATTEMPT_SECONDS_MAX = 15.0
"""How long an attempt may take, from the name's lookup to the end of the answer."""


class AttemptOutcome(StrEnum):
    """How an attempt ended. Only `accepted` ends the delivery well."""

    ACCEPTED = "accepted"
    """The receiver answered 2xx."""

    GONE = "gone"
    """The receiver answered 410: it wants no more. The endpoint is switched off."""

    REJECTED = "rejected"
    """The receiver answered with another status; a redirect is one, and is not followed."""

    ADDRESS_REFUSED = "address_refused"
    """The name leads only to addresses to which deliveries never go. Nothing was sent."""

    UNREACHABLE = "unreachable"
    """The name has no address, nobody listens there, or TLS failed. Nothing was sent."""

    TIMED_OUT = "timed_out"
    """No whole answer within ATTEMPT_SECONDS_MAX."""

    BROKEN = "broken"
    """The connection broke, or what came back is not HTTP."""

    DROPPED = "dropped"
    """Lost on purpose, by a fault. Nothing was sent."""


class Attempt(NamedTuple):
    """One attempt's end.

    Args:
        outcome: how it ended.
        status: the HTTP status; 0 when there was no answer.
        answer: the beginning of the answer's body.
        retry_after_s: what the receiver asked for; 0 for nothing.
        detail: a sentence for people when there was no answer.
        took_ms: how long it took.
    """

    outcome: AttemptOutcome
    status: int = 0
    answer: bytes = b""
    retry_after_s: float = 0.0
    detail: str = ""
    took_ms: int = 0


def outcome_of(status: int) -> AttemptOutcome:
    """What a status means.

    >>> [outcome_of(status).value for status in (200, 204, 302, 410, 500)]
    ['accepted', 'accepted', 'rejected', 'gone', 'rejected']
    """
    if 200 <= status < 300:
        return AttemptOutcome.ACCEPTED
    return AttemptOutcome.GONE if status == 410 else AttemptOutcome.REJECTED
