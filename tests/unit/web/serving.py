"""A web server in the test's own process, as it is served: uvloop, real sockets, the real parser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from uvicorn.server import ServerState

from shillings.web.limits import Limits
from shillings.web.protocol import HttpConfig, HttpProtocol
from shillings.web.site import Observe
from tests.unit.web.asking import FakeApp, web_of

SECONDS_MAX = 10.0


class Served(NamedTuple):
    """A running server.

    Args:
        port: where it listens, on every address of loopback.
        app: the application layer, which notes what gets through.
        broken: the limits that were broken, in order.
        writers: its clients' ends, which are closed with it.
    """

    port: int
    app: FakeApp
    broken: list[str]
    writers: list[asyncio.StreamWriter]

    async def send(self, *pieces: bytes, source: str = "127.0.0.1") -> bytes:
        """Send these, one after the other; return all that comes back until the server closes."""
        reader, writer = await self.connect(source)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return await rest_of(reader)

    async def connect(self, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from one of loopback's addresses."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.writers.append(writer)
        return reader, writer


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side closes."""
    async with asyncio.timeout(SECONDS_MAX):
        return await reader.read()


@asynccontextmanager
async def serving(
    limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
    app: FakeApp | None = None,
    observe: Observe = lambda _path, _status, _seconds: None,
) -> AsyncIterator[Served]:
    """A server with these limits."""
    app = app or FakeApp()
    broken: list[str] = []
    config = HttpConfig(web_of(app, observe=observe), lifespan="off", limits=limits, count=broken.append)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpProtocol(config, state, {}), "127.0.0.1", 0)
    served = Served(server.sockets[0].getsockname()[1], app, broken, [])
    try:
        yield served
    finally:
        server.close()
        for writer in served.writers:
            writer.close()
        for connection in list(state.connections):
            connection.transport.close()
