"""The request log in the database, where several application servers share one.

Each server writes what it has answered every WRITE_SECONDS, many requests at a time, so a request waits for nothing. A
server that is asked reads what was written since it was asked last. Whoever wants everything that was answered before
waits EVERYWHERE_SECONDS first: by then every server that works has written it.
"""

import asyncio
import secrets
import time
from collections import deque
from typing import Any, NamedTuple

import msgspec
import structlog

from shillings.app.sandbox.explanations import EXPLAINED_MAX, Explained
from shillings.app.sandbox.request_log import Record
from shillings.app.sandbox.request_store import RECORDS_MAX, AskRules, RecentRequests, new_name
from shillings.app.sandbox.store import EVERYWHERE_SECONDS
from shillings.base.bounded import BoundedMap
from shillings.base.errors import Refusal
from shillings.contract.fields import LOG_CURSOR
from shillings.sandbox.rules import Pick
from shillings.storage.executor import Connection, Executor
from shillings.storage.request_batches import (
    BATCHES_READ_MAX,
    Batch,
    begin_log,
    find_or_begin_log,
    read_batches,
    write_batch,
)

WRITE_SECONDS = READ_SECONDS = 0.1
BATCH_RECORDS_MAX = 300
"""Requests of one batch: with bodies as large as the log keeps them some 3 MB, which every database takes."""

_KEPT_MIN = RECORDS_MAX + BATCH_RECORDS_MAX
"""Of the oldest batch a part may be too old."""

_FIELDS = tuple(name for name in Record.__slots__ if name not in ("number", "tries"))

log = structlog.get_logger(__name__)


class _Entries(msgspec.Struct, array_like=True):
    """What is in a batch: records by their fields, and explanations by their request's id."""

    records: list[list[Any]]
    explained: list[tuple[str, "_Saved"]]


class _Saved(msgspec.Struct, array_like=True):
    """An explanation. The rule that fired is in the database, under its id."""

    facts: dict[str, Any]
    applied: str
    rule_id: bytes
    nth: int
    sequence: int
    now: float
    counts: list[tuple[int, int]]
    closed: str


class _Unwritten(NamedTuple):
    """A batch that is being written."""

    batch_id: bytes
    records: list[Record]
    explained: list[tuple[str, _Saved]]

    def write(self, connection: Connection) -> None:
        entries = _encode(_Entries([_values(record) for record in self.records], self.explained))
        write_batch(connection, self.batch_id, entries, len(self.records), new_name(), _KEPT_MIN)


class SharedRequestStore:
    """The store of several application servers: in the database that they share.

    Args:
        executor: where it is written and read.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._unwritten: deque[Record] = deque(maxlen=RECORDS_MAX)
        self._unexplained: deque[tuple[str, _Saved]] = deque(maxlen=EXPLAINED_MAX)
        self._batch: _Unwritten | None = None
        self._kept = RecentRequests("0")
        self._explained: BoundedMap[str, _Saved] = BoundedMap(entries_max=EXPLAINED_MAX)
        self._place = 0
        self._read_at = 0.0
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()

    def keep(self, record: Record) -> None:
        """See RequestStore."""
        self._unwritten.append(record)

    def explain(self, request_id: str, explained: Explained) -> None:
        """See RequestStore."""
        pick = explained.pick
        rule_id = b"" if pick.rule is None else pick.rule.fault_id
        saved = _Saved(
            dict(explained.facts), explained.applied, rule_id,
            pick.nth, pick.sequence, pick.now, list(pick.counts), pick.closed,
        )  # fmt: skip
        self._unexplained.append((request_id, saved))

    async def latest(self, cursor: str = "") -> RecentRequests:
        """See RequestStore."""
        # Another server may have told more than was read here last: going on from less would tell it twice.
        behind = LOG_CURSOR.fits(cursor) and not self._kept.knows(cursor)
        if behind or time.monotonic() - self._read_at >= READ_SECONDS:
            await self._read()
        return self._kept

    async def complete(self) -> RecentRequests:
        """See RequestStore."""
        await self._write()
        await asyncio.sleep(EVERYWHERE_SECONDS)
        await self._read()
        return self._kept

    async def explanation(self, request_id: str, rules: AskRules) -> Explained | None:
        """See RequestStore."""
        await self.complete()
        saved = self._explained.get(request_id)
        if saved is None:
            return None
        rule = next((one.rule for one in await rules() if one.rule.fault_id == saved.rule_id), None)
        counts = tuple((group, count) for group, count in saved.counts)
        pick = Pick(rule, saved.nth, saved.sequence, saved.now, counts, saved.closed)
        return Explained(saved.facts, pick, saved.applied)

    async def take_back(self) -> None:
        """See RequestStore."""
        name = new_name()
        async with self._writing:
            self._unwritten.clear()
            self._unexplained.clear()
            self._batch = None
            await self._executor.run(lambda connection: begin_log(connection, name))

    async def write_always(self) -> None:
        """See RequestStore."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self._write()
            except Refusal as refusal:
                # It is tried again; what there is no room for meanwhile is forgotten, the oldest first.
                log.warning("request_log_unwritten", reason=refusal.message)

    async def finish(self) -> None:
        """See RequestStore."""
        try:
            await self._write()
        except Refusal as refusal:
            log.warning("request_log_unwritten", reason=refusal.message)

    async def _write(self) -> None:
        """Write what was answered until now. Raises Refusal."""
        async with self._writing:
            left = len(self._unwritten) + (len(self._batch.records) if self._batch else 0)
            while self._batch is not None or left > 0 or self._unexplained:
                # One whose outcome is not known is written once more under its id, and so is there once.
                self._batch = batch = self._batch or self._next_batch()
                left -= len(batch.records)
                await self._executor.run(batch.write)
                self._batch = None

    def _next_batch(self) -> "_Unwritten":
        records = [self._unwritten.popleft() for _ in range(min(len(self._unwritten), BATCH_RECORDS_MAX))]
        explained = [self._unexplained.popleft() for _ in range(min(len(self._unexplained), BATCH_RECORDS_MAX))]
        return _Unwritten(secrets.token_bytes(16), records, explained)

    async def _read(self) -> None:
        """Read what was written since. Raises Refusal."""
        async with self._reading:
            while True:
                place = self._place
                name, batches = await self._executor.run(lambda connection: _read_since(connection, place))  # noqa: B023
                if name != self._kept.name:
                    self._kept = RecentRequests(name)
                    self._explained.clear()
                for batch in batches:
                    self._take(name, batch)
                if len(batches) < BATCHES_READ_MAX:
                    break
            self._read_at = time.monotonic()

    def _take(self, name: str, batch: Batch) -> None:
        entries = _decode(batch.entries)
        before = batch.first_number - 1
        if before != self._kept.seen:
            # What comes between was removed before it was read here.
            self._kept = RecentRequests(name, before)
        for values in entries.records:
            self._kept.add(_record(values))
        for request_id, saved in entries.explained:
            self._explained[request_id] = saved
        self._place = batch.place


def _read_since(connection: Connection, place: int) -> tuple[str, list[Batch]]:
    name = find_or_begin_log(connection, new_name()).name
    return name, read_batches(connection, name, place)


def _values(record: Record) -> list[Any]:
    return [getattr(record, name) for name in _FIELDS]


def _record(values: list[Any]) -> Record:
    record = Record(0, "")
    for name, value in zip(_FIELDS, values, strict=True):
        setattr(record, name, value)
    return record


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Entries).decode
