"""Holds: money set aside for somebody, who captures it later or lets it go. `ledger/hold.py` has the states."""

import re
from datetime import timedelta

from shillings.app.call import Result, SignedInCall
from shillings.app.identity import canonical_email
from shillings.app.operations import Operations
from shillings.app.payments import checked_amount
from shillings.auth.tokens import unauthenticated
from shillings.base.clock import Clock, stored
from shillings.base.errors import Code, Refusal, invalid
from shillings.base.limits import HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX, PAGE_LIMIT_MAX
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.hold import Capture, Hold, Void, expire
from shillings.ledger.rows import HoldStatus, Kind
from shillings.storage.executor import Executor
from shillings.storage.holds import HoldsQuery, StoredHold, find_overdue, read_holds

_CURSOR = re.compile(r"h[0-9a-f]{32}")


class Holds:
    """Makes, ends and reads holds.

    Args:
        operations: the way into the ledger.
        reads: the executor that reads them.
        clock: tells whether a hold's time is over.
    """

    def __init__(self, operations: Operations, *, reads: Executor, clock: Clock) -> None:
        self._operations = operations
        self._reads = reads
        self._clock = clock

    async def make(self, call: SignedInCall, request: wire.HoldRequest) -> Result:
        """Set money aside for a receiver."""
        email = canonical_email(request.receiver_email, "receiver_email")
        amount_minor = checked_amount(request.amount_minor)
        seconds = request.expires_in_seconds or HOLD_SECONDS_DEFAULT
        if not 1 <= seconds <= HOLD_SECONDS_MAX:
            raise invalid("expires_in_seconds", f"must be 1 to {HOLD_SECONDS_MAX}.")
        header = self._operations.header(call, Kind.HOLD, email, amount_minor, seconds)
        expires_at = stored(self._clock.now() + timedelta(seconds=seconds))
        decision = await self._operations.execute(call, Hold(header, email, amount_minor, expires_at))
        return Result(wire.HoldAnswer(hold_id=decision.transaction_id), decision.replayed)

    async def capture(self, call: SignedInCall, request: wire.CaptureRequest) -> Result:
        """Take what is held for the user who asks: so much of it, or all. The rest is released."""
        amount_minor = checked_amount(request.amount_minor, least=0)
        header = self._operations.header(call, Kind.CAPTURE, request.hold_id.hex(), amount_minor)
        decision = await self._operations.execute(call, Capture(header, request.hold_id, amount_minor))
        return Result(wire.TransactionAnswer(transaction_id=decision.transaction_id), decision.replayed)

    async def void(self, call: SignedInCall, request: wire.OneHoldRequest) -> Result:
        """Let go of what is held for the user who asks."""
        header = self._operations.header(call, Kind.RELEASE, request.hold_id.hex())
        decision = await self._operations.execute(call, Void(header, request.hold_id))
        return Result(wire.TransactionAnswer(transaction_id=decision.transaction_id), decision.replayed)

    async def read(self, call: SignedInCall, request: wire.OneHoldRequest) -> Result:
        """One hold of the user who asks, as payer or as receiver."""
        claims = call.claims
        found = await self._read(HoldsQuery(claims.user_id, claims.token_id, hold_id=request.hold_id))
        if not found:
            raise Refusal(Code.NOT_FOUND, "You have no hold of this id.", field="hold_id")
        return Result(wire.Hold(**found[0]._asdict()))

    async def list_page(self, call: SignedInCall, request: wire.HoldsRequest) -> Result:
        """A page of the holds of the user who asks, as payer or as receiver, newest first."""
        if not 1 <= request.limit <= PAGE_LIMIT_MAX:
            raise invalid("limit", f"must be 1 to {PAGE_LIMIT_MAX}.")
        if request.status and request.status not in set(HoldStatus):
            raise invalid("status", f"must be one of: {', '.join(HoldStatus)}.")
        if request.cursor and not _CURSOR.fullmatch(request.cursor):
            raise invalid("cursor", "is not one. Use the next_cursor of the page before, as it was.")
        claims, before = call.claims, bytes.fromhex(request.cursor[1:])
        query = HoldsQuery(
            claims.user_id, claims.token_id, status=request.status, before=before, limit=request.limit + 1
        )
        found = await self._read(query)
        page, more = found[: request.limit], len(found) > request.limit
        holds = [wire.Hold(**hold._asdict()) for hold in page]
        return Result(wire.HoldsAnswer(holds=holds, next_cursor=f"h{page[-1].hold_id.hex()}" if more else ""))

    async def expire(self) -> int:
        """Give back the money of every hold whose time is over; return how many there were. Raises Refusal."""
        total = 0
        while overdue := await self._reads.run(lambda connection: find_overdue(connection, self._now())):
            total += await self._operations.carry_out([expire(*hold) for hold in overdue])
        return total

    async def _read(self, query: HoldsQuery) -> list[StoredHold]:
        found = await self._reads.run(lambda connection: read_holds(connection, query, self._now()))
        if found is None:
            raise unauthenticated()
        return found

    def _now(self) -> str:
        return stored(self._clock.now())
