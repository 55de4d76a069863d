"""Ids: UUIDv7 (RFC 9562), made here and not by the database, so that every engine stores them alike.

The first 48 bits are the time in milliseconds. Rows made together lie together in the primary key.
"""

import os
import time
from uuid import UUID

NIL = bytes(16)
"""The id of nobody: the funding account, from which top-ups come."""


def new_id() -> bytes:
    """A new UUIDv7 as 16 bytes."""
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10))
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
