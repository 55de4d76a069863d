"""What became of requests whose outcome their client does not know: retried with the key, looked up, or left alone."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from shillings.sandbox.oracle.evidence import Evidence, LoggedRequest

AGAIN_MAX = 20
"""Equal requests after a doubtful one that are looked at: a thousand lost tries of one thing must not be compared each
with each. Of a longer row of tries the later ones tell the rest."""

_TELL_NOTHING = frozenset({"unauthenticated", "unavailable", "overloaded", "rate_limited"})


class Doubt(NamedTuple):
    """One request of unknown outcome, and what its user did afterwards.

    Args:
        request: the one whose answer never came.
        resolved_by: the first request after it that told the client what had become of it; None when none did.
        sent_again: equal requests that were sent with another key, or none, while the client did not know.
    """

    request: LoggedRequest
    resolved_by: LoggedRequest | None
    sent_again: Sequence[LoggedRequest]


def doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Every request whose outcome its client does not know."""
    for requests in evidence.by_user().values():
        equal: dict[tuple[str, bytes], list[int]] = {}
        """Of equal requests the places, in order."""
        place = []
        for at, request in enumerate(requests):
            same = equal.setdefault((request.command, request.body), [])
            place.append(len(same))
            same.append(at)
        found = []
        for at, resolved_at in _resolved(requests, evidence.lookups):
            request = requests[at]
            same = equal[request.command, request.body]
            ends = len(requests) if resolved_at is None else resolved_at
            later = (requests[one] for one in islice(same, place[at] + 1, place[at] + 1 + AGAIN_MAX) if one < ends)
            again = [one for one in later if not _meant_otherwise(one, request) and not _is_retry(one, request)]
            found.append(Doubt(request, None if resolved_at is None else requests[resolved_at], again))
        yield from reversed(found)


def _resolved(requests: Sequence[LoggedRequest], lookups: frozenset[str]) -> Iterator[tuple[int, int | None]]:
    """The place of each request of unknown outcome, the last first, and of the one that told what had become of it."""
    looked_up: int | None = None
    answered: dict[tuple[str, str], int] = {}
    """By command and key the next request that was answered."""
    for at in range(len(requests) - 1, -1, -1):
        request = requests[at]
        if request.is_unknown and request.takes_key:
            retried = answered.get((request.command, request.key)) if request.key else None
            yield at, min((one for one in (looked_up, retried) if one is not None), default=None)
        if not request.is_unknown and request.code not in _TELL_NOTHING:
            if request.command in lookups:
                looked_up = at
            if request.key:
                answered[request.command, request.key] = at


def _is_retry(one: LoggedRequest, first: LoggedRequest) -> bool:
    return bool(one.key) and one.key == first.key


def _meant_otherwise(one: LoggedRequest, first: LoggedRequest) -> bool:
    return bool(one.intent and first.intent) and one.intent != first.intent
