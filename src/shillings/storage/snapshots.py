"""Copies of all data in tables beside the real ones: made, put back, deleted.

Whatever moves money locks a wallet first, so with every wallet locked no money moves and a copy is consistent.
"""

import sqlalchemy as sa

from shillings.storage.executor import Connection
from shillings.storage.tables import (
    books,
    credentials,
    deliverers,
    emails,
    metadata,
    request_batches,
    sandbox_state,
    signup_keys,
    users,
)

_STAYS = (books, deliverers, sandbox_state, request_batches)
"""The currency, who delivers webhooks, what the sandbox was told, and what was asked."""

DATA: list[sa.Table] = [table for table in metadata.sorted_tables if table not in _STAYS]
"""What belongs to the people of the books."""

_ORDER = [emails, users, *[table for table in DATA if table not in (emails, users)]]

_PEOPLE = {users: emails, credentials: users, signup_keys: emails}
"""Whose rows are copied only for the users that are in another table's copy. Sign-ups need no wallet and so go on while
a copy is made; one that comes after the copy of `emails` is left out of all of it."""


def make_copy(connection: Connection, number: int) -> None:
    """Copy all data. Safe to run twice: what an earlier run left is made again."""
    drop_copy(connection, number)
    for table in _ORDER:
        # On some engines this commits by itself, so it comes before the transaction.
        connection.query(f"CREATE TABLE {_name(number, table)} AS SELECT * FROM {table.name} WHERE 1 = 0")
    with connection.transaction():
        _lock_wallets(connection)
        for table in _ORDER:
            _copy(connection, number, table)


def put_back(connection: Connection, number: int | None) -> None:
    """Replace all data by a copy, or by nothing, inside a transaction that is under way."""
    _lock_wallets(connection)
    for table in _ORDER:
        connection.query(f"DELETE FROM {table.name}")
        if number is not None:
            connection.query(f"INSERT INTO {table.name} SELECT * FROM {_name(number, table)}")


def drop_copy(connection: Connection, number: int) -> None:
    """Delete a copy. Safe to run twice."""
    for table in _ORDER:
        connection.query(f"DROP TABLE IF EXISTS {_name(number, table)}")


def count_rows(connection: Connection) -> tuple[int, int]:
    """How many users and transactions there are."""
    [[row]] = connection.query("SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM transactions)")
    return int(row[0]), int(row[1])


def _copy(connection: Connection, number: int, table: sa.Table) -> None:
    of = _PEOPLE.get(table)
    condition = "" if of is None else f" WHERE user_id IN (SELECT user_id FROM {_name(number, of)})"
    connection.query(f"INSERT INTO {_name(number, table)} SELECT * FROM {table.name}{condition}")


def _lock_wallets(connection: Connection) -> None:
    connection.query(f"SELECT user_id FROM users ORDER BY user_id{connection.dialect.for_update}")


def _name(number: int, table: sa.Table) -> str:
    return f"snapshot_{number}_{table.name}"
