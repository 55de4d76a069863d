"""The books keep their currency: the first server writes it, and no server with another one gets in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.books import require_currency
from shillings.storage.tables import books
from tests.contract.bank import Bank


@pytest.fixture
def engine(bank: Bank) -> sa.Engine:
    """An engine of books that nobody has opened yet."""
    with bank.engine.connect() as connection:
        connection.execute(sa.delete(books))
    return bank.engine


def test_first_server_says_the_currency(engine: sa.Engine) -> None:
    """Books without a currency take that of the first server; the same one gets in again."""
    for _ in range(2):
        require_currency(engine, "JPY", 0)


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("USD", 0), ("USD", 3), ("JPY", 0), ("usd", 2)])
def test_other_currency_is_refused(engine: sa.Engine, currency: str, decimals: int) -> None:
    """Another currency or other decimals are refused with what to set, and the books keep their own."""
    require_currency(engine, "USD", 2)

    with pytest.raises(SettingsError, match="SHILLINGS_CURRENCY=USD and SHILLINGS_CURRENCY_DECIMALS=2"):
        require_currency(engine, currency, decimals)
    require_currency(engine, "USD", 2)


def test_those_who_start_at_once_agree(engine: sa.Engine) -> None:
    """Of servers that start together with different currencies, those with one of them get in, and no others."""

    def start(currency: str) -> bool:
        try:
            require_currency(engine, currency, 2)
        except SettingsError:
            return False
        return True

    wanted = ["USD", "EUR", "GBP", "CHF"] * 2
    with ThreadPoolExecutor(len(wanted)) as pool:
        let_in = {currency for currency, ok in zip(wanted, pool.map(start, wanted), strict=True) if ok}

    assert len(let_in) == 1
