"""Everything a client may do has a bound, and whoever breaks one is answered or cut, and counted."""

import asyncio
import time

import pytest

from shillings.contract import shillings_pb2 as wire
from shillings.web.limits import (
    BODY_BYTES_MAX,
    HEADER_BYTES_MAX,
    LINGER_BYTES_MAX,
    TRAILER_BYTES_MAX,
    URL_BYTES_MAX,
    Limits,
)
from tests.unit.web.asking import FakeApp
from tests.unit.web.serving import Served, rest_of, serving

QUICK = Limits(head_seconds=0.15, body_seconds=0.15, keep_alive_seconds=0.15)
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/topup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer t\r\n"
BODY = b'{"amount":"1.00"}'
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
TOP_UP = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
FIRST_LINE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


def get(url_bytes: int) -> bytes:
    """A request whose URL has so many bytes."""
    return b"GET /" + b"x" * (url_bytes - 1) + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def header(size: int, name: bytes = b"X") -> bytes:
    """A header line of so many bytes."""
    return name + b": " + b"v" * (size - len(name) - 4) + b"\r\n"


def chunk(body: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(body), body)


def status_of(answer: bytes) -> int:
    """The number of the only answer; 0 for none."""
    assert answer.count(b"HTTP/1.1 ") == (1 if answer else 0), answer
    return int(answer[9:12] or 0)


BIG_HEADERS = b"".join(header(HEADER_BYTES_MAX, b"X%d" % number) for number in range(5))
TOO_LARGE: dict[str, tuple[tuple[bytes, ...], int, str]] = {
    "url": ((get(URL_BYTES_MAX + 1),), 414, "url"),
    "url without an end": ((b"GET /", *[b"x" * 30_000] * 3), 414, "url"),
    "one header": ((FIRST_LINE, header(HEADER_BYTES_MAX + 1), b"\r\n"), 431, "headers"),
    "one header without an end": ((FIRST_LINE + b"X: ", *[b"v" * 30_000] * 4), 431, "headers"),
    "one name without an end": ((FIRST_LINE, *[b"v" * 30_000] * 4), 431, "headers"),
    "all headers": ((FIRST_LINE, BIG_HEADERS, b"\r\n"), 431, "headers"),
    "all headers, in small pieces": (
        (
            FIRST_LINE + header(3_000, b"A") + header(3_000, b"B"),
            *[header(HEADER_BYTES_MAX, b"X%d" % number) for number in range(3)],
            header(2_000) + b"\r\n",
        ),
        431,
        "headers",
    ),
    "announced body": ((POST, b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)), 413, "body"),
    "enormous body": ((POST, b"Content-Length: 99999999999999999\r\n\r\n"), 413, "body"),
    "announced body of a path that takes none": (
        (b"GET /v1/account HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1),),
        413,
        "body",
    ),
    "chunked body": ((CHUNKED, chunk(b" " * BODY_BYTES_MAX), chunk(b" ")), 413, "body"),
    "chunked body in one piece": ((CHUNKED + chunk(b" " * (BODY_BYTES_MAX + 1)),), 413, "body"),
    "many small chunks": ((CHUNKED, *[chunk(b" " * 9) * 1000] * 8), 413, "body"),
    "trailers": ((CHUNKED, chunk(BODY), b"0\r\n", header(5000), header(5000), b"\r\n"), 431, "trailers"),
    "a trailer without an end": ((CHUNKED, chunk(BODY), b"0\r\nX: ", *[b"v" * 5000] * 4), 431, "trailers"),
    "an extension without an end": ((CHUNKED, b"5;", *[b"v" * 5000] * 4), 431, "trailers"),
}


