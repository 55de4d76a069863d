"""The request log: what was asked, by whom, when, and what came of it. Raw records; formatted when read.

A record is kept as it came, with bodies up to BODY_BYTES_MAX, so that making it costs a few microseconds.
"""

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Any

from google.protobuf.message import Message

from shillings.app.call import Call, Encoded, Handler, Result, SignedInCall
from shillings.base.environment import Environment
from shillings.contract.commands import Command
from shillings.contract.shillings_pb2 import Delivery, Request, Response

BODY_BYTES_MAX = 4_096
"""A larger body is not kept; the rest of its record is."""


class Record:
    """One request. What is not known yet is empty.

    `received_at`, `executed_at` and `answered_at` are what users see. `received_s` and `answered_s` are seconds of the
    machine's clock: how long a client waited, and in which order requests came, a frozen clock cannot say.
    `number` and `tries` (how often the same was asked before) are given by the store, `arrival` is this server's count.
    """

    __slots__ = (
        "answer", "answered_at", "answered_s", "arrival", "code", "command", "data", "edge_method", "edge_path",
        "executed_at", "fault", "intent", "key", "message", "number", "received_at", "received_s", "replayed",
        "request_id", "retry_after_s", "session", "transaction_id", "tries", "user_email", "user_id",
    )  # fmt: skip

    def __init__(self, arrival: int, request_id: str) -> None:
        self.arrival = arrival
        self.number = self.tries = 0
        self.request_id = request_id
        self.received_at: datetime | None = None
        self.executed_at: datetime | None = None
        self.answered_at: datetime | None = None
        self.received_s = self.answered_s = 0.0
        self.command = -1
        self.data = self.answer = b""
        self.key = self.intent = self.fault = self.message = self.user_email = self.edge_method = self.edge_path = ""
        self.user_id = self.session = self.transaction_id = b""
        self.code = 0
        self.replayed = False
        self.retry_after_s = 0

    def made(self, answer: Message | Encoded) -> None:
        """Note what the work itself has answered, before any fault touches that."""
        if "transaction_id" in answer.DESCRIPTOR.fields_by_name:
            self.transaction_id = getattr(answer, "transaction_id", b"")
        elif "hold_id" in answer.DESCRIPTOR.fields_by_name:
            self.transaction_id = getattr(answer, "hold_id", b"")


class RequestLog:
    """Makes the records.

    Args:
        keep: takes each one that is complete.
        environment: both of its clocks are noted.
    """

    def __init__(self, keep: Callable[[Record], None], environment: Environment) -> None:
        self._keep = keep
        self._clock, self._real = environment.clock, environment.real
        self._arrivals = 0

    def begin(self, request: Request) -> Record:
        """A request has come in."""
        record = self._received(request.request_id)
        record.command = request.command
        record.key = request.idempotency_key
        if request.token:
            # Never the token itself, which would be good for paying.
            record.session = blake2b(request.token.encode(), digest_size=8).digest()
        if request.HasField("sandbox_options"):
            record.intent = request.sandbox_options.intent
        if len(request.data) <= BODY_BYTES_MAX:
            record.data = request.data
        return record

    def end(self, record: Record, response: Response) -> None:
        """A request is answered. One that is held back and comes again is kept when it has come."""
        if response.delivery.how == Delivery.AGAIN:
            return
        record.code = response.code
        record.message = response.message
        record.replayed = response.replayed
        record.retry_after_s = response.retry_after_s
        record.fault = response.fault_applied
        if len(response.data) <= BODY_BYTES_MAX:
            record.answer = response.data
        self._answered(record)

    def refused(self, request_id: str, method: str, path: str, code: int, message: str) -> None:
        """A request was refused before it came here, or its answer did not arrive where it came from."""
        record = self._received(request_id)
        record.edge_method, record.edge_path = method, path
        record.code, record.message = code, message
        self._answered(record)

    def _received(self, request_id: str) -> Record:
        self._arrivals += 1
        record = Record(self._arrivals, request_id)
        record.received_at, record.received_s = self._clock.now(), self._real.now().timestamp()
        return record

    def _answered(self, record: Record) -> None:
        record.answered_at, record.answered_s = self._clock.now(), self._real.now().timestamp()
        self._keep(record)

    def around(self, _command: Command, handler: Handler) -> Handler:
        """The handler, which notes whose request it is and what the work answers."""

        async def handle(call: Any, message: Any) -> Result:
            record: Record | None = call.record
            if record is None:
                return await handler(call, message)
            record.executed_at = self._clock.now()
            result = await handler(call, message)
            record.made(result.answer)
            return result

        return handle


def caller_of(record: Record, call: Call | SignedInCall) -> None:
    """Note who asks."""
    if isinstance(call, SignedInCall):
        record.user_id, record.user_email = call.claims.user_id, call.profile.email
