"""The dispatch table: which handler executes which command, and what happens around every one of them."""

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from google.protobuf.message import DecodeError

from shillings.app.call import Call, Handler, SignedInCall, Touch
from shillings.app.sandbox.request_log import Record, RequestLog, caller_of
from shillings.auth.turns import NOBODY, Turn
from shillings.base.errors import WORDS, Code, Refusal, Unavailable
from shillings.base.limits import ADDRESS_CHARACTERS_MAX, REQUEST_ID_CHARACTERS_MAX, TRACE_CHARACTERS_MAX
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import BY_NUMBER, NTE, RDY, RQF, Auth, Command
from shillings.contract.shillings_pb2 import Request, Response
from shillings.telemetry.tracing import Tracing

log = structlog.get_logger(__name__)


class Dispatch:
    """Answers requests; `respond` is what the wire server calls.

    Args:
        handlers: the table. A command of the contract that is not in it is not found.
        signed_in: says whose session a call has, or refuses.
        observe: told each command's name, code and seconds.
        currency: what amounts are in, as in USD/2; a caller that takes them for something else is refused.
        tracing: makes a span for each command.
        log_each: whether every command gets a line in the log.
        requests: the request log; None for none.
    """

    def __init__(
        self,
        handlers: Mapping[Command, Handler],
        signed_in: Callable[[Call], Awaitable[SignedInCall]],
        observe: Callable[[str, str, float], None],
        *,
        currency: str,
        tracing: Tracing,
        log_each: bool = False,
        requests: RequestLog | None = None,
    ) -> None:
        self._handlers = {command.number: (command, handler) for command, handler in handlers.items()}
        self._signed_in = signed_in
        self._observe = observe
        self._currency = currency
        self._tracing = tracing
        self._log_each = log_each
        self._requests = requests

    async def respond(self, request: Request) -> Response:
        """Execute a request. Every request gets a response; nothing is raised."""
        began = time.perf_counter()
        record = self._requests.begin(request) if self._requests is not None and _is_logged(request.command) else None
        try:
            response = await self._execute(request, record)
        except Refusal as refusal:
            response = _refused(refusal)
        except DecodeError:
            response = Response(code=wire.INVALID_REQUEST, message="The command's data is not its message.")
        except Exception:
            # The last resort: no detail leaves the process, and the outcome is the unknown one.
            log.exception("command_crashed", request_id=request.request_id, command=request.command)
            response = Response(code=wire.INTERNAL, message="Something broke. Whether it was done is not known.")
        self._note(request, response, time.perf_counter() - began)
        if record is not None and self._requests is not None:
            self._requests.end(record, response)
        return response

    async def _execute(self, request: Request, record: Record | None) -> Response:
        found = self._handlers.get(request.command)
        if found is None:
            raise Refusal(Code.NOT_FOUND, f"There is no command {request.command}.")
        if len(request.request_id) > REQUEST_ID_CHARACTERS_MAX or len(request.trace) > TRACE_CHARACTERS_MAX:
            raise Refusal(Code.INVALID_REQUEST, "request_id or trace is too long.")
        if len(request.address) > ADDRESS_CHARACTERS_MAX:
            raise Refusal(Code.INVALID_REQUEST, "address is too long.")
        if request.currency != self._currency and request.currency:
            raise Unavailable(
                f"The web server is set to {request.currency}, and the books are kept in {self._currency}."
            )
        command, handler = found
        deadline = time.monotonic() + request.timeout_ms / 1000
        sandbox_options = request.sandbox_options if request.HasField("sandbox_options") else None
        turn = Turn(request.address) if request.address else NOBODY
        call = Call(request.request_id, deadline, request.idempotency_key, request.token, sandbox_options, record, turn)
        message = command.request.FromString(request.data)
        caller = await self._signed_in(call) if command.auth is Auth.SESSION else call
        if record is not None:
            caller_of(record, caller)
        with self._tracing.span(command.name, request.trace):
            result = await handler(caller, message)
        response = Response(data=result.answer.SerializeToString(), replayed=result.replayed)
        if result.touch is not None:
            _note_touch(response, result.touch)
        return response

    def _note(self, request: Request, response: Response, seconds: float) -> None:
        command = BY_NUMBER.get(request.command)
        name = command.name if command and command.number in self._handlers else "unknown"
        code = WORDS[response.code]
        self._observe(name, code, seconds)
        if self._log_each:
            log.debug("command", request_id=request.request_id, command=name, code=code, ms=round(seconds * 1000, 2))


_OWN = (RDY, NTE, RQF)
"""What web servers ask by themselves: whether this one is ready, and what is new in the log."""


def _is_logged(number: int) -> bool:
    """Whether a command is somebody's request: what servers and deliverers ask all the time is not."""
    command = BY_NUMBER.get(number)
    return command is None or (command.auth is not Auth.DELIVERER and command not in _OWN)


def _refused(refusal: Refusal) -> Response:
    response = Response(
        code=int(refusal.code),  # type: ignore[arg-type]
        message=refusal.message,
        field=refusal.field,
        retry_after_s=refusal.retry_after_s,
        replayed=refusal.replayed,
    )
    if isinstance(refusal.touch, Touch):
        _note_touch(response, refusal.touch)
    return response


def _note_touch(response: Response, touch: Touch) -> None:
    """Tell the web layer what the sandbox did, and how it wants the response delivered."""
    response.fault_applied = touch.applied
    if touch.how or touch.wait_ms:
        response.delivery.how = touch.how
        response.delivery.wait_ms = touch.wait_ms
