"""Payments and top-ups."""

from collections.abc import Mapping

import msgspec

from shillings.app.call import Result, SignedInCall
from shillings.app.identity import canonical_email
from shillings.app.movement_answers import MovementAnswers
from shillings.app.operations import Operations
from shillings.base.errors import invalid
from shillings.base.limits import (
    METADATA_ITEMS_MAX,
    METADATA_NAME_CHARACTERS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
)
from shillings.base.money import AMOUNT_MINOR_MAX
from shillings.contract.shillings_pb2 import PayRequest, TopupRequest, TransactionAnswer
from shillings.ledger.operation import Details
from shillings.ledger.payment import Payment
from shillings.ledger.rows import Kind
from shillings.ledger.topup import TopUp


class Payments:
    """Moves money to users.

    Args:
        operations: the way into the ledger.
        answers: tells whether a top-up's money has arrived.
    """

    def __init__(self, operations: Operations, answers: MovementAnswers) -> None:
        self._operations = operations
        self._answers = answers

    async def pay(self, call: SignedInCall, request: PayRequest) -> Result:
        """Move money from the user who asks to another."""
        email = canonical_email(request.receiver_email, "receiver_email")
        amount_minor, details = checked_amount(request.amount_minor), _details(request.reference, request.metadata)
        header = self._operations.header(call, Kind.PAYMENT, email, amount_minor, *(details or ()))
        decision = await self._operations.execute(call, Payment(header, email, amount_minor, details))
        return Result(TransactionAnswer(transaction_id=decision.transaction_id), decision.replayed)

    async def top_up(self, call: SignedInCall, request: TopupRequest) -> Result:
        """Move money from the funding account to the user who asks."""
        amount_minor, details = checked_amount(request.amount_minor), _details(request.reference, request.metadata)
        header = self._operations.header(call, Kind.TOPUP, "", amount_minor, *(details or ()))
        return await self._answers.result(
            call, await self._operations.execute(call, TopUp(header, amount_minor, details, call.course))
        )


def checked_amount(amount_minor: int, *, least: int = 1) -> int:
    """An amount within its bounds. Raises Refusal."""
    # The web layer has checked it; the rule is kept here, for whoever speaks the protocol.
    if not least <= amount_minor <= AMOUNT_MINOR_MAX:
        raise invalid("amount", f"must be {least} to {AMOUNT_MINOR_MAX} minor units.")
    return amount_minor


def _details(reference: str, metadata: Mapping[str, str]) -> Details | None:
    """What the user says of a transaction; None for nothing. Raises Refusal."""
    if not reference and not metadata:
        return None
    if len(reference) > REFERENCE_CHARACTERS_MAX:
        raise invalid("reference", f"must have at most {REFERENCE_CHARACTERS_MAX} characters.")
    if len(metadata) > METADATA_ITEMS_MAX:
        raise invalid("metadata", f"must have at most {METADATA_ITEMS_MAX} entries.")
    for name, value in metadata.items():
        if not 1 <= len(name) <= METADATA_NAME_CHARACTERS_MAX:
            raise invalid("metadata", f"has a name that is not of 1 to {METADATA_NAME_CHARACTERS_MAX} characters.")
        if len(value) > METADATA_VALUE_CHARACTERS_MAX:
            raise invalid("metadata", f"has a value of more than {METADATA_VALUE_CHARACTERS_MAX} characters.")
    if "\0" in reference or any("\0" in text for pair in metadata.items() for text in pair):
        raise invalid("reference" if "\0" in reference else "metadata", "must not contain NUL characters.")
    return Details(reference, msgspec.json.encode(dict(sorted(metadata.items()))).decode())
