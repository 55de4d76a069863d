"""No single request holds the event loop for long, however its fields were chosen."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from shillings.base.limits import COMMAND_BYTES_MAX
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import COMMANDS, Auth, Command
from shillings.runtime.settings import Settings
from shillings.runtime.stack import AppStack, migrate_database
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import NoTracing
from shillings.wire.framing import FRAME_BYTES_MAX

LOOP_SECONDS_MAX = 0.05
REFUSAL_BYTES_MAX = 2_000
ENVELOPE_BYTES = 2_000
SHORT_BYTES = 14
DELIVERER_KEY = "the deliverer's key, of 32 bytes."

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
    "digits above the line": ("", "\u00b2"),
    "letters": ("", "a"),
    "brackets": ("", "["),
    "a JSON object in another": ("", '{"a":'),
    "parameters": ("latency", ";a=1"),
    "a URL": ("http://", "a."),
    "NUL": ("", "\0"),
}

ORDINARY: dict[str, str | int | float | bytes] = {
    "email": "ann@example.com", "new_email": "ann@example.org", "sender_email": "ann@example.com",
    "receiver_email": "bob@example.com", "password": "correct horse", "new_password": "correct donkey",
    "first_name": "Ann", "last_name": "Lee", "amount_minor": 1, "limit": 10, "url": "https://example.com/hook",
    "fault": "latency", "probability": 1.0, "times": 1, "ttl_seconds": 60, "name": "before", "seconds": 1,
    "outcome": "delivered", "deliverer_id": bytes(16), "endpoint_id": bytes(16), "event_id": bytes(16),
}  # fmt: skip
"""What the fields hold that are not nasty, by name: so a command gets as far as the one that is."""

Answer = Callable[[wire.Request], Awaitable[tuple[wire.Response, float]]]


class Place(NamedTuple):
    """Where something is put: a field of a command's message, or of a message in it."""

    command: Command
    path: tuple[str, ...]
    field: FieldDescriptor

    def __str__(self) -> str:
        return f"{self.command.name} {'.'.join([*self.path, self.field.name])}"

    def filled(self, fill: Callable[[Message, FieldDescriptor], None]) -> bytes:
        """An ordinary message, but for this field."""
        whole = self.command.request()
        for field in whole.DESCRIPTOR.fields:
            if field.name in ORDINARY and not field.is_repeated and field.message_type is None:
                setattr(whole, field.name, ORDINARY[field.name])
        inner = whole
        for name in self.path:
            inner = getattr(inner, name)
        fill(inner, self.field)
        return whole.SerializeToString()


