"""The kinds of transactions there may be, and between which accounts each of them moves money.

Every transaction takes its amount from the sender's side and gives it to the receiver's. A side is somebody's wallet,
which has an entry for it, or a derived account, which has none: its balance is what the others' entries come to.
"""

from enum import Enum
from typing import NamedTuple


class Side(Enum):
    """What money is taken from or given to."""

    WALLET = "wallet"
    FUNDING = "funding"
    """Where top-ups come from. It has no entries; its id is 16 zero bytes."""
    TRANSIT = "transit"
    """Where money is that is on its way. It has no entries."""
    DEBT = "debt"
    """What users owe, below zero. It has no entries."""
    HOLDING = "holding"
    """Where money on hold is, until it is captured or released. It has no entries."""


FUNDING_ID = bytes(16)


class Flow(NamedTuple):
    """How one kind of transaction moves money.

    Args:
        kind: as in the column `kind`.
        sender: what the amount is taken from.
        receiver: what it is given to.
        is_receivers: whether the receiver asked for it, so that its idempotency key is the receiver's.
        is_noted: whether the receiver has an entry of nothing for it, because the money is only on its way.
        from_users, to_users: whether a user is named as its sender, as its receiver; None where it may be.
    """

    kind: str
    sender: Side
    receiver: Side
    is_receivers: bool
    is_noted: bool = False
    from_users: bool | None = True
    to_users: bool = True

    @property
    def entries(self) -> int:
        """How many entries each transaction of this kind has."""
        return (self.sender is Side.WALLET) + (self.receiver is Side.WALLET) + self.is_noted


FLOWS = (
    Flow("payment", Side.WALLET, Side.WALLET, is_receivers=False),
    Flow("topup", Side.FUNDING, Side.WALLET, is_receivers=True, from_users=False),
    Flow("refund", Side.WALLET, Side.WALLET, is_receivers=False),
    Flow("hold", Side.WALLET, Side.HOLDING, is_receivers=False),
    Flow("capture", Side.HOLDING, Side.WALLET, is_receivers=True),
    Flow("release", Side.HOLDING, Side.WALLET, is_receivers=False),
    Flow("pending_topup", Side.FUNDING, Side.TRANSIT, is_receivers=True, is_noted=True, from_users=False),
    Flow("pending_refund", Side.WALLET, Side.TRANSIT, is_receivers=False, is_noted=True),
    Flow("settlement", Side.TRANSIT, Side.WALLET, is_receivers=True, from_users=None),
    Flow("reversal", Side.TRANSIT, Side.WALLET, is_receivers=True),
    Flow("pending_return", Side.TRANSIT, Side.FUNDING, is_receivers=False, to_users=False),
    Flow("return", Side.WALLET, Side.FUNDING, is_receivers=False, to_users=False),
    Flow("loan", Side.DEBT, Side.WALLET, is_receivers=True, from_users=False),
    Flow("repayment", Side.WALLET, Side.DEBT, is_receivers=False, to_users=False),
)
