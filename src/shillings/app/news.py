"""Telling those who wait in this process that something has happened."""

import asyncio


class News:
    """Tells whoever waits that something has happened: in this process, on its event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wake everybody who waits."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for news, for so long at most. Returns whether there were any."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        done, _ = await asyncio.wait([future], timeout=seconds)
        self._waiting.discard(future)
        return bool(done)
