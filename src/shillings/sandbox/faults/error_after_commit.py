"""`error_after_commit`: the work is done, and the answer says that something broke."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.base.errors import Code, DeadlineExceeded, OutcomeUnknown
from shillings.sandbox.faults.effects import Replace
from shillings.sandbox.faults.fault import Fault, Phase


class ErrorAfterCommit(Fault, frozen=True):
    """The work is done, and the answer says that something broke."""

    name: ClassVar = "error_after_commit"
    phase: ClassVar = Phase.AFTER_COMMIT
    client_sees: ClassVar = "500 `internal` or 504 `timeout`: both say that the outcome is unknown."
    ledger_holds: ClassVar = (
        "The finished transaction. A retry with the same Idempotency-Key gets its stored answer; one without it pays a "
        "second time."
    )
    stands_for: ClassVar = "A server that crashed after its commit; a gateway that gave up waiting."

    code: Annotated[Literal["internal", "timeout"], Meta(description="`internal` is a 500, `timeout` a 504.")] = (
        "internal"
    )

    def effect(self, chance: float) -> Replace:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        refusal = OutcomeUnknown() if self.code == "internal" else DeadlineExceeded()
        return Replace(Code(refusal.code), refusal.message)
