"""The rules in force, and which of them fires.

**Every rule counts whatever it matches, whether it fires or not; of the rules that are due the first made fires, and
only that one.** A rule is due when it is past its `skip`, has won its draw, is not used up and not too old. A draw
depends on the seed, the rule and the count alone, so it does not matter what comes in between.

Rules with the same match form a group, and a group is found by the values of its facts. So a request looks at the
groups it belongs to and at the rules that are due in them, and not at every rule there is.
"""

from bisect import insort
from collections import deque
from collections.abc import Hashable, Iterable
from heapq import heappop, heappush
from itertools import product
from operator import attrgetter
from typing import Self, cast

import msgspec

from shillings.sandbox.draws import DRAWS_OF_A_BLOCK, draw, threshold, wins
from shillings.sandbox.faults.fault import invalid
from shillings.sandbox.groups import Group, Key, Record
from shillings.sandbox.rules import Facts, Match, Pick, Rule, RuleState, Why
from shillings.sandbox.saved import SavedRule, SavedRules, Value, rule_of
from shillings.sandbox.subjects import Subject

RULES_MAX = 1000
"""Rules that may be in force at once."""

MATCHES_KIB_MAX = 512
"""The texts in their matches, all together: so that the list of the rules fits into one answer."""

PAST_MAX = 1000
"""Rules that are gone, and still explained."""

CHANCES_MAX = 100
"""Rules with a probability below 1 that may be in force at once: each that matches may have to be drawn for."""

_RARE = 1 / DRAWS_OF_A_BLOCK
"""A rule that is less likely than this wins in few blocks of draws: its next win is looked for ahead. One that is more
likely is drawn for when it is its turn, and those behind the first that wins are not."""


