"""What is spoilt on purpose is refused by a verifier, and by nothing else."""

import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shillings.webhooks.adversary import STALE_SECONDS, BadSignature, spoilt
from shillings.webhooks.signing import SIGNATURE_HEADER, show_secret, signed_headers

KEY = bytes(range(32))
BODY = b"{}"


@pytest.mark.parametrize("how", BadSignature)
def test_bad_signature_is_refused(how: BadSignature) -> None:
    """The package refuses a wrong or missing one, and stumbles over a malformed one; the other headers stay."""
    headers = signed_headers([KEY], "msg_1", int(time.time()), BODY)

    bad = spoilt(headers, how)

    with pytest.raises((WebhookVerificationError, ValueError)):
        Webhook(show_secret(KEY)).verify(BODY, bad)
    assert {name: value for name, value in bad.items() if name != SIGNATURE_HEADER}.items() <= headers.items()


def test_stale_timestamp_is_refused_for_its_age_alone() -> None:
    """A signature that is right for an old timestamp is refused as too old."""
    headers = signed_headers([KEY], "msg_1", int(time.time()) - STALE_SECONDS, BODY)

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(show_secret(KEY)).verify(BODY, headers)
