"""The schema on every database: what the migrations make is what the code expects, and other versions are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from deploy.local.mariadb import MariaDB
from shillings.base.errors import SettingsError
from shillings.ledger.outcomes import Outcome
from shillings.ledger.transit import conclude
from shillings.storage import migrations
from shillings.storage.engines import make_engine
from shillings.storage.schema import HEAD, migrate, require_current, version
from shillings.storage.tables import metadata
from tests.contract.bank import Bank, payment, topup

VERSIONS = Path(next(iter(migrations.__path__)))


def test_head_is_the_newest_migration() -> None:
    """The revision the program asks for is the one that the migrations lead to, in one line."""
    script = ScriptDirectory(str(VERSIONS))

    assert script.get_heads() == [HEAD]
    assert [one.revision for one in script.walk_revisions()] == sorted(
        (path.name[:4] for path in (VERSIONS / "versions").glob("[0-9]*.py")), reverse=True
    )


@pytest.fixture
def empty(empty_url: str) -> Iterator[sa.Engine]:
    """An engine of a database without tables; it has none again afterwards."""
    engine = make_engine(empty_url)
    yield engine
    drop(engine)
    engine.dispose()


def drop(engine: sa.Engine) -> None:
    """Remove every table."""
    found = sa.MetaData()
    found.reflect(engine)
    found.drop_all(engine)


def statements(engine: sa.Engine) -> dict[str, list[str]]:
    """How the database itself says each table was made; the lines sorted, as their order means nothing."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = connection.exec_driver_sql("SELECT coalesce(name, '') || type, sql FROM sqlite_master")
            made = {str(name): str(sql) for name, sql in found if sql}
        else:
            made = {
                name: str(connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1]) for name in metadata.tables
            }
    return {name: sorted(line.strip(" ,\t") for line in sql.split("\n")) for name, sql in made.items()}


def test_migrations_make_what_the_code_expects(empty: sa.Engine) -> None:
    """The tables that the migrations make are, to the letter, those that tables.py describes."""
    metadata.create_all(empty)
    expected = statements(empty)
    drop(empty)
    migrate(empty)
    made = statements(empty)
    with empty.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), metadata)

    assert {name: lines for name, lines in made.items() if not name.startswith("alembic_version")} == expected
    assert len(expected) >= len(metadata.tables)
    assert differences == []


def test_only_the_current_schema_is_let_in(empty: sa.Engine) -> None:
    """No tables, an older and a newer version are refused with what to do; the current one is let in."""
    with pytest.raises(SettingsError, match=r"has no tables yet. Run: shillings migrate"):
        require_current(empty)
    assert version(empty) is None
    for _ in range(2):
        migrate(empty)
        require_current(empty)
        assert version(empty) == HEAD

    _pretend(empty, "0000")
    with pytest.raises(SettingsError, match=f"version 0000, this program needs {HEAD}. Run: shillings migrate"):
        require_current(empty)
    _pretend(empty, "9999")
    for refuses in (require_current, migrate):
        with pytest.raises(SettingsError, match=r"version 9999, newer than this program's .* Install the newer"):
            refuses(empty)


def _pretend(engine: sa.Engine, found: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{found}'")


def test_books_of_an_older_version_go_on(empty: sa.Engine, empty_url: str) -> None:
    """Money that moved before a migration is there after it; what the newer version can do, can be done with it."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS))
    with empty.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
    bank = Bank(empty_url)
    ann, bob = bank.user(), bank.user()
    old = topup(ann, 100)
    bank.execute([old, payment(ann, bob, 70)])
    migrate(empty)
    [decision] = bank.execute([conclude(old.header.id, ann.user_id, arrives=False)])
    rows = bank.rows("SELECT amount FROM debts")
    bank.ledger()
    bank.close()

    assert (decision.outcome, rows) == (Outcome.OK, [(70,)])


def test_every_table_is_innodb_and_compares_bytes(mariadb: MariaDB) -> None:
    """In MariaDB every table is InnoDB in utf8mb4, compared byte by byte, whatever the database's defaults."""
    engine = make_engine(mariadb.create_database("shillings_latin"))
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER DATABASE shillings_latin CHARACTER SET latin1 COLLATE latin1_swedish_ci")
    migrate(engine)
    with engine.connect() as connection_of_ours:
        found = connection_of_ours.exec_driver_sql(
            "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
        ).all()
    engine.dispose()
    mariadb.drop_database("shillings_latin")

    assert {name: tuple(rest) for name, *rest in found if name in metadata.tables} == dict.fromkeys(
        metadata.tables, ("InnoDB", "utf8mb4_bin")
    )
