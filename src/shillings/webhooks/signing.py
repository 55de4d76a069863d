"""Signatures as Standard Webhooks defines them (https://www.standardwebhooks.com, version 1, symmetric).

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, with HMAC-SHA256 under the secret's bytes. The header
`webhook-signature` lists `v1,<base64>` once for each secret that is in force, so that a receiver may change over from
the old one to the new one at its leisure. Pure: the time and the random bytes come from outside.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES = 32
"""The specification allows 24 to 64."""

SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


def show_secret(key: bytes) -> str:
    """A secret as people copy it.

    >>> show_secret(bytes(24))
    'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return SECRET_PREFIX + base64.b64encode(key).decode()


def read_secret(text: str) -> bytes:
    """The bytes of a secret that was written `whsec_…`.

    Raises:
        ValueError: it is not one, or is too short or too long.
    """
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"a webhook secret begins with {SECRET_PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {SECRET_PREFIX} is not base64") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(f"a webhook secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, not {len(key)}")
    return key


def sign(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret in force, separated by spaces.

    Args:
        keys: the secrets' bytes, the newest first.
        webhook_id: the event's id: the same in every attempt.
        timestamp: seconds since 1970 at this attempt.
        body: exactly the bytes that are sent.
    """
    assert keys, "an endpoint has at least one secret"
    assert "." not in webhook_id, "the id ends at the first full stop"
    content = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    digests = [hmac.digest(key, content, "sha256") for key in keys]
    return " ".join(["v1," + base64.b64encode(digest).decode() for digest in digests])


def signed_headers(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of an attempt."""
    return {
        ID_HEADER: webhook_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(keys, webhook_id, timestamp, body),
    }
