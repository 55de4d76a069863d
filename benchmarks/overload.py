"""More than the service can do: four times the peak, from clients that do not wait for each other.

What is wanted: as much is accepted as at the peak, the rest is refused at once, nothing acknowledged is lost, and when
the overload has ended, all is as before.
"""

from dataclasses import dataclass

from benchmarks.production import Stage, Target
from shillings.load.histogram import Histogram
from shillings.load.jobs import TICK_SECONDS, Phase, Tick

FACTOR = 4
CALM_BEFORE_SECONDS = 5.0
CALM_AFTER_SECONDS = 15.0
CALM_SHARE = 0.5
"""The load before and after, as a share of the peak."""

RECOVERED_SECONDS = 1.0
RECOVERED_MS_MAX = 250.0
"""When for one second nothing is refused and nothing takes longer than this, the service has recovered."""


@dataclass(frozen=True)
class Overload:
    """What overload did.

    Args:
        peak: what the service can do, payments a second.
        offered: requests a second.
        seconds: how long.
        accepted: payments a second that were made meanwhile.
        accepted_latencies: of those.
        refused: requests a second that were answered 503.
        refused_latencies: of those.
        others: how many requests had another fate, by status (see `jobs` for those under 100).
        recovered_seconds: after the overload had ended, how long until all was as before; None if it never was.
        timeline: all of it, in ticks, with the calm before and after.
        generator_busy: the share of one processor that the load generator took meanwhile.
    """

    peak: float
    offered: float
    seconds: float
    accepted: float
    accepted_latencies: Histogram
    refused: float
    refused_latencies: Histogram
    others: dict[int, int]
    recovered_seconds: float | None
    timeline: list[Tick]
    generator_busy: float


def overload(stage: Stage, target: Target, peak: float, seconds: float, connections: int) -> Overload:
    """Measure it.

    Args:
        stage: what has been started.
        target: what to overload.
        peak: what it can do.
        seconds: how long.
        connections: how many the clients have together; a request for which none is free is not sent.

    Raises:
        LoadFailed: the load could not be generated.
    """
    calm = CALM_SHARE * peak
    phases = [
        Phase(min(CALM_BEFORE_SECONDS, seconds), calm),
        Phase(seconds, FACTOR * peak),
        Phase(min(CALM_AFTER_SECONDS, 2 * seconds), calm),
    ]
    # A request for which no connection is free is not sent at all: then every wait that is measured is the service's.
    result = stage.load(target, "pay", connections, phases, patience_seconds=0.0, wants_timeline=True)
    during = result.phases[1]
    accepted, refused = during.histogram(200), during.histogram(503)
    over = phases[0].seconds + seconds
    return Overload(
        peak=peak,
        offered=FACTOR * peak,
        seconds=seconds,
        accepted=len(accepted) / seconds,
        accepted_latencies=accepted,
        refused=len(refused) / seconds,
        refused_latencies=refused,
        others=during.others(200, 503),
        recovered_seconds=recovery(result.timeline, over),
        timeline=result.timeline,
        generator_busy=result.cpu_seconds / result.wall_seconds,
    )


def recovery(timeline: list[Tick], over_at: float) -> float | None:
    """How long after the overload the first second began in which all was well; None if that never came."""
    after = timeline[round(over_at / TICK_SECONDS) :]
    needed = round(RECOVERED_SECONDS / TICK_SECONDS)
    calm = 0
    for number, tick in enumerate(after, start=1):
        is_calm = not tick.refused and not tick.others and tick.slowest_us <= RECOVERED_MS_MAX * 1000
        calm = calm + 1 if is_calm else 0
        if calm == needed:
            return (number - needed) * TICK_SECONDS
    return None
