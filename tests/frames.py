"""A peer of the application layer that speaks the wire protocol, or something else, byte by byte."""

import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

from google.protobuf.message import Message

from shillings.contract import shillings_pb2 as wire

ANSWER_SECONDS_MAX = 10.0
TIMEOUT_MS = 5_000


class Peer:
    """One connection to an application server.

    Args:
        port: where it listens, at 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX)
        self._last_id = 0

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send_bytes(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self._socket.sendall(data)

    def send_until_cut(self, data: bytes) -> None:
        """Send these bytes, or as many of them as are taken before the connection is closed."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def fill(self, data: bytes, seconds: float) -> int:
        """Send for as long as anything is taken within so many seconds; return how many bytes were."""
        self._socket.settimeout(seconds)
        sent = 0
        try:
            while sent < len(data):
                sent += self._socket.send(data[sent : sent + 65_536])
        except TimeoutError:
            pass
        self._socket.settimeout(ANSWER_SECONDS_MAX)
        return sent

    def receive(self) -> wire.Response:
        """The next response, in whatever order they come. Raises ConnectionError when there is none any more."""
        (length,) = struct.unpack(">I", self._exactly(4))
        return wire.Response.FromString(self._exactly(length))

    def ask(self, command: int, data: Message | bytes = b"", **fields: str | int) -> wire.Response:
        """Send a request and return its response."""
        request = self.request(command, data, **fields)
        self.send_bytes(framed(request.SerializeToString()))
        response = self.receive()
        assert response.id == request.id
        return response

    def request(self, command: int, data: Message | bytes = b"", **fields: str | int) -> wire.Request:
        """A request with an id of its own."""
        self._last_id += 1
        content = data if isinstance(data, bytes) else data.SerializeToString()
        values: dict[str, str | int] = {"id": self._last_id, "timeout_ms": TIMEOUT_MS, **fields}
        return wire.Request(command=command, data=content, **values)  # type: ignore[arg-type]

    def is_cut_off(self, seconds: float = ANSWER_SECONDS_MAX) -> bool:
        """Whether the server closes the connection within so many seconds, having said nothing."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            chunk = self._socket.recv(length - len(found))
            if not chunk:
                raise ConnectionError("the server closed the connection")
            found += chunk
        return found


def framed(payload: bytes) -> bytes:
    """A payload with its length in front."""
    return struct.pack(">I", len(payload)) + payload
