"""The request log where several application servers share a database: in batches, as the servers wrote them.

Each batch has its place and its requests their numbers, given while the log is held: so whoever has read up to a place
has missed nothing before it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from shillings.storage.executor import Connection
from shillings.storage.sandbox_state import hold_state, make_state, read_state, write_state
from shillings.storage.tables import request_batches

NAME = "requests"
"""What the log's state is kept under."""

BATCHES_READ_MAX = 20
"""Batches that are read at a time."""


class LogState(msgspec.Struct, frozen=True):
    """How far the log has come.

    Args:
        name: tells it from the one before a reset.
        place: the last batch's.
        seen: the last request's number.
    """

    name: str
    place: int = 0
    seen: int = 0


class Batch(NamedTuple):
    """One batch.

    Args:
        place: 1, 2, 3 …, over all logs.
        first_number: of its first request.
        entries: what was written.
    """

    place: int
    first_number: int
    entries: bytes


def read_log_state(connection: Connection) -> LogState | None:
    """How far the log has come; None where nothing was ever written."""
    state = read_state(connection, NAME)
    return msgspec.json.decode(state.value, type=LogState) if state and state.value else None


def read_batches(connection: Connection, name: str, after: int) -> list[Batch]:
    """The batches of this log after a place, in order; some of them, if there are many."""
    row = request_batches.c
    chosen = sa.select(row.place, row.first_number, row.entries).where(row.log_name == name, row.place > after)
    rows: Sequence[Any] = connection.execute(chosen.order_by(row.place).limit(BATCHES_READ_MAX)).all()
    return [Batch(int(one[0]), int(one[1]), bytes(one[2])) for one in rows]


def write_batch(
    connection: Connection, batch_id: bytes, entries: bytes, count: int, new_name: str, kept_min: int
) -> None:
    """Write one batch behind the others, and remove what is too old. Safe to run twice: its id is there then.

    Args:
        connection: where.
        batch_id: its own, for ever.
        entries: what is written.
        count: how many requests are in it.
        new_name: the log's, where there is none yet.
        kept_min: how many requests are kept at the least.
    """
    row = request_batches.c
    make_state(connection, NAME)
    with connection.transaction():
        state = _held(connection, new_name)
        if connection.execute(sa.select(row.place).where(row.batch_id == batch_id)).first() is not None:
            return
        state = LogState(state.name, state.place + 1, state.seen + count)
        first = state.seen - count + 1
        connection.execute(
            sa.insert(request_batches).values(
                place=state.place, batch_id=batch_id, log_name=state.name, first_number=first, entries=entries
            )
        )
        connection.execute(sa.delete(request_batches).where(row.first_number <= state.seen - kept_min))
        write_state(connection, NAME, msgspec.json.encode(state).decode())


def begin_log(connection: Connection, name: str) -> None:
    """Forget everything, and begin a log of this name. Safe to run twice."""
    make_state(connection, NAME)
    with connection.transaction():
        state = _held(connection, name)
        connection.execute(sa.delete(request_batches))
        # Places go on: nobody takes a batch of the new log for one that it has read.
        write_state(connection, NAME, msgspec.json.encode(LogState(name, state.place)).decode())


def find_or_begin_log(connection: Connection, new_name: str) -> LogState:
    """How far the log has come; where there is none, one of this name is begun."""
    state = read_log_state(connection)
    if state is None:
        make_state(connection, NAME)
        with connection.transaction():
            state = _held(connection, new_name)
            write_state(connection, NAME, msgspec.json.encode(state).decode())
    return state


def _held(connection: Connection, new_name: str) -> LogState:
    held = hold_state(connection, NAME)
    return msgspec.json.decode(held, type=LogState) if held else LogState(new_name)
