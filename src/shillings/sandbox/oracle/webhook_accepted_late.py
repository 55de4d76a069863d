"""`webhook_accepted_late`: an event that was accepted only after the endpoint had failed."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for delivery in evidence.deliveries:
        # What was dropped or spoilt on purpose is no failure of the receiver's.
        failures = [one for one in delivery.attempts if one.outcome not in ("accepted", "dropped") and not one.fault]
        if delivery.state == "delivered" and failures:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"Event {delivery.name} was accepted after {len(failures)} failures.",
                deliveries=(delivery.event_id,),
            )


DETECTOR = Detector(
    code="webhook_accepted_late",
    severity=Severity.NOTICE,
    seen="An event was accepted, after one or more attempts to which the endpoint gave no 2xx.",
    costs="Each failure delays the event by minutes and then hours; after three days nothing more comes.",
    hint="Let the endpoint do nothing that can fail but store the event.",
    example="""\
def hook(request):
    event = verify(request)
    inbox.insert_if_new(event["id"], event)   # one statement
    return 200""",
    detect=_detect,
)
