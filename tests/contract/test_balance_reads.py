"""Balances on every database: wallets alone are read where there is nothing else, and never where there is."""

from collections.abc import Sequence

import pytest

from shillings.storage.accounts import BalanceLookup, Balances
from shillings.storage.engines import Rows
from tests.contract.bank import TOKEN, Bank, Somebody
from tests.contract.test_movements import at_first, hold, void

EARLY = "2026-01-02 03:04:06.000000"
"""While a hold is open."""


class Reader:
    """Reads one user's balance again and again, and notes what is asked of the database."""

    def __init__(self, bank: Bank, user: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bank = bank
        self._lookup = BalanceLookup(user.user_id, TOKEN)
        self._balances = Balances()
        self._query = bank.connection.query
        self._asked: list[Sequence[str]] = []
        monkeypatch.setattr(bank.connection, "query", self._note)

    def read(self) -> tuple[int, int, list[bool]]:
        """What can be spent, what is held, and of each question whether it was about this user's holds, too."""
        self._asked.clear()
        [found] = self._balances.read(self._bank.connection, [self._lookup], EARLY)
        assert found is not None
        return found.balance, found.held, ["payer_id" in asked[0] for asked in self._asked]

    def _note(self, *statements: str) -> list[Rows]:
        self._asked.append(statements)
        return self._query(*statements)


def test_holds_are_looked_at_while_there_are_any(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold is seen by whoever has seen none before; while one is open, whoever's, all is asked at once."""
    ann, bob = bank.user(100), bank.user(70)
    reader = Reader(bank, ann, monkeypatch)
    assert reader.read() == (100, 0, [False])
    others = hold(bob, ann, 50)
    bank.execute([others], at_first)
    assert reader.read() == (100, 0, [False, True])
    own = hold(ann, bob, 40)
    bank.execute([own], at_first)
    assert reader.read() == (60, 40, [True])

    bank.execute([void(bob, own), void(ann, others)], at_first)
    assert reader.read() == (100, 0, [True])
    assert reader.read() == (100, 0, [False])
