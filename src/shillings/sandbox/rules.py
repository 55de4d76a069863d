"""A rule: which fault happens to what, how often, and for how long; and what is told about it afterwards.

Everything that happens is described by facts, and a rule names the facts it matches.
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from shillings.sandbox.faults.fault import Fault, invalid

TIMES_MAX = SKIP_MAX = 1_000_000
TTL_SECONDS_MAX = 86_400
TIME_BYTES = 6
"""Ids are UUIDv7 and begin with so many bytes of time."""

ALTERNATIVES_MAX = 64
"""Groups that one rule may belong to: the product of the values it allows for each fact."""

Facts = Mapping[str, Hashable]
Match = Mapping[str, frozenset[Hashable]]
"""For each fact the values of which it must have one. An empty match matches everything."""


class Rule(NamedTuple):
    """One rule, as it was made.

    Args:
        fault_id: its id.
        fault: what happens, with its parameters.
        match: to what.
        skip: how many matches are left alone first.
        times: how often it fires before it is used up.
        probability: how likely it fires, each time it might.
        expires_at: when it dies of age, in the clock that `now` is told by.
    """

    fault_id: bytes
    fault: Fault
    match: Match
    skip: int = 0
    times: int = 1
    probability: float = 1.0
    expires_at: float = float("inf")

    @property
    def chance(self) -> bytes:
        """What the rule's draws go by: of its id the part that is not the time. So a seed draws the same tomorrow."""
        return self.fault_id[TIME_BYTES:]

    def check(self) -> None:
        """Refuse what is out of bounds, naming the field."""
        if not 0 <= self.skip <= SKIP_MAX:
            raise invalid("skip", f"must be 0 to {SKIP_MAX}.")
        if not 1 <= self.times <= TIMES_MAX:
            raise invalid("times", f"must be 1 to {TIMES_MAX}.")
        if not 0 <= self.probability <= 1:
            raise invalid("probability", "must be 0 to 1.")
        combinations = 1
        for values in self.match.values():
            combinations *= len(values)
        if not 1 <= combinations <= ALTERNATIVES_MAX:
            raise invalid("match", f"names {combinations} combinations; 1 to {ALTERNATIVES_MAX} are allowed.")


class RuleState(NamedTuple):
    """A rule and what has become of it so far."""

    rule: Rule
    matched: int
    fired: int

    @property
    def remaining(self) -> int:
        """How often it may fire still."""
        return self.rule.times - self.fired


class Pick(NamedTuple):
    """Which rule fires, and what is needed to say later why.

    Args:
        rule: the one that fires; None for none.
        nth: which of the rule's matches this is.
        sequence: counts what the rules were asked about.
        now: when they were asked.
        counts: for every group that matched its number and its count.
        closed: why no rule was to fire; empty where one might.
    """

    rule: Rule | None
    nth: int = 0
    sequence: int = 0
    now: float = 0.0
    counts: tuple[tuple[int, int], ...] = ()
    closed: str = ""


NO_PICK = Pick(None)


class Why(NamedTuple):
    """Why a rule fired or did not.

    Args:
        fault_id, fault: which rule, and its fault's name.
        reason: a word of REASONS.
        field: the fact that did not match; empty for any other reason.
    """

    fault_id: bytes
    fault: str
    reason: str
    field: str = ""

    @property
    def fired(self) -> bool:
        """Whether it fired."""
        return self.reason == "fired"


REASONS = {
    "fired": "The rule fired.",
    "no_match": "A fact is not what the rule matches; `field` names it.",
    "expired": "The rule was too old.",
    "used_up": "The rule had fired as often as it may.",
    "skipped": "The rule leaves its first matches alone.",
    "draw": "The rule's draw was lost.",
    "earlier_rule": "A rule that was made earlier fired.",
    "asked": "The request itself asked for a fault, which goes before the rules.",
    "replay": "The request was a repeat, and the answer a stored one: those are left alone.",
    "not_done": "The service itself failed, so there was no work whose answer could get lost.",
}
"""Every reason, in the order in which they are looked for."""
