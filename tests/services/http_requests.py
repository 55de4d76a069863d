"""Requests that two readers of HTTP could read in two ways, and what becomes of each, with and without nginx.

A verdict is the statuses that come back, in order, before the connection is closed; none where it is just closed. Each
request is sent at once, and then the client half-closes.
"""

from typing import NamedTuple

BODY = b'{"amount":"1.00"}'
TOKEN = b"@TOKEN@"
"""Replaced by the token of somebody who may top up."""


class Case(NamedTuple):
    """One exchange.

    Args:
        sent: the bytes.
        verdict: what a web server answers.
        topups: how many top-ups were made.
        behind_nginx: what comes back through nginx; None for the same.
        why: why that differs.
        topups_behind_nginx: how many top-ups were made then; None for as many.
    """

    sent: bytes
    verdict: tuple[int, ...]
    topups: int = 0
    behind_nginx: tuple[int, ...] | None = None
    why: str = ""
    topups_behind_nginx: int | None = None


def get(*lines: bytes, path: bytes = b"/healthz", version: bytes = b"1.1", method: bytes = b"GET") -> bytes:
    """A request without a body; Host is among the lines, or missing."""
    return b"%s %s HTTP/%s\r\n" % (method, path, version) + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def top_up(*lines: bytes, body: bytes = BODY, length: bytes | None = None, version: bytes = b"1.1") -> bytes:
    """A top-up of 1.00, with more header lines."""
    length = b"Content-Length: %d" % len(body) if length is None else length
    head = [HOST, b"Content-Type: application/json", b"Authorization: Bearer " + TOKEN, *([length] if length else [])]
    return b"POST /v1/topup HTTP/%s\r\n" % version + b"\r\n".join([*head, *lines]) + b"\r\n\r\n" + body


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


HOST = b"Host: localhost"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKED_BODY = chunks(BODY[:5], BODY[5:])
TAB = "it takes spaces only for white space before a value"
SMUGGLED = get(HOST, path=b"/smuggled")

