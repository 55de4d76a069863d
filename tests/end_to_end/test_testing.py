"""What users' own tests start: a server of their own, a client, people who pay, and a fixture for pytest."""

import socket
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from shillings.testing import Client, ServerFailed, ShillingsServer
from shillings.testing.client import token_of

USERS_TEST = """
from decimal import Decimal

def test_lunch_is_paid(shillings_server):
    ann, bob = shillings_server.new_user("ann", balance="10.00"), shillings_server.new_user("bob")
    assert ann.pay(bob.email, "2.50", key="lunch").outcome == (200, "ok")
    assert (ann.balance, bob.balance) == (Decimal("7.50"), Decimal("2.50"))

def test_server_is_the_same(shillings_server):
    assert shillings_server.client().log_in("ann@example.com").outcome == (200, "ok")
"""


@pytest.fixture(scope="module")
def server() -> ShillingsServer:
    """A server that is not running; its folder is a temporary one of its own."""
    return ShillingsServer()


def test_server_lives_as_long_as_its_with(server: ShillingsServer) -> None:
    """In a `with`, people sign up, pay and read; a stop and a start keep everything; after it nothing is left."""
    with server:
        ann, bob = server.new_user("ann", "10.00"), server.new_user("bob")
        paid = ann.pay(bob.email, "2.50", key="order-42")
        assert server.stop() == 0
        assert not server.is_running
        server.start()
        again = ann.pay(bob.email, "2.50", key="order-42")

        assert (paid.outcome, again.content) == ((200, "ok"), paid.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert (ann.balance, bob.balance) == (Decimal("7.50"), Decimal("2.50"))
        assert [Decimal(line["amount"]) for line in ann.history()] == [Decimal("2.50"), Decimal(10)]
        assert server.client().send("GET", "/v1/account").outcome == (401, "unauthenticated")
        assert token_of(ann.client.log_in(ann.email)) != ann.token

    assert not server.is_running
    assert not server.folder.exists()


def test_settings_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server has the settings it was given, and none of those of the shell that runs the tests."""
    monkeypatch.setenv("SHILLINGS_CURRENCY", "nonsense")
    with ShillingsServer(tmp_path, {"SHILLINGS_TOKEN_LIFETIME_SECONDS": "777"}) as server:
        server.client().sign_up("ann@example.com")
        answer = server.client().log_in("ann@example.com")

    assert "Max-Age=777" in answer.headers["set-cookie"]
    assert (tmp_path / "data" / "shillings.db").exists()


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A server that ends at once is an error with its own words, and leaves no process behind."""
    server = ShillingsServer(tmp_path, {"SHILLINGS_CURRENCY": "nonsense"})
    with pytest.raises(ServerFailed, match="SHILLINGS_CURRENCY"), server:
        pytest.fail("it cannot start")

    assert not server.is_running


def test_client_goes_on_after_a_broken_connection() -> None:
    """A connection that breaks before the answer is an error; the next request gets an answer of its own."""
    body = b'{"user":{"balance":"1.00"},"status":{"code":"ok","message":"Done."}}'
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            with pytest.raises(ConnectionError):
                client.send("GET", "/v1/account")
            answer = client.send("GET", "/v1/account")
        thread.join()

    assert (answer.outcome, answer.body) == ((200, "ok"), {"user": {"balance": "1.00"}})


def test_fixture_is_one_server_for_a_run(tmp_path: Path) -> None:
    """A test file that has heard of nothing but the fixture's name gets a server, the same for all its tests."""
    (tmp_path / "test_users.py").write_text(USERS_TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
