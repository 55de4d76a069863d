"""Money on its way: nobody spends it before it is there, and what is taken back after it was spent is owed."""

import pytest

from shillings.base.money import BALANCE_MINOR_MAX
from shillings.ledger.book import Links
from shillings.ledger.operation import Course
from shillings.ledger.outcomes import Outcome
from shillings.ledger.refund import Refund
from shillings.ledger.rows import Debt, Kind, TransactionRow, TransitStatus
from shillings.ledger.topup import TopUp
from shillings.ledger.transit import Conclude, conclude
from tests.unit.ledger.operations import ANN, BOB, EMAILS, payment, topup
from tests.unit.ledger.test_movements import EARLY, LATE, NOON, World, header, paid
from tests.values import new_id

OK = Outcome.OK
BY_HAND = Course(True, TransitStatus.SUCCEEDED, "")


def pending(amount: int = 100, course: Course = BY_HAND) -> tuple[World, bytes]:
    """A top-up of Ann's that travels so; and its id."""
    world = World()
    operation = TopUp(header(ANN), amount, None, course)
    assert world.decide(operation) == [OK]
    return world, operation.header.id


def test_pending_topup_is_nobodys_to_spend_until_it_arrives() -> None:
    """While it is pending the balance is what it was, and a payment of the money is refused; then it is there once."""
    world, topup_id = pending()
    assert (world.balances[ANN], world.in_transit) == (0, 100)
    assert world.decide(payment(ANN, EMAILS[BOB], 1)) == [Outcome.INSUFFICIENT_FUNDS]

    assert world.decide(conclude(topup_id, ANN, arrives=True), payment(ANN, EMAILS[BOB], 60)) == [OK, OK]
    assert world.decide(conclude(topup_id, ANN, arrives=True)) == [Outcome.ALREADY_SETTLED]
    assert (world.balances[ANN], world.in_transit) == (40, 0)


def test_money_arrives_under_the_email_that_its_receiver_has_by_then() -> None:
    """Who has changed the email meanwhile finds it in what has arrived; what began it stays as it was."""
    world, topup_id = pending()
    world.transactions[topup_id] = world.transactions[topup_id]._replace(receiver_email="before@example.com")
    assert world.decide(conclude(topup_id, ANN, arrives=True)) == [OK]

    [arrived] = world.book.rows[TransactionRow]
    assert (arrived.kind, arrived.receiver_email) == (Kind.SETTLEMENT, EMAILS[ANN])


def test_pending_topup_comes_back_without_a_trace_in_the_wallet() -> None:
    """One that comes back before it arrived never was anybody's money, and cannot arrive any more."""
    world, topup_id = pending()
    assert world.decide(conclude(topup_id, ANN, arrives=False)) == [OK]

    assert (world.balances[ANN], world.in_transit, world.debts) == (0, 0, {})
    again = [conclude(topup_id, ANN, arrives=arrives) for arrives in (True, False)]
    assert world.decide(*again) == [Outcome.ALREADY_RETURNED] * 2


@pytest.mark.parametrize(("final", "balance"), [(TransitStatus.SUCCEEDED, 100), (TransitStatus.RETURNED, 0)])
def test_clock_ends_it_at_its_time_and_not_before(final: TransitStatus, balance: int) -> None:
    """What was planned happens at the planned time exactly; nothing happens by the clock where somebody decides."""
    world, topup_id = pending(course=Course(True, final, NOON))
    assert world.decide(conclude(topup_id, ANN)) == [Outcome.NOT_FOUND]
    world.now = NOON
    assert world.decide(conclude(topup_id, ANN), conclude(topup_id, ANN)) == [OK, Outcome.NOT_FOUND]
    assert world.transits[topup_id].status is final
    assert (world.balances[ANN], world.in_transit) == (balance, 0)

    world, topup_id = pending()
    world.now = LATE
    assert world.decide(conclude(topup_id, ANN)) == [Outcome.NOT_FOUND]


def test_topup_that_is_there_at_once_may_come_back_later() -> None:
    """It can be spent from the start; at its time it is taken back by the clock."""
    world, topup_id = pending(course=Course(False, TransitStatus.RETURNED, NOON))
    assert (world.balances[ANN], world.now) == (100, EARLY)
    world.now = NOON
    assert world.decide(conclude(topup_id, ANN)) == [OK]

    assert (world.balances[ANN], world.debts) == (0, {})
    assert world.total(Kind.RETURN) == 100


