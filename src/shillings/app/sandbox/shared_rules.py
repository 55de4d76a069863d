"""The faults' rules in the database, where several application servers share one. They are counted there.

Each server has a copy, to see at once that a request matches nothing; most match nothing, and cost no query. A
request that matches is planned in a database transaction which holds the rules, so a rule that is to fire once fires
once, whichever servers the requests reach. A copy is as old as the store's way to it: who makes or removes a rule is
answered when it is in force everywhere.
"""

from collections.abc import Callable
from typing import TypeVar

from shillings.app.sandbox.store import SandboxStore
from shillings.base.clock import Clock
from shillings.base.errors import Refusal
from shillings.sandbox.faults.catalogue import SUBJECTS
from shillings.sandbox.plan import Plan, RequestedFault, make_plan
from shillings.sandbox.rules import Facts, Pick, Rule, RuleState, Why
from shillings.sandbox.ruleset import RuleSet
from shillings.sandbox.saved import decode, encode
from shillings.storage.executor import Connection, Executor
from shillings.storage.sandbox_state import hold_state, make_state, write_state

NAME = "faults"
"""What they are kept under."""

T = TypeVar("T")


class SharedRules:
    """The rules in the database.

    Args:
        seed: of every draw, where nobody has made rules yet.
        store: tells when they have changed.
        executor: where they are changed.
        real: the machine's clock, which servers on several machines agree on.
    """

    def __init__(self, seed: int, store: SandboxStore, executor: Executor, real: Clock) -> None:
        self._seed = seed
        self._copy = RuleSet(seed)
        self._store = store
        self._executor = executor
        self._real = real
        store.subscribe(NAME, self._apply)

    @property
    def empty(self) -> bool:
        """See Rules."""
        return self._copy.empty

    def now(self) -> float:
        """See Rules."""
        return self._real.now().timestamp()

    async def add(self, rule: Rule) -> None:
        """See Rules."""
        refusal = await self._change(lambda rules: _refusal_of(lambda: rules.add(rule, self.now())))
        if refusal is not None:
            raise refusal
        await self._store.everywhere()

    async def remove(self, fault_id: bytes) -> bool:
        """See Rules."""
        there = await self._change(lambda rules: rules.remove(fault_id))
        await self._store.everywhere()
        return there

    async def clear(self) -> int:
        """See Rules."""
        removed = await self._change(lambda rules: rules.clear())
        await self._store.everywhere()
        return removed

    async def take_back(self) -> None:
        """Take every rule out, as part of a reset of everything."""
        await self.clear()

    async def states(self) -> list[RuleState]:
        """See Rules."""
        await self._store.refresh()
        return self._copy.states(self.now())

    async def plan(self, facts: Facts, name: bytes, asked: RequestedFault | None) -> Plan:
        """See Rules."""

        def make(rules: RuleSet) -> Plan:
            return make_plan(rules, facts, self.now(), seed=self._seed, name=name, asked=asked)

        if not self._copy.matches(facts):
            return make(self._copy)
        return await self._change(make)

    async def give_back(self, pick: Pick, closed: str) -> Pick:
        """See Rules."""
        return await self._change(lambda rules: rules.give_back(pick, closed))

    async def explain(self, facts: Facts, pick: Pick) -> list[Why]:
        """See Rules. Rules that were removed are not explained: they are in the database no more."""
        await self._store.refresh()
        return self._copy.explain(facts, pick)

    async def _change(self, change: Callable[[RuleSet], T]) -> T:
        """Do something to the rules as they are now, while nobody else does.

        After a lost COMMIT it is done once more: a request may then be counted twice.
        """

        def work(connection: Connection) -> tuple[RuleSet, T]:
            make_state(connection, NAME)
            with connection.transaction():
                kept = hold_state(connection, NAME)
                rules = RuleSet.load(decode(kept), SUBJECTS) if kept else RuleSet(self._seed)
                result = change(rules)
                write_state(connection, NAME, encode(rules.save()))
            return rules, result

        self._copy, result = await self._executor.run(work)
        return result

    def _apply(self, value: str) -> None:
        if value:
            self._copy = RuleSet.load(decode(value), SUBJECTS)


def _refusal_of(change: Callable[[], None]) -> Refusal | None:
    try:
        change()
    except Refusal as refusal:
        return refusal
    return None
