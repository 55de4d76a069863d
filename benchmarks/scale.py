"""How cost grows: with users, history, processes, one account that everybody pays, and time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from benchmarks.production import Stage, Target, only_expected
from benchmarks.progress import Bar
from benchmarks.rounds import Measurement, Point, Series, in_turns, run
from benchmarks.usage import MemoryWatch, Neighbours, Usage
from shillings.load.jobs import Phase

CLIENTS = 64
SCALE_BUFFER_POOL_MB = 5_120
"""All three databases fit: what is compared is the service, not the disk."""

_WARM_SECONDS = 0.3
_SAMPLES = 60
_ROWS_A_SECOND = 300_000
"""How fast databases fill, about."""


@dataclass(frozen=True)
class ScalePlan:
    """What to compare.

    Args:
        few_users: as many as `make bench` has.
        users: many.
        history: many transactions; a multiple of `few_users`.
        rounds: how often the points are measured.
        seconds: how long each measurement takes.
        long_seconds: how long memory is watched.
    """

    few_users: int = 1_000
    users: int = 1_000_000
    history: int = 5_000_000
    rounds: int = 5
    seconds: float = 2.5
    long_seconds: float = 120.0


@dataclass(frozen=True)
class Variant:
    """One thing that is larger than usual.

    Args:
        name: in words.
        target: the service.
        receiver: the number of the one user whom everybody pays, if there is one.
    """

    name: str
    target: Target
    receiver: int | None = None


@dataclass
class Memory:
    """How much memory each part had over a long run, in bytes, and how many payments were made meanwhile."""

    samples: list[dict[str, int]]
    payments: int


@dataclass
class Scale:
    """What a run measured.

    Args:
        plan: what was compared.
        variants: their names, the usual one first.
        results: the measurements of each variant and kind of request, by `"{kind} {variant}"`.
        memory: over the long run.
        looked_up: how many acknowledged transactions were found again.
        others_share: the share of the machine that other software took.
    """

    plan: ScalePlan
    variants: list[str]
    results: dict[str, Series] = field(default_factory=dict)
    memory: Memory = field(default_factory=lambda: Memory([], 0))
    looked_up: int = 0
    others_share: float = 0.0


KINDS = ("pay", "account", "transactions")


class ScaleRun:
    """One run.

    Args:
        stage: what has been started.
        plan: what to compare.
        bar: told what goes on.
    """

    def __init__(self, stage: Stage, plan: ScalePlan, bar: Bar) -> None:
        self._stage = stage
        self._plan = plan
        few, many = plan.few_users, plan.users
        bar.step("filling: few users")
        usual = stage.database("usual", few)
        bar.step(f"filling: {many:,} users", many * 4 / _ROWS_A_SECOND)
        populous = stage.database("populous", many)
        bar.step(f"filling: {plan.history:,} transactions", plan.history * 3 / _ROWS_A_SECOND)
        old = stage.database("old", few, plan.history)
        bar.step("starting the servers", 10)
        one = stage.service(usual, few, web=1, app=1)[0]
        two_apps = stage.service(usual, few, web=1, app=2)[0]
        full = stage.service(populous, many, web=1, app=1)[0]
        self._usual = one
        self._urls = (usual, populous, old)
        self._variants = [
            Variant(f"usual: {few:,} users, no history, 1 web process, 1 application process", one),
            Variant(f"{many:,} users", full),
            Variant(f"{many:,} users, {few:,} of them active", replace(full, users=few)),
            Variant(f"{plan.history:,} transactions", stage.service(old, few, web=1, app=1)[0]),
            Variant("4 web processes", stage.service(usual, few, web=4, app=1)[0]),
            Variant("2 application processes", two_apps),
            Variant("every payment to one account", one, receiver=0),
            Variant("every payment to one account, 2 application processes", two_apps, receiver=0),
        ]

    def run(self, bar: Bar) -> Scale:
        """Measure everything, then check the ledgers.

        Raises:
            LedgerWrong: an acknowledged payment is missing, or the ledger is wrong.
            UnexpectedAnswers: a service failed under a load that it should bear.
        """
        scale = Scale(self._plan, [variant.name for variant in self._variants])
        bar.step("warming up", 20)
        for variant in self._variants:
            if variant.receiver is None:
                self._stage.warm_up(variant.target, min(3.0, self._plan.seconds))
        neighbours = Neighbours()
        order = in_turns(list(self._points()), self._plan.rounds)
        run(order, scale.results, lambda point: bar.step(point.name, point.seconds))
        bar.step("watching memory", self._plan.long_seconds)
        scale.memory = self._watch_memory()
        scale.others_share = neighbours.share()
        bar.step("checking the ledgers", 10)
        scale.looked_up = sum(self._stage.verify(url) for url in self._urls)
        return scale

    def _points(self) -> Iterator[Point]:
        for variant in self._variants:
            kinds = KINDS if variant.receiver is None else ("pay",)
            for kind in kinds:
                yield self._point(variant, kind)

    def _point(self, variant: Variant, kind: str) -> Point:
        seconds = self._plan.seconds if kind == "pay" else self._plan.seconds / 2
        phases = [Phase(_WARM_SECONDS), Phase(seconds)]

        def measure() -> Measurement:
            loaded = self._stage.load(variant.target, kind, CLIENTS, phases, receiver=variant.receiver)
            last = only_expected(loaded, 200).phases[-1]
            return Measurement(last.count(200) / last.seconds, last.histogram(200))

        return Point(f"{kind} {variant.name}", seconds + _WARM_SECONDS, measure, every=1 if kind == "pay" else 2)

    def _watch_memory(self) -> Memory:
        """Pay for a long time, and read each process's memory again and again."""
        usage = Usage(
            {f"{part} {n}": [pid] for part, pids in self._usual.parts.items() for n, pid in enumerate(pids, 1)}
        )
        with MemoryWatch(usage, self._plan.long_seconds / _SAMPLES) as watch:
            result = self._stage.load(self._usual, "pay", CLIENTS, [Phase(self._plan.long_seconds)])
        return Memory(watch.samples, only_expected(result, 200).phases[0].count(200))


def planned_scale_seconds(plan: ScalePlan) -> float:
    """How long a run takes, about."""
    filling = (plan.users * 4 + plan.history * 3) / _ROWS_A_SECOND
    measuring = plan.rounds * 8 * (plan.seconds + 0.5) + (plan.rounds + 1) // 2 * 12 * (plan.seconds / 2 + 0.5)
    return filling + 10 + 20 + measuring + plan.long_seconds + 10
