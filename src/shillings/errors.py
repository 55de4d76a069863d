"""The answers' codes, and the errors the layers raise.

ShillingsError                 something people can be told about
  Refusal                      a request that is answered with a code other than `ok`
    Overloaded                 a queue is full; nothing was applied
    Unavailable                something needed is away; nothing was applied
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

    @property
    def word(self) -> str:
        """The code as the API spells it."""
        return WORDS[self]


WORDS = tuple(code.name.lower() for code in Code)
"""The codes' words, by number."""


class ShillingsError(Exception):
    """The root of every error of this package."""


class Refusal(ShillingsError):
    """A request is answered with `code` and a sentence that says what happened and what to do."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


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
        message: str = "No answer in time. Whether it was done is not known: look, or "
        "repeat with the same Idempotency-Key.",
    ) -> None:
        super().__init__(Code.TIMEOUT, message)


class OutcomeUnknown(Refusal):
    """The request may or may not have been applied, and the service cannot tell now."""

    def __init__(
        self,
        message: str = "Something broke half-way. Whether it was done is not known: look, or "
        "repeat with the same Idempotency-Key.",
    ) -> None:
        super().__init__(Code.INTERNAL, message)


class SettingsError(ShillingsError):
    """A setting or flag is unknown, wrong or missing. The message says which and what to do."""
