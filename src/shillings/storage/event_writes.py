"""Who listens, and the statements that write events and their deliveries.

They are part of whatever transaction makes the events true.
"""

from collections.abc import Collection, Sequence

from shillings.base.ids import NIL
from shillings.ledger.events import Audience, DeliveryRow, EventRow, Listener
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal

ANYBODY = "SELECT 1 FROM webhook_endpoints WHERE enabled = 1 LIMIT 1"
"""Whether anybody listens to anything: what is asked while nobody does."""


def select_audience(user_ids: Collection[bytes]) -> str:
    """Who listens to what happens to these users, and how many events they have. Their wallets are locked."""
    users = in_list(sorted(user_ids))
    return (
        "SELECT endpoint_id, user_id, event_types, 0 FROM webhook_endpoints"
        f" WHERE enabled = 1 AND user_id IN ({users},{literal(NIL)})"
        # The newest of each by its index, however many there are: MAX … GROUP BY would read them all.
        f" UNION ALL SELECT {literal(NIL)}, u.user_id, '', COALESCE((SELECT e.number FROM events e"
        " WHERE e.user_id = u.user_id ORDER BY e.number DESC LIMIT 1), 0)"
        f" FROM users u WHERE u.user_id IN ({users})"
    )


def audience_of(found: Rows, *, everybody: bool = False) -> Audience:
    """The audience of what `select_audience` found."""
    audience = Audience(everybody)
    for endpoint_id, user_id, event_types, number in found:
        if bytes(endpoint_id) == NIL:
            audience.numbers[bytes(user_id)] = number
        else:
            types = frozenset(filter(None, event_types.split(",")))
            audience.listeners.append(Listener(bytes(endpoint_id), bytes(user_id), types))
    return audience


def read_audience(connection: Connection, user_ids: Collection[bytes]) -> Audience:
    """Who listens to what happens to these users. Their wallets are locked."""
    [found] = connection.query(select_audience(user_ids))
    return audience_of(found)


def event_statements(rows: Sequence[EventRow], deliveries: Sequence[DeliveryRow], now: str) -> list[str]:
    """What writes these; nothing when there are none."""
    statements = [insert_events(rows, now)] if rows else []
    return [*statements, insert_deliveries(deliveries, now)] if deliveries else statements


def insert_events(rows: Sequence[EventRow], now: str) -> str:
    """Write events."""
    values = [
        f"(x'{row.event_id.hex()}',x'{row.event.user_id.hex()}',{row.number},'{row.event.type}',"
        f"x'{row.event.object_id.hex()}',{row.event.sequence},{literal(row.event.request_id)},"
        f"{literal(row.event.idempotency_key)},{literal(row.data)},'{now}')"
        for row in rows
    ]
    return (
        "INSERT INTO events (event_id, user_id, number, type, object_id, sequence, request_id, idempotency_key, data,"
        f" created_at) VALUES {','.join(values)}"
    )


def insert_deliveries(rows: Sequence[DeliveryRow], now: str) -> str:
    """Write deliveries that are due at once."""
    values = [
        f"(x'{row.endpoint_id.hex()}',x'{row.event_id.hex()}','pending',0,0,'{now}',NULL,0,'{now}','{now}')"
        for row in rows
    ]
    return (
        "INSERT INTO deliveries (endpoint_id, event_id, state, attempts, attempts_since_resent, due_at, leased_by,"
        f" put_off, created_at, updated_at) VALUES {','.join(values)}"
    )
