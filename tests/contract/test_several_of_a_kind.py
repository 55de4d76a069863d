"""A batch holds several rows of every kind, and one statement writes them all."""

from datetime import datetime, timedelta

from shillings.ledger.operation import Course, Details, Operation
from shillings.ledger.outcomes import Outcome
from shillings.ledger.payment import Payment
from shillings.ledger.rows import TransitStatus
from shillings.ledger.transit import conclude
from tests.contract.bank import MOMENT, TOKEN, Bank, Somebody, header, payment, topup
from tests.contract.test_movements import capture, hold, refund, void
from tests.contract.test_transits import BY_HAND, slow_refund, slow_topup

OK = Outcome.OK
FAILS = Course(True, TransitStatus.FAILED, "")


def apply(bank: Bank, *operations: Operation) -> None:
    """Execute a batch in which everything is possible."""
    assert {decision.outcome for decision in bank.execute(operations, lambda: MOMENT)} == {OK}


def found(bank: Bank, what: str, *operations: Operation) -> list[tuple[object, ...]]:
    """The rows of these operations, in their order: `what` is columns, a table, and the name of its id."""
    columns, table, name = what.rsplit(" ", 2)
    return [
        row
        for one in operations
        for row in bank.rows(f"SELECT {columns} FROM {table} WHERE {name} = x'{one.header.id.hex()}'")
    ]


def described(user: Somebody, receiver: Somebody, reference: str) -> Operation:
    """A payment of which the user says something."""
    asked = header(user, "", TOKEN, "payment", receiver.email, 7)
    return Payment(asked, receiver.email, 7, Details(reference, "{}"))


def test_holds_begin_and_end_together(bank: Bank) -> None:
    """Each of two holds is made as it was asked for, and of two that end together each ends as it does."""
    ann, bob = bank.user(100), bank.user()
    first, second = hold(ann, bob, 10), hold(ann, bob, 20)
    apply(bank, first, second)
    assert found(bank, "amount, status holds hold_id", first, second) == [(10, "open"), (20, "open")]
    apply(bank, capture(bob, first, 7), void(bob, second))

    ended = found(bank, "amount, captured, status holds hold_id", first, second)
    assert ended == [(10, 7, "captured"), (20, 0, "voided")]
    assert (bank.balance(ann), bank.balance(bob)) == (93, 7)
    assert bank.ledger()


def test_refunds_begin_and_fail_together(bank: Bank) -> None:
    """Of two refunds that fail together neither counts any more; two that stand beside them still do."""
    ann, bob = bank.user(100), bank.user()
    paid = [described(ann, bob, "first"), described(ann, bob, "second")]
    apply(bank, *paid)
    assert found(bank, "reference transaction_details transaction_id", *paid) == [("first",), ("second",)]
    slow = [slow_refund(bob, one, 2, FAILS) for one in paid]
    apply(bank, *slow, *[refund(bob, one, 1) for one in paid])
    apply(bank, *[conclude(one.header.id, bob.user_id, arrives=False) for one in slow])

    assert found(bank, "amount refunds transaction_id", *paid) == [(1,), (1,)]
    assert found(bank, "status transits transaction_id", *slow) == [("failed",), ("failed",)]
    assert (bank.balance(ann), bank.balance(bob)) == (88, 12)
    assert bank.ledger()


def test_topups_arrive_and_come_back_together(bank: Bank) -> None:
    """Of two top-ups on their way one arrives while the other comes back; two users can come to owe money at once."""
    ann, bob = bank.user(), bank.user()
    arriving, returning = slow_topup(ann, 30, BY_HAND), slow_topup(bob, 40, BY_HAND)
    spent = [topup(ann, 5), topup(bob, 6)]
    apply(bank, arriving, returning, *spent, payment(ann, bob, 5))
    apply(
        bank,
        conclude(arriving.header.id, ann.user_id, arrives=True),
        conclude(returning.header.id, bob.user_id, arrives=False),
    )
    assert found(bank, "status transits transaction_id", arriving, returning) == [("succeeded",), ("returned",)]
    apply(bank, payment(ann, bob, 30))
    cat = bank.user()
    apply(bank, payment(bob, cat, 41))
    apply(bank, *[conclude(one.header.id, one.header.user_id, arrives=False) for one in spent])

    owed = bank.rows(f"SELECT amount FROM debts WHERE user_id IN (x'{ann.user_id.hex()}', x'{bob.user_id.hex()}')")
    assert sorted(owed) == [(5,), (6,)]
    assert bank.ledger()


def test_keys_that_are_over_are_used_again_together(bank: Bank) -> None:
    """Of two keys whose day is over both give way, and a namesake of another user's stays."""
    ann, bob = bank.user(), bank.user()

    def next_day() -> datetime:
        return MOMENT + timedelta(days=1, seconds=1)

    bank.execute([topup(ann, 1, "one"), topup(bob, 1, "two")], lambda: MOMENT)
    bank.execute([topup(bob, 1, "one"), topup(ann, 1, "two")], next_day)
    again = bank.execute([topup(ann, 1, "one"), topup(bob, 1, "two")], next_day)

    assert [decision.replayed for decision in again] == [False, False]
    assert [one.replayed for one in bank.execute([topup(bob, 1, "one"), topup(ann, 1, "two")], next_day)] == [True] * 2
    assert (bank.balance(ann), bank.balance(bob)) == (3, 3)
