"""The faults' rules in memory, for a single application server."""

import time
from typing import Protocol

from shillings.sandbox.plan import Plan, RequestedFault, make_plan
from shillings.sandbox.rules import Facts, Pick, Rule, RuleState, Why
from shillings.sandbox.ruleset import RuleSet


class Rules(Protocol):
    """The rules in force, wherever they are."""

    @property
    def empty(self) -> bool:
        """Whether nothing can fire."""

    def now(self) -> float:
        """The clock by which rules die. It is never the one that users may set: a forgotten rule ends by itself."""

    async def add(self, rule: Rule) -> None:
        """Put a rule in force. Raises Refusal."""

    async def remove(self, fault_id: bytes) -> bool:
        """Take a rule out. Returns whether it was there."""

    async def clear(self) -> int:
        """Take every rule out. Returns how many there were."""

    async def states(self) -> list[RuleState]:
        """The rules and what has become of them."""

    async def plan(self, facts: Facts, name: bytes, asked: RequestedFault | None) -> Plan:
        """Decide what happens to a request."""

    async def give_back(self, pick: Pick, closed: str) -> Pick:
        """What a rule fired for does not happen, for this reason."""

    async def explain(self, facts: Facts, pick: Pick) -> list[Why]:
        """Why each rule fired or did not."""


class LocalRules:
    """The rules in this process's memory; they end with it.

    Args:
        seed: of every draw.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rules = RuleSet(seed)
        self.now = time.monotonic

    @property
    def empty(self) -> bool:
        """See Rules."""
        return self._rules.empty

    async def add(self, rule: Rule) -> None:
        """See Rules."""
        self._rules.add(rule, self.now())

    async def remove(self, fault_id: bytes) -> bool:
        """See Rules."""
        return self._rules.remove(fault_id)

    async def clear(self) -> int:
        """See Rules."""
        return self._rules.clear()

    async def take_back(self) -> None:
        """Take every rule out, as part of a reset of everything."""
        self._rules.clear()

    async def states(self) -> list[RuleState]:
        """See Rules."""
        return self._rules.states(self.now())

    async def plan(self, facts: Facts, name: bytes, asked: RequestedFault | None) -> Plan:
        """See Rules."""
        return make_plan(self._rules, facts, self.now(), seed=self._seed, name=name, asked=asked)

    async def give_back(self, pick: Pick, closed: str) -> Pick:
        """See Rules."""
        return self._rules.give_back(pick, closed)

    async def explain(self, facts: Facts, pick: Pick) -> list[Why]:
        """See Rules."""
        return self._rules.explain(facts, pick)
