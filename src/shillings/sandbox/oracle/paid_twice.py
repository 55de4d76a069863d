"""`paid_twice`: one intent, two payments."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity
from shillings.sandbox.oracle.unresolved import doubts


def _detect(evidence: Evidence) -> Iterator[Finding]:
    seen = set()
    for finding in [*_by_intent(evidence), *_after_doubt(evidence)]:
        if finding.transactions not in seen:
            seen.add(finding.transactions)
            yield finding


def _by_intent(evidence: Evidence) -> Iterator[Finding]:
    """What the client said it meant once was done more than once."""
    made: dict[tuple[bytes, str, str], dict[bytes, LoggedRequest]] = {}
    for request in evidence.requests:
        if request.intent and request.takes_key and request.transaction_id:
            group = made.setdefault((request.user_id, request.command, request.intent), {})
            group.setdefault(request.transaction_id, request)
    for (_, _, intent), group in made.items():
        if len(group) > 1:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"The intent {intent!r} was carried out {len(group)} times.",
                tuple(request.request_id for request in group.values()),
                tuple(group),
            )


def _after_doubt(evidence: Evidence) -> Iterator[Finding]:
    """An answer was lost, and the same was asked again in a way that pays again."""
    for doubt in doubts(evidence):
        first = doubt.request
        again = [one for one in doubt.sent_again if one.transaction_id not in (b"", first.transaction_id)]
        if first.transaction_id and again:
            sure = bool(first.intent) and all(one.intent == first.intent for one in again)
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN if sure else Confidence.SUSPECTED,
                "The answer to a request was lost after it was carried out; the same was then asked again, not with "
                "its "
                "idempotency key, and carried out again.",
                (first.request_id, *(one.request_id for one in again)),
                (first.transaction_id, *(one.transaction_id for one in again)),
            )


DETECTOR = Detector(
    code="paid_twice",
    severity=Severity.CRITICAL,
    seen="One intent of the client's led to two transactions. With `Shillings-Intent` this is certain. Without it the "
    "oracle suspects it only where the outcome of a request was unknown to the client, and an equal request followed "
    "that was not a retry with the same `Idempotency-Key`. Two equal payments that were both answered are two coffees.",
    costs="The customer is charged twice. It shows up as a complaint, a refund and a fee, and it happens on the "
    "days on "
    "which the network is bad for everybody at once.",
    hint="Make the idempotency key before the first try, keep it with the order, and send every retry with it.",
    example="""\
key = order.idempotency_key or order.save_key(str(uuid4()))   # before the first try, and kept
for attempt in range(5):
    try:
        answer = http.post("/v1/pay", json=payment, headers={"Idempotency-Key": key})
    except httpx.TransportError:
        continue                                              # unknown: the same key tells the truth
    if answer.status_code not in (500, 503, 504):
        break""",
    detect=_detect,
)
