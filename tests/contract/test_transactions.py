"""What a database transaction of sign-ups and revocations promises, on every database."""

from collections.abc import Callable

import pytest

from shillings.base.errors import OutcomeUnknown, Unavailable
from shillings.storage import executor as executors
from shillings.storage.accounts import add_user
from shillings.storage.executor import Connection
from shillings.storage.sessions import revoke
from tests.contract.bank import MOMENT, Bank, new_user
from tests.contract.planned_errors import Plan
from tests.values import new_id

LOST, CANNOT_CONNECT = 2013, 2003
BEGIN, COMMIT = 0, 1
"""The round trips that are sent as text; what is between them goes through SQLAlchemy."""

WORKS: dict[str, Callable[[Connection], object]] = {
    "sign-up": lambda connection: add_user(connection, new_user()),
    "revocation": lambda connection: revoke(connection, new_id(), MOMENT),
}


async def _run(bank: Bank, monkeypatch: pytest.MonkeyPatch, work: str, lost_at: int, when: str) -> None:
    """Run work whose connection is lost once, on a database that then stays down."""
    monkeypatch.setattr(executors, "LOST_COMMIT_SECONDS_MAX", 0.1)
    plan = Plan((lost_at, when, LOST), *[(number, "before", CANNOT_CONNECT) for number in range(lost_at + 1, 10_000)])
    plan.install(monkeypatch)
    executor = bank.executor()
    try:
        await executor.run(WORKS[work])
    finally:
        await executor.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("work", WORKS)
async def test_lost_commit_of_a_database_that_stays_down_is_unknown(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, work: str, when: str
) -> None:
    """Once its COMMIT was sent, nobody is told that nothing was done: the answer is "unknown"."""
    with pytest.raises(OutcomeUnknown):
        await _run(bank, monkeypatch, work, COMMIT, when)


@pytest.mark.parametrize("work", WORKS)
async def test_transaction_that_never_began_was_not_done(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    """Before the COMMIT nothing is in doubt: the answer is "unavailable", which promises that nothing was done."""
    with pytest.raises(Unavailable):
        await _run(bank, monkeypatch, work, BEGIN, "after")
