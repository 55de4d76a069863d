"""Faults around a handler: what becomes of the call, and of its rule, when the work goes wrong or was done before."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shillings.app.call import Result, SignedInCall
from shillings.app.sandbox.explanations import Explained
from shillings.app.sandbox.fault_rules import LocalRules
from shillings.app.sandbox.faults import Faults
from shillings.auth.tokens import Claims
from shillings.base.clock import FixedClock
from shillings.base.errors import Code, OutcomeUnknown, Overloaded, Refusal, Unavailable
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.ledger.operation import Course
from shillings.sandbox.faults.fault import Fault
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.faults.slow_response import SlowResponse
from shillings.sandbox.rules import Rule
from shillings.storage.sessions import Profile

FAULT_ID = bytes(range(16))
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ANSWER = wire.TransactionAnswer(transaction_id=FAULT_ID)
PROFILE = cast(Profile, type("AProfile", (), {"email": "ann@example.com"}))
PAYMENT = wire.PayRequest(receiver_email="bob@example.com", amount_minor=100)

Work = Callable[[Any, Any], Awaitable[Result]]


def a_call(options: wire.SandboxOptions | None = None) -> SignedInCall:
    """A payment's call, from a web server that has a sandbox."""
    return SignedInCall(
        "r1",
        time.monotonic() + 5,
        "",
        cast(Claims, None),
        PROFILE,
        sandbox_options=options or wire.SandboxOptions(),
    )


def raising(error: Exception) -> Work:
    """Work that ends so."""

    async def work(_call: Any, _message: Any) -> Result:
        raise error

    return work


async def done(_call: Any, _message: Any) -> Result:
    """Work that is done."""
    return Result(ANSWER)


async def done_before(_call: Any, _message: Any) -> Result:
    """Work that was done under its key before."""
    return Result(ANSWER, replayed=True)


class Harness:
    """A payment's handler with one rule around it."""

    def __init__(self, work: Work, fault: Fault | None = None, *, rule: bool = True) -> None:
        self.rules = LocalRules(seed=1)
        self.fault = fault or LostResponse()
        self._rule = rule
        self.explained: dict[str, Explained] = {}
        self.faults = Faults(
            self.rules,
            end_session=self._no,
            is_replay=self._is_replay,
            make_receiver=self._nothing,
            clock=FixedClock(NOON),
            explain=self.explained.__setitem__,
        )
        self._handle = self.faults.with_faults(commands.PAY, work)

    async def pay(self, options: wire.SandboxOptions | None = None, *, outside: bool = False, key: str = "") -> Result:
        """Pay once."""
        if self._rule and self.rules.empty:
            await self.rules.add(Rule(FAULT_ID, self.fault, {}))
        call = a_call(options)._replace(idempotency_key=key)
        return await self._handle(call._replace(sandbox_options=None) if outside else call, PAYMENT)

    async def fired(self) -> int:
        """How often the rule has fired."""
        [state] = await self.rules.states()
        return state.fired

    async def reason(self) -> str:
        """Why the rule fired, or did not."""
        explained = self.explained["r1"]
        [why] = await self.rules.explain(explained.facts, explained.pick)
        return why.reason

    async def _is_replay(self, call: SignedInCall) -> bool:
        return call.idempotency_key == "used"

    async def _no(self, _call: SignedInCall) -> bool:
        return False

    async def _nothing(self, _email: str) -> None:
        return None


@pytest.mark.parametrize("error", [Unavailable(), Overloaded(), OutcomeUnknown()])
async def test_answer_cannot_get_lost_when_nothing_was_done(error: Refusal) -> None:
    """What the service itself failed at is told as it is, and the rule waits for the next request."""
    harness = Harness(raising(error))

    with pytest.raises(type(error)) as raised:
        await harness.pay()

    assert raised.value.applied_fault is None
    assert (await harness.fired(), await harness.reason()) == (0, "not_done")