def _places(command: Command, message: type[Message] | None = None, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every field of a command, those of the messages in it too."""
    for described in (message or command.request).DESCRIPTOR.fields:
        field = cast(FieldDescriptor, described)
        if field.message_type is not None and not field.is_repeated:
            inner = GetMessageClass(field.message_type)
            yield from _places(command, inner, (*path, field.name))
        else:
            yield Place(command, path, field)


PLACES = [place for command in COMMANDS for place in _places(command)]
TEXTS = [
    p
    for p in PLACES
    if p.field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES) and not p.field.is_repeated
]
MANY = [p for p in PLACES if p.field.is_repeated]
OF_EVERY_REQUEST = ("token", "idempotency_key", "request_id", "trace", "address", "currency")


def _nasty(name: str, bytes_max: int) -> str:
    """As much of one kind of nasty text as fits. Runs of two marks are apart, which is when sorting them is slow."""
    start, unit = NASTY[name]
    count = (bytes_max - len(start.encode())) // len(unit.encode())
    return start + "".join(character * count for character in unit) if len(unit) == 2 else start + unit * count


def _put_text(text: str) -> Callable[[Message, FieldDescriptor], None]:
    def put(message: Message, field: FieldDescriptor) -> None:
        is_bytes = field.type == FieldDescriptor.TYPE_BYTES
        setattr(message, field.name, text.encode() if is_bytes else text)

    return put


def _put_many(message: Message, field: FieldDescriptor) -> None:
    """As many as fit: numbers, or else empty ones, or else entries with short names."""
    count = COMMAND_BYTES_MAX - ENVELOPE_BYTES
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(message, field.name).update({f"{number:x}": "" for number in range(count // 12)})
    elif field.type == FieldDescriptor.TYPE_ENUM:
        getattr(message, field.name).extend([wire.PAY] * count)
    else:
        message.MergeFromString(bytes([field.number << 3 | 2, 0]) * (count // 2))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AppStack]:
    """A whole application layer with a sandbox, without its sockets."""
    rates = dict.fromkeys(("rate_account_failures", "rate_address_failures", "rate_unknown_receivers"), "99999/60")
    settings = Settings(
        data_dir=str(tmp_path), password_threads=1, sandbox=True, deliverer_key=DELIVERER_KEY, **rates  # type: ignore[arg-type]
    )  # fmt: skip
    migrate_database(settings)
    made = AppStack(settings, Metrics(), NoTracing())
    yield made
    asyncio.run(made.close())


def _run(stack: AppStack, requests: Callable[[], Iterator[tuple[str, wire.Request]]]) -> None:
    """Have these answered, each with the token that its command needs, and judge how long each took."""

    async def slowest() -> tuple[float, str]:
        tokens = {Auth.SESSION: await _sign_in(stack), Auth.DELIVERER: DELIVERER_KEY}
        auth = {command.number: command.auth for command in COMMANDS}
        took = []
        for where, request in requests():
            request.token = request.token or tokens.get(auth[request.command], "")
            began = time.thread_time()
            response = await stack.dispatch.respond(request)
            took.append((time.thread_time() - began, where))
            assert response.code != wire.INTERNAL, (where, response)
            assert response.code == wire.OK or response.ByteSize() <= REFUSAL_BYTES_MAX, where
        return max(took)

    seconds, where = asyncio.run(slowest())
    assert seconds <= LOOP_SECONDS_MAX, f"{where} took {seconds * 1000:.0f} ms"


def _request(place: Place, data: bytes) -> wire.Request:
    return wire.Request(command=place.command.number, data=data, timeout_ms=5000, request_id="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NASTY)
def test_no_text_holds_the_event_loop(stack: AppStack, name: str) -> None:
    """Whatever a text holds, in whatever field of whatever command, as long as it may be: 50 ms at most."""
    put = _put_text(_nasty(name, COMMAND_BYTES_MAX - ENVELOPE_BYTES))
    _run(stack, lambda: ((str(place), _request(place, place.filled(put))) for place in TEXTS))


@pytest.mark.parametrize("name", NASTY)
def test_no_short_text_breaks_a_command(stack: AppStack, name: str) -> None:
    """The same text, short enough to be looked at and not only measured, is taken or refused: it breaks nothing."""
    put = _put_text(_nasty(name, SHORT_BYTES))
    _run(stack, lambda: ((str(place), _request(place, place.filled(put))) for place in TEXTS))


@pytest.mark.parametrize("name", NASTY)
def test_no_frame_holds_the_event_loop(stack: AppStack, name: str) -> None:
    """The same for what every request has, up to the frame's limit, and for a command of that size."""
    text = _nasty(name, FRAME_BYTES_MAX - ENVELOPE_BYTES)

    def requests() -> Iterator[tuple[str, wire.Request]]:
        for command in (wire.LGN, wire.PAY, wire.TXQ, wire.HLD, wire.WEC, wire.FLT):
            place = next(place for place in TEXTS if place.command.number == command)
            for field in OF_EVERY_REQUEST:
                request = _request(place, place.filled(lambda *_: None))
                setattr(request, field, text)
                yield f"{place.command.name} {field}", request
            for field in ("fault", "intent", "held"):
                request = _request(place, place.filled(lambda *_: None))
                setattr(request.sandbox_options, field, text)
                yield f"{place.command.name} {field}", request
            yield f"{place} of 1 MiB", _request(place, place.filled(_put_text(text)))

    _run(stack, requests)


def test_no_list_holds_the_event_loop(stack: AppStack) -> None:
    """A list or a map of as many entries as fit is read and judged in 50 ms, also by who looks through a full log."""
    assert stack.sandbox is not None
    for number in range(20_000):
        stack.sandbox.log.refused(f"r{number}", "GET", "/v1/x", wire.NOT_FOUND, "There is none.")

    _run(stack, lambda: ((str(place), _request(place, place.filled(_put_many))) for place in MANY))


async def _sign_in(stack: AppStack) -> str:
    user = wire.SignupRequest(first_name="A", last_name="B", email="eve@example.com", password="correct horse")
    signup = wire.Request(command=wire.SGN, data=user.SerializeToString(), timeout_ms=5000)
    assert (await stack.dispatch.respond(signup)).code == wire.OK
    login = wire.LoginRequest(email="eve@example.com", password="correct horse")
    answer = await stack.dispatch.respond(
        wire.Request(command=wire.LGN, data=login.SerializeToString(), timeout_ms=5000)
    )
    return wire.LoginAnswer.FromString(answer.data).token
