"""Settings that could lose an acknowledged payment are found."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from deploy.local.mariadb import MariaDB
from shillings.storage.durability import risks
from shillings.storage.engines import MYSQL, SQLITE, make_engine
from tests.contract.bank import Bank


def test_this_database_loses_nothing(bank: Bank) -> None:
    """The databases tests and deployments run on have no risky setting."""
    assert risks(bank.engine, bank.dialect) == []


@contextmanager
def changed(mariadb: MariaDB, setting: str, value: str) -> Iterator[None]:
    """A global setting with another value for a while."""
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT @@global.{setting}")
        [before] = cursor.fetchone() or ()
        cursor.execute(f"SET GLOBAL {setting} = {value}")
        try:
            yield
        finally:
            cursor.execute(f"SET GLOBAL {setting} = {before!r}")


@pytest.mark.parametrize("value", ["0", "2"])
def test_lazy_flush_is_found(mariadb: MariaDB, value: str) -> None:
    """A log that is not flushed at each commit is named, with what it costs."""
    engine = make_engine(mariadb.url)
    with changed(mariadb, "innodb_flush_log_at_trx_commit", value):
        [sentence] = risks(engine, MYSQL)

    assert sentence.startswith(f"innodb_flush_log_at_trx_commit is {value};")
    assert risks(engine, MYSQL) == []


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"innodb_doublewrite": "OFF"}, ["innodb_doublewrite"]),
        ({"innodb_doublewrite": "DETECT_AND_RECOVER"}, []),
        ({"log_bin": "ON", "sync_binlog": "0"}, ["sync_binlog"]),
        ({"log_bin": "ON", "sync_binlog": "1"}, []),
        ({"log_bin": "OFF", "sync_binlog": "0"}, []),
        ({"innodb_flush_log_at_trx_commit": "2", "log_bin": "ON", "sync_binlog": "100"}, ["trx_commit", "sync_binlog"]),
    ],
)
def test_what_cannot_be_changed_here_is_found_too(variables: dict[str, str], names: list[str]) -> None:
    """Settings that only a server's start can change are judged as well: the server's answer is stood in for."""
    engine = make_engine("sqlite://" + "/:memory:")
    rows = " UNION ALL ".join(f"SELECT '{name}', '{value}'" for name, value in variables.items())

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def answer(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> tuple[str, object]:
        return (rows if statement.startswith("SHOW") else statement), parameters

    found = risks(engine, MYSQL)
    assert len(found) == len(names)
    assert all(name in sentence for name, sentence in zip(names, found, strict=True))


@pytest.mark.parametrize(("level", "risky"), [("OFF", True), ("NORMAL", True), ("FULL", False), ("EXTRA", False)])
def test_sqlite_that_does_not_sync_is_found(level: str, risky: bool) -> None:
    """SQLite must sync at each commit."""
    engine = sa.create_engine("sqlite://")

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        connection.cursor().execute(f"PRAGMA synchronous = {level}")

    assert bool(risks(engine, SQLITE)) is risky
    engine.dispose()
