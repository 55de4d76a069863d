"""The newest page of histories, read only where what was read before is not current any more.

What tells whether a page is current is its account's *mark*: how many entries there are, which transaction the newest
belongs to, and when the account last changed. Whatever changes a line that is already there adds an entry in the same
transaction to the account whose line it is: a refund, a hold's end, a top-up that comes back. There is one exception:
while money is on its way, the end of a top-up or refund changes what is said of it, and of the payment, and adds an
entry to one side at most. So an account with money on its way has no mark, and its page is read each time.

A mark is read before the page it is kept with. So a page may be newer than its mark, which then is never met again; it
is never older.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.history import HistoryLine, HistoryQuery, make_pages, select_pages, select_revoked
from shillings.storage.sql import in_list


class Mark(NamedTuple):
    """What changes whenever the newest page of an account does."""

    entry_count: int
    newest_id: bytes
    updated_at: str


class NewestPage(NamedTuple):
    """What there is to be known of a page.

    Args:
        mark: its account's; None where there is none, and nothing may be kept.
        lines: the page; None where the mark is the one that was known already.
    """

    mark: Mark | None
    lines: list[HistoryLine] | None


def read_newest(
    connection: Connection, queries: Sequence[HistoryQuery], known: Sequence[Mark | None], now: str
) -> list[NewestPage | None]:
    """The newest page for each query, in order, as far as it is not known; None where the session is revoked.

    One round trip, one more where something that was known is not current, and one where money may be on its way.
    """
    unknown = [number for number, mark in enumerate(known) if mark is None]
    marks_found, revoked_found, *pages_found = connection.query(
        _select_marks({query.user_id for query in queries}),
        select_revoked(queries),
        *([select_pages([queries[number] for number in unknown])] if unknown else []),
    )
    marks, revoked = _marks(marks_found), {bytes(row[0]) for row in revoked_found}
    stale = [
        number
        for number, (query, mark) in enumerate(zip(queries, known, strict=True))
        if mark is not None and mark != marks.get(query.user_id)
    ]
    if stale:
        pages_found += connection.query(select_pages([queries[number] for number in stale]))
    lines: dict[int, list[HistoryLine]] = {}
    for numbers, found in zip(filter(None, [unknown, stale]), pages_found, strict=True):
        lines |= zip(numbers, make_pages(connection, found, len(numbers), now), strict=True)
    return [
        None if query.token_id in revoked else NewestPage(marks.get(query.user_id), lines.get(number))
        for number, query in enumerate(queries)
    ]


def _select_marks(user_ids: set[bytes]) -> str:
    """Finds the marks of these users, and which of them have money on its way."""
    pending = " OR ".join(
        f"EXISTS (SELECT 1 FROM transits x WHERE x.{side} = u.user_id AND x.status = 'pending')"
        for side in ("receiver_id", "sender_id")
    )
    return (
        "SELECT u.user_id, u.entry_count, e.transaction_id, CAST(u.updated_at AS CHAR(26)),"
        f" CASE WHEN {pending} THEN 1 ELSE 0 END"
        " FROM users u LEFT JOIN entries e ON e.account_id = u.user_id AND e.seq = u.entry_count"
        f" WHERE u.user_id IN ({in_list(user_ids)})"
    )


def _marks(found: Rows) -> dict[bytes, Mark]:
    return {
        bytes(user_id): Mark(count, bytes(newest_id or b""), updated_at)
        for user_id, count, newest_id, updated_at, is_pending in found
        if not is_pending
    }
