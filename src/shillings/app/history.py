"""The history: a user's transactions, newest first, page by page."""

import re

from shillings.app.call import Call
from shillings.app.identity import wrong
from shillings.auth.tokens import unauthenticated
from shillings.batching import Batcher, MakeBatcher, at_once
from shillings.storage.history import HistoryLine, HistoryLook, read_pages
from shillings.storage.lanes import Lane
from shillings.wire.shillings_pb2 import HistoryAnswer, HistoryRequest, Transaction

LIMIT_MAX = 100
PAGES_OF_ONE_VISIT_MAX = 32
"""One visit's answer stays small: 32 pages of 100 lines are some 600 kB."""

_NEWEST = 2**62
_CURSOR = re.compile(r"s[0-9]{1,18}")


class History:
    """Reads histories.

    Args:
        reads: the lane that reads them.
        make_batcher: gathers reads into visits.
    """

    def __init__(self, *, reads: Lane, make_batcher: MakeBatcher) -> None:
        self._reads = reads
        self._pages: Batcher[HistoryLook, list[HistoryLine] | None] = make_batcher(
            "history", at_once(self._read), batch_items_max=PAGES_OF_ONE_VISIT_MAX
        )

    async def read(self, call: Call, request: HistoryRequest) -> HistoryAnswer:
        """A page of the history of the user who asks."""
        if not 1 <= request.limit <= LIMIT_MAX:
            raise wrong(f"limit must be 1 to {LIMIT_MAX}.")
        claims = call.claims
        # One line more than asked for tells whether there is a next page.
        look = HistoryLook(claims.user_id, claims.token_id, _before(request.cursor), request.limit + 1)
        lines = await self._pages.submit(look, call.deadline)
        if lines is None:
            raise unauthenticated()
        page, more = lines[: request.limit], len(lines) > request.limit
        return HistoryAnswer(
            transactions=[_transaction(line) for line in page], next_cursor=f"s{page[-1].seq}" if more else ""
        )

    async def _read(self, looks: list[HistoryLook]) -> list[list[HistoryLine] | None]:
        return await self._reads.run(lambda session: read_pages(session, looks))


def _before(cursor: str) -> int:
    """The entry number a cursor stands for: the page holds the entries below it."""
    if not cursor:
        return _NEWEST
    if not _CURSOR.fullmatch(cursor):
        raise wrong("cursor is not one. Use the next_cursor of the page before, as it was.")
    return int(cursor[1:])


def _transaction(line: HistoryLine) -> Transaction:
    return Transaction(
        transaction_id=line.transaction_id,
        kind=line.kind,
        sender_email=line.sender_email,
        receiver_email=line.receiver_email,
        amount=line.amount,
        created_at=line.created_at,
    )
