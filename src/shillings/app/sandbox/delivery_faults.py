"""Faults on webhook deliveries: planned where deliverers take what is due, and where an answer waits for one."""

import time
from collections.abc import Hashable
from datetime import timedelta
from typing import Any, cast

from shillings.app.call import AppliedFault, Call, Handler, Result, SignedInCall
from shillings.app.news import News
from shillings.app.sandbox.fault_rules import Rules
from shillings.base import ids
from shillings.contract.delivery_faults import DeliveryFault
from shillings.contract.shillings_pb2 import Delivery
from shillings.sandbox.faults.catalogue import DELIVERY
from shillings.sandbox.faults.deliveries import Batch, Copies, DeliveryEffect, Drop, PutOff, Spoil, Stale
from shillings.sandbox.plan import Plan
from shillings.sandbox.subjects import SUBJECT
from shillings.storage.claiming import Due
from shillings.storage.deliveries import Told, told_of
from shillings.storage.executor import Executor

AHEAD_SECONDS_MAX = 5.0
"""How long an answer waits for its webhook."""

ANSWER_SECONDS = 0.5
"""What is left of a request's time for its answer to get back."""

POLL_SECONDS = 0.02


class DeliveryFaults:
    """Plans faults for deliveries.

    Args:
        rules: those in force.
        reads: the executor that looks deliveries up.
        news: of reports.
    """

    def __init__(self, rules: Rules, reads: Executor, news: News) -> None:
        self._rules = rules
        self._reads = reads
        self._news = news

    async def plan(self, due: Due) -> DeliveryFault | timedelta | None:
        """What is to be done to one attempt: a fault for the deliverer, or how much later to try; None for nothing."""
        if self._rules.empty or due.put_off:
            return None
        plan = await self._plan(due.event.type, due.endpoint_id, due.event.object_id, due.event.event_id, "is_attempt")
        return _done_to(plan) if plan.fault is not None else None

    def before_response(self, handler: Handler) -> Handler:
        """The handler of a request that moves money; its answer may have to wait for its webhooks."""

        async def handle(call: Any, message: Any) -> Result:
            result = await handler(call, message)
            if self._rules.empty or result.replayed:
                return result
            return await self._ahead(call, result)

        return handle

    async def _ahead(self, call: Call | SignedInCall, result: Result) -> Result:
        transaction_id: bytes = getattr(result.answer, "transaction_id", b"")
        applied = ""
        waited_for: list[Told] = []
        for told in await self._reads.run(lambda connection: told_of(connection, transaction_id)):
            plan = await self._plan(told.type, told.endpoint_id, told.object_id, told.event_id, "is_answer")
            if plan.fault is not None:
                applied = plan.applied
                waited_for.append(told)
        if not waited_for:
            return result
        why_not = await self._wait(transaction_id, {(t.endpoint_id, t.event_id) for t in waited_for}, call.deadline)
        return result._replace(
            applied_fault=AppliedFault(f'{applied};not_before="{why_not}"' if why_not else applied, Delivery.WHOLE)
        )

    async def _wait(self, transaction_id: bytes, wanted: set[tuple[bytes, bytes]], deadline: float) -> str:
        """Wait until all of these are delivered; why not, when the time is over."""
        began = time.monotonic()
        ends = min(began + AHEAD_SECONDS_MAX, deadline - ANSWER_SECONDS)
        while True:
            found = await self._reads.run(lambda connection: told_of(connection, transaction_id))
            open_ = [one for one in found if (one.endpoint_id, one.event_id) in wanted and one.state != "delivered"]
            if not open_:
                return ""
            if time.monotonic() >= ends:
                return f"not accepted within {ends - began:.1f} s, {max(one.attempts for one in open_)} attempts made"
            await self._news.wait(POLL_SECONDS)

    async def _plan(self, kind: str, endpoint_id: bytes, object_id: bytes, event_id: bytes, stage: str) -> Plan:
        facts: dict[str, Hashable] = {
            SUBJECT: DELIVERY.name,
            "event_type": kind,
            "endpoint_id": ids.show(endpoint_id),
            "object_id": ids.show(object_id),
            stage: True,
        }
        return await self._rules.plan(facts, event_id, None)


def _done_to(plan: Plan) -> DeliveryFault | timedelta | None:
    told, effect = plan.fault.name if plan.fault is not None else "", cast(DeliveryEffect, plan.effect)
    done: DeliveryFault | timedelta | None = None
    match effect:
        case PutOff(seconds):
            done = timedelta(seconds=seconds)
        case Drop():
            done = DeliveryFault(told, drop=True)
        case Copies(copies):
            done = DeliveryFault(f"{told};copies={copies}", copies=copies)
        case Spoil(how):
            done = DeliveryFault(f"{told};how={how}", bad_signature=how)
        case Stale():
            done = DeliveryFault(told, stale=True)
        case Batch(size, seconds):
            done = DeliveryFault(f"{told};batch={size}", batch=size, seconds=seconds)
    return done
