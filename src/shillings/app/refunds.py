"""Refunds: whoever received a payment gives it back, in part or whole."""

from shillings.app.call import Result, SignedInCall
from shillings.app.movement_answers import MovementAnswers
from shillings.app.operations import Operations
from shillings.app.payments import checked_amount
from shillings.contract.shillings_pb2 import RefundRequest
from shillings.ledger.refund import Refund
from shillings.ledger.rows import Kind


class Refunds:
    """Gives payments back.

    Args:
        operations: the way into the ledger.
        answers: tells whether a refund's money has arrived.
    """

    def __init__(self, operations: Operations, answers: MovementAnswers) -> None:
        self._operations = operations
        self._answers = answers

    async def refund(self, call: SignedInCall, request: RefundRequest) -> Result:
        """Give a payment back: so much of it, or all that is left."""
        amount_minor = checked_amount(request.amount_minor, least=0)
        header = self._operations.header(call, Kind.REFUND, request.transaction_id.hex(), amount_minor)
        operation = Refund(header, request.transaction_id, amount_minor, call.course)
        return await self._answers.result(call, await self._operations.execute(call, operation))
