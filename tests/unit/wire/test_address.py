"""Addresses are tcp://host:port or unix:///path; anything else is refused with a sentence."""

import pytest

from shillings.base.errors import SettingsError
from shillings.wire.address import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:9000", Address(host="127.0.0.1", port=9000)),
        ("tcp://app:1", Address(host="app", port=1)),
        ("tcp://[::1]:9000", Address(host="::1", port=9000)),
        ("unix:///run/shillings/app.sock", Address(path="/run/shillings/app.sock")),
    ],
)
def test_address_is_read_and_written(text: str, address: Address) -> None:
    """An address is read, and written as it was."""
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:9000",
        "tcp://127.0.0.1",
        "tcp://:9000",
        "tcp://app:port",
        "tcp://app:65536",
        "tcp://app:9000/path",
        "http://app:9000",
        "unix://relative.sock",
        "unix://",
        "tcp://[::1:9000",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """What is no address is refused, and the message shows it."""
    with pytest.raises(SettingsError, match="is neither tcp://host:port nor unix:///path"):
        Address.parse(text)
