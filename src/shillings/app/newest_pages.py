"""The newest pages of histories, kept as they are sent, for as long as they are current.

Whether a page is current is asked of the database for every request, in the batch that also asks for revoked sessions
(storage/newest_pages.py). So several application servers need not tell one another anything.
"""

from collections.abc import Callable
from typing import NamedTuple

from shillings.base.batching import Batcher, MakeBatcher, at_once
from shillings.base.clock import Clock, stored
from shillings.storage.executor import Executor
from shillings.storage.history import HistoryLine, HistoryQuery
from shillings.storage.newest_pages import Mark, NewestPage, read_newest

KEPT_BYTES_MAX = 32 << 20
"""How much memory all pages take that are kept."""

ENTRY_BYTES = 500
"""What keeping a page takes beside its bytes: the key, the mark, the dictionary's place."""

PAGES_OF_ONE_BATCH_MAX = 32
"""One batch's answer stays small: 32 pages of 100 lines are some 600 kB."""


class _Kept(NamedTuple):
    mark: Mark
    page: bytes


class NewestPages:
    """Reads the newest pages.

    Args:
        reads: the executor that reads them.
        clock: tells whether money on its way has arrived.
        make_batcher: batches reads.
        encode: makes the answer of a page's lines and how many were asked for.
        kept_bytes_max: see KEPT_BYTES_MAX; 0 to keep none.
    """

    def __init__(
        self,
        *,
        reads: Executor,
        clock: Clock,
        make_batcher: MakeBatcher,
        encode: Callable[[list[HistoryLine], int], bytes],
        kept_bytes_max: int = KEPT_BYTES_MAX,
    ) -> None:
        self._reads = reads
        self._clock = clock
        self._encode = encode
        self._kept: dict[tuple[bytes, int], _Kept] = {}
        self._kept_bytes = 0
        self._kept_bytes_max = kept_bytes_max
        self._epoch = 0
        self._batcher: Batcher[HistoryQuery, bytes | None] = make_batcher(
            "newest_pages", at_once(self._read), batch_items_max=PAGES_OF_ONE_BATCH_MAX
        )

    @property
    def kept_bytes(self) -> int:
        """How much memory what is kept takes, about."""
        return self._kept_bytes

    async def read(self, query: HistoryQuery, deadline: float) -> bytes | None:
        """The answer to a query for the newest page; None where its session is revoked."""
        return await self._batcher.submit(query, deadline)

    def forget(self) -> None:
        """Forget every page, those that are just being read too: another epoch of the books has begun."""
        self._epoch += 1
        self._kept.clear()
        self._kept_bytes = 0

    async def _read(self, queries: list[HistoryQuery]) -> list[bytes | None]:
        epoch, now = self._epoch, stored(self._clock.now())
        kept = [self._kept.get((query.user_id, query.limit)) for query in queries]
        known = [None if one is None else one.mark for one in kept]
        found = await self._reads.run(lambda connection: read_newest(connection, queries, known, now))
        answers: list[bytes | None] = []
        for query, was, newest in zip(queries, kept, found, strict=True):
            if newest is None:
                answers.append(None)
            elif newest.lines is None:
                assert was is not None, "what was not known is read"
                answers.append(was.page)
            else:
                answers.append(self._note(query, newest, newest.lines, is_current=epoch == self._epoch))
        return answers

    def _note(self, query: HistoryQuery, newest: NewestPage, lines: list[HistoryLine], *, is_current: bool) -> bytes:
        page = self._encode(lines, query.limit)
        self._drop((query.user_id, query.limit))
        if newest.mark is not None and is_current:
            self._keep((query.user_id, query.limit), _Kept(newest.mark, page))
        return page

    def _keep(self, key: tuple[bytes, int], kept: _Kept) -> None:
        size = len(kept.page) + ENTRY_BYTES
        if size > self._kept_bytes_max:
            return
        while self._kept_bytes + size > self._kept_bytes_max:
            self._drop(next(iter(self._kept)))
        self._kept[key] = kept
        self._kept_bytes += size

    def _drop(self, key: tuple[bytes, int]) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._kept_bytes -= len(dropped.page) + ENTRY_BYTES
