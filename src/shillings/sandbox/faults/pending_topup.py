"""`pending_topup`: the money of a top-up arrives later, or comes back."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import TRAVEL_SECONDS_MAX, Travel
from shillings.sandbox.faults.fault import Fault, Phase

Progression = Literal["after_seconds", "manual", "immediate"]


class PendingTopup(Fault, frozen=True):
    """The money of a top-up arrives later, or comes back."""

    name: ClassVar = "pending_topup"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = (
        "An answer whose `transaction_status` is `pending`, as the transaction's `status` is. The balance has not "
        "grown, and a payment of the money is refused. Later the status is `succeeded` or `returned`; an event "
        "tells of each."
    )
    ledger_holds: ClassVar = (
        "The money in transit, where nobody can spend it, until it arrives or comes back. If it comes back after it "
        "was spent, what is missing is owed: `debt` in the account, settled by whatever comes in next."
    )
    stands_for: ClassVar = "A bank debit that takes days; a transfer that is recalled; a card that is charged back."
    needs: ClassVar = frozenset({"tops_up"})

    progression: Annotated[
        Progression,
        Meta(
            description="When: by the clock, after so many seconds; when somebody says so by "
            "`/v1/sandbox/topups/…/settle` or `…/return`; or `immediate`: it is there at once, and where it is to be "
            "`returned`, that happens after so many seconds."
        ),
    ] = "after_seconds"
    seconds: Annotated[float, Meta(ge=0, le=TRAVEL_SECONDS_MAX, description="How long, where the clock decides.")] = (
        60.0
    )
    final: Annotated[Literal["succeeded", "returned"], Meta(description="What becomes of it in the end.")] = "succeeded"

    def effect(self, chance: float) -> Travel:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        at_once = self.progression == "immediate"
        by_hand = self.progression == "manual" or (at_once and self.final == "succeeded")
        return Travel(not at_once, self.final, None if by_hand else self.seconds)
