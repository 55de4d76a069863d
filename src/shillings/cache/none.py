"""No cache: a process that is alone remembers its sessions itself."""

from collections.abc import Sequence


class NoCache:
    """Finds nothing and keeps nothing, which a cache may do at any time."""

    async def get(self, token_ids: Sequence[bytes]) -> list[bytes | None]:
        """See SessionCache."""
        return [None] * len(token_ids)

    async def fill(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """See SessionCache."""

    async def revoke(self, token_id: bytes, seconds: int) -> None:
        """See SessionCache."""

    async def close(self) -> None:
        """See SessionCache."""
