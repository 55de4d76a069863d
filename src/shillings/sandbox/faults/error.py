"""`error`: the service fails, and nothing was done."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.base.errors import Code
from shillings.sandbox.faults.effects import Refuse
from shillings.sandbox.faults.fault import Fault, Phase

_MESSAGES = {
    Code.INTERNAL: "Something broke. Whether it was done is not known: look it up, or repeat with the same key.",
    Code.UNAVAILABLE: "The service is not available now. Nothing was done; try again.",
}


class Error(Fault, frozen=True):
    """The service fails, and nothing was done."""

    name: ClassVar = "error"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = (
        "500 `internal`, which says that the outcome is unknown, or 503 `unavailable`, which says that nothing was "
        "done."
    )
    ledger_holds: ClassVar = "Nothing. A retry is carried out as a first request."
    stands_for: ClassVar = "A crash before the work began; a deploy; a full queue."

    code: Annotated[
        Literal["internal", "unavailable"], Meta(description="`internal` is a 500, `unavailable` a 503.")
    ] = "internal"

    def effect(self, chance: float) -> Refuse:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        code = Code[self.code.upper()]
        return Refuse(code, _MESSAGES[code])
