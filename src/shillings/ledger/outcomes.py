"""What the ledger may decide about a transfer: one enum, in order of precedence.

When several hold, the first one listed is the outcome. The word is stored with the idempotency key and is the
API's `status.code`.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """The ledger's decision about one transfer."""

    UNAUTHENTICATED = "unauthenticated"
    """The session was revoked before the transfer reached the ledger. Nothing is stored."""

    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """The key belongs to another request of this user. Nothing is stored."""

    RECEIVER_NOT_FOUND = "receiver_not_found"
    """No user has the receiver's email."""

    SELF_PAYMENT = "self_payment"
    """Sender and receiver are the same user."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    """The sender's balance is less than the amount."""

    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded"
    """The receiver's balance would exceed BALANCE_MINOR_MAX."""

    OK = "ok"
    """Applied: the money has moved."""

    @property
    def may_change(self) -> bool:
        """Whether the same transfer, sent anew without its idempotency key, may end differently."""
        match self:
            case Outcome.UNAUTHENTICATED:
                return False  # A revoked session never comes back; a new login is a new token.
            case Outcome.IDEMPOTENCY_KEY_REUSED:
                return True  # The key was the reason, and it is left out.
            case Outcome.RECEIVER_NOT_FOUND:
                return True  # The receiver may sign up.
            case Outcome.SELF_PAYMENT:
                return False
            case Outcome.INSUFFICIENT_FUNDS | Outcome.BALANCE_LIMIT_EXCEEDED:
                return True  # Balances change.
            case Outcome.OK:
                return True  # Without its key it is another transfer, and may be refused.

    @property
    def is_stored(self) -> bool:
        """Whether the decision is stored under the transfer's idempotency key."""
        return self not in (Outcome.UNAUTHENTICATED, Outcome.IDEMPOTENCY_KEY_REUSED)
