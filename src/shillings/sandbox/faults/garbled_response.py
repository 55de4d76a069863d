"""`garbled_response`: the work is done, and its answer cannot be read."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import Damage, Garble
from shillings.sandbox.faults.fault import Fault, Phase


class GarbledResponse(Fault, frozen=True):
    """The work is done, and its answer cannot be read."""

    name: ClassVar = "garbled_response"
    phase: ClassVar = Phase.AFTER_COMMIT
    client_sees: ClassVar = (
        "The right status, and a body that is not the JSON it should be: half of it, a page of HTML, or nothing."
    )
    ledger_holds: ClassVar = "The finished transaction."
    stands_for: ClassVar = "A proxy's or a captive portal's page in place of the answer; a serializer that broke."

    how: Annotated[
        Literal["half", "html", "empty"],
        Meta(
            description="`half`: the JSON stops in the middle; `html`: a page, with its media type; `empty`: no body."
        ),
    ] = "half"

    def effect(self, chance: float) -> Garble:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Garble(Damage(self.how))
