"""Money on its way as it is read: what is due by the clock, and one transaction's."""

from collections.abc import Collection
from typing import NamedTuple

from shillings.base.clock import rfc3339
from shillings.base.ids import NIL
from shillings.ledger.rows import TransitStatus
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal

DUE_MAX = 200
"""Transits of one run that end because it is time."""

PENDING_TOPUPS_MAX = 1_000


class Progress(NamedTuple):
    """What has become of money that travels.

    Args:
        status: a word of TransitStatus.
        settles_at: when the clock ends what is pending, in the API's form; empty where it is over, or somebody decides.
    """

    status: str = TransitStatus.SUCCEEDED
    settles_at: str = ""


ARRIVED = Progress()
"""Of money that simply arrived."""


class Begun(NamedTuple):
    """A top-up or refund, and whose operation it was."""

    transaction_id: bytes
    user_id: bytes


def select_due(now: str, user_ids: Collection[bytes] | None = None) -> str:
    """Finds what is due: what will be money of these users, or all there is. At most DUE_MAX."""
    whose = ""
    if user_ids is not None:
        users = in_list(user_ids)
        whose = (
            f" AND x.status = 'pending' AND (x.receiver_id IN ({users}) AND x.final = 'succeeded'"
            f" OR x.sender_id IN ({users}) AND x.final = 'failed')"
        )
    return (
        "SELECT x.transaction_id, x.sender_id, x.receiver_id FROM transits x"
        f" WHERE x.due_at <= '{now}'{whose} ORDER BY x.due_at LIMIT {DUE_MAX}"
    )


def any_arrived_or_owed(now: str) -> str:
    """A condition: money has arrived that was not moved yet, or anybody owes something."""
    return f"EXISTS (SELECT 1 FROM transits WHERE due_at <= '{now}') OR EXISTS (SELECT 1 FROM debts WHERE amount > 0)"


def select_arrived_and_owed(users: str, now: str) -> list[str]:
    """Find what counts as these users' money by now, though it is still on its way, and what they owe.

    Args:
        users: the inside of an IN list.
        now: the time, in its stored form.
    """
    arrived = [
        f"SELECT {side}, SUM(amount), 0, 0, '', 0 FROM transits WHERE {side} IN ({users}) AND status = 'pending'"
        f" AND final = '{final}' AND due_at <= '{now}' GROUP BY {side}"
        for side, final in (("receiver_id", "succeeded"), ("sender_id", "failed"))
    ]
    owed = f"SELECT user_id, 0, 0, amount, '', 0 FROM debts WHERE user_id IN ({users}) AND amount > 0"
    return [*arrived, owed]


def progress_of(status: str, final: str, due_at: str, now: str) -> Progress:
    """What has become of money by now.

    Args:
        status: what is stored.
        final: what becomes of it in the end.
        due_at: when, as times are stored; empty where somebody is to decide.
        now: the time, in the same form.
    """
    if status != TransitStatus.PENDING:
        return Progress(status)
    if due_at and due_at <= now:
        return Progress(final)
    return Progress(status, rfc3339(due_at) if due_at else "")


def read_progress(connection: Connection, transaction_ids: Collection[bytes], now: str) -> dict[bytes, Progress]:
    """What has become by now of those of these transactions whose money did not simply arrive."""
    if not transaction_ids:
        return {}
    [found] = connection.query(
        "SELECT transaction_id, status, final, CAST(due_at AS CHAR(26)) FROM transits"
        f" WHERE transaction_id IN ({in_list(transaction_ids)})"
    )
    return {bytes(row[0]): progress_of(row[1], row[2], row[3] or "", now) for row in found}


def due_of(found: Rows) -> list[Begun]:
    """What `select_due` found."""
    return [_begun(*map(bytes, row)) for row in found]


def find_due(connection: Connection, now: str) -> list[Begun]:
    """What is due. At most DUE_MAX."""
    [found] = connection.query(select_due(now))
    return due_of(found)


def find_pending_topups(connection: Connection) -> set[bytes]:
    """Top-ups whose money did not arrive at once, whatever became of it since; the newest PENDING_TOPUPS_MAX."""
    [found] = connection.query(
        "SELECT x.transaction_id FROM transits x JOIN transactions t ON t.transaction_id = x.transaction_id"
        f" WHERE t.kind = 'pending_topup' ORDER BY x.transaction_id DESC LIMIT {PENDING_TOPUPS_MAX}"
    )
    return {bytes(row[0]) for row in found}


def find_begun(connection: Connection, transaction_id: bytes, kinds: Collection[str]) -> Begun | None:
    """A transaction, if it is of one of these kinds."""
    [found] = connection.query(
        "SELECT transaction_id, sender_id, receiver_id FROM transactions"
        f" WHERE transaction_id = {literal(transaction_id)} AND kind IN ({in_list(kinds)})"
    )
    return due_of(found)[0] if found else None


def _begun(transaction_id: bytes, sender_id: bytes, receiver_id: bytes) -> Begun:
    # A top-up comes from no user: it is its receiver's.
    return Begun(transaction_id, receiver_id if sender_id == NIL else sender_id)
