"""`pending_refund`: a refund is on its way, and fails in the end."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import TRAVEL_SECONDS_MAX, Travel
from shillings.sandbox.faults.fault import Fault, Phase


class PendingRefund(Fault, frozen=True):
    """A refund is on its way, and fails in the end."""

    name: ClassVar = "pending_refund"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = (
        "An answer whose `transaction_status` is `pending`, as the transaction's `status` is; later that is `failed`. "
        "Then the money is the refunder's again, and the payment's `refunded` goes down. An event tells of each."
    )
    ledger_holds: ClassVar = (
        "The money in transit: it has left the refunder at once, and the payer does not have it yet."
    )
    stands_for: ClassVar = "A refund to a card that was cancelled, or to a bank account that was closed."
    needs: ClassVar = frozenset({"refunds"})

    progression: Annotated[
        Literal["after_seconds", "manual"],
        Meta(
            description="When: by the clock, after so many seconds; or when somebody says so by "
            "`/v1/sandbox/refunds/…/settle` or `…/fail`."
        ),
    ] = "after_seconds"
    seconds: Annotated[float, Meta(ge=0, le=TRAVEL_SECONDS_MAX, description="How long, where the clock decides.")] = (
        60.0
    )
    final: Annotated[Literal["failed", "succeeded"], Meta(description="What becomes of it in the end.")] = "failed"

    def effect(self, chance: float) -> Travel:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Travel(True, self.final, None if self.progression == "manual" else self.seconds)
