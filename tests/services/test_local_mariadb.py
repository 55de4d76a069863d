"""The MariaDB that tests and `make prod-local` start."""

from pathlib import Path

import pymysql
import pytest
from sqlalchemy import create_engine, text

from deploy.local.mariadb import MariaDB
from deploy.local.server import ServerFailed
from tests.programs import require_programs


def test_settings_are_durable(mariadb: MariaDB) -> None:
    """Every commit is flushed, pages are written twice, and there is no binary log to disagree with."""
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite, @@log_bin, @@innodb_lock_wait_timeout"
        )
        assert cursor.fetchone() == (1, 1, 0, 3)


def test_url_opens_the_fresh_database(fresh_database_url: str) -> None:
    """The application's account may make tables in a module's own database, which speaks utf8mb4."""
    engine = create_engine(fresh_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word VARCHAR(20) PRIMARY KEY) ENGINE=InnoDB"))
        connection.execute(text("INSERT INTO words VALUES ('\U0001f4b7')"))
        assert connection.scalar(text("SELECT word FROM words")) == "\U0001f4b7"
    engine.dispose()


def test_commits_survive_a_kill_and_a_restart(tmp_path: Path) -> None:
    """What was committed is there after kill -9, after a restart, and for a new server on the same directory."""
    require_programs("mariadbd")
    with MariaDB(tmp_path, options={"innodb_snapshot_isolation": "ON"}) as server:
        with server.connect("shillings") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@innodb_snapshot_isolation")
            assert cursor.fetchone() == (1,)
            cursor.execute("CREATE TABLE numbers (n INT PRIMARY KEY)")
            cursor.execute("INSERT INTO numbers VALUES (1)")
        server.kill()
        assert not server.alive
        with pytest.raises(pymysql.OperationalError):
            server.connect()
        server.start()
        server.restart()
    with MariaDB(tmp_path) as again, again.connect("shillings") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n FROM numbers")
        assert cursor.fetchall() == ((1,),)


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    """The error of a server that ended at once has the reason from its log."""
    require_programs("mariadbd")
    server = MariaDB(tmp_path, options={"no_such_option": "1"})
    with pytest.raises(ServerFailed, match="no-such-option"):
        server.start()
    server.close()
