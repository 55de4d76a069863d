"""The rules in force: which one fires, how often, why the others do not, and what a thousand of them cost."""

import time
from collections.abc import Callable, Hashable, Mapping
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shillings.base.errors import Code, Refusal
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.faults.error import Error
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.rules import Match, Pick, Rule
from shillings.sandbox.ruleset import CHANCES_MAX, MATCHES_KIB_MAX, RULES_MAX, RuleSet
from shillings.sandbox.saved import decode, encode
from shillings.sandbox.subjects import SUBJECT
from tests.unit.sandbox.model import Model

ANN, BOB = {"user": "ann", "amount": 1}, {"user": "bob", "amount": 1}
_numbers = count(1)


def one_of(*values: Hashable) -> frozenset[Hashable]:
    """The values of a match."""
    return frozenset(values)


def a_rule(match: Match | None = None, **fields: object) -> Rule:
    """A rule with an id of its own."""
    fault_id = next(_numbers).to_bytes(16, "big")
    return Rule(fault_id, LostResponse(), match or {})._replace(**fields)  # type: ignore[arg-type]


def reasons(rules: RuleSet, facts: Mapping[str, Hashable], pick: Pick) -> list[tuple[str, str]]:
    """Why each rule did or did not fire, with the fact that did not match."""
    return [(why.reason, why.field) for why in rules.explain(facts, pick)]


def test_rule_fires_once_unless_told_otherwise() -> None:
    """A rule fires at its first match and never again."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(), now=0)

    assert [rules.pick(ANN, 0).rule is not None for _ in range(3)] == [True, False, False]
    [state] = rules.states(0)
    assert (state.matched, state.fired, state.remaining) == (1, 1, 0)


def test_skip_and_times_are_counted_by_matches() -> None:
    """A rule leaves its first matches alone, then fires as often as it may; what does not match counts nothing."""
    rules = RuleSet(seed=0)
    rules.add(a_rule({"user": one_of("ann")}, skip=1, times=2), now=0)

    fired = [rules.pick(facts, 0).rule is not None for facts in (ANN, BOB, ANN, BOB, ANN, ANN)]

    assert fired == [False, False, True, False, True, False]


def test_rule_dies_of_age() -> None:
    """A rule that is too old neither fires nor is listed, and then there is nothing to look at."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(times=10, expires_at=100.0), now=0)

    assert rules.pick(ANN, 99.9).rule is not None
    assert rules.pick(ANN, 100.0).rule is None
    assert rules.empty
    assert rules.states(100.0) == []


def test_first_made_of_those_due_fires() -> None:
    """Of several rules that are due the first made fires; when it is used up, the next one does."""
    rules = RuleSet(seed=0)
    first, second = a_rule({"user": one_of("ann")}), a_rule()
    rules.add(first, now=0)
    rules.add(second, now=0)

    assert [rules.pick(ANN, 0).rule for _ in range(3)] == [first, second, None]


def test_alternatives_are_one_rule() -> None:
    """A rule that allows several values counts them together."""
    rules = RuleSet(seed=0)
    rules.add(a_rule({"user": one_of("ann", "bob")}, skip=1), now=0)

    assert [rules.pick(facts, 0).rule is not None for facts in (ANN, BOB, ANN)] == [False, True, False]


def test_closed_pick_counts_and_fires_nothing() -> None:
    """A request that may not be touched is counted by the rules all the same."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(), now=0)

    pick = rules.pick(ANN, 0, closed="asked")

    assert pick.rule is None
    assert [(s.matched, s.fired) for s in rules.states(0)] == [(1, 0)]
    assert reasons(rules, ANN, pick) == [("asked", "")]


def test_what_is_given_back_may_fire_again() -> None:
    """A fault that did not happen after all is not used up, however often that goes on."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(), now=0)
    for _ in range(100):
        pick = rules.give_back(rules.pick(ANN, 0), "replay")
        assert reasons(rules, ANN, pick) == [("replay", "")]

    assert reasons(rules, ANN, rules.pick(ANN, 0, closed="asked")) == [("asked", "")]
    assert rules.pick(ANN, 0).rule is not None
    assert rules.pick(ANN, 0).rule is None


