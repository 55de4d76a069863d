"""Deliveries as their owner sees them: what was sent, what came back, and sending it again."""

from shillings.app.call import Call, Result, SignedInCall
from shillings.app.events import OwnerOf, asked, caller, event_message, page_limit, read_cursor
from shillings.app.news import News
from shillings.app.times import parse_time
from shillings.app.webhook_endpoints import no_endpoint
from shillings.base import ids
from shillings.base.environment import Environment
from shillings.base.errors import Code, Refusal, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.storage import deliveries as stored_deliveries
from shillings.storage.deliveries import DeliveryQuery, StoredAttempt, StoredDelivery
from shillings.storage.executor import Executor
from shillings.webhooks.settling import DeliveryState


class Deliveries:
    """Shows deliveries, and makes them due again.

    Args:
        writes: the executor that writes them.
        reads: the executor that reads them.
        environment: the time.
        news: told when something has become due.
        owner_of: whose endpoints they go to.
    """

    def __init__(
        self, *, writes: Executor, reads: Executor, environment: Environment, news: News, owner_of: OwnerOf = caller
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._environment = environment
        self._news = news
        self._owner_of = owner_of

    async def read(self, call: SignedInCall | Call, request: wire.DeliveriesRequest) -> Result:
        """One delivery with its attempts, or a page of an endpoint's deliveries, newest first."""
        owner = self._owner_of(call)
        if request.event_id:
            limit, query = 1, DeliveryQuery(request.endpoint_id, request.event_id, limit=1)
        else:
            limit = page_limit(request.limit)
            if request.state and request.state not in set(DeliveryState):
                raise invalid("state", f"is none. There are: {', '.join(DeliveryState)}.")
            before = read_cursor(request.cursor)
            query = DeliveryQuery(request.endpoint_id, b"", request.state, before, limit + 1)
        found = await asked(self._reads.run(lambda connection: stored_deliveries.read(connection, owner, query)))
        if found is None:
            raise no_endpoint()
        if request.event_id:
            if not found:
                raise _no_delivery()
            return Result(wire.DeliveriesAnswer(delivery=_message(found[0])))
        page, more = found[:limit], len(found) > limit
        cursor = ids.show(page[-1].event.event_id) if more else ""
        return Result(wire.DeliveriesAnswer(deliveries=[_message(one) for one in page], next_cursor=cursor))

    async def send_again(self, call: SignedInCall | Call, request: wire.DeliverAgainRequest) -> Result:
        """Make one event's delivery due, or those of all that has happened since and was not accepted."""
        owner, now = self._owner_of(call), self._environment.clock.now()
        if request.event_id:
            known = await asked(
                self._writes.run(
                    lambda connection: stored_deliveries.resend(
                        connection, owner, request.endpoint_id, request.event_id, now
                    )
                )
            )
            if not known:
                raise _no_delivery()
            count = 1
        else:
            since = parse_time(request.since, "since")
            found = await asked(
                self._writes.run(
                    lambda connection: stored_deliveries.recover(connection, owner, request.endpoint_id, since, now)
                )
            )
            if found is None:
                raise no_endpoint()
            count = found
        if count:
            self._news.tell()
        return Result(wire.DeliverAgainAnswer(delivery_count=count))


def _no_delivery() -> Refusal:
    return Refusal(Code.NOT_FOUND, "You have no such endpoint, or no event of this id.", field="event_id")


def _message(delivery: StoredDelivery) -> wire.DeliveryState:
    return wire.DeliveryState(
        event=event_message(delivery.event),
        state=delivery.state,
        attempt_count=delivery.attempts,
        due_at=delivery.due_at,
        under_way=delivery.under_way,
        updated_at=delivery.updated_at,
        attempts=[_attempt(attempt) for attempt in delivery.made],
    )


def _attempt(attempt: StoredAttempt) -> wire.Attempt:
    return wire.Attempt(
        attempt=attempt.attempt,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        answer=attempt.answer.decode("utf-8", "replace"),
        detail=attempt.detail,
        fault=attempt.fault,
        took_ms=attempt.took_ms,
        created_at=attempt.created_at,
    )
