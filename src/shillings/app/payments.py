"""Payments and top-ups: requests become transfers, a crowd of transfers becomes one visit to the ledger."""

import re
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

from shillings import ids
from shillings.app.call import Call
from shillings.app.identity import canonical_email, wrong
from shillings.auth.tokens import unauthenticated
from shillings.batching import Batcher, MakeBatcher, Take
from shillings.errors import Code, Refusal
from shillings.ledger.outcomes import Outcome
from shillings.ledger.transfers import Decision, Kind, Transfer
from shillings.money import AMOUNT_MINOR_MAX
from shillings.storage.lanes import Lane
from shillings.storage.ledger import LedgerBatch, Receivers
from shillings.wire.shillings_pb2 import MovementAnswer, PayRequest, TopupRequest

_KEY = re.compile(r"[!-~]{1,255}")

_MESSAGES = {
    Outcome.IDEMPOTENCY_KEY_REUSED: "This Idempotency-Key belongs to another request of yours. Use a new one.",
    Outcome.RECEIVER_NOT_FOUND: "No user has receiver_email. Check the spelling; the receiver must have signed up.",
    Outcome.SELF_PAYMENT: "receiver_email is your own. Pay somebody else, or top up.",
    Outcome.INSUFFICIENT_FUNDS: "Your balance is less than the amount. Top up, or pay less.",
    Outcome.BALANCE_LIMIT_EXCEEDED: "The receiver's balance would exceed the largest balance there may be.",
}


class Payments:
    """Everything that moves money.

    Args:
        ledger: the lane the ledger's transactions run in.
        clock: the current time in UTC.
        make_batcher: gathers transfers into visits.
    """

    def __init__(
        self,
        *,
        ledger: Lane,
        clock: Callable[[], datetime],
        make_batcher: MakeBatcher,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._receivers = Receivers()
        self._transfers: Batcher[Transfer, Decision] = make_batcher("ledger", self._carry_out, visits_max=2)

    async def pay(self, call: Call, request: PayRequest) -> MovementAnswer:
        """Move money from the user who asks to another."""
        email = canonical_email(request.receiver_email, "receiver_email")
        return await self._move(call, Kind.PAYMENT, email, request.amount)

    async def top_up(self, call: Call, request: TopupRequest) -> MovementAnswer:
        """Move money from the funding account to the user who asks."""
        return await self._move(call, Kind.TOPUP, "", request.amount)

    async def _move(self, call: Call, kind: Kind, receiver_email: str, amount: int) -> MovementAnswer:
        # The web layer has checked the forms of both; the rules are kept here, for whoever speaks the protocol.
        if call.idempotency_key and not _KEY.fullmatch(call.idempotency_key):
            raise wrong("Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is good.")
        if not 0 < amount <= AMOUNT_MINOR_MAX:
            raise wrong(f"amount must be 1 to {AMOUNT_MINOR_MAX} minor units.")
        claims = call.claims
        transfer = Transfer(
            ids.new_id(),
            kind,
            claims.user_id,
            receiver_email,
            amount,
            claims.token_id,
            call.idempotency_key,
            fingerprint(kind, receiver_email, amount) if call.idempotency_key else ids.NIL,
        )
        decision = await self._transfers.submit(transfer, call.deadline)
        call.replayed = decision.replayed
        if decision.outcome is Outcome.OK:
            return MovementAnswer(transaction_id=decision.transaction_id)
        if decision.outcome is Outcome.UNAUTHENTICATED:
            raise unauthenticated()
        raise Refusal(Code[decision.outcome.name], _MESSAGES[decision.outcome])

    async def _carry_out(self, take: Take[Transfer]) -> list[Decision]:
        return await self._ledger.run_batch(
            take, lambda transfers: LedgerBatch(transfers, self._receivers, self._clock).carry_out
        )


def fingerprint(kind: Kind, receiver_email: str, amount: int) -> bytes:
    """16 bytes that are equal for equal requests: what an idempotency key is held against."""
    return blake2b(f"{kind.value}\n{receiver_email}\n{amount}".encode(), digest_size=16).digest()
