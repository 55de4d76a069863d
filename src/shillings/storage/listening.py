"""Whether anybody listens to a batch's events, asked under its locks, and as cheaply as the answer allows."""

import time
from collections.abc import Collection

from shillings.ledger.events import Audience
from shillings.ledger.rows import AccountId
from shillings.storage.engines import Rows
from shillings.storage.event_writes import ANYBODY, audience_of, select_audience
from shillings.storage.executor import Connection

DEAF_BATCHES_MAX = 50
"""After so many batches to which nobody listened it is asked first whether there is anybody at all."""

FRESH_SECONDS = 0.2
"""How long it is good that nobody listens. Who makes an endpoint is answered when that time is over, so every server
hears of what happens from the answer on."""


class Listening:
    """What a process knows of who listens.

    Args:
        everybody: whether events are written for every user, whether or not an endpoint wants them.
    """

    def __init__(self, *, everybody: bool = False) -> None:
        self._everybody = everybody
        self._deaf_batches = 0
        self._asked_at = float("-inf")
        self._asked_for_anybody = False

    @property
    def is_nobody(self) -> bool:
        """Whether it is good without asking that nobody listens."""
        return self._is_deaf and time.monotonic() - self._asked_at < FRESH_SECONDS

    @property
    def _is_deaf(self) -> bool:
        return not self._everybody and self._deaf_batches >= DEAF_BATCHES_MAX

    def statement(self, account_ids: Collection[AccountId]) -> str:
        """What to ask, behind the locks. While nobody listens to anything, that is little, or nothing at all."""
        self._asked_for_anybody = self._is_deaf
        if not self._asked_for_anybody:
            return select_audience(account_ids)
        now = time.monotonic()
        if now - self._asked_at < FRESH_SECONDS:
            return ""
        # Noted before it is asked: what is made after this moment is heard at the next one.
        self._asked_at = now
        return ANYBODY

    def audience(self, connection: Connection, account_ids: Collection[AccountId], found: Rows) -> Audience | None:
        """Who listens, as far as was asked; None where nobody does. It may ask once more, behind the same locks."""
        if self._asked_for_anybody:
            if not found:
                return None
            self._deaf_batches = 0
            [found] = connection.query(select_audience(account_ids))
        audience = audience_of(found, everybody=self._everybody)
        if audience.listeners or self._everybody:
            self._deaf_batches = 0
            return audience
        self._deaf_batches += 1
        return None

    def hear(self) -> None:
        """Somebody may listen from now on: ask at once. It may be called on any thread."""
        self._asked_at = float("-inf")
        self._deaf_batches = 0
