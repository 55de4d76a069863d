"""What a deliverer is to do to a delivery on purpose: it travels with the delivery as JSON."""

import msgspec


class DeliveryFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be done to one attempt.

    Args:
        told: what is kept with the attempt: the fault as people know it.
        drop: send nothing, and say that it was lost.
        copies: how often to send it.
        bad_signature: what is wrong with its signature (`wrong`, `malformed`, `missing`); empty for nothing.
        stale: sign it with a time long past.
        batch: hold it back until so many deliveries to this endpoint are together, and send them in reverse; 0 for not.
        seconds: how long to wait for the batch at most.
    """

    told: str
    drop: bool = False
    copies: int = 1
    bad_signature: str = ""
    stale: bool = False
    batch: int = 0
    seconds: float = 0.0


def encode(fault: DeliveryFault) -> str:
    """As it travels."""
    return msgspec.json.encode(fault).decode()


def decode(text: str) -> DeliveryFault | None:
    """What travelled; None where there was nothing."""
    return msgspec.json.decode(text, type=DeliveryFault) if text else None
