"""Pages of the history: a cursor that is none is refused, and a page knows whether another follows."""

import time
from typing import Any, cast

import pytest

from shillings import ids
from shillings.app.call import Call
from shillings.app.history import PAGES_OF_ONE_VISIT_MAX, History
from shillings.auth.tokens import Claims
from shillings.batching import Batcher, Item, Result, Take, Visit
from shillings.errors import Code, Refusal
from shillings.storage.history import HistoryLine, HistoryLook
from shillings.storage.lanes import Lane
from shillings.wire.shillings_pb2 import HistoryRequest

CLAIMS = Claims(ids.new_id(), ids.new_id(), 0)


class Pages:
    """Stands in for the lane: an account with so many entries."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.looks: list[HistoryLook] = []

    async def run(self, _work: object) -> list[list[HistoryLine] | None]:
        """Answer the look that was noted last."""
        look = self.looks[-1]
        seqs = [seq for seq in range(self.entries, 0, -1) if seq < look.before][: look.limit]
        return [[HistoryLine(seq, ids.NIL, "topup", "", "ann@example.com", 1, "") for seq in seqs]]


def make(pages: Pages) -> History:
    """The history of one account."""

    def make_batcher(
        name: str, visit: Visit[Item, Result], *, batch_items_max: int | None = None, visits_max: int = 1
    ) -> Batcher[Item, Result]:
        assert batch_items_max == PAGES_OF_ONE_VISIT_MAX, "pages are large, so fewer than others make a visit"

        async def noting(take: Take[Item]) -> Any:
            pages.looks += cast("list[HistoryLook]", take())
            return await visit(take)

        return Batcher(noting, batch_items_max=1, queue_items_max=8)

    return History(reads=cast(Lane, pages), make_batcher=make_batcher)


def call() -> Call:
    """A request of somebody signed in."""
    made = Call("r1", time.monotonic() + 10, "", "")
    made.claims = CLAIMS
    return made


@pytest.mark.parametrize(("entries", "limit", "sizes"), [(0, 5, [0]), (5, 5, [5]), (6, 5, [5, 1]), (10, 5, [5, 5])])
async def test_pages_follow_one_another(entries: int, limit: int, sizes: list[int]) -> None:
    """Every page but the last names the next; a last page that is full names none."""
    history, cursor, found = make(Pages(entries)), "", []
    while True:
        answer = await history.read(call(), HistoryRequest(limit=limit, cursor=cursor))
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
