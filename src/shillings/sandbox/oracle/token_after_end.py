"""`token_after_end`: a session that is over, used on."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    good: dict[bytes, bool] = {}
    refused: dict[bytes, list[LoggedRequest]] = {}
    for request in evidence.requests:
        if not request.session:
            continue
        if request.code == "unauthenticated":
            if request.session in good:
                refused.setdefault(request.session, []).append(request)
        else:
            good[request.session] = good.get(request.session, False) or request.command in evidence.logouts
    for session, requests in refused.items():
        # The first refusal is how one learns that a session has expired. After a log-out, nobody needs to learn it.
        if good[session] or len(requests) > 1:
            why = "had logged out" if good[session] else "had been told that it was over"
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"A session was used {len(requests)} times after it was over; its client {why}.",
                tuple(request.request_id for request in requests),
            )


DETECTOR = Detector(
    code="token_after_end",
    severity=Severity.WARNING,
    seen="A token that had been good before was refused (401), and the client went on using it; or it was used after "
    "its own log-out.",
    costs="The customer pays, is told that it failed, and tries elsewhere. A client that does not take 401 for an "
    "answer "
    "also keeps tokens it should have forgotten.",
    hint="On 401 log in again, once, and repeat the request with its idempotency key; after a log-out forget the "
    "token.",
    example="""\
answer = send(request, token)
if answer.status_code == 401:
    token = log_in()
    answer = send(request, token)                  # the same Idempotency-Key""",
    detect=_detect,
)