def test_what_was_used_up_is_so_on_another_server_too() -> None:
    """A rule that is carried to another server takes along since when it was used up, and is explained by it."""
    rules, facts = RuleSet(seed=0), {SUBJECT: REQUEST.name, **ANN}
    rules.add(a_rule({SUBJECT: one_of(REQUEST.name)}, expires_at=100.0), now=0)
    rules.pick(facts, 0)
    there = RuleSet.load(decode(encode(rules.save())), (REQUEST,))

    assert reasons(there, facts, there.pick(facts, 0)) == [("used_up", "")]


def test_every_reason_is_told() -> None:
    """For every rule that was there it is said why it did not fire, and the fact that did not match is named."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(), now=0)
    rules.pick(ANN, 0)
    for one in (
        a_rule({"user": one_of("ann"), "amount": one_of(2)}),
        a_rule(skip=1),
        a_rule(probability=0.0),
        a_rule({"amount": one_of(1)}),
        a_rule(),
    ):
        rules.add(one, now=0)
    pick = rules.pick(ANN, 0)
    rules.add(a_rule(), now=0)
    rules.clear()

    assert reasons(rules, ANN, pick) == [
        ("used_up", ""), ("no_match", "amount"), ("skipped", ""), ("draw", ""), ("fired", ""), ("earlier_rule", ""),
    ]  # fmt: skip


def test_draws_are_the_same_whatever_is_interleaved() -> None:
    """Whether a rule fires at its nth match does not depend on other rules or other requests."""
    chancy = a_rule({"user": one_of("ann")}, probability=0.3, times=1000)
    alone, together = RuleSet(seed=7), RuleSet(seed=7)
    alone.add(chancy, now=0)
    together.add(a_rule({"user": one_of("bob")}, probability=0.5, times=1000), now=0)
    together.add(chancy, now=0)
    together.add(a_rule({"amount": one_of(1)}, probability=0.5, times=1000), now=0)

    fired = [alone.pick(ANN, 0).rule is not None for _ in range(200)]
    among_others = []
    for _ in range(200):
        together.pick(BOB, 0)
        among_others.append(together.pick(ANN, 0).rule is chancy)

    assert fired == among_others
    assert 30 < sum(fired) < 90


def test_seed_decides() -> None:
    """The same seed gives the same draws, another seed others."""
    chancy = a_rule(probability=0.5, times=1000)

    def fired(seed: int) -> list[bool]:
        rules = RuleSet(seed)
        rules.add(chancy, now=0)
        return [rules.pick(ANN, 0).rule is not None for _ in range(64)]

    assert fired(1) == fired(1)
    assert fired(1) != fired(2)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"skip": -1}, "skip"),
        ({"times": 0}, "times"),
        ({"probability": 1.01}, "probability"),
        ({"probability": float("nan")}, "probability"),
        ({"match": {"a": one_of(*range(9)), "b": one_of(*range(9))}}, "match"),
        ({"match": {"a": one_of()}}, "match"),
    ],
)
def test_rules_out_of_bounds_are_refused(fields: dict[str, object], name: str) -> None:
    """A rule that is out of bounds is refused with its field's name, and nothing has changed."""
    rules = RuleSet(seed=0)

    with pytest.raises(Refusal, match=name) as refused:
        rules.add(a_rule()._replace(**fields), now=0)  # type: ignore[arg-type]

    assert refused.value.code is Code.INVALID_REQUEST
    assert rules.empty


def test_rules_are_bounded() -> None:
    """No more rules than the limit are in force; those that are used up or too old make room."""
    rules = RuleSet(seed=0)
    rules.add(a_rule({"user": one_of("ann")}), now=0)
    rules.add(a_rule(expires_at=50.0), now=0)
    for _ in range(RULES_MAX - 2):
        rules.add(a_rule({"user": one_of("bob")}), now=0)
    with pytest.raises(Refusal, match=str(RULES_MAX)):
        rules.add(a_rule(), now=49)

    rules.add(a_rule(), now=50)
    rules.pick(ANN, 50)
    rules.add(a_rule(), now=50)

    assert len(rules.states(50)) == RULES_MAX


