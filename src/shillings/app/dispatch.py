"""The dispatch table: which handler executes which command, and what happens around every one of them."""

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from shillings.app.call import AppliedFault, Call, Handler, SignedInCall
from shillings.app.sandbox.request_log import Record, RequestLog, caller_of
from shillings.auth.turns import NOBODY, Turn
from shillings.base import limits
from shillings.base.errors import WORDS, Code, Refusal, Unavailable, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import BY_NUMBER, COMMANDS, NTE, RDY, RQF, Auth, Command
from shillings.contract.fields import IDEMPOTENCY_KEY
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
        record = None
        try:
            _require_bounds(request)
            # Only what is within bounds is kept.
            if self._requests is not None and _is_logged(request.command):
                record = self._requests.begin(request)
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
        _require_ids(message, _IDS[command.number])
        caller = await self._signed_in(call) if command.auth is Auth.SESSION else call
        if record is not None:
            caller_of(record, caller)
        with self._tracing.span(command.name, request.trace):
            result = await handler(caller, message)
        response = Response(data=result.answer.SerializeToString(), replayed=result.replayed)
        if result.applied_fault is not None:
            _note_fault(response, result.applied_fault)
        return response

    def _note(self, request: Request, response: Response, seconds: float) -> None:
        command = BY_NUMBER.get(request.command)
        name = command.name if command and command.number in self._handlers else "unknown"
        code = WORDS[response.code]
        self._observe(name, code, seconds)
        if self._log_each:
            log.debug("command", request_id=request.request_id, command=name, code=code, ms=round(seconds * 1000, 2))


_IDS = {
    command.number: [
        field.name for field in command.request.DESCRIPTOR.fields
        if field.type == FieldDescriptor.TYPE_BYTES and field.name.endswith("_id")
    ]
    for command in COMMANDS
}  # fmt: skip
"""The fields of each command that are ids."""


def _require_bounds(request: Request) -> None:
    """Refuse what is larger than anything a web server sends; a token is looked at where it is read. Raises Refusal."""
    if len(request.data) > limits.COMMAND_BYTES_MAX:
        raise Refusal(Code.PAYLOAD_TOO_LARGE, f"A command has at most {limits.COMMAND_BYTES_MAX} bytes.")
    # Written out: a loop over the names would cost three times as much, and every request pays.
    if len(request.request_id) > limits.REQUEST_ID_CHARACTERS_MAX:
        raise _too_long("request_id", limits.REQUEST_ID_CHARACTERS_MAX)
    if len(request.trace) > limits.TRACE_CHARACTERS_MAX:
        raise _too_long("trace", limits.TRACE_CHARACTERS_MAX)
    if len(request.address) > limits.ADDRESS_CHARACTERS_MAX:
        raise _too_long("address", limits.ADDRESS_CHARACTERS_MAX)
    if len(request.currency) > limits.CURRENCY_CHARACTERS_MAX:
        raise _too_long("currency", limits.CURRENCY_CHARACTERS_MAX)
    if len(request.idempotency_key) > limits.IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise Refusal(Code.INVALID_REQUEST, IDEMPOTENCY_KEY.sentence, field="idempotency_key")
    if request.HasField("sandbox_options"):
        for field, text in request.sandbox_options.ListFields():
            if len(text) > limits.SANDBOX_OPTION_CHARACTERS_MAX:
                raise _too_long(field.name, limits.SANDBOX_OPTION_CHARACTERS_MAX)


def _too_long(name: str, characters_max: int) -> Refusal:
    return invalid(name, f"must have at most {characters_max} characters.")


def _require_ids(message: Message, names: list[str]) -> None:
    """Refuse what cannot be an id, before it becomes part of a statement. Raises Refusal."""
    for name in names:
        if len(getattr(message, name)) not in (0, 16):
            raise invalid(name, "is not an id: ids have 16 bytes.")


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
    if isinstance(refusal.applied_fault, AppliedFault):
        _note_fault(response, refusal.applied_fault)
    return response


def _note_fault(response: Response, applied_fault: AppliedFault) -> None:
    """Tell the web layer what the sandbox did, and how it wants the response delivered."""
    response.fault_applied = applied_fault.applied
    if applied_fault.how or applied_fault.wait_ms:
        response.delivery.how = applied_fault.how
        response.delivery.wait_ms = applied_fault.wait_ms
