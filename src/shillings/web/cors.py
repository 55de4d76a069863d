"""Web pages of other origins that may call the API from a browser (CORS), as far as the settings name them."""

import re
from collections.abc import Iterable

from shillings.web.asgi import Headers
from shillings.web.replies import OK, Reply, encode
from shillings.web.requests import RequestHeaders

PREFLIGHT_SECONDS_MAX = b"600"

_EXPOSED = b"X-Request-Id, Retry-After, Idempotent-Replayed, Allow, Shillings-Fault-Applied"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_NAMES = re.compile(rb"[A-Za-z0-9, _-]{0,1000}")


class Cors:
    """The answers to browsers that ask for another origin's page. Cookies go with the requests.

    Args:
        origins: the allowed ones, exactly as browsers write them.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def preflight(self, method: str, headers: RequestHeaders) -> Reply | None:
        """The answer to a browser that asks whether it may send a request; None where it does not ask."""
        if method != "OPTIONS" or b"access-control-request-method" not in headers or not self._allows(headers):
            return None
        wanted = headers.get(b"access-control-request-headers", b"")
        return Reply(
            200,
            encode({"status": OK}),
            [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", wanted if _NAMES.fullmatch(wanted) else b""),
                (b"access-control-max-age", PREFLIGHT_SECONDS_MAX),
            ],
        )

    def headers(self, headers: RequestHeaders) -> Headers:
        """What every reply carries, so that the page may read it."""
        if not self._allows(headers):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", headers[b"origin"]),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSED),
        ]

    def _allows(self, headers: RequestHeaders) -> bool:
        return headers.get(b"origin") in self._origins
