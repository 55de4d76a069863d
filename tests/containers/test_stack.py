"""The stack in containers as `make prod` starts it: what it does, and what nobody gets from it."""

import json
import re
from uuid import UUID

import httpx
import pytest

from shillings.audit.acknowledged import Acknowledged
from tests.containers.stack import APPS, EVERY, WEBS, Stack

NGINX_ERROR = re.compile(r"\d{4}/\d\d/\d\d [\d:]+ \[\w+\] ")


def test_everything_is_healthy(stack: Stack) -> None:
    """After `make prod` the whole stack runs, five web servers among it, and every health check is content."""
    assert stack.health() == dict.fromkeys(EVERY, "healthy")


def test_payment_goes_through_nginx(stack: Stack) -> None:
    """People sign up, log in, top up and pay through nginx; one key is one payment."""
    with httpx.Client(base_url=f"{stack.url}/v1", timeout=10) as client:
        for name in ("ann", "bob"):
            person = {
                "first_name": name,
                "last_name": "Lee",
                "email": f"{name}@example.org",
                "password": "correct horse",
            }
            assert client.post("/signup", json=person).status_code == 200
        assert client.get("/account").status_code == 401
        login = {"email": "ann@example.org", "password": "correct horse"}
        assert client.post("/login", json=login).status_code == 200
        topup = client.post("/topup", json={"amount": "50.00"})
        assert topup.status_code == 200
        lunch = {"receiver_email": "bob@example.org", "amount": "12.50"}
        answers = [client.post("/pay", json=lunch, headers={"Idempotency-Key": "lunch"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content
        assert client.get("/account").json()["user"]["balance"] == "37.50"
    # So that the auditor knows of them, too.
    made = [UUID(answer.json()["transaction_id"]).bytes for answer in (topup, answers[0])]
    stack.payers.told.acknowledged += [
        Acknowledged(made[0], "topup", "", "ann@example.org", 50_00),
        Acknowledged(made[1], "payment", "ann@example.org", "bob@example.org", 12_50),
    ]


def test_every_web_server_gets_requests(stack: Stack) -> None:
    """Nginx knows the addresses of all web servers and sends each of them requests."""
    for _ in range(50):
        assert httpx.get(f"{stack.url}/healthz").status_code == 200
    addresses = {
        network["IPAddress"]
        for name, one in stack.project.containers().items() if name in WEBS
        for key, network in one["NetworkSettings"]["Networks"].items() if key == "shillings_front"
    }  # fmt: skip
    log = stack.project.engine.logs("shillings-nginx-1")
    asked = {match[1] for match in re.finditer(r'"web":"([\d.]+):8080"', log)}

    assert len(addresses) == len(WEBS)
    assert asked >= addresses


@pytest.mark.parametrize("name", EVERY)
def test_process_has_no_privileges(stack: Stack, name: str) -> None:
    """No container's first process can gain a privilege; only nginx's has any, the four that compose.yaml names."""
    status = stack.inside(name, "cat", "/proc/1/status")
    capabilities = int(re.findall(r"CapBnd:\s+(\w+)", status)[0], 16)
    user = int(re.findall(r"Uid:\s+(\d+)", status)[0])

    chown, setgid, setuid, bind = 0, 6, 7, 10
    assert capabilities == (sum(1 << one for one in (chown, setgid, setuid, bind)) if name == "nginx-1" else 0)
    assert (user == 0) is (name == "nginx-1")
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize("name", [*WEBS[:1], *APPS[:1], "webhooks-1", "redis-1"])
def test_root_is_read_only(stack: Stack, name: str) -> None:
    """The file systems of our own containers and of the cache's cannot be written to."""
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.inside(name, "touch", "/tmp/file")


@pytest.mark.parametrize(
    ("name", "other", "network", "port"),
    [
        ("nginx-1", "app-1-1", "middle", 7000),
        ("nginx-1", "mariadb-1", "storage", 3306),
        ("nginx-1", "redis-1", "storage", 6379),
        ("web-1", "mariadb-1", "storage", 3306),
        ("web-1", "redis-1", "storage", 6379),
        ("webhooks-1", "web-1", "middle", 8080),
        ("webhooks-1", "mariadb-1", "storage", 3306),
    ],
)
def test_layers_reach_only_the_next_one(stack: Stack, name: str, other: str, network: str, port: int) -> None:
    """A container gets no connection to what is not the next layer, even by its address."""
    networks = stack.project.containers()[other]["NetworkSettings"]["Networks"]
    address = networks[f"shillings_{network}"]["IPAddress"]
    connect = f"import socket; socket.create_connection(('{address}', {port}), 1)"
    if name == "nginx-1":
        command = ["curl", "--silent", "--show-error", "--connect-timeout", "1", f"http://{address}:{port}"]
    else:
        command = ["python", "-c", connect]

    with pytest.raises(AssertionError, match=r"[Tt]imed out|time.?out|unreachable|Couldn't connect"):
        stack.inside(name, *command)
    assert other != "app-1-1" or stack.inside("web-1", "python", "-c", connect) == ""


def test_cache_wants_the_password(stack: Stack) -> None:
    """Redis answers nobody without the password, and has the sessions of those who came with it."""
    assert "NOAUTH" in stack.inside("redis-1", "env", "-u", "REDISCLI_AUTH", "redis-cli", "dbsize")
    assert int(stack.inside("redis-1", "redis-cli", "dbsize")) > 0


def test_administrator_of_the_database_stays_inside(stack: Stack) -> None:
    """The database's root has no password that anybody could guess, and exists for its own container only."""
    query = "SELECT COUNT(*) FROM mysql.global_priv WHERE User='root' AND Host<>'localhost'"
    root = ["sh", "-c", f'MYSQL_PWD=$MARIADB_ROOT_PASSWORD mariadb -u root -N -e "{query}"']

    assert stack.inside("mariadb-1", *root).split() == ["0"]
    for password in ("", "root", "mariadb"):
        with pytest.raises(AssertionError, match="Access denied"):
            stack.inside("mariadb-1", "env", f"MYSQL_PWD={password}", "mariadb", "-u", "root", "-e", "SELECT 1")


def test_secrets_are_where_they_are_needed(stack: Stack) -> None:
    """`docker inspect` shows of each container the secrets that it cannot do without, and of most of them none."""
    secrets = stack.project.secrets()
    told = {
        name: {key for key, value in secrets.items() if value in json.dumps(one)}
        for name, one in stack.project.containers(every=True).items()
    }

    assert told == {
        "nginx-1": set(),
        **{name: set() for name in WEBS},
        **{name: secrets.keys() - {"MARIADB_ROOT_PASSWORD"} for name in APPS},
        "webhooks-1": {"SHILLINGS_DELIVERER_KEY"},
        "migrate-1": {"MARIADB_PASSWORD"},
        "mariadb-1": {"MARIADB_PASSWORD", "MARIADB_ROOT_PASSWORD"},
        "redis-1": {"REDIS_PASSWORD"},
    }


def test_secrets_are_in_no_log_and_no_list_of_processes(stack: Stack) -> None:
    """What the containers wrote, and what their processes are called, holds no secret."""
    engine = stack.project.engine
    ids = engine.docker("ps", "--all", "--quiet").split()
    texts = [engine.logs(one) for one in ids]
    texts += [engine.docker("top", f"shillings-{name}", "-o", "pid,args") for name in EVERY]

    assert [key for key, value in stack.project.secrets().items() if any(value in text for text in texts)] == []


def test_logs_are_json(stack: Stack) -> None:
    """Each line that a server of ours or the entrance writes is a JSON object; nginx's errors have their own form."""
    for name in ("nginx-1", "web-1", "app-1-1", "webhooks-1"):
        lines = stack.project.engine.logs(f"shillings-{name}").splitlines()
        if name == "nginx-1":
            lines = [line for line in lines if not NGINX_ERROR.match(line)]
        assert lines
        assert all(isinstance(json.loads(line), dict) for line in lines)
