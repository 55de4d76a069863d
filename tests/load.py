"""A crowd that pays: many clients at once over raw HTTP, each noting exactly what it was told.

An answer is one of three things. Done: 200. Not done: 4xx, and 503, which may be asked again. Unknown: 500, 504, or a
connection that broke before the answer came; then only the same request with the same idempotency key tells.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from uuid import UUID, uuid4

import msgspec

from tests.invariants import Acknowledged, Auditor, disagreements, violations
from tests.service import PASSWORD, Service, new_token

RETRY_PAUSE_SECONDS = 0.02
ANSWER_SECONDS_MAX = 15.0
WORK_SECONDS_MAX = 60.0
UNKNOWN = {"internal", "timeout"}


class Reply(NamedTuple):
    """One HTTP answer."""

    http: int
    code: str
    body: dict[str, object]
    replayed: bool


class _Answer(asyncio.Protocol):
    """One connection to the service, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol interface."""
        # uvloop's transports are asyncio's in all but name.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol interface."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[: end + 2].lower()  # nginx writes names with capitals
        at = head.index(b"content-length: ") + 16
        length = int(head[at : head.index(b"\r", at)])
        if len(self._received) >= end + 4 + length and self._waiting is not None:
            answer, self._received = self._received, b""
            if not self._waiting.done():
                self._waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol interface."""
        self.transport = None
        self.closed.set_result(None)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError(str(exc)))

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; the future gets the answer."""
        if self.transport is None:
            raise ConnectionResetError
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiting


class LoadClient:
    """One client. It opens its connection when it needs one, and anew when it was lost.

    Args:
        port: where the service listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: _Answer | None = None

    async def ask(self, method: str, path: str, body: object = None, token: str = "", key: str = "") -> Reply:
        """Send one request, once.

        Raises:
            ConnectionRefusedError: there was no connection, so the request was not sent.
            ConnectionResetError: the connection broke before the answer came.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
        if content:
            head += "Content-Type: application/json\r\n"
        if token:
            head += f"Cookie: token={token}\r\n"
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        connection = await self._connected()
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            answer = await connection.ask(head.encode() + b"\r\n" + content)
        return _reply(answer)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            if self._connection.transport is not None:
                self._connection.transport.abort()
            await self._connection.closed

    async def _connected(self) -> _Answer:
        if self._connection is None or self._connection.transport is None:
            loop = asyncio.get_running_loop()
            try:
                _, self._connection = await loop.create_connection(_Answer, "127.0.0.1", self._port)
            except OSError as error:
                raise ConnectionRefusedError(str(error)) from None
        return self._connection


def _reply(answer: bytes) -> Reply:
    head, _, content = answer.partition(b"\r\n\r\n")
    body: dict[str, object] = msgspec.json.decode(content)
    status = body["status"]
    assert isinstance(status, dict)
    return Reply(int(head[9:12]), status["code"], body, b"\r\nidempotent-replayed: true" in head)


class Wish(NamedTuple):
    """A movement that somebody asks for; the amount in minor units. A top-up has no receiver."""

    payer: str
    receiver: str
    amount: int
    key: str


@dataclass
class Told:
    """What all clients together were told; `answers` counts them all as (HTTP status, code)."""

    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)

    def recovery_seconds(self, moment: float) -> float:
        """How long after a moment the first movement was done that was asked for after it."""
        return min(one.ended for one in self.acknowledged if one.began > moment) - moment


class Crowd:
    """Users with open sessions, the clients they pay through, and everything they were ever told.

    Args:
        port: where the service listens.
        names: the users' names; each becomes an email.
        jwt_key: the service's signing key. Sessions are opened with it, not by logging in, to spare half the hashing.
    """

    def __init__(self, port: int, names: list[str], jwt_key: str) -> None:
        self.port = port
        self._jwt_key = jwt_key
        self.emails = [f"{name}@example.com" for name in names]
        self.tokens: dict[str, str] = {}
        self.told = Told()

    async def join(self, amount: int, clients: int = 8) -> None:
        """Everybody signs up, opens a session and tops up."""
        waiting = list(self.emails)

        async def work(client: LoadClient) -> None:
            while waiting:
                email = waiting.pop()
                names = {"first_name": "A", "last_name": "B"}
                reply = await client.ask("POST", "/v1/signup", names | {"email": email, "password": PASSWORD})
                assert reply.http == 200, reply
                self.tokens[email] = new_token(str(reply.body["user_id"]), self._jwt_key)
                await self.carry_out(client, Wish(email, "", amount, str(uuid4())))

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
                await client.close()

    async def carry_out(self, client: LoadClient, wish: Wish) -> Reply:
        """Ask until the answer is definite; after an unknown outcome the same key asks again."""
        doubts: list[str] = []
        while True:
            reply = await self.try_once(client, wish, doubts)
            if reply is not None:
                return reply
            assert wish.key or not doubts, f"the outcome of {wish} is unknown, and it has no key"
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def try_once(self, client: LoadClient, wish: Wish, doubts: list[str]) -> Reply | None:
        """Ask once. None when the answer is not definite; where it is unknown, the reason is added to `doubts`."""
        began = time.monotonic()
        try:
            reply = await self._ask(client, wish)
        except ConnectionRefusedError:
            self.told.turned_away["no_connection"] += 1
            return None
        except (ConnectionResetError, TimeoutError):
            await client.close()
            doubts.append("connection_lost")
            return None
        self.told.answers[reply.http, reply.code] += 1
        if reply.code in UNKNOWN:
            doubts.append(reply.code)
            return None
        if reply.http == 503:
            self.told.turned_away[reply.code] += 1
            return None
        self._note(wish, reply, doubts, began)
        return reply

    async def _ask(self, client: LoadClient, wish: Wish) -> Reply:
        body: dict[str, object] = {"amount": f"{wish.amount // 100}.{wish.amount % 100:02d}"}
        path = "/v1/topup"
        if wish.receiver:
            path, body["receiver_email"] = "/v1/pay", wish.receiver
        return await client.ask("POST", path, body, self.tokens[wish.payer], wish.key)

    def _note(self, wish: Wish, reply: Reply, doubts: list[str], began: float) -> None:
        told = self.told
        if doubts:
            told.unknown[doubts[0]] += 1
            told.resolved["had been done" if reply.replayed else "had not been done"] += 1
        else:
            assert not reply.replayed, f"{wish} was asked once and answered as a replay"
        if reply.http != 200:
            told.refused[reply.code] += 1
            return
        kind, sender, receiver = ("payment", wish.payer, wish.receiver) if wish.receiver else ("topup", "", wish.payer)
        transaction_id = UUID(str(reply.body["transaction_id"])).bytes
        # What was resolved after a doubt may have been done at any time since the first try, so it has no times.
        times = (0.0, 0.0) if doubts else (began, time.monotonic())
        told.acknowledged.append(Acknowledged(transaction_id, kind, sender, receiver, wish.amount, *times))


@dataclass
class Town:
    """A service, and the users who live on it. Tests come one after the other and add to what was told."""

    service: Service
    crowd: Crowd

    def wrongs(self) -> list[str]:
        """Everything that is wrong with the ledger, by itself and against all that was ever told."""
        with Auditor(self.service.database_url) as auditor:
            ledger = auditor.read_ledger()
        return violations(ledger) + disagreements(ledger, self.crowd.told.acknowledged)


def random_wish(chance: random.Random, emails: list[str], *, with_key: bool) -> Wish:
    """Mostly small payments; some of more than anybody has, some to nobody, to oneself or of nothing."""
    payer, receiver = chance.sample(emails, 2)
    amount = chance.randint(1, 500)
    dice = chance.random()
    if dice < 0.05:
        amount = chance.randint(50_000, 10_000_000)
    elif dice < 0.15:
        amount = chance.randint(1_000, 20_000)
    elif dice < 0.17:
        receiver = "nobody@example.com"
    elif dice < 0.19:
        receiver = payer
    elif dice < 0.20:
        amount = 0
    return Wish(payer, receiver, amount, str(UUID(int=chance.getrandbits(128), version=4)) if with_key else "")


async def _awaited(work: Awaitable[None]) -> None:
    await work
