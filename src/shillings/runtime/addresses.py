"""What settings say of where something is: whether it has the form."""

import re
from urllib.parse import urlsplit

PORT_MAX = 65_535
_DATABASE_PATH = re.compile("(?:/[0-9]{0,5})?")


def is_host_and_port(text: str) -> bool:
    """Whether it says where to listen."""
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= PORT_MAX


def is_redis_url(text: str) -> bool:
    """Whether redis-py reads it as it is meant: what it does not understand, it leaves out in silence."""
    try:
        parts = urlsplit(text)
        if parts.scheme == "unix":
            return bool(parts.path) and not parts.fragment
        return (
            parts.scheme in ("redis", "rediss")
            and bool(parts.hostname)
            and parts.port != 0
            and _DATABASE_PATH.fullmatch(parts.path) is not None
            and not parts.fragment
        )
    except ValueError:
        return False


def is_http_url(text: str) -> bool:
    """Whether something may be sent there by HTTP."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
