"""Looking up idempotency keys before anything is done."""

from collections.abc import Callable
from datetime import timedelta

from shillings.app.call import SignedInCall
from shillings.base.clock import Clock
from shillings.storage.executor import Executor
from shillings.storage.keys import key_is_used


class KeyLookup:
    """Looks keys up.

    Args:
        reads: the executor that reads them.
        clock: the time by which they age.
        lifetime_seconds: how long they are kept now.
    """

    def __init__(self, reads: Executor, clock: Clock, lifetime_seconds: Callable[[], int]) -> None:
        self._reads = reads
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds

    async def is_used(self, call: SignedInCall) -> bool:
        """Whether an answer is stored under the caller's key."""
        oldest = self._clock.now() - timedelta(seconds=self._lifetime_seconds())
        user_id, key = call.claims.user_id, call.idempotency_key
        return await self._reads.run(lambda connection: key_is_used(connection, user_id, key, oldest))
