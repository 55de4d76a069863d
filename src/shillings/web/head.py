"""What a request's head must be like before anybody looks at what it asks for.

Two programs that read one head differently can be played off against each other: a proxy sees one request, the service
behind it two. So whatever can be read in two ways is refused, and never guessed at.
"""

import re
from collections.abc import Mapping

from shillings.base.errors import Code, Refusal
from shillings.web.asgi import Headers
from shillings.web.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADER_BYTES_MAX, TRAILER_BYTES_MAX, URL_BYTES_MAX

SINGULAR = frozenset({
    b"authorization", b"content-encoding", b"content-length", b"content-type", b"expect", b"host", b"idempotency-key",
    b"last-event-id", b"origin", b"sec-fetch-site", b"shillings-fault", b"shillings-intent", b"traceparent",
    b"transfer-encoding", b"x-request-id",
})  # fmt: skip
"""Headers that say one thing. Others are lists, or nobody here reads them."""

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")
_VERSIONS = frozenset({"1.1", "1.0"})


class Unreadable(Refusal):
    """A request that is not read to its end.

    Args:
        status: HTTP's number, which says more than the code's own.
        message: what is wrong with it.
        code: for programs.
        field: the header at fault; empty where it is none.
        limit: what was too large; empty for nothing.
    """

    def __init__(
        self, status: int, message: str, code: Code = Code.INVALID_REQUEST, *, field: str = "", limit: str = ""
    ) -> None:
        super().__init__(code, message, field=field)
        self.status = status
        self.limit = limit


def not_http() -> Unreadable:
    """What the parser cannot make sense of."""
    return Unreadable(400, "This is not an HTTP request.")


def url_too_long() -> Unreadable:
    """The request line holds too much."""
    return Unreadable(414, f"The URL has more than {URL_BYTES_MAX} bytes.", limit="url")


def head_too_large() -> Unreadable:
    """One header, or all of them, hold too much."""
    message = f"The headers are too large: {HEADER_BYTES_MAX} bytes each, {HEAD_BYTES_MAX} in all with the URL."
    return Unreadable(431, message, limit="headers")


def trailers_too_large() -> Unreadable:
    """What comes between or behind a body's chunks is too much."""
    return Unreadable(431, f"There are more than {TRAILER_BYTES_MAX} bytes of trailers.", limit="trailers")


def coding_unknown() -> Unreadable:
    """How the body is sent is not known here, so neither is where it ends."""
    return Unreadable(501, "Transfer-Encoding: chunked is the only one known here.", field="Transfer-Encoding")


def body_too_large() -> Unreadable:
    """The body is larger than any the service takes."""
    return Unreadable(413, f"The body has more than {BODY_BYTES_MAX} bytes.", Code.PAYLOAD_TOO_LARGE, limit="body")


def find_fault(version: str, method: bytes, headers: Headers, by_name: Mapping[bytes, bytes]) -> Unreadable | None:
    """Why a request is refused for its head; None when it is not.

    Args:
        version: of HTTP, as in the request line.
        method: what is asked for.
        headers: names in lower case, values without white space around them.
        by_name: the same, by name.
    """
    if version not in _VERSIONS:
        return Unreadable(400, "This service speaks HTTP/1.1 and HTTP/1.0.")
    if method == b"CONNECT":
        return Unreadable(405, "This service is no proxy.", Code.METHOD_NOT_ALLOWED)
    if len(by_name) < len(headers) and (twice := _find_twice(headers)) is not None:
        return Unreadable(400, f"{_shown(twice)}: it is there twice.", field=_shown(twice))
    return _find_fault_of_host(version, by_name.get(b"host")) or _find_fault_of_body(version, by_name)


def _find_fault_of_host(version: str, host: bytes | None) -> Unreadable | None:
    if host is None:
        return None if version == "1.0" else Unreadable(400, "Host: it is missing.", field="Host")
    return None if _HOST.fullmatch(host) else Unreadable(400, "Host: it is no host.", field="Host")


def _find_fault_of_body(version: str, by_name: Mapping[bytes, bytes]) -> Unreadable | None:
    coding = by_name.get(b"content-encoding")
    if coding is not None and coding.lower() not in (b"", b"identity"):
        message = "Content-Encoding: send the body as it is, without a coding."
        return Unreadable(415, message, Code.UNSUPPORTED_MEDIA_TYPE, field="Content-Encoding")
    coding = by_name.get(b"transfer-encoding")
    if coding is not None:
        if version == "1.0":
            return Unreadable(400, "Transfer-Encoding: HTTP/1.0 has none.", field="Transfer-Encoding")
        if coding.lower() != b"chunked":
            return coding_unknown()
    length = by_name.get(b"content-length")
    # The parser has seen to it that this is a number, and that there is no transfer coding beside it.
    if length is not None and int(length) > BODY_BYTES_MAX:
        return body_too_large()
    return None


def _find_twice(headers: Headers) -> bytes | None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in SINGULAR:
            return name
        seen.add(name)
    return None


def _shown(name: bytes) -> str:
    """A header's name as people write it.

    >>> _shown(b"x-request-id")
    'X-Request-Id'
    """
    return name.decode("latin-1").title()
