"""Money on its way: what the clock decides about it, and what whoever operates the sandbox does.

`ledger/transit.py` has the states.
"""

from shillings.app.call import Call, Handler, Result
from shillings.app.operations import Operations
from shillings.base.clock import Clock, stored
from shillings.base.errors import Code, Refusal
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.rows import Kind
from shillings.ledger.transit import conclude
from shillings.storage.executor import Executor
from shillings.storage.transits import find_begun, find_due

TOPUPS, REFUNDS = (Kind.TOPUP, Kind.PENDING_TOPUP), (Kind.PENDING_REFUND,)


class Transits:
    """Ends transits.

    Args:
        operations: the way into the ledger.
        reads: the executor that finds them.
        clock: tells what is due.
    """

    def __init__(self, operations: Operations, *, reads: Executor, clock: Clock) -> None:
        self._operations = operations
        self._reads = reads
        self._clock = clock

    async def run_due(self) -> int:
        """End everything that is due by now; return how much it was. Raises Refusal."""
        total = 0
        while due := await self._reads.run(lambda connection: find_due(connection, stored(self._clock.now()))):
            done = await self._operations.carry_out([conclude(*one) for one in due])
            if not done:
                # Another server has just done all of it.
                break
            total += done
        return total

    def by_hand(self, kinds: tuple[Kind, ...], *, arrives: bool) -> Handler:
        """The handler that has top-ups or refunds arrive, or come back, whenever it is asked."""

        async def handle(call: Call, request: wire.ConcludeRequest) -> Result:
            transaction_id = request.transaction_id
            begun = await self._reads.run(lambda connection: find_begun(connection, transaction_id, kinds))
            if begun is None:
                raise _not_found()
            try:
                await self._operations.conclude(conclude(*begun, arrives=arrives), call.deadline)
            except Refusal as refusal:
                if refusal.code is Code.UNAUTHENTICATED:
                    # The account it belongs to was closed, or the books were reset.
                    raise _not_found() from None
                raise
            return Result(wire.TransactionAnswer(transaction_id=transaction_id))

        return handle


def _not_found() -> Refusal:
    sentence = "There is none of this id whose money is on its way, or could come back."
    return Refusal(Code.NOT_FOUND, sentence, field="transaction_id")
