"""The schema's version: bring it up to date, or say that it is not."""

from pathlib import Path

import sqlalchemy as sa

from shillings.base.errors import SettingsError
from shillings.storage.tables import revoked_tokens, transactions, users

HEAD = "0010"
"""The newest revision in migrations/versions; a test holds it against the files."""


def migrate(engine: sa.Engine) -> None:
    """Bring the database's schema up to date. Run by one process at a time.

    Raises:
        SettingsError: the schema is newer than this program.
    """
    _refuse_newer(version(engine))
    # Alembic takes a tenth of a second to import; only the process that migrates needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def version(engine: sa.Engine) -> str | None:
    """The revision of the database's schema; None when there is none."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)


def require_current(engine: sa.Engine) -> None:
    """Refuse to go on with a schema of another version.

    Raises:
        SettingsError: the schema is older or newer than this program; the sentence says what to run.
    """
    found = version(engine)
    if found == HEAD:
        return
    if found is None or found < HEAD:
        state = "has no tables yet" if found is None else f"has schema version {found}, this program needs {HEAD}"
        raise SettingsError(f"the database {state}. Run: shillings migrate")
    _refuse_newer(found)


def count_ids(engine: sa.Engine) -> int:
    """How many ids that were made by a server are stored: of users, transactions and revoked sessions."""
    with engine.connect() as connection:
        counts = [sa.select(sa.func.count()).select_from(table) for table in (users, transactions, revoked_tokens)]
        return sum(int(connection.execute(count).scalar_one()) for count in counts)


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > HEAD:
        raise SettingsError(
            f"the database has schema version {found}, newer than this program's {HEAD}. Install the newer Shillings."
        )