def test_what_rules_match_is_bounded() -> None:
    """The texts of all matches have a bound in bytes, on another server too; a rule that is gone makes room."""

    def about(user: str) -> Rule:
        return a_rule({SUBJECT: one_of(REQUEST.name), "user": one_of(user)}, expires_at=9.0)

    rules = RuleSet(seed=0)
    for number in range(MATCHES_KIB_MAX):
        rules.add(about(f"{number:04}" + "\u00e9" * 506), now=0)
    rules = RuleSet.load(decode(encode(rules.save())), (REQUEST,))
    one_more = about("a" * 1010)
    with pytest.raises(Refusal, match=f"{MATCHES_KIB_MAX} KiB") as refused:
        rules.add(one_more, now=0)
    first, *_ = rules.states(0)
    rules.pick({SUBJECT: REQUEST.name, "user": next(iter(first.rule.match["user"]))}, 0)
    rules.add(one_more, now=0)
    rules.remove(one_more.fault_id)
    rules.add(one_more, now=0)

    assert refused.value.field == "match"
    assert len(rules.states(0)) == MATCHES_KIB_MAX


def test_rules_with_a_probability_are_bounded() -> None:
    """Of those fewer are in force; one that is used up makes room, and certain ones are not counted."""
    rules = RuleSet(seed=0)
    for _ in range(CHANCES_MAX):
        rules.add(a_rule({"user": one_of("bob")}, probability=0.5), now=0)
    with pytest.raises(Refusal, match=str(CHANCES_MAX)) as refused:
        rules.add(a_rule({"user": one_of("ann")}, probability=0.999), now=0)
    rules.add(a_rule(), now=0)
    assert rules.pick(ANN, 0).rule is not None
    while rules.pick(BOB, 0).rule is None:
        pass
    rules.add(a_rule({"user": one_of("ann")}, probability=0.0), now=0)

    assert refused.value.field == "probability"
    assert len(rules.states(0)) == CHANCES_MAX + 2


def test_clear_forgets_every_rule() -> None:
    """Clearing says how many there were, and leaves none."""
    rules = RuleSet(seed=0)
    rules.add(a_rule(), now=0)
    rules.add(a_rule({"user": one_of("ann")}), now=0)

    assert rules.clear() == 2
    assert rules.empty
    assert rules.pick(ANN, 0).counts == ()


def _one_of_each_user(number: int) -> Rule:
    return a_rule({"endpoint": one_of("PAY"), "user": one_of(f"user {number}")})


def _same_for_all(_number: int) -> Rule:
    return a_rule(times=1_000_000)


def _skip_for_long(_number: int) -> Rule:
    return a_rule(skip=1_000_000)


