"""The whole production stack on one machine: it recovers by itself, and keeps what it was told."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.local.server import Server
from deploy.local.topology import Topology
from deploy.local.waiting import wait_until
from shillings.testing.ports import free_port, is_free
from tests.pages import ROOT
from tests.programs import require_mysql, require_programs

ANN = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com", "password": "correct horse battery"}


def ask(url: str, path: str, body: dict[str, str] | None = None, token: str = "") -> tuple[int, str, dict[str, object]]:
    """Send one request; returns the status, the token that was set, and the answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        set_cookie = answer.headers.get("Set-Cookie", "")
        return answer.status, set_cookie.partition("token=")[2].partition(";")[0], json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """The stack, supervised."""
    require_programs("mariadbd", "redis-server", "nginx")
    with Topology(tmp_path_factory.mktemp("topology"), supervised=True) as running:
        yield running


@pytest.fixture(scope="module")
def token(topology: Topology) -> str:
    """The session of a user who has just signed up."""
    assert ask(topology.url, "/v1/signup", ANN)[0] == 200
    status, token, _ = ask(topology.url, "/v1/login", {"email": ANN["email"], "password": ANN["password"]})
    assert status == 200
    return token


def test_every_process_serves_its_metrics(topology: Topology) -> None:
    """Application and web servers have an address each for their metrics, and the entrance shows none."""
    for server in (*topology.apps, *topology.webs):
        address = urlsplit(server.metrics_url)
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=5)
        connection.request("GET", address.path)
        assert b"process_start_time_seconds" in connection.getresponse().read()
        connection.close()
    assert ask(topology.url, "/metrics")[0] == 404


@pytest.mark.parametrize("name", ["mariadb", "redis", "app1", "app2", "web1", "web2", "nginx"])
def test_a_killed_server_comes_back_and_the_service_with_it(topology: Topology, token: str, name: str) -> None:
    """After kill -9 of any process the service works again by itself, without losing the session."""
    server: Server = next(server for server in topology.servers if server.name == name)
    before = server.pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: server.alive and server.pid != before, seconds=15, what=f"a new {name}")
    server.wait_until_ready()
    wait_until(topology.is_ready, seconds=15, what="the service")
    assert ask(topology.url, "/v1/account", token=token)[0] == 200


@pytest.mark.parametrize(
    ("target", "database"),
    [(["prod-local"], "mariadb"), (["prod-local", "DATABASE=mysql"], "mysql"), (["prod-cluster"], "galera")],
)
def test_make_types_the_command(target: list[str], database: str) -> None:
    """`make prod-local`, the same with DATABASE=mysql, and `make prod-cluster` start it on these databases."""
    make = ["make", "--dry-run", *target]
    printed = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert f"python -m deploy.local --database {database}" in printed


@pytest.mark.parametrize("database", ["mariadb", "mysql", "galera"])
def test_typed_by_hand_it_keeps_every_account(tmp_path: Path, database: str) -> None:
    """The command says where it listens, ends in good order on SIGTERM, and the next start has the same accounts."""
    require_programs("mariadbd", "redis-server", "nginx")
    if database == "mysql":
        require_mysql()
    if database == "galera":
        require_programs("mariadb-backup", "haproxy", "ss", galera=True)
    port = free_port()
    command = [sys.executable, "-m", "deploy.local", "--web", "1", "--app", "1", "--port", str(port)]
    command += ["--database", database]
    for is_first in (True, False):
        with subprocess.Popen(
            [*command, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = next((line for line in process.stdout if "curl" in line), "")
            assert f"http://127.0.0.1:{port}" in said
            if is_first:
                assert ask(f"http://127.0.0.1:{port}", "/v1/signup", ANN)[0] == 200
            login = {"email": ANN["email"], "password": ANN["password"]}
            assert ask(f"http://127.0.0.1:{port}", "/v1/login", login)[0] == 200
            process.terminate()
            process.stdout.read()
            assert process.wait(20) == 0
        assert is_free(port)
