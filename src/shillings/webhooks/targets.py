"""Where deliveries may go: which URLs are endpoints, and which addresses are refused.

A name says nothing about where it leads, and may lead elsewhere the next time. So a URL is judged by its form when an
endpoint is made (a literal address at once), and every address again at the moment of connecting: the address that was
judged is the one that is connected to (see sender.py).
"""

import errno
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from shillings.base.limits import WEBHOOK_URL_CHARACTERS_MAX

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})")
_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104
"""Hosts that mean every address of this machine."""

NEVER = _networks("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8")
"""Nobody's address: this network, multicast, reserved, unspecified. Refused whatever is allowed."""

PRIVATE = _networks(
    "10.0.0.0/8",  # private use (RFC 1918)
    "100.64.0.0/10",  # between a provider and its customers (RFC 6598)
    "127.0.0.0/8",  # this machine
    "169.254.0.0/16",  # link-local, and the metadata services of clouds
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # protocol assignments (RFC 6890)
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # relays from IPv6 to IPv4
    "192.168.0.0/16",  # private use
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    # Of IPv6, everything outside the global unicast addresses 2000::/3: loopback, IPv4 in disguise, NAT64,
    # unique local, link-local, discard-only.
    "::/3",
    "4000::/2",
    "8000::/1",
    # And of those, what leads back to IPv4 or nowhere.
    "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4 carries an IPv4 address
    "3fff::/20",  # documentation
)
"""What is not on the public internet, range by range: Python's own `is_private` changed its mind between versions."""


class Target(NamedTuple):
    """An endpoint's URL in parts, so that nobody parses it a second time in another way."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Read an endpoint's URL.

    Raises:
        ValueError: it is not one. The sentence says why.
    """
    if len(url) > WEBHOOK_URL_CHARACTERS_MAX:
        raise ValueError(f"must have at most {WEBHOOK_URL_CHARACTERS_MAX} characters")
    if not _VISIBLE.fullmatch(url):
        raise ValueError("must consist of visible ASCII characters; write others percent-encoded, names in Punycode")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password")
    if "#" in url:
        raise ValueError("must not contain a fragment (#)")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) and not _is_ipv6(host):
        raise ValueError("has no host, or one that is not a name or an address")
    if port == 0:
        raise ValueError("must not have port 0")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


class Listener(NamedTuple):
    """One of Shillings' own listeners; `host` is empty when it listens on every address."""

    host: str
    port: int


@dataclass(frozen=True)
class Policy:
    """Which addresses deliveries may go to.

    Args:
        allowed: ranges that may be delivered to although they are private.
        own: Shillings' own listeners, which are never delivered to: a delivery must not become a request.
    """

    allowed: tuple[Network, ...] = ()
    own: tuple[Listener, ...] = ()

    def objection(self, address: str, port: int) -> str:
        """Why an address must not be connected to; empty when it may."""
        if "%" in address:
            return f"{address} is bound to one of this machine's networks"
        known = plain(ipaddress.ip_address(address))
        if _within(known, NEVER):
            return f"{known} is nobody's address"
        if any(port == listener.port and _is_listener(listener, known) for listener in self.own):
            return f"{known}:{port} is Shillings itself"
        if _within(known, PRIVATE) and not _within(known, self.allowed):
            return f"{known} is a private address; SHILLINGS_WEBHOOK_ALLOW names the ranges that may be delivered to"
        return ""

    def objection_to_url(self, target: Target) -> str:
        """Why a URL's host is refused before any name is looked up; empty for a name, whose address may change."""
        literal = literal_address(target.host)
        return self.objection(literal, target.port) if literal else ""


def literal_address(host: str) -> str:
    """The address that a host is by itself, in any of the spellings a resolver understands; empty for a name.

    >>> literal_address("2130706433"), literal_address("0x7f.1"), literal_address("localhost")
    ('127.0.0.1', '127.0.0.1', '127.0.0.1')
    >>> literal_address("example.com")
    ''
    """
    if _is_ipv6(host):
        return host
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return ""


def plain(address: Address) -> Address:
    """An address without the disguise of IPv4 in IPv6 (`::ffff:127.0.0.1`)."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def read_networks(text: str) -> tuple[Network, ...]:
    """Ranges separated by commas.

    >>> read_networks("10.0.0.0/8, ::1")
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))

    Raises:
        ValueError: one is not a range.
    """
    return _networks(*[part.strip() for part in text.split(",") if part.strip()])


def read_listener(place: str) -> Listener:
    """A listener of ours at `host:port`.

    >>> read_listener("0.0.0.0:8080"), read_listener("[::1]:8080")
    (Listener(host='', port=8080), Listener(host='::1', port=8080))
    """
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    return Listener("" if host in EVERYWHERE else host, int(port))


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _is_listener(listener: Listener, address: Address) -> bool:
    if not listener.host:
        return _is_this_machine(address)
    try:
        return plain(ipaddress.ip_address(listener.host)) == address
    except ValueError:
        # A listener known by its name: any of this machine's addresses may be it.
        return _is_this_machine(address)


def _is_this_machine(address: Address) -> bool:
    """Whether an address is one of this machine's. Only such an address can be bound to."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False
