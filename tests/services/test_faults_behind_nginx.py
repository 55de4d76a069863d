"""Faults behind nginx with the configuration of production: what gets through it, and what it answers itself."""

import json

import httpx
import pytest

from deploy.local.nginx import Nginx
from tests.seeing import CLIENTS, See
from tests.service import Service, User

CLIENT_SECONDS_MAX = 1.0

FAULTS = [
    ("decline", "402 insufficient_funds", 0),
    ("latency;seconds=0.1", "200 ok", 1),
    ("error", "500 internal", 0),
    ("error;code=unavailable", "503 unavailable", 0),
    ("rate_limit", "429 rate_limited", 0),
    ("expired_session;how=refused", "401 unauthenticated", 0),
    ("duplicate", "200 ok", 2),
    ("lost_response", "500 internal", 1),
    ("lost_response;how=close", "500 internal", 1),
    ("lost_response;how=truncate", "truncated", 1),
    ("lost_response;how=hang", "timeout", 1),
    ("lost_response;how=hang;seconds=0.1", "500 internal", 1),
    ("error_after_commit;code=timeout", "504 timeout", 1),
    ("slow_response;seconds=0.1", "200 ok", 1),
    ("garbled_response", "200 garbled", 1),
    ("garbled_response;how=html", "200 garbled", 1),
    ("garbled_response;how=empty", "200 garbled", 1),
]


@pytest.fixture(scope="module")
def payer(service: Service) -> User:
    """Somebody with money enough."""
    return service.new_user("payer", "1000.00")


@pytest.fixture(scope="module")
def receiver(service: Service) -> User:
    """Somebody who is paid."""
    return service.new_user("receiver")


@pytest.mark.parametrize("see", CLIENTS.values(), ids=list(CLIENTS))
@pytest.mark.parametrize(("fault", "seen", "payments"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_client_behind_nginx_sees_what_nginx_makes_of_it(
    see: See, fault: str, seen: str, payments: int, entrance: Nginx, payer: User, receiver: User
) -> None:
    """An answer that nginx has lost is its 500, which says unknown; the ledger holds as much as without nginx."""
    before = receiver.balance
    body = json.dumps({"receiver_email": receiver.email, "amount": "1.00"}).encode()
    headers = {
        "Authorization": f"Bearer {payer.token}",
        "Content-Type": "application/json",
        "Shillings-Fault": fault,
    }

    assert see("POST", f"{entrance.url}/v1/pay", body, headers, CLIENT_SECONDS_MAX) == seen
    assert receiver.balance == before + payments


def test_stream_of_the_log_comes_through_nginx_at_once(entrance: Nginx, payer: User, receiver: User) -> None:
    """What happens is told while the stream lasts: nginx keeps nothing of it back."""
    url = f"{entrance.url}/v1/sandbox/requests/stream?endpoint=/v1/pay"
    with httpx.stream("GET", url, timeout=5.0) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("retry:")
        assert payer.pay(receiver.email, "1.00", key="told").outcome == (200, "ok")
        told = next(line for line in lines if line.startswith("data:"))

    assert json.loads(told.removeprefix("data:"))["idempotency_key"] == "told"


def test_sandbox_is_called_through_nginx(entrance: Nginx) -> None:
    """Its calls go through, under the name that nginx was called by; a name that is not known is refused."""
    see = CLIENTS["stdlib"]

    assert see("GET", f"{entrance.url}/v1/sandbox/faults", b"", {}, 5.0) == "200 ok"
    assert see("GET", f"{entrance.url}/v1/sandbox/faults", b"", {"Host": "evil.example"}, 5.0) == "403 forbidden"
