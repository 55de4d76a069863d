"""A TCP proxy that a test puts between two processes, to break the connection exactly where it wants.

    client ──▶ proxy ──▶ server

It passes bytes on unchanged until it is told to do otherwise. An event loop in a thread of its own does the work; all
state belongs to that thread, and the methods a test calls are carried out there, one after the other.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from deploy.local.waiting import wait_until

Result = TypeVar("Result")

_CHUNK_BYTES = 65_536
# How much of what was sent is remembered, as a pattern may arrive in pieces.
_PATTERN_BYTES_MAX = 256
# With no time to linger, closing sends RST, as a peer that crashed does.
_RESET = struct.pack("ii", 1, 0)


class _Connection:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.pumps: list[asyncio.Task[None]] = []
        self.recent = b""
        self.lose_answer = False

    def reset(self) -> None:
        """End it on both sides with RST; what was not passed on yet is lost."""
        for end in (self.client, self.server):
            sock: socket.socket = end.get_extra_info("socket")
            with contextlib.suppress(OSError):  # It may be gone already.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()


class Proxy:
    """Forwards connections from a free loopback port to `host:port`, and breaks them on command.

    `port` is where it listens; it stays the same through `refuse` and `restore`. `cuts` is the number of
    connections it has reset.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port = 0
        self.cuts = 0
        self._target = (host, port)
        self._open: set[_Connection] = set()
        self._cut_before: bytes | None = None
        self._lose_answer_to: bytes | None = None
        self._listener: socket.socket | None = None
        # Kept, as the loop itself remembers its tasks only weakly.
        self._serving: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.restore()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def wait_for_cuts(self, count: int, seconds: float = 10.0) -> None:
        """Return when at least `count` connections were cut so far. Raises TimeoutError."""
        wait_until(lambda: self.cuts >= count, seconds=seconds, what=f"{count} cuts")

    def cut(self) -> int:
        """Reset every open connection, on both sides, and return how many. New ones are served as before."""
        return self._do(self._cut_all)

    def cut_before(self, pattern: bytes) -> None:
        """Reset the next connection on which the client sends `pattern`, which never reaches the server."""
        assert 0 < len(pattern) <= _PATTERN_BYTES_MAX

        def rule() -> None:
            self._cut_before = pattern

        self._do(rule)

    def lose_answer_to(self, pattern: bytes) -> None:
        r"""Pass on the next `pattern` a client sends, then reset that connection in place of the answer.

        The server has done what it was asked; the client cannot know. (MySQL's COMMIT is `b"\x03COMMIT"`: without the
        byte before it, the `SET AUTOCOMMIT` of every new connection would be meant as well.)
        """
        assert 0 < len(pattern) <= _PATTERN_BYTES_MAX

        def rule() -> None:
            self._lose_answer_to = pattern

        self._do(rule)

    def forward_to(self, port: int) -> None:
        """Send new connections to another server on the same host, as a load balancer does. Open ones go on."""
        self._target = (self._target[0], port)

    def hold(self) -> None:
        """Pass nothing on, in either direction, until `restore`: the network hangs."""
        self._do(self._flowing.clear)

    def refuse(self) -> None:
        """Refuse new connections. Open ones go on."""
        self._do(self._stop_listening)

    def restore(self) -> None:
        """Forget every rule: what was held goes on, and new connections are accepted again."""

        def forget() -> None:
            self._cut_before = self._lose_answer_to = None
            self._flowing.set()

        self._do(forget)
        self._do(self._listen)

    def close(self) -> None:
        """Reset everything and stop."""
        self.refuse()
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, action: Callable[[], Result]) -> Result:
        """Carry an action out in the loop's thread and return what it returned."""

        async def run() -> Result:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
            self._listener.setblocking(False)
            self.port = self._listener.getsockname()[1]
            self._loop.add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        task = self._loop.create_task(self._serve(client))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _finish(self) -> None:
        """Reset what is open, and wait until all sockets are closed."""
        self._is_closing = True
        self._cut_all()
        await asyncio.gather(*self._serving)

    async def _serve(self, accepted: socket.socket) -> None:
        from_client, client = await asyncio.open_connection(sock=accepted)
        try:
            from_server, server = await asyncio.open_connection(*self._target)
        except OSError:
            client.transport.abort()
            await _closed(client)
            return
        connection = _Connection(client, server)
        self._open.add(connection)
        if self._is_closing:
            self._cut(connection)
        try:
            async with asyncio.TaskGroup() as group:
                connection.pumps = [
                    group.create_task(self._pump(connection, from_client, server, self._must_cut_request)),
                    group.create_task(self._pump(connection, from_server, client, self._must_cut_answer)),
                ]
        except* OSError:
            connection.reset()  # One end broke, as it may; so does the other.
        client.close()
        server.close()
        await _closed(client)
        await _closed(server)
        self._open.discard(connection)

    async def _pump(
        self,
        connection: _Connection,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        must_cut: Callable[[_Connection, bytes], bool],
    ) -> None:
        """Pass on what one end sends, until it closes or the connection is cut."""
        while chunk := await source.read(_CHUNK_BYTES):
            await self._flowing.wait()
            if must_cut(connection, chunk):
                self._cut(connection)
                return
            target.write(chunk)
            await target.drain()
        if not target.is_closing():
            target.write_eof()

    def _must_cut_request(self, connection: _Connection, chunk: bytes) -> bool:
        """Look for the patterns. One that was found is used up, so that a client that comes back is served."""
        recent = connection.recent
        connection.recent = (recent + chunk)[-_PATTERN_BYTES_MAX:]
        if self._lose_answer_to is not None and _completes(self._lose_answer_to, recent, chunk):
            self._lose_answer_to = None
            connection.lose_answer = True
        if self._cut_before is not None and _completes(self._cut_before, recent, chunk):
            self._cut_before = None
            return True
        return False

    def _must_cut_answer(self, connection: _Connection, _chunk: bytes) -> bool:
        return connection.lose_answer

    def _cut(self, connection: _Connection) -> None:
        connection.reset()
        for pump in connection.pumps:
            pump.cancel()  # What is held now is not passed on later.
        self._open.discard(connection)
        self.cuts += 1

    def _cut_all(self) -> int:
        connections = list(self._open)
        for connection in connections:
            self._cut(connection)
        return len(connections)


def _completes(pattern: bytes, recent: bytes, chunk: bytes) -> bool:
    """Whether the pattern ends in this chunk; one that was there before the chunk came does not count."""
    tail = recent[-(len(pattern) - 1) :] if len(pattern) > 1 else b""
    return pattern in tail + chunk


async def _closed(end: asyncio.StreamWriter) -> None:
    """Return when the socket is closed, whichever way that came about."""
    with contextlib.suppress(OSError):
        await end.wait_closed()
