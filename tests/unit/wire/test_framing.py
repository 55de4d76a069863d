"""Any bytes, whole or in pieces, give the payloads they hold or one ProtocolError, and nothing else."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.wire.framing import FRAME_BYTES_MAX, FrameReader, ProtocolError, frame

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
LENGTHS = st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\5", b"\0\x10\0\0", b"\0\x10\0\1", b"\xff\xff\xff\xff"])
BYTES = st.lists(st.one_of(LENGTHS, st.binary(max_size=12)), max_size=8).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    """The payloads before the first error, and whether there was one."""
    reader = FrameReader()
    payloads: list[bytes] = []
    try:
        for piece in pieces:
            payloads += reader.feed(piece)
    except ProtocolError:
        return payloads, True
    return payloads, False


def one_by_one(data: bytes) -> list[bytes]:
    """The same bytes, each by itself."""
    return [data[at : at + 1] for at in range(len(data))]


@given(PAYLOADS, st.lists(st.integers(0, 400), max_size=6))
def test_payloads_come_out_as_they_went_in(payloads: list[bytes], cuts: list[int]) -> None:
    """However the stream is cut, the payloads are the same, in order."""
    data = b"".join(map(frame, payloads))
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(at)]

    assert read(pieces) == read([data]) == read(one_by_one(data)) == (payloads, False)


@given(BYTES)
def test_any_bytes_mean_the_same_whole_or_one_at_a_time(data: bytes) -> None:
    """Arbitrary bytes end in an error in both cases or in none, never in another exception, and agree on payloads."""
    whole, broken = read([data])
    dripped, broken_too = read(one_by_one(data))

    assert broken == broken_too
    # Payloads that came in the same piece as the error are lost with the connection.
    assert dripped[: len(whole)] == whole
    assert broken or dripped == whole


@pytest.mark.parametrize("length", [0, FRAME_BYTES_MAX + 1, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("before", [b"", frame(b"good")])
def test_impossible_length_is_refused(length: int, before: bytes) -> None:
    """A length of zero or above the maximum is an error as soon as its four bytes are there."""
    reader = FrameReader()
    reader.feed(before + length.to_bytes(4, "big")[:3])

    with pytest.raises(ProtocolError, match=f"announces {length} bytes"):
        reader.feed(length.to_bytes(4, "big")[3:])


def test_largest_frame_passes() -> None:
    """A payload of exactly the maximum comes through, whole and in large pieces."""
    data = frame(b"x" * FRAME_BYTES_MAX)
    pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]

    assert read([data]) == read(pieces) == ([b"x" * FRAME_BYTES_MAX], False)


@pytest.mark.parametrize("payload", [b"", b"x" * (FRAME_BYTES_MAX + 1)])
def test_impossible_payload_is_not_framed(payload: bytes) -> None:
    """Our own mistake raises ValueError: no frame holds nothing, or more than the maximum."""
    with pytest.raises(ValueError, match="a frame holds"):
        frame(payload)


def test_announced_length_costs_nothing() -> None:
    """A reader that was promised the largest frame keeps only the bytes that came."""
    tracemalloc.start()
    reader = FrameReader()
    reader.feed(FRAME_BYTES_MAX.to_bytes(4, "big"))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reader.half_way
    assert kept < 10_000


def test_half_way_is_known() -> None:
    """The reader knows whether a frame has begun and not ended."""
    reader = FrameReader()
    assert not reader.half_way
    reader.feed(b"\0")
    assert reader.half_way
    assert reader.feed(b"\0\0\1x") == [b"x"]
    assert not reader.half_way
