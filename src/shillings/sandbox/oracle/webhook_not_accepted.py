"""`webhook_not_accepted`: an event that the client's endpoint never took."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for delivery in evidence.deliveries:
        failures = [attempt for attempt in delivery.attempts if attempt.outcome != "dropped"]
        if delivery.state != "delivered" and failures:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"Event {delivery.name} was sent {len(failures)} times and never accepted.",
                deliveries=(delivery.event_id,),
            )


DETECTOR = Detector(
    code="webhook_not_accepted",
    severity=Severity.WARNING,
    seen="An event was sent, and until the audit no attempt was answered with 2xx.",
    costs="What happened is not known where it matters: an order is paid and not shipped, or refunded and still "
    "shipped.",
    hint="Answer 2xx as soon as the event is stored, and handle it afterwards; look at the answers that the "
    "attempts got.",
    example="""\
def hook(request):
    event = verify(request)
    queue.put(event)      # durable
    return 200            # then work on it""",
    detect=_detect,
)
