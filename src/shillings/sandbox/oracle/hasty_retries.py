"""`hasty_retries`: the same request again and again, without waiting."""

from collections.abc import Iterator
from itertools import pairwise

from shillings.sandbox.oracle.evidence import BUSY_CODES, Evidence, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity

HASTY_SECONDS = 0.05
HASTY_MIN = 2
"""How many retries must have come too soon: one may be a person who clicks."""


def _detect(evidence: Evidence) -> Iterator[Finding]:
    tries: dict[tuple[bytes, bytes, str, bytes, str], list[LoggedRequest]] = {}
    for request in evidence.requests:
        same = request.user_id, request.session, request.command, request.body, request.key
        tries.setdefault(same, []).append(request)
    for requests in tries.values():
        hasty = [later for before, later in pairwise(requests) if _too_soon(before, later)]
        if len(hasty) >= HASTY_MIN:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"A request was repeated {len(hasty)} times sooner than its refusal had asked for.",
                tuple(request.request_id for request in requests),
            )


def _too_soon(before: LoggedRequest, later: LoggedRequest) -> bool:
    if before.code not in BUSY_CODES and not before.is_unknown:
        return False
    # A little less than asked for is forgiven: clocks differ.
    wanted = max(HASTY_SECONDS, 0.9 * before.retry_after_s)
    return later.received_s - before.answered_s < wanted


DETECTOR = Detector(
    code="hasty_retries",
    severity=Severity.NOTICE,
    seen="After 429, 503 or no answer, the same request came again at once, several times: sooner than "
    "`Retry-After` asked "
    "for, or within 50 ms where nothing was asked.",
    costs="When a service is down, clients that retry at once keep it down.",
    hint="Wait as long as Retry-After says; otherwise double the pause with each try, and add some chance to it.",
    example="""\
pause = float(answer.headers.get("Retry-After", 0)) or min(30, 0.2 * 2 ** attempt)
time.sleep(pause * random.uniform(0.8, 1.2))""",
    detect=_detect,
)
