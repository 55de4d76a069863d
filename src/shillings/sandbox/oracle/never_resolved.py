"""`never_resolved`: an unknown outcome that nobody looked into."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity
from shillings.sandbox.oracle.unresolved import doubts


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for doubt in doubts(evidence):
        request = doubt.request
        if doubt.resolved_by is not None:
            continue
        done = "It was carried out." if request.transaction_id else "Whether it was carried out, its key would tell."
        yield Finding(
            DETECTOR.code,
            Confidence.CERTAIN,
            f"The outcome of a request was unknown to its client, who neither retried it with its key nor looked. "
            f"{done}",
            (request.request_id,),
            (request.transaction_id,) if request.transaction_id else (),
        )


DETECTOR = Detector(
    code="never_resolved",
    severity=Severity.WARNING,
    seen="A request that may have moved money got no answer, 500 or 504, and after it the client neither sent it again "
    "with the same `Idempotency-Key` (and got an answer) nor read its transactions.",
    costs="The order hangs: paid and not delivered, or delivered and not paid. Somebody finds out at the end of the "
    "month.",
    hint="Retry with the same key until there is an answer; or look the transaction up.",
    example="""\
try:
    answer = pay(order, key)
except httpx.TransportError:
    answer = retry_until_answered(order, key)      # the same key: it cannot pay twice""",
    detect=_detect,
)
