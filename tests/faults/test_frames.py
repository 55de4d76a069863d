"""The application layer's port: whatever bytes come, others are served, memory is bounded, and no rule is left out."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
from google.protobuf.message import Message

from shillings.contract import shillings_pb2 as wire
from tests.frames import Peer, framed
from tests.service import PASSWORD, AppServer

MIB = 1 << 20
FRAME_BYTES_MAX = MIB
MEMORY_BYTES_MAX = 24 * MIB
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
AMOUNT_MINOR_MAX = 10**13

BROKEN = {
    "length 0": struct.pack(">I", 0),
    "length 0 after a frame's worth": struct.pack(">I", 0) * 100,
    "length 1 MiB + 1": struct.pack(">I", FRAME_BYTES_MAX + 1),
    "length 1 MiB + 1 and its bytes": struct.pack(">I", FRAME_BYTES_MAX + 1) + b"x" * (FRAME_BYTES_MAX + 1),
    "length 0x7FFFFFFF": b"\x7f\xff\xff\xff",
    "length 0xFFFFFFFF": b"\xff\xff\xff\xff",
    "little-endian length": struct.pack("<I", 20) + b"x" * 20,
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000001fc0303") + b"\x11" * 500,
    "text": b"hello, is anybody there?\n",
    "garbage": framed(bytes(range(256)) * 4),
    "high bits": framed(b"\xff" * 1000),
    "cut message": framed(wire.Request(id=1, command=wire.RDY, token="x" * 100).SerializeToString()[:-10]),
    "unending varint": framed(b"\x08" + b"\x80" * 100),
    "100,000 nested groups": framed(b"\x7b" * 100_000),
    "text that is not UTF-8": framed(b"\x08\x01\x1a\x02\xff\xfe"),
    "a field longer than the frame": framed(b"\x08\x01\x3a\xff\xff\xff\x7f"),
    "id 0": framed(wire.Request(id=0, command=wire.RDY).SerializeToString()),
    "no id": framed(wire.Request(command=wire.RDY, timeout_ms=1000).SerializeToString()),
}


@pytest.fixture
def control(app_server: AppServer) -> Iterator[Peer]:
    """A well-behaved peer, connected before and after."""
    with Peer(app_server.port) as peer:
        assert is_served(peer)
        yield peer
        assert is_served(peer)


@pytest.fixture
def peer(app_server: AppServer) -> Iterator[Peer]:
    """A peer that may do anything."""
    with Peer(app_server.port) as made:
        yield made


def is_served(peer: Peer) -> bool:
    """Whether requests are answered on this connection."""
    return peer.ask(wire.RDY).code == wire.OK


@dataclass(frozen=True)
class Known:
    """Somebody who signed up through the wire."""

    email: str
    token: str

    def balance(self, peer: Peer) -> int:
        """The balance in minor units."""
        answer = peer.ask(wire.USR, token=self.token)
        assert answer.code == wire.OK
        return wire.AccountAnswer.FromString(answer.data).balance_minor


def sign_up(peer: Peer, name: str) -> Known:
    """Make a user with 100.00 and a session."""
    email = f"{name}@example.com"
    assert peer.ask(wire.SGN, signup(email=email)).code == wire.OK
    answer = peer.ask(wire.LGN, wire.LoginRequest(email=email, password=PASSWORD))
    user = Known(email, wire.LoginAnswer.FromString(answer.data).token)
    assert peer.ask(wire.TPU, wire.TopupRequest(amount_minor=10_000), token=user.token).code == wire.OK
    return user


def signup(**changed: str) -> wire.SignupRequest:
    """A sign-up as it should be, but for what is changed."""
    values = {"first_name": "Ann", "last_name": "Lee", "email": "new@example.com", "password": PASSWORD} | changed
    return wire.SignupRequest(**values)


@pytest.fixture(scope="module")
def ann(app_server: AppServer) -> Known:
    """Somebody with 100.00 whom the tests of this module share."""
    with Peer(app_server.port) as peer:
        return sign_up(peer, "ann")


@pytest.fixture(scope="module")
def bob(app_server: AppServer) -> Known:
    """Somebody else."""
    with Peer(app_server.port) as peer:
        return sign_up(peer, "bob")


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_frame_ends_its_connection_only(control: Peer, peer: Peer, data: bytes) -> None:
    """Bytes that are no frame of the protocol close their connection at once and leave every other alone."""
    peer.send_until_cut(data)

    assert peer.is_cut_off()
    assert is_served(control)


@pytest.mark.parametrize("data", [BROKEN["length 0xFFFFFFFF"], BROKEN["length 1 MiB + 1"], BROKEN["garbage"]])
def test_broken_frame_after_a_good_one(control: Peer, peer: Peer, data: bytes) -> None:
    """A connection that was served well is closed just the same when a broken frame comes."""
    assert is_served(peer)

    peer.send_until_cut(data)

    assert peer.is_cut_off()


def test_announced_lengths_cost_no_memory(app_server: AppServer, control: Peer) -> None:
    """Four hundred peers that announce 4 GiB, or the largest frame, cost next to nothing."""
    process = psutil.Process(app_server.pid)
    before = process.memory_info().rss
    peers = [Peer(app_server.port) for _ in range(400)]
    for number, peer in enumerate(peers):
        peer.send_bytes(b"\xff\xff\xff\xff" if number % 2 else struct.pack(">I", FRAME_BYTES_MAX) + b"x")

    assert all(peer.is_cut_off() for peer in peers[1::2])
    assert is_served(control)
    assert process.memory_info().rss - before < MEMORY_BYTES_MAX
    for peer in peers:
        peer.close()


def test_peer_that_does_not_read_costs_little(app_server: AppServer, control: Peer, peer: Peer) -> None:
    """Answers that a peer does not read pile up to a bound, and in the end none is lost."""
    rich = sign_up(control, "rich")
    for _ in range(99):
        assert control.ask(wire.TPU, wire.TopupRequest(amount_minor=1), token=rich.token).code == wire.OK
    page = wire.HistoryRequest(limit=100)
    process = psutil.Process(app_server.pid)
    before = process.memory_info().rss

    # Some 7 kB each, in portions that are not refused as too many at once.
    asked = 0
    for _ in range(14):
        requests = [peer.request(wire.TXQ, page, token=rich.token) for _ in range(500)]
        peer.send_bytes(b"".join(framed(request.SerializeToString()) for request in requests))
        asked += len(requests)
        assert control.ask(wire.TXQ, page, token=rich.token).code == wire.OK
    grown = process.memory_info().rss - before
    answered = sorted(peer.receive().id for _ in range(asked))

    assert grown < MEMORY_BYTES_MAX
    assert answered == list(range(1, asked + 1))


def test_same_id_twice_ends_the_connection(control: Peer, peer: Peer, ann: Known, bob: Known) -> None:
    """A peer that uses an id again while it is in flight is cut off, and what it asked for happened at most once."""
    before = ann.balance(control)
    request = peer.request(wire.PAY, wire.PayRequest(receiver_email=bob.email, amount_minor=100), token=ann.token)

    peer.send_bytes(framed(request.SerializeToString()) * 2)

    assert peer.is_cut_off()
    assert ann.balance(control) in (before, before - 100)


def test_frame_may_come_byte_by_byte(peer: Peer) -> None:
    """A frame is read however small the pieces it comes in."""
    for byte in framed(peer.request(wire.RDY).SerializeToString()):
        peer.send_bytes(bytes([byte]))

    assert peer.receive().code == wire.OK


def test_frames_may_come_together(peer: Peer, ann: Known) -> None:
    """A thousand requests in one write get a thousand answers, each with its own id, once."""
    requests = [peer.request(wire.USR, token=ann.token) for _ in range(1000)]

    peer.send_bytes(b"".join(framed(request.SerializeToString()) for request in requests))
    answers = [peer.receive() for _ in requests]

    assert sorted(answer.id for answer in answers) == [request.id for request in requests]
    assert {answer.code for answer in answers} == {wire.OK}
    assert {wire.AccountAnswer.FromString(answer.data).email for answer in answers} == {ann.email}


def test_largest_frame_is_read(peer: Peer) -> None:
    """A frame of exactly 1 MiB is read and answered."""
    request = peer.request(wire.RDY, trace="")
    request.token = "x" * (FRAME_BYTES_MAX - request.ByteSize() - 4)  # a command without a session ignores it
    payload = request.SerializeToString()
    assert len(payload) == FRAME_BYTES_MAX

    peer.send_bytes(framed(payload))

    assert peer.receive().code == wire.OK


@pytest.mark.parametrize("data", [b"\xfa\x07\x02xx" * 20_000, b"\xff" * 100_000], ids=["tiny fields", "no message"])
def test_large_command_is_refused_unread(peer: Peer, data: bytes) -> None:
    """A command larger than any web server sends is refused for its size, whatever it holds, and is not read."""
    refused = peer.ask(wire.RDY, data)

    assert refused.code == wire.PAYLOAD_TOO_LARGE
    assert is_served(peer)


@pytest.mark.parametrize("command", [max(wire.Command.values()) + 1, 99, 2**31 - 1, -1])
def test_unknown_command_is_refused(peer: Peer, command: int) -> None:
    """A command that nobody knows is refused, and the connection goes on."""
    assert peer.ask(command).code == wire.NOT_FOUND
    assert is_served(peer)


@pytest.mark.parametrize("command", [wire.LGN, wire.SGN, wire.PAY, wire.TPU, wire.TXQ])
@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x0a\x02\xff\xfe", b"\x0b" * 50_000, b"\x12\xff\xff\xff\x7f"])
def test_data_of_another_kind_is_refused(peer: Peer, ann: Known, command: int, data: bytes) -> None:
    """Data that is not the command's message is refused, and the connection goes on."""
    assert peer.ask(command, data, token=ann.token).code == wire.INVALID_REQUEST
    assert is_served(peer)


