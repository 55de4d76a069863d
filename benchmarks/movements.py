"""Webhooks, refunds and holds: what they cost the payments, and how fast they are.

All of it on one service of its own, with MariaDB, one web server, one application server and one deliverer. What
listens (`sink.py`) is on the same machine, and so its share of the processors is missing to the service.
"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median

import httpx
import psutil

from benchmarks.production import Stage, only_expected
from benchmarks.rounds import Measurement, Series
from benchmarks.sink import Told
from shillings.load.jobs import Phase

CLIENTS = 64
WAITING = 10_000
ENDPOINTS = 100
_WARM_SECONDS = 0.3
_SETTLE_SECONDS = 0.3
_IDLE_RATE = 10.0
_MANY_RATE = 200.0
_BACKLOG_SECONDS_MAX = 20.0
_REFUNDS_PER_PAYMENT_MAX = 4
"""So many times the rate of payments is more than refunds can reach: each needs a payment of its own."""

_ID_CHARACTERS = 36


@dataclass
class Movements:
    """What was measured.

    Args:
        results: payments while `nobody` listens and while `one` endpoint does, while deliveries are `waiting` and
            while they are `draining`; `hold`, `refund`, and `pay` beside those two.
        idle_late_ms: the median time from an event to its delivery while there is little to do.
        drain_rate: deliveries a second out of many that waited, while payments went on.
        waiting: how many waited.
        endpoints: how many there were when one of them never answered.
        late_ms: the same as `idle_late_ms` for so many endpoints, and for the others when one never answers.
    """

    results: dict[str, Series] = field(default_factory=dict)
    idle_late_ms: float = 0.0
    drain_rate: float = 0.0
    waiting: int = 0
    endpoints: int = 0
    late_ms: tuple[float, float] = (0.0, 0.0)

    def ratio(self, ours: str, theirs: str) -> float:
        """One rate divided by another."""
        return self.results[ours].rate / self.results[theirs].rate


def late_ms(told: Told) -> float:
    """The median lateness.

    >>> late_ms(Told(late_us={1000: 1, 3000: 3}))
    3.0
    """
    late = [us for us, count in told.late_us.items() for _ in range(count)]
    return median(late) / 1000 if late else 0.0


class MovementsRun:
    """One run.

    Args:
        stage: what has been started.
        users: how many users the service has.
        rounds: how often rates are measured.
        seconds: how long each time.
        waiting: how many deliveries are to wait before they are drained.
        endpoints: how many endpoints there are when one of them never answers.
    """

    def __init__(
        self, stage: Stage, *, users: int, rounds: int, seconds: float, waiting: int = WAITING,
        endpoints: int = ENDPOINTS,
    ) -> None:  # fmt: skip
        self._stage = stage
        self._rounds = rounds
        self._seconds = seconds
        self._waiting = waiting
        self._endpoints = endpoints
        self._sink = stage.sink()
        url = stage.database("movements", users)
        self._target, _ = stage.service(url, users, web=1, app=1, settings={"SANDBOX": "1"})
        self._parts = self._target.parts
        self._parts["sink"] = [self._sink.pid]
        self._usage = stage.usage(self._target)
        [(host, port)] = self._target.addresses
        self._client = httpx.Client(base_url=f"http://{host}:{port}/v1/sandbox", timeout=30)
        self.found = Movements(endpoints=endpoints)

    def run(self) -> Movements:
        """Measure everything, and audit the ledger. Raises UnexpectedAnswers, LedgerWrong."""
        self._stage.warm_up(self._target, self._seconds)
        endpoint_id = self._listen("/")
        for _ in range(self._rounds):
            for name in ("nobody", "one"):
                self._change(endpoint_id, {"enabled": name == "one"})
                self._measure(name, "pay")
        self._drain_all()
        self._measure_idle()
        self._measure_drain(endpoint_id)
        self._remove(endpoint_id)
        self._measure_dead()
        for _ in range(self._rounds):
            self._measure_refunds()
            self._measure("hold", "hold")
        self._client.close()
        self._stage.verify(self._target.database_url)
        return self.found

    def _measure(self, name: str, kind: str, **more: object) -> bytes:
        """Put a load on, and note its rate; the ids that were acknowledged."""
        before = self._usage.cpu_seconds()
        result = only_expected(
            self._stage.load(
                self._target,
                kind,
                CLIENTS,
                [Phase(_WARM_SECONDS), Phase(self._seconds)],
                **more,  # type: ignore[arg-type]
            ),
            200,
        )
        last = result.phases[-1]
        answered = max(1, result.statuses.get(200, 0))
        cpu = {part: (used - before[part]) / answered * 1e6 for part, used in self._usage.cpu_seconds().items()}
        looked = Measurement(last.count(200) / last.seconds, last.histogram(200), cpu_us=cpu)
        self.found.results.setdefault(name, Series()).measurements.append(looked)
        return result.acknowledged

    def _measure_idle(self) -> None:
        """Few top-ups, one by one: how late are their deliveries?"""
        self._sink.ask()
        self._stage.load(self._target, "topup", 4, [Phase(max(1.0, self._seconds), _IDLE_RATE)])
        self._settle()
        self.found.idle_late_ms = late_ms(self._sink.ask())

    def _measure_drain(self, endpoint_id: str) -> None:
        """Have many deliveries wait, and then go out while payments go on that nobody listens to."""
        [deliverer] = self._parts["deliverer"]
        ends, made = time.monotonic() + _BACKLOG_SECONDS_MAX, 0
        psutil.Process(deliverer).send_signal(signal.SIGSTOP)
        try:
            while made < self._waiting and time.monotonic() < ends:
                # Each payment is told to both sides.
                result = only_expected(self._stage.load(self._target, "pay", CLIENTS, [Phase(0.5)]), 200)
                made += 2 * result.statuses[200]
            self._change(endpoint_id, {"event_types": ["user.created"]})
            self._measure("waiting", "pay")
        finally:
            psutil.Process(deliverer).send_signal(signal.SIGCONT)
        self.found.waiting = made
        self._sink.ask()
        began = time.monotonic()
        self._measure("draining", "pay")
        self.found.drain_rate = self._sink.ask().count / (time.monotonic() - began)
        self._drain_all()
        self._measure("waiting", "pay")

    def _measure_dead(self) -> None:
        """As many endpoints as one may have, all well, and then one of them silent."""
        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(self._listen, [f"/{number}" for number in range(self._endpoints)]))
        late = []
        for path in ("/0", "/hang"):
            self._change(made[0], {"url": self._sink.url + path})
            self._sink.ask()
            # Each is told to every endpoint.
            rate = _MANY_RATE / self._endpoints
            self._stage.load(self._target, "topup", 4, [Phase(max(2.0, 4 * self._seconds), rate)])
            self._settle()
            late.append(late_ms(self._sink.ask()))
        self.found.late_ms = (late[0], late[1])
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self._remove, made))

    def _measure_refunds(self) -> None:
        """Everybody pays one user, more often than that user can give it back in the time of one measurement."""
        ids = self._measure("pay", "pay", receiver=0)
        most = len(ids)
        while len(ids) < _REFUNDS_PER_PAYMENT_MAX * most:
            made = self._stage.load(self._target, "pay", CLIENTS, [Phase(_WARM_SECONDS + self._seconds)], receiver=0)
            paid = only_expected(made, 200).acknowledged
            ids += paid
            most = max(most, len(paid))
        self._measure(
            "refund",
            "refund",
            transaction_ids=[ids[at : at + _ID_CHARACTERS].decode() for at in range(0, len(ids), _ID_CHARACTERS)],
        )

    def _listen(self, path: str) -> str:
        answer = self._client.post("/webhook_endpoints", json={"url": self._sink.url + path}).raise_for_status()
        endpoint_id: str = answer.json()["endpoint_id"]
        return endpoint_id

    def _change(self, endpoint_id: str, change: dict[str, object]) -> None:
        self._client.patch(f"/webhook_endpoints/{endpoint_id}", json=change).raise_for_status()

    def _remove(self, endpoint_id: str) -> None:
        self._client.delete(f"/webhook_endpoints/{endpoint_id}").raise_for_status()

    def _settle(self) -> None:
        time.sleep(_SETTLE_SECONDS)

    def _drain_all(self) -> None:
        """Wait until nothing more comes, for a while at most."""
        ends = time.monotonic() + _BACKLOG_SECONDS_MAX
        while time.monotonic() < ends:
            self._sink.ask()
            self._settle()
            if not self._sink.ask().count:
                return
