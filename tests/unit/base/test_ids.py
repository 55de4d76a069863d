"""Ids are UUIDs of version 7, in order of time, never the same twice."""

import subprocess
import sys
import time
from datetime import timedelta
from uuid import RFC_4122, UUID

import pytest

from shillings.base import ids
from shillings.base.clock import FixedClock
from shillings.base.environment import make_environment
from tests.values import MOMENT, new_id

FORK = """
import os
from shillings.base.environment import make_environment
ids = make_environment().ids
ids.new()
if pid := os.fork():
    os.waitpid(pid, 0)
print(ids.new().hex(), flush=True)
"""


def test_id_is_a_uuid_of_version_7() -> None:
    """An id has the version, the variant and the current time where RFC 9562 wants them."""
    before = time.time_ns() // 1_000_000
    made = [UUID(bytes=new_id()) for _ in range(100)]
    after = time.time_ns() // 1_000_000

    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert all(before <= one.int >> 80 <= after for one in made)


def test_later_ids_are_larger() -> None:
    """Ids of later milliseconds sort behind earlier ones, as bytes and as text."""
    clock = FixedClock(MOMENT)
    source, made = ids.RandomIds(clock), []
    for milliseconds in (0, 1, 255, 256, 2**30):
        clock.moment = MOMENT + timedelta(milliseconds=milliseconds)
        made.append(source.new())

    assert made == sorted(made)
    assert [ids.show(one) for one in made] == sorted(ids.show(one) for one in made)


def test_seeded_ids_are_the_same_twice() -> None:
    """The same seed and clock give the same ids in the same order; another seed or process gives others."""

    def first(seed: str, process: str) -> list[bytes]:
        source = make_environment(seed=seed, clock=FixedClock(MOMENT), process=process).ids
        return [source.new() for _ in range(100)]

    assert first("a", "app") == first("a", "app")
    assert len({*first("a", "app"), *first("b", "app"), *first("a", "web")}) == 300


def test_ids_are_never_the_same_twice() -> None:
    """Many more ids than one draw of random bytes holds are all different."""
    assert len({new_id() for _ in range(5000)}) == 5000


def test_forked_process_draws_its_own_chance() -> None:
    """A child does not repeat the random bytes its parent had drawn already."""
    both = subprocess.run([sys.executable, "-c", FORK], check=True, capture_output=True, text=True).stdout.split()

    assert len({made[-16:] for made in both}) == 2


def test_shown_id_is_read_back() -> None:
    """The hyphenated form is a UUID's, and means the same bytes."""
    made = new_id()

    assert ids.show(made) == str(UUID(bytes=made))
    assert ids.read(ids.show(made)) == made


@pytest.mark.parametrize("text", ["", "x", "0190c1d0", "0190c1d0-0000-7000-8000-00000000000g"])
def test_what_is_no_uuid_is_refused(text: str) -> None:
    """Text that is no UUID raises ValueError and nothing else."""
    with pytest.raises(ValueError):
        ids.read(text)
