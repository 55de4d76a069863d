"""How large the crowds were that visited the database together, as the application processes count them."""

import re
import urllib.request
from collections.abc import Sequence
from typing import NamedTuple

_LINE = re.compile(r'^shillings_batch_items_(sum|count)\{batcher="ledger"\} ([\d.e+]+)$', re.MULTILINE)


class Visits(NamedTuple):
    """How many visits the ledger has had since the processes started, and how many payments they brought."""

    visits: float
    payments: float

    def since(self, before: "Visits") -> float:
        """The mean number of payments in a visit since then; 0 if there was none."""
        visits = self.visits - before.visits
        return (self.payments - before.payments) / visits if visits else 0.0


def read_visits(metrics_urls: Sequence[str]) -> Visits:
    """What all these processes count together."""
    visits = payments = 0.0
    for url in metrics_urls:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = dict(_LINE.findall(answer.read().decode()))
        visits += float(found.get("count", 0))
        payments += float(found.get("sum", 0))
    return Visits(visits, payments)
