"""The history of an account: its entries, newest first, with the transactions they belong to."""

from collections.abc import Sequence
from typing import NamedTuple

from shillings.base.clock import rfc3339
from shillings.ledger.rows import Kind
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list, literal
from shillings.storage.transits import ARRIVED, Progress, read_progress


class Filter(NamedTuple):
    """Which transactions of a history; what is empty does not filter. Times are in their stored form."""

    transaction_id: bytes = b""
    idempotency_key: str = ""
    reference: str = ""
    kind: str = ""
    counterparty_email: str = ""
    created_after: str = ""
    created_before: str = ""


EVERYTHING = Filter()

_SHOWN = {kind.value: kind.shown for kind in Kind}
_TRAVEL = frozenset({Kind.TOPUP.value, Kind.PENDING_TOPUP.value, Kind.PENDING_REFUND.value})
"""The kinds whose money may not simply arrive."""


class HistoryQuery(NamedTuple):
    """A request for a page of one's history: at most `limit` entries with a `seq` below `before`."""

    user_id: bytes
    token_id: bytes
    before: int
    limit: int
    filter: Filter = EVERYTHING


class HistoryLine(NamedTuple):
    """One transaction as its account's statement shows it."""

    seq: int
    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int
    created_at: str
    reference: str
    metadata: str
    refunded: int
    progress: Progress = ARRIVED


def read_pages(connection: Connection, queries: Sequence[HistoryQuery], now: str) -> list[list[HistoryLine] | None]:
    """A page for each query, in order; None where the session is revoked.

    The key is (account_id, seq), so a page costs the same at any depth, and new entries do not move old ones.
    """
    found, revoked_found = connection.query(select_pages(queries), select_revoked(queries))
    revoked = {bytes(row[0]) for row in revoked_found}
    pages = make_pages(connection, found, len(queries), now)
    return [None if query.token_id in revoked else page for query, page in zip(queries, pages, strict=True)]


def select_revoked(queries: Sequence[HistoryQuery]) -> str:
    """Finds which of the sessions that ask are revoked."""
    return f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({in_list({query.token_id for query in queries})})"


def select_pages(queries: Sequence[HistoryQuery]) -> str:
    """Finds the lines of all pages."""
    return " UNION ALL ".join([_page(number, query) for number, query in enumerate(queries)])


def make_pages(connection: Connection, found: Rows, count: int, now: str) -> list[list[HistoryLine]]:
    """The pages that are in what `select_pages` found."""
    lines: list[list[HistoryLine]] = [[] for _ in range(count)]
    progress = read_progress(connection, [bytes(row[2]) for row in found if row[3] in _TRAVEL], now)
    for number, seq, transaction_id, kind, sender, receiver, amount, created_at, reference, metadata, refunded in found:
        lines[number].append(
            HistoryLine(
                seq,
                transaction_id := bytes(transaction_id),
                _SHOWN[kind],
                sender,
                receiver,
                amount,
                rfc3339(created_at),
                reference or "",
                metadata or "",
                int(refunded or 0),
                progress.get(transaction_id, ARRIVED),
            )
        )
    for page in lines:
        # UNION ALL promises no order.
        page.sort(key=lambda line: -line.seq)
    return lines


def _page(number: int, query: HistoryQuery) -> str:
    # What one says of a transaction is one's own: the other side does not see it.
    return (
        f"SELECT * FROM (SELECT {number} AS page, e.seq, t.transaction_id, t.kind, t.sender_email, t.receiver_email,"
        " t.amount, CAST(t.created_at AS CHAR(26)) AS created_at, d.reference, d.metadata,"
        " (SELECT SUM(r.amount) FROM refunds r WHERE r.transaction_id = t.transaction_id) AS refunded"
        " FROM entries e JOIN transactions t ON t.transaction_id = e.transaction_id"
        " LEFT JOIN transaction_details d ON d.transaction_id = t.transaction_id AND d.user_id = e.account_id"
        f" WHERE e.account_id = {literal(query.user_id)} AND e.seq < {query.before}{_condition(query)}"
        f" ORDER BY e.seq DESC LIMIT {query.limit}) p{number}"
    )


def _condition(query: HistoryQuery) -> str:
    if query.filter is EVERYTHING:
        return ""
    wanted, user = query.filter, literal(query.user_id)
    conditions = []
    if wanted.transaction_id:
        conditions.append(f"t.transaction_id = {literal(wanted.transaction_id)}")
    if wanted.idempotency_key:
        conditions.append(
            "t.transaction_id = (SELECT k.transaction_id FROM idempotency_keys k"
            f" WHERE k.user_id = {user} AND k.idempotency_key = {literal(wanted.idempotency_key)})"
        )
    if wanted.reference:
        conditions.append(
            "t.transaction_id IN (SELECT f.transaction_id FROM transaction_details f"
            f" WHERE f.user_id = {user} AND f.reference = {literal(wanted.reference)})"
        )
    if wanted.kind:
        conditions.append(f"t.kind IN ({in_list([kind for kind in Kind if kind.shown == wanted.kind])})")
    if wanted.counterparty_email:
        email = literal(wanted.counterparty_email)
        conditions.append(
            f"(t.sender_id = {user} AND t.receiver_email = {email}"
            f" OR t.receiver_id = {user} AND t.sender_email = {email})"
        )
    if wanted.created_after:
        conditions.append(f"t.created_at >= {literal(wanted.created_after)}")
    if wanted.created_before:
        conditions.append(f"t.created_at < {literal(wanted.created_before)}")
    return "".join([f" AND {condition}" for condition in conditions])
