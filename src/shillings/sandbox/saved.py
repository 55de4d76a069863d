"""The rules in force as text, for servers that share them: the same rules, counted on."""

from collections.abc import Hashable
from typing import Any

import msgspec

from shillings.sandbox.faults.fault import Fault
from shillings.sandbox.rules import Match, Rule
from shillings.sandbox.subjects import SUBJECT, Subject

Value = str | int | bool


class SavedRule(msgspec.Struct, frozen=True):
    """One rule and its counts; see the records of `RuleSet`."""

    fault_id: bytes
    fault: str
    params: dict[str, Any]
    match: dict[str, list[Value]]
    skip: int
    times: int
    probability: float
    expires_at: float
    position: int
    group: int
    count: int
    base: int
    made_at: int
    fired: int
    over: bool
    matched_at_end: int
    used_up_at: int | None


class SavedRules(msgspec.Struct, frozen=True):
    """All of them."""

    seed: int
    made: int
    asked: int
    rules: list[SavedRule]


def encode(saved: SavedRules) -> str:
    """The rules as JSON."""
    return msgspec.json.encode(saved).decode()


def decode(text: str) -> SavedRules:
    """The rules from JSON that was made here."""
    return msgspec.json.decode(text, type=SavedRules)


def rule_of(saved: SavedRule, subjects: tuple[Subject, ...]) -> Rule:
    """The rule that was saved."""
    match: Match = {name: frozenset[Hashable](values) for name, values in saved.match.items()}
    subject = next(one for one in subjects if one.name in match[SUBJECT])
    kind: type[Fault] | None = subject.find(saved.fault)
    assert kind is not None, "what is saved has been made"
    fault = msgspec.convert(saved.params, kind)
    return Rule(saved.fault_id, fault, match, saved.skip, saved.times, saved.probability, saved.expires_at)
