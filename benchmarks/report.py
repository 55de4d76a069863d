"""The part of RESULTS.md that `make bench` writes."""

from pathlib import Path

from benchmarks.document import milliseconds, table
from benchmarks.machine import describe
from benchmarks.movements_report import movement_promises, movements_text
from benchmarks.overload import FACTOR, Overload
from benchmarks.production import BUFFER_POOL_MB, REDO_LOG_MB
from benchmarks.rates import CLIENTS, CONNECTIONS, Rates, is_generator_the_limit, was_machine_shared
from benchmarks.targets import HALF_PEAK, Promise, best_bare, promises
from shillings.load.histogram import Histogram
from shillings.load.jobs import BROKEN, NOT_ANSWERED, NOT_SENT

_FATES = {
    BROKEN: "connection broke",
    NOT_SENT: "not sent for want of a connection",
    NOT_ANSWERED: "never answered",
}

_QUANTILES = (0.5, 0.99, 0.999)

_METHOD = (
    "Every figure is the median of several measurements, taken in turns. In a closed loop each client sends its next "
    "request as soon as it has its answer. In the open loop requests begin at random moments, and latency counts "
    "from then, whether or not the request could be sent."
)
_VERIFIED = (
    "All {count:,} payments and top-ups that were acknowledged were looked up in the ledgers afterwards: none is "
    "missing; balances, entries and top-ups agree in every ledger, that of the bare database included."
)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


_ON_MYSQL = "pay, MySQL instead of MariaDB, 64 clients"

# What a row is called, and which point it shows. A machine without MySQL leaves its row out.
_ROWS = [
    *[(f"HTTP echo, {_many(n, 'client')}", f"echo {n}") for n in CLIENTS],
    *[(f"bare MariaDB, one transaction each, {_many(n, 'connection')}", f"bare {n}") for n in CONNECTIONS],
    *[
        (f"{kind}, {_many(n, 'client')}", f"{kind} direct {n}")
        for kind in ("pay", "account", "transactions", "topup", "login")
        for n in CLIENTS
    ],
    ("pay through nginx, 64 clients", "pay nginx 64"),
    ("pay through nginx, 256 clients", "pay nginx 256"),
    ("account through nginx, 64 clients", "account nginx 64"),
    ("pay, embedded (SQLite), 64 clients", "pay embedded 64"),
    ("pay, embedded without its sandbox, 64 clients", "pay sandbox-off 64"),
    ("account, embedded (SQLite), 64 clients", "account embedded 64"),
    (_ON_MYSQL, "pay mysql 64"),
    ("pay at half the peak rate, open loop, 64 connections", HALF_PEAK),
]
_COSTS = (
    "echo 64", "account direct 64", "pay direct 64", "pay nginx 64", "pay embedded 64", "pay sandbox-off 64", "bare 8",
)  # fmt: skip


def rates_part(rates: Rates, directory: Path) -> str:
    """All of it, as Markdown.

    Args:
        rates: what was measured.
        directory: where the databases had their files.
    """
    parts = [
        "## Rates and latencies",
        promises_table([*promises(rates.results), *movement_promises(rates.movements)]),
        "In brackets: the lowest and the highest of single rounds.",
        "![Rates by number of clients, latencies, and what overload does](results.svg)",
        _rates_table(rates),
        _remarks(rates),
        "### Where the processor time goes",
        _costs_table(rates),
        "### Overload",
        "" if rates.overload is None else _overload_text(rates.overload),
        "" if rates.movements is None else movements_text(rates.movements),
        "### Settings and machine",
        _settings(rates),
        table(["what", "value"], [[what, value] for what, value in describe(directory)]).replace("---:", "---"),
    ]
    return "\n\n".join(part for part in parts if part)


def promises_table(found: list[Promise]) -> str:
    """Every promise and whether it holds."""
    rows = []
    for one in found:
        span = "" if one.least is None else f" ({one.least:.2f}-{one.greatest:.2f})"
        sign = "≥" if one.at_least else "≤"
        rows.append(
            [
                one.what,
                f"{one.value:.2f}{one.unit}{span}",
                f"{sign} {one.first:g}{one.unit}",
                f"{sign} {one.next:g}{one.unit}",
                one.verdict,
            ]
        )
    return table(["promise", "measured", "must be", "shall be", "is"], rows)


