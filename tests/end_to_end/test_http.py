"""HTTP itself: methods, paths, headers, and requests that are hardly any."""

import re
import socket
import time

import pytest

from shillings.web.endpoints import ENDPOINTS
from tests.service import SECURITY_HEADERS, Client, Service, User

ALLOWED = {
    "/v1/signup": "POST",
    "/v1/login": "POST",
    "/v1/account": "GET",
    "/v1/pay": "POST",
    "/v1/topup": "POST",
    "/v1/transactions": "GET",
    "/v1/logout": "POST",
    "/v1/password": "POST",
    "/v1/email": "POST",
    "/v1/account/close": "POST",
    "/healthz": "GET",
    "/readyz": "GET",
    "/openapi.json": "GET",
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


def exchange(service: Service, request: bytes) -> bytes:
    """Send these bytes on a connection of their own; return what comes back until the service closes it."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(("path", "allowed"), ALLOWED.items())
def test_other_methods_are_refused(service: Service, client: Client, carol: User, path: str, allowed: str) -> None:
    """A path with another method is refused with 405, and Allow says which one it takes."""
    before = carol.state()

    for method in METHODS:
        if method == allowed:
            continue
        if method == "BREW":
            assert exchange(service, f"BREW {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")
            continue
        answer = client.send(method, path, token=carol.token)
        assert answer.outcome == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == allowed

    assert carol.state() == before


@pytest.mark.parametrize("path", [
    "/", "/v1", "/v1/", "/v1/pay/", "/V1/pay", "/v1/Pay", "//v1/pay", "/v1//pay", "/v2/pay", "/v1/pay.json",
    "/v1/users", "/v1/account/1", "/admin", "/metrics", "/.env", "/docs", "/debug", "/v1/../healthz", "/v1/pay%00",
    "/v1/pay%20", "/%2e%2e/etc/passwd", "/v1/pay;x=1", "/caf%C3%A9", "/%ff%fe", "/" + "x" * 4000,
])  # fmt: skip
def test_unknown_path_is_not_found(service: Service, path: str) -> None:
    """A path that is not in the API's table is not found, with any method."""
    for method in ("GET", "POST", "DELETE"):
        answer = exchange(service, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 "), answer
        assert b'"code":"not_found"' in answer


@pytest.mark.parametrize("path", ["/v1/account", "/v1/transactions", "/healthz", "/readyz", "/openapi.json"])
def test_head_is_get_without_a_body(service: Service, client: Client, carol: User, path: str) -> None:
    """HEAD gets the status and headers of GET, length included, and no body."""
    get, head = client.send("GET", path, token=carol.token), client.send("HEAD", path, token=carol.token)

    assert head.http == get.http == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_a_post_is_refused(client: Client, carol: User) -> None:
    """HEAD of a path that takes POST only is refused like GET."""
    answer = client.send("HEAD", "/v1/logout", token=carol.token)

    assert (answer.http, answer.headers["allow"], answer.content) == (405, "POST", b"")
    assert carol.send("GET", "/v1/account").outcome == (200, "ok")


@pytest.mark.parametrize("given", ["a", "A-b_c.d", "x" * 64, "Root=1-67891233-abcdef012345678912345678", "a@b:c+d"])
def test_well_formed_request_id_is_echoed(client: Client, carol: User, given: str) -> None:
    """A request id of what is safe anywhere comes back, in errors too; load balancers' ids are such."""
    for path in ("/v1/account", "/nothing"):
        answer = client.send("GET", path, headers={"X-Request-Id": given}, token=carol.token)
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a/b", "é", "<script>", "a,b", "a;b", '"a"', "a\tb", "%0d%0a"])
def test_other_request_id_is_replaced(client: Client, given: str) -> None:
    """A request id of any other form is replaced by one of our own."""
    answer = client.send("GET", "/healthz", headers={"X-Request-Id": given})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_request_ids_differ(client: Client) -> None:
    """Each request gets an id of its own."""
    given = {client.send("GET", "/healthz").headers["x-request-id"] for _ in range(50)}

    assert len(given) == 50


@pytest.mark.parametrize("request_line", [
    b"nonsense", b"GET", b"GET  HTTP/1.1", b"GET /healthz HTTP/9.9", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"\x00" * 64, b"GET / HTTP/1.1\r\nHost : x", b"GET / HTTP/1.1\r\nX: a\x01b", b"GET / HTTP/1.1\r\nX: a\x00b",
    b"GET / HTTP/1.1\r\nno colon", b"POST /v1/topup HTTP/1.1\r\nContent-Length: -1",
    b"POST /v1/topup HTTP/1.1\r\nContent-Length: 1x",
    b"POST /v1/topup HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
    b"POST /v1/topup HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
    b"POST /v1/topup HTTP/1.1\r\nTransfer-Encoding: chunked, gzip", b"GET /\xff\xfe HTTP/1.1",
])  # fmt: skip
def test_what_is_not_http_is_refused(service: Service, client: Client, request_line: bytes) -> None:
    """A request that is not HTTP, or is two things at once, gets the API's 400 and its connection is closed."""
    answer = exchange(service, request_line + b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer
    assert b'"code":"invalid_request"' in body
    assert answer.count(b"HTTP/1.1 ") == 1
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name}: {value}".encode() in head
    assert b"\r\nx-request-id: " in head
    assert client.send("GET", "/readyz").outcome == (200, "ok")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_no_other_origin_is_let_in(client: Client, carol: User, origin: str) -> None:
    """No answer tells a browser that another site may read it, and a preflight is refused."""
    headers = {"Origin": origin, "Cookie": f"token={carol.token}", "Access-Control-Request-Method": "POST"}

    for method, path in (("GET", "/v1/account"), ("OPTIONS", "/v1/pay")):
        answer = client.send(method, path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.http == 405


def test_pipelined_requests_are_answered_in_order(service: Service, ann: User) -> None:
    """Ten payments sent at once on one connection are answered in their order, each with its own request id."""
    request = "".join(
        "POST /v1/topup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {ann.token}\r\nX-Request-Id: r{number}\r\nContent-Length: 17\r\n\r\n"
        '{"amount":"1.00"}'
        for number in range(10)
    )

    answer = exchange_ten(service, request.encode())

    assert re.findall(rb"x-request-id: (\w+)", answer) == [b"r%d" % number for number in range(10)]
    assert ann.account()["balance"] == "110.00"


def top_up(user: User) -> bytes:
    """A whole request that tops an account up by 1.00."""
    return (
        "POST /v1/topup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f'Authorization: Bearer {user.token}\r\nContent-Length: 17\r\n\r\n{{"amount":"1.00"}}'
    ).encode()


@pytest.mark.parametrize("behind", [b"\x16\x03\x01\x00", b"nonsense\r\n\r\n", b"POST /v1/pay HTTP/9.9\r\n\r\n"])
def test_pending_answer_is_not_overtaken(service: Service, ann: User, behind: bytes) -> None:
    """Bytes that are no HTTP, behind a whole request, cost it nothing: its answer comes, alone, and then the end."""
    for pause in [0.0, 0.0005] * 20:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(top_up(ann))
            busy_until = time.perf_counter() + pause
            while time.perf_counter() < busy_until:
                pass
            connection.sendall(behind)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert re.findall(rb"HTTP/1.1 (\d+)", answer)[0] == b"200", answer

    assert ann.account()["balance"] == "140.00"


@pytest.mark.parametrize("behind", [
    b"", b"nonsense\r\n\r\n", b"POST /v1/topup HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{",
    b"POST /v1/topup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
])  # fmt: skip
def test_half_closing_client_gets_its_answers(service: Service, ann: User, behind: bytes) -> None:
    """Who sends whole requests and then no more gets all their answers, whatever else it had begun to send."""
    for requests in (1, 3):
        answer = exchange(service, top_up(ann) * requests + behind)
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] * requests, answer

    assert ann.account()["balance"] == "104.00"


def test_half_a_request_is_not_answered(service: Service, ann: User) -> None:
    """Who stops in the middle of a request gets the end of the connection, and nothing is done."""
    assert exchange(service, top_up(ann)[:-1]) == b""
    assert ann.account()["balance"] == "100.00"


def exchange_ten(service: Service, request: bytes) -> bytes:
    """Send these bytes; return what comes back until ten answers have."""
    answer = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request)
        while answer.count(b'"message":"Done."}}') < 10:
            chunk = connection.recv(65536)
            assert chunk, answer
            answer += chunk
    return answer


def test_openapi_lists_every_path(client: Client) -> None:
    """The OpenAPI document lists the API's paths, each with its methods."""
    paths = client.send("GET", "/openapi.json").body["paths"]
    expected: dict[str, list[str]] = {}
    for endpoint in ENDPOINTS:
        expected.setdefault(endpoint.path, []).append(endpoint.method.lower())

    assert {path: [*methods] for path, methods in paths.items()} == expected
