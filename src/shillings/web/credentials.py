"""Who asks: the token of a request, wherever it is."""

import re

from shillings.base.limits import TOKEN_CHARACTERS_MAX, TOKENS_TRIED_MAX
from shillings.web.requests import RequestHeaders

_TOKEN = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+")


def find_token(headers: RequestHeaders, cookie: bytes) -> str:
    """The session's token: the Bearer token if there is one, else the cookie's; empty for none.

    A scheme that is not Bearer, and a Bearer without a token, hide nothing: a proxy or a file of passwords may have
    added them. Several cookies may have our name, for another program on the same host may use it too; of those, all
    that look like tokens are handed on, separated by spaces, because only the application layer knows which is ours.

    Args:
        headers: the request's.
        cookie: the name of ours.
    """
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    token = credentials.strip() if scheme.lower() == b"bearer" else b""
    if not token:
        return _from_cookies(headers.get(b"cookie", b""), cookie).decode("latin-1")
    return token.decode("latin-1") if len(token) <= TOKEN_CHARACTERS_MAX else ""


def find_bearer(headers: RequestHeaders) -> str:
    """The Bearer token of the Authorization header, and of no cookie; empty for none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" and len(token) <= TOKEN_CHARACTERS_MAX else ""


def _from_cookies(header: bytes, cookie: bytes) -> bytes:
    if cookie not in header:
        return b""
    found = []
    for part in header.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == cookie and _TOKEN.fullmatch(value := value.strip(b'"')) and len(value) <= TOKEN_CHARACTERS_MAX:
            found.append(value)
    return b" ".join(found[:TOKENS_TRIED_MAX])
