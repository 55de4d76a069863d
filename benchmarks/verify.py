"""Checks afterwards that the ledger has everything it acknowledged, and that its books are right.

A rate is worth nothing if the payments are not there. Nothing here uses the service's own code.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

_LOOK_IDS_MAX = 5_000
_ID_CHARACTERS = 36


class LedgerWrong(Exception):
    """Acknowledged payments are missing, or the books are wrong; the message says which."""


def verify(url: str, acknowledged: Sequence[bytes] = ()) -> int:
    """Hold a ledger against what clients were told, and against itself.

    Args:
        url: a SQLAlchemy URL, of SQLite or of the MySQL family.
        acknowledged: ids of transactions as the API shows them, 36 characters each, one after the other.

    Returns:
        How many acknowledged transactions were looked up, every one of which is there.

    Raises:
        LedgerWrong: something is missing or wrong.
    """
    engine = sa.create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            looked_up = sum(_find_all(connection, ids) for ids in acknowledged)
            wrong = [sentence for sentence in _book_errors(connection) if sentence]
    finally:
        engine.dispose()
    if wrong:
        raise LedgerWrong("; ".join(wrong))
    return looked_up


def _find_all(connection: sa.Connection, text: bytes) -> int:
    """Look every acknowledged transaction up; return how many there are. Raises LedgerWrong."""
    plain = text.replace(b"-", b"").decode()
    ids = [plain[at : at + 32] for at in range(0, len(plain), 32)]
    assert len(ids) == len(text) / _ID_CHARACTERS, "ids have 36 characters"
    if len(set(ids)) != len(ids):
        raise LedgerWrong(f"{len(ids) - len(set(ids))} transactions were acknowledged for two payments each")
    for piece in _pieces(ids):
        values = ",".join([f"x'{identifier}'" for identifier in piece])
        rows = _all(connection, f"SELECT transaction_id FROM transactions WHERE transaction_id IN ({values})")
        missing = set(piece) - {bytes(row[0]).hex() for row in rows}
        if missing:
            raise LedgerWrong(f"{len(missing)} acknowledged payments are not in the ledger: {sorted(missing)[:3]} ...")
    return len(ids)


def _book_errors(connection: sa.Connection) -> Iterator[str]:
    """What is wrong with the books; empty sentences for what is right."""
    [(balances, lowest)] = _all(connection, "SELECT COALESCE(SUM(balance), 0), COALESCE(MIN(balance), 0) FROM users")
    [(amounts, entries)] = _all(connection, "SELECT COALESCE(SUM(amount), 0), COUNT(*) FROM entries")
    kinds = {
        kind: (int(amount), int(count))
        for kind, amount, count in _all(
            connection, "SELECT kind, SUM(amount), COUNT(*) FROM transactions GROUP BY kind"
        )
    }
    topped_up, topups = kinds.get("topup", (0, 0))
    payments = kinds.get("payment", (0, 0))[1]
    yield "" if balances == topped_up else f"{topped_up} was topped up and {balances} is there"
    yield "" if amounts == topped_up else f"{topped_up} was topped up and the entries sum to {amounts}"
    yield "" if lowest >= 0 else f"a balance is {lowest}"
    yield "" if entries == topups + 2 * payments else f"{topups} top-ups and {payments} payments have {entries} entries"
    [(wrong_accounts,)] = _all(connection, _WRONG_ACCOUNTS)
    yield f"the entries of {wrong_accounts} accounts do not add up to them" if wrong_accounts else ""


# Entries are numbered 1, 2, 3 and so on, so the last number is how many there are.
_WRONG_ACCOUNTS = """
SELECT COUNT(*) FROM users u LEFT JOIN (
    SELECT account_id, COUNT(*) AS entries, MAX(seq) AS last, SUM(amount) AS total FROM entries GROUP BY account_id
) e ON e.account_id = u.user_id
WHERE COALESCE(e.entries, 0) <> u.entry_count OR COALESCE(e.last, 0) <> u.entry_count
    OR COALESCE(e.total, 0) <> u.balance
"""


def _pieces(ids: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(ids), _LOOK_IDS_MAX):
        yield ids[at : at + _LOOK_IDS_MAX]


def _all(connection: sa.Connection, statement: str) -> Sequence[Sequence[Any]]:
    return connection.exec_driver_sql(statement).all()
