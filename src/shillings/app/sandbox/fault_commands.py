"""The sandbox's commands: making rules, listing and removing them, and asking why."""

import hmac
from collections.abc import Callable, Hashable, Mapping
from itertools import islice
from typing import Any

import msgspec
import structlog

from shillings.app.call import Call, Handler, Result
from shillings.app.events import EVENT_TYPES
from shillings.app.identity import canonical_email
from shillings.app.sandbox.explanations import EXPLAINED_MAX
from shillings.app.sandbox.fault_rules import Rules
from shillings.app.sandbox.faults import moves_money
from shillings.app.sandbox.request_store import RequestStore
from shillings.base import ids
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal
from shillings.contract import commands
from shillings.contract.commands import BY_NUMBER, Auth, Command, Effect
from shillings.contract.events import EventType
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.contract.shillings_pb2 import (
    AddFaultRequest,
    ClearFaultsAnswer,
    ClearFaultsRequest,
    ExplainAnswer,
    ExplainRequest,
    FaultRule,
    ListFaultsAnswer,
    ListFaultsRequest,
    Match,
    Reason,
    RemoveFaultAnswer,
    RemoveFaultRequest,
)
from shillings.sandbox.faults.catalogue import SUBJECTS
from shillings.sandbox.faults.fault import Fault, invalid
from shillings.sandbox.plan import NEEDS
from shillings.sandbox.rules import TTL_SECONDS_MAX, Rule, RuleState
from shillings.sandbox.subjects import SUBJECT, Subject, choose

_FIELDS = {"endpoint": "endpoint", "amount": "amount_minor"} | {
    name: name for name in ("user_email", "receiver_email", "idempotency_key", "event_type", "endpoint_id", "object_id")
}
"""What a rule may match: its facts by name, and the message's fields."""


def _key(text: str, field: str) -> str:
    if not IDEMPOTENCY_KEY.fits(text):
        raise invalid(field, "is no key that a request can have: 1 to 255 visible ASCII characters.")
    return text


def _event_type(text: str, field: str) -> str:
    if text not in EVENT_TYPES:
        raise invalid(field, f"is no event's. There are: {', '.join(EventType)}.")
    return text


def _id(text: str, field: str) -> str:
    try:
        return ids.show(ids.read(text))
    except ValueError:
        raise invalid(field, "is not an id. Ids are UUIDs, as they were in the answer.") from None


_READERS: dict[str, Callable[[str, str], str]] = {
    "user_email": canonical_email, "receiver_email": canonical_email, "idempotency_key": _key,
    "event_type": _event_type, "endpoint_id": _id, "object_id": _id,
}  # fmt: skip
"""Makes of what was written the form that facts have, or refuses what no fact can be: such a rule would never fire."""

log = structlog.get_logger(__name__)


