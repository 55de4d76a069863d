"""Filled databases are as the service would have left them."""

import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.filling import Filling, fill_sqlite
from benchmarks.population import BALANCE, email
from deploy.local.database_server import DatabaseServer
from deploy.local.shillings import PROGRAM, settings_environment
from shillings.audit.auditor import Auditor

_USERS, _HISTORY = 7, 7 * 40


@pytest.fixture(scope="module", params=[("mariadb", "fresh_database_url"), ("mysql", "fresh_mysql_url")])
def filled_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with a few users and some history, on each server."""
    server: DatabaseServer = request.getfixturevalue(request.param[0])
    url: str = request.getfixturevalue(request.param[1])
    _migrate(url)
    with server.connect(_name(url)) as connection:
        list(Filling(connection, _USERS, _HISTORY).run())
    return url


def test_made_up_history_obeys_every_invariant(filled_url: str) -> None:
    """What the filling makes passes the audit that real ledgers must pass, entry by entry."""
    with Auditor(filled_url) as auditor:
        assert auditor.audit().findings == []
        assert len(auditor.transactions()) == _USERS + _HISTORY
    with sa.create_engine(filled_url).connect() as connection:
        emails = connection.exec_driver_sql("SELECT email FROM users ORDER BY user_id").scalars().all()
    assert emails == [email(number) for number in range(_USERS)]


def test_embedded_users_obey_every_invariant(tmp_path: Path) -> None:
    """The users made in SQLite pass the same audit."""
    url = f"sqlite:///{tmp_path / 'shillings.db'}"
    _migrate(url)
    fill_sqlite(tmp_path / "shillings.db", 20)

    with Auditor(url) as auditor:
        assert auditor.audit().findings == []
    with sa.create_engine(url).connect() as connection:
        assert set(connection.exec_driver_sql("SELECT balance FROM users").scalars()) == {BALANCE}


def _migrate(url: str) -> None:
    environment = settings_environment({"DATABASE_URL": url})
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]
