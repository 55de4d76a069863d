"""More than the service can do: four times the peak, from clients that do not wait for each other.

What is wanted: as much is accepted as at the peak, the rest is refused at once, nothing acknowledged is lost, and when
the crowd has gone, all is as before.
"""

from dataclasses import dataclass

from benchmarks.histogram import Histogram
from benchmarks.jobs import NOT_SENT, TICK_SECONDS, Phase, Tick
from benchmarks.stage import Stage, Target

FACTOR = 4
CALM_BEFORE_SECONDS = 5.0
CALM_AFTER_SECONDS = 15.0
CALM_SHARE = 0.5
"""The load before and after, as a share of the peak."""

PATIENCE_SECONDS = 1.0
CALM_MS_MAX = 100.0
"""When the slowest answer of every tick stays under this again, the service has recovered."""


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
        recovered_seconds: after the crowd had gone, how long until all was as before; None if it never was.
        timeline: all of it, in ticks, with the calm before and after.
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
        Phase(min(CALM_AFTER_SECONDS, 4 * seconds), calm),
    ]
    result = stage.load(target, "pay", connections, phases, patience_seconds=PATIENCE_SECONDS, wants_timeline=True)
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
    )


def recovery(timeline: list[Tick], over_at: float) -> float | None:
    """How long after the overload it took until every request was accepted, and fast; None if that never came."""
    first = round(over_at / TICK_SECONDS)
    restless = [
        number
        for number, tick in enumerate(timeline[first:], start=1)
        if tick.refused or tick.others or tick.slowest_us > CALM_MS_MAX * 1000
    ]
    last = max(restless, default=0)
    return None if last >= len(timeline) - first else last * TICK_SECONDS


def not_sent(found: Overload) -> float:
    """The share of all requests for which no connection was free, so that they never reached the service."""
    return found.others.get(NOT_SENT, 0) / max(1.0, found.offered * found.seconds)
