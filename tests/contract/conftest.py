"""Every implementation of an interface, one after the other: both databases, both caches."""

from collections.abc import Iterator

import pytest

from shillings.storage.schema import migrate
from tests.contract.bank import Bank

DATABASES = ["sqlite", "mariadb"]


@pytest.fixture(scope="module", params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database of this module's own, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shillings.db'}"
    url: str = request.getfixturevalue("fresh_database_url")
    return url


@pytest.fixture(scope="module")
def bank(empty_url: str) -> Iterator[Bank]:
    """A bank of this module's own, on each engine."""
    made = Bank(empty_url)
    migrate(made.engine)
    yield made
    made.close()
