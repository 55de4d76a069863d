"""Bodies that are not what an endpoint takes: each is refused with the right code, and nothing changes."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.service import Answer, Client, Service, User

MIB = 1 << 20

NO_JSON = {
    "text": b"amount=1.00",
    "half an object": b'{"amount": "1.00"',
    "two objects": b'{"amount": "1.00"}{"amount": "1.00"}',
    "trailing comma": b'{"amount": "1.00",}',
    "single quotes": b"{'amount': '1.00'}",
    "comment": b'{"amount": "1.00"} // one',
    "UTF-16": '{"amount": "1.00"}'.encode("utf-16"),
    "NUL bytes": b"\0\0\0\0",
    "invalid UTF-8": b'{"amount": "1.00", "\xff\xfe": 1}',
}
WRONG_SHAPE = {
    "null": b"null",
    "array": b"[]",
    "text": b'"amount"',
    "number": b"12.50",
    "true": b"true",
    "empty object": b"{}",
    "unknown field": b'{"amount": "1.00", "note": "x"}',
    "misspelt field": b'{"amuont": "1.00"}',
    "field of another case": b'{"Amount": "1.00"}',
    "field of the inside": b'{"amount": "1.00", "user_id": "00000000-0000-0000-0000-000000000000"}',
    "balance": b'{"amount": "1.00", "balance": "1000000"}',
}
DEEP = {
    "arrays": b"[" * 100_000,
    "closed arrays": b"[" * 30_000 + b"]" * 30_000,
    "objects": b'{"a":' * 12_000,
    "arrays in the amount": b'{"amount":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "objects in the amount": b'{"amount":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "arrays in an unknown field": b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
}


def refused_without_effect(user: User, content: bytes) -> Answer:
    """Send a top-up with this body; whatever the answer, nothing may have changed."""
    before = user.state()
    answer = user.send("POST", "/v1/topup", content=content)
    assert user.state() == before
    return answer


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_not_json_is_refused(carol: User, content: bytes) -> None:
    """A body that is not JSON in UTF-8 is refused as such."""
    answer = refused_without_effect(carol, content)

    assert answer.outcome == (400, "invalid_request")
    assert "body is not JSON" in answer.message


@pytest.mark.parametrize("content", WRONG_SHAPE.values(), ids=WRONG_SHAPE.keys())
def test_json_of_another_shape_is_refused(carol: User, content: bytes) -> None:
    """JSON that is not the endpoint's object, whole and without a field too many, is refused."""
    answer = refused_without_effect(carol, content)

    assert answer.outcome == (400, "invalid_request")
    for field in ("amuont", "note", "Amount", "user_id", "balance"):
        if b'"%s"' % field.encode() in content[:40]:
            assert field in answer.message


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP.keys())
def test_deep_json_is_refused(carol: User, client: Client, content: bytes) -> None:
    """JSON of tens of thousands of levels is refused like any other, and the next request is answered."""
    answer = refused_without_effect(carol, content)

    assert answer.outcome in ((400, "invalid_request"), (413, "payload_too_large"))
    assert client.send("GET", "/readyz").outcome == (200, "ok")


@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "password", "middle_name", "phone"])
@pytest.mark.parametrize("value", [None, 1, True, ["x"], {"x": "y"}], ids=["null", "number", "true", "array", "object"])
def test_field_of_another_type_is_refused(client: Client, name: str, field: str, value: object) -> None:
    """A text field that holds anything but text is refused by its name, and nobody is signed up."""
    email = f"{name}@example.com"
    body = {"first_name": "A", "last_name": "B", "email": email, "password": "correct horse"} | {field: value}

    answer = client.send("POST", "/v1/signup", body)

    assert answer.outcome == (400, "invalid_request")
    assert answer.message.startswith(f"{field}: ")
    assert client.log_in(email, "correct horse").outcome == (401, "unauthenticated")


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udc00\\ud800"])
@pytest.mark.parametrize("field", ["first_name", "email", "password"])
def test_lone_surrogates_are_refused(client: Client, name: str, field: str, escape: str) -> None:
    """Half a surrogate pair is no text: a sign-up that holds one is refused."""
    values = {"first_name": "A", "last_name": "B", "email": f"{name}@example.com", "password": "correct horse"}
    values[field] = f"x{escape}{values[field]}"
    content = "{" + ",".join(f'"{name}": "{value}"' for name, value in values.items()) + "}"

    assert client.send("POST", "/v1/signup", content=content.encode()).outcome == (400, "invalid_request")


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\xb1", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82"])
@pytest.mark.parametrize("field", [b"first_name", b"email", b"password"])
def test_text_that_is_not_utf8_is_refused(client: Client, field: bytes, text: bytes) -> None:
    """Text in a field that is not UTF-8, or not its shortest form, is refused."""
    values = {b"first_name": b"A", b"last_name": b"B", b"email": b"utf8@example.com", b"password": b"correct horse"}
    values[field] = b"x" + text + values[field]
    content = b"{" + b",".join(b'"%s": "%s"' % pair for pair in values.items()) + b"}"

    assert client.send("POST", "/v1/signup", content=content).outcome == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/signup", "/v1/login", "/v1/pay", "/v1/topup"])
