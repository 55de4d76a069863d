"""Clients that are silent, slow, huge or too many, on a web server that others use meanwhile."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import psutil
import pytest

from deploy.local.waiting import wait_until
from tests.figures import note
from tests.service import WebServer

CONNECTIONS_MAX = 64
DEADLINE_SECONDS = 1.0
FLOOD = 150
PROBES = 20
MIB = 1024 * 1024
GROWTH_BYTES_MAX = 32 * MIB
HEAD = b"POST /v1/pay HTTP/1.1\r\nHost: x\r\n"


class Flood(NamedTuple):
    """What each of many clients sends, and what is said about them.

    Args:
        sent: at once.
        limit: the word in the log.
        addresses: how many they come from.
    """

    sent: bytes
    limit: str
    addresses: int = 1


FLOODS = {
    "silent": Flood(b"", "head_timeout"),
    "slow headers": Flood(HEAD + b"X: ", "head_timeout"),
    "slow bodies": Flood(HEAD + b"Content-Length: 1000\r\n\r\n{", "body_timeout"),
    "huge headers": Flood(HEAD + b"X: " + b"x" * MIB, "headers"),
    "huge bodies": Flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n100000\r\n" + b" " * MIB, "body"),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A web server with few connections and short deadlines; nobody is behind it, as health needs nobody."""
    deadline = str(round(DEADLINE_SECONDS * 1000))
    with WebServer(
        tmp_path_factory.mktemp("web"),
        "tcp://127.0.0.1:1",
        SHILLINGS_CONNECTIONS_MAX=str(CONNECTIONS_MAX),
        SHILLINGS_HEAD_TIMEOUT_MS=deadline,
        SHILLINGS_BODY_TIMEOUT_MS=deadline,
    ) as running:
        yield running


@contextmanager
def flood(web: WebServer, kind: Flood) -> Iterator[list[socket.socket]]:
    """Many clients; they hang up at the end."""
    with ExitStack() as open_ones:
        clients = []
        for number in range(FLOOD):
            source = f"127.0.0.{2 + number % kind.addresses}"
            client = socket.create_connection(("127.0.0.1", web.port), timeout=10, source_address=(source, 0))
            clients.append(open_ones.enter_context(client))
            # It may be one too many, or too much.
            with suppress(ConnectionError):
                client.sendall(kind.sent)
        yield clients


def probe(web: WebServer) -> int:
    """The status of one honest request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return int(connection.recv(64)[9:12])
        except ConnectionError:
            # Refused before it was read, which resets it.
            return 503


def memory(web: WebServer) -> int:
    """The bytes that the web server holds."""
    return int(psutil.Process(web.pid).memory_info().rss)


def is_cut(client: socket.socket) -> bool:
    """Whether the web server has ended this connection; what it has answered is read."""
    client.setblocking(False)
    try:
        while client.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("kind", FLOODS.values(), ids=FLOODS)
def test_flood_from_one_address_holds_nobody_up(web: WebServer, kind: Flood, request: pytest.FixtureRequest) -> None:
    """While one address does its worst everybody else is served, and when its time is over it is gone."""
    before = memory(web)
    began = time.monotonic()
    with flood(web, kind) as clients:
        answers = [probe(web) for _ in range(PROBES)]
        grown = memory(web) - before
        wait_until(lambda: all(is_cut(one) for one in clients), seconds=DEADLINE_SECONDS + 10, what="all to be cut")
    over = time.monotonic() - began

    assert answers == [200] * PROBES
    assert grown < GROWTH_BYTES_MAX
    wait_until(lambda: f"reason={kind.limit} " in web.output, seconds=5, what="a line in the log")
    note(
        f"{FLOOD} clients, {request.node.callspec.id}: {answers.count(200)} of {PROBES} others served, "
        f"{grown / MIB:+.1f} MiB, all cut after {over:.1f} s"
    )


def test_full_web_server_recovers_by_itself(web: WebServer) -> None:
    """When silent clients from many addresses have taken every connection, others are told so, and soon are served."""
    with flood(web, Flood(b"", "connections", addresses=5)):
        began = time.monotonic()
        refused = probe(web)
        wait_until(lambda: probe(web) == 200, seconds=DEADLINE_SECONDS + 10, what="to be served again")
        note(f"{FLOOD} silent clients from 5 addresses: others served again after {time.monotonic() - began:.1f} s")

    assert refused == 503
    wait_until(lambda: "reason=connections " in web.output, seconds=5, what="a line in the log")
