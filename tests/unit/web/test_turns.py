"""Requests that arrive whole are answered without a task, in order, and never faster than their client reads."""

import asyncio
import re
from collections import Counter

import pytest

from shillings.contract import shillings_pb2 as wire
from tests.unit.web.asking import FakeApp
from tests.unit.web.serving import rest_of, serving

TOKEN = b"Authorization: Bearer a.b.c\r\n"
ACCOUNT = b"GET /v1/account HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"\r\n"
NOTHING = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Tasks(FakeApp):
    """Notes in which task it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[object] | None] = []

    def call(self, request: wire.Request, timeout_s: float) -> "asyncio.Future[wire.Response]":
        """Answer at once."""
        self.tasks.append(asyncio.current_task())
        return super().call(request, timeout_s)


class Later(FakeApp):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: asyncio.Queue[asyncio.Future[wire.Response]] = asyncio.Queue()

    def call(self, _request: wire.Request, _timeout_s: float) -> "asyncio.Future[wire.Response]":
        """Make whoever asks wait."""
        answer: asyncio.Future[wire.Response] = asyncio.get_running_loop().create_future()
        self.pending.put_nowait(answer)
        return answer


async def test_whole_request_has_no_task() -> None:
    """A request that arrives whole is passed on by whoever reads the connection."""
    app = Tasks()
    async with serving(app=app) as served:
        assert (await served.send(ACCOUNT + LAST)).count(b"HTTP/1.1 200 OK") == 2
        assert app.tasks == [None]


@pytest.mark.parametrize(
    "pieces", [(ACCOUNT[:30], ACCOUNT[30:] + LAST), (ACCOUNT[:-2], ACCOUNT[-2:] + LAST)], ids=["in the head", "end"]
)
async def test_head_in_pieces_has_no_task(pieces: tuple[bytes, ...]) -> None:
    """Nor has one whose head comes in pieces."""
    app = Tasks()
    async with serving(app=app) as served:
        reader, writer = await served.connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        assert (await rest_of(reader)).count(b"HTTP/1.1 200 OK") == 2
        assert app.tasks == [None]


async def test_answers_keep_the_order_of_the_requests() -> None:
    """What is answered at once waits for what was asked before it, however much of it there is."""
    app = Later()
    async with serving(app=app) as served:
        reader, writer = await served.connect()
        writer.write(ACCOUNT + NOTHING * 3_000 + ACCOUNT + LAST)
        (await app.pending.get()).set_result(wire.Response())
        (await app.pending.get()).set_result(wire.Response(code=wire.NOT_FOUND))
        statuses = re.findall(rb"HTTP/1.1 (\d+)", await rest_of(reader))
        assert statuses == [b"200", *[b"404"] * 3_001, b"200"]


async def test_what_one_client_sends_together_does_not_hold_the_loop() -> None:
    """Of many requests in one packet one is answered in a turn of the event loop."""
    turns = 0
    counted = Counter[int]()

    def count_turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count_turn)

    def observe(_path: str, _status: str, _seconds: float) -> None:
        counted[turns] += 1

    async with serving(observe=observe) as served:
        asyncio.get_running_loop().call_soon(count_turn)
        assert (await served.send(NOTHING * 50 + LAST)).count(b"HTTP/1.1 404") == 50
        assert max(counted.values()) <= 2


async def test_client_that_does_not_read_is_not_answered_further() -> None:
    """Answers that nobody takes are not made: the next request waits until there is room."""
    answered = 0

    def observe(_path: str, _status: str, _seconds: float) -> None:
        nonlocal answered
        answered += 1

    count = 300
    async with serving(observe=observe) as served:
        reader, writer = await served.connect()
        writer.write(DOCUMENT * count + LAST)
        before = -1
        while before != answered:
            before = answered
            await asyncio.sleep(0.2)
        assert answered < count
        assert (await rest_of(reader)).count(b"HTTP/1.1 200 OK") == count + 1
        assert answered == count + 1


async def test_client_that_leaves_before_its_answer_disturbs_nobody() -> None:
    """Its request is counted, and nothing is written to it."""
    counted = asyncio.Event()
    app = Later()
    async with serving(app=app, observe=lambda *_: counted.set()) as served:
        _, writer = await served.connect()
        writer.write(ACCOUNT)
        answer = await app.pending.get()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        answer.set_result(wire.Response())
        async with asyncio.timeout(5):
            await counted.wait()


async def test_nonsense_behind_a_request_in_one_packet() -> None:
    """A request whose body breaks off in nonsense is refused, and not begun."""
    app = Tasks()
    head = b"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app=app) as served:
        answer = await served.send(head + b"nonsense\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert app.tasks == []
