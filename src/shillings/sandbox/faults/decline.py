"""`decline`: the ledger says no."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import Decline
from shillings.sandbox.faults.fault import Fault, Phase

Outcome = Literal[
    "insufficient_funds",
    "receiver_not_found",
    "self_payment",
    "balance_limit_exceeded",
    "not_found",
    "not_refundable",
    "refund_exceeds_payment",
    "hold_already_captured",
    "hold_already_voided",
    "hold_expired",
    "capture_exceeds_hold",
    "debt_outstanding",
]


class Declined(Fault, frozen=True):
    """The ledger says no."""

    name: ClassVar = "decline"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = (
        "The refusal it would get for the real reason: its status, `code` and sentence. A retry with the same "
        "Idempotency-Key gets the same refusal, marked as a replay."
    )
    ledger_holds: ClassVar = "No money has moved. With a key, the refusal is stored under it."
    stands_for: ClassVar = "A decline by the issuer: an empty account, a closed one, a limit."
    needs: ClassVar = frozenset({"moves_money"})

    outcome: Annotated[Outcome, Meta(description="What the ledger decides.")] = "insufficient_funds"

    def effect(self, chance: float) -> Decline:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Decline(self.outcome)
