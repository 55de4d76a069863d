"""Deliverers ask for what is due, and report what became of it.

A claim waits here until something is due: this process hears of what it has written itself, and asks the database
for what others have.
"""

import asyncio
import hmac
import time
from datetime import timedelta

import structlog

from shillings.app.call import Call, Result
from shillings.app.events import event_message
from shillings.app.news import News
from shillings.app.sandbox.delivery_faults import DeliveryFaults
from shillings.base.batching import Batcher, MakeBatcher, Take
from shillings.base.bounded import BoundedMap
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.contract.delivery_faults import DeliveryFault, encode
from shillings.storage.claiming import Claim, Due, Outlook, claim, peek, release_all
from shillings.storage.deliveries import put_off
from shillings.storage.executor import Executor
from shillings.storage.reporting import Report, Reports
from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.schedule import RETRY_AFTER_SECONDS_MAX

CLAIM_LIMIT_MAX = 100
"""Deliveries of one claim: with their events and secrets they fit into a frame."""

WAIT_SECONDS_MAX = 10.0
POLL_SECONDS = 0.04
"""How often to ask the database for what other application servers have written, while anybody listens."""

POLL_SECONDS_IDLE = 1.0
"""How often while nobody does."""

PACE_SECONDS = 0.03
"""How long the next claim of a deliverer that has work waits after the last one, and the next reports after the last
ones: each costs a commit beside the payments', so it is to bring many. Nobody who has nothing to do waits."""

HEARD_SECONDS = 2.0
"""How often it is noted that a deliverer lives."""

DELIVERERS_MAX = 1_000
SPENT_SECONDS = 0.1
"""How long to wait where something is due and cannot be taken, because the endpoint has enough under way."""


RUN_DUE_SECONDS_MAX = 4.0
"""How long an advance of the test clock waits for what it has made due: less than a request may take."""

log = structlog.get_logger(__name__)


