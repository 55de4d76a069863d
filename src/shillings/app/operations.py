"""The way into the ledger: whatever is asked of it at the same time becomes one batch."""

import asyncio
import time
from collections.abc import Iterable

from shillings.app.call import SignedInCall
from shillings.auth.tokens import unauthenticated
from shillings.base import ids
from shillings.base.batching import Batcher, MakeBatcher
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.ledger.declined import Declined
from shillings.ledger.operation import Decision, Header, Operation, fingerprint
from shillings.ledger.outcomes import Outcome
from shillings.storage.ledger import Ledger

CLOCK_SECONDS_MAX = 10.0
"""How long what the clock asks for may wait for the ledger."""

_MESSAGES = {
    Outcome.IDEMPOTENCY_KEY_REUSED: "This idempotency key belongs to another request of yours. Use a new one.",
    Outcome.RECEIVER_NOT_FOUND: "No user has receiver_email. Check the spelling; the receiver must have signed up.",
    Outcome.SELF_PAYMENT: "receiver_email is your own. Pay somebody else, or top up.",
    Outcome.ALREADY_SETTLED: "Its money has arrived already.",
    Outcome.ALREADY_RETURNED: "It has come back, or failed, already; that cannot be undone.",
    Outcome.DEBT_OUTSTANDING: "A top-up of yours came back after its money was spent, and you owe what is missing: see"
    " debt in your account. Top up; whatever comes in settles the debt first.",
    Outcome.INSUFFICIENT_FUNDS: "Your balance is less than the amount. Top up, or pay less.",
    Outcome.NOT_FOUND: "You have none of this id. Look the id up in your transactions or holds.",
    Outcome.NOT_REFUNDABLE: "Only a payment that you received can be refunded, by you.",
    Outcome.HOLD_ALREADY_CAPTURED: "This hold was captured already; a hold is captured once.",
    Outcome.HOLD_ALREADY_VOIDED: "This hold was voided already.",
    Outcome.HOLD_EXPIRED: "This hold's time is over; the money is the payer's again.",
    Outcome.CAPTURE_EXCEEDS_HOLD: "amount is more than was held. Capture that, or less.",
    Outcome.REFUND_EXCEEDS_PAYMENT: "More would be refunded than was paid. Refund what is left, or less.",
    Outcome.BALANCE_LIMIT_EXCEEDED: "The receiver's balance would exceed the largest balance there may be.",
}

_AT_WORK = "A request with this idempotency key is still at work. Nothing was done for this one; try again shortly."
_REUSED = {
    422: Code.IDEMPOTENCY_KEY_REUSED,
    409: Code.IDEMPOTENCY_CONFLICT,
    400: Code.INVALID_REQUEST,
}
"""What a key is refused with that comes again with another request, by the number that users know it by."""


class Operations:
    """Sends operations to the ledger, and says what became of them.

    Args:
        ledger: executes batches, and knows how idempotency keys behave.
        environment: ids.
        make_batcher: batches operations.
    """

    def __init__(self, *, ledger: Ledger, environment: Environment, make_batcher: MakeBatcher) -> None:
        self._ledger = ledger
        self._environment = environment
        self._at_work: set[tuple[bytes, str]] = set()
        self._batcher: Batcher[Operation, Decision] = make_batcher("ledger", ledger.execute, batches_in_flight_max=2)

    def header(self, call: SignedInCall, *fields: str | int) -> Header:
        """The header of a new operation.

        Args:
            call: who asks.
            fields: what tells one request from another under the same idempotency key.

        Raises:
            Refusal: the idempotency key has no such form.
        """
        key = call.idempotency_key
        # The web layer has checked the key's form; the rule is kept here, for whoever speaks the protocol.
        if key and not IDEMPOTENCY_KEY.fits(key):
            raise Refusal(Code.INVALID_REQUEST, IDEMPOTENCY_KEY.sentence, field="idempotency_key")
        return Header(
            id=self._environment.ids.new(),
            user_id=call.claims.user_id,
            token_id=call.claims.token_id,
            idempotency_key=key,
            fingerprint=fingerprint(*fields) if key else ids.NIL,
            request_id=call.request_id,
        )

    async def execute(self, call: SignedInCall, operation: Operation) -> Decision:
        """Have the ledger decide; return once the decision is durable, and is OK.

        Raises:
            Refusal: the decision is another, or nobody knows what it is.
        """
        if call.decline is not None:
            operation = Declined(operation, call.decline)
        return self._done(await self._submit(operation, call.deadline))

    async def conclude(self, operation: Operation, deadline: float) -> Decision:
        """Have the ledger decide on what no user has asked for; return once the decision is durable, and is OK.

        Raises:
            Refusal: the decision is another, or nobody knows what it is.
        """
        return self._done(await self._batcher.submit(operation, deadline))

    def _done(self, decision: Decision) -> Decision:
        if decision.outcome is Outcome.IDEMPOTENCY_KEY_REUSED:
            raise Refusal(_REUSED[self._ledger.keys.other_body], _MESSAGES[decision.outcome], field="idempotency_key")
        if decision.outcome is Outcome.OK:
            return decision
        if decision.outcome is Outcome.UNAUTHENTICATED:
            raise unauthenticated()
        raise Refusal(Code[decision.outcome.name], _MESSAGES[decision.outcome], replayed=decision.replayed)

    async def _submit(self, operation: Operation, deadline: float) -> Decision:
        """Have the ledger decide. Raises Refusal where the same key is at work, and that is refused."""
        header = operation.header
        key = header.user_id, header.idempotency_key
        if self._ledger.keys.concurrent == "wait" or not header.idempotency_key:
            return await self._batcher.submit(operation, deadline)
        if key in self._at_work:
            raise Refusal(Code.IDEMPOTENCY_CONFLICT, _AT_WORK)
        self._at_work.add(key)
        try:
            return await self._batcher.submit(operation, deadline)
        finally:
            self._at_work.discard(key)

    async def carry_out(self, operations: Iterable[Operation]) -> int:
        """Do what the clock asks for; return how much of it was still to be done.

        Raises:
            Refusal: the ledger cannot be reached, or too much waits for it.
        """
        deadline = time.monotonic() + CLOCK_SECONDS_MAX
        decisions = await asyncio.gather(*[self._batcher.submit(one, deadline) for one in operations])
        return sum(decision.outcome is Outcome.OK for decision in decisions)
