"""How many servers a rate of payments takes: a model of what was measured for one payment.

    python -m benchmarks.capacity

prints the table of docs/scaling.md. The model knows processor time and the ledger's batches. It knows nothing of
networks, disks that fill, or how a database behaves on more processors than were measured.
"""

import math
from dataclasses import dataclass

BATCH = 64
"""Payments of a full batch (SHILLINGS_BATCH_ITEMS_MAX)."""

USABLE = 0.85
"""The share of the processors that does work when all wait for each other; with fewer clients it is less."""

TARGETS = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Costs:
    """What one payment and one batch of the ledger cost, in microseconds; see docs/performance.md."""

    nginx: float = 25
    web: float = 57
    app: float = 32
    thread: float = 17
    thread_batch: float = 430
    database: float = 46
    database_batch: float = 680
    generator: float = 13
    # What a batch takes on the clock: two round trips and a COMMIT on the machine that was measured.
    batch: float = 1_000
    batch_each: float = 57
    batch_commit: float = 200


MEASURED = Costs()


def processors(batch: float, costs: Costs = MEASURED) -> dict[str, float]:
    """Microseconds of a processor for one payment, by part, in batches of so many."""
    return {
        "nginx": costs.nginx,
        "web": costs.web,
        "app": costs.app + costs.thread + costs.thread_batch / batch,
        "database": costs.database + costs.database_batch / batch,
    }


def on_one_machine(cores: int, batch: float, *, nginx: bool = False, costs: Costs = MEASURED) -> float:
    """Payments a second where everything, the load generator too, shares some processors."""
    parts = processors(batch, costs)
    each = sum(parts.values()) - (0 if nginx else parts["nginx"]) + costs.generator
    return USABLE * cores * 1e6 / each


def ledger(commit_ms: float, batch: float = BATCH, costs: Costs = MEASURED) -> float:
    """Payments a second through one application server's ledger, by the clock: one batch after the other."""
    clock = costs.batch - costs.batch_commit + commit_ms * 1e3 + costs.batch_each * batch
    return batch * 1e6 / clock


@dataclass(frozen=True)
class Need:
    """What a rate takes, each part on processors of its own."""

    rate: int
    commit_ms: float
    nginx: float
    web: int
    app: int
    database: float

    def row(self) -> str:
        """A row of the table."""
        cells = (f"{self.rate:,}", f"{self.commit_ms:g} ms", f"{self.nginx:.1f}", str(self.web), str(self.app))
        return f"| {' | '.join(cells)} | {self.database:.1f} |"


def need(rate: int, commit_ms: float, costs: Costs = MEASURED) -> Need:
    """How many processes of a layer, and how many processors of nginx and the database, carry a rate."""
    parts = processors(BATCH, costs)
    app = min(ledger(commit_ms, costs=costs), USABLE * 1e6 / parts["app"])
    return Need(
        rate=rate,
        commit_ms=commit_ms,
        nginx=rate * parts["nginx"] / 1e6 / USABLE,
        web=math.ceil(rate * parts["web"] / 1e6 / USABLE),
        app=math.ceil(rate / app),
        database=rate * parts["database"] / 1e6 / USABLE,
    )


def table() -> str:
    """The table of docs/scaling.md."""
    head = (
        "| payments a second | a COMMIT takes | nginx, processors | web servers | application servers |"
        " database, processors |\n|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(need(rate, commit).row() for rate in TARGETS for commit in (0.2, 2, 10))])


if __name__ == "__main__":
    print(table())
