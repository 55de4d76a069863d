"""Newest pages that are kept: whatever happens to money or books, nobody is ever sent one that is not current."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shillings.app.history import _encode
from shillings.app.newest_pages import ENTRY_BYTES, NewestPages
from shillings.base.batching import Batcher, Execute, Item, Result
from shillings.base.clock import FixedClock, stored
from shillings.contract.shillings_pb2 import HistoryAnswer
from shillings.ledger.hold import Capture, Hold, Void
from shillings.ledger.operation import Course, Operation
from shillings.ledger.refund import Refund
from shillings.ledger.rows import TransitStatus
from shillings.ledger.topup import TopUp
from shillings.ledger.transit import conclude
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection, Executor
from shillings.storage.history import HistoryQuery, read_pages
from shillings.storage.sessions import revoke
from shillings.storage.snapshots import drop_copy, make_copy, put_back
from tests.contract.bank import MOMENT, TOKEN, Bank, Somebody, header, payment, topup
from tests.values import new_id, now

NEWEST = 2**62
LATER = MOMENT + timedelta(hours=1)
UNTIL = stored(LATER)
_numbers = count()


class Watched(Connection):
    """A connection that sends statements one by one, counts pages that are read, and lets something happen between."""

    pages = 0
    between: Callable[[], object] | None = None

    def query(self, *statements: str) -> list[Rows]:
        """Send them; after the first, what is to happen happens."""
        answers: list[Rows] = []
        for statement in statements:
            self.pages += statement.count("SELECT * FROM (SELECT")
            answers += super().query(statement)
            if self.between is not None:
                happens, self.between = self.between, None
                happens()
        return answers


class Server:
    """An application server's newest pages, over a connection of its own."""

    def __init__(self, bank: Bank, moment: datetime = MOMENT, **options: Any) -> None:
        self.connection = cast(Watched, bank.open(Watched))
        self.pages = NewestPages(
            reads=cast(Executor, self), clock=FixedClock(moment), make_batcher=_batcher, encode=_encode, **options
        )

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        """Stand in for the executor."""
        return work(self.connection)

    async def read(self, user: Somebody, limit: int = 100, token: bytes = TOKEN) -> HistoryAnswer | None:
        """What somebody is sent."""
        data = await self.pages.read(HistoryQuery(user.user_id, token, NEWEST, limit), NEWEST)
        return None if data is None else HistoryAnswer.FromString(data)


def _batcher(
    name: str, execute: Execute[Item, Result], *, batch_items_max: int | None = None, batches_in_flight_max: int = 1
) -> Batcher[Item, Result]:
    return Batcher(execute, batch_items_max=8, queue_items_max=8)


def fresh(bank: Bank, user: Somebody, moment: datetime = MOMENT, limit: int = 100) -> HistoryAnswer:
    """The page as it is."""
    [lines] = read_pages(bank.connection, [HistoryQuery(user.user_id, TOKEN, NEWEST, limit)], stored(moment))
    assert lines is not None
    return HistoryAnswer.FromString(_encode(lines, limit))


def amounts(page: HistoryAnswer | None) -> list[int]:
    """The amounts that a page shows."""
    assert page is not None
    return [line.amount_minor for line in page.transactions]


async def test_page_is_read_once_for_as_long_as_nothing_changes(bank: Bank) -> None:
    """A page that is current is sent again as it was; after a payment both sides' pages are read again, others' not."""
    ann, bob, eve = bank.user(10), bank.user(10), bank.user(10)
    server = Server(bank)
    first = [await server.read(user) for user in (ann, bob, eve)]
    assert [await server.read(user) for user in (ann, bob, eve)] == first
    assert server.connection.pages == 3
    bank.execute([payment(ann, bob, 4)])

    assert [amounts(await server.read(user)) for user in (ann, bob, eve)] == [[4, 10], [4, 10], [10]]
    assert server.connection.pages == 5
    twice, size = server.pages.kept_bytes, len(fresh(bank, eve).SerializeToString()) + ENTRY_BYTES
    server.pages.forget()
    for user in (ann, bob, eve):
        await server.read(user)
    assert twice == server.pages.kept_bytes > 2 * size


async def test_pages_of_different_sizes_are_different_pages(bank: Bank) -> None:
    """A page has as many lines as it was asked for, whatever is kept."""
    ann, server = bank.user(10), Server(bank)
    bank.execute([topup(ann, 20), topup(ann, 30)])
    for _ in range(2):
        pages = [await server.read(ann, limit) for limit in (2, 3, 4)]

        assert [amounts(page) for page in pages] == [[30], [30, 20], [30, 20, 10]]
        assert [page.next_cursor if page else None for page in pages] == ["s3", "s2", ""]


async def test_revoked_session_is_sent_nothing(bank: Bank) -> None:
    """A page that is kept is sent to sessions that are not revoked, and to no other."""
    ann, server, mine, other = bank.user(10), Server(bank), new_id(), new_id()
    assert amounts(await server.read(ann, token=mine)) == [10]
    revoke(bank.connection, mine, now() + timedelta(days=1))

    assert await server.read(ann, token=mine) is None
    assert amounts(await server.read(ann, token=other)) == [10]


async def test_payment_between_mark_and_page_is_seen(bank: Bank) -> None:
    """A page that is newer than the mark it is kept with is not taken for current, nor one that is older."""
    ann, bob = bank.user(10), bank.user()
    for _ in range(2):
        server = Server(bank)
        server.connection.between = lambda: bank.execute([payment(ann, bob, 1)])
        for _ in range(2):
            await server.read(ann)

            assert await server.read(ann) == fresh(bank, ann)
            assert await server.read(bob) == fresh(bank, bob)
            server.connection.between = lambda: bank.execute([payment(ann, bob, 1)])


