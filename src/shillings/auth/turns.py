"""Whose turn it is: a fair queue in front of a few threads.

Every address gets its turn in the round, and so does every account of an address. So an address that asks a thousand
times waits for itself, and one that asks once is served next. When the queue is full, whoever has most in it loses
what came last.
"""

import asyncio
from collections import OrderedDict, deque
from typing import NamedTuple

from shillings.base.errors import Overloaded


class Turn(NamedTuple):
    """Who waits.

    Args:
        address: where from; empty where nobody knows.
        account: an account that this address is known to be of; empty for none. It has a share of its own.
    """

    address: str = ""
    account: str = ""


NOBODY = Turn()
"""Whoever works for the service itself."""

_Waiting = deque[asyncio.Future[None]]
_Shares = OrderedDict[str, _Waiting]


class Turns:
    """Lets so many work at once, and the others wait fairly.

    Args:
        at_once: how many may work at the same time.
        entries_max: how many may work and wait together.
    """

    def __init__(self, at_once: int, entries_max: int) -> None:
        self._free = at_once
        self._room = entries_max
        self._addresses: OrderedDict[str, _Shares] = OrderedDict()

    async def take(self, turn: Turn) -> None:
        """Wait for one's turn; `give` ends it.

        Raises:
            Overloaded: too many wait, and nobody has more in the queue than this address.
        """
        if self._free and not self._addresses:
            self._free -= 1
            self._room -= 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._addresses.setdefault(turn.address, OrderedDict()).setdefault(turn.account, deque()).append(future)
        self._room -= 1
        if self._room < 0:
            self._refuse_one()
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._remove(turn, future)
            elif future.exception() is None:
                self.give()  # The turn had come already.
            raise

    def give(self) -> None:
        """One's turn is over."""
        self._free += 1
        self._room += 1
        while self._addresses and self._free:
            future = self._next()
            if future.done():
                self._room += 1  # It was cancelled, and its caller does not know yet.
                continue
            self._free -= 1
            future.set_result(None)

    def close(self) -> None:
        """Refuse everybody who waits."""
        while self._addresses:
            self._refuse_one()

    def _next(self) -> asyncio.Future[None]:
        """Take out who is next, and send its address and its share to the end of their rounds."""
        address, shares = self._addresses.popitem(last=False)
        account, waiting = shares.popitem(last=False)
        future = waiting.popleft()
        if waiting:
            shares[account] = waiting
        if shares:
            self._addresses[address] = shares
        return future

    def _refuse_one(self) -> None:
        """Refuse what came last from whoever has most in the queue."""
        address, shares = max(self._addresses.items(), key=lambda item: sum(map(len, item[1].values())))
        account, waiting = max(shares.items(), key=lambda item: len(item[1]))
        future = waiting[-1]
        self._remove(Turn(address, account), future)
        if not future.done():
            future.set_exception(Overloaded())

    def _remove(self, turn: Turn, future: asyncio.Future[None]) -> None:
        """Take somebody out who waits, if it is still there."""
        shares = self._addresses.get(turn.address, OrderedDict())
        waiting = shares.get(turn.account, deque())
        if future not in waiting:
            return
        waiting.remove(future)
        self._room += 1
        if not waiting:
            del shares[turn.account]
        if not shares:
            del self._addresses[turn.address]
