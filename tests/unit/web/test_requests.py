"""What HTTP brings is read for form and size."""

import codecs

import msgspec
import pytest

from shillings.base.errors import Code, Refusal
from shillings.web.limits import BODY_BYTES_MAX
from shillings.web.requests import (
    REQUEST_ID,
    ClientGone,
    RequestHeaders,
    decode_body,
    decode_query,
    find_trace,
    read_body,
)
from shillings.web.shapes import HistoryQuery, PayBody
from tests.pages import ROOT

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_nginx_takes_the_same_request_ids() -> None:
    """Nginx passes on what a web server would take, and nothing else."""
    template = (ROOT / "deploy/nginx/shillings.conf.template").read_text(encoding="utf-8")

    assert f'"~^{REQUEST_ID}$" $http_x_request_id;' in template


@pytest.mark.parametrize(
    ("given", "kept"),
    [(TRACE, TRACE), (b"", b""), (TRACE.upper(), b""), (b"01" + TRACE[2:], b""), (TRACE + b"-x", b"")],
)
def test_only_a_well_formed_trace_is_passed_on(given: bytes, kept: bytes) -> None:
    """A trace context of another form is left out."""
    assert find_trace({b"traceparent": given}) == kept.decode()


async def test_largest_body_is_read_whatever_its_pieces() -> None:
    """A body of exactly the maximum arrives whole."""
    pieces = [b"x" * 1000] * (BODY_BYTES_MAX // 1000) + [b"x" * (BODY_BYTES_MAX % 1000)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    assert await read_body(receive) == b"x" * BODY_BYTES_MAX


async def test_client_that_is_gone_has_sent_nothing() -> None:
    """Half a body is no body: nothing is carried out for a client that left in the middle."""
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    with pytest.raises(ClientGone):
        await read_body(receive)


@pytest.mark.parametrize("kind", [b"application/x-www-form-urlencoded", b"text/plain", b"", b"application/json"])
def test_body_that_is_not_there_has_no_media_type(kind: bytes) -> None:
    """An empty body is no body, whatever the header says of it."""
    assert decode_body(msgspec.json.decode, b"", {b"content-type": kind}) == {}


def test_body_that_is_there_needs_its_media_type() -> None:
    """A body of another media type, or of none, is refused."""
    others: list[RequestHeaders] = [{}, {b"content-type": b"text/plain"}]
    for headers in others:
        with pytest.raises(Refusal) as refused:
            decode_body(msgspec.json.decode, b"{}", headers)
        assert refused.value.code is Code.UNSUPPORTED_MEDIA_TYPE


def test_byte_order_mark_is_no_part_of_the_body() -> None:
    """JSON with a byte order mark in front is read as without it; with two it is no JSON."""
    headers = {b"content-type": b"application/json"}

    assert decode_body(msgspec.json.decode, codecs.BOM_UTF8 + b'{"a": 1}', headers) == {"a": 1}
    with pytest.raises(Refusal, match="not JSON"):
        decode_body(msgspec.json.decode, codecs.BOM_UTF8 * 2 + b"{}", headers)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "receiver_email"),
        (b'{"receiver_email": "a@b.c", "amount": 1, "to": 2}', "to"),
        (b'{"receiver_email": 5, "amount": 1}', "receiver_email"),
        (b'{"receiver_email": "a@b.c", "amount": 1, "metadata": {"order": 5}}', "metadata[...]"),
        (b"[]", ""),
    ],
)
def test_refusal_of_a_body_names_the_field(body: bytes, field: str) -> None:
    """A field that is missing, unknown or of another type is named for programs, not in the sentence only."""
    decode = msgspec.json.Decoder(PayBody).decode

    with pytest.raises(Refusal) as refused:
        decode_body(decode, body, {b"content-type": b"application/json"})

    assert refused.value.field == field


@pytest.mark.parametrize("query", [
    b"limit=5&_=1700000000", b"limit=5&", b"&limit=5", b"limit=5&&cursor=", b"_=1&limit=5&_=2",
    b"limit=5&_", b"=&limit=5",
])  # fmt: skip
def test_what_tools_add_to_a_query_does_no_harm(query: bytes) -> None:
    """A `_` as jQuery adds it and empty pairs change nothing."""
    assert decode_query(HistoryQuery, query) == HistoryQuery(limit=5)


@pytest.mark.parametrize(
    "query", [b"limit=5&limit=6", b"limit=5&limit=5", b"limit", b"limit=5;cursor=", b"x=1", b"__=1"]
)
def test_strange_query_is_refused(query: bytes) -> None:
    """A parameter that is there twice, that is unknown or that has no value is refused."""
    with pytest.raises(Refusal):
        decode_query(HistoryQuery, query)
