"""`lost_response`: the work is done, and its answer never arrives."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import HANG_SECONDS_MAX, Lose, Loss
from shillings.sandbox.faults.fault import Fault, Phase


class LostResponse(Fault, frozen=True):
    """The work is done, and its answer never arrives."""

    name: ClassVar = "lost_response"
    phase: ClassVar = Phase.AFTER_COMMIT
    client_sees: ClassVar = (
        "No answer: the connection is reset, closed, cut in the middle of the body, or silent until somebody gives up. "
        "Behind a proxy it may be the proxy's 502 or 504."
    )
    ledger_holds: ClassVar = (
        "The finished transaction. A retry with the same Idempotency-Key gets its stored answer; a retry without it, "
        "or with a new one, pays a second time."
    )
    stands_for: ClassVar = (
        "A network, a load balancer or a server that fails between the commit and the client: the reason why "
        "idempotency keys exist."
    )

    how: Annotated[
        Literal["reset", "close", "truncate", "hang"],
        Meta(
            description="`reset`: the connection is reset (RST); `close`: it is closed without a byte; `truncate`: the "
            "head and half of the body arrive, then it is closed; `hang`: nothing arrives, then it is closed."
        ),
    ] = "reset"
    seconds: Annotated[
        float, Meta(ge=0.001, le=HANG_SECONDS_MAX, description="How long `hang` keeps the connection open.")
    ] = 60.0

    def effect(self, chance: float) -> Lose:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Lose(Loss(self.how), self.seconds)
