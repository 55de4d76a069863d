"""Declined operations: nothing moves, the refusal is kept under the key, and who listens hears of it."""

import json

import pytest

from shillings.ledger.declined import Declined
from shillings.ledger.events import Audience, EventRow
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import EntryRow, KeyRow, TransactionRow
from shillings.ledger.rule import decide
from tests.unit.ledger.operations import ANN, BOB, EMAILS, book, payment, topup

REFUSALS = [outcome for outcome in Outcome if outcome.is_stored and outcome is not Outcome.OK]


@pytest.mark.parametrize("outcome", REFUSALS)
def test_declined_operation_moves_nothing_and_is_remembered(outcome: Outcome) -> None:
    """Whatever it is declined for, no money moves; the same key gets the same refusal, also without the fault."""
    page = book({ANN: 10, BOB: 0})
    asked = payment(ANN, EMAILS[BOB], 4, "key")

    first, again = decide([Declined(asked, outcome), asked], page)

    assert (first.outcome, first.replayed) == (outcome, False)
    assert (again.outcome, again.replayed) == (outcome, True)
    assert [page.accounts[user].balance_minor for user in (ANN, BOB)] == [10, 0]
    assert not page.rows[EntryRow]
    assert not page.rows[TransactionRow]
    assert [row.outcome for row in page.rows[KeyRow]] == [outcome]


def test_declined_operation_refers_to_what_it_would() -> None:
    """The same is read and locked as if it were not declined."""
    asked, links = payment(ANN, EMAILS[BOB], 4), book({}).links
    declined = Declined(asked, Outcome.SELF_PAYMENT)

    assert (declined.header, declined.needs()) == (asked.header, asked.needs())
    assert list(declined.accounts(links)) == list(asked.accounts(links)) == [BOB]


def test_stored_answer_goes_before_a_decline() -> None:
    """What was done under a key before stays done, whatever is to be declined now."""
    page = book({ANN: 10, BOB: 0})
    asked = payment(ANN, EMAILS[BOB], 4, "key")

    done, declined = decide([asked, Declined(asked, Outcome.INSUFFICIENT_FUNDS)], page)

    assert (declined.outcome, declined.transaction_id, declined.replayed) == (Outcome.OK, done.transaction_id, True)


def test_declined_payment_is_told_like_any_other() -> None:
    """Its sender hears of it with the code; a declined top-up is no event, as a refused one is none."""
    page = book({ANN: 10, BOB: 0})
    page.audience = Audience(True, [], {})
    decide([Declined(one, Outcome.SELF_PAYMENT) for one in (payment(ANN, EMAILS[BOB], 4), topup(ANN, 5))], page)

    assert [(row.event.type, json.loads(row.data)["code"]) for row in page.rows[EventRow]] == [
        ("payment.declined", "self_payment")
    ]