class RuleSet:
    """The rules in force. It is for one thread, and `now` may be any clock that only goes forward.

    Args:
        seed: of every draw.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._records: dict[bytes, Record] = {}
        self._past: deque[Record] = deque(maxlen=PAST_MAX)
        self._groups: dict[Key, Group] = {}
        self._index: dict[tuple[str, ...], dict[tuple[Hashable, ...], list[Group]]] = {}
        self._bytes = 0
        self._made = 0
        self._asked = 0
        self._next_end = float("inf")

    @property
    def empty(self) -> bool:
        """Whether there is no rule at all."""
        return not self._records

    def add(self, rule: Rule, now: float) -> None:
        """Put a rule in force, behind the others.

        Raises:
            Refusal: `invalid_request`: it is out of bounds, or there are too many.
        """
        rule.check()
        self._make_room(_match_bytes(rule), now)
        if rule.probability < 1:
            self._require_chance()
        self._made += 1
        group = self._group(rule.match)
        group.members += 1
        record = Record(rule, self._made, group, group.count, self._asked)
        self._put_in(record)
        self._schedule(record)

    def remove(self, fault_id: bytes) -> bool:
        """Take a rule out. Returns whether it was there."""
        record = self._records.get(fault_id)
        if record is None:
            return False
        self._take_out(record)
        return True

    def clear(self) -> int:
        """Take every rule out. Returns how many there were."""
        records = list(self._records.values())
        for record in records:
            self._take_out(record)
        return len(records)

    def save(self) -> SavedRules:
        """The rules and their counts, so that they can be counted on elsewhere. What is gone is not among them."""
        rules = []
        for s in self._records.values():
            rule, group = s.rule, s.group
            saved = SavedRule(
                rule.fault_id, rule.fault.name, msgspec.to_builtins(rule.fault),
                {name: sorted(cast(frozenset[Value], values), key=str) for name, values in rule.match.items()},
                rule.skip, rule.times, rule.probability, rule.expires_at, s.position, group.number, group.count, s.base,
                s.made_at, s.fired, s.over, s.matched_at_end, s.used_up_at,
            )  # fmt: skip
            rules.append(saved)
        return SavedRules(self._seed, self._made, self._asked, rules)

    @classmethod
    def load(cls, saved: SavedRules, subjects: tuple[Subject, ...]) -> Self:
        """The rules as they were saved.

        Args:
            saved: what `save` made.
            subjects: what they may be about.
        """
        made = cls(saved.seed)
        made._made, made._asked = saved.made, saved.asked
        for one in saved.rules:
            made._load(one, rule_of(one, subjects))
        return made

    def _load(self, saved: SavedRule, rule: Rule) -> None:
        group = self._group(rule.match)
        group.number, group.count = saved.group, saved.count
        group.members += 1
        record = Record(
            rule, saved.position, group, saved.base, saved.made_at,
            saved.fired, saved.over, saved.matched_at_end, saved.used_up_at,
        )  # fmt: skip
        self._put_in(record)
        if not record.over:
            self._schedule(record)

    def matches(self, facts: Facts) -> bool:
        """Whether any rule counts this."""
        return bool(self._matching(facts))

    def states(self, now: float) -> list[RuleState]:
        """The rules, in the order in which they are looked at. One that is used up is listed until it is too old."""
        self._remove_expired(now)
        return [RuleState(s.rule, s.matched, s.fired) for s in self._records.values()]

    def pick(self, facts: Facts, now: float, closed: str = "") -> Pick:
        """Count what matches, and choose the rule that fires.

        Args:
            facts: what is happening.
            now: the time.
            closed: a reason why none may fire; then they only count.
        """
        self._asked += 1
        if now >= self._next_end:
            self._remove_expired(now)
        groups = self._matching(facts)
        if not groups:
            return Pick(None, 0, self._asked, now, (), closed)
        lucky: list[Record] = []
        due: list[Record] = []
        for group in groups:
            group.count += 1
            lucky += self._pop_due(group)
            if group.certain:
                due.append(group.certain[0][1])
        due += lucky
        counts = tuple([(group.number, group.count) for group in groups])
        pick = Pick(None, 0, self._asked, now, counts, closed)
        if not closed:
            due += self._chancy(groups, min((one.position for one in due), default=self._made + 1))
        if due and not closed:
            winner = min(due, key=lambda record: record.position)
            self._fire(winner)
            pick = pick._replace(rule=winner.rule, nth=winner.group.count - winner.base)
        for record in lucky:
            if not record.over:
                self._schedule(record)
        return pick

    def give_back(self, pick: Pick, closed: str) -> Pick:
        """What was to happen does not, for a reason: the rule may fire once more. Returns what now holds."""
        assert pick.rule is not None, "only what fired is given back"
        record = self._records.get(pick.rule.fault_id)
        if record is not None:
            record.fired -= 1
            if record.over:
                record.over, record.used_up_at = False, None
                self._schedule(record)
        return pick._replace(rule=None, nth=0, closed=closed)

    def explain(self, facts: Facts, pick: Pick) -> list[Why]:
        """For every rule that was there then: why it fired or did not. The facts are those that were picked for."""
        counts = dict(pick.counts)
        records = sorted([*self._past, *self._records.values()], key=lambda record: record.position)
        return [
            self._why(s, facts, pick, counts.get(s.group.number, 0))
            for s in records
            if s.made_at < pick.sequence and (s.gone_at is None or s.gone_at >= pick.sequence)
        ]

    def _why(self, record: Record, facts: Facts, pick: Pick, count: int) -> Why:
        rule = record.rule
        about = rule.fault_id, rule.fault.name
        for fact, values in rule.match.items():
            if facts.get(fact) not in values:
                return Why(*about, "no_match", fact)
        nth = count - record.base
        used_up_at = record.used_up_at
        reasons = {
            "fired": pick.rule is not None and pick.rule.fault_id == rule.fault_id,
            "expired": rule.expires_at <= pick.now,
            "used_up": used_up_at is not None and used_up_at < pick.sequence,
            "skipped": nth <= rule.skip,
            "draw": draw(self._seed, rule.chance, nth) >= threshold(rule.probability),
            pick.closed or "earlier_rule": True,
        }
        return Why(*about, next(reason for reason, holds in reasons.items() if holds))

    def _matching(self, facts: Facts) -> list[Group]:
        groups: list[Group] = []
        for names, by_values in self._index.items():
            found = by_values.get(tuple([facts.get(name) for name in names]))
            if found is not None:
                groups += found
        return groups

    def _pop_due(self, group: Group) -> list[Record]:
        """Put those whose time has come where they are found; take out and return what is rare and has won now."""
        lucky = []
        while group.later and group.later[0][0] <= group.count:
            _, _, record = heappop(group.later)
            if record.over:
                continue
            probability = record.rule.probability
            if probability == 1:
                heappush(group.certain, (record.position, record))
            elif probability >= _RARE:
                insort(group.chancy, record, key=attrgetter("position"))
            elif self._wins(record, group.count - record.base):
                lucky.append(record)
            else:
                self._schedule(record)
        while group.certain and group.certain[0][1].over:
            heappop(group.certain)
        return lucky

    def _chancy(self, groups: list[Group], before: int) -> list[Record]:
        """The first of each group that wins its draw now and comes before this position."""
        found = []
        for group in groups:
            for record in group.chancy:
                if record.position >= before:
                    break
                if self._wins(record, group.count - record.base):
                    found.append(record)
                    before = record.position
                    break
        return found

    def _wins(self, record: Record, nth: int) -> int:
        """Whether a rule wins its nth draw: 1 or 0."""
        block, at = divmod(nth, DRAWS_OF_A_BLOCK)
        if record.block != block:
            rule = record.rule
            record.block, record.wins = block, wins(self._seed, rule.chance, block, threshold(rule.probability))
        return record.wins >> at & 1

    def _schedule(self, record: Record) -> None:
        """Say at which later count of its group a rule is to be looked at again."""
        rule, group = record.rule, record.group
        due = max(group.count, record.base + rule.skip) + 1
        if rule.probability < _RARE:
            # The next win of this block of draws, or else the beginning of the next block.
            self._wins(record, due - record.base)
            at = (due - record.base) % DRAWS_OF_A_BLOCK
            left = record.wins >> at
            due += (left & -left).bit_length() - 1 if left else DRAWS_OF_A_BLOCK - at
        heappush(group.later, (due, record.position, record))

    def _fire(self, record: Record) -> None:
        record.fired += 1
        if record.fired < record.rule.times:
            return
        record.end()
        record.used_up_at = self._asked
        group = record.group
        if group.certain and group.certain[0][1] is record:
            heappop(group.certain)
        elif record in group.chancy:
            group.chancy.remove(record)

    def _put_in(self, record: Record) -> None:
        self._records[record.rule.fault_id] = record
        self._bytes += _match_bytes(record.rule)
        self._next_end = min(self._next_end, record.rule.expires_at)

    def _take_out(self, record: Record) -> None:
        if not record.over:
            record.end()
        record.gone_at = self._asked
        self._past.append(record)
        del self._records[record.rule.fault_id]
        self._bytes -= _match_bytes(record.rule)
        if record in record.group.chancy:
            record.group.chancy.remove(record)
        record.group.members -= 1
        if not record.group.members:
            self._forget(record.group)

    def _remove_expired(self, now: float) -> None:
        """Take out what is too old."""
        for record in [s for s in self._records.values() if s.rule.expires_at <= now]:
            self._take_out(record)
        self._next_end = min((s.rule.expires_at for s in self._records.values()), default=float("inf"))

    def _has_room(self, match_bytes: int) -> bool:
        return len(self._records) < RULES_MAX and self._bytes + match_bytes <= MATCHES_KIB_MAX * 1024

    def _make_room(self, match_bytes: int, now: float) -> None:
        """See that there is room for one more rule; those that are used up make it, the oldest first."""
        if self._has_room(match_bytes):
            return
        self._remove_expired(now)
        for used_up in [s for s in self._records.values() if s.over]:
            if self._has_room(match_bytes):
                return
            self._take_out(used_up)
        if len(self._records) >= RULES_MAX:
            raise invalid("fault", f"{RULES_MAX} rules are in force, which is the most; delete some first.")
        if not self._has_room(match_bytes):
            raise invalid("match", f"would be more than the {MATCHES_KIB_MAX} KiB of all rules; delete some first.")

    def _require_chance(self) -> None:
        """Refuse one more rule with a probability if there are too many."""
        if sum(s.rule.probability < 1 for s in self._records.values() if not s.over) >= CHANCES_MAX:
            raise invalid(
                "probability", f"is below 1 in {CHANCES_MAX} rules in force, which is the most; delete some first."
            )

    def _group(self, match: Match) -> Group:
        key = tuple(sorted(match.items(), key=lambda item: item[0]))
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._made, key)
            for names, values in _places(key):
                self._index.setdefault(names, {}).setdefault(values, []).append(group)
        return group

    def _forget(self, group: Group) -> None:
        del self._groups[group.key]
        for names, values in _places(group.key):
            by_values = self._index[names]
            by_values[values].remove(group)
            if not by_values[values]:
                del by_values[values]
            if not by_values:
                del self._index[names]


def _places(key: Key) -> Iterable[tuple[tuple[str, ...], tuple[Hashable, ...]]]:
    """Where the index has a group: under each combination of the values it allows."""
    names = tuple(name for name, _ in key)
    return ((names, values) for values in product(*[allowed for _, allowed in key]))


def _match_bytes(rule: Rule) -> int:
    """How large the texts of its match are."""
    return sum(len(value.encode()) for values in rule.match.values() for value in values if isinstance(value, str))
