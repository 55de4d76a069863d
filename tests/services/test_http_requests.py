"""The same requests, byte by byte, to a web server and through nginx: each gets the verdict that is written down."""

import re
import socket

import pytest

from deploy.local.nginx import Nginx
from tests.service import Service, User
from tests.services.http_requests import CASES, TOKEN, Case

SECONDS_MAX = 10.0


@pytest.fixture(scope="module")
def asker(service: Service) -> User:
    """Somebody who may top up."""
    return service.new_user("asker", "1.00")


def verdict(port: int, sent: bytes, user: User) -> tuple[tuple[int, ...], int]:
    """The statuses that come back until the connection is closed, and how many top-ups were made."""
    before = user.account()["balance"]
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX) as connection:
        connection.sendall(sent.replace(TOKEN, user.token.encode()))
        answer = b""
        try:
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            pass  # What was not read of the request resets the connection, after the answer.
    statuses = tuple(int(number) for number in re.findall(rb"HTTP/1.1 ([0-9]+)", answer))
    return statuses, round(float(user.account()["balance"]) - float(before))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_web_server_gives_the_verdict(service: Service, asker: User, case: Case) -> None:
    """A web server answers what is written down, and does what it answers, once."""
    assert verdict(service.port, case.sent, asker) == (case.verdict, case.topups)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nginx_gives_the_same_or_it_is_written_down(entrance: Nginx, asker: User, case: Case) -> None:
    """Through nginx the verdict is the same; where it is not, it is known, and so is why."""
    assert bool(case.why) == (case.behind_nginx is not None)
    expected = case.verdict if case.behind_nginx is None else case.behind_nginx
    topups = case.topups if case.topups_behind_nginx is None else case.topups_behind_nginx
    # A key that was used makes no second top-up.
    sent = case.sent.replace(b"trimmed", b"trimmed-by-nginx")

    assert verdict(entrance.port, sent, asker) == (expected, topups)
