"""Around every command: it is answered, whatever happens, and nothing of the inside leaves."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from structlog.testing import capture_logs

from shillings.app.call import Call, Result, SignedInCall
from shillings.app.dispatch import Dispatch
from shillings.auth.tokens import Claims, unauthenticated
from shillings.base import ids, limits
from shillings.base.errors import Code, OutcomeUnknown, Refusal
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.storage.sessions import Profile
from shillings.telemetry.tracing import NoTracing

SECRET = "hunter2-and-the-SELECT-that-failed"
Observed = list[tuple[str, str]]
CLAIMS = Claims(ids.NIL, ids.NIL, 2**31)
Function = Callable[[SignedInCall, wire.TopupRequest], Awaitable[Result]]


async def answer_of(
    function: Function, request: wire.Request, *, signed_in: bool = True, observed: Observed | None = None
) -> wire.Response:
    """What a table with one command (top up) answers."""

    async def know(call: Call) -> SignedInCall:
        if not signed_in:
            raise unauthenticated()
        return SignedInCall(call.request_id, call.deadline, call.idempotency_key, CLAIMS, cast(Profile, None))

    seen: Observed = [] if observed is None else observed
    dispatch = Dispatch(
        {commands.TPU: function},
        know,
        lambda name, code, _seconds: seen.append((name, code)),
        currency="USD/2",
        tracing=NoTracing(),
    )
    return await dispatch.respond(request)


def topup(data: bytes = b"\x08\x07", command: int = wire.TPU) -> wire.Request:
    """A request to top up by 7."""
    return wire.Request(command=command, data=data, timeout_ms=1000, idempotency_key="key", request_id="r1")  # type: ignore[arg-type]


async def _works(call: SignedInCall, request: wire.TopupRequest) -> Result:
    assert request.amount_minor == 7
    assert call.idempotency_key == "key"
    return Result(wire.TransactionAnswer(transaction_id=ids.NIL))


async def test_command_is_carried_out() -> None:
    """A command gets its own message and what the frame says about it; its answer goes back, and is counted."""
    observed: Observed = []
    response = await answer_of(_works, topup(), observed=observed)

    assert (response.code, response.replayed) == (wire.OK, False)
    assert wire.TransactionAnswer.FromString(response.data).transaction_id == ids.NIL
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


async def _refused(request: wire.Request) -> tuple[int, str]:
    """The code and the field that a request is refused with, and no command has run for it."""
    response = await answer_of(_never, request)
    return response.code, response.field


async def test_command_that_is_too_large_is_not_read() -> None:
    """A command larger than any that a web server sends is refused before it is read."""
    largest = topup(b"\x08\x07" + b"\xfa\x07\x02xx" * ((limits.COMMAND_BYTES_MAX - 2) // 5))
    assert len(largest.data) <= limits.COMMAND_BYTES_MAX
    assert (await answer_of(_works, largest)).code == wire.OK

    assert await _refused(topup(largest.data + b"\xfa\x07\x02xx")) == (wire.PAYLOAD_TOO_LARGE, "")


@pytest.mark.parametrize(
    ("name", "characters_max"),
    [("request_id", 64), ("idempotency_key", 255), ("trace", 64), ("address", 45), ("currency", 8)],
)
async def test_text_that_is_too_long_is_refused(name: str, characters_max: int) -> None:
    """What every request says about itself has a bound, and is refused by its name above it."""
    request = topup()
    setattr(request, name, "x" * (characters_max + 1))

    assert await _refused(request) == (wire.INVALID_REQUEST, name)


@pytest.mark.parametrize("name", ["fault", "intent", "held"])
async def test_option_that_is_too_long_is_refused(name: str) -> None:
    """What a request asks of the sandbox has a bound too: some of it comes back, and some is kept."""
    request = topup()
    setattr(request.sandbox_options, name, "x" * 1001)

    assert await _refused(request) == (wire.INVALID_REQUEST, name)


@pytest.mark.parametrize("length", [1, 15, 17, 60_000])
async def test_what_cannot_be_an_id_is_refused(length: int) -> None:
    """An id that has not 16 bytes is refused by its name, and never becomes part of a statement."""

    async def never(_call: SignedInCall, _request: wire.RefundRequest) -> Result:
        pytest.fail("the command ran")

    async def know(call: Call) -> SignedInCall:
        return SignedInCall(call.request_id, call.deadline, "", CLAIMS, cast(Profile, None))

    dispatch = Dispatch({commands.RFD: never}, know, lambda *_: None, currency="USD/2", tracing=NoTracing())
    data = wire.RefundRequest(transaction_id=bytes(length)).SerializeToString()
    response = await dispatch.respond(topup(data, wire.RFD))

    assert (response.code, response.field) == (wire.INVALID_REQUEST, "transaction_id")


async def test_command_without_session_does_not_run() -> None:
    """A command that needs a session is refused without one."""
    response = await answer_of(_never, topup(), signed_in=False)

    assert response.code == wire.UNAUTHENTICATED


async def _never(_call: SignedInCall, _request: wire.TopupRequest) -> Result:
    pytest.fail("the command ran")


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), AssertionError(SECRET), TypeError(SECRET), OSError(SECRET)]
)
async def test_crash_is_internal_and_leaks_nothing(error: Exception) -> None:
    """Whatever a command raises, the answer is `internal` (unknown), without the reason; no log has the token."""

    async def crashes(_call: SignedInCall, _request: wire.TopupRequest) -> Result:
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

    async def refuses(_call: SignedInCall, _request: wire.TopupRequest) -> Result:
        raise Refusal(Code.INSUFFICIENT_FUNDS, "Too little.", field="amount", retry_after_s=3, replayed=True)

    response = await answer_of(refuses, topup())

    assert (response.code, response.message, response.replayed) == (wire.INSUFFICIENT_FUNDS, "Too little.", True)
    assert (response.field, response.retry_after_s) == ("amount", 3)


async def test_unknown_outcome_stays_unknown() -> None:
    """An outcome nobody knows is not made a definite one."""

    async def loses(_call: SignedInCall, _request: wire.TopupRequest) -> Result:
        raise OutcomeUnknown

    assert (await answer_of(loses, topup())).code == wire.INTERNAL


async def test_deadline_is_the_callers() -> None:
    """A command knows until when its caller waits."""
    deadlines: list[float] = []

    async def notes(call: SignedInCall, _request: wire.TopupRequest) -> Result:
        deadlines.append(call.deadline - time.monotonic())
        return Result(wire.TransactionAnswer())

    await answer_of(notes, topup())

    assert 0.0 < deadlines[0] <= 1.0


async def test_caller_who_is_gone_ends_the_command() -> None:
    """Cancelling is passed on: a command nobody waits for is not carried to its end."""
    begun = asyncio.Event()

    async def hangs(_call: SignedInCall, _request: wire.TopupRequest) -> Result:
        begun.set()
        await asyncio.Event().wait()
        pytest.fail("it went on")

    task = asyncio.ensure_future(answer_of(hangs, topup()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("currency", "code"), [("USD/2", wire.OK), ("", wire.OK), ("USD/0", 13), ("JPY/2", 13)])
async def test_caller_with_another_currency_gets_nothing_done(currency: str, code: int) -> None:
    """A web server that takes amounts for another currency's is refused, whatever it asks."""
    request = topup()
    request.currency = currency
    response = await answer_of(_works, request)

    assert response.code == code
    assert ("books are kept in USD/2" in response.message) is (code != wire.OK)