@pytest.mark.parametrize("amount", [0, -1, INT64_MIN, INT64_MAX, AMOUNT_MINOR_MAX + 1])
def test_application_layer_checks_amounts_itself(peer: Peer, ann: Known, bob: Known, amount: int) -> None:
    """An amount the web layer would never pass on is refused by the application layer too, and nothing moves."""
    before = ann.balance(peer), bob.balance(peer)

    paid = peer.ask(wire.PAY, wire.PayRequest(receiver_email=bob.email, amount_minor=amount), token=ann.token)
    topped_up = peer.ask(wire.TPU, wire.TopupRequest(amount_minor=amount), token=ann.token)

    assert paid.code == topped_up.code == wire.INVALID_REQUEST
    assert paid.message.startswith("amount ")
    assert (ann.balance(peer), bob.balance(peer)) == before


@pytest.mark.parametrize("token", ["", "x", "..", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "x" * 100_000])
def test_application_layer_checks_sessions_itself(peer: Peer, ann: Known, bob: Known, token: str) -> None:
    """Every command that needs a session is refused without one, whoever asks."""
    before = ann.balance(peer), bob.balance(peer)
    commands: list[tuple[int, Message]] = [
        (wire.USR, wire.AccountRequest()),
        (wire.PAY, wire.PayRequest(receiver_email=bob.email, amount_minor=1)),
        (wire.TPU, wire.TopupRequest(amount_minor=1)),
        (wire.TXQ, wire.HistoryRequest(limit=1)),
        (wire.LGO, wire.LogoutRequest()),
    ]

    for command, message in commands:
        answer = peer.ask(command, message, token=token)
        assert answer.code == wire.UNAUTHENTICATED
        assert answer.data == b""

    assert (ann.balance(peer), bob.balance(peer)) == before


