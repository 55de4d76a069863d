"""A running production stack with a crowd of users on it, and what is said of them at the end."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

from tests.figures import note
from tests.invariants import Auditor, disagreements, violations
from tests.load import Crowd, LoadClient, Wish, random_wish

CLIENTS = 32
USERS = 20
RECOVERY_SECONDS_MAX = 10.0

Choose = Callable[[random.Random, list[str]], Wish]


def any_wish(chance: random.Random, emails: list[str]) -> Wish:
    """A payment like others, with a key, so that every unknown outcome can be resolved."""
    return random_wish(chance, emails, with_key=True)


@dataclass(kw_only=True)
class Stand:
    """A crowd, and the database behind it.

    Args:
        crowd: everybody who pays, and everything they were told.
        database_url: where the auditor looks.
        chance: chooses what is wished for.
    """

    crowd: Crowd
    database_url: str
    chance: random.Random = field(default_factory=lambda: random.Random(20_261_123))

    def pay_through(
        self,
        what: str,
        fault: Callable[[], float | None],
        *,
        before: int = 300,
        after: int = 300,
        choose: Choose = any_wish,
    ) -> Counter[str]:
        """Pay, let something happen, go on paying; then hold the ledger against everything that was told.

        Args:
            what: the fault's name, for the figures.
            fault: makes it happen, and heals what does not heal by itself; may return when it ended.
            before: how many payments are acknowledged before it happens.
            after: how many after it.
            choose: what is wished for.

        Returns:
            How often each unknown outcome was met.
        """
        told = self.crowd.told
        told_before = len(told.acknowledged)
        unknown, resolved, away = Counter(told.unknown), Counter(told.resolved), Counter(told.turned_away)
        ended = uvloop.run(self._pay(fault, before, after, choose))
        unknown, resolved = told.unknown - unknown, told.resolved - resolved
        recovery = told.recovery_seconds(ended)
        with Auditor(self.database_url) as auditor:
            ledger = auditor.read_ledger()
        stored = Counter(one.transaction_id for one in ledger.transactions)
        lost = sum(stored[one.transaction_id] == 0 for one in told.acknowledged)
        doubled = len(ledger.transactions) - len({one.transaction_id for one in told.acknowledged})
        note(
            f"{what}: {len(told.acknowledged) - told_before} acknowledged, {lost} lost, {doubled} doubled,"
            f" {unknown.total()} unknown {dict(unknown)} resolved {dict(resolved)},"
            f" turned away {dict(told.turned_away - away)}, recovered {recovery:.2f} s after the fault"
        )
        assert violations(ledger) + disagreements(ledger, told.acknowledged) == []
        assert (lost, doubled) == (0, 0)
        assert resolved.total() == unknown.total()
        assert recovery < RECOVERY_SECONDS_MAX
        return unknown

    async def _pay(self, fault: Callable[[], float | None], before: int, after: int, choose: Choose) -> float:
        crowd = self.crowd
        told = crowd.told.acknowledged
        start = len(told)
        over = asyncio.Event()
        enough = asyncio.Event()
        last = 0

        async def work(client: LoadClient) -> None:
            while not (over.is_set() and len(told) >= last):
                await crowd.carry_out(client, choose(self.chance, crowd.emails))
                if len(told) >= start + before:
                    enough.set()

        async def strike() -> float:
            nonlocal last
            await enough.wait()
            ended = await asyncio.to_thread(fault) or time.monotonic()
            last = len(told) + after
            over.set()
            return ended

        async with asyncio.TaskGroup() as group:
            group.create_task(crowd.with_clients(CLIENTS, work))
            striking = group.create_task(strike())
        return striking.result()


def settle(port: int, jwt_key: str, prefix: str, amount: int = 100_000) -> Crowd:
    """A crowd whose members have signed up and topped up."""
    crowd = Crowd(port, [f"{prefix}{number}" for number in range(USERS)], jwt_key)
    uvloop.run(crowd.join(amount))
    return crowd
