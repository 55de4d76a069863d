"""What the load generator's process is asked to do, and what it answers."""

import msgspec

from shillings.load.histogram import Histogram
from shillings.load.traffic import Traffic

BROKEN = 0
"""In place of the HTTP status where the connection broke: nobody knows what became of the request."""

NOT_SENT = 1
"""The same where no connection was free in time, so that the client gave up before it sent anything."""

NOT_ANSWERED = 2
"""The same where no answer came until long after the load had ended."""

TICK_SECONDS = 0.1
"""The length of one tick of a timeline."""


class Phase(msgspec.Struct, frozen=True):
    """A time with one load.

    Args:
        seconds: how long it lasts.
        rate: how many requests a second begin, whatever becomes of the earlier ones (open loop), at random moments;
            0 for as many as the clients can do, each sending as soon as it has its answer (closed loop).
    """

    seconds: float
    rate: float = 0.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One load to put on a service.

    Args:
        addresses: hosts and ports; connections are spread over them in turn.
        connections: how many, all kept open.
        traffic: what is sent.
        seed: see `traffic.request_maker`.
        phases: one after the other; all open loop, or all closed.
        patience_seconds: how long a request of an open loop waits for a free connection.
        wants_timeline: whether the result has one.
    """

    addresses: list[tuple[str, int]]
    connections: int
    traffic: Traffic
    seed: str
    phases: list[Phase]
    patience_seconds: float = 60.0
    wants_timeline: bool = False


class Latencies(msgspec.Struct, frozen=True):
    """A histogram on its way between processes."""

    counts: dict[int, int]
    slowest: int

    def histogram(self) -> Histogram:
        """As a histogram again."""
        return Histogram(self.counts, self.slowest)


class PhaseResult(msgspec.Struct, frozen=True):
    """What became of the requests of one phase; see `Record.phases` for which those are.

    Args:
        seconds: how long the phase was.
        latencies: microseconds from the moment a request should have been sent to its whole answer, by status.
    """

    seconds: float
    latencies: dict[int, Latencies]

    def count(self, status: int) -> int:
        """How many requests had this status."""
        return len(self.histogram(status))

    def histogram(self, status: int) -> Histogram:
        """The latencies of the requests that had this status."""
        found = self.latencies.get(status)
        return found.histogram() if found else Histogram()

    def others(self, *statuses: int) -> dict[int, int]:
        """How many requests had each status that is not one of these."""
        return {status: self.count(status) for status in self.latencies if status not in statuses}


class Tick(msgspec.Struct):
    """What became of the requests that began in one tenth of a second.

    Args:
        accepted: answered 200.
        refused: answered 503.
        others: anything else.
        slowest_us: the longest that any of them took.
    """

    accepted: int = 0
    refused: int = 0
    others: int = 0
    slowest_us: int = 0


class Resolved(msgspec.Struct):
    """What became of requests whose outcome was unknown, as the same keys told afterwards.

    Args:
        done: had been done.
        not_done: had not been done, and were done when they were sent again.
        refused: had been refused, or were refused when they were sent again.
        unknown: could not be resolved.
        transaction_ids: of those that are done now.
    """

    done: int = 0
    not_done: int = 0
    refused: int = 0
    unknown: int = 0
    transaction_ids: list[str] = []


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a job.

    Args:
        phases: in the job's order.
        statuses: how many requests had each status, those included that ended after the last phase.
        acknowledged: the ids of all transactions that answers named, 36 characters each.
        cpu_seconds: what the generator's process used itself.
        wall_seconds: how long that was.
        reconnects: how often a connection had to be made again.
        resolved: what became of the requests whose outcome was unknown, where a key tells.
        timeline: in ticks, from the first phase's begin; empty if not wanted.
    """

    phases: list[PhaseResult]
    statuses: dict[int, int]
    acknowledged: bytes
    cpu_seconds: float
    wall_seconds: float
    reconnects: int = 0
    resolved: Resolved = msgspec.field(default_factory=Resolved)
    timeline: list[Tick] = []


class Failure(msgspec.Struct, frozen=True, tag=True):
    """The job could not be done."""

    reason: str


class Success(msgspec.Struct, frozen=True, tag=True):
    """The job was done."""

    result: Result
