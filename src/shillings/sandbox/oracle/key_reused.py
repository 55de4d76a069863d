"""`key_reused`: one idempotency key for several requests that differ."""

from collections.abc import Iterator

from shillings.sandbox.oracle.evidence import Evidence
from shillings.sandbox.oracle.finding import Confidence, Detector, Finding, Severity


def _detect(evidence: Evidence) -> Iterator[Finding]:
    for requests in evidence.by_user().values():
        bodies: dict[str, dict[tuple[str, bytes], str]] = {}
        for request in requests:
            if request.key and request.takes_key:
                bodies.setdefault(request.key, {}).setdefault((request.command, request.body), request.request_id)
        for key, found in bodies.items():
            if len(found) > 1:
                yield Finding(
                    DETECTOR.code,
                    Confidence.CERTAIN,
                    f"The idempotency key {key!r} came with {len(found)} different requests.",
                    tuple(found.values()),
                )


DETECTOR = Detector(
    code="key_reused",
    severity=Severity.WARNING,
    seen="The same user sent one `Idempotency-Key` with requests that differ: another receiver, amount or endpoint.",
    costs="All but the first are refused (422 here; elsewhere the first one's answer comes back, and the client "
    "believes "
    "that it has paid somebody it has not).",
    hint="Use one key for one intent; a changed amount is another intent.",
    example="""\
key = f"{order.id}-{order.version}"   # changes with what is asked, and only with that""",
    detect=_detect,
)
