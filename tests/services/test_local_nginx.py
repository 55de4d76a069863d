"""nginx with the configuration of production, in front of a web server that a test can make misbehave."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local.nginx import CONFIGURATION, Nginx
from deploy.local.waiting import wait_until
from shillings.testing.ports import free_port
from tests.figures import note
from tests.programs import require_programs

Answer = tuple[int, http.client.HTTPMessage, dict[str, object]]


class _Handler(BaseHTTPRequestHandler):
    """Repeats what it was sent; at `/die` it closes instead of answering, at `/hang` it takes too long."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Web"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(f"{self.command} {self.path}")
        if self.path == "/die":
            self.close_connection = True
            return
        if self.path == "/hang":
            self.server.released.wait(10)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = json.dumps({"path": self.path, "headers": headers, "body_bytes": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Request-Id", "the web server's own")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = handle_any  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""


class Web(ThreadingHTTPServer):
    """A stand-in for a web server. `seen` is what it was asked, `released` lets go of requests that hang."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[str] = []
        self.released = threading.Event()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """One web server, running."""
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def nginx(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An nginx in front of one web server that runs and one that refuses connections; its timeouts are shortened."""
    require_programs("nginx")
    text = (CONFIGURATION / "shillings.conf.template").read_text()
    for setting in ("client_header_timeout", "client_body_timeout"):
        assert f"{setting} 10s;" in text
        text = text.replace(f"{setting} 10s;", f"{setting} 500ms;")
    assert "proxy_read_timeout 6s;" in text
    text = text.replace("proxy_read_timeout 6s;", "proxy_read_timeout 500ms;")
    servers = [web.address, f"127.0.0.1:{free_port()}"]
    with Nginx(tmp_path_factory.mktemp("nginx"), servers, template=text) as server:
        yield server


@pytest.fixture(scope="module")
def lonely_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An nginx in front of two web servers neither of which is there."""
    require_programs("nginx")
    servers = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    with Nginx(tmp_path_factory.mktemp("lonely"), servers) as server:
        yield server


def ask(
    nginx: Nginx,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    source: str = "127.0.0.1",
) -> Answer:
    """Send one request and return status, headers and the JSON of the answer."""
    connection = http.client.HTTPConnection(nginx.host, nginx.port, timeout=10, source_address=(source, 0))
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


def send_raw(nginx: Nginx, data: bytes, *, is_all: bool = True) -> bytes:
    """Send bytes as they are, and return everything that comes back until nginx closes."""
    with socket.create_connection((nginx.host, nginx.port), timeout=10) as connection:
        connection.sendall(data)
        if is_all:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionResetError:
            pass  # A client that is too slow is cut, which may look like this.
        return received


def code(answer: Answer) -> object:
    """The API's code in an answer that nginx made, whose headers must be complete."""
    _, headers, body = answer
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert len(headers["X-Request-Id"]) >= 16
    assert headers["Server"] == "nginx"
    status = body["status"]
    assert isinstance(status, dict)
    assert status["message"]
    return status["code"]


def test_client_addresses_are_replaced_and_not_believed(nginx: Nginx) -> None:
    """Whatever a client claims about where it comes from, the service sees the address of its connection."""
    claims = dict.fromkeys(("X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded"), "6.6.6.6")
    claims["X-Forwarded-Proto"] = "https"
    status, _, body = ask(nginx, "GET", "/v1/account?x=1", headers=claims)
    headers = body["headers"]
    assert isinstance(headers, dict)
    assert (status, body["path"]) == (200, "/v1/account?x=1")
    assert headers["x-real-ip"] == headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert "6.6.6.6" not in str(headers)


@pytest.mark.parametrize("sent", ["order-17.retry_2", "bad id", "x" * 65, '"}', ""])
def test_request_ids_pass_when_well_formed(nginx: Nginx, sent: str) -> None:
    """A well-formed request id goes through and comes back; any other is replaced by nginx's own."""
    _, answered, body = ask(nginx, "GET", "/", headers={"X-Request-Id": sent})
    headers = body["headers"]
    assert isinstance(headers, dict)
    assert answered.get_all("X-Request-Id") == [headers["x-request-id"]]
    assert (headers["x-request-id"] == sent) == (sent == "order-17.retry_2")
    assert len(headers["x-request-id"]) >= 16


def test_a_body_that_is_too_large_is_refused(nginx: Nginx) -> None:
    """64 KiB pass; one byte more is answered 413 in the API's shape, with or without a declared length."""
    assert ask(nginx, "POST", "/", b"x" * 65_536)[2]["body_bytes"] == 65_536
    answer = ask(nginx, "POST", "/", b"x" * 65_537)
    assert (answer[0], code(answer)) == (413, "payload_too_large")
    chunked = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" + b"x" * 65_537 + b"\r\n0\r\n\r\n"
    )
    assert b"payload_too_large" in send_raw(nginx, chunked, is_all=False)


@pytest.mark.parametrize(
    ("request_bytes", "status", "word"),
    [
        (b"nonsense\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "invalid_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBig: " + b"x" * 9000 + b"\r\n\r\n", 431, "invalid_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "invalid_request"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "invalid_request",
        ),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "not_found"),
        (b"GET /.nginx/broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "not_found"),
    ],
    ids=[
        "nonsense",
        "no host",
        "long address",
        "large header",
        "encoding",
        "two lengths",
        "trace",
        "metrics",
        "page",
    ],
)
def test_what_nginx_refuses_itself_has_the_shape_of_the_api(
    nginx: Nginx, web: Web, request_bytes: bytes, status: int, word: str
) -> None:
    """Requests that no web server needs to see are refused in JSON, and no web server sees them."""
    web.seen.clear()
    head, _, body = send_raw(nginx, request_bytes).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"X-Content-Type-Options: nosniff" in head
    assert json.loads(body)["status"]["code"] == word
    assert web.seen == []


def test_an_unreachable_server_is_passed_over(nginx: Nginx) -> None:
    """With one of two web servers refusing connections, every request succeeds, a POST too."""
    assert [ask(nginx, "POST", "/", b"{}")[0] for _ in range(20)] == [200] * 20


def test_nothing_sent_is_unavailable_and_can_be_retried(lonely_nginx: Nginx) -> None:
    """When no web server can be reached nothing was done: 503 and when to retry, also once nginx stops trying them."""
    for _ in range(6):
        answer = ask(lonely_nginx, "POST", "/v1/pay", b"{}")
        assert (answer[0], code(answer)) == (503, "unavailable")
        assert answer[1]["Retry-After"] == "1"


def test_a_request_that_broke_half_way_is_unknown_and_not_sent_twice(nginx: Nginx, web: Web) -> None:
    """A web server that dies with a POST leaves its outcome unknown, and no other server gets that POST."""
    web.seen.clear()
    answer = ask(nginx, "POST", "/die", b"{}")
    assert (answer[0], code(answer)) == (500, "internal")
    assert "Retry-After" not in answer[1]
    assert web.seen == ["POST /die"]


def test_an_answer_that_comes_too_late_is_unknown(nginx: Nginx) -> None:
    """A web server that hangs leaves the outcome unknown, which is a timeout and not `unavailable`."""
    answer = ask(nginx, "POST", "/hang", b"{}")
    assert (answer[0], code(answer)) == (504, "timeout")


def test_too_many_requests_at_once_are_refused_at_once(web: Web, tmp_path: Path) -> None:
    """Above the limit of requests that have arrived whole, the next is answered 503 and was not applied."""
    require_programs("nginx")
    web.seen.clear()
    with Nginx(tmp_path, [web.address], requests_max=1) as nginx:
        first = threading.Thread(target=ask, args=(nginx, "GET", "/hang"))
        first.start()
        wait_until(lambda: web.seen, seconds=5, what="the first request")
        answer = ask(nginx, "POST", "/", b"{}")
        assert (answer[0], code(answer), answer[1]["Retry-After"]) == (503, "unavailable", "1")
        assert web.seen == ["GET /hang"]
        web.released.set()
        first.join()
        web.released.clear()


def test_one_address_has_a_limit_of_its_own(web: Web, tmp_path: Path) -> None:
    """Above the limit of requests under way from one address, it is refused 503, and another address is served."""
    require_programs("nginx")
    text = (CONFIGURATION / "shillings.conf.template").read_text()
    assert "limit_conn shillings_addresses 1024;" in text
    text = text.replace("limit_conn shillings_addresses 1024;", "limit_conn shillings_addresses 1;")
    with Nginx(tmp_path, [web.address], template=text) as nginx, slow_bodies(nginx, 1):
        answer = ask(nginx, "GET", "/")
        assert (answer[0], code(answer), answer[1]["Retry-After"]) == (503, "overloaded", "1")
        assert ask(nginx, "GET", "/", source="127.0.0.2")[0] == 200


SLOW_BODIES = 512


def test_slow_bodies_refuse_nobody(web: Web, tmp_path: Path) -> None:
    """With 512 bodies under way that arrive byte by byte, everybody else is served at once, from that address too."""
    require_programs("nginx")
    with Nginx(tmp_path, [web.address]) as nginx, slow_bodies(nginx, SLOW_BODIES) as clients:
        web.seen.clear()
        for source in ("127.0.0.1", "127.0.0.2"):
            began = time.monotonic()
            answers = [ask(nginx, "POST", "/", b"{}", source=source)[0] for _ in range(20)]
            assert answers == [200] * 20
            note(
                f"{SLOW_BODIES} slow bodies through nginx: 20 of 20 served, {time.monotonic() - began:.2f} s, {source}"
            )
        assert web.seen == ["POST /"] * 40
        for client in clients:
            client.sendall(b"x")


@contextmanager
def slow_bodies(nginx: Nginx, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have sent their head, and of the body one byte."""
    clients = [socket.create_connection((nginx.host, nginx.port), timeout=10) for _ in range(count)]
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    for client in clients:
        client.sendall(head)
    for client in clients:
        # So nginx has read the head, and waits for the body.
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"x")
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: x\r\nSlow", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow"],
    ids=["headers", "body"],
)
def test_slow_clients_are_cut(nginx: Nginx, web: Web, sent: bytes) -> None:
    """A client that stops in its headers or body is cut after the timeout, and no web server hears of it."""
    web.seen.clear()
    started = time.monotonic()
    send_raw(nginx, sent, is_all=False)
    assert time.monotonic() - started < 5
    assert web.seen == []


def test_the_access_log_is_json_without_secrets(nginx: Nginx) -> None:
    """Each request is one line of JSON with its id and path; query, cookies and tokens are not in it."""
    headers = {"X-Request-Id": "find-me", "Cookie": "token=secret2", "Authorization": "Bearer secret3"}
    ask(nginx, "GET", "/v1/transactions?cursor=secret1", headers=headers)
    wait_until(lambda: "find-me" in nginx.access_log_path.read_text(), seconds=5, what="the log's line")
    text = nginx.access_log_path.read_text()
    line = next(json.loads(line) for line in text.splitlines() if "find-me" in line)
    assert (line["path"], line["method"], line["status"]) == ("/v1/transactions", "GET", "200")
    assert "secret" not in text


@pytest.mark.parametrize(("secure", "header"), [(True, "max-age=31536000"), (False, None)])
def test_own_answers_ask_for_tls_where_there_is_tls(tmp_path: Path, *, secure: bool, header: str | None) -> None:
    """Where TLS ends in front of nginx, its own errors say so to browsers, as the web servers do; else they do not."""
    require_programs("nginx")
    with Nginx(tmp_path, [f"127.0.0.1:{free_port()}"], secure=secure) as nginx:
        for path in ("/metrics", "/v1/account"):
            status, headers, _ = ask(nginx, "GET", path)
            assert status in {404, 503}
            assert headers["Strict-Transport-Security"] == header
