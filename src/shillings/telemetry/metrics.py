"""Prometheus metrics of one process, served on a port of their own, never on the public one."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """Everything this process counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._http = Histogram(
            "shillings_http_request_seconds",
            "HTTP requests by path and status.",
            ["path", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._commands = Histogram(
            "shillings_command_seconds",
            "Commands by name and code.",
            ["command", "code"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "shillings_batch_items",
            "Items of one visit, by what was visited.",
            ["batcher"],
            buckets=_SIZES,
            registry=registry,
        )
        self._queues = Gauge(
            "shillings_queue_items", "Items that wait for the next visit.", ["batcher"], registry=registry
        )
        self._retries = Counter(
            "shillings_database_retries",
            "Database work run again, by lane and reason.",
            ["lane", "reason"],
            registry=registry,
        )
        self._looks = Counter(
            "shillings_session_looks",
            "Session look-ups, by where the profile was found.",
            ["found_in"],
            registry=registry,
        )
        self._cache_failures = Counter("shillings_cache_failures", "Cache operations that failed.", registry=registry)
        self._children: dict[tuple[str, str], Callable[[float], None]] = {}

    def serve(self, listen: str) -> None:
        """Serve /metrics at `host:port`, in a thread of its own. Raises OSError."""
        host, _, port = listen.rpartition(":")
        start_http_server(int(port), addr=host, registry=self.registry)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A value that is read when somebody looks."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def observe_http(self, path: str, status: str, seconds: float) -> None:
        """Count one HTTP request."""
        self._observe(self._http, path, status, seconds)

    def observe_command(self, command: str, code: str, seconds: float) -> None:
        """Count one command."""
        self._observe(self._commands, command, code, seconds)

    def batch_observer(self, batcher: str) -> Callable[[int], None]:
        """A function that counts the sizes of one batcher's visits."""
        return self._batches.labels(batcher).observe

    def watch_queue(self, batcher: str, waiting: Callable[[], int]) -> None:
        """Show how many items wait in one batcher."""
        self._queues.labels(batcher).set_function(waiting)

    def retry_counter(self, lane: str) -> Callable[[str], None]:
        """A function that counts one lane's retries."""
        return lambda reason: self._retries.labels(lane, reason).inc()

    def look_counter(self, found_in: str) -> Callable[[], None]:
        """A function that counts session look-ups that end in one place."""
        return self._looks.labels(found_in).inc

    def count_cache_failure(self) -> None:
        """Count one failed cache operation."""
        self._cache_failures.inc()

    def _observe(self, histogram: Histogram, first: str, second: str, seconds: float) -> None:
        # Looking a labelled child up costs more than observing; the labels are few and closed.
        observe = self._children.get((first, second))
        if observe is None:
            observe = self._children[first, second] = histogram.labels(first, second).observe
        observe(seconds)