CASES: dict[str, Case] = {
    # --- As it should be ---
    "plain": Case(get(HOST), (200,)),
    "body": Case(top_up(), (200,), 1),
    "chunked": Case(top_up(CHUNKED, length=b"", body=CHUNKED_BODY), (200,), 1),
    "chunked, in capitals": Case(top_up(b"TRANSFER-ENCODING: CHUNKED", length=b"", body=CHUNKED_BODY), (200,), 1),
    "chunk extensions": Case(top_up(CHUNKED, length=b"", body=b"11;a=b;c\r\n" + BODY + b"\r\n0\r\n\r\n"), (200,), 1),
    "trailers": Case(top_up(CHUNKED, length=b"", body=chunks(BODY, trailers=b"X: y\r\nZ: w\r\n")), (200,), 1),
    "pipelined": Case(get(HOST) + top_up() + get(HOST, path=b"/nothing") + top_up(), (200, 200, 404, 200), 2),
    "blank line first": Case(b"\r\n" + get(HOST), (200,)),
    "HTTP/1.0": Case(get(version=b"1.0"), (200,)),
    "HTTP/1.0 with a body": Case(top_up(version=b"1.0"), (200,), 1),
    "HEAD": Case(get(HOST, method=b"HEAD"), (200,)),
    "expects 100": Case(top_up(b"Expect: 100-continue"), (100, 200), 1),
    "close": Case(get(HOST, b"Connection: close") + get(HOST), (200,)),
    "absolute URL": Case(get(HOST, path=b"http://localhost/healthz"), (200,)),
    "identity": Case(top_up(b"Content-Encoding: identity"), (200,), 1),
    "space after a value": Case(top_up(b"Idempotency-Key: trimmed \t "), (200,), 1),
    "space before a value": Case(top_up(b"Idempotency-Key:  \t also-trimmed"), (200,), 1),
    "two Cookie lines": Case(
        get(HOST, b"Cookie: a=b", b"Cookie: token=" + TOKEN, path=b"/v1/account"), (200,)
    ),
    "two lines of a list": Case(get(HOST, b"Accept: text/html", b"Accept: */*"), (200,)),
    "asks for h2c": Case(
        get(HOST, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
        (200,),
    ),
    "asks for h2c, with a body": Case(top_up(b"Connection: Upgrade", b"Upgrade: h2c") + get(HOST), (200, 200), 1),
    "asks for WebSockets": Case(get(HOST, b"Connection: upgrade", b"Upgrade: websocket"), (200,)),
    # --- Where a request ends ---
    "two lengths": Case(top_up(b"Content-Length: 5") + SMUGGLED, (400,)),
    "two equal lengths": Case(top_up(b"Content-Length: 17") + SMUGGLED, (400,)),
    "a list of lengths": Case(top_up(length=b"Content-Length: 17, 17") + SMUGGLED, (400,)),
    "signed length": Case(top_up(length=b"Content-Length: +17") + SMUGGLED, (400,)),
    "negative length": Case(top_up(length=b"Content-Length: -1") + SMUGGLED, (400,)),
    "hexadecimal length": Case(top_up(length=b"Content-Length: 0x11") + SMUGGLED, (400,)),
    "empty length": Case(top_up(length=b"Content-Length:") + SMUGGLED, (400,)),
    "enormous length": Case(top_up(length=b"Content-Length: 99999999999999999999") + SMUGGLED, (400,)),
    "large length": Case(top_up(length=b"Content-Length: 65537") + SMUGGLED, (413,)),
    "length and chunks": Case(top_up(CHUNKED, body=CHUNKED_BODY) + SMUGGLED, (400,)),
    "chunks and length": Case(top_up(CHUNKED, b"Content-Length: 4", length=b"", body=CHUNKED_BODY), (400,)),
    "chunks, HTTP/1.0": Case(top_up(CHUNKED, length=b"", body=CHUNKED_BODY, version=b"1.0"), (400,)),
    "chunks twice": Case(top_up(CHUNKED, CHUNKED, length=b"", body=CHUNKED_BODY), (400,)),
    "gzip, then chunks": Case(
        top_up(b"Transfer-Encoding: gzip, chunked", length=b"", body=CHUNKED_BODY), (501,)
    ),
    "gzip": Case(top_up(b"Transfer-Encoding: gzip", length=b"", body=CHUNKED_BODY), (501,)),
    "identity as a transfer coding": Case(top_up(b"Transfer-Encoding: identity", length=b""), (501,)),
    "chunks by another name": Case(top_up(b"Transfer-Encoding: xchunked", length=b"", body=CHUNKED_BODY), (501,)),
    "chunks behind a tab": Case(
        top_up(b"Transfer-Encoding:\tchunked", length=b"", body=CHUNKED_BODY), (200,), 1, (501,), TAB, 0
    ),
    "chunks behind a vertical tab": Case(
        top_up(b"Transfer-Encoding: \x0bchunked", length=b"", body=CHUNKED_BODY), (400,), 0, (501,), TAB
    ),
    "space before the colon": Case(top_up(b"Transfer-Encoding : chunked", body=CHUNKED_BODY), (400,)),
    "length with a space before the colon": Case(top_up(length=b"Content-Length : 17"), (400,)),
    "folded coding": Case(top_up(b"Transfer-Encoding:\r\n chunked", length=b"", body=CHUNKED_BODY), (400,)),
    "chunk size with a sign": Case(top_up(CHUNKED, length=b"", body=b"+11\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,)),
    "chunk size in hexadecimal": Case(top_up(CHUNKED, length=b"", body=b"0x11\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,)),
    "enormous chunk": Case(top_up(CHUNKED, length=b"", body=b"f" * 17 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,)),
    "chunk without its end": Case(top_up(CHUNKED, length=b"", body=b"11\r\n" + BODY + b"0\r\n\r\n"), (400,)),
    "chunk longer than it says": Case(top_up(CHUNKED, length=b"", body=b"5\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,)),
    "trailer of a length": Case(
        top_up(CHUNKED, length=b"", body=chunks(BODY, trailers=b"Content-Length: 99\r\n")) + get(HOST), (400,), 0,
        (200, 200), "it throws trailers away", 1,
    ),
    "trailer of a session": Case(
        get(HOST, CHUNKED, path=b"/v1/account") + chunks(trailers=b"Authorization: Bearer " + TOKEN + b"\r\n"), (401,)
    ),
    "a body of GET is no request": Case(
        get(HOST, b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED + get(HOST), (200, 200)
    ),
    "half a body": Case(top_up()[:-1], ()),
    "half a chunk": Case(top_up(CHUNKED, length=b"", body=CHUNKED_BODY)[:-10], ()),
    "half a head": Case(get(HOST)[:-2], ()),
    "whole, then nonsense": Case(top_up() + b"nonsense\r\n\r\n", (200,), 1, (200, 400), "it refuses after the answer"),
    # --- Who is asked ---
    "no Host": Case(get(), (400,)),
    "two Hosts": Case(get(HOST, b"Host: example.com"), (400,)),
    "two equal Hosts": Case(get(HOST, HOST), (400,)),
    "empty Host": Case(get(b"Host:"), (400,)),
    "Host with a path": Case(get(b"Host: localhost/x"), (400,)),
    "Host with a space": Case(get(b"Host: local host"), (400,)),
    "Host with a user": Case(get(b"Host: a@localhost"), (400,)),
    "Host with a port": Case(get(b"Host: localhost:8080"), (200,)),
    "Host of IPv6": Case(get(b"Host: [::1]:8080"), (200,)),
    # --- What a header says ---
    "two keys": Case(top_up(b"Idempotency-Key: one", b"Idempotency-Key: two"), (400,)),
    "two equal keys": Case(top_up(b"Idempotency-Key: one", b"idempotency-key: one"), (400,)),
    "two sessions": Case(top_up(b"Authorization: Bearer nobody"), (400,)),
    "two types": Case(top_up(b"Content-Type: text/plain"), (400,)),
    "two request ids": Case(
        get(HOST, b"X-Request-Id: a", b"X-Request-Id: b"), (400,), 0, (200,), "it passes one on, or its own"
    ),
    "gzipped body": Case(top_up(b"Content-Encoding: gzip"), (415,)),
    "line folding": Case(get(HOST, b"X: a\r\n b"), (400,)),
    "no name": Case(get(HOST, b": x"), (400,)),
    "space in a name": Case(get(HOST, b"A b: x"), (400,)),
    "no colon": Case(get(HOST, b"nonsense"), (400,), 0, (200,), "it leaves such lines out"),
    "zero in a value": Case(get(HOST, b"X: a\x00b"), (400,)),
    "bare CR in a value": Case(get(HOST, b"X: a\rY: b"), (400,)),
    "control character in a value": Case(get(HOST, b"X: a\x01b"), (400,)),
    "bare LF": Case(get(HOST).replace(b"\r\n", b"\n"), (400,), 0, (200,), "it takes LF for an end of line"),
    # --- The first line ---
    "nonsense": Case(b"nonsense\r\n\r\n", (400,)),
    "HTTP/0.9": Case(b"GET /healthz\r\n", ()),
    "HTTP/0.9, said so": Case(get(HOST, version=b"0.9"), (400,)),
    "HTTP/2.0": Case(get(HOST, version=b"2.0"), (400,)),
    "HTTP/1.2": Case(get(HOST, version=b"1.2"), (400,), 0, (200,), "it takes every 1.x for 1.1"),
    "preface of HTTP/2": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    "TLS": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    "method in small letters": Case(get(HOST, method=b"get"), (400,)),
    "unknown method": Case(get(HOST, method=b"BREW"), (400,)),
    "CONNECT": Case(get(HOST, method=b"CONNECT", path=b"localhost:80"), (405,), 0, (400,), "it knows no such URL"),
    "TRACE": Case(get(HOST, method=b"TRACE"), (405,)),
    "asterisk": Case(get(HOST, method=b"OPTIONS", path=b"*"), (404,), 0, (400,), "it knows no such URL"),
    "two spaces": Case(b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n\r\n", (200,)),
    "tab": Case(b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n\r\n", (400,)),
    "fragment": Case(get(HOST, path=b"/healthz#x"), (200,)),
    "dots in the path": Case(get(HOST, path=b"/v1/../healthz"), (404,)),
    "encoded zero": Case(get(HOST, path=b"/healthz%00"), (404,), 0, (400,), "it refuses zeros"),
    "bytes above ASCII": Case(get(HOST, path=b"/caf\xc3\xa9"), (400,)),
    "URL of 8,000 bytes": Case(get(HOST, path=b"/".ljust(8_000, b"x")), (404,)),
    "URL of 8,001 bytes": Case(get(HOST, path=b"/".ljust(8_001, b"x")), (414,)),
    "header of 8,000 bytes": Case(get(HOST, b"X: ".ljust(8_000 - 2, b"v")), (200,)),
    "header of 8,001 bytes": Case(get(HOST, b"X: ".ljust(8_001 - 2, b"v")), (431,)),
    "head of 31,000 bytes": Case(get(HOST, *[b"X: ".ljust(4_200, b"v")] * 7, b"Y: ".ljust(1400, b"v")), (200,)),
    "head of 40,000 bytes": Case(get(HOST, *[b"X: ".ljust(4_000, b"v")] * 10), (431,)),
    "body of 65,537 bytes in chunks": Case(top_up(CHUNKED, length=b"", body=chunks(b" " * 65_537)), (413,)),
}  # fmt: skip
