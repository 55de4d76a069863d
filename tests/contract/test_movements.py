"""Refunds and holds on every database: decided under the locks of all they touch, once, however many ask at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from shillings.ledger.hold import Capture, Hold, Void, expire, release_id
from shillings.ledger.operation import Decision, Details, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.refund import Refund
from shillings.storage.accounts import BalanceLookup, Balances
from shillings.storage.executor import Connection
from shillings.storage.history import Filter, HistoryLine, HistoryQuery, read_pages
from shillings.storage.holds import HoldsQuery, find_overdue, read_holds
from shillings.storage.ledger import LedgerBatch
from shillings.storage.ledger_links import KnownLinks
from tests.contract.bank import MOMENT, TOKEN, Bank, Somebody, header, payment, topup
from tests.contract.test_ledger_races import at_once, batches

UNTIL = "2026-01-02 04:04:05.000006"
"""An hour after MOMENT."""


def at_first() -> datetime:
    """The time at which holds are made."""
    return MOMENT


def an_hour_later() -> datetime:
    """The time at which they are over."""
    return MOMENT + timedelta(hours=1)


def hold(payer: Somebody, receiver: Somebody, amount: int, key: str = "") -> Operation:
    """Money on hold for an hour."""
    return Hold(header(payer, key, TOKEN, "hold", receiver.email, amount), receiver.email, amount, UNTIL)


def capture(user: Somebody, made: Operation, amount: int = 0, key: str = "") -> Operation:
    """A capture of a hold."""
    return Capture(header(user, key, TOKEN, "capture", made.header.id.hex(), amount), made.header.id, amount)


def void(user: Somebody, made: Operation) -> Operation:
    """The end of a hold."""
    return Void(header(user, "", TOKEN, "void"), made.header.id)


def refund(user: Somebody, made: Operation, amount: int = 0, key: str = "") -> Operation:
    """A refund of a payment."""
    return Refund(header(user, key, TOKEN, "refund", made.header.id.hex(), amount), made.header.id, amount)


def outcomes(bank: Bank, *operations: Operation, now: Callable[[], datetime] = at_first) -> list[Outcome]:
    """What becomes of a batch."""
    return [decision.outcome for decision in bank.execute(operations, now)]


OK = Outcome.OK


def test_money_goes_and_comes_back(bank: Bank) -> None:
    """A payment, its refund in two parts, and a hold captured in part leave the right balances and sound books."""
    ann, bob = bank.user(100), bank.user()
    paid, held = payment(ann, bob, 60), hold(ann, bob, 40)
    assert outcomes(bank, paid, held) == [OK, OK]
    assert outcomes(bank, refund(bob, paid, 10), refund(bob, paid, 51), refund(bob, paid, 20)) == [
        OK, Outcome.REFUND_EXCEEDS_PAYMENT, OK,
    ]  # fmt: skip
    assert outcomes(bank, capture(bob, held, 15)) == [OK]
    assert outcomes(bank, refund(bob, paid, 31)) == [Outcome.REFUND_EXCEEDS_PAYMENT]

    assert (bank.balance(ann), bank.balance(bob)) == (55, 45)
    assert bank.ledger()


def test_keys_decide_once(bank: Bank) -> None:
    """Each movement sent again with its key gets its first answer, and nothing moves."""
    ann, bob = bank.user(100), bank.user()
    paid, held = payment(ann, bob, 50), hold(ann, bob, 40, "h")
    bank.execute([paid, held], at_first)
    for operation in (held, refund(bob, paid, 5, "r"), capture(bob, held, 7, "c")):
        first, second = (bank.execute([operation], at_first)[0] for _ in range(2))
        assert (first.outcome, second.outcome, second.replayed) == (OK, OK, True)
        assert first.transaction_id == second.transaction_id

    assert (bank.balance(ann), bank.balance(bob)) == (48, 52)


def test_money_of_a_hold_that_is_over_can_be_spent(bank: Bank) -> None:
    """At its end the money is the payer's: read as such, and spent, although nobody has released it before."""
    ann, bob = bank.user(100), bank.user()
    held = hold(ann, bob, 100)
    bank.execute([held], at_first)
    lookup = BalanceLookup(ann.user_id, TOKEN)
    seen = [Balances().read(bank.connection, [lookup], now)[0] for now in ("2026-01-02 04:04:05.000005", UNTIL)]
    assert [(one.balance, one.held) for one in seen if one] == [(0, 100), (100, 0)]
    assert outcomes(bank, payment(ann, bob, 1)) == [Outcome.INSUFFICIENT_FUNDS]
    assert outcomes(bank, payment(ann, bob, 30), payment(ann, bob, 71), now=an_hour_later) == [
        OK, Outcome.INSUFFICIENT_FUNDS,
    ]  # fmt: skip

    assert (bank.balance(ann), bank.balance(bob)) == (70, 30)
    assert outcomes(bank, capture(bob, held), now=an_hour_later) == [Outcome.HOLD_EXPIRED]
    assert [line.transaction_id for line in _history(bank, ann) if line.kind == "release"] == [
        release_id(held.header.id)
    ]
    assert bank.ledger()


