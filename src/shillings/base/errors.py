"""The answers' codes, and the errors the layers raise.

ShillingsError                 something people can be told about
  Refusal                      a request that is answered with a code other than `ok`
    Overloaded                 a queue is full; nothing was applied
    Unavailable                something needed cannot be reached; nothing was applied
    DeadlineExceeded           nobody waits for the answer any more
    OutcomeUnknown             it may or may not have been applied
  SettingsError                the process cannot start as it was told to
"""

from enum import IntEnum


class Code(IntEnum):
    """What became of a request. The member's name in lower case is the API's `status.code`."""

    OK = 0
    INVALID_REQUEST = 1
    UNAUTHENTICATED = 2
    INSUFFICIENT_FUNDS = 3
    NOT_FOUND = 4
    RECEIVER_NOT_FOUND = 5
    METHOD_NOT_ALLOWED = 6
    EMAIL_TAKEN = 7
    PAYLOAD_TOO_LARGE = 8
    UNSUPPORTED_MEDIA_TYPE = 9
    IDEMPOTENCY_KEY_REUSED = 10
    SELF_PAYMENT = 11
    BALANCE_LIMIT_EXCEEDED = 12
    UNAVAILABLE = 13
    OVERLOADED = 14
    INTERNAL = 15
    TIMEOUT = 16
    RATE_LIMITED = 17
    ACCOUNT_NOT_EMPTY = 18
    FORBIDDEN = 19
    IDEMPOTENCY_CONFLICT = 20
    NOT_REFUNDABLE = 21
    HOLD_ALREADY_CAPTURED = 22
    HOLD_ALREADY_VOIDED = 23
    HOLD_EXPIRED = 24
    CAPTURE_EXCEEDS_HOLD = 25
    REFUND_EXCEEDS_PAYMENT = 26
    ALREADY_SETTLED = 27
    ALREADY_RETURNED = 28
    DEBT_OUTSTANDING = 29

    @property
    def word(self) -> str:
        """The code as the API spells it."""
        return WORDS[self]


WORDS = tuple(code.name.lower() for code in Code)
"""The codes' words, by number."""


RETRY_AFTER_SECONDS = 1
"""When to try again what was refused because the service was busy or could not be reached."""


_BUSY = (Code.UNAVAILABLE, Code.OVERLOADED)


class ShillingsError(Exception):
    """The root of every error of this package."""


class Refusal(ShillingsError):
    """A request is answered with a code other than `ok`.

    Args:
        code: what happened, for programs.
        message: what happened and what to do, for people.
        field: the field at fault; empty where it is none.
        retry_after_s: how many seconds to wait before another try. None: RETRY_AFTER_SECONDS where the service was busy
            or could not be reached, and nothing where waiting does not help.
        replayed: whether an earlier request with the same idempotency key was refused so.
    """

    def __init__(
        self, code: Code, message: str, *, field: str = "", retry_after_s: int | None = None, replayed: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = RETRY_AFTER_SECONDS if retry_after_s is None and code in _BUSY else retry_after_s
        self.replayed = replayed
        self.applied_fault: object = None
        """What the sandbox did to the request; None for nothing. The application layer knows its type."""


class Overloaded(Refusal):
    """A bounded queue is full. Nothing was applied."""

    def __init__(self, message: str = "Too many requests are waiting. Nothing was done; try again shortly.") -> None:
        super().__init__(Code.OVERLOADED, message)


class Unavailable(Refusal):
    """Something the request needs cannot be reached. Nothing was applied."""

    def __init__(self, message: str = "The service is not available now. Nothing was done; try again.") -> None:
        super().__init__(Code.UNAVAILABLE, message)


class DeadlineExceeded(Refusal):
    """The time the caller was willing to wait is over."""

    def __init__(
        self,
        message: str = "No answer in time. Whether it was done is not known: look it up, or "
        "repeat with the same idempotency key.",
    ) -> None:
        super().__init__(Code.TIMEOUT, message)


class OutcomeUnknown(Refusal):
    """The request may or may not have been applied, and the service cannot tell now."""

    def __init__(
        self,
        message: str = "Something broke half-way. Whether it was done is not known: look it up, or "
        "repeat with the same idempotency key.",
    ) -> None:
        super().__init__(Code.INTERNAL, message)


def invalid(field: str, reason: str) -> Refusal:
    """An `invalid_request` refusal whose sentence begins with the field's name."""
    return Refusal(Code.INVALID_REQUEST, f"{field} {reason}", field=field)


class SettingsError(ShillingsError):
    """A setting or flag is unknown, wrong or missing. The message says which and what to do."""
