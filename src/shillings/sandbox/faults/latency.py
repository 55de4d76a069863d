"""`latency`: the request waits before anything is done for it."""

import math
from statistics import NormalDist
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.sandbox.faults.effects import HOLD_SECONDS_MAX, Wait
from shillings.sandbox.faults.fault import Fault, Phase

Distribution = Literal["fixed", "uniform", "exponential", "lognormal"]
_SIGMA = 0.5


class Latency(Fault, frozen=True):
    """The request waits before anything is done for it."""

    name: ClassVar = "latency"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = "The right answer, late. A client that gave up meanwhile sees its own time-out."
    ledger_holds: ClassVar = (
        "What was asked for, done after the delay, even if the client has gone. The wait counts against no deadline of "
        "the service's own, and slows no other request."
    )
    stands_for: ClassVar = "A slow network, a queue in front of the service, a cold start."

    seconds: Annotated[
        float, Meta(ge=0.001, le=HOLD_SECONDS_MAX, description="How long; the mean or, for lognormal, the median.")
    ] = 1.0
    distribution: Annotated[
        Distribution,
        Meta(
            description="`fixed`; `uniform` between nothing and twice the seconds; `exponential`; `lognormal` "
            f"(sigma {_SIGMA:g}). Never more than {HOLD_SECONDS_MAX:g} seconds."
        ),
    ] = "fixed"

    def effect(self, chance: float) -> Wait:
        """What is to be done."""
        match self.distribution:
            case "fixed":
                factor = 1.0
            case "uniform":
                factor = 2 * chance
            case "exponential":
                factor = -math.log1p(-chance)
            case "lognormal":
                # The quantile of exactly 0 is minus infinity.
                factor = math.exp(_SIGMA * NormalDist().inv_cdf(chance)) if chance > 0 else 0.0
        return Wait(min(self.seconds * factor, HOLD_SECONDS_MAX))
