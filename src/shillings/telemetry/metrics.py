"""Prometheus metrics of one process, served on a port of their own, never on the public one."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Durations(Collector):
    """A histogram of seconds with two labels, filled by the event loop's thread alone.

    prometheus_client's own locks and checks with every observation, which costs four times as much; and every request
    is observed in both layers.

    Args:
        name, help_text: as Prometheus shows them.
        labels: what the two values of a key are called.
    """

    def __init__(self, name: str, help_text: str, labels: tuple[str, str]) -> None:
        self._name = name
        self._help_text = help_text
        self._labels = labels
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._sums: dict[tuple[str, str], float] = {}

    def observe(self, first: str, second: str, seconds: float) -> None:
        """Count one."""
        key = first, second
        counts = self._counts.get(key)
        if counts is None:
            self._sums[key] = 0.0
            counts = self._counts[key] = [0] * (len(_SECONDS) + 1)
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[key] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Part of prometheus_client's interface; called by the thread that serves."""
        family = HistogramMetricFamily(self._name, self._help_text, labels=self._labels)
        bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
        for key, counts in list(self._counts.items()):
            family.add_metric(key, list(zip(bounds, accumulate(counts), strict=True)), self._sums[key])
        yield family


class Metrics:
    """Everything this process counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._http = Durations(
            "shillings_http_request_seconds", "HTTP requests by path and status.", ("path", "status")
        )
        self._commands = Durations("shillings_command_seconds", "Commands by name and code.", ("command", "code"))
        registry.register(self._http)
        registry.register(self._commands)
        self.observe_http = self._http.observe
        self.observe_command = self._commands.observe
        self._batches = Histogram(
            "shillings_batch_items",
            "Items of one batch, by batcher.",
            ["batcher"],
            buckets=_SIZES,
            registry=registry,
        )
        self._queues = Gauge(
            "shillings_queue_items", "Items that wait for the next batch.", ["batcher"], registry=registry
        )
        self._retries = Counter(
            "shillings_database_retries",
            "Database work run again, by executor and reason.",
            ["executor", "reason"],
            registry=registry,
        )
        self._optimistic = Counter(
            "shillings_optimistic_batches",
            "Batches of the ledger that acted on remembered wallets, by what became of it.",
            ["result"],
            registry=registry,
        )
        self._optimistic_pauses = Counter(
            "shillings_optimistic_pause_seconds",
            "For how long none was tried, because too many were rejected.",
            registry=registry,
        )
        self._lookups = Counter(
            "shillings_session_lookups",
            "Session lookups, by where the profile was found.",
            ["found_in"],
            registry=registry,
        )
        self._deliveries = Histogram(
            "shillings_delivery_seconds",
            "Attempts to deliver a webhook, by outcome.",
            ["outcome"],
            buckets=(*_SECONDS, 10, 15),
            registry=registry,
        )
        self._http_limits = Counter(
            "shillings_http_limits", "Requests and connections refused or cut, by limit.", ["limit"], registry=registry
        )
        self._cache_failures = Counter("shillings_cache_failures", "Cache operations that failed.", registry=registry)

    def serve(self, listen: str) -> None:
        """Serve /metrics at `host:port`, in a thread of its own. Raises OSError."""
        host, _, port = listen.rpartition(":")
        start_http_server(int(port), addr=host, registry=self.registry)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A value that is read when it is scraped."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def batch_observer(self, batcher: str) -> Callable[[int], None]:
        """A function that counts the sizes of one batcher's batches."""
        return self._batches.labels(batcher).observe

    def watch_queue(self, batcher: str, waiting: Callable[[], int]) -> None:
        """Show how many items wait in one batcher."""
        self._queues.labels(batcher).set_function(waiting)

    def retry_counter(self, executor: str) -> Callable[[str], None]:
        """A function that counts one executor's retries."""
        return lambda reason: self._retries.labels(executor, reason).inc()

    def count_optimistic(self, result: str) -> None:
        """Count one batch that acted on remembered wallets."""
        self._optimistic.labels(result).inc()

    def count_optimistic_pause(self, seconds: float) -> None:
        """Count a pause of so many seconds."""
        self._optimistic_pauses.inc(seconds)

    def lookup_counter(self, found_in: str) -> Callable[[], None]:
        """A function that counts session lookups that end in one place."""
        return self._lookups.labels(found_in).inc

    def observe_delivery(self, outcome: str, seconds: float) -> None:
        """Count one attempt to deliver."""
        self._deliveries.labels(outcome).observe(seconds)

    def count_http_limit(self, limit: str) -> None:
        """Count one request or connection that was refused or cut."""
        self._http_limits.labels(limit).inc()

    def count_cache_failure(self) -> None:
        """Count one failed cache operation."""
        self._cache_failures.inc()
