"""What the application layer does when nobody asks: remove what has outlived its use."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from shillings.errors import Refusal
from shillings.storage.lanes import Lane
from shillings.storage.purge import ROWS_MAX, purge

PAUSE_SECONDS = 60.0
"""Between purges that found little; one that found much is followed by the next at once."""

log = structlog.get_logger(__name__)


async def keep_house(identity: Lane, clock: Callable[[], datetime]) -> None:
    """Purge for ever; a database that is away is tried again later."""
    while True:
        try:
            gone = await identity.run(lambda session: purge(session, clock()))
        except Refusal as refusal:
            log.warning("purge_failed", reason=refusal.message)
            gone = 0
        if gone < ROWS_MAX:
            await asyncio.sleep(PAUSE_SECONDS)
