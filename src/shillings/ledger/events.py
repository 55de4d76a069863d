"""Events: what happened, told to those who listen. An operation emits them on the book, where it changes the book.

Whether anybody listens is read under the same locks as everything else. So an event is written in the transaction that
makes it true, or not at all; and where nobody listens, it costs one check of a field that is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from shillings.base.ids import NIL, show
from shillings.ledger.rows import TransactionRow

Data = Mapping[str, Any]


class Event(NamedTuple):
    """Something that happened to somebody.

    Args:
        user_id: whose event it is; what both sides of a payment are to hear of are two events.
        type: a word of contract.events.EventType.
        object_id: what it happened to: a transaction, a hold, a user.
        sequence: counts 1, 2, 3 … what happened to this object, as this user hears of it.
        data: the facts, with amounts in minor units under names that end in `_minor`.
        request_id, idempotency_key: of the request that did it, where it was this user's own; empty otherwise.
    """

    user_id: bytes
    type: str
    object_id: bytes
    sequence: int
    data: Data
    request_id: str = ""
    idempotency_key: str = ""


class Listener(NamedTuple):
    """One endpoint that is to be told.

    Args:
        endpoint_id: its id.
        user_id: whose events it hears; NIL hears everybody's.
        event_types: which ones; empty for all.
    """

    endpoint_id: bytes
    user_id: bytes
    event_types: frozenset[str] = frozenset()

    def hears(self, event: Event) -> bool:
        """Whether it is to be told."""
        return self.user_id in (event.user_id, NIL) and (not self.event_types or event.type in self.event_types)


class EventRow(NamedTuple):
    """One event as it is stored. `number` counts each user's events 1, 2, 3 … without a gap."""

    event_id: bytes
    number: int
    event: Event
    data: str


class DeliveryRow(NamedTuple):
    """One event that is to be delivered to one endpoint."""

    endpoint_id: bytes
    event_id: bytes


@dataclass(slots=True)
class Audience:
    """Who listens to what happens in a batch.

    Args:
        everybody: whether every user's events are kept, whether or not an endpoint wants them.
        listeners: the endpoints of the users in this batch, and those that hear everybody's events.
        numbers: how many events each user has, as far as there are any.
        places: how many events each operation has made.
    """

    everybody: bool = False
    listeners: list[Listener] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    places: dict[bytes, int] = field(default_factory=dict)

    def told(self, cause: bytes, events: Sequence[Event]) -> tuple[list[EventRow], list[DeliveryRow]]:
        """The rows that tell of these events.

        Args:
            cause: the id of the operation whose events they are; theirs are made of it.
            events: all of them.
        """
        rows: list[EventRow] = []
        deliveries: list[DeliveryRow] = []
        for event in events:
            place = self.places[cause] = self.places.get(cause, 0) + 1
            listeners = [listener for listener in self.listeners if listener.user_id in (event.user_id, NIL)]
            if not listeners and not self.everybody:
                continue
            number = self.numbers[event.user_id] = self.numbers.get(event.user_id, 0) + 1
            event_id = id_of(cause, place)
            rows.append(EventRow(event_id, number, event, msgspec.json.encode(event.data).decode()))
            deliveries += [DeliveryRow(one.endpoint_id, event_id) for one in listeners if one.hears(event)]
        return rows, deliveries


def id_of(cause: bytes, place: int) -> bytes:
    """The id of an operation's first, second … event: the operation's, but for its last byte.

    So it is as unique as the operation's, is of its time, and comes out the same when the operation is decided again.

    >>> id_of(bytes(16), 1) != id_of(bytes(16), 2) != bytes(16)
    True
    """
    assert 1 <= place <= 255, "an operation has few events"
    return cause[:15] + bytes([cause[15] ^ place])


def transaction_data(transaction: TransactionRow) -> Data:
    """What there is to tell of a transaction."""
    return {
        "transaction_id": show(transaction.transaction_id),
        "kind": transaction.kind.shown,
        "sender_email": transaction.sender_email,
        "receiver_email": transaction.receiver_email,
        "amount_minor": transaction.amount_minor,
    }
