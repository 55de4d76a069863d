"""A database server with settings of its own changes nothing, and its errors tell nobody's data."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.database_server import DatabaseServer
from shillings.ledger.outcomes import Outcome
from shillings.storage.accounts import add_user
from shillings.storage.engines import ErrorKind, classify
from shillings.storage.schema import migrate
from tests.contract.bank import Bank, new_user, payment

QUERY = "?charset=utf8mb4"

SETTINGS = {
    "another language": {"sql_mode": "ANSI_QUOTES,PIPES_AS_CONCAT", "init_connect": "SET NAMES latin1, autocommit = 0"},
    "another way of committing": {
        "sql_mode": "",
        "init_connect": 'SET sql_mode = "ANSI_QUOTES", completion_type = 2, sql_select_limit = 1',
    },
}


@contextmanager
def changed(server: DatabaseServer, settings: dict[str, str]) -> Iterator[None]:
    """Global settings with other values for a while."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'@@global.{name}' for name in settings)}")
        before = cursor.fetchone() or ()
        cursor.execute(_set(settings), tuple(settings.values()))
        try:
            yield
        finally:
            cursor.execute(_set(settings), before)


def _set(settings: dict[str, str]) -> str:
    return f"SET {', '.join(f'GLOBAL {name} = %s' for name in settings)}"


def pay_somebody(url: str) -> None:
    """Make the tables, sign two people up, and let one pay the other."""
    bank = Bank(url)
    migrate(bank.engine)
    name = "Zo\u00eb \U0001f4b7 O\u2019Hara \\' \""
    assert add_user(bank.connection, new_user(first_name=name)) is None
    ann, bob = bank.user(10), bank.user()
    [decision] = bank.execute([payment(ann, bob, 4)])
    found = bank.rows("SELECT first_name FROM users")
    bank.close()

    assert decision.outcome is Outcome.OK
    assert len(found) == 3
    assert (name,) in found


@pytest.fixture(params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Each server, with an empty database `shillings_settings`."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    found.create_database("shillings_settings")
    yield found
    found.drop_database("shillings_settings")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_the_server_change_nothing(server: DatabaseServer, settings: dict[str, str]) -> None:
    """Tables are made and payments come out as anywhere, whatever the server's mode and its init_connect are."""
    with changed(server, settings):
        pay_somebody(server.database_url("shillings_settings"))


def test_oracles_mode_changes_nothing(mariadb: DatabaseServer) -> None:
    """MariaDB in its Oracle mode is told to speak as everywhere."""
    url = mariadb.create_database("shillings_oracle")
    with changed(mariadb, {"sql_mode": "ORACLE"}):
        pay_somebody(url)
    mariadb.drop_database("shillings_oracle")


def test_options_of_the_url_change_nothing(server: DatabaseServer) -> None:
    """A character set, a mode or a command in the URL gives way to what the service needs."""
    options = "?charset=latin1&sql_mode=ANSI_QUOTES&init_command=SET NAMES latin1"
    url = server.database_url("shillings_settings")
    assert QUERY in url
    pay_somebody(url.replace(QUERY, options))


REFUSED = {
    "INSERT INTO users SELECT * FROM users WHERE email = '{email}'": 1062,
    "INSERT INTO users (email) VALUES ('{email}')": 1364,
    "SELECT '{email}' FROM users WHERE '{email}": 1064,
    "UPDATE users SET balance = '{email}'": 1366,
    "SET @x = 1; INSERT INTO users SELECT * FROM users": 1062,
}


def test_errors_tell_nobodys_data(server: DatabaseServer) -> None:
    """What the server says of statements that it refuses is told without the values that it quotes."""
    bank = Bank(server.database_url("shillings_settings"))
    migrate(bank.engine)
    somebody = bank.user(10, email="xanthippe@example.com")
    for statement, code in REFUSED.items():
        with pytest.raises(Exception, match=str(code)) as caught:
            bank.connection.query(statement.format(email=somebody.email))

        assert classify(caught.value) is ErrorKind.PERMANENT
        assert "anthippe" not in str(caught.value)
        assert somebody.user_id.hex() not in str(caught.value).lower()
    bank.close()
