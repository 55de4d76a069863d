"""What both ends share: how many writes many payloads take, and how long half a frame may last."""

import asyncio

from shillings.wire.framing import frame
from shillings.wire.stream import HALF_FRAME_SECONDS_MAX, WRITE_PAYLOADS_MAX, FrameStream
from tests.unit.wire.ends import Timers, Wire


async def test_payloads_of_one_turn_leave_a_few_to_a_write() -> None:
    """What is sent in one turn of the event loop leaves in order: sixteen at once, the rest when the turn ends."""
    wire, stream = Wire(), FrameStream()
    stream.connection_made(wire)
    payloads = [b"%d" % number for number in range(2 * WRITE_PAYLOADS_MAX + 3)]
    for payload in payloads:
        stream.send(payload)
    assert len(wire.written) == 2
    await asyncio.sleep(0)

    assert [len(written) for written in wire.written] == [
        sum(len(frame(payload)) for payload in payloads[begin : begin + WRITE_PAYLOADS_MAX])
        for begin in (0, WRITE_PAYLOADS_MAX, 2 * WRITE_PAYLOADS_MAX)
    ]
    assert b"".join(wire.written) == b"".join(map(frame, payloads))


class Ear(FrameStream):
    """A stream that notes what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []
        self.reasons: list[str] = []

    def payload_received(self, payload: bytes) -> None:
        """Note it."""
        self.heard.append(payload)

    def stream_closed(self, reason: str) -> None:
        """Note it."""
        self.reasons.append(reason)


def made() -> tuple[Ear, Wire, Timers]:
    """A stream that was just connected."""
    stream, wire = Ear(), Wire()
    timers = Timers(stream)
    stream.connection_made(wire)
    return stream, wire, timers


async def test_half_a_frame_has_a_time_of_its_own() -> None:
    """The time begins with a frame and ends with it: its bytes do not renew it, the next frame's first bytes do."""
    stream, wire, timers = made()
    data = frame(b"hello")
    stream.data_received(data[:3])
    [first] = timers._timers
    stream.data_received(data[3:6])
    assert timers._timers == [first]
    stream.data_received(data[6:] + data[:1])
    assert timers.running == [HALF_FRAME_SECONDS_MAX]
    assert timers._timers[-1] is not first
    stream.data_received(data[1:])
    assert timers.running == []
    stream.data_received(data + data)

    assert timers.running == []
    assert stream.heard == [b"hello"] * 4
    assert wire.done == []


async def test_half_a_frame_that_lasts_is_broken_off() -> None:
    """When the time of half a frame is over the connection is broken off at once, not closed politely."""
    stream, wire, timers = made()
    stream.data_received(frame(b"hello")[:3])
    timers.run_out()

    assert wire.done == ["abort"]


async def test_what_is_sent_before_the_end_leaves_before_it() -> None:
    """A stream that is closed first writes what was sent in this turn of the loop."""
    stream, wire, _ = made()
    stream.send(b"last")
    stream.close()
    await asyncio.sleep(0)

    assert wire.written == [frame(b"last")]
    assert wire.done == ["close"]


async def test_each_turn_is_written() -> None:
    """However many turns of the loop there are, and whether or not one filled a write, what each sends leaves once."""
    stream, wire, _ = made()
    for count in (1, WRITE_PAYLOADS_MAX, 2, 1):
        for _ in range(count):
            stream.send(b"x")
        await asyncio.sleep(0)

    assert wire.written == [frame(b"x") * count for count in (1, WRITE_PAYLOADS_MAX, 2, 1)]


async def test_stream_that_was_lost_sends_nothing() -> None:
    """What was sent too late to leave is dropped with the connection, and the reason of the loss is told once."""
    stream, wire, _ = made()
    stream.send(b"too late")
    stream.connection_lost(None)
    await asyncio.sleep(0)
    stream.close()

    assert stream.closing
    assert wire.written == []
    assert stream.reasons == ["closed by the peer"]
