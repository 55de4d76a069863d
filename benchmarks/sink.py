"""What listens to webhooks in a benchmark: it answers at once, or never, and counts.

A raw protocol, so that it costs the machine little of what is being measured. `POST /hang…` is never answered; every
other POST is answered 204. `GET /` says how many came since the last GET, and how long after they happened.
"""

import asyncio
import sys
import time
from datetime import datetime

import httptools
import msgspec
import uvloop

_TIMESTAMP = b'"timestamp":"'
_OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Told(msgspec.Struct):
    """What came.

    Args:
        count: how many deliveries were answered.
        hanging: how many were not.
        events: how many different events those were.
        late_us: how many deliveries came so many microseconds after what they tell happened.
    """

    count: int = 0
    hanging: int = 0
    events: int = 0
    late_us: dict[int, int] = {}


class Sink:
    """Everything that came since it was last asked."""

    def __init__(self) -> None:
        self.told = Told()
        self.ids: set[bytes] = set()

    def ask(self) -> bytes:
        """What came, as JSON; and the count begins again."""
        self.told.events = len(self.ids)
        told, self.told, self.ids = msgspec.json.encode(self.told), Told(), set()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)


class Connection(asyncio.Protocol):
    """One connection; part of asyncio's and httptools' interfaces.

    Args:
        sink: whose.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._url = self._id = self._body = b""

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if name.lower() == b"webhook-id":
            self._id = value

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body += body

    def on_message_complete(self) -> None:
        """See httptools."""
        told = self._sink.told
        if self._parser.get_method() == b"GET":
            self._transport.write(self._sink.ask())
        elif self._url.startswith(b"/hang"):
            told.hanging += 1
        else:
            told.count += 1
            self._sink.ids.add(self._id)
            at = self._body.find(_TIMESTAMP) + len(_TIMESTAMP)
            happened = datetime.fromisoformat(self._body[at : self._body.find(b'"', at)].decode())
            late = int((time.time() - happened.timestamp()) * 1_000_000)
            told.late_us[late] = told.late_us.get(late, 0) + 1
            self._transport.write(_OK)


async def _serve(port: int) -> None:
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sink), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
