"""Signatures: the standard's own words, its package, and the example of its specification."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from shillings.webhooks.signing import read_secret, show_secret, sign, signed_headers

KEYS = st.binary(min_size=24, max_size=64)
BODY = b'{"type":"payment.succeeded"}'


def verified_by_the_specification(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """The verification of the specification's text: "Verifying signatures", symmetric, written from it alone."""
    key = base64.b64decode(secret[len("whsec_") :])
    signed = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    found = [one.split(",", 1) for one in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(value, expected) for version, value in found)


def now() -> int:
    """The time, as verifiers insist on it."""
    return int(datetime.now(UTC).timestamp())


@given(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True), text=st.text(max_size=200))
def test_every_secret_in_force_verifies(keys: list[bytes], text: str) -> None:
    """With each of the secrets, the package and the specification's own words both accept what is sent."""
    body = json.dumps({"type": "x", "data": text}).encode()
    headers = signed_headers(keys, "0190c1d0-0000-7000-8000-000000000000", now(), body)

    for key in keys:
        assert Webhook(show_secret(key)).verify(body, headers) == json.loads(body)
        assert verified_by_the_specification(show_secret(key), headers, body)


@given(key=KEYS, other=KEYS)
def test_other_secret_does_not_verify(key: bytes, other: bytes) -> None:
    """A signature of one secret says nothing to whoever has another."""
    headers = signed_headers([key], "msg_1", now(), BODY)

    # HMAC fills short keys up with zero bytes, so those are one key.
    if key.ljust(64, b"\0") != other.ljust(64, b"\0"):
        assert not verified_by_the_specification(show_secret(other), headers, BODY)
        with pytest.raises(WebhookVerificationError):
            Webhook(show_secret(other)).verify(BODY, headers)


@pytest.mark.parametrize("change", ["id", "timestamp", "body"])
def test_signature_covers_id_timestamp_and_body(change: str) -> None:
    """Whatever of the three is changed, the signature is another."""
    key, moment = bytes(range(32)), now()
    changed = {
        "id": ("msg_2", moment, BODY),
        "timestamp": ("msg_1", moment + 1, BODY),
        "body": ("msg_1", moment, b"{}"),
    }

    assert sign([key], *changed[change]) != sign([key], "msg_1", moment, BODY)


def test_specification_example() -> None:
    """The example that the standard's libraries test themselves against comes out as they print it."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    signature = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(key=KEYS)
def test_secrets_read_as_they_are_shown(key: bytes) -> None:
    """A secret that is shown and read again is the same."""
    assert read_secret(show_secret(key)) == key


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="])
def test_what_is_no_secret_is_refused(text: str) -> None:
    """Without its prefix, not base64, or too short."""
    with pytest.raises(ValueError, match=r"secret|base64"):
        read_secret(text)
