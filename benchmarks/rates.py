"""How fast: echo, bare database and Shillings, measured in turns."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.concurrency import read_batches
from benchmarks.movements import ENDPOINTS, WAITING, Movements, MovementsRun
from benchmarks.overload import Overload, overload
from benchmarks.production import Stage, Target, only_expected
from benchmarks.progress import Bar
from benchmarks.rounds import Measurement, Point, Series, in_turns, run
from benchmarks.sysbench import Sysbench
from benchmarks.targets import HALF_PEAK
from benchmarks.usage import Neighbours
from deploy.local.programs import MissingProgram
from shillings.load.jobs import Phase, Result

CLIENTS = (1, 16, 64, 256)
CONNECTIONS = (1, 8, 32)
_OWN_DATABASES = ("embedded", "sandbox-off", "mysql")
_OTHERS = ("transactions", "topup", "login")
_WARM_SECONDS = 0.3
_ROUNDS_MANY = 1_000
_GENERATOR_BUSY_MAX = 0.9
OTHERS_SHARE_MAX = 0.1
MOVEMENTS_SECONDS = 80.0
_START_SECONDS = 25.0


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Args:
        users: how many users there are.
        web: how many web processes, and echo processes; one, as `shillings serve` has.
        app: how many application processes.
        rounds: how often the points are measured.
        seconds: how long each measurement of a point that a promise is about takes; at others, half of that.
        overload_seconds: how long the overload lasts.
        waiting: how many webhook deliveries wait before they are drained.
        clients_max: a bound for all numbers of clients; a smoke test has one.
    """

    users: int = 1_000
    web: int = 1
    app: int = 1
    rounds: int = 7
    seconds: float = 2.5
    overload_seconds: float = 60.0
    clients_max: int = 4_000
    waiting: int = WAITING


@dataclass
class Rates:
    """What a run measured.

    Args:
        plan: how.
        results: every point's measurements, by its name.
        overload: what overload did.
        movements: what webhooks, refunds and holds cost.
        looked_up: how many acknowledged transactions were found again in the ledgers: all of them.
        generator_busy_max: the largest share of one processor that the load generator took.
        others_share: the share of the machine that other software took.
    """

    plan: Plan
    results: dict[str, Series] = field(default_factory=dict)
    overload: Overload | None = None
    movements: Movements | None = None
    looked_up: int = 0
    generator_busy_max: float = 0.0
    others_share: float = 0.0