def _rare(number: int) -> Rule:
    return a_rule(times=1_000_000, probability=0.001 if number < CHANCES_MAX else 1.0, skip=number // CHANCES_MAX)


def _seldom(number: int) -> Rule:
    return a_rule(times=1_000_000, probability=0.01 if number < CHANCES_MAX else 1.0)


def _now_and_then(number: int) -> Rule:
    return a_rule(times=1_000_000, probability=0.05 if number < CHANCES_MAX else 1.0)


def _often(number: int) -> Rule:
    return a_rule(times=1_000_000, probability=0.5 if number < CHANCES_MAX else 1.0)


def _every_shape(number: int) -> Rule:
    names = [name for bit, name in enumerate(("endpoint", "user", "receiver", "amount", "key")) if number >> bit & 1]
    return a_rule({name: one_of(f"other {number}") for name in names}, skip=1_000_000)


@pytest.mark.no_cover  # it reads the clock
@pytest.mark.parametrize(
    "make", [_one_of_each_user, _same_for_all, _skip_for_long, _every_shape, _rare, _seldom, _now_and_then, _often]
)
def test_thousand_rules_cost_little(make: Callable[[int], Rule]) -> None:
    """With a thousand rules in force, as many of them left to chance as may be, a request costs less than 20 us."""
    rules = RuleSet(seed=0)
    for number in range(RULES_MAX):
        rules.add(make(number), now=0)
    facts = {"endpoint": "PAY", "user": "user 500", "receiver": "bob", "amount": 1250, "key": "k"}

    def seconds() -> float:
        began = time.process_time()
        for _ in range(200):
            rules.pick(facts, 0)
        return (time.process_time() - began) / 200

    # A neighbour on the same core slows all of it: one undisturbed moment is enough to see the cost.
    assert any(seconds() < 20e-6 for _ in range(200))


class Comparison(RuleBasedStateMachine):
    """Whatever is done in whatever order, the rules do what the plain model does."""

    def __init__(self) -> None:
        super().__init__()
        self.ruleset, self.model, self.now = RuleSet(seed=3), Model(seed=3), 0.0

    @rule(
        user=st.sampled_from([None, ("ann",), ("bob",), ("ann", "bob")]),
        amount=st.sampled_from([None, (1,), (2,)]),
        skip=st.integers(0, 3),
        times=st.integers(1, 3),
        probability=st.sampled_from([0.0, 0.01, 0.2, 0.9, 1.0]),
        age=st.sampled_from([2.0, 10.0, 1000.0]),
    )
    def add(
        self,
        user: tuple[str, ...] | None,
        amount: tuple[int, ...] | None,
        skip: int,
        times: int,
        probability: float,
        age: float,
    ) -> None:
        """Make a rule."""
        match: dict[str, frozenset[Hashable]] = {SUBJECT: one_of(REQUEST.name)}
        match |= {name: frozenset(values) for name, values in (("user", user), ("amount", amount)) if values}
        made = a_rule(match, skip=skip, times=times, probability=probability, expires_at=self.now + age)
        self.ruleset.add(made, self.now)
        self.model.add(made)

    @rule(user=st.sampled_from(["ann", "bob"]), amount=st.integers(1, 3), times=st.integers(1, 90))
    def ask(self, user: str, amount: int, times: int) -> None:
        """Something happens, perhaps many times."""
        facts: dict[str, Hashable] = {SUBJECT: REQUEST.name, "user": user, "amount": amount}
        for _ in range(times):
            pick = self.ruleset.pick(facts, self.now)
            fired = pick.rule.fault_id if pick.rule else None
            assert fired == self.model.pick(facts, self.now)
            told = [why.fault_id for why in self.ruleset.explain(facts, pick) if why.fired]
            assert told == ([fired] if fired else [])

    @rule()
    def move(self) -> None:
        """The rules go on elsewhere."""
        self.ruleset = RuleSet.load(decode(encode(self.ruleset.save())), (REQUEST,))

    @rule(seconds=st.floats(0, 5))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds

    @rule(which=st.integers(0, 20))
    def remove(self, which: int) -> None:
        """Take a rule out."""
        records = [s for s in self.model.records if s.rule.expires_at > self.now]
        if which < len(records):
            fault_id = records[which].rule.fault_id
            assert self.ruleset.remove(fault_id)
            assert not self.ruleset.remove(fault_id)
            self.model.remove(fault_id)

    @invariant()
    def counts_agree(self) -> None:
        """What is listed is what the model has counted."""
        records = [s for s in self.model.records if s.rule.expires_at > self.now]
        listed = [(state.rule.fault_id, state.matched, state.fired) for state in self.ruleset.states(self.now)]
        assert listed == [(s.rule.fault_id, s.matched, s.fired) for s in records]


TestComparison = Comparison.TestCase
TestComparison.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.sampled_from(["ann", "bob"]), max_size=60), st.integers(0, 5), st.integers(1, 5))
def test_certain_rule_fires_as_often_as_it_may(users: list[str], skip: int, times: int) -> None:
    """A rule without chance fires at its matches skip + 1 to skip + times, and at no other."""
    rules = RuleSet(seed=0)
    rules.add(a_rule({"user": one_of("ann")}, skip=skip, times=times, fault=Error()), now=0)

    fired = [rules.pick({"user": user}, 0).rule is not None for user in users]

    nth = [users[: at + 1].count("ann") for at in range(len(users))]
    assert fired == [user == "ann" and skip < n <= skip + times for user, n in zip(users, nth, strict=True)]