def test_empty_body_is_refused(carol: User, path: str) -> None:
    """An endpoint that needs a body says which field it misses when there is none."""
    for content in (None, b""):
        answer = carol.send("POST", path, content=content)
        assert answer.outcome == (400, "invalid_request")
        assert "missing required field" in answer.message


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
     "application/jsonp", "text/json", "", "json", "text/plain; application/json"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/signup", "/v1/login", "/v1/pay", "/v1/topup", "/v1/logout"])
def test_body_of_another_media_type_is_refused(carol: User, path: str, kind: str) -> None:
    """A body that is not declared as JSON is refused: what a foreign page's form can send changes nothing."""
    answer = carol.client.send(
        "POST", path, content=b'{"amount": "1.00"}', headers={"Content-Type": kind}, token=carol.token
    )

    assert answer.outcome == (415, "unsupported_media_type")
    assert carol.account()["balance"] == "100.00"


def test_media_type_may_have_parameters(ann: User) -> None:
    """JSON with a charset, in any case, is JSON."""
    for kind in ("application/json; charset=utf-8", "Application/JSON;charset=UTF-8"):
        answer = ann.client.send(
            "POST", "/v1/topup", content=b'{"amount": "1.00"}', headers={"Content-Type": kind}, token=ann.token
        )
        assert answer.outcome == (200, "ok")


@pytest.mark.parametrize("size", [64 * 1024 + 1, 2 * MIB, 8 * MIB])
def test_large_body_is_refused(carol: User, size: int) -> None:
    """A body above 64 KiB is refused with 413, which the client gets to read, and nothing changes."""
    padding = b" " * (size - len(b'{"amount": "1.00"}'))

    answer = refused_without_effect(carol, b'{"amount": "1.00"' + padding + b"}")

    assert answer.outcome == (413, "payload_too_large")


def test_largest_body_is_taken(ann: User) -> None:
    """A body of exactly 64 KiB is read."""
    padding = b" " * (64 * 1024 - len(b'{"amount": "1.00"}'))

    assert ann.send("POST", "/v1/topup", content=b'{"amount": "1.00"' + padding + b"}").outcome == (200, "ok")


def test_large_body_of_unknown_length_is_refused(service: Service, carol: User) -> None:
    """A chunked body that never ends is cut off soon after 64 KiB, and nothing changes."""
    before = carol.state()
    head = (
        "POST /v1/topup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {carol.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    with socket.create_connection((urlsplit(service.url).hostname, service.port), timeout=10) as connection:
        connection.sendall(head.encode())
        sent, ends = 0, time.monotonic() + 10
        try:
            while time.monotonic() < ends and sent < 64 * MIB:
                connection.sendall(chunk)
                sent += 0x4000
        except ConnectionError:
            pass

    assert sent < 32 * MIB
    assert carol.state() == before


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, b"200"), (64 * 1024 + 1, b"413"), (70_000, b"413")])
def test_limit_is_the_same_in_chunks(service: Service, ann: User, size: int, status: bytes) -> None:
    """A whole body in chunks may be as large as one whose length was announced, and no larger."""
    head = (
        "POST /v1/topup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Authorization: Bearer {ann.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    body = b'{"amount": "1.00"' + b" " * (size - len(b'{"amount": "1.00"}')) + b"}"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(one := body[at : at + 9_000]), one) for at in range(0, size, 9_000))
    with socket.create_connection((urlsplit(service.url).hostname, service.port), timeout=10) as connection:
        connection.sendall(head.encode() + chunks + b"0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert ann.account()["balance"] == ("101.00" if status == b"200" else "100.00")


def test_chunked_body_is_taken(service: Service, ann: User) -> None:
    """A small body that comes in chunks is read whole."""
    head = (
        "POST /v1/topup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Authorization: Bearer {ann.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((urlsplit(service.url).hostname, service.port), timeout=10) as connection:
        connection.sendall(head.encode() + b'9\r\n{"amount"\r\n9\r\n: "1.00"}\r\n0\r\n\r\n')
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert ann.account()["balance"] == "101.00"
