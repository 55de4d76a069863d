"""`duplicate`: the request is processed as if it had been sent twice."""

from typing import ClassVar

from shillings.sandbox.faults.effects import Twice
from shillings.sandbox.faults.fault import Fault, Phase


class Duplicate(Fault, frozen=True):
    """The request is processed as if it had been sent twice."""

    name: ClassVar = "duplicate"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = (
        "The second answer. With an Idempotency-Key it is the first one again, marked as a replay; without a key it "
        "may be another transaction, or a refusal because the first took the money."
    )
    ledger_holds: ClassVar = "With a key one transaction, without a key two."
    stands_for: ClassVar = "A double click; a proxy, a queue or an HTTP library that sends again by itself."
    needs: ClassVar = frozenset({"writes"})

    def effect(self, chance: float) -> Twice:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Twice()
