"""The faults of webhook deliveries: what a receiver must survive. They happen to attempts, by rules alone."""

from typing import Annotated, ClassVar, Literal, NamedTuple

from msgspec import Meta

from shillings.sandbox.faults.fault import Fault, Phase

COPIES_MAX = 10
BATCH_MAX = 20
BATCH_SECONDS_MAX = 8.0
"""Less than a deliverer may be silent about what it has."""

DELAY_SECONDS_MAX = 86_400.0

ATTEMPT = frozenset({"is_attempt"})
"""What most of them need: there is an attempt to be made."""


class Copies(NamedTuple):
    """The delivery is sent so often."""

    copies: int


class Drop(NamedTuple):
    """The attempt is lost; nothing is sent."""


class PutOff(NamedTuple):
    """The attempt is made so many seconds later."""

    seconds: float


class Batch(NamedTuple):
    """So many deliveries are held together and sent in reverse."""

    size: int
    seconds: float


class Spoil(NamedTuple):
    """The signature is not to be accepted."""

    how: str


class Stale(NamedTuple):
    """The timestamp is too old to be accepted."""


class Ahead(NamedTuple):
    """The request that brought it about is answered only when it has been delivered."""


DeliveryEffect = Copies | Drop | PutOff | Batch | Spoil | Stale | Ahead


class DuplicateDelivery(Fault, frozen=True):
    """The event is delivered several times."""

    name: ClassVar = "duplicate"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = "The same webhook-id and the same body, several times in a row."
    ledger_holds: ClassVar = "One event. The attempt is noted once, as accepted if any copy was."
    stands_for: ClassVar = "At-least-once delivery: a lost acknowledgement, a deliverer that was started again."
    needs: ClassVar = ATTEMPT

    copies: Annotated[int, Meta(ge=2, le=COPIES_MAX, description="How often it is sent.")] = 2

    def effect(self, chance: float) -> Copies:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Copies(self.copies)


class ReorderDeliveries(Fault, frozen=True):
    """Deliveries arrive in the wrong order."""

    name: ClassVar = "reorder"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = "The deliveries that follow arrive one after the other, the newest first."
    ledger_holds: ClassVar = "The events as they happened; `sequence` tells their order."
    stands_for: ClassVar = "Retries and several deliverers: nobody promises an order."
    needs: ClassVar = ATTEMPT

    batch: Annotated[
        int, Meta(ge=2, le=BATCH_MAX, description="How many deliveries to the endpoint are turned round.")
    ] = 2
    seconds: Annotated[
        float, Meta(ge=0.1, le=BATCH_SECONDS_MAX, description="How long to wait for them; then it is what there is.")
    ] = 3.0

    def effect(self, chance: float) -> Batch:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Batch(self.batch, self.seconds)


class DropDelivery(Fault, frozen=True):
    """An attempt is lost on its way."""

    name: ClassVar = "drop"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = "Nothing now; the next attempt comes by the schedule."
    ledger_holds: ClassVar = "The event, and an attempt that is noted as `dropped`."
    stands_for: ClassVar = "A receiver that was being deployed; a network that swallowed it."
    needs: ClassVar = ATTEMPT

    def effect(self, chance: float) -> Drop:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Drop()


class DelayDelivery(Fault, frozen=True):
    """An attempt is late."""

    name: ClassVar = "delay"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = "The event later than what happened after it."
    ledger_holds: ClassVar = "The event; its delivery is due later, by the test clock."
    stands_for: ClassVar = "A queue that is full; an incident at the provider."
    needs: ClassVar = ATTEMPT

    seconds: Annotated[float, Meta(ge=0.1, le=DELAY_SECONDS_MAX, description="How much later.")] = 10.0

    def effect(self, chance: float) -> PutOff:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return PutOff(self.seconds)


class BadSignatureDelivery(Fault, frozen=True):
    """The signature must not be accepted."""

    name: ClassVar = "bad_signature"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = "A signature that is wrong, malformed or missing. Whoever accepts it accepts anybody's."
    ledger_holds: ClassVar = "The event. If the receiver accepts it all the same, that is how the attempt is noted."
    stands_for: ClassVar = "A forged webhook; a secret that was rotated too early."
    needs: ClassVar = ATTEMPT

    how: Annotated[
        Literal["wrong", "malformed", "missing"],
        Meta(description="`wrong`: well formed; `malformed`: not what one looks like; `missing`: no header."),
    ] = "wrong"

    def effect(self, chance: float) -> Spoil:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Spoil(self.how)


class StaleDelivery(Fault, frozen=True):
    """The timestamp is older than verifiers tolerate."""

    name: ClassVar = "stale_timestamp"
    phase: ClassVar = Phase.DURING
    client_sees: ClassVar = "A signature that is right for a time ten minutes ago."
    ledger_holds: ClassVar = "The event. If the receiver accepts it all the same, that is how the attempt is noted."
    stands_for: ClassVar = "A replay of an old webhook by somebody who has seen it."
    needs: ClassVar = ATTEMPT

    def effect(self, chance: float) -> Stale:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Stale()


class BeforeResponse(Fault, frozen=True):
    """The webhook arrives before the answer of the request that brought it about."""

    name: ClassVar = "before_response"
    phase: ClassVar = Phase.AFTER_COMMIT
    client_sees: ClassVar = (
        "The webhook, and then the answer. Where it could not be delivered within five seconds, the answer, and in "
        "`Shillings-Fault-Applied` why."
    )
    ledger_holds: ClassVar = "What it holds anyway."
    stands_for: ClassVar = "A webhook that overtakes the answer: handlers that look up what they have not stored yet."
    needs: ClassVar = frozenset({"is_answer"})

    def effect(self, chance: float) -> Ahead:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Ahead()
