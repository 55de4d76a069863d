"""What a finding is, and what a detector tells people of its findings."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from shillings.sandbox.oracle.evidence import Evidence

EVIDENCE_MAX = 100
"""Of each kind of evidence so much is shown with a finding."""


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    """Money was lost, made or paid twice."""

    WARNING = "warning"
    """It would cost money, or lose track of it, on a worse day."""

    NOTICE = "notice"
    """It makes a bad day worse."""


class Confidence(StrEnum):
    """How sure the oracle is."""

    CERTAIN = "certain"
    SUSPECTED = "suspected"
    """Without being told what the client meant, it could have been on purpose."""


class Finding(NamedTuple):
    """One thing that was found.

    Args:
        code: its detector's.
        confidence: how sure it is.
        message: what happened, in one sentence.
        requests: ids of the requests that show it, in order.
        transactions, holds: what else shows it.
        deliveries: ids of the events whose deliveries show it.
    """

    code: str
    confidence: Confidence
    message: str
    requests: tuple[str, ...] = ()
    transactions: tuple[bytes, ...] = ()
    deliveries: tuple[bytes, ...] = ()
    holds: tuple[bytes, ...] = ()


class Detector(NamedTuple):
    """Finds what is wrong in one way. Its texts are read by people: in the documentation, and beside each finding.

    Args:
        code: a stable word.
        severity: how bad it is.
        seen: what the oracle has seen.
        costs: why it costs money in production.
        hint: how to fix it, in a sentence.
        example: how to fix it, in code.
        detect: finds it.
    """

    code: str
    severity: Severity
    seen: str
    costs: str
    hint: str
    example: str
    detect: Callable[[Evidence], Iterable[Finding]]
