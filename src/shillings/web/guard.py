"""Who may reach the sandbox over HTTP.

A service on this machine is within reach of every page that its user's browser shows: a name that resolves to loopback
(DNS rebinding), a form that posts across sites, an image. So a call to the sandbox must name a host that is this one's,
and must not come from another origin; its body, like every other, must be JSON, which no form can send. Beyond loopback
it must bring the sandbox's key too.
"""

import hmac
from collections.abc import Iterable

from shillings.base.errors import Code, Refusal
from shillings.web.credentials import find_bearer
from shillings.web.requests import RequestHeaders

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_OWN_SITES = (b"same-origin", b"none")


class Guard:
    """Lets calls to the sandbox in, or refuses them.

    Args:
        key: the secret that a call must bring; empty for none.
        hosts: names by which this service is called, beside those of loopback; without ports.
    """

    def __init__(self, key: str = "", hosts: Iterable[str] = ()) -> None:
        self._key = key
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}

    def check(self, headers: RequestHeaders) -> None:
        """Refuse a request that is not its user's own."""
        self._check_origin(headers)
        if self._key and not hmac.compare_digest(find_bearer(headers).encode(), self._key.encode()):
            raise Refusal(Code.UNAUTHENTICATED, "The sandbox needs its key: Authorization: Bearer, and the key.")

    def _check_origin(self, headers: RequestHeaders) -> None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _without_port(host) not in self._hosts:
            raise _forbidden("The sandbox is not called by this name. Use localhost, or set SHILLINGS_SANDBOX_HOSTS.")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower() not in (f"http://{host}", f"https://{host}"):
            raise _forbidden("The sandbox takes no requests from pages of other origins.")
        if headers.get(b"sec-fetch-site", b"none") not in _OWN_SITES:
            raise _forbidden("The sandbox takes no requests from pages of other sites.")
        if b"webhook-id" in headers:
            raise _forbidden("The sandbox takes no webhooks.")


def _without_port(host: str) -> str:
    """A Host header without its port.

    >>> _without_port("localhost:8080"), _without_port("[::1]:8080"), _without_port("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _forbidden(message: str) -> Refusal:
    return Refusal(Code.FORBIDDEN, message)
