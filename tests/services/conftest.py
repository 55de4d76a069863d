"""Real servers, started once and shared by all tests of this directory."""

import secrets
from collections.abc import Iterator

import pytest

from deploy.local.mariadb import MariaDB
from deploy.local.redis import Redis
from tests.programs import require_programs


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that nobody kills or pauses: those tests start their own."""
    require_programs("mariadbd")
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that nobody kills or pauses: those tests start their own."""
    require_programs("redis-server")
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def fresh_database_url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of a database on the shared MariaDB that only this module's tests use. It is empty at first."""
    name = f"shillings_{secrets.token_hex(6)}"
    yield mariadb.create_database(name)
    mariadb.drop_database(name)
