"""`key_changed`: a retry with another idempotency key, or without one."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity
from shillings.sandbox.oracle.unresolved import doubts


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for doubt in doubts(evidence):
        first, again = doubt.request, next(iter(doubt.sent_again), None)
        if again is None:
            continue
        sure = bool(first.intent) and again.intent == first.intent
        how = "with another idempotency key" if again.key else "without an idempotency key"
        yield Finding(
            DETECTOR.code,
            Confidence.CERTAIN if sure else Confidence.SUSPECTED,
            f"The outcome of a request was unknown, and the same was asked again {how}.",
            (first.request_id, again.request_id),
        )


DETECTOR = Detector(
    code="key_changed",
    severity=Severity.WARNING,
    seen="After an outcome that the client could not know (no answer, 500, 504) an equal request came with another "
    "`Idempotency-Key`, or with none.",
    costs="The service cannot tell a retry from a second order. If the first request was carried out, the second "
    "one is "
    "too; this time it may have gone well.",
    hint="A key belongs to the intent, not to the HTTP call: make it once, outside of the retry loop.",
    example="""\
# wrong: a new key for each try
retry(lambda: http.post("/v1/pay", json=payment, headers={"Idempotency-Key": str(uuid4())}))

# right
key = str(uuid4())
retry(lambda: http.post("/v1/pay", json=payment, headers={"Idempotency-Key": key}))""",
    detect=_detect,
)