def test_what_of_a_returned_topup_is_spent_is_owed_and_blocks() -> None:
    """The balance never is negative: what is missing is lent, blocks what takes money, and is repaid from receipts."""
    world = World()
    operation = topup(ANN, 100)
    world.decide(operation, payment(ANN, EMAILS[BOB], 70))
    assert world.decide(conclude(operation.header.id, ANN, arrives=False)) == [OK]
    assert (world.balances[ANN], world.debts[ANN]) == (0, 70)
    assert world.decide(payment(ANN, EMAILS[BOB], 1)) == [Outcome.DEBT_OUTSTANDING]

    assert world.decide(payment(BOB, EMAILS[ANN], 30)) == [OK]
    assert (world.balances[ANN], world.debts[ANN]) == (0, 40)
    assert world.decide(topup(ANN, 45), payment(ANN, EMAILS[BOB], 5)) == [OK, OK]
    assert (world.balances[ANN], world.debts[ANN], world.balances[BOB]) == (0, 0, 45)


def test_returns_add_up() -> None:
    """Two top-ups that come back, both spent: both are owed, and neither comes back twice."""
    world = World()
    first, second = topup(ANN, 10), topup(ANN, 20)
    world.decide(first, second, payment(ANN, EMAILS[BOB], 25))
    both = [conclude(one.header.id, ANN, arrives=False) for one in (first, second, first)]

    assert world.decide(*both) == [OK, OK, Outcome.ALREADY_RETURNED]
    assert [(debt.user_id, debt.amount_minor) for debt in world.book.rows[Debt]] == [(ANN, 25)]
    assert (world.balances[ANN], world.debts[ANN]) == (0, 25)


def test_topup_that_does_not_fit_comes_back() -> None:
    """When the largest balance would be exceeded at its arrival, it is returned instead, and waits for nobody."""
    world, topup_id = pending()
    world.balances[ANN] = BALANCE_MINOR_MAX - 99
    assert world.decide(conclude(topup_id, ANN, arrives=True)) == [OK]

    assert world.transits[topup_id].status is TransitStatus.RETURNED
    assert world.balances[ANN] == BALANCE_MINOR_MAX - 99


def test_refund_that_fails_gives_its_money_back() -> None:
    """Its money leaves the refunder at once and counts as refunded; after it has failed, neither holds any more."""
    world, payment_id = paid()
    refund = Refund(header(BOB), payment_id, 60, Course(True, TransitStatus.FAILED, NOON))
    assert world.decide(refund) == [OK]
    assert (world.balances[ANN], world.balances[BOB], world.in_transit) == (0, 40, 60)
    assert world.decide(Refund(header(BOB), payment_id, 41)) == [Outcome.REFUND_EXCEEDS_PAYMENT]
    world.now = NOON
    assert world.decide(conclude(refund.header.id, BOB)) == [OK]

    assert (world.balances[ANN], world.balances[BOB], world.in_transit) == (0, 100, 0)
    assert world.transits[refund.header.id].status is TransitStatus.FAILED
    assert world.decide(Refund(header(BOB), payment_id, 100)) == [OK]


def test_refund_that_gets_through_is_the_payers_and_stays() -> None:
    """A pending refund that is settled by hand cannot fail afterwards."""
    world, payment_id = paid()
    refund = Refund(header(BOB), payment_id, 0, Course(True, TransitStatus.FAILED, ""))
    world.decide(refund, payment(BOB, EMAILS[ANN], 1))
    assert world.decide(conclude(refund.header.id, BOB, arrives=True)) == [OK]

    assert world.balances[ANN] == 100
    assert world.decide(conclude(refund.header.id, BOB, arrives=False)) == [Outcome.ALREADY_SETTLED]


def test_only_topups_and_pending_refunds_have_an_end() -> None:
    """A payment, a refund that simply arrived, what follows from a top-up, and what is not there: not found."""
    world, payment_id = paid()
    refund = Refund(header(BOB), payment_id, 10)
    world.decide(refund)
    for one in (payment_id, refund.header.id, new_id()):
        assert world.decide(conclude(one, ANN, arrives=False)) == [Outcome.NOT_FOUND]


def test_wallets_of_both_sides_are_locked() -> None:
    """A top-up has one side that has a wallet, a refund two."""
    world, payment_id = paid()
    refund = Refund(header(BOB), payment_id, 10, BY_HAND)
    world.decide(refund)
    links = Links(transits=world.transactions)
    [topup_id] = [row.transaction_id for row in world.transactions.values() if row.kind is Kind.TOPUP]

    assert set(Conclude(header(ANN), topup_id).accounts(links)) == {ANN}
    assert set(Conclude(header(BOB), refund.header.id).accounts(links)) == {ANN, BOB}
    assert set(Conclude(header(BOB), new_id()).accounts(links)) == set()
