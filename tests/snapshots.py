"""Audits while payments go on: snapshot after snapshot, each judged by itself."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

import sqlalchemy as sa

from shillings.audit.auditor import Auditor
from shillings.audit.findings import Finding
from shillings.audit.totals import wrong_totals

SNAPSHOT_PAUSE_SECONDS = 0.02


def sums(auditor: Auditor) -> list[Finding]:
    """What is wrong with the sums of one snapshot."""
    return wrong_totals(auditor.totals())


class Snapshots:
    """Takes consistent snapshots on a connection of its own until told to stop.

    Args:
        url: of the database.
        looks: each takes one snapshot, and says what is wrong with it.
        database_dies: whether it may lose its connection; then it connects again.
    """

    def __init__(
        self,
        url: str,
        looks: Sequence[Callable[[Auditor], list[Finding]]] = (sums,),
        *,
        database_dies: bool = False,
    ) -> None:
        self.taken = 0
        self.wrong: list[Finding] = []
        self._url = url
        self._looks = looks
        self._lost: tuple[type[Exception], ...] = (sa.exc.OperationalError,) if database_dies else ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _take(self) -> None:
        is_over = False
        while not is_over:
            with suppress(*self._lost), Auditor(self._url) as auditor:
                self._look_again_and_again(auditor)
            is_over = self._stop.wait(SNAPSHOT_PAUSE_SECONDS)

    def _look_again_and_again(self, auditor: Auditor) -> None:
        # The first at once: what is watched may not take long.
        is_over = False
        while not is_over:
            for look in self._looks:
                self.wrong += look(auditor)
            self.taken += 1
            is_over = self._stop.wait(SNAPSHOT_PAUSE_SECONDS)
