"""A request's head that could be read in two ways is refused."""

import pytest

from shillings.web.asgi import Headers
from shillings.web.head import find_fault

HOST = (b"host", b"localhost")
ONE_MEANING = [
    "Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "Last-Event-Id", "Origin", "Sec-Fetch-Site",
    "Shillings-Fault", "Shillings-Intent", "Traceparent", "X-Request-Id", "Host",
]  # fmt: skip
LISTS = ["Accept", "Cookie", "X-Forwarded-For", "Via", "Prefer"]


def fault_of(headers: Headers) -> str | None:
    """The header at fault."""
    found = find_fault("1.1", b"GET", headers, dict(headers))
    return None if found is None else found.field


@pytest.mark.parametrize("name", ONE_MEANING)
@pytest.mark.parametrize("values", [(b"a", b"b"), (b"a", b"a"), (b"a", b"")])
def test_header_with_one_meaning_may_not_be_there_twice(name: str, values: tuple[bytes, bytes]) -> None:
    """Neither of its lines wins: the request is refused, and the header is named."""
    assert fault_of([HOST, *((name.lower().encode(), value) for value in values)]) == name


@pytest.mark.parametrize("name", LISTS)
def test_header_that_is_a_list_may_have_several_lines(name: str) -> None:
    """Lists may come in several lines, and so may what nobody here reads."""
    assert fault_of([HOST, (name.lower().encode(), b"a"), (name.lower().encode(), b"b")]) is None
