"""Logs and metrics of the production stack: one request can be followed, and nothing secret is written down."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from deploy.local.database_server import PASSWORD as DATABASE_PASSWORD
from deploy.local.waiting import wait_until
from tests.production.conftest import Production
from tests.service import PASSWORD

REQUEST_ID = "follow-me-0123456789"


def log_text(production: Production, *names: str) -> str:
    """Everything that servers whose names begin so have logged."""
    folders = [server.directory for server in production.topology.servers if server.name.startswith(names)]
    return "".join(file.read_text() for folder in folders for file in Path(folder).glob("*.log"))


def test_one_request_in_every_layers_log(production: Production) -> None:
    """The client's request id is in one line of nginx's access log, and in lines of both layers; all are JSON."""
    headers = {"X-Request-Id": REQUEST_ID}
    body = {"email": production.payers.emails[0], "password": PASSWORD}

    reply = httpx.post(f"{production.topology.url}/v1/login", json=body, headers=headers, timeout=10)

    assert reply.headers["X-Request-Id"] == REQUEST_ID
    logs: dict[str, Callable[[], str]] = {
        "nginx": production.topology.nginx.access_log_path.read_text,
        "web": lambda: log_text(production, "web"),
        "app": lambda: log_text(production, "app"),
    }
    for layer, read in logs.items():
        wait_until(lambda read=read: REQUEST_ID in read(), seconds=10, what=f"{layer}'s line")  # type: ignore[misc]
    for read in logs.values():
        events = [json.loads(line) for line in read().splitlines()]
        assert any(event.get("request_id") == REQUEST_ID for event in events)


def test_refused_login_is_logged_with_the_clients_own_address(production: Production) -> None:
    """The log has what nginx says, not what a client claims: the web servers believe nginx."""
    port = urlsplit(production.topology.url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=("127.0.0.9", 0))
    body = json.dumps({"email": "nobody@example.com", "password": "wrong-" + PASSWORD})
    headers = {"Content-Type": "application/json", "X-Forwarded-For": "6.6.6.6", "X-Request-Id": "from-127.0.0.9"}
    connection.request("POST", "/v1/login", body, headers)
    assert connection.getresponse().status == http.HTTPStatus.UNAUTHORIZED
    connection.close()

    def line() -> str:
        lines = log_text(production, "app").splitlines()
        return next((line for line in lines if "from-127.0.0.9" in line and "login_refused" in line), "")

    wait_until(lambda: bool(line()), seconds=10, what="the refused login's line")
    assert json.loads(line())["address"] == "127.0.0.9"


def test_no_secret_in_any_log(production: Production) -> None:
    """No password, token, cookie or signing key of this run is in any log."""
    with httpx.Client(base_url=production.topology.url, timeout=10) as client:
        client.post("/v1/login", json={"email": production.payers.emails[1], "password": PASSWORD})
        token = client.cookies["token"]
        client.get("/v1/account")
        client.post("/v1/login", json={"email": production.payers.emails[1], "password": "wrong-" + PASSWORD})

    text = log_text(production, "web", "app", "nginx", "mariadb", "redis")

    assert text
    tokens = [token, *production.payers.tokens.values()]
    secrets = [*[token.rsplit(".", 1)[1] for token in tokens], production.topology.settings["JWT_KEYS"], "argon2id$"]
    for secret in (PASSWORD, DATABASE_PASSWORD, *secrets):
        assert secret not in text


def test_what_a_database_refuses_is_not_written_down(production: Production) -> None:
    """While a database takes no writes they are 503, reads go on, and its errors carry nobody's data into a log."""
    email, other = production.payers.emails[:2]
    person = {"first_name": "Quirinus", "last_name": "Xanthopoulos", "phone": "+30 555 0123", "password": PASSWORD}
    headers = {"Authorization": f"Bearer {production.payers.tokens[email]}"}
    with (
        production.topology.database.connect() as connection,
        connection.cursor() as cursor,
        httpx.Client(base_url=production.topology.url, headers=headers, timeout=10) as client,
    ):
        cursor.execute("SET GLOBAL read_only = 1")
        try:
            refused = [
                client.post("/v1/signup", json=person | {"email": "quirinus@example.com"}),
                client.post("/v1/pay", json={"receiver_email": other, "amount": "0.01"}),
            ]
            read = client.get("/v1/account")
        finally:
            cursor.execute("SET GLOBAL read_only = 0")

    assert [reply.status_code for reply in refused] == [503, 503]
    assert read.status_code == 200
    text = log_text(production, "web", "app")
    assert "read-only" in text
    for word in ("Xanthopoulos", "555 0123", "quirinus@example.com"):
        assert word not in text


def test_metrics_of_every_process(production: Production) -> None:
    """Each process counts what it does; the public port shows none of it."""
    pages = {s.name: httpx.get(s.metrics_url).text for s in (*production.topology.apps, *production.topology.webs)}

    for name, page in pages.items():
        kind = name.rstrip("0123456789")
        for metric in {"web": WEB_METRICS, "app": APP_METRICS}[kind]:
            assert f"\n{metric}" in page, (name, metric)
    assert httpx.get(f"{production.topology.url}/metrics").status_code == 404


WEB_METRICS = ["shillings_http_request_seconds_bucket", "shillings_app_requests_in_flight"]
APP_METRICS = [
    "shillings_command_seconds_bucket",
    "shillings_batch_items_bucket",
    "shillings_queue_items",
    "# TYPE shillings_database_retries_total counter",
    "shillings_session_lookups_total",
    "shillings_cache_failures_total",
    "shillings_cache_breaker_open",
]
