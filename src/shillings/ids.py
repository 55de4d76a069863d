"""Ids: UUIDv7 (RFC 9562), made here and not by the database, so that every engine stores them alike.

The first 48 bits are the time in milliseconds. Rows made together lie together in the primary key.
"""

import os
import time
from uuid import UUID

NIL = bytes(16)
"""The id of nobody: the funding account, from which top-ups come."""


class _Chance:
    """Random bytes, drawn from the system in bulk: a draw lets other threads in, which costs more than the bytes."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._forget)

    def ten(self) -> bytes:
        """Ten bytes that were never given out before."""
        # Ids are made on the event loop's thread; each process draws its own.
        if self._at + 10 > len(self._bytes):
            self._bytes, self._at = os.urandom(_DRAW_BYTES), 0
        self._at += 10
        return self._bytes[self._at - 10 : self._at]

    def _forget(self) -> None:
        self._bytes, self._at = b"", 0


_DRAW_BYTES = 10 * 1024
_chance = _Chance()


def new_id() -> bytes:
    """A new UUIDv7 as 16 bytes. Call it on one thread of a process."""
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + _chance.ten())
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return bytes(raw)


def show(identifier: bytes) -> str:
    """The hyphenated form of an id.

    >>> show(NIL)
    '00000000-0000-0000-0000-000000000000'
    """
    text = identifier.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def read(text: str) -> bytes:
    """The 16 bytes of a hyphenated id.

    Raises:
        ValueError: the text is not a UUID.
    """
    return UUID(text).bytes
