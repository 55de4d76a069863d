"""Where deliveries may go."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shillings.webhooks.targets import NEVER, PRIVATE, Listener, Policy, parse, read_networks

PUBLIC = ["93.184.215.14", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "2606:2800:21f:cb07::1"]
PRIVATE_ADDRESSES = [
    "127.0.0.1", "127.8.9.10", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "::1",
    "fe80::1", "fd00:ec2::254", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1", "fec0::1", "100::1", "5f00::1", "3fff::1",
]  # fmt: skip
NOBODYS = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "::", "ff02::1"]
EVERYTHING = read_networks("0.0.0.0/0, ::/0")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_delivered_to(address: str) -> None:
    """Nothing is held against an address of the public internet."""
    assert Policy().objection(address, 443) == ""


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_private_addresses_are_refused_unless_allowed(address: str) -> None:
    """A private address is refused in every disguise, until its range is allowed."""
    assert "private" in Policy().objection(address, 443)
    assert Policy(allowed=EVERYTHING).objection(address, 443) == ""


@pytest.mark.parametrize("address", NOBODYS)
def test_nobodys_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    """Unspecified, multicast and reserved addresses are never connected to."""
    assert Policy(allowed=EVERYTHING).objection(address, 443) != ""


def test_address_bound_to_a_network_is_refused() -> None:
    """An address with a zone leads to one of this machine's own networks."""
    assert Policy(allowed=EVERYTHING).objection("fe80::1%eth0", 443) != ""


def test_allowing_loopback_allows_nothing_else() -> None:
    """The range that is allowed is delivered to, and no other private one."""
    policy = Policy(allowed=read_networks("127.0.0.0/8, ::1/128"))
    assert policy.objection("127.0.0.1", 80) == policy.objection("::1", 80) == ""
    assert policy.objection("::ffff:127.0.0.1", 80) == ""
    assert policy.objection("10.0.0.1", 80) != ""
    assert policy.objection("169.254.169.254", 80) != ""


@pytest.mark.parametrize(
    ("listener", "address", "refused"),
    [
        (Listener("127.0.0.1", 8080), "127.0.0.1", True),
        (Listener("127.0.0.1", 8080), "::ffff:127.0.0.1", True),
        (Listener("127.0.0.1", 8080), "127.0.0.2", False),
        (Listener("127.0.0.1", 8081), "127.0.0.1", False),
        (Listener("", 8080), "127.0.0.1", True),
        (Listener("", 8080), "127.9.9.9", True),
        (Listener("", 8080), "::1", True),
        (Listener("", 8080), "93.184.215.14", False),
        (Listener("localhost", 8080), "127.0.0.1", True),
    ],
)
def test_own_listeners_are_refused_though_allowed(listener: Listener, address: str, refused: bool) -> None:
    """Shillings never delivers to itself: not at its address, nor at any of the machine's when it listens on all."""
    objection = Policy(allowed=EVERYTHING, own=(listener,)).objection(address, 8080)
    assert ("Shillings itself" in objection) is refused


@given(st.ip_addresses())
def test_python_calls_nothing_private_that_is_delivered_to(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """What passes is global to Python too: no range has been forgotten."""
    if not Policy().objection(str(address), 443):
        assert address.is_global
        assert not address.is_multicast


def test_ranges_do_not_overlap_what_is_nobodys() -> None:
    """A range is either private or nobody's in IPv4: what may be allowed is said once."""
    version4 = [network for network in PRIVATE if network.version == 4]
    assert not any(a.overlaps(b) for a in version4 for b in NEVER if b.version == 4)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://example.com", ("https", "example.com", 443, "/")),
        ("http://Example.COM:8080/a/b?c=d", ("http", "example.com", 8080, "/a/b?c=d")),
        ("http://127.0.0.1:9/hook", ("http", "127.0.0.1", 9, "/hook")),
        ("http://[::1]:9/hook?", ("http", "::1", 9, "/hook")),
        ("https://xn--bcher-kva.example/%C3%BC", ("https", "xn--bcher-kva.example", 443, "/%C3%BC")),
    ],
)
def test_urls_are_taken_apart_once(url: str, parts: tuple[str, str, int, str]) -> None:
    """A URL is a scheme, a host, a port and a path with its query."""
    assert tuple(parse(url)) == parts


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "visible"), ("example.com/hook", "http"), ("ftp://example.com", "http"), ("file:///etc/passwd", "http"),
        ("gopher://example.com", "http"), ("javascript:alert(1)", "http"), ("http://", "host"), ("http:///x", "host"),
        ("http://user@example.com", "user name"), ("http://user:pw@example.com", "user name"),
        ("http://example.com\\@127.0.0.1/", "user name"), ("http://exa mple.com", "visible"),
        ("http://example.com/\r\nX: y", "visible"), ("http://bücher.example", "visible"),
        ("http://example.com/#x", "fragment"), ("http://example.com:0/", "port"), ("http://example.com:99999/", "URL"),
        ("http://example.com:x/", "URL"), ("http://[::1/", "URL"), ("http://[fe80::1%25eth0]/", "host"),
        ("http://-x.example/", "host"), ("http://a,b/", "host"), ("http://x/" + "y" * 2048, "characters"),
    ],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused_with_a_reason(url: str, reason: str) -> None:
    """What is not plain http or https to a host is refused, and the sentence says why."""
    with pytest.raises(ValueError, match=reason):
        parse(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "LOCALHOST.", "a.localhost",
     "[::1]", "[::ffff:127.0.0.1]", "10.1", "169.254.169.254", "0", "0xa9fea9fe"],
)  # fmt: skip
def test_literal_private_hosts_are_refused_at_once(host: str) -> None:
    """A host that is an address, however it is spelt, is judged when the endpoint is made."""
    assert Policy().objection_to_url(parse(f"http://{host}/")) != ""


def test_names_are_judged_when_connecting() -> None:
    """A name is taken as it is: where it leads is known only later, and may change."""
    assert Policy().objection_to_url(parse("http://10.example.com/")) == ""


def test_host_header_names_port_and_brackets() -> None:
    """The authority is the host as URLs write it, with its port where that is not the scheme's own."""
    urls = ["http://example.com:80/", "https://example.com:80/", "http://[::1]/", "http://[::1]:81/"]
    assert [parse(url).authority for url in urls] == ["example.com", "example.com:80", "[::1]", "[::1]:81"]