class FaultCommands:
    """The commands.

    Args:
        rules: those in force.
        requests: tells what was planned for each of them.
        environment: makes the rules' ids.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        requests: RequestStore,
        environment: Environment,
    ) -> None:
        self._rules = rules
        self._requests = requests
        self._environment = environment

    async def add_fault(self, call: Call, request: AddFaultRequest) -> Result:
        """Put a rule in force."""
        params = _object(request.params)
        wanted = _wanted(request.match)
        subject, kind = choose(SUBJECTS, request.fault, params, wanted)
        if not 1 <= request.ttl_seconds <= TTL_SECONDS_MAX:
            raise invalid("ttl_seconds", f"must be 1 to {TTL_SECONDS_MAX}.")
        rule = Rule(
            self._environment.ids.new(),
            kind.read(params, "params"),
            self._match(subject, kind, wanted),
            request.skip,
            request.times,
            request.probability,
            self._rules.now() + request.ttl_seconds,
        )
        await self._rules.add(rule)
        log.info("fault_added", request_id=call.request_id, fault=kind.name, fault_id=ids.show(rule.fault_id))
        return Result(self._show(RuleState(rule, 0, 0)))

    async def list_faults(self, _call: Call, _request: ListFaultsRequest) -> Result:
        """The rules in force, in order."""
        return Result(ListFaultsAnswer(faults=[self._show(state) for state in await self._rules.states()]))

    async def clear_faults(self, call: Call, _request: ClearFaultsRequest) -> Result:
        """Take every rule out."""
        removed = await self._rules.clear()
        log.info("faults_cleared", request_id=call.request_id, removed=removed)
        return Result(ClearFaultsAnswer(removed=removed))

    async def remove_fault(self, call: Call, request: RemoveFaultRequest) -> Result:
        """Take a rule out."""
        if not await self._rules.remove(request.fault_id):
            raise Refusal(Code.NOT_FOUND, "There is no rule with this fault_id. It may have been too old.")
        log.info("fault_removed", request_id=call.request_id, fault_id=ids.show(request.fault_id))
        return Result(RemoveFaultAnswer())

    async def explain(self, _call: Call, request: ExplainRequest) -> Result:
        """What was done to a request, and why."""
        explained = await self._requests.explanation(request.request_id, self._rules.states)
        if explained is None:
            return Result(await self._unexplained(request.request_id))
        reasons = await self._rules.explain(explained.facts, explained.pick)
        return Result(
            ExplainAnswer(
                request_id=request.request_id,
                fault_applied=explained.applied,
                rules=[
                    Reason(fault_id=why.fault_id, fault=why.fault, fired=why.fired, reason=why.reason, field=why.field)
                    for why in reasons
                ],
            )
        )

    async def _unexplained(self, request_id: str) -> ExplainAnswer:
        """Of a request for which nothing was planned: that no rule was in force. Raises Refusal for one not known."""
        # What was planned for one of these could not be forgotten yet.
        newest = islice((await self._requests.latest()).newest(), EXPLAINED_MAX)
        if not any(record.request_id == request_id for record in newest):
            raise Refusal(
                Code.NOT_FOUND, "Nothing is known of a request with this id: it was too long ago, or there was none."
            )
        return ExplainAnswer(request_id=request_id, fault_applied="", rules=[])

    def _match(
        self, subject: Subject, kind: type[Fault], wanted: Mapping[str, Hashable | tuple[int, ...]]
    ) -> dict[str, frozenset[Hashable]]:
        match: dict[str, frozenset[Hashable]] = {SUBJECT: frozenset({subject.name})}
        for name, value in wanted.items():
            match[name] = frozenset(value) if isinstance(value, tuple) else frozenset({value})
        for need in kind.needs:
            match[need] = frozenset({True})
            if "endpoint" in match and not any(self._has(need, BY_NUMBER[n]) for n in wanted["endpoint"]):  # type: ignore[union-attr]
                raise invalid("match.endpoint", f"{kind.name} cannot happen there: {NEEDS[need]}.")
        return match

    def _has(self, need: str, command: Command) -> bool:
        return {
            "signed_in": command.auth is Auth.SESSION,
            "writes": command.effect is Effect.WRITE,
            "moves_money": moves_money(command),
            "tops_up": command is commands.TPU,
            "refunds": command is commands.RFD,
        }[need]

    def _show(self, state: RuleState) -> FaultRule:
        rule = state.rule
        values = {
            field: sorted(rule.match[name]) if name == "endpoint" else next(iter(rule.match[name]))  # type: ignore[type-var]
            for name, field in _FIELDS.items()
            if name in rule.match
        }
        return FaultRule(
            fault_id=rule.fault_id,
            fault=rule.fault.name,
            params=msgspec.json.encode(rule.fault).decode(),
            match=Match(**values),  # type: ignore[arg-type]
            skip=rule.skip,
            times=rule.times,
            probability=rule.probability,
            expires_in_seconds=max(0, round(rule.expires_at - self._rules.now())),
            matched=state.matched,
            fired=state.fired,
            remaining=state.remaining,
        )


def with_key(key: str, handler: Handler) -> Handler:
    """The handler of a sandbox's command, for those only who have the key."""

    async def handle(call: Call, message: Any) -> Result:
        if not hmac.compare_digest(call.token.encode(), key.encode()):
            raise Refusal(Code.UNAUTHENTICATED, "The sandbox needs its key.")
        return await handler(call, message)

    return handle


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise invalid("params", "must be a JSON object.") from None


def _wanted(match: Match) -> dict[str, Hashable | tuple[int, ...]]:
    """What is to be matched, by name; only what was set."""
    wanted: dict[str, Hashable | tuple[int, ...]] = {}
    for name, field in _FIELDS.items():
        value = getattr(match, field)
        if value:
            wanted[name] = tuple(value) if name == "endpoint" else value
    for name, read in _READERS.items():
        if name in wanted:
            wanted[name] = read(str(wanted[name]), f"match.{name}")
    for number in match.endpoint:
        if number not in BY_NUMBER or BY_NUMBER[number].auth is Auth.SANDBOX:
            raise invalid("match.endpoint", "is not a command that faults happen to.")
    return wanted
