"""Books have one currency: it has the decimals that it has, and no server with another one opens them."""

from pathlib import Path

import pytest

from tests.running import run_shillings
from tests.service import Service


@pytest.mark.parametrize(("currency", "amount", "example"), [("JPY", "1500", '"12"'), ("KWD", "1.250", '"12.500"')])
def test_currency_has_its_own_decimals(tmp_path: Path, currency: str, amount: str, example: str) -> None:
    """Amounts have the decimals that ISO 4217 gives the currency, also in advice; the account says which it is."""
    with Service(tmp_path, SHILLINGS_CURRENCY=currency) as service:
        ann = service.new_user("ann", amount)

        assert (ann.account()["balance"], ann.account()["currency"]) == (amount, currency)
        assert example in ann.top_up("0.0001").message


@pytest.mark.parametrize("settings", [{"SHILLINGS_CURRENCY": "EUR"}, {"SHILLINGS_CURRENCY_DECIMALS": "0"}], ids=str)
def test_server_with_another_currency_refuses_to_start(tmp_path: Path, settings: dict[str, str]) -> None:
    """A server set to another currency, or to other decimals, does not open the books, and says what to set."""
    service = Service(tmp_path)
    with service:
        ann = service.new_user("ann", "50.00")
        assert service.stop() == 0

        refused = run_shillings("serve", "--port", "0", "--data-dir", str(service.data_dir), cwd=tmp_path, **settings)
        service.start()

        assert refused.returncode == 2
        assert "the books are kept in USD with 2 decimals" in refused.stderr
        assert "SHILLINGS_CURRENCY=USD" in refused.stderr
        assert ann.account()["balance"] == "50.00"
