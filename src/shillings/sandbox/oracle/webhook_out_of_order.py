"""`webhook_out_of_order`: an older event of an object that was acted on after a newer one."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    known = {delivery.name: delivery for delivery in evidence.deliveries}
    latest: dict[bytes, int] = {}
    for request in evidence.requests:
        delivery = known.get(request.intent)
        if delivery is None or not request.writes or request.replayed:
            continue
        if delivery.sequence < latest.get(delivery.object_id, 0):
            yield Finding(
                DETECTOR.code,
                Confidence.SUSPECTED,
                f"Event {delivery.name} was acted on after a newer event of the same object.",
                (request.request_id,),
                deliveries=(delivery.event_id,),
            )
        latest[delivery.object_id] = max(delivery.sequence, latest.get(delivery.object_id, 0))


DETECTOR = Detector(
    code="webhook_out_of_order",
    severity=Severity.WARNING,
    seen="A request names an event as its intent (`Shillings-Intent`), after another has named a newer event "
    "of the same object.",
    costs="An old state overwrites a new one: what was captured looks open again, what was refunded looks paid.",
    hint="Keep the highest `sequence` of each object, and pass over events that are older; or read the object "
    "itself before acting.",
    example="""\
if event["data"]["sequence"] <= seen.get(event["data"]["object_id"], 0):
    return 200   # older than what is known""",
    detect=_detect,
)
