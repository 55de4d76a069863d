"""The plan for one request: who decides it, what is told about it, and what cannot happen."""

from collections.abc import Hashable

import http_sf
import pytest

from shillings.base import ids
from shillings.base.errors import Refusal
from shillings.sandbox.faults.decline import Declined
from shillings.sandbox.faults.effects import Decline, Effect, Lose, Loss, Refuse, Wait
from shillings.sandbox.faults.expired_session import ExpiredSession
from shillings.sandbox.faults.fault import Fault
from shillings.sandbox.faults.latency import Latency
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.faults.rate_limit import RateLimit
from shillings.sandbox.plan import Plan, RequestedFault, make_plan, require_possible
from shillings.sandbox.rules import Rule
from shillings.sandbox.ruleset import RuleSet

FAULT_ID = bytes(range(16))
FACTS: dict[str, Hashable] = {"moves_money": True, "writes": True, "signed_in": True}


def plan(rules: RuleSet, asked: Fault | None = None, name: bytes = b"r", facts: dict[str, Hashable] = FACTS) -> Plan:
    """The plan for a request with these facts."""
    requested = RequestedFault(asked, "header", "Shillings-Fault") if asked else None
    if requested is not None:
        require_possible(requested, facts)
    return make_plan(rules, facts, 0, seed=1, name=name, asked=requested)


def rules_with(fault: Fault, times: int = 1) -> RuleSet:
    """One rule that matches everything."""
    rules = RuleSet(seed=1)
    rules.add(Rule(FAULT_ID, fault, {}, times=times), now=0)
    return rules


def test_nothing_is_planned_without_a_reason() -> None:
    """Without a rule and a header a request goes its way."""
    nothing = plan(RuleSet(seed=1))

    assert (nothing.fault, nothing.before, nothing.effect, nothing.after) == (None, None, None, None)


def test_effect_is_in_its_phase() -> None:
    """What a fault comes to is where it is to happen, and nowhere else."""
    planned = [plan(RuleSet(seed=1), fault) for fault in (RateLimit(), Declined(), LostResponse())]

    assert [isinstance(p.before, Refuse) for p in planned] == [True, False, False]
    assert planned[1].effect == Decline("insufficient_funds")
    assert [p.after for p in planned] == [None, None, Lose(Loss.RESET, 60.0)]


def test_fault_that_is_asked_for_goes_before_the_rules() -> None:
    """What a request asks for itself happens; the rules are not used up by it."""
    rules = rules_with(LostResponse())

    assert plan(rules, RateLimit()).by == "header"
    assert plan(rules).by == ids.show(FAULT_ID)
    assert plan(rules).fault is None


@pytest.mark.parametrize(
    ("fault", "fact", "words"),
    [(Declined(), "moves_money", "move money"), (ExpiredSession(), "signed_in", "signed in")],
)
def test_fault_that_cannot_happen_is_refused(fault: Fault, fact: str, words: str) -> None:
    """A fault that is asked for where it cannot happen is refused, and no rule has counted the request."""
    rules = rules_with(LostResponse())

    with pytest.raises(Refusal, match=f"Shillings-Fault: {fault.name}.*{words}"):
        plan(rules, fault, facts=FACTS | {fact: False})

    assert [state.matched for state in rules.states(0)] == [0]


def test_applied_is_a_structured_field() -> None:
    """What is told about a fault begins with its name and can be read by any parser of structured fields."""
    by_rule = plan(rules_with(LostResponse())).applied
    by_header = plan(RuleSet(seed=1), RateLimit()).applied

    assert by_rule == f'lost_response;rule="{ids.show(FAULT_ID)}";phase=after_commit'
    assert by_header == "rate_limit;rule=header;phase=before"
    for text in (by_rule, by_header):
        assert http_sf.ser(http_sf.parse(text.encode(), tltype="item")) == text


def test_delays_are_the_same_every_time() -> None:
    """A delay that varies is drawn from the seed, the rule and its count, or from the request's id."""
    latency = Latency(1.0, "exponential")

    def waits() -> list[Effect | None]:
        rules = rules_with(latency, times=5)
        return [plan(rules).before for _ in range(5)] + [plan(rules, latency, name=b"a").before]

    assert waits() == waits()
    assert len(set(waits())) == 6
    assert all(isinstance(wait, Wait) for wait in waits())
