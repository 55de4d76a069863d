"""Users who move money in every way at once, and in rivalry: two capture a hold, or refund the same payment twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shillings.audit.acknowledged import Acknowledged
from shillings.ledger.hold import release_id
from tests.load import Intent, LoadClient, Payers

AMOUNT_MINOR_MIN, AMOUNT_MINOR_MAX = 10, 900
"""What is moved; little enough that most of it succeeds, and at least so much that three fifths twice are too much."""

DEFINITE_SECONDS_MAX = 20.0
"""How long a movement may be asked for again until it is done or refused: longer than any server is away."""

AT_ONCE = (
    ("capture", "capture"),
    ("capture", "release"),
    ("capture", "part"),
    ("part", "part"),
    ("release", "release"),
    ("part", "release"),
)
"""How two clients try to end one hold; `part` captures less than all of it."""


@dataclass
class Movers:
    """Payments and their refunds, holds and their ends, and top-ups, chosen at random.

    Args:
        payers: who move money, and everything they were told.
        chance: chooses.
        done: how many movements of each kind were done.
        wrong: what two rivals were told and cannot both be true.
    """

    payers: Payers
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)
    _over: bool = False

    def stop(self) -> None:
        """Have everybody finish what they are doing, and no more."""
        self._over = True

    async def reached(self, count: int) -> None:
        """Wait until so many more movements are done."""
        goal = self.done.total() + count
        async with self._progress:
            await self._progress.wait_for(lambda: self.done.total() >= goal)

    async def work(self, client: LoadClient) -> None:
        """Move money until told to stop."""
        rival = LoadClient(self.payers.port)
        try:
            while not self._over:
                await self._move(client, rival)
        finally:
            rival.close()

    async def _move(self, client: LoadClient, rival: LoadClient) -> None:
        payer, receiver = self.chance.sample(self.payers.emails, 2)
        amount = self.chance.randint(AMOUNT_MINOR_MIN, AMOUNT_MINOR_MAX)
        kind = self.chance.choices(("topup", "payment", "hold"), (1, 4, 5))[0]
        if self.chance.random() < 0.02:
            amount = 10_000_000  # more than anybody has
        made = await self._ask(client, self._intent(kind, payer, "" if kind == "topup" else receiver, amount))
        if made is None:
            return
        if kind == "payment" and self.chance.random() < 0.6:
            part = amount * 3 // 5
            refunds = [self._intent("refund", receiver, payer, part, made) for _ in range(2)]
            await self._rivals(client, rival, refunds, least=0)  # whoever gives back may have spent it
        if kind == "hold" and self.chance.random() < 0.9:
            await self._end(client, rival, payer, receiver, amount, made)

    async def _end(
        self, client: LoadClient, rival: LoadClient, payer: str, receiver: str, amount: int, hold_id: str
    ) -> None:
        """Two try to end a hold; one of them does."""
        ends = []
        for way in self.chance.choice(AT_ONCE):
            taken = self.chance.randint(1, amount - 1) if way == "part" else amount
            ends.append(self._intent("release" if way == "release" else "capture", receiver, payer, taken, hold_id))
        for end in await self._rivals(client, rival, ends, least=1):
            if end.amount < amount:
                rest = release_id(UUID(hold_id).bytes)
                released = Acknowledged(rest, "release", receiver, payer, amount - end.amount)
                self.payers.told.acknowledged.append(released)

    async def _rivals(
        self, client: LoadClient, rival: LoadClient, intents: Sequence[Intent], *, least: int
    ) -> list[Intent]:
        """Ask for both at once; those that were done: at most one."""
        first, second = intents
        made = await asyncio.gather(self._ask(client, first), self._ask(rival, second))
        done = [intent for intent, identifier in zip(intents, made, strict=True) if identifier is not None]
        if not least <= len(done) <= 1:
            self.wrong.append(f"{len(done)} were done of {intents}")
        return done

    async def _ask(self, client: LoadClient, intent: Intent) -> str | None:
        """Ask until the answer is definite; what it is called that was done."""
        try:
            async with asyncio.timeout(DEFINITE_SECONDS_MAX):
                reply = await self.payers.carry_out(client, intent)
        except TimeoutError:
            raise AssertionError(f"nobody says what became of {intent}") from None
        if reply.http != 200:
            return None
        async with self._progress:
            self.done[intent.kind] += 1
            self._progress.notify_all()
        return str(reply.body["hold_id" if intent.kind == "hold" else "transaction_id"])

    def _intent(self, kind: str, user: str, receiver: str, amount: int, object_id: str = "") -> Intent:
        key = f"{kind}-{UUID(int=self.chance.getrandbits(128), version=4)}"
        return Intent(user, receiver, amount, key, kind, object_id)


async def move_while(movers: Movers, clients: int, happens: Awaitable[None]) -> None:
    """Let so many clients move money as long as something happens to the servers."""

    async def see_it_through() -> None:
        try:
            await happens
        finally:
            movers.stop()

    async with asyncio.TaskGroup() as group:
        group.create_task(movers.payers.with_clients(clients, movers.work))
        group.create_task(see_it_through())