async def test_refusal_gets_lost_like_any_answer() -> None:
    """A refusal of the ledger's is an answer, and is lost; the rule is used up by it."""
    harness = Harness(raising(Refusal(Code.INSUFFICIENT_FUNDS, "No money.")))

    with pytest.raises(Refusal) as raised:
        await harness.pay()

    assert cast(Any, raised.value.applied_fault).how == wire.Delivery.RESET
    assert (await harness.fired(), await harness.reason()) == (1, "fired")


@pytest.mark.parametrize(
    "work", [done_before, raising(Refusal(Code.INSUFFICIENT_FUNDS, "No money.", replayed=True))], ids=["ok", "refused"]
)
async def test_replay_that_was_not_foreseen_is_left_alone(work: Work) -> None:
    """A request whose key was used by another at the same moment is a replay all the same."""
    harness = Harness(work)

    try:
        applied_fault: object = (await harness.pay()).applied_fault
    except Refusal as refusal:
        applied_fault = refusal.applied_fault

    assert applied_fault is None
    assert (await harness.fired(), await harness.reason()) == (0, "replay")


async def test_replay_that_was_foreseen_is_left_alone() -> None:
    """A request whose key was used before is no match that counts: the rule fires at the next one that is new."""
    harness = Harness(done)

    assert (await harness.pay(key="used")).applied_fault is None
    assert (await harness.fired(), await harness.reason()) == (0, "replay")
    assert (await harness.pay(key="new")).applied_fault is not None


async def test_money_travels_by_the_clock_of_the_sandbox() -> None:
    """A top-up that is to arrive later does so by the clock that everything a user sees runs by."""
    courses: list[Course] = []

    async def top_up(call: Any, _message: Any) -> Result:
        courses.append(call.course)
        return Result(ANSWER)

    harness = Harness(done, rule=False)
    handle = harness.faults.with_faults(commands.TPU, top_up)
    await handle(a_call(wire.SandboxOptions(fault="pending_topup;seconds=90")), wire.TopupRequest(amount_minor=1))

    assert [(course.is_pending, course.due_at) for course in courses] == [(True, "2026-01-02 12:01:30.000000")]


@pytest.mark.parametrize("command", [one for one in commands.COMMANDS if one.auth is commands.Auth.SANDBOX])
def test_sandbox_has_no_faults_itself(command: commands.Command) -> None:
    """Whoever plants a fault can take it out again: nothing is wrapped around the sandbox's own commands."""
    assert Harness(done).faults.with_faults(command, done) is done


async def test_bug_in_the_work_is_no_answer_of_the_faults() -> None:
    """What is not a refusal goes its way."""
    with pytest.raises(ZeroDivisionError):
        await Harness(raising(ZeroDivisionError())).pay()


async def test_delay_is_told_and_not_waited_for() -> None:
    """A delay travels with the answer, so that nothing waits here."""
    began = time.monotonic()

    applied_fault = (await Harness(done, SlowResponse(60.0)).pay()).applied_fault

    assert applied_fault is not None
    assert (applied_fault.how, applied_fault.wait_ms) == (wire.Delivery.WHOLE, 60_000)
    assert time.monotonic() - began < 1


async def test_request_held_back_is_not_planned_again() -> None:
    """A request that comes again after its delay is done, and says which fault it was."""
    harness = Harness(done, rule=False)

    first = await harness.pay(wire.SandboxOptions(fault="latency;seconds=3"))
    assert first.applied_fault is not None
    again = await harness.pay(wire.SandboxOptions(fault="latency;seconds=3", held=first.applied_fault.applied))

    assert (first.applied_fault.how, first.applied_fault.wait_ms) == (wire.Delivery.AGAIN, 3_000)
    assert again.applied_fault is not None
    assert (again.applied_fault.how, again.applied_fault.wait_ms) == (wire.Delivery.WHOLE, 0)
    assert again.applied_fault.applied == first.applied_fault.applied == "latency;rule=header;phase=before"


async def test_web_server_without_a_sandbox_gets_no_fault() -> None:
    """A caller that could not deliver a fault is never asked to, and no rule counts it."""
    harness = Harness(done)

    result = await harness.pay(outside=True)

    assert result.applied_fault is None
    assert await harness.fired() == 0
