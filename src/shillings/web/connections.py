"""The connections of one web server: how many there are, from where, and which of them are too slow."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from shillings.web.limits import Limits

SWEEP_SECONDS = 0.25
LOG_SECONDS = 1.0
NEVER = float("inf")

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What is watched."""

    deadline: float
    """When the client must have got further; on the event loop's clock."""

    def cut(self) -> None:
        """The deadline has passed."""


class Connections:
    """Counts connections and watches their deadlines.

    One timer looks at all of them: to set one for every request would cost more. What is cut or refused is counted, and
    told in the log once a second at most: whoever floods the service shall not flood the log.

    Args:
        limits: how many there may be.
        count: told the reason each time something is cut or refused.
    """

    def __init__(self, limits: Limits, count: Callable[[str], None]) -> None:
        self.limits = limits
        self._count = count
        self._open: dict[Connection, str] = {}
        self._by_address: dict[str, int] = {}
        self._untold: dict[str, tuple[int, str]] = {}
        self._tell_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection, address: str, loop: asyncio.AbstractEventLoop) -> bool:
        """Watch one more connection; or return False, as there are too many.

        Args:
            connection: the new one.
            address: where it is from; empty where that is no address.
            loop: it runs here.
        """
        here = self._by_address.get(address, 0)
        is_full = len(self._open) >= self.limits.connections
        if is_full or (address and here >= self.limits.per_address):
            self._watch(loop)
            self.note("connections" if is_full else "connections_per_address", address)
            return False
        self._by_address[address] = here + 1
        self._open[connection] = address
        self._watch(loop)
        return True

    def release(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        address = self._open.pop(connection, None)
        if address is None:
            return
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]

    def note(self, reason: str, address: str) -> None:
        """Something was refused or cut.

        Args:
            reason: which limit it broke.
            address: whose it was.
        """
        self._count(reason)
        times, _ = self._untold.get(reason, (0, ""))
        self._untold[reason] = times + 1, address

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is None:
            self._loop = loop
            loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        assert self._loop is not None, "somebody has started it"
        now = self._loop.time()
        for connection in [one for one in self._open if one.deadline <= now]:
            connection.cut()
        if self._untold and now >= self._tell_at:
            self._tell_at = now + LOG_SECONDS
            for reason, (times, address) in self._untold.items():
                log.warning("http_limit", reason=reason, times=times, address=address, connections=len(self._open))
            self._untold.clear()
        if self._open or self._untold:
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
        else:
            self._loop = None
