"""No single request holds the event loop for long, however its texts were chosen."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from shillings.contract import shillings_pb2 as wire
from shillings.runtime.settings import Settings
from shillings.runtime.stack import AppStack, migrate_database
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import PassOn
from shillings.wire.framing import FRAME_BYTES_MAX

LOOP_SECONDS_MAX = 0.05
ENVELOPE_BYTES = 200

NASTY = {
    "marks in the wrong order": ("a", "\u0344\u0316"),
    "marks by the run": ("a", "\u0301"),
    "letters with eighteen forms": ("", "\ufdfa"),
    "Hangul": ("", "\u1100\u1161"),
    "Greek that decomposes four times": ("", "\u1f82"),
    "white space": ("", " "),
    "at signs": ("", "@"),
    "dots": ("a@", ".a"),
    "digits": ("", "9"),
    "letters": ("", "a"),
    "NUL": ("", "\0"),
}

MESSAGES: dict[int, Message] = {
    wire.LGN: wire.LoginRequest(email="ann@example.com", password="correct horse"),
    wire.SGN: wire.SignupRequest(
        first_name="Ann", last_name="Lee", email="ann@example.com", password="correct horse", phone="", middle_name=""
    ),
    wire.PAY: wire.PayRequest(receiver_email="bob@example.com", amount_minor=1),
    wire.TPU: wire.TopupRequest(amount_minor=1),
    wire.TXQ: wire.HistoryRequest(limit=10, cursor=""),
}


def _texts(message: Message) -> list[str]:
    return [f.name for f in message.DESCRIPTOR.fields if f.type == FieldDescriptor.TYPE_STRING]


CASES = [
    (command, field)
    for command, message in MESSAGES.items()
    for field in [*_texts(message), "token", "idempotency_key", "request_id", "trace"]
]


def _nasty(name: str, bytes_max: int) -> str:
    """As much of one kind of nasty text as fits. Runs of two marks are apart, which is when sorting them is slow."""
    start, unit = NASTY[name]
    count = (bytes_max - len(start.encode())) // len(unit.encode())
    return start + "".join(character * count for character in unit)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AppStack]:
    """A whole application layer, without its sockets."""
    settings = Settings(data_dir=str(tmp_path), password_threads=1)
    migrate_database(settings)
    made = AppStack(settings, Metrics(), PassOn())
    yield made
    asyncio.run(made.close())


@pytest.mark.parametrize("name", NASTY)
def test_no_frame_holds_the_event_loop(stack: AppStack, name: str) -> None:
    """Whatever a text holds, in whatever field, up to the frame's limit: the loop is held for 50 ms at most."""

    async def answer(request: wire.Request) -> tuple[wire.Response, float]:
        began = time.thread_time()
        response = await stack.dispatch.respond(request)
        return response, time.thread_time() - began

    async def slowest() -> tuple[float, str]:
        token = await _sign_in(stack)
        took = []
        for command, field in CASES:
            request = wire.Request(command=command, token=token, timeout_ms=5000, request_id="x")  # type: ignore[arg-type]
            message = type(MESSAGES[command])()
            message.CopyFrom(MESSAGES[command])
            target = message if field in _texts(message) else request
            setattr(target, field, _nasty(name, FRAME_BYTES_MAX - ENVELOPE_BYTES - 1024))
            request.data = message.SerializeToString()
            response, seconds = await answer(request)
            assert response.code != wire.INTERNAL, (command, field, response)
            took.append((seconds, f"{command} {field}"))
        return max(took)

    seconds, where = asyncio.run(slowest())
    assert seconds <= LOOP_SECONDS_MAX, f"{where} took {seconds * 1000:.0f} ms"


async def _sign_in(stack: AppStack) -> str:
    user = wire.SignupRequest(first_name="A", last_name="B", email="eve@example.com", password="correct horse")
    signup = wire.Request(command=wire.SGN, data=user.SerializeToString(), timeout_ms=5000)
    assert (await stack.dispatch.respond(signup)).code == wire.OK
    login = wire.LoginRequest(email="eve@example.com", password="correct horse")
    answer = await stack.dispatch.respond(
        wire.Request(command=wire.LGN, data=login.SerializeToString(), timeout_ms=5000)
    )
    return wire.LoginAnswer.FromString(answer.data).token
