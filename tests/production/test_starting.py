"""Starting: before the database, on a schema that does not fit, on a database that could lose payments."""

import secrets
import subprocess
import threading
from pathlib import Path

import pytest

from deploy.local.mariadb import MariaDB
from deploy.local.shillings import PROGRAM, AppServer, settings_environment
from deploy.local.waiting import wait_until
from shillings.testing.ports import free_port
from tests.programs import require_programs

KEY = secrets.token_hex(32)


def start_app(settings: dict[str, str], seconds: float = 20) -> subprocess.CompletedProcess[str]:
    """An application server that is expected not to start."""
    command = [PROGRAM, "app", "--listen", f"tcp://127.0.0.1:{free_port()}"]
    environment = settings_environment({"JWT_KEYS": KEY, **settings})
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


def migrate(url: str) -> None:
    """Bring a database's schema up to date."""
    subprocess.run([PROGRAM, "migrate"], env=settings_environment({"DATABASE_URL": url}), check=True, timeout=30)


def test_waiting_for_the_database(tmp_path: Path) -> None:
    """An application server that starts before its database waits, says so once, and serves when it comes."""
    require_programs("mariadbd")
    with MariaDB(tmp_path / "mariadb") as mariadb:
        migrate(mariadb.url)
        mariadb.stop()
        settings = {"DATABASE_URL": mariadb.url, "JWT_KEYS": KEY, "LOG_FORMAT": "json"}
        app = AppServer(tmp_path / "app", name="app", settings=settings)
        try:
            app.launch()
            wait_until(lambda: "database_awaited" in app.log_tail(), seconds=15, what="the word that it waits")
            assert not app.answers()
            pause = threading.Event()
            assert not pause.wait(1.0)
            mariadb.start()
            wait_until(app.answers, seconds=10, what="an answer")
            log = app.log_tail()
        finally:
            app.close()
    assert log.count("database_awaited") == 1
    assert log.count("database_there") == 1


def test_giving_up_on_the_database() -> None:
    """An application server whose database does not come ends with a sentence that says which, and for how long."""
    url = f"mysql+pymysql://shillings:secret-word@127.0.0.1:{free_port()}/shillings"

    result = start_app({"DATABASE_URL": url, "DATABASE_WAIT_SECONDS": "1"})

    assert result.returncode == 2
    assert "did not answer within 1 s" in result.stderr
    assert "secret-word" not in result.stderr + result.stdout


def test_a_database_without_tables_is_refused(mariadb: MariaDB) -> None:
    """An application server refuses a database without tables, and says what to run."""
    url = mariadb.create_database("shillings_without_tables")

    result = start_app({"DATABASE_URL": url})

    assert result.returncode == 2
    assert "Run: shillings migrate" in result.stderr


@pytest.mark.parametrize(("version", "advice"), [("0000", "Run: shillings migrate"), ("9999", "newer")])
def test_another_schema_version_is_refused(mariadb: MariaDB, version: str, advice: str) -> None:
    """An application server refuses a schema that is older or newer than itself, and says what to do."""
    name = f"shillings_version_{version}"
    url = mariadb.create_database(name)
    migrate(url)
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {name}.alembic_version SET version_num = '{version}'")
        connection.commit()

    result = start_app({"DATABASE_URL": url})

    assert result.returncode == 2
    assert advice in result.stderr
    assert version in result.stderr


def test_a_database_that_could_lose_payments(tmp_path: Path) -> None:
    """With innodb_flush_log_at_trx_commit=2 a server warns, and with REQUIRE_DURABLE it refuses to start."""
    require_programs("mariadbd")
    with MariaDB(tmp_path / "mariadb", options={"innodb_flush_log_at_trx_commit": "2"}) as mariadb:
        migrate(mariadb.url)
        settings = {"DATABASE_URL": mariadb.url, "JWT_KEYS": KEY}

        refused = start_app(settings | {"REQUIRE_DURABLE": "1"})

        app = AppServer(tmp_path / "app", name="app", settings=settings)
        try:
            app.start()
            log = app.log_tail()
        finally:
            app.close()
    assert refused.returncode == 2
    assert "innodb_flush_log_at_trx_commit is 2" in refused.stderr
    assert "not_durable" in log
