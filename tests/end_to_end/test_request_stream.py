"""The request log, followed as it grows."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.waiting import wait_until
from tests.service import Client, Service, User

PATH = "/v1/sandbox/requests/stream"
SECONDS_MAX = 10.0


class Stream:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        assert next(self._lines).startswith("retry: ")

    def events(self, count: int) -> list[tuple[str, Any]]:
        """The next events: their ids and data."""
        found, name = [], ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            name = value if field == "id" else name
            if field == "data":
                found.append((name, json.loads(value)))
            if len(found) == count:
                break
        return found

    def paid(self, count: int) -> list[str]:
        """Under which keys the next payments were made."""
        return [data["idempotency_key"] for _, data in self.events(count)]


@contextmanager
def follow(url: str, query: str = "", headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
    """Follow the log."""
    with httpx.stream("GET", f"{url}{PATH}{query}", headers=dict(headers or {}), timeout=SECONDS_MAX) as response:
        assert response.headers["content-type"] == "text/event-stream"
        yield Stream(response)


@pytest.fixture
def receiver(client: Client, name: str) -> User:
    """Somebody who is paid."""
    return client.new_user(f"receiver-{name}")


def test_requests_are_told_as_they_happen(client: Client, carol: User, receiver: User, name: str) -> None:
    """A payment is told at once, as the list tells it; what the filters leave out is not, nor what was before."""
    carol.top_up("9.00")
    carol.pay(receiver.email, "1.00", key=f"before-{name}")
    with follow(client.url, f"?user_email={carol.email}&endpoint=/v1/pay") as stream:
        receiver.top_up("1.00")
        carol.pay(receiver.email, "1.00", key=f"first-{name}")
        began = time.monotonic()
        [(_, told)] = stream.events(1)
        took = time.monotonic() - began
        carol.pay(receiver.email, "1.00", key=f"second-{name}")
        second = stream.paid(1)
    listed = client.send("GET", f"/v1/sandbox/requests?user_email={carol.email}&endpoint=/v1/pay").body["requests"]

    assert told == listed[1]
    assert (told["idempotency_key"], second) == (f"first-{name}", [f"second-{name}"])
    assert took < SECONDS_MAX / 2


def test_listener_that_comes_back_misses_nothing(client: Client, carol: User, receiver: User, name: str) -> None:
    """With the id it has seen last, a listener gets what happened while it was gone, and that only."""
    query = f"?user_email={carol.email}&endpoint=/v1/pay"
    carol.top_up("9.00")
    with follow(client.url, query) as stream:
        carol.pay(receiver.email, "1.00", key=f"one-{name}")
        [(seen, _)] = stream.events(1)
    carol.pay(receiver.email, "1.00", key=f"two-{name}")
    with follow(client.url, query, {"Last-Event-ID": seen}) as stream:
        carol.pay(receiver.email, "1.00", key=f"three-{name}")
        assert stream.paid(2) == [f"two-{name}", f"three-{name}"]


def test_lost_answer_and_secrets(client: Client, carol: User, receiver: User, name: str) -> None:
    """An answer that the client never got is told with its fault; no password and no token is."""
    carol.top_up("9.00")
    with follow(client.url) as stream:
        client.log_in(carol.email)
        with pytest.raises(httpx.TransportError):
            carol.client.send(
                "POST", "/v1/pay", {"receiver_email": receiver.email, "amount": "1.00"}, token=carol.token,
                headers={"Shillings-Fault": "lost_response", "Idempotency-Key": f"lost-{name}"},
            )  # fmt: skip
        told: list[Any] = []
        while not told or told[-1]["idempotency_key"] != f"lost-{name}":
            told += [data for _, data in stream.events(1)]

    assert told[-1]["fault_applied"].startswith("lost_response;")
    assert "correct horse" not in str(told)
    assert carol.token not in str(told)


def test_client_that_does_not_read_slows_nobody(client: Client, carol: User, name: str) -> None:
    """While somebody has asked for the stream and reads nothing, others are served and told."""
    carol.top_up("9.00")
    port = int(client.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as deaf, follow(client.url, "?endpoint=/v1/topup") as stream:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.sendall(f"GET {PATH}?since=2020-01-01T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for number in range(20):
            assert carol.top_up("0.01", key=f"t{number}-{name}").outcome == (200, "ok")
        mine: list[str] = []
        while len(mine) < 20:
            mine += [key for key in stream.paid(1) if key.endswith(name)]

    assert mine == [f"t{number}-{name}" for number in range(20)]


def test_reset_and_stop_are_told(tmp_path: Path) -> None:
    """Over a reset the stream goes on and says so; when the service stops it ends, and does not hold it up."""
    with Service(tmp_path) as service, follow(service.url) as stream:
        ann = service.new_user("ann")
        assert [data["endpoint"] for _, data in stream.events(2)] == ["/v1/signup", "/v1/login"]
        assert ann.client.send("POST", "/v1/sandbox/reset").outcome == (200, "ok")
        (_, restarted), (_, reset) = stream.events(2)
        assert (restarted, reset["endpoint"]) == ({}, "/v1/sandbox/reset")
        began = time.monotonic()
        service.stop()

        assert stream.events(1) == []
        assert time.monotonic() - began < SECONDS_MAX / 2
        assert "Traceback" not in service.output


def test_page_is_asked_for_without_a_stream(client: Client, carol: User, name: str) -> None:
    """Whoever accepts JSON only asks page by page, each with the cursor of the one before."""
    headers = {"Accept": "application/json"}
    begun = client.send("GET", PATH, headers=headers)
    carol.top_up("1.00", key=f"page-{name}")

    def told() -> list[str]:
        page = client.send("GET", f"{PATH}?cursor={begun.body['cursor']}&user_email={carol.email}", headers=headers)
        assert page.outcome == (200, "ok")
        return [one["idempotency_key"] for one in page.body["requests"]]

    assert begun.body["requests"] == []
    wait_until(lambda: f"page-{name}" in told(), seconds=5, what="the top-up to be told")
