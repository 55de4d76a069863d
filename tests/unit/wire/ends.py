"""The two ends of a connection as tests need them: an application layer that answers when told to, and raw sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from shillings.contract.shillings_pb2 import Request, Response
from shillings.wire.address import Address
from shillings.wire.client import AppClient
from shillings.wire.framing import FrameReader, frame
from shillings.wire.server import AppServer, Respond
from shillings.wire.stream import FrameStream

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
async def listening(app: App | Respond, address: Address) -> AsyncIterator[AppServer]:
    """A server; drained in the end."""
    server = AppServer(app)
    await server.listen(address)
    try:
        yield server
    finally:
        if isinstance(app, App):
            app.let_all()
        await server.drain(1.0)


@asynccontextmanager
async def client_of(*addresses: Address) -> AsyncIterator[AppClient]:
    """A client that has been started and not waited for."""
    async with AppClient(list(addresses)) as client:
        yield client


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


class Wire(asyncio.Transport):
    """A transport without a socket: it keeps what is written to it, write by write, and what else was done to it."""

    def __init__(self) -> None:
        with socket.socket(socket.AF_UNIX) as closed:
            super().__init__({"socket": closed})
        self.written: list[bytes] = []
        self.done: list[str] = []
        self.unread_bytes_max: int | None = None

    @property
    def responses(self) -> list[Response]:
        """The responses that were written."""
        return [Response.FromString(payload) for payload in FrameReader().feed(b"".join(self.written))]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep one write."""
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the limit."""
        self.unread_bytes_max = high

    def pause_reading(self) -> None:
        """Note it."""
        self.done.append("pause")

    def resume_reading(self) -> None:
        """Note it."""
        self.done.append("resume")

    def close(self) -> None:
        """Note it."""
        self.done.append("close")

    def abort(self) -> None:
        """Note it."""
        self.done.append("abort")

    def is_closing(self) -> bool:
        """Whether it was closed, either way."""
        return "close" in self.done or "abort" in self.done


class Timers:
    """The event loop of one connection, whose timers run out when a test says so."""

    def __init__(self, connection: FrameStream) -> None:
        self._loop = connection._loop
        self._timers: list[tuple[float, asyncio.Handle]] = []
        connection._loop = cast(asyncio.AbstractEventLoop, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, seconds: float, callback: Callable[..., object], *arguments: object) -> asyncio.Handle:
        """Keep a timer."""
        timer = asyncio.Handle(callback, arguments, self._loop)
        self._timers.append((seconds, timer))
        return timer

    @property
    def running(self) -> list[float]:
        """The seconds of the timers that were not cancelled."""
        return [seconds for seconds, timer in self._timers if not timer.cancelled()]

    def run_out(self) -> None:
        """Let all of them run out."""
        timers, self._timers = self._timers, []
        for _, timer in timers:
            if not timer.cancelled():
                timer._run()
