"""All detectors, and the one function that runs them."""

from shillings.sandbox.oracle import (
    hasty_retries,
    hold_left_open,
    key_changed,
    key_reused,
    never_resolved,
    paid_twice,
    pending_taken_for_money,
    token_after_end,
    webhook_accepted_late,
    webhook_forgery_accepted,
    webhook_handled_twice,
    webhook_not_accepted,
    webhook_out_of_order,
    wrong_books,
)
from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Detector, Finding

DETECTORS: tuple[Detector, ...] = (
    wrong_books.DETECTOR,
    paid_twice.DETECTOR,
    webhook_handled_twice.DETECTOR,
    webhook_forgery_accepted.DETECTOR,
    key_changed.DETECTOR,
    key_reused.DETECTOR,
    never_resolved.DETECTOR,
    hold_left_open.DETECTOR,
    pending_taken_for_money.DETECTOR,
    webhook_not_accepted.DETECTOR,
    webhook_out_of_order.DETECTOR,
    token_after_end.DETECTOR,
    hasty_retries.DETECTOR,
    webhook_accepted_late.DETECTOR,
)
"""In the order in which findings are told: the worst first."""

BY_CODE = {detector.code: detector for detector in DETECTORS}


def judge(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong; nothing when the client behaved."""
    return [finding for detector in DETECTORS for finding in detector.detect(evidence)]