def _rates_table(rates: Rates) -> str:
    rows = []
    for what, name in _ROWS:
        if name not in rates.results:
            continue
        series = rates.results[name]
        quantiles = [milliseconds(series.quantile_ms(fraction)) if series.rate else "" for fraction in _QUANTILES]
        rows.append([what, f"{series.rate:,.0f}", *quantiles])
    return table(["what", "per second", "p50 ms", "p99 ms", "p99.9 ms"], rows)


def _remarks(rates: Rates) -> str:
    """What one must know to read the table."""
    remarks = [_METHOD, _VERIFIED.format(count=rates.looked_up)]
    refused = sum(rates.results[f"login direct {n}"].refused for n in CLIENTS)
    if refused:
        remarks.append(
            f"{refused:,} logins were refused (503) or came too late (504), because too many waited for a processor; "
            "they are not counted."
        )
    others = f"Other software took {rates.others_share:.0%} of the machine meanwhile"
    if was_machine_shared(rates):
        remarks.append(f"**{others}: on a quiet machine all figures are better, and ratios differ.**")
    else:
        remarks.append(f"{others}.")
    busy = f"The load generator used {rates.generator_busy_max:.0%} of one processor at most"
    if is_generator_the_limit(rates):
        remarks.append(f"**{busy}: at the highest rates it may be what was measured.**")
    else:
        remarks.append(f"{busy}.")
    return "\n\n".join(remarks)


def _costs_table(rates: Rates) -> str:
    costs = {name: rates.results[name].cpu_us() for name in _COSTS}
    order = ("generator", "nginx", "web", "app", "echo", "embedded", "MariaDB", "Redis")
    labels = {name: what for what, name in _ROWS}
    rows = [
        [part, *[f"{costs[name][part]:.0f}" if part in costs[name] else "" for name in _COSTS]]
        for part in order
        if any(part in cost for cost in costs.values())
    ]
    heads = ["microseconds for each request", *[labels[name] for name in _COSTS]]
    sizes = ", ".join(f"{rates.results[f'pay direct {n}'].batch:.0f} with {_many(n, 'client')}" for n in CLIENTS)
    return f"{table(heads, rows)}\n\nsysbench's own time is not counted. Payments of one batch, on average: {sizes}."


def _overload_text(found: Overload) -> str:
    accepted, refused = found.accepted_latencies, found.refused_latencies
    rows = [
        ["offered", f"{found.offered:,.0f}", "", "", ""],
        ["accepted", f"{found.accepted:,.0f}", *_quantiles(accepted)],
        ["refused (503)", f"{found.refused:,.0f}", *_quantiles(refused)],
    ]
    others = ", ".join(
        f"{count:,} {_FATES.get(status, f'answered {status}')}" for status, count in sorted(found.others.items())
    )
    recovered = (
        "It did not recover while it was watched."
        if found.recovered_seconds is None
        else f"{found.recovered_seconds:.1f} s after it ended, every request was accepted and fast again."
    )
    load = (
        f"{FACTOR} times the peak of {found.peak:,.0f} payments a second, for {found.seconds:g} s, through nginx, "
        f"open loop: {found.accepted / found.peak:.0%} of the peak is accepted."
    )
    return "\n\n".join(
        [
            load,
            table(["requests", "per second", "p50 ms", "p99 ms", "p99.9 ms"], rows),
            f"Anything else: {others or 'nothing'}. {recovered} Nothing acknowledged is missing from the ledger.",
            f"The load generator took {found.generator_busy:.0%} of a processor, which the service did not have.",
        ]
    )


def _quantiles(histogram: Histogram) -> list[str]:
    return [milliseconds(histogram.quantile(fraction) / 1000) if len(histogram) else "" for fraction in _QUANTILES]


def _settings(rates: Rates) -> str:
    plan = rates.plan
    bare = best_bare(rates.results)
    return (
        f"Web processes: {plan.web} (and as many of the echo); application processes: {plan.app}. {plan.users:,} "
        "users, each of whom pays any other; every payment has an Idempotency-Key. Direct means that clients reach the "
        f"web processes themselves. {plan.rounds} rounds; {plan.seconds:g} s "
        f"for each measurement of a point that a promise is about, {plan.seconds / 2:g} s at others. "
        f"MariaDB with `innodb_flush_log_at_trx_commit=1`, `innodb_doublewrite=1`, a buffer pool of {BUFFER_POOL_MB} "
        f"MiB and a redo log of {REDO_LOG_MB} MiB; sysbench reaches it by its Unix socket, Shillings by TCP. The bare "
        f"database counts with its better number of connections: {bare.rate:,.0f} payments a second. SQLite with "
        "`synchronous=FULL`, as `shillings serve` always has it."
    )