def test_only_holds_of_somebody_short_of_money_are_ended(bank: Bank) -> None:
    """A payment that is short brings its payer's holds to their end, and leaves those of others to the job."""
    ann, bob, cat = bank.user(100), bank.user(100), bank.user()
    made = [hold(ann, cat, 100), hold(bob, cat, 100)]
    bank.execute(made, at_first)
    assert outcomes(bank, payment(ann, cat, 60), now=an_hour_later) == [OK]

    states = [bank.rows(f"SELECT status FROM holds WHERE hold_id = x'{one.header.id.hex()}'") for one in made]
    assert states == [[("expired",)], [("open",)]]


@pytest.mark.parametrize("seed", range(3))
async def test_capture_and_void_at_once_end_a_hold_once(bank: Bank, seed: int) -> None:
    """Two servers, one capturing and one voiding the same holds at the same moment: each hold ends one way."""
    ann, bob = bank.user(1000), bank.user()
    made = [hold(ann, bob, 10 + seed) for _ in range(20)]
    bank.execute(made, at_first)
    captures = [[capture(bob, one, 4)] for one in made]
    voids = [[void(bob, one)] for one in (made if seed % 2 else reversed(made))]
    found = await at_once(bank, _batches(captures), _batches(voids))
    ends = [decision.outcome for works in found for [decision] in works]

    assert ends.count(OK) == len(made)
    assert bank.balance(ann) + bank.balance(bob) == 1000
    assert bank.ledger()


async def test_refunds_at_once_are_within_the_payment(bank: Bank) -> None:
    """Two servers that refund the same payment in parts at the same moment give back no more than was paid."""
    ann, bob = bank.user(100), bank.user(500)
    paid = payment(ann, bob, 100)
    bank.execute([paid], at_first)
    parts = [[[refund(bob, paid, 9)] for _ in range(10)] for _ in range(2)]
    found = await at_once(bank, *map(batches, parts))
    done = sum(decision.outcome is OK for works in found for [decision] in works)

    assert done == 11
    assert bank.balance(ann) == 99
    assert bank.ledger()


