"""The ledger once more, as plainly as it can be written: what the real one is held against."""

from dataclasses import dataclass, field

from shillings.ledger.outcomes import Outcome
from shillings.ledger.transfers import Kind, Transfer
from shillings.money import BALANCE_MINOR_MAX


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

    def decide(self, transfer: Transfer) -> tuple[Outcome, bytes, bool]:
        """The outcome, the id of the transaction that stands for it, and whether it is an earlier answer."""
        if transfer.token_id in self.revoked:
            return Outcome.UNAUTHENTICATED, bytes(16), False
        key = (transfer.user_id, transfer.idempotency_key)
        if transfer.idempotency_key and key in self.answers:
            fingerprint, outcome, transaction_id = self.answers[key]
            if fingerprint != transfer.fingerprint:
                return Outcome.IDEMPOTENCY_KEY_REUSED, bytes(16), False
            return outcome, transaction_id, True
        outcome = self._move(transfer)
        transaction_id = transfer.transaction_id if outcome is Outcome.OK else bytes(16)
        if transfer.idempotency_key:
            self.answers[key] = (transfer.fingerprint, outcome, transaction_id)
        return outcome, transaction_id, False

    def _move(self, transfer: Transfer) -> Outcome:
        payer = self.emails[transfer.user_id]
        receiver = payer if transfer.kind is Kind.TOPUP else transfer.receiver_email
        if receiver not in self.emails.values():
            return Outcome.RECEIVER_NOT_FOUND
        if transfer.kind is Kind.PAYMENT and receiver == payer:
            return Outcome.SELF_PAYMENT
        if transfer.kind is Kind.PAYMENT and self.balance(payer) < transfer.amount:
            return Outcome.INSUFFICIENT_FUNDS
        if self.balance(receiver) + transfer.amount > BALANCE_MINOR_MAX:
            return Outcome.BALANCE_LIMIT_EXCEEDED
        if transfer.kind is Kind.PAYMENT:
            self.statements.setdefault(payer, []).append(-transfer.amount)
        self.statements.setdefault(receiver, []).append(transfer.amount)
        return Outcome.OK
