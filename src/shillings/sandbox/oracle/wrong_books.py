"""`wrong_books`: the service's own books are not right."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for sentence in evidence.wrong_books:
        yield Finding(DETECTOR.code, Confidence.CERTAIN, sentence)


DETECTOR = Detector(
    code="wrong_books",
    severity=Severity.CRITICAL,
    seen="Money is not conserved, a balance is not the sum of its entries, or an entry is missing.",
    costs="This is not your client's doing: the books under the service were changed from outside, or Shillings has "
    "a bug.",
    hint="Reset the sandbox; if nobody touched the database, please report it.",
    example="curl -X POST $URL/v1/sandbox/reset",
    detect=_detect,
)
