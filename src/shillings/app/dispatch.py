"""The dispatch table: which function carries out which command, and what happens around every one of them."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from google.protobuf.message import DecodeError, Message

from shillings.app.call import Call
from shillings.errors import WORDS, Code, Refusal
from shillings.telemetry.tracing import Tracing
from shillings.wire import shillings_pb2 as wire
from shillings.wire.shillings_pb2 import Request, Response

log = structlog.get_logger(__name__)

Function = Callable[[Call, Any], Awaitable[Message]]


class Handler(NamedTuple):
    """One row of the table.

    Args:
        name: the command's name, for logs and metrics.
        message: the command's own request message.
        function: carries it out.
        needs_session: whether it is refused without a session.
    """

    name: str
    message: type[Message]
    function: Function
    needs_session: bool


class Dispatch:
    """Answers requests; `answer` is what the wire server calls.

    Args:
        handlers: the table.
        signed_in: sets whose session a call has, or refuses.
        observe: told each command's name, code and seconds.
        tracing: makes a span for each command.
        log_each: whether every command gets a line in the log.
    """

    def __init__(
        self,
        handlers: dict[int, Handler],
        signed_in: Callable[[Call], Awaitable[None]],
        observe: Callable[[str, str, float], None],
        *,
        tracing: Tracing,
        log_each: bool = False,
    ) -> None:
        self._handlers = handlers
        self._signed_in = signed_in
        self._observe = observe
        self._tracing = tracing
        self._log_each = log_each

    async def answer(self, request: Request) -> Response:
        """Carry a request out. Every request gets a response; nothing is raised."""
        began = time.perf_counter()
        try:
            response = await self._carry_out(request)
        except Refusal as refusal:
            response = Response(code=int(refusal.code), message=refusal.message)  # type: ignore[arg-type]
        except DecodeError:
            response = Response(code=wire.INVALID_REQUEST, message="The command's data is not its message.")
        except Exception:
            # The last resort: no detail leaves the process, and the outcome is the unknown one.
            log.exception("command_crashed", request_id=request.request_id, command=request.command)
            response = Response(code=wire.INTERNAL, message="Something broke. Whether it was done is not known.")
        self._note(request, response, time.perf_counter() - began)
        return response

    async def _carry_out(self, request: Request) -> Response:
        handler = self._handlers.get(request.command)
        if handler is None:
            raise Refusal(Code.NOT_FOUND, f"There is no command {request.command}.")
        deadline = time.monotonic() + request.timeout_ms / 1000
        call = Call(request.request_id, deadline, request.idempotency_key, request.token)
        message = handler.message.FromString(request.data)
        if handler.needs_session:
            await self._signed_in(call)
        try:
            with self._tracing.span(handler.name, request.trace):
                answer = await handler.function(call, message)
        except Refusal as refusal:
            return Response(code=int(refusal.code), message=refusal.message, replayed=call.replayed)  # type: ignore[arg-type]
        return Response(data=answer.SerializeToString(), replayed=call.replayed)

    def _note(self, request: Request, response: Response, seconds: float) -> None:
        handler = self._handlers.get(request.command)
        command = handler.name if handler else "unknown"
        code = WORDS[response.code]
        self._observe(command, code, seconds)
        if self._log_each:
            log.debug("command", request_id=request.request_id, command=command, code=code, ms=round(seconds * 1000, 2))
