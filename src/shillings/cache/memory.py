"""The cache of the embedded default: a dictionary in the process."""

import time
from collections.abc import Callable, Sequence

from shillings.cache.interface import TOMBSTONE

ENTRIES_MAX = 100_000
"""When it is full, the oldest entry goes; it is only a cache."""


class MemoryCache:
    """A bounded dictionary whose entries expire.

    Args:
        now: seconds, never going back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._entries: dict[bytes, tuple[bytes, float]] = {}

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """See SessionCache."""
        return [self._live(token_id) for token_id in token_ids]

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """See SessionCache."""
        for token_id, entry, seconds in entries:
            if seconds > 0 and self._live(token_id) is None:
                self._set(token_id, entry, seconds)

    async def bury(self, token_id: bytes, seconds: int) -> None:
        """See SessionCache."""
        if seconds > 0:
            self._set(token_id, TOMBSTONE, seconds)

    async def close(self) -> None:
        """See SessionCache."""
        self._entries.clear()

    def _live(self, token_id: bytes) -> bytes | None:
        found = self._entries.get(token_id)
        if found is None:
            return None
        if found[1] <= self._now():
            del self._entries[token_id]
            return None
        return found[0]

    def _set(self, token_id: bytes, entry: bytes, seconds: int) -> None:
        self._entries.pop(token_id, None)
        if len(self._entries) >= ENTRIES_MAX:
            del self._entries[next(iter(self._entries))]
        self._entries[token_id] = (entry, self._now() + seconds)
