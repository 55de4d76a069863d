"""How idempotency keys behave: what services do differently, as values, and presets named after those that do so."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

_HOUR, _DAY = 3_600, 86_400
LIFETIME_SECONDS_MAX = _DAY
"""Keys are removed after a day."""


class Idempotency(Struct, frozen=True, forbid_unknown_fields=True):
    """The ways in which idempotency keys may behave. The defaults are Shillings' own."""

    concurrent: Annotated[
        Literal["wait", 409],
        Meta(
            description="The same key while its first request is still at work: `wait` for that one's answer and "
            "repeat it, or refuse with 409."
        ),
    ] = "wait"
    refusals: Annotated[
        Literal["remember", "forget"],
        Meta(
            description="A refusal by the ledger, such as too little money: `remember` it under the key, so that a "
            "retry hears it again, or `forget` it, so that a retry is judged again."
        ),
    ] = "remember"
    other_body: Annotated[
        Literal[422, 409, 400], Meta(description="The status for a key that comes again with another request.")
    ] = 422
    lifetime_seconds: Annotated[
        int, Meta(ge=1, le=LIFETIME_SECONDS_MAX, description="How long a key is remembered.")
    ] = _DAY


PRESETS: dict[str, Idempotency] = {
    "shillings": Idempotency(),
    "stripe": Idempotency(concurrent=409, other_body=400),
    "ietf": Idempotency(concurrent=409),
    "emergepay": Idempotency(concurrent=409, other_body=409),
    "forgetful": Idempotency(refusals="forget", lifetime_seconds=_HOUR),
}
"""What systems are documented to do: Stripe's API, the IETF's draft for the Idempotency-Key header, Gravity's
emergepay; and one that forgets as much as it may, which no client should depend on."""


def preset_of(idempotency: Idempotency) -> str:
    """The name of the preset that behaves so; empty for none."""
    return next((name for name, preset in PRESETS.items() if preset == idempotency), "")
