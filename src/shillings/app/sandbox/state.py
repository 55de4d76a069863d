"""The state of the books: reset them, keep snapshots of them, go back to one.

Each reset or restore begins a new epoch: sessions of the one before are over, and no process remembers anything of it.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from shillings.app.call import Call, Result
from shillings.app.sandbox.store import SandboxStore
from shillings.base.clock import Clock, rfc3339, stored
from shillings.base.epoch import Epoch
from shillings.base.errors import Code, Refusal, invalid
from shillings.contract import shillings_pb2 as wire
from shillings.contract.fields import SNAPSHOT_NAME
from shillings.storage.executor import Connection, Executor
from shillings.storage.sandbox_state import hold_state, make_state, read_state, write_state
from shillings.storage.schema import HEAD
from shillings.storage.snapshots import count_rows, drop_copy, make_copy, put_back

EPOCH, SNAPSHOTS, NUMBER = "epoch", "snapshots", "snapshot_number"
"""What they are kept under; the number is that of the newest snapshot."""

SNAPSHOTS_MAX = 20

log = structlog.get_logger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """One snapshot.

    Args:
        number: of its tables.
        created_at: by the clock, RFC 3339.
        schema: the schema's version that it has.
        users, transactions: how many of each are in it.
    """

    number: int
    created_at: str
    schema: str
    users: int
    transactions: int


Snapshots = dict[str, Snapshot]


class StateCommands:
    """Resets and restores.

    Args:
        executor: where the data are written.
        clock: when a snapshot was made.
        epoch: which life of the books this is.
        store: tells every server of a new epoch.
        on_reset: what else a reset takes back: the clock, the rules, the log.
    """

    def __init__(
        self,
        *,
        executor: Executor,
        clock: Clock,
        epoch: Epoch,
        store: SandboxStore,
        on_reset: Sequence[Callable[[], Awaitable[None]]],
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._epoch = epoch
        self._store = store
        self._on_reset = on_reset
        store.subscribe(EPOCH, lambda value: epoch.begin(int(value)))

    async def reset(self, _call: Call, _request: wire.ResetRequest) -> Result:
        """Remove all data, and take back what else the sandbox was told. Snapshots stay."""
        await self._replace(None)
        for take_back in self._on_reset:
            await take_back()
        return Result(wire.ResetAnswer(epoch=self._epoch.number))

    async def make_snapshot(self, _call: Call, request: wire.MakeSnapshotRequest) -> Result:
        """Keep a copy of all data under a name; an older one of that name is replaced."""
        _require_name(request.name)
        created_at = rfc3339(stored(self._clock.now()))
        number = await self._executor.run(lambda connection: _reserve(connection, request.name))
        made = await self._executor.run(lambda connection: _make(connection, request.name, number, created_at))
        return Result(wire.SnapshotAnswer(**_fields(request.name, made)))

    async def list_snapshots(self, _call: Call, _request: wire.ListSnapshotsRequest) -> Result:
        """The snapshots there are, in the order of their names."""
        found = await self._executor.run(_read)
        return Result(
            wire.SnapshotsAnswer(
                snapshots=[wire.Snapshot(**_fields(name, snapshot)) for name, snapshot in sorted(found.items())]
            )
        )

    async def restore_snapshot(self, _call: Call, request: wire.RestoreSnapshotRequest) -> Result:
        """Put the data back as they were. The clock goes on as it is."""
        _require_name(request.name)
        snapshot = (await self._executor.run(_read)).get(request.name)
        if snapshot is None:
            raise _unknown(request.name)
        if snapshot.schema != HEAD:
            raise invalid("name", f"names a snapshot of another version of Shillings (schema {snapshot.schema}).")
        await self._replace(snapshot.number)
        log.info("snapshot_restored", name=request.name)
        return Result(wire.ResetAnswer(epoch=self._epoch.number))

    async def drop_snapshot(self, _call: Call, request: wire.DropSnapshotRequest) -> Result:
        """Delete a snapshot."""
        _require_name(request.name)
        if not await self._executor.run(lambda connection: _drop(connection, request.name)):
            raise _unknown(request.name)
        return Result(wire.DropSnapshotAnswer())

    async def _replace(self, number: int | None) -> None:
        # The sessions end first, everywhere, so that nobody pays while the books are replaced; and once more after it,
        # so that nothing that was remembered meanwhile is remembered.
        await self._begin_epoch()
        await self._executor.run(lambda connection: _replace(connection, number))
        await self._begin_epoch()

    async def _begin_epoch(self) -> None:
        await self._executor.run(_next_epoch)
        await self._store.refresh()
        await self._store.everywhere()


def _next_epoch(connection: Connection) -> None:
    with connection.transaction():
        state = read_state(connection, EPOCH)
        write_state(connection, EPOCH, str(int(state.value) + 1 if state else 1))


def _replace(connection: Connection, number: int | None) -> None:
    with connection.transaction():
        put_back(connection, number)


def _read(connection: Connection) -> Snapshots:
    state = read_state(connection, SNAPSHOTS)
    return _decoded(state.value if state else "")


def _decoded(text: str) -> Snapshots:
    return msgspec.json.decode(text, type=Snapshots) if text else {}


def _reserve(connection: Connection, name: str) -> int:
    """A number that no snapshot has or is being given: two may be made at once. Safe to run twice: one goes unused."""
    _require_room(_read(connection), name)
    make_state(connection, NUMBER)
    with connection.transaction():
        before = int(hold_state(connection, NUMBER) or 0)
        number = max([before, *[snapshot.number for snapshot in _read(connection).values()]]) + 1
        write_state(connection, NUMBER, str(number))
    return number


def _make(connection: Connection, name: str, number: int, created_at: str) -> Snapshot:
    """Make a copy and keep it under a name. Safe to run twice."""
    make_copy(connection, number)
    snapshot = Snapshot(number, created_at, HEAD, *count_rows(connection))
    with _held(connection) as known:
        before = known.get(name)
        is_too_many = before is None and len(known) >= SNAPSHOTS_MAX
        if not is_too_many:
            known[name] = snapshot
    if is_too_many:
        drop_copy(connection, number)
        raise _too_many()
    if before is not None and before.number != number:
        drop_copy(connection, before.number)
    return snapshot


def _drop(connection: Connection, name: str) -> bool:
    with _held(connection) as known:
        snapshot = known.pop(name, None)
    if snapshot is None:
        return False
    drop_copy(connection, snapshot.number)
    return True


@contextmanager
def _held(connection: Connection) -> Iterator[Snapshots]:
    """The snapshots there are, which nobody else changes meanwhile; they are kept as they are left."""
    make_state(connection, SNAPSHOTS)
    with connection.transaction():
        known = _decoded(hold_state(connection, SNAPSHOTS))
        yield known
        write_state(connection, SNAPSHOTS, msgspec.json.encode(known).decode())


def _require_room(known: Snapshots, name: str) -> None:
    if name not in known and len(known) >= SNAPSHOTS_MAX:
        raise _too_many()


def _too_many() -> Refusal:
    return invalid("name", f"would be one snapshot too many: {SNAPSHOTS_MAX} are the most. Delete one first.")


def _fields(name: str, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": name,
        "created_at": snapshot.created_at,
        "users": snapshot.users,
        "transactions": snapshot.transactions,
    }


def _require_name(name: str) -> None:
    if not SNAPSHOT_NAME.fits(name):
        raise Refusal(Code.INVALID_REQUEST, SNAPSHOT_NAME.sentence, field="name")


def _unknown(name: str) -> Refusal:
    return Refusal(Code.NOT_FOUND, f"There is no snapshot {name!r}.", field="name")
