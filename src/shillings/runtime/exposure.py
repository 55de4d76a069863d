"""Where the sandbox may be reached: on this machine freely, beyond it with a key only."""

import ipaddress
from collections.abc import Mapping

from shillings.base.errors import SettingsError
from shillings.runtime.settings import PREFIX, Settings


def is_loopback(host: str) -> bool:
    """Whether a server that listens there is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sandbox_for(host: str, environ: Mapping[str, str]) -> bool | None:
    """Whether `shillings serve` has a sandbox when it listens there; None where a variable says so.

    Without a word it has one, but not beyond loopback without a key.
    """
    if environ.get(f"{PREFIX}SANDBOX", "").strip():
        return None
    return is_loopback(host) or bool(environ.get(f"{PREFIX}SANDBOX_KEY", "").strip())


def require_key_beyond_loopback(settings: Settings, host: str) -> None:
    """Refuse to start a sandbox that others could reach without a key.

    Raises:
        SettingsError: it says what to do.
    """
    if settings.sandbox and not settings.sandbox_key and not is_loopback(host):
        raise SettingsError(
            f"the sandbox would be open to everybody who reaches {host}: set {PREFIX}SANDBOX_KEY, or {PREFIX}SANDBOX=0"
        )
