"""Audits while payments go on: snapshot after snapshot, each judged by itself."""

import threading
from typing import Self

from shillings.audit.auditor import Auditor
from shillings.audit.findings import Finding
from shillings.audit.totals import wrong_totals

SNAPSHOT_PAUSE_SECONDS = 0.02


class Snapshots:
    """Takes consistent snapshots on a connection of its own until told to stop."""

    def __init__(self, url: str) -> None:
        self.taken = 0
        self.wrong: list[Finding] = []
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _take(self) -> None:
        with Auditor(self._url) as auditor:
            while not self._stop.wait(SNAPSHOT_PAUSE_SECONDS):
                totals = auditor.totals()
                self.wrong += wrong_totals(totals)
                self.taken += 1