@pytest.mark.parametrize("email", ["", "bob", "bob@example.com\0", "x" * 300 + "@example.com", "bob\n@example.com"])
def test_application_layer_checks_receivers_itself(peer: Peer, ann: Known, email: str) -> None:
    """A receiver that is no email is refused by the application layer too."""
    before = ann.balance(peer)

    answer = peer.ask(wire.PAY, wire.PayRequest(receiver_email=email, amount_minor=1), token=ann.token)

    assert answer.code == wire.INVALID_REQUEST
    assert ann.balance(peer) == before


@pytest.mark.parametrize("key", ["k" * 256, "k" * 100_000, "a b", "a\0b", "a\nb", "é", "\x7f"])
def test_application_layer_checks_keys_itself(peer: Peer, ann: Known, key: str) -> None:
    """An idempotency key that the web layer would refuse is refused by the application layer too, and nothing moves."""
    before = ann.balance(peer)

    answer = peer.ask(wire.TPU, wire.TopupRequest(amount_minor=1), token=ann.token, idempotency_key=key)

    assert answer.code == wire.INVALID_REQUEST
    assert answer.message.startswith("The idempotency key ")
    assert ann.balance(peer) == before


@pytest.mark.parametrize(("limit", "cursor"), [
    (0, ""), (101, ""), (2**32 - 1, ""), (1, "x"), (1, "s" + "9" * 19), (1, "s1 OR 1=1"), (1, "s1\0"),
])  # fmt: skip
def test_application_layer_checks_pages_itself(peer: Peer, ann: Known, limit: int, cursor: str) -> None:
    """A page that the web layer would not ask for is refused by the application layer too."""
    answer = peer.ask(wire.TXQ, wire.HistoryRequest(limit=limit, cursor=cursor), token=ann.token)

    assert answer.code == wire.INVALID_REQUEST


@pytest.mark.parametrize("changed", [
    {"password": "short"}, {"password": "x" * 129}, {"password": "x" * 70_000}, {"email": "ann"}, {"first_name": ""},
    {"last_name": "a\nb"}, {"phone": "x"}, {"middle_name": "x" * 101},
], ids=lambda changed: f"{next(iter(changed))} of {len(next(iter(changed.values())))}")  # fmt: skip
def test_application_layer_checks_sign_ups_itself(peer: Peer, changed: dict[str, str]) -> None:
    """A sign-up that breaks a rule is refused by the application layer, by the field's name."""
    answer = peer.ask(wire.SGN, signup(**changed))

    assert answer.code == wire.INVALID_REQUEST
    assert answer.message.startswith(next(iter(changed)))
