"""The plan for one request: what is to happen before, in and after its work, and which rule says so."""

from typing import NamedTuple

import http_sf
from http_sf.types import BareItemType

from shillings.base import ids
from shillings.sandbox.draws import chance
from shillings.sandbox.faults.effects import Effect
from shillings.sandbox.faults.fault import Fault, Phase, invalid
from shillings.sandbox.rules import NO_PICK, Facts, Pick
from shillings.sandbox.ruleset import RuleSet


class RequestedFault(NamedTuple):
    """A fault that the request itself asks for.

    Args:
        fault: which.
        by: `header` or `receiver`.
        field: where it was written, for messages.
    """

    fault: Fault
    by: str
    field: str


class Plan(NamedTuple):
    """What is to happen to one request.

    Args:
        fault: None when nothing is.
        effect: what the fault comes to, at its phase.
        by: `header`, `receiver`, or the id of the rule.
        pick: what the rules said; `RuleSet.explain` tells from it why.
    """

    fault: Fault | None = None
    effect: Effect | None = None
    by: str = ""
    pick: Pick = NO_PICK

    @property
    def before(self) -> Effect | None:
        """What is to happen before the work, or in its place."""
        return self.effect if self.fault is not None and self.fault.phase is Phase.BEFORE else None

    @property
    def after(self) -> Effect | None:
        """What is to happen to the answer."""
        return self.effect if self.fault is not None and self.fault.phase is Phase.AFTER_COMMIT else None

    @property
    def applied(self) -> str:
        """The value of Shillings-Fault-Applied: a structured field that begins with the fault's name."""
        assert self.fault is not None, "nothing was applied"
        parameters: dict[str, BareItemType] = {
            # An id may begin with a digit, as a token may not.
            "rule": http_sf.Token(self.by) if self.by in ("header", "receiver") else self.by,
            "phase": http_sf.Token(self.fault.phase.value),
        }
        return http_sf.ser((http_sf.Token(self.fault.name), parameters))


NOTHING = Plan()

NEEDS = {
    "moves_money": "it is for requests that move money",
    "signed_in": "it is for requests of somebody who is signed in",
    "writes": "it is for requests that change something",
    "tops_up": "it is for top-ups",
    "refunds": "it is for refunds",
    "is_attempt": "it is for attempts to deliver a webhook",
    "is_answer": "it is for answers to what is told by webhooks",
}
"""What a fault may need, in words."""


def require_possible(asked: RequestedFault, facts: Facts) -> None:
    """Refuse, as `invalid_request`, a request that asks for what cannot happen to it."""
    missing = next((need for need in sorted(asked.fault.needs) if not facts.get(need)), None)
    if missing is not None:
        raise invalid(asked.field, f"{asked.fault.name} cannot happen here: {NEEDS[missing]}.")


def make_plan(
    rules: RuleSet, facts: Facts, now: float, *, seed: int, name: bytes, asked: RequestedFault | None = None
) -> Plan:
    """Decide what happens to one request.

    What the request asks for itself goes before the rules; they count it all the same.

    Args:
        rules: those in force; they are told of the request.
        facts: about the request.
        now: the time by which rules die.
        seed: of what varies.
        name: the request's id: what varies, varies by it where no rule is concerned.
        asked: what the request asks for; it must be possible.
    """
    if asked is not None:
        pick = rules.pick(facts, now, closed="asked")
        return Plan(asked.fault, asked.fault.effect(chance(seed, name, 0)), asked.by, pick)
    pick = rules.pick(facts, now)
    if pick.rule is None:
        return Plan(pick=pick)
    fault = pick.rule.fault
    # The draw that let the rule fire must not also say how: a rare fault would always be an extreme one.
    effect = fault.effect(chance(seed, b"effect of " + pick.rule.chance, pick.nth))
    return Plan(fault, effect, ids.show(pick.rule.fault_id), pick)
