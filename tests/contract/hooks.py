"""Somebody's webhook endpoint on a bank, and shorthands for what becomes of deliveries."""

import random
from datetime import datetime, timedelta
from itertools import count

from shillings.base import ids
from shillings.base.clock import stored
from shillings.base.ids import NIL
from shillings.ledger.events import Event
from shillings.storage import deliveries, webhook_endpoints
from shillings.storage.claiming import Claim, Claimed, claim
from shillings.storage.deliveries import DeliveryQuery, StoredDelivery
from shillings.storage.event_writes import event_statements, read_audience
from shillings.storage.reporting import Report, Reports
from shillings.storage.webhook_endpoints import Endpoint, Owner, Secret
from shillings.webhooks.attempts import Attempt, AttemptOutcome
from shillings.webhooks.schedule import PAUSE_SECONDS
from tests.contract.bank import MOMENT, Bank

OK, NO = Attempt(AttemptOutcome.ACCEPTED, 200), Attempt(AttemptOutcome.REJECTED, 500, b"no")


GONE = Attempt(AttemptOutcome.GONE, 410)


DELIVERER, ANOTHER = b"d" * 16, b"e" * 16


_numbers = count(1)


def fresh_id(now: datetime = MOMENT) -> bytes:
    """An id of this time that sorts after those before."""
    return ids.first_id(now)[:6] + next(_numbers).to_bytes(9, "big") + b"\0"


class Hooks:
    """Somebody's endpoint on a bank, and the events that reach it."""

    def __init__(self, bank: Bank, *event_types: str, owner: Owner | None = None) -> None:
        self.bank = bank
        self.owner = owner or Owner(bank.user().user_id, NIL)
        self.endpoint_id = self.listen(*event_types)

    def listen(self, *event_types: str) -> bytes:
        """One more endpoint of the same owner."""
        made = Endpoint(
            fresh_id(),
            self.owner.user_id,
            "http://127.0.0.1:9/",
            event_types,
            (Secret(b"k" * 32),),
            True,
            "",
            "",
            "",
            "",
        )
        return webhook_endpoints.add(self.bank.connection, self.owner, made, 10, MOMENT).endpoint_id

    def happen(self, *types: str, now: datetime = MOMENT) -> list[bytes]:
        """Events of the owner's, each of an object of its own; their ids."""
        connection, made = self.bank.connection, []
        for kind in types:
            connection.query(connection.dialect.begin)
            audience = read_audience(connection, [self.owner.user_id])
            event = Event(self.owner.user_id, kind, fresh_id(), 1, {"amount_minor": 5}, "r-1", "k-1")
            rows, deliveries_made = audience.told(fresh_id(now), (event,))
            connection.commit(*event_statements(rows, deliveries_made, stored(now)))
            made += [row.event_id for row in rows]
        return made

    def claim(self, *, now: datetime = MOMENT, by: bytes = DELIVERER, real: float = 0.0, limit: int = 100) -> Claimed:
        """Take what is due."""
        return claim(self.bank.connection, Claim(by, limit, now, MOMENT + timedelta(seconds=real)))

    def report(self, attempt: Attempt, *event_ids: bytes, now: datetime = MOMENT, by: bytes = DELIVERER) -> None:
        """Tell what became of attempts."""
        reports = [Report(fresh_id(), by, self.endpoint_id, event_id, attempt) for event_id in event_ids]
        Reports(reports, now, random.Random(1), PAUSE_SECONDS).execute(self.bank.connection)

    def delivery(self, event_id: bytes) -> StoredDelivery:
        """The state of a delivery."""
        found = deliveries.read(self.bank.connection, self.owner, DeliveryQuery(self.endpoint_id, event_id))
        assert found
        return found[0]

    @property
    def endpoint(self) -> Endpoint:
        """The state of the endpoint."""
        [found] = webhook_endpoints.find(self.bank.connection, self.owner, self.endpoint_id)
        return found


def ids_of(claimed: Claimed) -> list[bytes]:
    """The events of a claim."""
    return [due.event.event_id for due in claimed.due]
