"""At start the database is waited for, and one that refuses us is not."""

from pathlib import Path

import pytest

from shillings.base.errors import SettingsError
from shillings.storage.engines import make_engine
from shillings.storage.waiting import wait_for_database
from shillings.testing.ports import free_port


def test_database_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    """With no time to wait, a database that answers is enough."""
    wait_for_database(make_engine(f"sqlite:///{tmp_path / 'x.db'}"), 0.0)


def test_database_that_does_not_come_is_a_settings_error() -> None:
    """When the time is over the refusal names the database without its password, the reason, and what to do."""
    url = f"mysql+pymysql://shillings:secret-word@127.0.0.1:{free_port()}/shillings"
    with pytest.raises(SettingsError, match=r"did not answer within .*DATABASE_WAIT_SECONDS") as refused:
        wait_for_database(make_engine(url), 0.15)

    assert "secret-word" not in str(refused.value)
