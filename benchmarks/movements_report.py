"""What RESULTS.md says of webhooks, refunds and holds."""

from benchmarks.document import milliseconds, table
from benchmarks.movements import Movements
from benchmarks.targets import Promise

_ROWS = {
    "pay, nobody listens": "nobody",
    "pay, one endpoint hears everything": "one",
    "pay, many deliveries wait": "waiting",
    "pay, and the deliverer drains them": "draining",
    "pay, everybody pays one user": "pay",
    "refund, by that user": "refund",
    "hold": "hold",
}
_LATE_MS_MAX = 50.0
_DEAD_FACTOR_MAX = 1.25


def movement_promises(found: Movements | None) -> list[Promise]:
    """What is promised of them, held against what was measured."""
    if found is None:
        return []

    def ratio(what: str, ours: str, theirs: str, first: float) -> Promise:
        return Promise(what, found.ratio(ours, theirs), None, None, first, 1.0)

    alone, beside = found.late_ms
    return [
        ratio("payments, one webhook endpoint ÷ nobody", "one", "nobody", 0.8),
        ratio("payments while many deliveries drain ÷ while they wait", "draining", "waiting", 0.9),
        ratio("refunds ÷ payments to one user", "refund", "pay", 0.7),
        ratio("holds ÷ payments", "hold", "nobody", 0.7),
        Promise(
            "median time from an event to its delivery, little to do",
            found.idle_late_ms, None, None, _LATE_MS_MAX, _LATE_MS_MAX / 5, at_least=False, unit=" ms",
        ),
        Promise(
            "the same for the other endpoints when one never answers ÷ when all do",
            beside / alone if alone else 0.0, None, None, _DEAD_FACTOR_MAX, 1.0, at_least=False,
        ),
    ]  # fmt: skip


def movements_text(found: Movements) -> str:
    """All of it, as Markdown."""
    rows = []
    for what, name in _ROWS.items():
        series = found.results[name]
        quantiles = [milliseconds(series.quantile_ms(fraction)) for fraction in (0.5, 0.99)]
        cpu = series.cpu_us()
        costs = [f"{cpu.get(part, 0.0):,.0f}" for part in _PARTS]
        rows.append([what, f"{series.rate:,.0f}", *quantiles, *costs])
    alone, beside = found.late_ms
    return "\n\n".join(
        [
            "### Webhooks, refunds, holds",
            table(["what", "per second", "p50 ms", "p99 ms", *[f"µs {part}" for part in _PARTS]], rows),
            _TEXT.format(
                waiting=found.waiting,
                drain_rate=found.drain_rate,
                idle=milliseconds(found.idle_late_ms),
                endpoints=found.endpoints,
                alone=milliseconds(alone),
                beside=milliseconds(beside),
            ),
        ]
    )


_PARTS = ("web", "app", "MariaDB", "deliverer", "sink")
_TEXT = (
    "One service on MariaDB, 64 clients, one web server, one application server, one deliverer. Each payment is two "
    "events, one for each side, and the endpoint hears both. It is on the same machine, at the cost that `sink` shows; "
    "costs are processor time for each request. Of {waiting:,} deliveries that waited, {drain_rate:,.0f} a second went "
    "out while payments went on. With little to do a delivery arrives {idle} ms after its event's time. With "
    "{endpoints} endpoints that all hear everything half of the deliveries are there after {alone} ms; when one of "
    "them never answers, half of the others' after {beside} ms."
)
