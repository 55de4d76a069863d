"""People who pay, through many clients at once, and exactly what each of them was told."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

from shillings.audit.acknowledged import Acknowledged
from shillings.load.client import TRY_AGAIN, UNKNOWN, LoadClient, Reply

PASSWORD = "correct horse battery"  # noqa: S105 - of people who live as long as a load
RETRY_PAUSE_SECONDS = 0.02
WORK_SECONDS_MAX = 60.0


class Intent(NamedTuple):
    """A movement of money that somebody wants, once.

    Args:
        user: who asks.
        receiver: the other side: whom a refund or release goes back to, whose hold is captured; empty for a top-up.
        amount: minor units.
        key: the idempotency key; empty for none.
        kind: as in the ledger, so the end of a hold without a capture is a `release`.
        object_id: which payment is refunded, which hold captured or released.
    """

    user: str
    receiver: str
    amount: int
    key: str
    kind: str = "payment"
    object_id: str = ""

    def request(self) -> tuple[str, dict[str, object]]:
        """The path and the body that ask for it."""
        amount: dict[str, object] = {"amount": f"{self.amount // 100}.{self.amount % 100:02d}"}
        match self.kind:
            case "payment" | "hold":
                path = "/v1/pay" if self.kind == "payment" else "/v1/holds"
                return path, amount | {"receiver_email": self.receiver}
            case "refund":
                return "/v1/refunds", amount | {"transaction_id": self.object_id}
            case "capture":
                return f"/v1/holds/{self.object_id}/capture", amount
            case "release":
                return f"/v1/holds/{self.object_id}/void", {}
            case _:
                return "/v1/topup", amount

    def sides(self) -> tuple[str, str]:
        """The sender and the receiver of its transaction."""
        return (self.receiver, self.user) if self.kind in ("topup", "capture") else (self.user, self.receiver)


@dataclass
class Told:
    """What all clients together were told.

    Args:
        answers: all of them, as (HTTP status, code).
        acknowledged: what is done.
        refused: what is not done and need not be tried again, by code.
        unknown: outcomes that were unknown at first, by reason.
        not_done: how often something was not done, and so was tried again, by reason.
        resolved: what the same key told of the unknown ones.
    """

    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    not_done: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)

    def recovery_seconds(self, moment: float) -> float:
        """How long after a moment the first movement was done that was asked for after it."""
        return min(one.ended for one in self.acknowledged if one.began > moment) - moment


class Payers:
    """Users with open sessions, and everything they were ever told.

    Args:
        port: where the service listens.
        names: the users' names; each becomes an email.
        open_session: makes a token for a user's id, to spare the hashing of logins. If None, everybody logs in.
    """

    def __init__(self, port: int, names: Sequence[str], open_session: Callable[[str], str] | None = None) -> None:
        self.port = port
        self._open_session = open_session
        self.emails = [f"{name}@example.com" for name in names]
        self.tokens: dict[str, str] = {}
        self.told = Told()

    async def join(self, amount: int, clients: int = 8) -> None:
        """Everybody signs up, opens a session and tops up."""
        waiting = list(self.emails)

        async def work(client: LoadClient) -> None:
            while waiting:
                email = waiting.pop()
                self.tokens[email] = await self._sign_up(client, email)
                await self.carry_out(client, Intent(email, "", amount, str(uuid4()), "topup"))

        await self.with_clients(clients, work)

    async def with_clients(self, count: int, work: Callable[[LoadClient], Awaitable[None]]) -> None:
        """Let that many clients work at once."""
        clients = [LoadClient(self.port) for _ in range(count)]
        try:
            async with asyncio.timeout(WORK_SECONDS_MAX), asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(_awaited(work(client)))
        finally:
            for client in clients:
                client.close()

    async def carry_out(self, client: LoadClient, intent: Intent) -> Reply:
        """Ask until the answer is definite; after an unknown outcome the same key asks again."""
        doubts: list[str] = []
        while True:
            reply = await self.try_once(client, intent, doubts)
            if reply is not None:
                return reply
            assert intent.key or not doubts, f"the outcome of {intent} is unknown, and it has no key"
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def try_once(self, client: LoadClient, intent: Intent, doubts: list[str]) -> Reply | None:
        """Ask once. None when the answer is not definite; where it is unknown, the reason is added to `doubts`."""
        began = time.monotonic()
        try:
            reply = await self._ask(client, intent)
        except ConnectionRefusedError:
            self.told.not_done["no_connection"] += 1
            return None
        except (ConnectionResetError, TimeoutError):
            client.close()
            doubts.append("connection_lost")
            return None
        self.told.answers[reply.http, reply.code] += 1
        if reply.http in UNKNOWN:
            doubts.append(reply.code)
            return None
        if reply.http in TRY_AGAIN:
            self.told.not_done[reply.code] += 1
            return None
        self._note(intent, reply, doubts, began)
        return reply

    async def _sign_up(self, client: LoadClient, email: str) -> str:
        """Sign somebody up; return the token of a session."""
        credentials = {"email": email, "password": PASSWORD}
        reply = await client.ask("POST", "/v1/signup", {"first_name": "A", "last_name": "B"} | credentials)
        assert reply.http == 200, reply
        if self._open_session is not None:
            return self._open_session(str(reply.body["user_id"]))
        reply = await client.ask("POST", "/v1/login", credentials)
        assert reply.http == 200, reply
        return str(reply.body["token"])

    async def _ask(self, client: LoadClient, intent: Intent) -> Reply:
        path, body = intent.request()
        return await client.ask("POST", path, body, self.tokens[intent.user], intent.key)

    def _note(self, intent: Intent, reply: Reply, doubts: list[str], began: float) -> None:
        told = self.told
        if doubts:
            told.unknown[doubts[0]] += 1
            told.resolved["had been done" if reply.replayed else "had not been done"] += 1
        else:
            assert not reply.replayed, f"{intent} was asked once and answered as a replay"
        if reply.http != 200:
            told.refused[reply.code] += 1
            return
        transaction_id = UUID(str(reply.body["hold_id" if intent.kind == "hold" else "transaction_id"])).bytes
        # What was resolved after a doubt may have been done at any time since the first try, so it has no times.
        times = (0.0, 0.0) if doubts else (began, time.monotonic())
        told.acknowledged.append(Acknowledged(transaction_id, intent.kind, *intent.sides(), intent.amount, *times))


async def _awaited(work: Awaitable[None]) -> None:
    await work