class RatesRun:
    """One run.

    Args:
        stage: what has been started.
        plan: how long to measure.
    """

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self._stage = stage
        self._plan = plan
        self.rates = Rates(plan)
        users = plan.users
        self._bare_url = stage.database("bare", users)
        self._bare = Sysbench(stage.mariadb, "shillings_bare", users)
        self._service_url = stage.database("service", users)
        direct, nginx = stage.service(self._service_url, users, web=plan.web, app=plan.app)
        self._targets = {
            "echo": stage.echo(plan.web),
            "direct": direct,
            "nginx": nginx,
            "embedded": stage.embedded(users),
            "sandbox-off": stage.embedded(users, sandbox=False),
        }
        # Not every machine can have it; then its row is left out.
        with suppress(MissingProgram):
            self._targets["mysql"] = stage.on_mysql(users, web=plan.web, app=plan.app)

    def run(self, bar: Bar) -> Rates:
        """Measure everything, then check the ledgers.

        Raises:
            LedgerWrong: an acknowledged payment is missing, or the ledger is wrong.
            UnexpectedAnswers: a service failed under a load that it should bear.
        """
        for name, target in self._targets.items():
            bar.step(f"warming up: {name}")
            self._stage.warm_up(target, min(1.5, self._plan.seconds))
        neighbours = Neighbours()
        order = in_turns(list(self._points()), self._plan.rounds)
        run(order, self.rates.results, lambda point: bar.step(point.name, point.seconds))
        bar.step("overload", overload_run_seconds(self._plan))
        peak = self.rates.results["pay nginx 256"].rate
        self.rates.overload = overload(
            self._stage, self._targets["nginx"], peak, self._plan.overload_seconds, self._plan.clients_max
        )
        bar.step("webhooks, refunds, holds", MOVEMENTS_SECONDS)
        self.rates.movements = MovementsRun(
            self._stage,
            users=self._plan.users,
            rounds=min(3, self._plan.rounds),
            seconds=self._plan.seconds / 2,
            waiting=self._plan.waiting,
            endpoints=min(ENDPOINTS, self._plan.users),
        ).run()
        self.rates.others_share = neighbours.share()
        bar.step("checking the ledgers")
        others = [self._targets[name].database_url for name in _OWN_DATABASES if name in self._targets]
        urls = (self._service_url, self._bare_url, *others)
        self.rates.looked_up = sum(self._stage.verify(url) for url in urls)
        return self.rates

    def _points(self) -> Iterator[Point]:
        for clients in CLIENTS:
            yield self._closed("echo", "pay", clients, every=1 if clients == 64 else 2)
            yield self._closed("direct", "pay", clients, every=2 if clients == 16 else 1)
            yield self._closed("direct", "account", clients, every=1 if clients == 64 else 2)
            for kind in _OTHERS:
                # So many logins take seconds, and so does this measurement.
                every = _ROUNDS_MANY if (kind, clients) == ("login", 256) else 2
                yield self._closed("direct", kind, clients, every=every)
        for connections in CONNECTIONS:
            yield self._bare_point(connections)
        for where, kind, clients in (
            ("nginx", "pay", 64),
            ("nginx", "pay", 256),
            ("nginx", "account", 64),
            ("embedded", "pay", 64),
            ("embedded", "account", 64),
            ("sandbox-off", "pay", 64),
            ("mysql", "pay", 64),
        ):
            if where not in self._targets:
                continue
            yield self._closed(where, kind, clients, every=2)
        yield Point(HALF_PEAK, self._plan.seconds, self._half_peak, is_last=True)

    def _closed(self, where: str, kind: str, clients: int, *, every: int) -> Point:
        seconds = self._plan.seconds / min(every, 2)
        # Many logins must be waiting before a measurement shows what it is like to be one of them.
        warm = min(_WARM_SECONDS, self._plan.seconds / 2) if every < _ROUNDS_MANY else 3 * self._plan.seconds
        name = f"echo {clients}" if where == "echo" else f"{kind} {where} {clients}"
        target = self._targets[where]

        def measure() -> Measurement:
            return self._measure(target, kind, min(clients, self._plan.clients_max), [Phase(warm), Phase(seconds)])

        return Point(name, seconds + warm, measure, every)

    def _bare_point(self, connections: int) -> Point:
        def measure() -> Measurement:
            usage = self._stage.usage(self._targets["direct"])
            before = usage.cpu_seconds()["MariaDB"]
            found = self._bare.pay(connections, self._plan.seconds)
            cpu = usage.cpu_seconds()["MariaDB"] - before
            return Measurement(
                found.count / found.seconds, found.latencies, cpu_us={"MariaDB": cpu / found.count * 1e6}
            )

        return Point(f"bare {connections}", max(1.0, self._plan.seconds), measure)

    def _half_peak(self) -> Measurement:
        """An open loop at half of what the service has been able to do so far."""
        peak = max(self.rates.results[f"pay direct {clients}"].rate for clients in (64, 256))
        return self._measure(self._targets["direct"], "pay", 64, [Phase(self._plan.seconds, peak / 2)])

    def _measure(self, target: Target, kind: str, clients: int, phases: list[Phase]) -> Measurement:
        usage = self._stage.usage(target)
        before, batches = usage.cpu_seconds(), read_batches(target.metrics_urls)
        # Only so many logins may wait for a processor; more are refused, or wait in vain.
        allowed = (200, 503, 504) if kind == "login" else (200,)
        result = only_expected(self._stage.load(target, kind, clients, phases), *allowed)
        cpu = {part: seconds - before[part] for part, seconds in usage.cpu_seconds().items()}
        self._note_generator(result)
        answered = max(1, result.statuses.get(200, 0))
        last = result.phases[-1]
        return Measurement(
            last.count(200) / last.seconds,
            last.histogram(200),
            result.statuses.get(503, 0) + result.statuses.get(504, 0),
            {part: seconds / answered * 1e6 for part, seconds in cpu.items()},
            read_batches(target.metrics_urls).since(batches),
        )

    def _note_generator(self, result: Result) -> None:
        busy = result.cpu_seconds / result.wall_seconds
        self.rates.generator_busy_max = max(self.rates.generator_busy_max, busy)


def is_generator_the_limit(rates: Rates) -> bool:
    """Whether the load generator was so busy that it, not the service, may have set a rate."""
    return rates.generator_busy_max > _GENERATOR_BUSY_MAX


def was_machine_shared(rates: Rates) -> bool:
    """Whether others took so much of the machine that the figures are theirs too."""
    return rates.others_share > OTHERS_SHARE_MAX


def overload_run_seconds(plan: Plan) -> float:
    """How long the overload and what surrounds it take."""
    return plan.overload_seconds + 20.0


def planned_seconds(plan: Plan) -> float:
    """How long a run takes, about."""
    core, others = 10, 25
    measuring = core * plan.rounds * (plan.seconds + 0.5)
    measuring += others * ((plan.rounds + 1) // 2) * (plan.seconds / 2 + 0.5)
    return measuring + overload_run_seconds(plan) + MOVEMENTS_SECONDS
