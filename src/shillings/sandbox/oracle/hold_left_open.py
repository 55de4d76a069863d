"""`hold_left_open`: reserved money that nobody captured or released."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity

_LEFT = {"open": "is still open", "expired": "ran out"}


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for hold in evidence.holds:
        if hold.status in _LEFT:
            yield Finding(
                DETECTOR.code,
                Confidence.CERTAIN,
                f"A hold was neither captured nor voided; it {_LEFT[hold.status]}.",
                (hold.request_id,) if hold.request_id else (),
                holds=(hold.hold_id,),
            )


DETECTOR = Detector(
    code="hold_left_open",
    severity=Severity.WARNING,
    seen="A hold was made, and until the audit it was neither captured nor voided.",
    costs="The customer's money is blocked for days for an order that does not exist; or the goods were sent, and "
    "the hold "
    "expired before it was captured.",
    hint="End every hold: capture it when the goods leave, void it when the order is cancelled, also in the error "
    "paths.",
    example="""\
hold = make_hold(order)
try:
    ship(order)
except Exception:
    void(hold)
    raise
capture(hold)""",
    detect=_detect,
)
