"""Starts servers again that died, as a container's restart policy does."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.local.server import Server

_POLL_SECONDS = 0.05
_DELAY_SECONDS_MIN = 0.1
_DELAY_SECONDS_MAX = 2.0
# A server that has run for this long before it died is started again without delay.
_STEADY_SECONDS = 5.0


@dataclass
class _Watch:
    """What is known of one server: how long to wait before the next start, and when the last was."""

    delay_seconds: float = _DELAY_SECONDS_MIN
    launched_at: float = 0.0
    found_dead_at: float | None = None


class Supervisor:
    """A thread that relaunches servers which died although they are wanted.

    One that keeps dying is given more time between starts, up to two seconds.

    Args:
        servers: whom to watch.
        announce: told, in words, of each server that is started again.
    """

    def __init__(self, servers: Iterable[Server], announce: Callable[[str], None] = lambda _sentence: None) -> None:
        self._watches = {server: _Watch() for server in servers}
        for server in self._watches:
            server.is_supervised = True
        self._announce = announce
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no longer. The servers stay as they are."""
        self._stopping.set()
        for server in self._watches:
            server.is_supervised = False
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            for server, watch in self._watches.items():
                if not server.wanted or server.alive:
                    watch.found_dead_at = None
                elif self._has_rested(server, watch):
                    self._revive(server, watch)

    @staticmethod
    def _has_rested(server: Server, watch: _Watch) -> bool:
        now = time.monotonic()
        watch.found_dead_at = watch.found_dead_at or now
        return now - watch.found_dead_at >= server.rest_seconds

    def _revive(self, server: Server, watch: _Watch) -> None:
        now = time.monotonic()
        if now - watch.launched_at > _STEADY_SECONDS:
            watch.delay_seconds = _DELAY_SECONDS_MIN
        elif now - watch.launched_at < watch.delay_seconds:
            return
        else:
            watch.delay_seconds = min(2 * watch.delay_seconds, _DELAY_SECONDS_MAX)
        watch.launched_at = now
        try:
            if server.relaunch_if_dead():
                self._announce(f"{server.name} had died and was started again")
        except OSError as error:
            # No memory, no disk, no process: it may work the next time.
            self._announce(f"{server.name} had died and could not be started: {error}")
