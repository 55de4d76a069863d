"""What a delivery looks like when it is spoilt on purpose. Pure.

A receiver that is any good refuses a signature that is wrong, malformed or missing, and one whose timestamp is old; it
takes what comes twice, late or out of order for what it is. Which delivery is spoilt, and how, the sandbox's rules say.
"""

import base64
from enum import StrEnum

from shillings.webhooks.signing import SIGNATURE_HEADER

STALE_SECONDS = 600
"""Older than the five minutes that Standard Webhooks' verifiers tolerate."""

COPIES_MAX = 10
BATCH_MAX = 100
DELAY_SECONDS_MAX = 86_400


class BadSignature(StrEnum):
    """What may be wrong with a signature."""

    WRONG = "wrong"
    """Well formed, and not this body's."""

    MALFORMED = "malformed"
    """Not what a signature looks like."""

    MISSING = "missing"
    """No header at all."""


def spoilt(headers: dict[str, str], how: BadSignature) -> dict[str, str]:
    """The headers of an attempt with a signature that must not be accepted."""
    others = {name: value for name, value in headers.items() if name != SIGNATURE_HEADER}
    match how:
        case BadSignature.WRONG:
            return others | {SIGNATURE_HEADER: "v1," + base64.b64encode(bytes(32)).decode()}
        case BadSignature.MALFORMED:
            return others | {SIGNATURE_HEADER: "v1 not-a-signature"}
        case BadSignature.MISSING:
            return others
