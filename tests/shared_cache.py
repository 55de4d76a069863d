"""A cache of sessions that several processes share: what Redis does, in a dictionary."""

from collections.abc import Sequence

from shillings.cache.interface import TOMBSTONE


class SharedCache:
    """Keeps everything for ever; see SessionCache."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """See SessionCache."""
        return [self._entries.get(token_id) for token_id in token_ids]

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """See SessionCache."""
        for token_id, entry, _ in entries:
            self._entries.setdefault(token_id, entry)

    async def revoke(self, token_id: bytes, _seconds: int) -> None:
        """See SessionCache."""
        self._entries[token_id] = TOMBSTONE

    async def close(self) -> None:
        """See SessionCache."""
