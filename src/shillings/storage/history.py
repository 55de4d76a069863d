"""The history of an account: its entries, newest first, with the transactions they belong to."""

from collections.abc import Sequence
from typing import NamedTuple

from shillings.clock import rfc3339
from shillings.storage.lanes import Session
from shillings.storage.sql import in_list, literal


class HistoryLook(NamedTuple):
    """A wish to read a page of one's history: at most `limit` entries with a `seq` below `before`."""

    user_id: bytes
    token_id: bytes
    before: int
    limit: int


class HistoryLine(NamedTuple):
    """One transaction as its account's statement shows it."""

    seq: int
    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int
    created_at: str


def read_pages(session: Session, looks: Sequence[HistoryLook]) -> list[list[HistoryLine] | None]:
    """A page for each look, in order; None where the session is revoked.

    The key is (account_id, seq), so a page costs the same at any depth, and new entries do not move old ones.
    """
    pages, revoked_found = session.visit(
        " UNION ALL ".join([_page(number, look) for number, look in enumerate(looks)]),
        f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({in_list({look.token_id for look in looks})})",
    )
    revoked = {bytes(row[0]) for row in revoked_found}
    lines: list[list[HistoryLine]] = [[] for _ in looks]
    for number, seq, transaction_id, kind, sender_email, receiver_email, amount, created_at in pages:
        lines[number].append(
            HistoryLine(seq, bytes(transaction_id), kind, sender_email, receiver_email, amount, rfc3339(created_at))
        )
    for page in lines:
        # UNION ALL promises no order.
        page.sort(key=lambda line: -line.seq)
    return [None if look.token_id in revoked else page for look, page in zip(looks, lines, strict=True)]


def _page(number: int, look: HistoryLook) -> str:
    return (
        f"SELECT * FROM (SELECT {number} AS look, e.seq, t.transaction_id, t.kind, t.sender_email, t.receiver_email,"
        " t.amount, CAST(t.created_at AS CHAR(26)) AS created_at"
        " FROM entries e JOIN transactions t ON t.transaction_id = e.transaction_id"
        f" WHERE e.account_id = {literal(look.user_id)} AND e.seq < {look.before}"
        f" ORDER BY e.seq DESC LIMIT {look.limit}) p{number}"
    )
