"""Faults around a handler: what the sandbox plans for a request is done here, before, in and after its work.

Nothing waits here. A delay travels to the web layer with the response, and is held there: so it takes no place in a
batch, counts against no deadline, and slows nobody else.
"""

from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message

from shillings.app.call import AppliedFault, Call, Handler, Result, SignedInCall
from shillings.app.identity import canonical_email
from shillings.app.sandbox.explanations import Explained
from shillings.app.sandbox.fault_rules import Rules
from shillings.base.clock import Clock, stored
from shillings.base.errors import Code, Refusal
from shillings.contract import commands
from shillings.contract.commands import Auth, Command, Effect
from shillings.contract.shillings_pb2 import Delivery, SandboxOptions
from shillings.ledger.operation import Course
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import TransitStatus
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.effects import Damage, Decline, Garble, Lose, Loss, Refuse, Replace, Travel, Twice, Wait
from shillings.sandbox.plan import Plan, RequestedFault, require_possible
from shillings.sandbox.requested_fault import HEADER, read_header, read_receiver
from shillings.sandbox.rules import Facts
from shillings.sandbox.subjects import SUBJECT

_CHANCE_CHARACTERS = 20
"""Of a request's id those that may vary what happens to it: one that was made here begins with the time."""

_LOST = {
    Loss.RESET: Delivery.RESET,
    Loss.CLOSE: Delivery.CLOSE,
    Loss.TRUNCATE: Delivery.TRUNCATE,
    Loss.HANG: Delivery.HANG,
}
_DAMAGED = {Damage.HALF: Delivery.HALF, Damage.HTML: Delivery.HTML, Damage.EMPTY: Delivery.EMPTY}
_NOT_DONE = (Code.UNAVAILABLE, Code.OVERLOADED, Code.INTERNAL, Code.TIMEOUT)
"""Refusals after which nothing is known to have been done: there is no answer that could get lost."""


def moves_money(command: Command) -> bool:
    """Whether a command ends in the ledger: it is there that a key is kept, and that a decline is possible."""
    return command.takes_key and command.auth is Auth.SESSION


