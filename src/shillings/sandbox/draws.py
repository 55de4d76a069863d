"""Chance that comes out the same every time: a draw is a function of the seed, a name and a number, and nothing else.

So it does not matter what else happens, or in which order.
"""

import struct
from functools import lru_cache
from hashlib import shake_128

DRAWS = 1 << 64
"""How many different draws there are."""

DRAWS_OF_A_BLOCK = 64
"""Draws that are made at a time: a hash has a price, and its length hardly adds to it."""


def draw(seed: int, name: bytes, number: int) -> int:
    """The draw of this number: 0 to DRAWS - 1, each as likely as any other."""
    block, at = divmod(number, DRAWS_OF_A_BLOCK)
    return _block(seed, name, block)[at]


def chance(seed: int, name: bytes, number: int) -> float:
    """The draw of this number as a number in [0, 1)."""
    return (draw(seed, name, number) >> 11) / (1 << 53)


def threshold(probability: float) -> int:
    """What a draw must be less than to win with this probability.

    >>> threshold(0.0), threshold(1.0) == DRAWS
    (0, True)
    """
    return int(probability * DRAWS)


def wins(seed: int, name: bytes, block: int, below: int) -> int:
    """Which draws of a block win, as bits: the lowest is the first draw's.

    >>> wins(1, b"", 0, 0), wins(1, b"", 0, DRAWS) == DRAWS - 1
    (0, True)
    """
    draws = _draws(seed, name, block)
    # Most blocks of what is rare.
    if min(draws) >= below:
        return 0
    return sum([1 << number for number, drawn in enumerate(draws) if drawn < below])


def _draws(seed: int, name: bytes, block: int) -> tuple[int, ...]:
    hashed = shake_128(b"%d/%b/%d" % (seed, name, block))
    return _UNPACK(hashed.digest(8 * DRAWS_OF_A_BLOCK))


_UNPACK = struct.Struct(f">{DRAWS_OF_A_BLOCK}Q").unpack
_block = lru_cache(maxsize=2048)(_draws)
