"""Turning deliveries round on purpose: some are held until they are together, and let go in reverse, one by one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shillings.contract.delivery_faults import DeliveryFault


class Turns:
    """Who is to wait for whom. Where nothing is turned round, nobody waits."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Batch] = {}

    @asynccontextmanager
    async def turn(self, endpoint_id: bytes, fault: DeliveryFault | None) -> AsyncIterator[None]:
        """Wait for one's turn. A fault that asks for it opens a batch, which what follows to this endpoint joins."""
        batch = self._open.get(endpoint_id)
        if batch is None:
            if fault is None or not fault.batch:
                yield
                return
            batch = self._open[endpoint_id] = _Batch(fault.batch)
            asyncio.get_running_loop().call_later(fault.seconds, self._close, endpoint_id, batch)
        place = batch.join()
        if batch.full:
            self._close(endpoint_id, batch)
        await place.go.wait()
        try:
            yield
        finally:
            batch.let_next()

    def _close(self, endpoint_id: bytes, batch: "_Batch") -> None:
        if self._open.get(endpoint_id) is batch:
            del self._open[endpoint_id]
        batch.let_go()


class _Place:
    def __init__(self) -> None:
        self.go = asyncio.Event()


class _Batch:
    """Deliveries that wait together."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[_Place] = []
        self._gone = False

    @property
    def full(self) -> bool:
        """Whether it has all that it waits for."""
        return len(self._waiting) >= self._size

    def join(self) -> _Place:
        """A place behind the others."""
        self._waiting.append(_Place())
        return self._waiting[-1]

    def let_go(self) -> None:
        """Nobody joins any more: the last one goes first."""
        if not self._gone:
            self._gone = True
            self.let_next()

    def let_next(self) -> None:
        """One is done: the one before it goes."""
        if self._waiting:
            self._waiting.pop().go.set()
