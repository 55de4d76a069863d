"""One client of a service, one request at a time, that knows what an answer is worth.

An answer is one of three things. Done: 200. Not done: 4xx, and 503, which may be asked again. Unknown: 500, 504, or a
connection that broke before the answer came; then only the same request with the same idempotency key tells.
"""

import asyncio
from typing import NamedTuple

import msgspec

from shillings.load.connection import Connection

ANSWER_SECONDS_MAX = 15.0
UNKNOWN = frozenset({500, 504})
TRY_AGAIN = frozenset({503})


class Reply(NamedTuple):
    """One HTTP answer."""

    http: int
    code: str
    body: dict[str, object]
    replayed: bool


class LoadClient:
    """One client. It opens its connection when it needs one, and again when it was lost.

    Args:
        port: where the service listens.
        host: on which machine.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = host, port
        self._connection: Connection | None = None
        self._waiting: asyncio.Future[Reply] | None = None

    async def ask(self, method: str, path: str, body: object = None, token: str = "", key: str = "") -> Reply:
        """Send one request, once.

        Raises:
            ConnectionRefusedError: there was no connection, so the request was not sent.
            ConnectionResetError: the connection broke before the answer came.
            TimeoutError: no answer came.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._address[0]}\r\nContent-Length: {len(content)}\r\n"
        if content:
            head += "Content-Type: application/json\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        return await self.send(head.encode() + b"\r\n" + content)

    async def send(self, request: bytes) -> Reply:
        """Send these bytes, once; see `ask`."""
        connection = await self._connected()
        self._waiting = asyncio.get_running_loop().create_future()
        connection.send(request, 0.0)
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await self._waiting

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def answered(self, _connection: Connection, status: int, answer: bytes, body_at: int) -> None:
        """See `connection.Client`."""
        if self._waiting is None or self._waiting.done():
            return
        body: dict[str, object] = msgspec.json.decode(answer[body_at:])
        said = body["status"]
        assert isinstance(said, dict)
        is_replay = b"\r\nidempotent-replayed: true" in answer[:body_at].lower()  # nginx writes names with capitals
        self._waiting.set_result(Reply(status, said["code"], body, is_replay))

    def broken(self, _connection: Connection) -> None:
        """See `connection.Client`."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.transport is None:
            loop = asyncio.get_running_loop()
            try:
                _, self._connection = await loop.create_connection(lambda: Connection(self), *self._address)
            except OSError as error:
                raise ConnectionRefusedError(str(error)) from None
        return self._connection