class Faults:
    """Wraps handlers.

    Args:
        rules: those in force.
        end_session: ends a caller's session, as logging out does.
        is_replay: whether a caller has used an idempotency key before.
        make_receiver: makes sure that a magic receiver can be paid.
        clock: by which money on its way arrives.
        explain: told what was planned for a request, and told again where that does not happen after all.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        end_session: Callable[[SignedInCall], Awaitable[object]],
        is_replay: Callable[[SignedInCall], Awaitable[bool]],
        make_receiver: Callable[[str], Awaitable[None]],
        clock: Clock,
        explain: Callable[[str, Explained], None],
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._end_session = end_session
        self._is_replay = is_replay
        self._make_receiver = make_receiver
        self._explain = explain

    def with_faults(self, command: Command, handler: Handler) -> Handler:
        """The handler, with faults around it. The sandbox's own commands are left as they are."""
        if command.auth is Auth.SANDBOX:
            return handler
        has_receiver = "receiver_email" in command.request.DESCRIPTOR.fields_by_name

        async def handle(call: Any, message: Any) -> Result:
            sandbox_options: SandboxOptions | None = call.sandbox_options
            if sandbox_options is None:
                return await handler(call, message)
            if sandbox_options.held:
                return await _as_told(handler, call, message, AppliedFault(sandbox_options.held, Delivery.WHOLE))
            # A magic receiver has a plus in it; few others have.
            may_ask = sandbox_options.fault or (has_receiver and "+" in message.receiver_email)
            if self._rules.empty and not may_ask:
                return await handler(call, message)
            receiver = _email(message.receiver_email) if has_receiver else ""
            asked = await self._asked(sandbox_options, receiver)
            if asked is None and self._rules.empty:
                return await handler(call, message)
            facts = self._facts(command, call, message, receiver)
            plan = await self._plan(command, call, facts, asked)
            if plan.fault is None:
                return await handler(call, message)
            return await self._carry_out(plan, facts, command, handler, call, message)

        return handle

    async def _asked(self, sandbox_options: SandboxOptions, receiver: str) -> RequestedFault | None:
        """What the request asks for itself: by its header, or else by its receiver. Raises Refusal."""
        by_receiver = read_receiver(receiver)
        if by_receiver is not None:
            await self._make_receiver(receiver)
        if sandbox_options.fault:
            return RequestedFault(read_header(sandbox_options.fault), "header", HEADER)
        return None if by_receiver is None else RequestedFault(by_receiver, "receiver", "receiver_email")

    def _facts(self, command: Command, call: Any, message: Any, receiver: str) -> Facts:
        signed_in = isinstance(call, SignedInCall)
        fields: dict[str, Hashable] = {
            SUBJECT: REQUEST.name,
            "endpoint": command.number,
            "user_email": call.profile.email if signed_in else _email(getattr(message, "email", "")),
            "receiver_email": receiver or None,
            "amount": getattr(message, "amount_minor", None),
            "idempotency_key": call.idempotency_key or None,
            "signed_in": signed_in,
            "writes": command.effect is Effect.WRITE,
            "moves_money": moves_money(command),
            "tops_up": command is commands.TPU,
            "refunds": command is commands.RFD,
        }
        return fields

    async def _plan(self, command: Command, call: Any, facts: Facts, asked: RequestedFault | None) -> Plan:
        if asked is not None:
            require_possible(asked, facts)
        plan = await self._rules.plan(facts, call.request_id[-_CHANCE_CHARACTERS:].encode(), asked)
        if plan.fault is not None and moves_money(command) and call.idempotency_key and await self._is_replay(call):
            plan = await self._drop(plan, "replay")
        self._note(call, facts, plan)
        return plan

    async def _carry_out(
        self, plan: Plan, facts: Facts, command: Command, handler: Handler, call: Any, message: Any
    ) -> Result:
        """Do what was planned, for a request that is not a replay."""
        whole = AppliedFault(plan.applied, Delivery.WHOLE)
        match plan.effect:
            case Wait(seconds) if plan.before is not None:
                return Result(command.answer(), applied_fault=AppliedFault(plan.applied, Delivery.AGAIN, _ms(seconds)))
            case Refuse(code, text, retry_after_s, end_session):
                if end_session:
                    await self._end_session(call)
                raise _with_fault(Refusal(code, text, retry_after_s=retry_after_s), whole)
            case Decline(outcome):
                return await _as_told(handler, call._replace(decline=Outcome(outcome)), message, whole)
            case Travel():
                return await _as_told(handler, call._replace(course=self._course(plan.effect)), message, whole)
            case Twice():
                await _ignoring_refusals(handler, call, message)
                return await _as_told(handler, call, message, whole)
            case _:
                return await self._afterwards(plan, facts, handler, call, message)

    async def _afterwards(self, plan: Plan, facts: Facts, handler: Handler, call: Any, message: Any) -> Result:
        """Do the work; then do to its answer, whatever it is, what was planned."""
        applied_fault = _after(plan)
        try:
            result = await handler(call, message)
        except Refusal as refusal:
            if refusal.replayed or refusal.code in _NOT_DONE:
                await self._forget(plan, facts, call, "replay" if refusal.replayed else "not_done")
                raise
            if isinstance(plan.after, Replace):
                raise _with_fault(Refusal(plan.after.code, plan.after.message), applied_fault) from None
            raise _with_fault(refusal, applied_fault) from None
        if result.replayed:
            await self._forget(plan, facts, call, "replay")
            return result
        if isinstance(plan.after, Replace):
            raise _with_fault(Refusal(plan.after.code, plan.after.message), applied_fault)
        return result._replace(applied_fault=applied_fault)

    def _course(self, travel: Travel) -> Course:
        """How the money travels, by the clock."""
        due_at = "" if travel.seconds is None else stored(self._clock.now() + timedelta(seconds=travel.seconds))
        return Course(travel.is_pending, TransitStatus(travel.final), due_at)

    async def _forget(self, plan: Plan, facts: Facts, call: Any, why: str) -> None:
        """What was planned does not happen after all, and that is how it is explained."""
        self._note(call, facts, await self._drop(plan, why))

    async def _drop(self, plan: Plan, why: str) -> Plan:
        """No fault after all: what was planned is given back to its rule."""
        pick = plan.pick if plan.pick.rule is None else await self._rules.give_back(plan.pick, why)
        return Plan(pick=pick)

    def _note(self, call: Call | SignedInCall, facts: Facts, plan: Plan) -> None:
        self._explain(call.request_id, Explained(facts, plan.pick, plan.applied if plan.fault else ""))


def _after(plan: Plan) -> AppliedFault:
    """How the answer is to be delivered."""
    match plan.after:
        case Wait(seconds):
            return AppliedFault(plan.applied, Delivery.WHOLE, _ms(seconds))
        case Lose(how, seconds):
            return AppliedFault(plan.applied, _LOST[how], _ms(seconds) if how is Loss.HANG else 0)
        case Garble(how):
            return AppliedFault(plan.applied, _DAMAGED[how])
        case _:
            return AppliedFault(plan.applied, Delivery.WHOLE)


async def _as_told(handler: Handler, call: Any, message: Message, applied_fault: AppliedFault) -> Result:
    """Do the work, and tell what was done to it."""
    try:
        result = await handler(call, message)
    except Refusal as refusal:
        raise _with_fault(refusal, applied_fault) from None
    return result._replace(applied_fault=applied_fault)


async def _ignoring_refusals(handler: Handler, call: Any, message: Message) -> None:
    try:
        await handler(call, message)
    except Refusal:
        return


def _with_fault(refusal: Refusal, applied_fault: AppliedFault) -> Refusal:
    refusal.applied_fault = applied_fault
    return refusal


def _email(text: str) -> str:
    """An email in the form in which rules hold it; empty for none, and for what is none."""
    try:
        return canonical_email(text) if text else ""
    except Refusal:
        return ""


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
