"""The history on every database: newest first, page by page, and a page never changes."""

from datetime import timedelta

from shillings.base.clock import stored
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.history import HistoryLine, HistoryQuery, read_pages
from shillings.storage.sessions import revoke
from tests.contract.bank import MOMENT, TOKEN, Bank, Somebody, payment, topup
from tests.values import new_id, now

NEWEST = 2**62


def page(bank: Bank, user: Somebody, before: int = NEWEST, limit: int = 100) -> list[HistoryLine]:
    """One page."""
    [found] = read_pages(bank.connection, [HistoryQuery(user.user_id, TOKEN, before, limit)], stored(now()))
    assert found is not None
    return found


def test_line_shows_its_transaction(bank: Bank) -> None:
    """A line has the transaction as both sides see it, with its time."""
    ann, bob = bank.user(), bank.user()
    operations = [topup(ann, 50), payment(ann, bob, 30)]
    bank.execute(operations, lambda: MOMENT)
    paid = (operations[1].header.id, "payment", ann.email, bob.email, 30, "2026-01-02T03:04:05.000006Z", "", "", 0)

    assert page(bank, bob) == [HistoryLine(1, *paid)]
    assert page(bank, ann) == [
        HistoryLine(2, *paid),
        HistoryLine(1, operations[0].header.id, "topup", "", ann.email, 50, "2026-01-02T03:04:05.000006Z", "", "", 0),
    ]


def test_pages_join_without_gap_or_repeat(bank: Bank) -> None:
    """Pages of any size, one after the other, are the whole history, newest first."""
    ann = bank.user()
    bank.execute([topup(ann, number) for number in range(1, 24)])
    for limit in (1, 7, 23, 100):
        amounts, before = [], NEWEST
        while found := page(bank, ann, before, limit):
            assert len(found) <= limit
            amounts += [line.amount for line in found]
            before = found[-1].seq
        assert amounts == list(range(23, 0, -1))


def test_new_entries_move_no_page(bank: Bank) -> None:
    """Whoever pages while money moves sees each line once: new ones come in front."""
    ann = bank.user()
    bank.execute([topup(ann, number) for number in range(1, 11)])
    first = page(bank, ann, limit=4)
    bank.execute([topup(ann, 99) for _ in range(5)])
    second = page(bank, ann, first[-1].seq, 4)

    assert [line.amount for line in first + second] == [10, 9, 8, 7, 6, 5, 4, 3]
    assert page(bank, ann, first[0].seq + 1, 4) == first


def test_order_is_not_left_to_the_engine(bank: Bank) -> None:
    """SQL promises no order for rows put together with UNION ALL: in whichever they come, the newest is first."""

    class TurnedRound(Connection):
        def query(self, *statements: str) -> list[Rows]:
            return [rows[::-1] for rows in super().query(*statements)]

    ann = bank.user()
    bank.execute([topup(ann, number) for number in range(1, 6)])
    [found] = read_pages(bank.open(TurnedRound), [HistoryQuery(ann.user_id, TOKEN, NEWEST, 3)], stored(now()))

    assert [line.amount for line in found or ()] == [5, 4, 3]


def test_every_query_of_a_batch_gets_its_own_page(bank: Bank) -> None:
    """Many pages of many users come in one batch, each query its own, in order; a revoked session gets none."""
    people = [bank.user() for _ in range(5)]
    for number, user in enumerate(people):
        bank.execute([topup(user, 100 * number + amount) for amount in range(1, 4)])
    revoked = new_id()
    revoke(bank.connection, revoked, now() + timedelta(hours=1))
    queries = [HistoryQuery(user.user_id, TOKEN, NEWEST, limit) for user in people for limit in (1, 3)]
    queries.append(HistoryQuery(people[0].user_id, revoked, NEWEST, 3))
    queries.append(HistoryQuery(new_id(), TOKEN, NEWEST, 3))
    *pages, of_revoked, of_nobody = read_pages(bank.connection, queries, stored(now()))

    due = [[100 * number + amount for amount in amounts] for number in range(5) for amounts in ((3,), (3, 2, 1))]
    assert [[line.amount for line in found or ()] for found in pages] == due
    assert (of_revoked, of_nobody) == (None, [])
