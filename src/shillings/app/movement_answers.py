"""Makes the answers of top-ups and refunds: whether the money has arrived or is pending."""

from shillings.app.call import Result, SignedInCall
from shillings.base.clock import Clock, stored
from shillings.contract.shillings_pb2 import TransactionAnswer
from shillings.ledger.operation import Decision
from shillings.ledger.rows import TransitStatus
from shillings.storage.executor import Executor
from shillings.storage.transits import ARRIVED, Progress, progress_of, read_progress


class MovementAnswers:
    """Answers those who asked for a top-up or a refund.

    Args:
        reads: the executor that reads what has become of money on its way.
        clock: tells whether it has arrived.
    """

    def __init__(self, *, reads: Executor, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock

    async def result(self, call: SignedInCall, decision: Decision) -> Result:
        """What was decided, and how the money travels: as it is now, when the answer is a replay."""
        progress = ARRIVED
        if decision.replayed:
            progress = await self._read(decision.transaction_id)
        elif call.course is not None and call.course.is_pending:
            course = call.course
            progress = progress_of(TransitStatus.PENDING, course.final, course.due_at, stored(self._clock.now()))
        answer = TransactionAnswer(
            transaction_id=decision.transaction_id,
            transaction_status=progress.status,
            settles_at=progress.settles_at,
        )
        return Result(answer, decision.replayed)

    async def _read(self, transaction_id: bytes) -> Progress:
        now = stored(self._clock.now())
        found = await self._reads.run(lambda connection: read_progress(connection, [transaction_id], now))
        return found.get(transaction_id, ARRIVED)
