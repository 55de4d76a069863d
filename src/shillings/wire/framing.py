"""Framing: a 4-byte big-endian length, then that many bytes. Pure: bytes in, payloads out.

Any bytes, whole or one at a time, give the payloads they hold, or one `ProtocolError`. A length is judged
before anything is kept for it, so a peer that announces 4 GiB costs nothing.
"""

FRAME_BYTES_MAX = 1 << 20
"""The largest payload. The API's bodies are at most 64 KiB, so a larger frame is a fault or an attack."""

_HEADER_BYTES = 4


class ProtocolError(Exception):
    """The peer broke the protocol; the connection cannot go on."""


def frame(payload: bytes) -> bytes:
    r"""One payload with its length in front.

    >>> frame(b"hi")
    b'\x00\x00\x00\x02hi'

    Raises:
        ValueError: the payload is empty or larger than FRAME_BYTES_MAX. Ours to prevent, not the peer's.
    """
    if not 1 <= len(payload) <= FRAME_BYTES_MAX:
        raise ValueError(f"a frame holds 1 to {FRAME_BYTES_MAX} bytes, not {len(payload)}")
    return len(payload).to_bytes(_HEADER_BYTES, "big") + payload


class FrameReader:
    r"""Cuts a stream of bytes into payloads.

    >>> reader = FrameReader()
    >>> reader.feed(b"\x00\x00\x00\x02h"), reader.feed(b"i")
    ([], [b'hi'])
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def half_way(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the payloads they complete.

        Raises:
            ProtocolError: a frame announces an impossible length. The reader is of no further use.
        """
        if not self._rest:
            payloads, used = _cut(data)
            self._rest += data[used:]
            return payloads
        # Appending in place keeps a frame that drips in byte by byte linear, not quadratic.
        self._rest += data
        payloads, used = _cut(self._rest)
        del self._rest[:used]
        return payloads


def _cut(buffer: bytes | bytearray) -> tuple[list[bytes], int]:
    """The whole payloads at the front of a buffer, and how many bytes they and their headers take."""
    payloads: list[bytes] = []
    start, end = 0, len(buffer)
    while end - start >= _HEADER_BYTES:
        length = int.from_bytes(buffer[start : start + _HEADER_BYTES], "big")
        if not 1 <= length <= FRAME_BYTES_MAX:
            raise ProtocolError(f"a frame announces {length} bytes; 1 to {FRAME_BYTES_MAX} are allowed")
        stop = start + _HEADER_BYTES + length
        if stop > end:
            break
        payloads.append(bytes(buffer[start + _HEADER_BYTES : stop]))
        start = stop
    return payloads, start
