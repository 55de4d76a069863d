"""`slow_response`: the work is done at once, and its answer is late."""

from typing import Annotated, ClassVar

from msgspec import Meta

from shillings.sandbox.faults.effects import HOLD_SECONDS_MAX, Wait
from shillings.sandbox.faults.fault import Fault, Phase


class SlowResponse(Fault, frozen=True):
    """The work is done at once, and its answer is late."""

    name: ClassVar = "slow_response"
    phase: ClassVar = Phase.AFTER_COMMIT
    client_sees: ClassVar = "The right answer, late; or its own time-out, if that is shorter."
    ledger_holds: ClassVar = (
        "The finished transaction, from the beginning of the wait. So whoever gives up and looks it up finds it, and "
        "whoever gives up and pays again without the same key pays twice."
    )
    stands_for: ClassVar = "A slow-but-successful charge: the most common way in which customers are charged twice."

    seconds: Annotated[float, Meta(ge=0.001, le=HOLD_SECONDS_MAX, description="How long the answer is held back.")] = (
        5.0
    )

    def effect(self, chance: float) -> Wait:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Wait(self.seconds)
