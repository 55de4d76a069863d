"""The two ends of a connection as tests need them: an application layer that answers when told to, and raw sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from shillings.wire.address import Address
from shillings.wire.client import AppClient
from shillings.wire.framing import FrameReader, frame
from shillings.wire.server import AppServer
from shillings.wire.shillings_pb2 import Request, Response

FOREVER = 60.0


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return as soon as the condition is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition will do, and few have an event
            await asyncio.sleep(0.001)


class App:
    """Answers each request with its own data, once told to. `seen` is every request's data, in order of arrival."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.cancelled: list[bytes] = []
        self._gates: dict[bytes, asyncio.Event] = {}
        self._all = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        """Carry one request out."""
        self.seen.append(request.data)
        gate = self._gates.setdefault(request.data, asyncio.Event())
        try:
            if not self._all.is_set():
                await gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.data)
            raise
        return Response(data=request.data)

    def let(self, data: bytes) -> None:
        """Answer the request with this data."""
        self._gates[data].set()

    def hold(self) -> None:
        """From now on answer only what is told."""
        self._all.clear()
        self._gates.clear()

    def let_all(self) -> None:
        """Answer every request, now and from now on."""
        self._all.set()
        for gate in self._gates.values():
            gate.set()


def address_in(folder: Path, name: str = "app") -> Address:
    """A Unix socket's address."""
    return Address(path=str(folder / f"{name}.sock"))


@asynccontextmanager
async def listening(app: App, address: Address) -> AsyncIterator[AppServer]:
    """A server; drained in the end."""
    server = AppServer(app)
    await server.listen(address)
    try:
        yield server
    finally:
        app.let_all()
        await server.drain(1.0)


@asynccontextmanager
async def client_of(*addresses: Address) -> AsyncIterator[AppClient]:
    """A client that has been started and not waited for."""
    client = AppClient(list(addresses))
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def connected(client: AppClient, count: int = 1) -> None:
    """Return when so many of the client's connections may be used."""
    await until(lambda: sum(connection.usable for connection in client._connections) == count)


def request(data: bytes, identifier: int = 0) -> Request:
    """A request that carries data."""
    return Request(id=identifier, data=data)


class RawPeer:
    """A connection on which any bytes can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()

    @classmethod
    @asynccontextmanager
    async def connect(cls, address: Address) -> AsyncIterator["RawPeer"]:
        """Connect to a server."""
        peer = cls(*await asyncio.open_unix_connection(address.path))
        try:
            yield peer
        finally:
            peer._writer.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    def ask(self, *requests: Request) -> None:
        """Send requests in one write."""
        self.send(b"".join(frame(one.SerializeToString()) for one in requests))

    async def responses(self, count: int) -> list[Response]:
        """The next responses."""
        found: list[Response] = []
        while len(found) < count:
            data = await self._reader.read(65_536)
            assert data, f"closed after {len(found)} of {count} responses"
            found += [Response.FromString(payload) for payload in self._frames.feed(data)]
        return found

    async def closed(self, seconds: float = 5.0) -> None:
        """Return when the other end has closed the connection. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            try:
                while await self._reader.read(65_536):
                    pass
            except ConnectionError:
                pass
