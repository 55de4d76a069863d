"""Where a client is: its connection's address, or what a proxy that is trusted says of it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from shillings.base.limits import ADDRESS_CHARACTERS_MAX

FORWARDED_MAX = 16
"""Addresses of X-Forwarded-For that are looked at, from its end: there are no longer chains of proxies."""

Network = IPv4Network | IPv6Network


class Proxies:
    """The proxies whose X-Forwarded-For is believed.

    Args:
        trusted: their networks; none: the header means nothing.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = trusted

    def client_of(self, peer: str, forwarded: bytes) -> str:
        """The client's address; empty where nobody knows.

        Each proxy adds the address that it was asked from to the end of the header. So it is read from its end, up to
        the first address that is not a proxy's: what stands before that, anybody may have written.

        Args:
            peer: the address of the connection.
            forwarded: X-Forwarded-For, empty for none.
        """
        address = _read(peer)
        if address is None or not self._trusted:
            return "" if address is None else str(address)
        chain = forwarded.decode("latin-1").split(",")[-FORWARDED_MAX:] if forwarded else []
        while chain and self._is_trusted(address):
            before = _read(chain.pop().strip())
            if before is None:
                break
            address = before
        return str(address)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address, and the IPv4 address that an IPv6 one stands for; None for what is none."""
    if len(text) > ADDRESS_CHARACTERS_MAX:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
