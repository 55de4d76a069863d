"""Logs and metrics of the production stack: one request can be followed, and nothing secret is written down."""

import json
from pathlib import Path

import httpx

from deploy.local.waiting import wait_until
from tests.production.conftest import Production
from tests.service import PASSWORD

REQUEST_ID = "follow-me-0123456789"


def log_text(production: Production, *names: str) -> str:
    """Everything that servers whose names begin so have logged."""
    folders = [server.directory for server in production.topology.servers if server.name.startswith(names)]
    return "".join(file.read_text() for folder in folders for file in Path(folder).glob("*.log"))


def test_one_request_in_every_layers_log(production: Production) -> None:
    """The client's request id stands in nginx's access log, and in the lines of both layers, which are all JSON."""
    headers = {"X-Request-Id": REQUEST_ID}
    body = {"email": production.crowd.emails[0], "password": PASSWORD}

    reply = httpx.post(f"{production.topology.url}/v1/login", json=body, headers=headers, timeout=10)

    assert reply.headers["X-Request-Id"] == REQUEST_ID
    for layer in ("web", "app", "nginx"):
        wait_until(lambda layer=layer: REQUEST_ID in log_text(production, layer), seconds=10, what=f"{layer}'s line")  # type: ignore[misc]
    for layer in ("web", "app"):
        events = [json.loads(line) for line in log_text(production, layer).splitlines()]
        assert any(event.get("request_id") == REQUEST_ID for event in events)


def test_no_secret_in_any_log(production: Production) -> None:
    """No password, token, cookie or signing key of this run stands in any log."""
    with httpx.Client(base_url=production.topology.url, timeout=10) as client:
        client.post("/v1/login", json={"email": production.crowd.emails[1], "password": PASSWORD})
        token = client.cookies["token"]
        client.get("/v1/account")
        client.post("/v1/login", json={"email": production.crowd.emails[1], "password": "wrong-" + PASSWORD})

    text = log_text(production, "web", "app", "nginx")

    assert text
    for secret in (PASSWORD, token, token.rsplit(".", 1)[1], production.topology.settings["JWT_KEYS"], "argon2id$"):
        assert secret not in text


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
    "shillings_session_looks_total",
    "shillings_cache_failures_total",
    "shillings_cache_breaker_open",
]
