"""`pending_taken_for_money`: a top-up's answer was taken for its money."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Delivery, Evidence, LoggedRequest
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    told = {one.object_id for one in evidence.deliveries if _says_how_it_ended(one)}
    for requests in evidence.by_user().values():
        unseen: LoggedRequest | None = None
        for request in requests:
            if request.transaction_id in evidence.pending_topups:
                unseen = None if request.transaction_id in told else unseen or request
            elif not request.writes and request.code == "ok":
                # Whatever was read, the client had a look before it went on.
                unseen = None
            elif unseen is not None and request.code == "insufficient_funds":
                yield Finding(
                    DETECTOR.code,
                    Confidence.SUSPECTED,
                    "A payment was refused for lack of money. It came after a top-up that was pending, and in between "
                    "the client did not look whether the money was there.",
                    (unseen.request_id, request.request_id),
                    (unseen.transaction_id,),
                )
                unseen = None


def _says_how_it_ended(delivery: Delivery) -> bool:
    # What is told first of a pending top-up is that it is pending.
    return delivery.sequence > 1 and any(attempt.outcome == "accepted" for attempt in delivery.attempts)


DETECTOR = Detector(
    code="pending_taken_for_money",
    severity=Severity.WARNING,
    seen="A top-up was pending; the client read neither its `status` nor the account, was told nothing by a webhook, "
    "and sent a payment, which was refused with `insufficient_funds`.",
    costs="The customer is told that the money is there, and the purchase fails; where the shop keeps its own balance, "
    "goods are sent for money that comes days later, or never.",
    hint="Take a top-up for money when its `status` is `succeeded`: read it, or wait for `topup.succeeded`.",
    example="""\
topup = top_up(amount, key)
if status_of(topup) == "pending":
    wait_for_event("topup.succeeded", topup)       # or ask again later; it may also be returned
pay(order, key)""",
    detect=_detect,
)
