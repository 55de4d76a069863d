"""The MySQL that tests and `make prod-local` start."""

from pathlib import Path

import pymysql
import pytest

from deploy.local.mysql import MySQL
from deploy.local.server import ServerFailed
from tests.programs import require_mysql


def test_it_is_mysql_with_durable_settings(mysql: MySQL) -> None:
    """It is MySQL 8 or later; every commit is flushed, pages are written twice, and there is no binary log."""
    with mysql.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite, @@log_bin, @@innodb_lock_wait_timeout"
        )
        assert cursor.fetchone() == (1, "ON", 0, 3)
        cursor.execute("SELECT @@version")
        [version] = cursor.fetchone() or ()
    assert "MariaDB" not in version
    assert int(version.split(".")[0]) >= 8


def test_commits_survive_a_kill_and_a_restart(tmp_path: Path) -> None:
    """What was committed is there after kill -9, after a restart, and for a new server on the same directory."""
    require_mysql()
    with MySQL(tmp_path) as server:
        with server.connect("shillings") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE numbers (n INT PRIMARY KEY)")
            cursor.execute("INSERT INTO numbers VALUES (1)")
        server.kill()
        assert not server.alive
        with pytest.raises(pymysql.OperationalError):
            server.connect()
        server.start()
        server.restart()
    with MySQL(tmp_path) as again, again.connect("shillings") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n FROM numbers")
        assert cursor.fetchall() == ((1,),)


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    """The error of a server that ended at once has the reason from its log."""
    require_mysql()
    server = MySQL(tmp_path, options={"no_such_option": "1"})
    with pytest.raises(ServerFailed, match="no-such-option"):
        server.start()
    server.close()
