"""The ledger once more, as plainly as it can be written: what the real one is held against."""

from dataclasses import dataclass, field

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.operation import Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.topup import TopUp


@dataclass
class Model:
    """Balances and statements by email, and the first answer to every key."""

    emails: dict[bytes, str]
    revoked: frozenset[bytes] = frozenset()
    statements: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[tuple[bytes, str], tuple[bytes, Outcome, bytes]] = field(default_factory=dict)

    def balance(self, email: str) -> int:
        """What an account has."""
        return sum(self.statements.get(email, []))

    def decide(self, operation: Operation) -> tuple[Outcome, bytes, bool]:
        """The outcome, the id of the transaction that stands for it, and whether it is an earlier answer."""
        header = operation.header
        if header.token_id in self.revoked:
            return Outcome.UNAUTHENTICATED, bytes(16), False
        key = (header.user_id, header.idempotency_key)
        if header.idempotency_key and key in self.answers:
            fingerprint, outcome, transaction_id = self.answers[key]
            if fingerprint != header.fingerprint:
                return Outcome.IDEMPOTENCY_KEY_REUSED, bytes(16), False
            return outcome, transaction_id, True
        outcome = self._move(operation)
        transaction_id = header.id if outcome is Outcome.OK else bytes(16)
        if header.idempotency_key:
            self.answers[key] = (header.fingerprint, outcome, transaction_id)
        return outcome, transaction_id, False

    def _move(self, operation: Operation) -> Outcome:
        user = self.emails[operation.header.user_id]
        match operation:
            case TopUp():
                return self._add(user, operation.amount_minor)
            case Payment(receiver_email=receiver) if receiver not in self.emails.values():
                return Outcome.RECEIVER_NOT_FOUND
            case Payment(receiver_email=receiver) if receiver == user:
                return Outcome.SELF_PAYMENT
            case Payment() if self.balance(user) < operation.amount_minor:
                return Outcome.INSUFFICIENT_FUNDS
            case Payment():
                outcome = self._add(operation.receiver_email, operation.amount_minor)
                if outcome is Outcome.OK:
                    self.statements.setdefault(user, []).append(-operation.amount_minor)
                return outcome
        raise AssertionError("the model knows every operation")

    def _add(self, email: str, amount_minor: int) -> Outcome:
        if self.balance(email) + amount_minor > BALANCE_MINOR_MAX:
            return Outcome.BALANCE_LIMIT_EXCEEDED
        self.statements.setdefault(email, []).append(amount_minor)
        return Outcome.OK
