"""`rate_limit`: the service says that this client asks too often."""

from typing import Annotated, ClassVar

from msgspec import Meta

from shillings.base.errors import Code
from shillings.sandbox.faults.effects import Refuse
from shillings.sandbox.faults.fault import Fault, Phase


class RateLimit(Fault, frozen=True):
    """The service says that this client asks too often."""

    name: ClassVar = "rate_limit"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = "429 `rate_limited` with Retry-After."
    ledger_holds: ClassVar = "Nothing. A retry is carried out as a first request."
    stands_for: ClassVar = "A quota of the provider's; most have one, and enforce it on retries first."

    retry_after_s: Annotated[int, Meta(ge=1, le=3600, description="What Retry-After says.")] = 1

    def effect(self, chance: float) -> Refuse:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        message = f"Too many requests. Nothing was done; try again in {self.retry_after_s} s."
        return Refuse(Code.RATE_LIMITED, message, retry_after_s=self.retry_after_s)
