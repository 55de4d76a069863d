"""The deliverer: it takes due deliveries from the application layer, makes HTTP of them, and reports what came back.

It is the web layer's mirror image and knows as little: no SQL, and no rule about what is due. What it has taken and not
reported when it dies is due again soon after; so whatever happens to it, a delivery is made at least once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import structlog
from google.protobuf.message import Message

import shillings
from shillings.base.errors import Code, Refusal
from shillings.base.ids import show
from shillings.base.money import Currency
from shillings.contract import commands
from shillings.contract import shillings_pb2 as wire
from shillings.contract.commands import Command
from shillings.contract.delivery_faults import DeliveryFault, decode
from shillings.contract.events import body_of
from shillings.webhooks.adversary import STALE_SECONDS, BadSignature, spoilt
from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.sender import CONNECTIONS_MAX, Sender
from shillings.webhooks.signing import signed_headers
from shillings.webhooks.targets import parse
from shillings.webhooks.turns import Turns
from shillings.wire.client import AppClient

UNDER_WAY_MAX = 512
"""Deliveries that a deliverer has at once."""

SPARE = UNDER_WAY_MAX // 4
"""Of these, how many are kept for endpoints that have none: while others hang there is room for one that is well."""

CLAIM_WAIT_SECONDS = 3.0
"""How long a claim may wait for something to become due. It also says that the deliverer lives, so it is well below the
time after which one counts as dead."""

REPORT_SECONDS_MAX = 30.0
"""How long a report is tried. After that the delivery is made again."""

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.05, 1.0
STOP_SECONDS_MAX = 8.0
"""How long deliveries that are under way may take when the deliverer is told to stop."""

USER_AGENT = f"Shillings/{shillings.__version__}"

Answer = TypeVar("Answer", bound=Message)

log = structlog.get_logger(__name__)


class Deliverer:
    """Takes and makes deliveries until it is stopped.

    Args:
        client: the way to the application layer.
        sender: makes the requests.
        currency: how amounts are written.
        key: what it shows to the application layer.
        deliverer_id: its own id, never used before.
        observe: told each attempt's outcome and seconds.
    """

    def __init__(
        self,
        *,
        client: AppClient,
        sender: Sender,
        currency: Currency,
        key: str,
        deliverer_id: bytes,
        observe: Callable[[str, float], None] = lambda _outcome, _seconds: None,
    ) -> None:
        self._client = client
        self._sender = sender
        self._currency = currency
        self._key = key
        self._id = deliverer_id
        self._observe = observe
        self._turns = Turns()
        self._slots: dict[bytes, _Slots] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """How many deliveries it has."""
        return len(self._under_way)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop; then finish what is under way, for a while."""
        await self._sender.warm_up()
        claiming = asyncio.create_task(self._keep_claiming())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([claiming, stopping], return_when=asyncio.FIRST_COMPLETED)
        claiming.cancel()
        stopping.cancel()
        await asyncio.gather(claiming, stopping, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS_MAX)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._sender.close()

    async def _keep_claiming(self) -> None:
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                deliveries = await self._claim()
            except Refusal as refusal:
                if refusal.code is Code.UNAUTHENTICATED:
                    log.warning("deliverer_refused", reason=refusal.message)
                # Jitter: many deliverers should not knock at the same moment.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
                continue
            pause = PAUSE_SECONDS_MIN
            for delivery in deliveries:
                self._begin(delivery)

    async def _claim(self) -> list[wire.DueDelivery]:
        free = UNDER_WAY_MAX - self.under_way
        request = wire.ClaimRequest(
            deliverer_id=self._id,
            limit=max(free, 0),
            wait_ms=int(CLAIM_WAIT_SECONDS * 1000),
            under_way=self.under_way,
            spare=SPARE,
        )
        if free <= 0:
            await asyncio.wait(self._under_way, timeout=CLAIM_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            request.limit, request.wait_ms = max(UNDER_WAY_MAX - self.under_way, 0), 0
        answer = await self._ask(commands.CLM, request, CLAIM_WAIT_SECONDS + 5.0, wire.ClaimAnswer)
        return list(answer.deliveries)

    def _begin(self, delivery: wire.DueDelivery) -> None:
        task = asyncio.create_task(self._make(delivery, decode(delivery.fault)))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery_crashed", exc_info=error)

    async def _make(self, delivery: wire.DueDelivery, fault: DeliveryFault | None) -> None:
        """Make a delivery, and report it."""
        async with self._turns.turn(delivery.endpoint_id, fault):
            attempt = await self._attempt(delivery, fault)
        self._observe(attempt.outcome, attempt.took_ms / 1000)
        await self._report(delivery, attempt, fault.told if fault is not None else "")

    async def _attempt(self, delivery: wire.DueDelivery, fault: DeliveryFault | None) -> Attempt:
        event = delivery.event
        if fault is not None and fault.drop:
            return Attempt(AttemptOutcome.DROPPED, detail="lost on purpose")
        try:
            target = parse(delivery.url)
        except ValueError as error:
            return Attempt(AttemptOutcome.ADDRESS_REFUSED, detail=str(error))
        body = body_of(event.type, event.timestamp, msgspec.json.decode(event.data), self._currency)
        attempts: list[Attempt] = []
        async with self._slot(delivery.endpoint_id):
            for _ in range(fault.copies if fault is not None else 1):
                # Signed when it leaves, not when it was taken: verifiers look at the time.
                headers = _headers(delivery, int(datetime.now(UTC).timestamp()), body, fault)
                attempts.append(await self._sender.post(delivery.endpoint_id, target, headers, body))
        return next((one for one in attempts if one.outcome is AttemptOutcome.ACCEPTED), attempts[-1])

    async def _report(self, delivery: wire.DueDelivery, attempt: Attempt, fault: str) -> None:
        """Tell the application layer, again and again: a report that is told twice counts once."""
        request = wire.ReportRequest(
            deliverer_id=self._id,
            endpoint_id=delivery.endpoint_id,
            event_id=delivery.event.event_id,
            outcome=attempt.outcome,
            http_status=attempt.status,
            answer=attempt.answer,
            retry_after_s=attempt.retry_after_s,
            detail=attempt.detail,
            took_ms=attempt.took_ms,
            fault=fault,
        )
        pause = PAUSE_SECONDS_MIN
        try:
            async with asyncio.timeout(REPORT_SECONDS_MAX):
                while True:
                    try:
                        await self._ask(commands.RPT, request, REPORT_SECONDS_MAX / 3, wire.ReportAnswer)
                    except Refusal:
                        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                        pause = min(pause * 2, PAUSE_SECONDS_MAX)
                    else:
                        return
        except TimeoutError:
            log.warning("report_lost", event_id=show(delivery.event.event_id), outcome=attempt.outcome)

    async def _ask(self, command: Command, message: Message, seconds: float, answer: type[Answer]) -> Answer:
        request = wire.Request(
            command=command.number,  # type: ignore[arg-type]
            token=self._key,
            data=message.SerializeToString(),
        )
        response = await self._client.call(request, seconds)
        if response.code != wire.OK:
            raise Refusal(Code(response.code), response.message)
        return answer.FromString(response.data)

    @asynccontextmanager
    async def _slot(self, endpoint_id: bytes) -> AsyncIterator[None]:
        """Room for one more attempt to an endpoint."""
        slots = self._slots.setdefault(endpoint_id, _Slots())
        slots.users += 1
        try:
            async with slots.free:
                yield
        finally:
            slots.users -= 1
            if not slots.users:
                del self._slots[endpoint_id]


class _Slots:
    """How many attempts to one endpoint are under way, and may be."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(CONNECTIONS_MAX)
        self.users = 0


def _headers(delivery: wire.DueDelivery, timestamp: int, body: bytes, fault: DeliveryFault | None) -> dict[str, str]:
    """The headers of one attempt, spoilt if they are to be."""
    if fault is not None and fault.stale:
        timestamp -= STALE_SECONDS
    signed = signed_headers(delivery.keys, show(delivery.event.event_id), timestamp, body)
    if fault is not None and fault.bad_signature:
        signed = spoilt(signed, BadSignature(fault.bad_signature))
    return {"Content-Type": "application/json", "User-Agent": USER_AGENT, **signed}
