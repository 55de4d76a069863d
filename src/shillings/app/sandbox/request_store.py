"""The stores that the request log is written to, and the ring buffer that holds the newest requests."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from shillings.app.sandbox.explanations import EXPLAINED_MAX, Explained
from shillings.app.sandbox.request_log import Record
from shillings.base.bounded import BoundedMap
from shillings.base.errors import invalid
from shillings.contract.fields import LOG_CURSOR
from shillings.sandbox.rules import RuleState

RECORDS_MAX = 20_000

AskRules = Callable[[], Awaitable[list[RuleState]]]
"""Gives the rules that are in force."""

_Same = tuple[bytes, int, str, bytes]


class RequestStore(Protocol):
    """Stores the requests that this server, and any other, has answered."""

    def keep(self, record: Record) -> None:
        """A request was answered here."""

    async def latest(self, cursor: str = "") -> "RecentRequests":
        """What is known, at once: with several servers the last moments of another one may not be there yet.

        Args:
            cursor: of somebody who goes on from there. What another server has told them is known here, too.
        """

    async def complete(self) -> "RecentRequests":
        """Everything that was answered before this was called, on every server."""

    def explain(self, request_id: str, explained: Explained) -> None:
        """What was planned for a request here."""

    async def explanation(self, request_id: str, rules: AskRules) -> Explained | None:
        """What was planned for a request, on any server; None where nothing was, or it is forgotten."""

    async def take_back(self) -> None:
        """Forget everything, as part of a reset of everything."""

    async def write_always(self) -> None:
        """Tell the other servers what happens here, for as long as this one runs."""

    async def finish(self) -> None:
        """Tell them the rest: this server stops."""


class RecentRequests:
    """A ring buffer of the newest requests, in the order in which they were answered. Numbers begin with 1.

    Args:
        name: tells this log from one before a reset or a restart, whose numbers were the same.
        before: how many were forgotten before this began: the first one kept has the number after that.
        records_max: how many are kept.
    """

    def __init__(self, name: str = "", before: int = 0, records_max: int = RECORDS_MAX) -> None:
        self.name = name or new_name()
        self.seen = self._before = before
        """How many requests there were, those forgotten included."""
        self._records_max = records_max
        self._slots: list[Record] = []
        self._tries: dict[_Same, int] = {}

    @property
    def kept(self) -> int:
        """How many are remembered: those with the highest numbers."""
        return len(self._slots)

    @property
    def end(self) -> str:
        """The cursor of who has read everything."""
        return f"{self.name}-{self.seen}"

    def add(self, record: Record) -> None:
        """Keep one more."""
        slot = self._slot(self.seen)
        self.seen += 1
        record.number = self.seen
        if slot < len(self._slots):
            self._forget(self._slots[slot])
            self._slots[slot] = record
        else:
            self._slots.append(record)
        if record.key:
            same = _same(record)
            record.tries = self._tries.get(same, 0)
            self._tries[same] = record.tries + 1

    def after(self, number: int) -> Iterator[Record]:
        """Those with a higher number, the oldest first."""
        for one in range(max(number, self.seen - self.kept), self.seen):
            yield self._slots[self._slot(one)]

    def newest(self) -> Iterator[Record]:
        """All, the newest first."""
        for one in range(self.seen - 1, self.seen - self.kept - 1, -1):
            yield self._slots[self._slot(one)]

    def knows(self, cursor: str) -> bool:
        """Whether a cursor is of this log, and not ahead of it."""
        name, _, number = cursor.partition("-")
        return name == self.name and int(number) <= self.seen

    def find(self, cursor: str) -> tuple[int, bool]:
        """The number after which to go on, and whether the cursor was of another log.

        Raises:
            Refusal: `invalid_request`: it is no cursor.
        """
        if not LOG_CURSOR.fits(cursor):
            raise invalid("cursor", LOG_CURSOR.sentence)
        name, _, number = cursor.partition("-")
        return (min(int(number), self.seen), False) if name == self.name else (0, True)

    def _slot(self, earlier: int) -> int:
        return (earlier - self._before) % self._records_max

    def _forget(self, record: Record) -> None:
        if record.key:
            same = _same(record)
            left = self._tries[same] - 1
            if left:
                self._tries[same] = left
            else:
                del self._tries[same]


class LocalRequestStore:
    """The store of a single application server: in its memory, lost when it stops."""

    def __init__(self) -> None:
        self._kept = RecentRequests()
        self._explained: BoundedMap[str, Explained] = BoundedMap(entries_max=EXPLAINED_MAX)

    def keep(self, record: Record) -> None:
        """See RequestStore."""
        self._kept.add(record)

    async def latest(self, cursor: str = "") -> RecentRequests:  # noqa: ARG002
        """See RequestStore. There is no other server."""
        return self._kept

    async def complete(self) -> RecentRequests:
        """See RequestStore."""
        return self._kept

    def explain(self, request_id: str, explained: Explained) -> None:
        """See RequestStore."""
        self._explained[request_id] = explained

    async def explanation(self, request_id: str, _rules: AskRules) -> Explained | None:
        """See RequestStore."""
        return self._explained.get(request_id)

    async def take_back(self) -> None:
        """See RequestStore."""
        self._kept = RecentRequests()
        self._explained.clear()

    async def write_always(self) -> None:
        """See RequestStore. There is no other server."""

    async def finish(self) -> None:
        """See RequestStore. There is no other server."""


def new_name() -> str:
    """A name for a log, unlike any other's."""
    return secrets.token_hex(6)


def _same(record: Record) -> _Same:
    return record.user_id or record.session, record.command, record.key, record.data
