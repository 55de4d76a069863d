"""The proxy with which other tests break connections."""

import socket
import threading
from collections.abc import Iterator

import pymysql
import pytest

from deploy.local.mariadb import MariaDB
from tests.proxy import Proxy

# As the client sends it: the byte for "query", then the text. SET AUTOCOMMIT contains the word too.
COMMIT = b"\x03COMMIT"


@pytest.fixture
def proxy(mariadb: MariaDB) -> Iterator[Proxy]:
    """A proxy in front of the shared MariaDB."""
    with Proxy(mariadb.port) as made:
        yield made


@pytest.fixture(scope="module")
def table(mariadb: MariaDB, fresh_database_url: str) -> str:
    """The full name of an empty table."""
    name = f"{fresh_database_url.rpartition('/')[2].partition('?')[0]}.numbers"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (n INT PRIMARY KEY) ENGINE=InnoDB")
    return name


def _is_there(mariadb: MariaDB, table: str, number: int) -> bool:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT n FROM {table} WHERE n = {number}")
        return cursor.fetchone() is not None


def _insert(mariadb: MariaDB, proxy: Proxy, table: str, number: int) -> None:
    connection = mariadb.connect(port=proxy.port, autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES ({number})")
        connection.commit()
    connection.close()


def test_a_lost_answer_to_commit_leaves_the_row(mariadb: MariaDB, proxy: Proxy, table: str) -> None:
    """The client gets an error for its COMMIT, and yet the row is there; the next connection is served."""
    proxy.lose_answer_to(COMMIT)
    with pytest.raises(pymysql.OperationalError):
        _insert(mariadb, proxy, table, 1)
    assert _is_there(mariadb, table, 1)
    assert proxy.cuts == 1
    _insert(mariadb, proxy, table, 2)
    assert _is_there(mariadb, table, 2)


def test_a_commit_cut_before_the_server_leaves_nothing(mariadb: MariaDB, proxy: Proxy, table: str) -> None:
    """The client gets the same error, and the row is not there."""
    proxy.cut_before(COMMIT)
    with pytest.raises(pymysql.OperationalError):
        _insert(mariadb, proxy, table, 3)
    proxy.wait_for_cuts(1)
    assert not _is_there(mariadb, table, 3)


def test_a_commit_sent_before_the_rule_is_not_meant() -> None:
    """A pattern that passed before the rule was made leaves the connection alone until it is sent again."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Proxy(listener.getsockname()[1]) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
        listener.accept()[0] as server,
    ):
        client.sendall(COMMIT)
        assert server.recv(100) == COMMIT
        proxy.cut_before(COMMIT)
        client.sendall(b"BEGIN" + COMMIT[:-1])
        assert server.recv(100) == b"BEGIN" + COMMIT[:-1]
        client.sendall(COMMIT[-1:])
        proxy.wait_for_cuts(1)


def test_refused_then_restored_on_the_same_port(mariadb: MariaDB, proxy: Proxy) -> None:
    """While it refuses, open connections go on and new ones do not begin; afterwards they do, at the same port."""
    with mariadb.connect(port=proxy.port) as connection:
        proxy.refuse()
        with pytest.raises(pymysql.OperationalError):
            mariadb.connect(port=proxy.port)
        connection.ping(reconnect=False)
        proxy.restore()
        mariadb.connect(port=proxy.port).close()


def test_cut_resets_both_sides() -> None:
    """A cut reaches client and server as a reset, not as an orderly end."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Proxy(listener.getsockname()[1]) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"request")
                assert server.recv(100) == b"request"
                assert proxy.cut() == 1
                for end in (client, server):
                    with pytest.raises(ConnectionResetError):
                        end.recv(100)
        assert proxy.connections == 0


def test_what_is_held_arrives_after_restore() -> None:
    """A held network passes nothing on, and everything, in order, once it flows again; closing is passed on too."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Proxy(listener.getsockname()[1]) as proxy:
        proxy.hold()
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"one ")
                client.sendall(b"two")
                client.shutdown(socket.SHUT_WR)
                server.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    server.recv(100)
                server.settimeout(5)
                restoring = threading.Thread(target=proxy.restore)
                restoring.start()
                with server.makefile("rb") as stream:
                    assert stream.read() == b"one two"
                # It listens again last; a proxy that is closed before that would leave its listener open.
                restoring.join(5)
                assert not restoring.is_alive()
