"""What the sandbox was told, applied where it is asked for: each value once, and never an older one after a newer."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from shillings.app.sandbox.store import SandboxStore
from shillings.storage.executor import Executor
from shillings.storage.sandbox_state import State


class Readers:
    """Stands in for an executor: whoever reads waits until a test says what was read."""

    def __init__(self) -> None:
        self.reads: list[asyncio.Future[dict[str, State]]] = []

    async def run(self, _work: Callable[..., Any]) -> dict[str, State]:
        """Read."""
        self.reads.append(asyncio.get_running_loop().create_future())
        return await self.reads[-1]


async def test_older_value_never_follows_a_newer_one() -> None:
    """Of two reads under way at once, the one that comes back last changes nothing if what it has read is older."""
    readers, applied = Readers(), list[str]()
    store = SandboxStore(cast(Executor, readers), shared=False)
    store.subscribe("clock", applied.append)
    slow, quick = asyncio.ensure_future(store.refresh()), asyncio.ensure_future(store.refresh())
    await asyncio.sleep(0)
    readers.reads[1].set_result({"clock": State(2, "newer")})
    await quick
    readers.reads[0].set_result({"clock": State(1, "older")})
    await slow

    assert applied == ["newer"]
