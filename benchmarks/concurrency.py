"""How large the batches of the ledger were, as the application processes count them."""

import re
import urllib.request
from collections.abc import Sequence
from typing import NamedTuple

_LINE = re.compile(r'^shillings_batch_items_(sum|count)\{batcher="ledger"\} ([\d.e+]+)$', re.MULTILINE)


class Batches(NamedTuple):
    """How many batches the ledger has executed since the processes started, and how many payments were in them."""

    batches: float
    payments: float

    def since(self, before: "Batches") -> float:
        """The mean number of payments in a batch since then; 0 if there was none."""
        batches = self.batches - before.batches
        return (self.payments - before.payments) / batches if batches else 0.0


def read_batches(metrics_urls: Sequence[str]) -> Batches:
    """What all these processes count together."""
    batches = payments = 0.0
    for url in metrics_urls:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = dict(_LINE.findall(answer.read().decode()))
        batches += float(found.get("count", 0))
        payments += float(found.get("sum", 0))
    return Batches(batches, payments)
