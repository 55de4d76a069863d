"""JSON becomes messages: what is left out stays out, and what is said arrives, a zero and a no included."""

from typing import Any

import msgspec
import pytest

from shillings.base.money import Currency
from shillings.web.conversion import message_maker
from shillings.web.endpoints import ENDPOINTS

ENDPOINT = "/v1/webhook_endpoints/{endpoint_id}"
ID = {"endpoint_id": "01a205f2-f4b9-7bf7-ad69-124e52fd9f0e"}


def message_of(method: str, path: str, body: bytes) -> Any:
    """The message that a request with this body becomes."""
    [endpoint] = [one for one in ENDPOINTS if (one.method, one.path) == (method, path)]
    assert endpoint.body is not None
    decoded = msgspec.json.decode(body, type=endpoint.body)
    return endpoint.command.request.FromString(message_maker(endpoint, Currency("USD", 2))(decoded, None, ID))


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "value"),
    [
        ("PATCH", ENDPOINT, b'{"enabled":false}', "enabled", False),
        ("PATCH", ENDPOINT, b'{"url":""}', "url", ""),
        ("POST", f"{ENDPOINT}/rotate", b'{"overlap_seconds":0}', "overlap_seconds", 0),
    ],
)
def test_zero_and_no_arrive(method: str, path: str, body: bytes, field: str, value: object) -> None:
    """Where nothing means that nothing is to change, a value that is zero or empty is told apart from none."""
    message = message_of(method, path, body)
    assert (message.HasField(field), getattr(message, field)) == (True, value)


def test_what_is_left_out_stays_out() -> None:
    """A change of one thing says nothing of the others."""
    message = message_of("PATCH", ENDPOINT, b'{"enabled":true}')
    assert (message.enabled, message.HasField("url")) == (True, False)
