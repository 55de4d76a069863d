"""Reading what HTTP brings: headers, body and query, checked for form and size."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shillings import ids
from shillings.errors import Code, Refusal
from shillings.web.asgi import Receive

BODY_BYTES_MAX = 64 * 1024
TOKEN_BYTES_MAX = 4096
"""No token of ours is nearly as long. Whatever a client sends, its request must fit into a frame."""

RequestHeaders = dict[bytes, bytes]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_TRACE = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class ClientGone(Exception):
    """The client went away before it had sent its request."""


def find_request_id(headers: RequestHeaders) -> bytes:
    """The caller's X-Request-Id if it is well-formed, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return ids.new_id().hex().encode()


async def read_body(headers: RequestHeaders, receive: Receive) -> bytes:
    """The whole body. Raises Refusal when it is too large, ClientGone when it never ends."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or len(announced) > 10 or int(announced) > BODY_BYTES_MAX:
        raise _too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise _too_large()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return body


def _too_large() -> Refusal:
    return Refusal(Code.PAYLOAD_TOO_LARGE, f"The body has more than {BODY_BYTES_MAX} bytes.")


def decode_body(decode: Callable[[bytes], Any], body: bytes, headers: RequestHeaders) -> Any:
    """The body as its endpoint's shape. Raises Refusal, naming the field."""
    if body or b"content-type" in headers:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body as JSON, with Content-Type: application/json.")
    try:
        return decode(body or b"{}")
    except msgspec.ValidationError as error:
        raise Refusal(Code.INVALID_REQUEST, _plain(str(error), "the body")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.INVALID_REQUEST, f"The body is not JSON: {error}.") from None


def decode_query(shape: type[msgspec.Struct] | None, query_string: bytes) -> Any:
    """The query as its endpoint's shape. Raises Refusal, naming the parameter."""
    if shape is None:
        return None
    try:
        values = dict(
            parse_qsl(query_string.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query_string))
        )
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(Code.INVALID_REQUEST, _plain(str(error), "the query")) from None
    except ValueError:
        raise Refusal(Code.INVALID_REQUEST, "The query is not of the form name=value&name=value.") from None


def _plain(error: str, whole: str) -> str:
    """Msgspec's sentence, with the field's name in front.

    >>> _plain("Expected `str`, got `int` - at `$.email`", "the body")
    'email: Expected `str`, got `int`.'
    """
    reason, _, path = error.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    return f"{field or whole}: {reason}."


def find_token(headers: RequestHeaders) -> str:
    """The session's token: from the Authorization header if there is one, else from the cookie; empty for none."""
    token = b""
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, credentials = authorization.partition(b" ")
        token = credentials.strip() if scheme.lower() == b"bearer" else b""
    else:
        for part in headers.get(b"cookie", b"").split(b";"):
            name, _, value = part.strip().partition(b"=")
            if name == b"token":
                token = value
                break
    return token.decode("latin-1") if len(token) <= TOKEN_BYTES_MAX else ""


def find_idempotency_key(headers: RequestHeaders) -> str:
    """The Idempotency-Key; empty for none. Raises Refusal when it is malformed."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Refusal(
            Code.INVALID_REQUEST, "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is good."
        )
    return key.decode("ascii")


def find_trace(headers: RequestHeaders) -> str:
    """The caller's W3C trace context; empty for none."""
    trace = headers.get(b"traceparent", b"")
    return trace.decode("ascii") if trace and _TRACE.fullmatch(trace) else ""
