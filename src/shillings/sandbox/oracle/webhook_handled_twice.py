"""`webhook_handled_twice`: an event that was delivered more than once, and acted on more than once."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    repeated = {delivery.name: delivery.event_id for delivery in evidence.deliveries if delivery.copies > 1}
    done: dict[str, list[LoggedRequest]] = {}
    for one in evidence.requests:
        if one.intent in repeated and one.transaction_id and not one.replayed and one.code == "ok":
            done.setdefault(one.intent, []).append(one)
    for name, acts in sorted(done.items()):
        event_id = repeated[name]
        if len({one.transaction_id for one in acts}) > 1:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"Event {name} was delivered more than once, and {len(acts)} transactions were made because of it.",
                tuple(one.request_id for one in acts),
                tuple(dict.fromkeys(one.transaction_id for one in acts)),
                deliveries=(event_id,),
            )


DETECTOR = Detector(
    code="webhook_handled_twice",
    severity=Severity.CRITICAL,
    seen="An event arrived more than once, and several transactions name it as their intent (`Shillings-Intent`).",
    costs="Whatever the client does for an event it does twice: it pays out, refunds or ships twice.",
    hint="Remember the ids of the events that were handled, in the same database transaction as what they led "
    "to; and send the event's id as the idempotency key.",
    example="""\
with database.transaction():
    if not handled.insert_if_new(event_id):
        return 200
    pay(..., idempotency_key=event_id, intent=event_id)""",
    detect=_detect,
)
