"""What both ends share: how many writes a crowd of payloads takes."""

import asyncio
import socket

from shillings.wire.framing import frame
from shillings.wire.stream import WRITE_PAYLOADS_MAX, FrameStream


class Wire(asyncio.Transport):
    """Keeps what is written to it, write by write."""

    def __init__(self) -> None:
        with socket.socket(socket.AF_UNIX) as closed:
            super().__init__({"socket": closed})
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep one write."""
        self.written.append(bytes(data))


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
