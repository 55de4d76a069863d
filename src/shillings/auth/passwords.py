"""Passwords: argon2id in a bounded pool of threads.

Hashing takes tens of milliseconds of a processor on purpose. A bounded queue keeps a flood of logins from
starving payments: what does not fit is refused at once. It is a fair one, so that a flood does not starve other
logins either.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shillings.auth.turns import NOBODY, Turn, Turns

WAITING_MAX = 64
"""At some 40 a second on one processor, more would wait longer than their callers do, and be hashed for nobody."""

# OWASP's first choice for argon2id: 19 MiB, two passes, one executor.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies passwords.

    Args:
        threads: how many at once; 0 for one fewer than the processors, at least one.
    """

    def __init__(self, threads: int = 0) -> None:
        count = threads or max(1, (os.cpu_count() or 2) - 1)
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="passwords")
        self._turns = Turns(count, WAITING_MAX)
        # Verified when nobody has the email, so that both answers take the same time.
        self._nobody = _HASHER.hash(os.urandom(16))

    async def hash(self, password: str, turn: Turn = NOBODY) -> str:
        """The argon2id hash of a password, salt and parameters included. Raises Overloaded."""
        return await self._run(turn, _HASHER.hash, password)

    async def verify(self, hashed: str | None, password: str, turn: Turn = NOBODY) -> bool:
        """Whether a password is the hashed one; None (nobody has the email) takes as long and is False.

        Raises:
            Overloaded: too many wait already.
        """
        right = await self._run(turn, _matches, hashed or self._nobody, password)
        return right and hashed is not None

    async def close(self) -> None:
        """Finish what is being hashed; refuse what waits."""
        self._turns.close()
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)

    async def _run(self, turn: Turn, function: Callable[..., Result], *arguments: str) -> Result:
        await self._turns.take(turn)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._turns.give()


def _matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
