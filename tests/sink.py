"""An endpoint for webhooks as tests need it: it keeps what it got, and answers, or misbehaves, as it is told."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from deploy.local.waiting import wait_until
from shillings.testing.ports import free_port


@dataclass(frozen=True)
class Received:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers.get("webhook-id", "")

    @property
    def event(self) -> dict[str, Any]:
        """The body's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Reply:
    """What is answered. A body of several parts is sent part by part, without a length, until it ends or nobody reads.

    Args:
        status, headers, body: the answer.
        cut: close the connection with a reset instead.
        hang: say nothing until the sink is closed.
        raw: these bytes instead of an answer.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b"{}"
    cut: bool = False
    hang: bool = False
    raw: bytes = b""


OK = Reply()
Answer = Callable[[Received], Reply]


class Sink:
    """A listening endpoint. `received` is what came, in order of arrival.

    Args:
        answer: decides what is answered; 200 by default.
        host: where to listen.
        port: which port; a free one by default.
    """

    def __init__(self, answer: Answer = lambda _received: OK, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.host = host
        self.port = port or free_port()
        self.closing = threading.Event()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        """The ids of the events that came, in order of arrival."""
        return [one.id for one in self.received]

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Received]:
        """Return what came when it is at least so many."""
        wait_until(lambda: len(self.received) >= count, seconds=seconds, what=f"{count} deliveries at the sink")
        return list(self.received)

    def open(self) -> None:
        """Listen."""
        self.closing.clear()
        self._server = _Server((self.host, self.port), self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Stop as if killed: whoever is connected is cut off."""
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.cut_all()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sink: Sink) -> None:
        self.sink = sink
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        """Reset every connection."""
        for one in list(self._open):
            _reset(one)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not an error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if len(body) < int(self.headers.get("Content-Length") or 0):
            return  # It was cut off, so it is no delivery.
        self.server.sink.received.append(received)
        self._act(self.server.sink.answer(received))

    def _act(self, reply: Reply) -> None:
        if reply.hang:
            self.server.sink.closing.wait()
        if reply.cut or reply.hang:
            self.close_connection = True
            _reset(self.connection)
        elif reply.raw:
            self.close_connection = True
            self.wfile.write(reply.raw)
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        self.close_connection = True
        self.end_headers()
        for part in reply.body:
            self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def _reset(connection: socket.socket) -> None:
    """Close a connection with a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        pass
