"""The rules once more, as plainly as they can be written: what the real ones are held against."""

from dataclasses import dataclass, field

from shillings.sandbox.draws import draw, threshold
from shillings.sandbox.rules import Facts, Rule


@dataclass
class Record:
    """One rule, how often it matched and how often it fired."""

    rule: Rule
    matched: int = 0
    fired: int = 0

    def sees(self, facts: Facts, seed: int) -> bool:
        """Count these facts if they match; whether the rule is then due."""
        rule = self.rule
        if self.fired == rule.times or any(facts.get(name) not in values for name, values in rule.match.items()):
            return False
        self.matched += 1
        return self.matched > rule.skip and draw(seed, rule.chance, self.matched) < threshold(rule.probability)


@dataclass
class Model:
    """Every rule is asked about everything, one after the other."""

    seed: int
    records: list[Record] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """Put a rule behind the others."""
        self.records.append(Record(rule))

    def remove(self, fault_id: bytes) -> None:
        """Take a rule out."""
        self.records = [s for s in self.records if s.rule.fault_id != fault_id]

    def pick(self, facts: Facts, now: float) -> bytes | None:
        """The id of the rule that fires."""
        self.records = [s for s in self.records if s.rule.expires_at > now]
        due = [record for record in self.records if record.sees(facts, self.seed)]
        if not due:
            return None
        due[0].fired += 1
        return due[0].rule.fault_id