@pytest.mark.parametrize("arrives", [True, False])
async def test_money_on_its_way_is_read_each_time(bank: Bank, arrives: bool) -> None:
    """The end of a refund that was on its way shows at once on both sides, though one of them gets no new line."""
    ann, bob, server = bank.user(10), bank.user(), Server(bank)
    bank.execute([paid := payment(ann, bob, 6)], lambda: MOMENT)
    refund = Refund(header(bob, "", TOKEN, "r"), paid.header.id, 2, Course(True, TransitStatus.SUCCEEDED, ""))
    bank.execute([refund], lambda: MOMENT)
    assert [[line.status for line in fresh(bank, user).transactions] for user in (ann, bob)] == [
        ["pending", "succeeded", "succeeded"], ["pending", "succeeded"],
    ]  # fmt: skip
    for user in (ann, bob) * 2:
        assert await server.read(user) == fresh(bank, user)
    bank.execute([conclude(refund.header.id, bob.user_id, arrives=arrives)], lambda: MOMENT)

    for user in (ann, bob) * 2:
        assert await server.read(user) == fresh(bank, user)


Chance = Callable[[int], int]
"""Draws a number below a bound."""

STEPS = ("pay", "refund", "slow refund", "topup", "slow topup", "end", "hold", "capture", "void")


def step(kind: str, chance: Chance, people: list[Somebody], made: list[Operation]) -> Operation:
    """An operation of somebody's, perhaps on an earlier one; it need not be possible."""
    one, other = people[chance(3)], people[chance(3)]
    own, earlier = header(one, "", TOKEN, kind, next(_numbers)), made[chance(len(made))].header
    fails = TransitStatus.FAILED if kind == "slow refund" else TransitStatus.RETURNED
    course = Course(True, [TransitStatus.SUCCEEDED, fails][chance(2)], ["", UNTIL][chance(2)])
    operations: dict[str, Operation] = {
        "pay": payment(one, other, 1),
        "refund": Refund(own, earlier.id, 1),
        "slow refund": Refund(own, earlier.id, 1, course),
        "topup": TopUp(own, 5),
        "slow topup": TopUp(own, 5, None, course),
        "end": conclude(earlier.id, earlier.user_id, arrives=[True, False, None][chance(3)]),
        "hold": Hold(own, other.email, 1, UNTIL),
        "capture": Capture(own, earlier.id, 0),
        "void": Void(own, earlier.id),
    }
    return operations[kind]


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True, scope="module")
@settings(max_examples=40)
@given(kinds=st.lists(st.sampled_from(STEPS), min_size=5, max_size=25), data=st.data())
def test_kept_pages_are_those_that_a_fresh_read_finds(bank: Bank, kinds: list[str], data: st.DataObject) -> None:
    """Whatever is done to money, at whatever time, two servers that keep pages send what is there."""
    asyncio.run(keep_up(bank, kinds, lambda bound: data.draw(st.integers(0, bound - 1))))


async def keep_up(bank: Bank, kinds: list[str], chance: Chance) -> None:
    """Take the steps, and after each have every page read by both."""
    people, moments = [bank.user(20) for _ in range(3)], [MOMENT, LATER]
    servers = [Server(bank, moment) for moment in moments]
    made: list[Operation] = [payment(people[0], people[1], 1)]
    bank.execute(made, lambda: MOMENT)
    for kind in kinds:
        made.append(step(kind, chance, people, made))
        at = moments[chance(2)]
        bank.execute(made[-1:], lambda at=at: at)  # type: ignore[misc]
        for server, moment in zip(servers, moments, strict=True):
            for user in people:
                assert await server.read(user) == fresh(bank, user, moment)


async def test_books_that_were_put_back_are_other_books(bank: Bank) -> None:
    """A server that has not heard of a restore sends what is there, also where as much was paid as before it."""
    ann, bob, unaware = bank.user(10), bank.user(), Server(bank)
    make_copy(bank.connection, 8)
    bank.execute([payment(ann, bob, 3)], lambda: MOMENT)
    assert amounts(await unaware.read(ann)) == [3, 10]
    with bank.connection.transaction():
        put_back(bank.connection, 8)
    drop_copy(bank.connection, 8)
    bank.execute([payment(ann, bob, 4)], lambda: MOMENT)

    assert amounts(await unaware.read(ann)) == [4, 10]


async def test_page_of_another_epoch_is_not_kept(bank: Bank) -> None:
    """What is forgotten while it is being read is not kept after it; what is read later is."""
    ann, server = bank.user(10), Server(bank)
    server.connection.between = server.pages.forget
    await server.read(ann)
    assert server.pages.kept_bytes == 0
    await server.read(ann)
    assert server.pages.kept_bytes > 0
    server.pages.forget()

    assert server.pages.kept_bytes == 0
    assert amounts(await server.read(ann)) == [10]
    assert server.connection.pages == 3


async def test_what_is_kept_has_a_bound(bank: Bank) -> None:
    """The pages that were read longest ago make room; one that is larger than everything is not kept."""
    people = [bank.user(10) for _ in range(5)]
    size = len(fresh(bank, people[0]).SerializeToString()) + ENTRY_BYTES
    server, none = Server(bank, kept_bytes_max=3 * size + 9), Server(bank, kept_bytes_max=size - 9)
    for user in people:
        await server.read(user)
        await none.read(user)
    for user in people[2:]:
        assert await server.read(user) == fresh(bank, user)

    assert server.connection.pages == 5
    assert 2 * size < server.pages.kept_bytes <= 3 * size + 9
    assert none.pages.kept_bytes == 0
    await server.read(people[0])
    assert server.connection.pages == 6
