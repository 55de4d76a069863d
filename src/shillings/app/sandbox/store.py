"""What the sandbox was told, in force on every application server.

It is kept in the database. Where servers share one, each asks every POLL_SECONDS whether something has changed, and
whoever changes something waits EVERYWHERE_SECONDS before it says so: by then every server that works has it.
"""

import asyncio
from collections.abc import Callable

import structlog

from shillings.base.errors import Refusal
from shillings.storage.executor import Connection, Executor
from shillings.storage.sandbox_state import State, read_state, read_versions, write_state

POLL_SECONDS = 0.1
EVERYWHERE_SECONDS = 0.3

Apply = Callable[[str], None]
"""Takes a value, as JSON; what it was before does not matter."""

log = structlog.get_logger(__name__)


class SandboxStore:
    """Keeps what the sandbox was told.

    Args:
        executor: where it is read and written.
        shared: whether other servers use the same database.
    """

    def __init__(self, executor: Executor, *, shared: bool) -> None:
        self._executor = executor
        self._shared = shared
        self._applies: dict[str, Apply] = {}
        self._versions: dict[str, int] = {}

    def subscribe(self, name: str, apply: Apply) -> None:
        """Have a value applied here whenever it was told, here or elsewhere."""
        self._applies[name] = apply

    async def tell(self, name: str, value: str) -> None:
        """Keep a value, and return when it is in force everywhere. Raises Unavailable."""
        await self._executor.run(lambda connection: _write(connection, name, value))
        await self.refresh()
        await self.everywhere()

    async def everywhere(self) -> None:
        """Return when every server that works has what was written before."""
        if self._shared:
            await asyncio.sleep(EVERYWHERE_SECONDS)

    async def refresh(self) -> None:
        """Apply what has changed since it was last read. Raises Unavailable."""
        for name, state in (await self._executor.run(self._changed)).items():
            # Two refreshes may be under way: an older value must not follow a newer one.
            if state.version > self._versions.get(name, 0):
                self._versions[name] = state.version
                self._applies[name](state.value)

    async def follow(self) -> None:
        """Ask for changes for ever, where other servers may make some."""
        while self._shared:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.refresh()
            except Refusal as refusal:
                log.warning("sandbox_state_unread", reason=refusal.message)

    def _changed(self, connection: Connection) -> dict[str, State]:
        found = {}
        for name, version in read_versions(connection).items():
            if name in self._applies and version > self._versions.get(name, 0):
                state = read_state(connection, name)
                if state is not None:
                    found[name] = state
        return found


def _write(connection: Connection, name: str, value: str) -> None:
    with connection.transaction():
        write_state(connection, name, value)
