"""Movements of money on their way to the ledger."""

import time
from typing import cast

import pytest

from shillings.app.call import SignedInCall
from shillings.app.movement_answers import MovementAnswers
from shillings.app.operations import Operations
from shillings.app.payments import Payments
from shillings.auth.tokens import Claims
from shillings.base.batching import Batcher, Execute, Item, Result, Take
from shillings.base.errors import DeadlineExceeded
from shillings.contract.shillings_pb2 import PayRequest, TopupRequest
from shillings.ledger.operation import Decision, Operation
from shillings.storage.executor import Executor
from shillings.storage.ledger import Ledger
from shillings.storage.sessions import Profile
from tests.values import ENVIRONMENT


class KeepingLedger(Ledger):
    """Keeps what it is given, and decides nothing."""

    def __init__(self) -> None:
        super().__init__(cast(Executor, None), ENVIRONMENT.clock.now)
        self.taken: list[Operation] = []

    async def execute(self, take: Take[Operation]) -> list[Decision]:
        """Take a batch."""
        self.taken += take()
        return []


def make_batcher(
    name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
) -> Batcher[Item, Result]:
    """A batcher with bounds that no test meets."""
    return Batcher(execute, batch_items_max=64, queue_items_max=64, batches_in_flight_max=batches_in_flight_max)


async def test_what_comes_too_late_moves_no_money() -> None:
    """A payment or top-up whose caller has been told that it took too long never reaches the ledger."""
    ledger = KeepingLedger()
    operations = Operations(ledger=ledger, environment=ENVIRONMENT, make_batcher=make_batcher)
    travels = MovementAnswers(reads=cast(Executor, ledger), clock=ENVIRONMENT.clock)
    payments = Payments(operations, travels)
    claims = Claims(b"u" * 16, b"t" * 16, 2**31)
    call = SignedInCall("r1", time.monotonic() - 1, "", claims, cast(Profile, None))
    with pytest.raises(DeadlineExceeded):
        await payments.top_up(call, TopupRequest(amount_minor=1))
    with pytest.raises(DeadlineExceeded):
        await payments.pay(call, PayRequest(receiver_email="bob@example.com", amount_minor=1))

    assert ledger.taken == []
