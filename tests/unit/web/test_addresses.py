"""Where a client is: nobody can say so of itself."""

from ipaddress import ip_network

import pytest

from shillings.web.addresses import FORWARDED_MAX, Proxies

TRUSTED = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])


@pytest.mark.parametrize("forwarded", [b"", b"192.0.2.1", b"192.0.2.1, 10.0.0.1", b"nonsense"])
def test_header_means_nothing_without_a_proxy_in_front(forwarded: bytes) -> None:
    """Where no proxy is trusted, or the connection is not from one, a client is where its connection comes from."""
    assert Proxies().client_of("198.51.100.7", forwarded) == "198.51.100.7"
    assert TRUSTED.client_of("198.51.100.7", forwarded) == "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b" 192.0.2.1 ", "192.0.2.1"),
        (b"203.0.113.9, 192.0.2.1", "192.0.2.1"),
        (b"203.0.113.9, 192.0.2.1, 10.1.1.1,10.2.2.2", "192.0.2.1"),
        (b"192.0.2.1, 2001:db8::7", "192.0.2.1"),
        (b"10.3.3.3, 10.2.2.2", "10.3.3.3"),
        (b"::ffff:192.0.2.1", "192.0.2.1"),
        (b"", "10.0.0.1"),
        (b"nonsense", "10.0.0.1"),
        (b"192.0.2.1, nonsense", "10.0.0.1"),
        (b"192.0.2.1:1234", "10.0.0.1"),
        (b"192.0.2.1, " + b"," * 100, "10.0.0.1"),
        (b"\xff\xfe", "10.0.0.1"),
        (b"1" * 70_000, "10.0.0.1"),
    ],
)  # fmt: skip
def test_proxy_is_believed_up_to_the_first_address_that_is_none(forwarded: bytes, client: str) -> None:
    """The last address that no trusted proxy has is the client's; what stands before it, it may have made up."""
    assert TRUSTED.client_of("10.0.0.1", forwarded) == client


def test_chain_of_proxies_has_a_bound() -> None:
    """Only so many addresses are looked at, from the end."""
    assert TRUSTED.client_of("10.0.0.1", b"192.0.2.1" + b", 10.0.0.1" * FORWARDED_MAX) == "10.0.0.1"


def test_connection_without_an_address_has_none() -> None:
    """A Unix socket's peer is nowhere."""
    assert TRUSTED.client_of("", b"192.0.2.1") == ""
