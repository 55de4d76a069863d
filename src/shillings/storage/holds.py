"""Holds as they are read: one's own, and those whose time is over."""

from collections.abc import Collection
from typing import Any, NamedTuple

from shillings.base.clock import rfc3339
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal

OVERDUE_MAX = 200
"""Holds of one run that are ended because their time is over."""

_COLUMNS = (
    "hold_id, payer_email, receiver_email, amount, captured, status,"
    " CAST(expires_at AS CHAR(26)), CAST(created_at AS CHAR(26))"
)


class StoredHold(NamedTuple):
    """One hold. `status` is `expired` as soon as its time is over; times are RFC 3339, amounts in minor units."""

    hold_id: bytes
    payer_email: str
    receiver_email: str
    amount_minor: int
    captured_minor: int
    status: str
    expires_at: str
    created_at: str


def find_overdue(
    connection: Connection, now: str, payer_ids: Collection[bytes] | None = None
) -> list[tuple[bytes, bytes]]:
    """Open holds whose time is over, as (hold_id, payer_id); of these payers, or of all. At most OVERDUE_MAX."""
    [found] = connection.query(select_overdue(now, payer_ids))
    return overdue_of(found)


def select_overdue(now: str, payer_ids: Collection[bytes] | None = None) -> str:
    """Finds them."""
    whose = "" if payer_ids is None else f" AND payer_id IN ({in_list(payer_ids)})"
    return (
        f"SELECT hold_id, payer_id FROM holds WHERE status = 'open' AND expires_at <= '{now}'{whose}"
        f" ORDER BY expires_at LIMIT {OVERDUE_MAX}"
    )


def overdue_of(found: Rows) -> list[tuple[bytes, bytes]]:
    """What `select_overdue` found."""
    return [(bytes(row[0]), bytes(row[1])) for row in found]


LEFT_OPEN_MAX = 1_000


def find_left_open(connection: Connection, now: str) -> list[tuple[bytes, str]]:
    """Holds that nobody captured or voided, as (hold_id, `open` or `expired`). At most LEFT_OPEN_MAX."""
    [found] = connection.query(
        "SELECT hold_id, status, CAST(expires_at AS CHAR(26)) FROM holds WHERE status IN ('open', 'expired')"
        f" LIMIT {LEFT_OPEN_MAX}"
    )
    return [(bytes(row[0]), "expired" if row[2] <= now else str(row[1])) for row in found]


class HoldsQuery(NamedTuple):
    """Whose holds are read, and which.

    Args:
        user_id: whose they are, as payer or as receiver.
        token_id: the session it is asked with.
        hold_id: this one only; empty for all.
        status: only these; empty for all.
        before: only those with a smaller id; empty for the newest.
        limit: how many at most.
    """

    user_id: bytes
    token_id: bytes
    hold_id: bytes = b""
    status: str = ""
    before: bytes = b""
    limit: int = 1


def read_holds(connection: Connection, query: HoldsQuery, now: str) -> list[StoredHold] | None:
    """Holds, newest first; None where the session is revoked."""
    user = literal(query.user_id)
    conditions = [f"(payer_id = {user} OR receiver_id = {user})"]
    if query.hold_id:
        conditions.append(f"hold_id = {literal(query.hold_id)}")
    if query.before:
        conditions.append(f"hold_id < {literal(query.before)}")
    if query.status:
        conditions.append(_has_status(query.status, now))
    found, revoked = connection.query(
        f"SELECT {_COLUMNS} FROM holds WHERE {' AND '.join(conditions)} ORDER BY hold_id DESC LIMIT {query.limit}",
        f"SELECT token_id FROM revoked_tokens WHERE token_id = {literal(query.token_id)}",
    )
    return None if revoked else [_hold(row, now) for row in found]


def _has_status(status: str, now: str) -> str:
    match status:
        case "open":
            return f"status = 'open' AND expires_at > '{now}'"
        case "expired":
            return f"(status = 'expired' OR status = 'open' AND expires_at <= '{now}')"
        case _:
            return f"status = {literal(status)}"


def _hold(row: Any, now: str) -> StoredHold:
    hold_id, payer, receiver, amount, captured, status, expires_at, created_at = row
    if status == "open" and expires_at <= now:
        status = "expired"
    return StoredHold(
        bytes(hold_id), payer, receiver, amount, captured, status, rfc3339(expires_at), rfc3339(created_at)
    )
