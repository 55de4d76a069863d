"""Movements of money on their way to the ledger."""

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from shillings import clock
from shillings.app.call import Call
from shillings.app.payments import Payments
from shillings.auth.tokens import Claims
from shillings.batching import Batcher, Item, Result, Visit
from shillings.errors import DeadlineExceeded
from shillings.storage.lanes import Lane
from shillings.wire.shillings_pb2 import PayRequest, TopupRequest


class Ledger:
    """Stands in for the ledger's lane: it keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def run_batch(self, take: Callable[[], list[Any]], _work_on: object) -> list[Any]:
        """Take a batch."""
        self.taken += take()
        return []


def make_batcher(
    name: str, visit: Visit[Item, Result], *, batch_items_max: int | None = None, visits_max: int = 1
) -> Batcher[Item, Result]:
    """A batcher with bounds that no test meets."""
    return Batcher(visit, batch_items_max=64, queue_items_max=64, visits_max=visits_max)


async def test_what_comes_too_late_moves_no_money() -> None:
    """A payment or top-up whose caller has been told that it took too long never reaches the ledger."""
    ledger = Ledger()
    payments = Payments(ledger=cast(Lane, ledger), clock=clock.now, make_batcher=make_batcher)
    call = Call("r1", time.monotonic() - 1, "", "")
    call.claims = Claims(b"u" * 16, b"t" * 16, 2**31)
    with pytest.raises(DeadlineExceeded):
        await payments.top_up(call, TopupRequest(amount=1))
    with pytest.raises(DeadlineExceeded):
        await payments.pay(call, PayRequest(receiver_email="bob@example.com", amount=1))

    assert ledger.taken == []
