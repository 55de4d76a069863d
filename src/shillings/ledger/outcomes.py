"""What the ledger may decide about an operation: one enum, in order of precedence.

When several hold, the first one listed is the outcome. The word is stored with the idempotency key and is the
API's `status.code`.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """The ledger's decision about one operation."""

    UNAUTHENTICATED = "unauthenticated"
    """The session was revoked before the operation reached the ledger. Nothing is stored."""

    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """The key belongs to another request of this user. Nothing is stored."""

    RECEIVER_NOT_FOUND = "receiver_not_found"
    """No user has the receiver's email."""

    NOT_FOUND = "not_found"
    """There is no such transaction or hold, or it is not this user's to do this with."""

    SELF_PAYMENT = "self_payment"
    """Sender and receiver are the same user."""

    NOT_REFUNDABLE = "not_refundable"
    """It is no payment: a top-up, a refund or a hold cannot be refunded."""

    HOLD_ALREADY_CAPTURED = "hold_already_captured"
    """The hold was captured before."""

    HOLD_ALREADY_VOIDED = "hold_already_voided"
    """The hold was voided before."""

    HOLD_EXPIRED = "hold_expired"
    """The hold's time is over."""

    CAPTURE_EXCEEDS_HOLD = "capture_exceeds_hold"
    """More is to be captured than was held."""

    REFUND_EXCEEDS_PAYMENT = "refund_exceeds_payment"
    """More would be refunded than was paid."""

    ALREADY_SETTLED = "already_settled"
    """The money of the top-up or refund has arrived before."""

    ALREADY_RETURNED = "already_returned"
    """The top-up has come back, or the refund has failed, before."""

    DEBT_OUTSTANDING = "debt_outstanding"
    """The sender owes money: a top-up came back whose money was spent."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    """The sender's balance is less than the amount."""

    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded"
    """The receiver's balance would exceed BALANCE_MINOR_MAX."""

    OK = "ok"
    """Applied: the money has moved."""

    @property
    def is_stored(self) -> bool:
        """Whether the decision is stored under the operation's idempotency key."""
        return self not in (Outcome.UNAUTHENTICATED, Outcome.IDEMPOTENCY_KEY_REUSED)
