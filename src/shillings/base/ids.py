"""Ids: UUIDv7 (RFC 9562), made here and not by the database, so that every engine stores them alike.

The first 48 bits are the time in milliseconds. Rows made together lie together in the primary key.
"""

import os
import random
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shillings.base.clock import Clock

NIL = bytes(16)
"""The id of nobody: the funding account, from which top-ups come."""

_DRAW_BYTES = 10 * 1024


class Ids(Protocol):
    """Makes ids. It is asked on one thread of a process."""

    def new(self) -> bytes:
        """A new UUIDv7 as 16 bytes."""


class RandomIds:
    """Ids that nobody can foretell.

    Args:
        clock: the time in them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Drawn from the system in bulk: a draw lets other threads in, which costs more than the bytes.
        self._bytes = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._forget)

    def new(self) -> bytes:
        """See Ids."""
        if self._at + 10 > len(self._bytes):
            self._bytes, self._at = os.urandom(_DRAW_BYTES), 0
        self._at += 10
        return _uuid7(self._clock, self._bytes[self._at - 10 : self._at])

    def _forget(self) -> None:
        # Each process draws its own.
        self._bytes, self._at = b"", 0


class SeededIds:
    """The same ids for the same seed and the same order of asking.

    Args:
        clock: the time in them.
        rng: where the rest comes from.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    def new(self) -> bytes:
        """See Ids."""
        return _uuid7(self._clock, self._rng.randbytes(10))


def first_id(moment: datetime) -> bytes:
    """An id that sorts before every UUIDv7 that is made from this moment on, and behind those before it.

    >>> show(first_id(datetime.fromisoformat("2026-01-02T00:00:00Z")))
    '019b7c01-0400-0000-0000-000000000000'
    """
    return int(moment.timestamp() * 1000).to_bytes(6, "big") + bytes(10)


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


def _uuid7(clock: Clock, chance: bytes) -> bytes:
    raw = bytearray(clock.unix_ms().to_bytes(6, "big") + chance)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return bytes(raw)
