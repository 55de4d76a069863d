"""Background jobs of the application layer: they remove expired rows and end what is due."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shillings.base.clock import Clock
from shillings.base.errors import Refusal
from shillings.storage.executor import Executor
from shillings.storage.purge import ROWS_MAX, purge

PAUSE_SECONDS = 60.0
"""Between purges that found little; one that found much is followed by the next at once."""

EXPIRY_PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


async def purge_all(identity: Executor, clock: Clock) -> int:
    """Purge until nothing is left to purge; return how many rows went. Raises Unavailable."""
    total = 0
    while gone := await identity.run(lambda connection: purge(connection, clock.now())):
        total += gone
    return total


async def run_purge(identity: Executor, clock: Clock) -> None:
    """Purge for ever; a database that is unavailable is tried again later."""
    while True:
        try:
            gone = await identity.run(lambda connection: purge(connection, clock.now()))
        except Refusal as refusal:
            log.warning("purge_failed", reason=refusal.message)
            gone = 0
        if gone < ROWS_MAX:
            await asyncio.sleep(PAUSE_SECONDS)


async def run_expiry(expire: Callable[[], Awaitable[int]]) -> None:
    """Move the money whose time is over, or has come, for ever. Until then it counts as whose it is all the same."""
    while True:
        try:
            await expire()
        except Refusal as refusal:
            log.warning("expiry_failed", reason=refusal.message)
        await asyncio.sleep(EXPIRY_PAUSE_SECONDS)
