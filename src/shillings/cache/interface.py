"""What a cache of sessions does. It may forget anything at any time, and nothing but the time to answer may change."""

from collections.abc import Sequence
from typing import Protocol

TOMBSTONE = b"-"
"""The entry of a revoked session. It is kept until the token would have expired, so no late fill can replace it."""

ENTRY_BYTES_MAX = 4096
"""More than the longest profile has. What is longer is not ours, whoever wrote it."""


class SessionCache(Protocol):
    """Entries under session ids, each with a time to live. No method raises for the cache's own failures."""

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """The entries, in order; None where there is none (or the cache fails)."""

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """Store (token id, entry, seconds to live) where there is no entry yet."""

    async def revoke(self, token_id: bytes, seconds: int) -> None:
        """Replace an entry by a tombstone for this many seconds."""

    async def close(self) -> None:
        """Let go of what the cache holds open."""
