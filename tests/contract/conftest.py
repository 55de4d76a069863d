"""Every implementation of an interface, one after the other: every database, both caches."""

from collections.abc import Iterator

import pytest

from shillings.storage.schema import migrate
from tests.contract.bank import Bank
from tests.contract.hooks import Hooks

DATABASES = {"sqlite": "", "mariadb": "fresh_database_url", "mysql": "fresh_mysql_url"}
"""Each engine, and the fixture that gives the URL of an empty database on it."""


@pytest.fixture(scope="module", params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database of this module's own, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shillings.db'}"
    url: str = request.getfixturevalue(DATABASES[request.param])
    return url


@pytest.fixture(scope="module")
def bank(empty_url: str) -> Iterator[Bank]:
    """A bank of this module's own, on each engine."""
    made = Bank(empty_url)
    migrate(made.engine)
    yield made
    made.close()


@pytest.fixture
def hooks(bank: Bank) -> Iterator[Hooks]:
    """Somebody's endpoint, the only one that is switched on."""
    yield Hooks(bank)
    bank.connection.query("UPDATE webhook_endpoints SET enabled = 0")