def test_holds_are_listed_for_both_sides_only(bank: Bank) -> None:
    """Payer and receiver see a hold with its status by the clock; a stranger sees none; a revoked session nothing."""
    ann, bob, eve = bank.user(100), bank.user(), bank.user()
    first, second = hold(ann, bob, 30), hold(ann, bob, 20)
    bank.execute([first, second], at_first)
    bank.execute([capture(bob, first, 5)], at_first)
    early = "2026-01-02 03:30:00.000000"

    for side in (ann, bob):
        found = read_holds(bank.connection, HoldsQuery(side.user_id, TOKEN, limit=10), early) or []
        assert {(one.hold_id, one.status, one.captured_minor) for one in found} == {
            (first.header.id, "captured", 5), (second.header.id, "open", 0),
        }  # fmt: skip
        over = read_holds(bank.connection, HoldsQuery(side.user_id, TOKEN, status="expired", limit=10), UNTIL) or []
        assert [(one.hold_id, one.status) for one in over] == [(second.header.id, "expired")]
        assert read_holds(bank.connection, HoldsQuery(side.user_id, TOKEN, status="open", limit=10), UNTIL) == []
    assert read_holds(bank.connection, HoldsQuery(eve.user_id, TOKEN, limit=10), early) == []
    assert read_holds(bank.connection, HoldsQuery(eve.user_id, TOKEN, first.header.id), early) == []
    assert (second.header.id, ann.user_id) in find_overdue(bank.connection, UNTIL, [ann.user_id])
    assert find_overdue(bank.connection, early, [ann.user_id]) == []


def test_transactions_are_found_by_what_one_said_of_them(bank: Bank) -> None:
    """By id, key, reference, kind, other side and time; what is not one's own is not found, nor another's words."""
    ann, bob, eve = bank.user(100), bank.user(), bank.user()
    details = Details("order-42", '{"a":"b"}')
    paid = Payment(header(ann, "key", TOKEN, "payment"), bob.email, 5, details)
    bank.execute([paid, payment(ann, eve, 6), topup(ann, 7)], at_first)
    wanted = {
        "id": Filter(transaction_id=paid.header.id),
        "key": Filter(idempotency_key="key"),
        "reference": Filter(reference="order-42"),
        "kind and side": Filter(kind="payment", counterparty_email=bob.email),
        "time": Filter(created_after="2026-01-02 03:04:05.000006", kind="payment", counterparty_email=bob.email),
    }
    for name, one in wanted.items():
        [line] = _history(bank, ann, one)
        assert (line.transaction_id, line.reference, line.metadata) == (paid.header.id, "order-42", '{"a":"b"}'), name
        assert _history(bank, eve, one) == []
    assert _history(bank, bob, Filter(reference="order-42")) == []
    [seen] = _history(bank, bob, Filter(transaction_id=paid.header.id))
    assert (seen.reference, seen.metadata) == ("", "")
    assert _history(bank, ann, Filter(created_before="2026-01-02 03:04:05.000006")) == []


def _history(bank: Bank, user: Somebody, wanted: Filter | None = None) -> list[HistoryLine]:
    query = HistoryQuery(user.user_id, TOKEN, 2**62, 100, wanted or Filter())
    [found] = read_pages(bank.connection, [query], UNTIL)
    assert found is not None
    return found


def _batches(operations: list[list[Operation]]) -> list[Callable[[Connection], list[Decision]]]:
    """As `batches`, at MOMENT, when the holds are open."""
    known = KnownLinks()
    return [LedgerBatch(batch, known, at_first).execute for batch in operations]


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_commit_beside_a_hold_that_is_over_is_told_truly(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A release that another server wrote does not pass for the batch that was lost: the payment is made once."""
    ann, bob = bank.user(100), bank.user()
    held, paid = hold(ann, bob, 100), payment(ann, bob, 30)
    bank.execute([held], at_first)
    batch, other = bank.batch([paid], an_hour_later), bank.open()
    commit = Connection.commit

    def lose(connection: Connection, *writes: str) -> None:
        monkeypatch.setattr(Connection, "commit", commit)
        if when == "after":
            commit(connection, *writes)
        else:
            connection.query("ROLLBACK")
            LedgerBatch([expire(held.header.id, ann.user_id)], KnownLinks(), an_hour_later).execute(other)
        raise ConnectionError

    monkeypatch.setattr(Connection, "commit", lose)
    with pytest.raises(ConnectionError):
        batch.execute(bank.connection)
    [decision] = batch.execute(bank.connection)

    assert (decision.outcome, decision.transaction_id) == (OK, paid.header.id)
    assert (bank.balance(ann), bank.balance(bob)) == (70, 30)
    assert bank.ledger()