@pytest.mark.parametrize(("sent", "status", "limit"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_too_large_is_refused(sent: tuple[bytes, ...], status: int, limit: str) -> None:
    """What is larger than its limit is answered, once, and counted; the application layer hears nothing of it."""
    async with serving() as served:
        answer = await send_slowly(served, sent)
        assert status_of(answer) == status, answer
        assert b"\r\nconnection: close\r\n" in answer
        assert served.broken == [limit]
        assert served.app.seen == []


async def send_slowly(served: Served, pieces: tuple[bytes, ...]) -> bytes:
    """Send pieces so that each one is read alone; return what comes back until the server closes."""
    reader, writer = await served.connect()
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        # The server runs on the same loop: it has read this before the next piece is written.
        for _ in range(20):
            await asyncio.sleep(0)
    writer.write_eof()
    return await rest_of(reader)


FITTING: dict[str, tuple[bytes, int]] = {
    "url": (get(URL_BYTES_MAX), 404),
    "one header": (FIRST_LINE + header(HEADER_BYTES_MAX) + b"\r\n", 200),
    "all headers": (
        FIRST_LINE + b"".join(header(HEADER_BYTES_MAX - 20, b"X%d" % number) for number in range(4)) + b"\r\n",
        200,
    ),
    "announced body": (
        POST + b"Content-Length: %d\r\n\r\n" % BODY_BYTES_MAX + BODY.ljust(BODY_BYTES_MAX),
        200,
    ),
    "chunked body": (CHUNKED + chunk(BODY.ljust(BODY_BYTES_MAX)) + b"0\r\n\r\n", 200),
    "trailers": (CHUNKED + chunk(BODY) + b"0\r\n" + header(TRAILER_BYTES_MAX) + b"\r\n", 200),
}


@pytest.mark.parametrize(("sent", "status"), FITTING.values(), ids=FITTING)
async def test_largest_is_taken(sent: bytes, status: int) -> None:
    """What is exactly as large as its limit is taken."""
    async with serving() as served:
        assert status_of(await send_slowly(served, (sent,))) == status
        assert served.broken == []


SLOW: dict[str, tuple[bytes, str]] = {
    "silent": (b"", "head_timeout"),
    "blank lines": (b"\r\n\r\n", "head_timeout"),
    "request line": (b"GET /hea", "head_timeout"),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nSlow", "head_timeout"),
    "body": (POST + b"Content-Length: 17\r\n\r\n{", "body_timeout"),
    "chunked body": (CHUNKED + b"1\r\n{\r\n1", "body_timeout"),
    "refused body": (b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", "body_timeout"),
}


@pytest.mark.parametrize(("sent", "limit"), SLOW.values(), ids=SLOW)
async def test_slow_client_is_cut(sent: bytes, limit: str) -> None:
    """A client that does not come to the end of its head or body in time is cut, counted, and nothing is done."""
    async with serving(QUICK) as served:
        began = time.monotonic()
        answer = await served.send(*([sent] if sent else []))
        assert status_of(answer) == (404 if b"/nothing" in sent else 0)
        assert 0.1 < time.monotonic() - began < 5
        assert served.broken == [limit]
        assert served.app.seen == []


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n", CHUNKED])
async def test_a_byte_now_and_then_does_not_help(sent: bytes) -> None:
    """The deadline is that of the whole head, or body, however steadily it trickles."""
    async with serving(QUICK) as served:
        reader, writer = await served.connect()
        writer.write(sent)
        trickle = asyncio.create_task(_trickle(writer, b"X: y\r\n" if sent != CHUNKED else chunk(b" ")))
        assert await rest_of(reader) == b""
        trickle.cancel()
        assert served.broken == ["body_timeout" if sent == CHUNKED else "head_timeout"]


async def _trickle(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await asyncio.sleep(0.05)


async def test_kept_connection_ends_without_a_word() -> None:
    """A connection without a next request is closed after the keep-alive time: that breaks no limit."""
    async with serving(QUICK) as served:
        assert status_of(await served.send(GET)) == 200
        assert served.broken == []


async def test_deadline_spares_a_pending_answer() -> None:
    """Whoever is slow with a second request still gets the answer to the first, and then the end."""
    app = SlowApp(0.4)
    async with serving(QUICK, app) as served:
        assert status_of(await served.send(TOP_UP, b"GET /slow")) == 200
        assert served.broken == ["head_timeout"]


async def test_slow_service_is_no_slow_client() -> None:
    """No deadline of the client's runs while the service works at its request."""
    app = SlowApp(0.4)
    async with serving(QUICK, app) as served:
        assert status_of(await served.send(TOP_UP)) == 200
        assert served.broken == []


class SlowApp(FakeApp):
    """An application layer that takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def call(self, request: wire.Request, timeout_s: float) -> "asyncio.Future[wire.Response]":
        """Answer later."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[wire.Response] = loop.create_future()
        loop.call_later(self._seconds, answer.set_result, wire.Response())
        return answer


async def test_one_connection_too_many() -> None:
    """Above the limit, the next connection is answered 503 at once; when one has gone, the next is taken."""
    async with serving(Limits(connections=3, connections_per_address=3)) as served:
        clients = [await served.connect() for _ in range(3)]
        answer = await served.send()
        assert status_of(answer) == 503
        assert b"\r\nretry-after: 1\r\n" in answer
        assert served.broken == ["connections"]
        clients[0][1].close()
        await clients[0][1].wait_closed()
        await asyncio.sleep(0.05)
        assert status_of(await served.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200


async def test_one_address_takes_half_of_the_connections() -> None:
    """One address cannot take all connections: the others' are still there."""
    async with serving(Limits(connections=6)) as served:
        for _ in range(3):
            await served.connect()
        assert status_of(await served.send()) == 503
        assert served.broken == ["connections_per_address"]
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert status_of(await served.send(closing, source="127.0.0.2")) == 200


async def test_refused_client_may_finish_its_sentence() -> None:
    """Whoever is refused in the middle of a large body can send on for a while, and then reads the answer."""
    async with serving() as served:
        megabyte = b" " * 1_000_000
        answer = await served.send(POST + b"Content-Length: 4000000\r\n\r\n", *[megabyte] * 4)
        assert status_of(answer) == 413


async def test_refused_client_cannot_send_for_ever() -> None:
    """What a refused client still sends is discarded up to a limit; then the connection is cut."""
    async with serving() as served:
        with pytest.raises(ConnectionError):
            await served.send(CHUNKED, *[chunk(b" " * 1_000_000)] * (2 * LINGER_BYTES_MAX // 1_000_000))


async def test_answer_in_the_middle_of_a_body_is_the_only_one() -> None:
    """What follows an answer that came before its request's end is never answered, whatever it is."""
    async with serving() as served:
        head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        for behind in (b"nonsense\r\n", *[chunk(b" " * 60_000)] * 2):
            reader, writer = await served.connect()
            writer.write(head)
            await reader.readuntil(b"}}")
            writer.write(behind)
            writer.write_eof()
            assert await rest_of(reader) == b""
