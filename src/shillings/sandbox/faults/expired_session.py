"""`expired_session`: the session is over in the middle of what the client does."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from shillings.base.errors import Code
from shillings.sandbox.faults.effects import Refuse
from shillings.sandbox.faults.fault import Fault, Phase


class ExpiredSession(Fault, frozen=True):
    """The session is over in the middle of what the client does."""

    name: ClassVar = "expired_session"
    phase: ClassVar = Phase.BEFORE
    client_sees: ClassVar = (
        "401 `unauthenticated`, on this request and, unless told otherwise, on every later one with the same token. "
        "Logging in again helps."
    )
    ledger_holds: ClassVar = "Nothing of this request. What was done before stays done, and its keys stay."
    stands_for: ClassVar = "A token that ran out, a log-out in another tab, a password that was changed."
    needs: ClassVar = frozenset({"signed_in"})

    how: Annotated[
        Literal["ended", "refused"],
        Meta(description="`ended`: the session is really over; `refused`: only this request is."),
    ] = "ended"

    def effect(self, chance: float) -> Refuse:  # noqa: ARG002 - nothing varies
        """What is to be done."""
        return Refuse(Code.UNAUTHENTICATED, "Log in: there is no valid session.", end_session=self.how == "ended")
