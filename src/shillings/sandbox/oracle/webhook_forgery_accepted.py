"""`webhook_forgery_accepted`: a webhook whose signature must not be accepted, and was."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity

SPOILT = frozenset({"bad_signature", "stale_timestamp"})


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for delivery in evidence.deliveries:
        for attempt in delivery.attempts:
            if attempt.outcome == "accepted" and attempt.fault.partition(";")[0] in SPOILT:
                yield Finding(
                    DETECTOR.code,
                    Confidence.CERTAIN,
                    f"Event {delivery.name} was accepted with {attempt.fault}.",
                    deliveries=(delivery.event_id,),
                )


DETECTOR = Detector(
    code="webhook_forgery_accepted",
    severity=Severity.CRITICAL,
    seen="An attempt with a signature that is wrong, malformed or missing, or with an old timestamp, was "
    "answered with 2xx.",
    costs="Anybody can tell the client that it was paid.",
    hint="Verify the signature over the bytes as they came, and the timestamp, before anything else; answer "
    "401 when they are wrong.",
    example="""\
def hook(request):
    try:
        event = Webhook(SECRET).verify(request.body, request.headers)
    except WebhookVerificationError:
        return 401""",
    detect=_detect,
)
