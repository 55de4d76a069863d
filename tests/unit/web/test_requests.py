"""What HTTP brings is read for form and size."""

import pytest

from shillings.web.requests import BODY_BYTES_MAX, ClientGone, find_token, find_trace, read_body

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({b"cookie": b"token=abc"}, "abc"),
        ({b"cookie": b"a=1; token=abc; b=2"}, "abc"),
        ({b"cookie": b"mytoken=abc"}, ""),
        ({b"cookie": b"token="}, ""),
        ({b"authorization": b"Bearer abc"}, "abc"),
        ({b"authorization": b"bearer  abc "}, "abc"),
        ({b"authorization": b"Basic abc"}, ""),
        ({b"authorization": b"abc"}, ""),
        ({b"authorization": b"Bearer new", b"cookie": b"token=old"}, "new"),
        ({b"authorization": b"Basic x", b"cookie": b"token=old"}, ""),
        ({b"authorization": b"Bearer \xff\xfe"}, "\xff\xfe"),
    ],
)
def test_token_is_found(headers: dict[bytes, bytes], token: str) -> None:
    """The Authorization header stands above the cookie, and only a Bearer token is one."""
    assert find_token(headers) == token


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

    assert await read_body({}, receive) == b"x" * BODY_BYTES_MAX


async def test_client_that_goes_away_has_sent_nothing() -> None:
    """Half a body is no body: nothing is carried out for a client that left in the middle."""
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    with pytest.raises(ClientGone):
        await read_body({}, receive)
