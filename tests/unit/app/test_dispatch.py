"""Around every command: it is answered, whatever happens, and nothing of the inside leaves."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from shillings import ids
from shillings.app.call import Call
from shillings.app.dispatch import Dispatch, Handler
from shillings.auth.tokens import unauthenticated
from shillings.errors import Code, OutcomeUnknown, Refusal
from shillings.telemetry.tracing import PassOn
from shillings.wire import shillings_pb2 as wire

SECRET = "hunter2-and-the-SELECT-that-failed"
Observed = list[tuple[str, str]]
Function = Callable[[Call, wire.TopupRequest], Awaitable[wire.MovementAnswer]]


async def answer_of(
    function: Function, request: wire.Request, *, signed_in: bool = True, observed: Observed | None = None
) -> wire.Response:
    """What a table with one command (top up) answers."""

    async def know(call: Call) -> None:
        if not signed_in:
            raise unauthenticated()

    seen: Observed = [] if observed is None else observed
    handlers = {int(wire.TPU): Handler("TPU", wire.TopupRequest, function, needs_session=True)}
    dispatch = Dispatch(handlers, know, lambda name, code, _seconds: seen.append((name, code)), tracing=PassOn())
    return await dispatch.answer(request)


def topup(data: bytes = b"\x08\x07", command: int = wire.TPU) -> wire.Request:
    """A request to top up by 7."""
    return wire.Request(command=command, data=data, timeout_ms=1000, idempotency_key="key", request_id="r1")  # type: ignore[arg-type]


async def _works(call: Call, request: wire.TopupRequest) -> wire.MovementAnswer:
    assert request.amount == 7
    assert call.idempotency_key == "key"
    return wire.MovementAnswer(transaction_id=ids.NIL)


async def test_command_is_carried_out() -> None:
    """A command gets its own message and what the frame says about it; its answer goes back, and is counted."""
    observed: Observed = []
    response = await answer_of(_works, topup(), observed=observed)

    assert (response.code, response.replayed) == (wire.OK, False)
    assert wire.MovementAnswer.FromString(response.data).transaction_id == ids.NIL
    assert observed == [("TPU", "ok")]


@pytest.mark.parametrize("command", [8, 99, 2**31 - 1])
async def test_unknown_command_is_not_found(command: int) -> None:
    """A command that is not in the table is refused by its number, and counted under one name."""
    observed: Observed = []
    response = await answer_of(_works, topup(command=command), observed=observed)

    assert response.code == wire.NOT_FOUND
    assert str(command) in response.message
    assert observed == [("unknown", "not_found")]


@pytest.mark.parametrize("data", [b"\xff", b"\x08", b"\x0a\xff\xff\xff\xff\x0f"])
async def test_broken_data_is_an_invalid_request(data: bytes) -> None:
    """Data that is not the command's message is refused before anybody acts on it."""
    response = await answer_of(_works, topup(data))

    assert response.code == wire.INVALID_REQUEST


async def test_command_without_session_does_not_run() -> None:
    """A command that needs a session is refused without one."""
    response = await answer_of(_never, topup(), signed_in=False)

    assert response.code == wire.UNAUTHENTICATED


async def _never(_call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
    pytest.fail("the command ran")


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), AssertionError(SECRET), TypeError(SECRET), OSError(SECRET)]
)
async def test_crash_is_internal_and_leaks_nothing(error: Exception) -> None:
    """Whatever a command raises, the answer is `internal` (unknown), without the reason; no log has the token."""

    async def crashes(_call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
        raise error

    observed: Observed = []
    request = topup()
    request.token = "a-token-to-keep"
    with capture_logs() as logs:
        response = await answer_of(crashes, request, observed=observed)

    assert [line["event"] for line in logs] == ["command_crashed"]
    assert request.token not in str(logs)
    assert response.code == wire.INTERNAL
    assert SECRET not in response.message
    assert response.data == b""
    assert observed == [("TPU", "internal")]


async def test_refusal_keeps_its_code_and_says_if_it_is_a_replay() -> None:
    """A refusal goes back with its code and sentence; a replayed one is marked."""

    async def refuses(call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
        call.replayed = True
        raise Refusal(Code.INSUFFICIENT_FUNDS, "Too little.")

    response = await answer_of(refuses, topup())

    assert (response.code, response.message, response.replayed) == (wire.INSUFFICIENT_FUNDS, "Too little.", True)


async def test_unknown_outcome_stays_unknown() -> None:
    """An outcome nobody knows is not made a definite one."""

    async def loses(_call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
        raise OutcomeUnknown

    assert (await answer_of(loses, topup())).code == wire.INTERNAL


async def test_deadline_is_the_callers() -> None:
    """A command knows until when its caller waits."""
    deadlines: list[float] = []

    async def looks(call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
        deadlines.append(call.deadline - time.monotonic())
        return wire.MovementAnswer()

    await answer_of(looks, topup())

    assert 0.0 < deadlines[0] <= 1.0


async def test_caller_who_is_gone_ends_the_command() -> None:
    """Cancelling is passed on: a command nobody waits for is not carried to its end."""
    begun = asyncio.Event()

    async def hangs(_call: Call, _request: wire.TopupRequest) -> wire.MovementAnswer:
        begun.set()
        await asyncio.Event().wait()
        pytest.fail("it went on")

    task = asyncio.ensure_future(answer_of(hangs, topup()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