class Delivering:
    """What deliverers are answered.

    Args:
        writes: the executor for claims and reports.
        reads: the executor that reads whether anything is due.
        environment: the time, by which deliveries are due, and chance.
        make_batcher: batches reports.
        news: of what has become due.
        key: what deliverers show.
        pauses: the pause before each attempt.
        alone: whether no other process writes to the database.
    """

    def __init__(
        self,
        *,
        writes: Executor,
        reads: Executor,
        environment: Environment,
        make_batcher: MakeBatcher,
        news: News,
        key: str,
        pauses: tuple[float, ...],
        alone: bool,
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._environment = environment
        self._news = news
        self._key = key
        self._pauses = pauses
        self._alone = alone
        self.faults: DeliveryFaults | None = None
        """What is done to deliveries on purpose; None where the sandbox is off."""
        self._attempts = 0
        self._heard: BoundedMap[bytes, float] = BoundedMap(entries_max=DELIVERERS_MAX)
        self._releases: set[asyncio.Task[None]] = set()
        self._taken: BoundedMap[bytes, float] = BoundedMap(entries_max=DELIVERERS_MAX)
        self._stored_at = float("-inf")
        self._reports: Batcher[Report, None] = make_batcher("reports", self._store_paced)

    async def claim(self, call: Call, request: wire.ClaimRequest) -> Result:
        """Give a deliverer what is due, as soon as something is; or nothing, when it has waited long enough."""
        self._require_key(call)
        deliverer_id = _id(request.deliverer_id, "deliverer_id")
        limit = min(request.limit, CLAIM_LIMIT_MAX)
        spare = max(0, limit - max(0, request.limit - request.spare))
        ends = time.monotonic() + min(request.wait_ms / 1000, WAIT_SECONDS_MAX)
        while True:
            if request.under_way:
                await _paced(self._taken.get(deliverer_id) or float("-inf"))
            outlook = await self._peek()
            if outlook.due or (request.under_way and time.monotonic() >= ends):
                # It is made also when the time is over and brings nothing: it says that the deliverer lives.
                deliveries = await self._take(deliverer_id, limit, spare)
                if deliveries:
                    return Result(wire.ClaimAnswer(deliveries=deliveries))
            left = ends - time.monotonic()
            if left <= 0:
                return Result(wire.ClaimAnswer())
            await self._news.wait(min(left, self._pause(outlook)))

    async def run_due(self) -> int:
        """Wait until nothing is due and nothing under way, for a while at most; return how many attempts were made."""
        before, ends = self._attempts, time.monotonic() + RUN_DUE_SECONDS_MAX
        self._news.tell()
        while time.monotonic() < ends:
            outlook = await self._peek()
            if not outlook.due and not outlook.leased:
                break
            await self._news.wait(POLL_SECONDS)
        return self._attempts - before

    def begin_epoch(self) -> None:
        """Another epoch: what deliverers have is of the one before, and what is due may be something else."""
        now = self._environment.clock.now()
        task = asyncio.ensure_future(self._writes.run(lambda connection: release_all(connection, now)))
        self._releases.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: "asyncio.Task[None]") -> None:
        self._releases.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("release_failed", reason=str(error))
        self._news.tell()

    async def report(self, call: Call, request: wire.ReportRequest) -> Result:
        """Note what became of an attempt."""
        self._require_key(call)
        try:
            outcome = AttemptOutcome(request.outcome)
        except ValueError:
            raise invalid("outcome", f"is none. There are: {', '.join(AttemptOutcome)}.") from None
        attempt = Attempt(
            outcome,
            request.http_status,
            request.answer,
            min(max(request.retry_after_s, 0.0), RETRY_AFTER_SECONDS_MAX),
            request.detail,
            request.took_ms,
        )
        report = Report(
            self._environment.ids.new(),
            _id(request.deliverer_id, "deliverer_id"),
            _id(request.endpoint_id, "endpoint_id"),
            _id(request.event_id, "event_id"),
            attempt,
            request.fault[:64],
        )
        await self._reports.submit(report, call.deadline)
        return Result(wire.ReportAnswer())

    async def _take(self, deliverer_id: bytes, limit: int, spare: int) -> list[wire.DueDelivery]:
        now, real_now = self._environment.clock.now(), self._environment.real.now()
        lives = time.monotonic() - (self._heard.get(deliverer_id) or 0.0) >= HEARD_SECONDS
        request = Claim(deliverer_id, limit, now, real_now, spare, lives)
        claimed = await self._writes.run(lambda connection: claim(connection, request))
        self._taken[deliverer_id] = time.monotonic()
        if lives or claimed.due:
            self._heard[deliverer_id] = time.monotonic()
        if self.faults is None:
            return [_delivery(due, None) for due in claimed.due]
        return [
            delivery
            for due in claimed.due
            if (delivery := await self._planned(deliverer_id, due, self.faults)) is not None
        ]

    async def _planned(self, deliverer_id: bytes, due: Due, faults: DeliveryFaults) -> wire.DueDelivery | None:
        """A delivery with what is to be done to it on purpose; None when it is put off."""
        fault = await faults.plan(due)
        if isinstance(fault, timedelta):
            due_at = self._environment.clock.now() + fault
            await self._writes.run(
                lambda connection: put_off(connection, deliverer_id, due.endpoint_id, [due.event.event_id], due_at)
            )
            return None
        return _delivery(due, fault)

    async def _peek(self) -> Outlook:
        now, real_now = self._environment.clock.now(), self._environment.real.now()
        return await self._reads.run(lambda connection: peek(connection, now, real_now))

    def _pause(self, outlook: Outlook) -> float:
        """How long nothing can become due that this process would not hear of."""
        if outlook.due:
            return SPENT_SECONDS
        pause = POLL_SECONDS_IDLE if self._alone or not outlook.listened else POLL_SECONDS
        if outlook.next_due_at is not None:
            pause = min(pause, max(0.0, (outlook.next_due_at - self._environment.clock.now()).total_seconds()))
        return pause

    async def _store_paced(self, take: Take[Report]) -> list[None]:
        """Store the reports that have come by the time the pace allows; a lone one at once."""
        await _paced(self._stored_at)
        reports = take()
        done = await self._store(reports) if reports else []
        self._stored_at = time.monotonic()
        return done

    async def _store(self, reports: list[Report]) -> list[None]:
        work = Reports(reports, self._environment.clock.now(), self._environment.rng, self._pauses)
        # Counted first: whoever waits for the commit must find them counted.
        self._attempts += len(reports)
        done = await self._writes.run(work.execute)
        # An endpoint has room again, or a deliverer's report has brought about an event.
        self._news.tell()
        return done

    def _require_key(self, call: Call) -> None:
        if not self._key or not hmac.compare_digest(call.token.encode(), self._key.encode()):
            raise Refusal(Code.UNAUTHENTICATED, "This is for deliverers that have SHILLINGS_DELIVERER_KEY.")


async def _paced(last: float) -> None:
    """Wait until PACE_SECONDS have passed since then."""
    left = last + PACE_SECONDS - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


def _id(value: bytes, field: str) -> bytes:
    if len(value) != 16:
        raise invalid(field, "must have 16 bytes.")
    return value


def _delivery(due: Due, fault: DeliveryFault | None) -> wire.DueDelivery:
    return wire.DueDelivery(
        endpoint_id=due.endpoint_id,
        url=due.url,
        keys=due.keys,
        event=event_message(due.event),
        fault="" if fault is None else encode(fault),
    )
