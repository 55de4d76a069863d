"""What the sandbox was told, kept where every application server finds it: one row for each thing, as JSON.

A version counts the changes of a row, so that a server sees that something changed without reading it.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import sqlalchemy as sa

from shillings.storage.executor import Connection
from shillings.storage.tables import sandbox_state


class State(NamedTuple):
    """One thing that the sandbox was told.

    Args:
        version: 1, 2, 3 …: how often it was told.
        value: JSON.
    """

    version: int
    value: str


def read_versions(connection: Connection) -> dict[str, int]:
    """The version of everything, by name."""
    rows: Sequence[Any] = connection.execute(sa.select(sandbox_state.c.name, sandbox_state.c.version)).all()
    return {str(row[0]): int(row[1]) for row in rows}


def read_state(connection: Connection, name: str) -> State | None:
    """One thing; None when it was never told."""
    columns = sandbox_state.c
    row: Any = connection.execute(sa.select(columns.version, columns.value).where(columns.name == name)).first()
    return None if row is None else State(int(row[0]), str(row[1]))


def make_state(connection: Connection, name: str) -> None:
    """Make sure that a thing can be held. Safe to run twice, and by two at once."""
    if read_state(connection, name) is None:
        # Another server may have made it in the meantime; the transaction ends all the same.
        with connection.transaction(), suppress(sa.exc.IntegrityError):
            connection.execute(sa.insert(sandbox_state).values(name=name, version=1, value=""))


def hold_state(connection: Connection, name: str) -> str:
    """One thing, which nobody else may change until the transaction under way is over; empty when it was never told.

    What was never told cannot be held: see `make_state`.
    """
    columns = sandbox_state.c
    held = sa.select(columns.value).where(columns.name == name).with_for_update()
    return str(connection.execute(held).scalar() or "")


def write_state(connection: Connection, name: str, value: str) -> None:
    """Keep one thing, in a transaction that is under way or by itself. Of two at once, one is the last.

    Safe to run twice: the value is the same, and a version too many does no harm.
    """
    row = sandbox_state.c
    changed = connection.execute(
        sa.update(sandbox_state).where(row.name == name).values(version=row.version + 1, value=value)
    ).rowcount
    if not changed:
        connection.execute(sa.insert(sandbox_state).values(name=name, version=1, value=value))
