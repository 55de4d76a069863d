"""Pages of the history: a cursor that is none is refused, and a page knows whether another follows."""

import time
from typing import Any, cast

import pytest

from shillings.app.call import SignedInCall
from shillings.app.history import History
from shillings.app.newest_pages import PAGES_OF_ONE_BATCH_MAX
from shillings.auth.tokens import Claims
from shillings.base import ids
from shillings.base.batching import Batcher, Execute, Item, Result, Take
from shillings.base.clock import SystemClock
from shillings.base.errors import Code, Refusal
from shillings.contract.shillings_pb2 import HistoryAnswer, HistoryRequest
from shillings.storage.executor import Executor
from shillings.storage.history import HistoryLine, HistoryQuery
from shillings.storage.newest_pages import NewestPage
from shillings.storage.sessions import Profile
from tests.values import new_id

CLAIMS = Claims(new_id(), new_id(), 0)


class Pages:
    """Stands in for the executor: an account with so many entries."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.queries: list[HistoryQuery] = []

    async def run(self, _work: object) -> list[Any]:
        """Answer the query that was noted last."""
        query = self.queries[-1]
        seqs = [seq for seq in range(self.entries, 0, -1) if seq < query.before][: query.limit]
        lines = [HistoryLine(seq, ids.NIL, "topup", "", "ann@example.com", 1, "", "", "", 0) for seq in seqs]
        return [NewestPage(None, lines) if query.before == 2**62 else lines]


def make(pages: Pages) -> History:
    """The history of one account."""

    def make_batcher(
        name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
    ) -> Batcher[Item, Result]:
        assert batch_items_max == PAGES_OF_ONE_BATCH_MAX, "pages are large, so fewer than others make a batch"

        async def noting(take: Take[Item]) -> Any:
            pages.queries += cast("list[HistoryQuery]", take())
            return await execute(take)

        return Batcher(noting, batch_items_max=1, queue_items_max=8)

    return History(reads=cast(Executor, pages), clock=SystemClock(), make_batcher=make_batcher)


def call() -> SignedInCall:
    """A request of somebody signed in."""
    return SignedInCall("r1", time.monotonic() + 10, "", CLAIMS, cast(Profile, None))


@pytest.mark.parametrize(("entries", "limit", "sizes"), [(0, 5, [0]), (5, 5, [5]), (6, 5, [5, 1]), (10, 5, [5, 5])])
async def test_pages_follow_one_another(entries: int, limit: int, sizes: list[int]) -> None:
    """Every page but the last names the next; a last page that is full names none."""
    history, cursor, found = make(Pages(entries)), "", []
    while True:
        result = await history.read(call(), HistoryRequest(limit=limit, cursor=cursor))
        answer = HistoryAnswer.FromString(result.answer.SerializeToString())
        found.append(len(answer.transactions))
        cursor = answer.next_cursor
        if not cursor:
            break

    assert found == sizes


@pytest.mark.parametrize("limit", [0, 101, 2**32 - 1])
async def test_limit_out_of_bounds_is_refused(limit: int) -> None:
    """The bound on a page's size is kept here too, for whoever speaks the protocol."""
    with pytest.raises(Refusal, match="limit") as refused:
        await make(Pages(1)).read(call(), HistoryRequest(limit=limit))

    assert refused.value.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("cursor", ["1", "s", "s-1", "sx", "S1", "s1 ", "s1\n", "s" + "9" * 19, "s\uff11", "s0;x"])
async def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    """Only what a page before gave out is a cursor."""
    with pytest.raises(Refusal, match="cursor") as refused:
        await make(Pages(1)).read(call(), HistoryRequest(limit=1, cursor=cursor))

    assert refused.value.code is Code.INVALID_REQUEST
