"""What goes back to a client: a status, a body, headers, and how it is delivered."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from shillings.base.errors import Code, Refusal
from shillings.web.asgi import Headers
from shillings.web.delivery import SEND, Delivery
from shillings.web.head import Unreadable
from shillings.web.statuses import HTTP_STATUS

encode = msgspec.json.Encoder().encode

OK: dict[str, Any] = {"code": Code.OK.word, "message": "Done."}
"""The status of what was done."""


class Reply(NamedTuple):
    """What goes back to the client, beside the headers that its mount adds to every reply."""

    status: int
    body: bytes
    headers: Iterable[tuple[bytes, bytes]] = ()
    delivery: Delivery = SEND


class MethodNotAllowed(Refusal):
    """The path exists, and not with this method."""

    def __init__(self, methods: Iterable[str]) -> None:
        self.allow = ", ".join(sorted(methods))
        super().__init__(Code.METHOD_NOT_ALLOWED, f"This path takes {self.allow}.")


def refusal_reply(refusal: Refusal) -> Reply:
    """The one shape of every error: `status` with the code, the sentence, and the field where there is one."""
    status = {"code": refusal.code.word, "message": refusal.message}
    if refusal.field:
        status["field"] = refusal.field
    number = refusal.status if isinstance(refusal, Unreadable) else HTTP_STATUS[refusal.code]
    return Reply(number, encode({"status": status}), _headers(refusal))


def _headers(refusal: Refusal) -> Headers:
    headers: Headers = [(b"idempotent-replayed", b"true")] if refusal.replayed else []
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    if refusal.code is Code.UNAUTHENTICATED:
        headers.append((b"www-authenticate", b"Bearer"))
    elif refusal.code is Code.PAYLOAD_TOO_LARGE:
        # What is left of the body is not read.
        headers.append((b"connection", b"close"))
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", refusal.allow.encode()))
    return headers
