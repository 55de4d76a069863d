"""Passwords are hashed with argon2id, nothing is cut off, and a flood of them is refused."""

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shillings.auth import passwords as passwords_module
from shillings.auth.passwords import Passwords
from shillings.base.errors import Overloaded

APART = [
    ("a" * 72 + "b", "a" * 72 + "c"),
    ("a" * 127 + "b", "a" * 127 + "c"),
    ("ü" * 60 + "b", "ü" * 60 + "c"),
    ("Secret word", "secret word"),
    ("secret word", "secret word "),
    ("secret\0one", "secret\0two"),
]


@asynccontextmanager
async def hashing(threads: int = 1) -> AsyncIterator[Passwords]:
    """Passwords with a pool of threads, closed in the end."""
    passwords = Passwords(threads)
    try:
        yield passwords
    finally:
        await passwords.close()


async def test_hash_is_argon2id_with_a_salt() -> None:
    """A hash says argon2id, at least 19 MiB and two passes, and is another one each time."""
    async with hashing() as passwords:
        first, second = await passwords.hash("correct horse"), await passwords.hash("correct horse")

    found = re.fullmatch(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$[^$]{22,}\$[^$]{43}", first)
    assert found
    memory_kib, passes, executors = map(int, found.groups())
    assert (memory_kib >= 19 * 1024, passes >= 2, executors) == (True, True, 1)
    assert first != second
    assert len(first) <= 255


@pytest.mark.parametrize(
    ("password", "other"), APART, ids=["byte 73", "last byte", "letter 61", "case", "space", "after NUL"]
)
async def test_every_character_counts(password: str, other: str) -> None:
    """A password opens its own account and no other's, also when they differ late, in case or in white space."""
    async with hashing() as passwords:
        hashed = await passwords.hash(password)

        assert await passwords.verify(hashed, password)
        assert not await passwords.verify(hashed, other)


async def test_nobody_has_no_password() -> None:
    """Where nobody has the email, every password is wrong; so it is against a hash that is none."""
    async with hashing() as passwords:
        assert not await passwords.verify(None, "correct horse")
        assert not await passwords.verify("no hash", "correct horse")


async def test_nobody_takes_as_long_as_somebody() -> None:
    """The time to say no tells nothing about whether the email has an account."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    async with hashing() as passwords:
        hashed = await passwords.hash("correct horse")
        for turn in range(30):
            exists = turn % 2 == 0
            began = time.perf_counter()
            await passwords.verify(hashed if exists else None, "wrong horse")
            seconds[exists].append(time.perf_counter() - began)

    somebody, nobody = (statistics.median(seconds[exists]) for exists in (True, False))
    assert 0.5 < nobody / somebody < 2.0


async def test_flood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many wait for the threads; the next is refused at once, and there is room again afterwards."""
    monkeypatch.setattr(passwords_module, "WAITING_MAX", 3)
    async with hashing() as passwords:
        results = await asyncio.gather(*[passwords.hash("correct horse") for _ in range(5)], return_exceptions=True)

        assert [isinstance(result, Overloaded) for result in results] == [False, False, False, True, True]
        assert await passwords.hash("correct horse")


async def test_caller_who_gave_up_leaves_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who is gone while it waits counts no longer."""
    monkeypatch.setattr(passwords_module, "WAITING_MAX", 2)
    async with hashing() as passwords:
        for _ in range(5):
            waiting = [asyncio.ensure_future(passwords.hash("correct horse")) for _ in range(2)]
            await asyncio.sleep(0)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

        assert await passwords.hash("correct horse")
