"""What a fault comes to: plain values, carried out by the application layer or, on the socket, by the web layer."""

from enum import StrEnum
from typing import NamedTuple

from shillings.base.errors import Code

HOLD_SECONDS_MAX = 60.0
"""The longest delay. A client that waits longer for one answer has given up."""

HANG_SECONDS_MAX = 300.0
"""How long an answer that never comes may keep its connection open."""


TRAVEL_SECONDS_MAX = 30 * 86_400.0
"""How long money may be on its way."""


class Wait(NamedTuple):
    """The request is held back before the work, or the answer after it."""

    seconds: float


class Refuse(NamedTuple):
    """The work is not done; the answer is this one.

    Args:
        code, message: the answer.
        retry_after_s: when to come again; None for no word about it.
        end_session: whether the session is ended, as by logging out.
    """

    code: Code
    message: str
    retry_after_s: int | None = None
    end_session: bool = False


class Decline(NamedTuple):
    """The ledger decides so, whatever the balances are, and remembers it under the request's key."""

    outcome: str


class Travel(NamedTuple):
    """The money does not simply arrive.

    Args:
        is_pending: whether it is on its way first; otherwise it is there at once.
        final: what becomes of it in the end.
        seconds: after how long; None when somebody is to decide.
    """

    is_pending: bool
    final: str
    seconds: float | None


class Twice(NamedTuple):
    """The work is done twice, one after the other; the second answer goes out."""


class Replace(NamedTuple):
    """The work is done; its answer is dropped, and this one goes out."""

    code: Code
    message: str


class Loss(StrEnum):
    """How an answer gets lost."""

    RESET = "reset"
    CLOSE = "close"
    TRUNCATE = "truncate"
    HANG = "hang"


class Lose(NamedTuple):
    """The answer does not arrive.

    Args:
        how: what happens to the connection.
        seconds: how long it hangs, where it does.
    """

    how: Loss
    seconds: float


class Damage(StrEnum):
    """What becomes of an answer's body."""

    HALF = "half"
    HTML = "html"
    EMPTY = "empty"


class Garble(NamedTuple):
    """The answer arrives, and cannot be read."""

    how: Damage


Effect = Wait | Refuse | Decline | Travel | Twice | Replace | Lose | Garble
