"""Reading what HTTP brings: headers, body and query, checked for form and size."""

import codecs
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shillings.base.errors import Code, Refusal
from shillings.base.ids import Ids
from shillings.contract.fields import IDEMPOTENCY_KEY
from shillings.web.asgi import Headers, Receive
from shillings.web.head import body_too_large
from shillings.web.limits import BODY_BYTES_MAX

RequestHeaders = dict[bytes, bytes]

REQUEST_ID = r"[A-Za-z0-9._:=+@-]{1,64}"
"""What can harm neither a log nor a header nor a path; other services' ids, such as Root=1-67891233-abcdef, are so."""

_REQUEST_ID = re.compile(REQUEST_ID.encode())
_MISSING_OR_UNKNOWN = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
"""What msgspec says of a field that is not there, or that nobody knows: its place is that of the object around it."""

_NOTHING = ("", "=", "_")
"""Pieces of a query that say nothing."""

_TRACE = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class ClientGone(Exception):
    """The client closed its connection before it had sent its request."""


def headers_by_name(pairs: Headers) -> RequestHeaders:
    """A request's headers, names in lower case; of those that are there twice the last, and all cookies."""
    headers = dict(pairs)
    if len(headers) < len(pairs) and b"cookie" in headers:
        # Cookies may come in several headers, and are one list all the same (RFC 9113, 8.2.3).
        headers[b"cookie"] = b"; ".join(value for name, value in pairs if name == b"cookie")
    return headers


def find_request_id(headers: RequestHeaders, ids: Ids) -> bytes:
    """The caller's X-Request-Id if it is well-formed, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return ids.new().hex().encode()


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Refusal when it is too large, ClientGone when it never ends."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise body_too_large()
        if not message.get("more_body", False):
            return body


def decode_body(decode: Callable[[bytes], Any], body: bytes, headers: RequestHeaders) -> Any:
    """The body as its endpoint's shape. Raises Refusal, naming the field."""
    # A body that is not there has no media type, whatever a client's library says.
    if body:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body as JSON, with Content-Type: application/json.")
    try:
        return decode(body.removeprefix(codecs.BOM_UTF8) or b"{}")
    except msgspec.ValidationError as error:
        raise _invalid(str(error), "the body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.INVALID_REQUEST, f"The body is not JSON: {error}.") from None


def decode_query(shape: type[msgspec.Struct] | None, query_string: bytes) -> Any:
    """The query as its endpoint's shape. Raises Refusal, naming the parameter."""
    if shape is None:
        return None
    try:
        return msgspec.convert(_pairs(query_string), shape, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), "the query") from None
    except ValueError:
        raise Refusal(Code.INVALID_REQUEST, "The query is not of the form name=value&name=value.") from None


def _pairs(query_string: bytes) -> dict[str, str]:
    """The parameters of a query. Raises ValueError, and Refusal for one that is there twice."""
    # Tools leave empty pairs behind, and jQuery adds `_` against caches: neither says anything.
    pieces = "&".join(piece for piece in query_string.decode("ascii").split("&") if piece not in _NOTHING)
    values: dict[str, str] = {}
    for name, value in parse_qsl(pieces, keep_blank_values=True, strict_parsing=bool(pieces)):
        if name in values:
            raise Refusal(Code.INVALID_REQUEST, f"{name}: it is there twice.", field=name)
        if name != "_":
            values[name] = value
    return values


def _invalid(error: str, whole: str) -> Refusal:
    """Msgspec's sentence as a refusal, with the field's name in front.

    >>> _invalid("Expected `str`, got `int` - at `$.email`", "the body").message
    'email: Expected `str`, got `int`.'
    >>> _invalid("Object missing required field `email`", "the body").field
    'email'
    """
    reason, _, path = error.partition(" - at `$")
    place = path.rstrip("`").lstrip(".")
    named = _MISSING_OR_UNKNOWN.fullmatch(reason)
    field = ".".join(filter(None, (place, named[1]))) if named else place
    return Refusal(Code.INVALID_REQUEST, f"{place or whole}: {reason}.", field=field)


def find_idempotency_key(headers: RequestHeaders) -> str:
    """The Idempotency-Key; empty for none. Raises Refusal when it is malformed."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return ""
    text = key.decode("latin-1")
    if not IDEMPOTENCY_KEY.fits(text):
        raise Refusal(Code.INVALID_REQUEST, IDEMPOTENCY_KEY.sentence, field="Idempotency-Key")
    return text


def find_trace(headers: RequestHeaders) -> str:
    """The caller's W3C trace context; empty for none."""
    trace = headers.get(b"traceparent", b"")
    return trace.decode("ascii") if trace and _TRACE.fullmatch(trace) else ""
