"""Rules with the same match, and what is counted of them."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from shillings.sandbox.rules import Rule

Key = tuple[tuple[str, frozenset[Hashable]], ...]


@dataclass(slots=True, eq=False)
class Group:
    """The rules with one match, and how often it has matched."""

    number: int
    key: Key
    count: int = 0
    members: int = 0
    certain: list[tuple[int, "Record"]] = field(default_factory=list)
    """A heap of those that are due at every match from now on, by position."""
    chancy: list["Record"] = field(default_factory=list)
    """Those that may be due at every match from now on, as their draws have it; by position."""
    later: list[tuple[int, int, "Record"]] = field(default_factory=list)
    """A heap of the others, by the count at which they are to be looked at."""


@dataclass(slots=True, eq=False)
class Record:
    """One rule and its counts. While it is not used up, it is in one list of its group, once."""

    rule: Rule
    position: int
    group: Group
    base: int
    """The group's count when the rule was made: its own matches are counted from there."""
    made_at: int
    """How often the rules had been asked by then; so are the other moments told."""
    fired: int = 0
    over: bool = False
    matched_at_end: int = 0
    used_up_at: int | None = None
    gone_at: int | None = None
    block: int = -1
    """The block of draws that `wins` is about: a bit for each draw."""
    wins: int = 0

    @property
    def matched(self) -> int:
        """How often it has matched."""
        return self.matched_at_end if self.over else self.group.count - self.base

    def end(self) -> None:
        """Count no further."""
        self.matched_at_end = self.matched
        self.over = True
