"""What a handler is told about the request beside its own message, and what it returns."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from shillings.auth.tokens import Claims
from shillings.auth.turns import NOBODY, Turn
from shillings.contract.shillings_pb2 import Delivery, SandboxOptions
from shillings.ledger.operation import Course
from shillings.ledger.outcomes import Outcome
from shillings.storage.sessions import Profile


class AppliedFault(NamedTuple):
    """What the sandbox did to a request.

    Args:
        applied: the fault, as a structured field.
        how: how the response is to be delivered (`Delivery.How`).
        wait_ms: how long to wait before that.
    """

    applied: str
    how: Delivery.How
    wait_ms: int = 0


class Call(NamedTuple):
    """One request, before anybody knows who sent it.

    Args:
        request_id: for the log lines.
        deadline: the time (of `time.monotonic`) after which nobody waits.
        idempotency_key: empty for none.
        token: the session's token, empty for none.
        sandbox_options: what it asks of the sandbox; None where the sandbox must not touch it.
        record: its record in the request log; None where none is kept.
        turn: whose turn it takes where passwords are hashed: where the client is, and who, if that is known.
    """

    request_id: str
    deadline: float
    idempotency_key: str
    token: str
    sandbox_options: SandboxOptions | None = None
    record: Any = None
    turn: Turn = NOBODY


class SignedInCall(NamedTuple):
    """One request of somebody who has logged in.

    Args:
        request_id, deadline, idempotency_key, token, sandbox_options, record: see Call.
        claims, profile: whose session it is. The session was not revoked when it was checked; the database has the
            last word, in the transaction that reads or moves the money.
        decline: the outcome that the ledger is to decide on, whatever it would decide itself; None for its own.
        course: how the money of a top-up or refund travels; None where it simply arrives.
    """

    request_id: str
    deadline: float
    idempotency_key: str
    claims: Claims
    profile: Profile
    token: str = ""
    sandbox_options: SandboxOptions | None = None
    decline: Outcome | None = None
    course: Course | None = None
    record: Any = None


class Encoded:
    """An answer that is in its bytes already.

    Args:
        kind: the message that it is.
        data: its bytes.
    """

    __slots__ = ("DESCRIPTOR", "_data")

    def __init__(self, kind: type[Message], data: bytes) -> None:
        self.DESCRIPTOR: Any = kind.DESCRIPTOR
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - a message's own name for it
        """The bytes."""
        return self._data


class Result(NamedTuple):
    """What a handler returns.

    Args:
        answer: the command's answer.
        replayed: whether it is the stored answer of an earlier request with the same idempotency key.
        applied_fault: what the sandbox did; None for nothing.
    """

    answer: Message | Encoded
    replayed: bool = False
    applied_fault: AppliedFault | None = None


Handler = Callable[[Any, Any], Awaitable[Result]]
"""Executes one command: `(call, message) -> Result`. The call is a `SignedInCall` where the command needs a session, a
`Call` elsewhere; the message is the command's own. It raises `Refusal` for what cannot be done."""
