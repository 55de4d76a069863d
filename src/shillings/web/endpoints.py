"""The API is this table. Everything about an endpoint is in its row; one function (service.py) runs every row."""

from enum import Enum, auto
from typing import Annotated, NamedTuple

from google.protobuf.message import Message
from msgspec import Meta, Struct

from shillings.errors import Code
from shillings.web import shapes
from shillings.wire import shillings_pb2 as wire


class HistoryQuery(Struct, forbid_unknown_fields=True, frozen=True):
    """Which page of the history."""

    limit: Annotated[int, Meta(ge=1, le=100, description="How many transactions at most.")] = 20
    cursor: Annotated[
        str, Meta(description="The `next_cursor` of the page before; leave it out for the newest page.")
    ] = ""


class LogoutBody(shapes.Body, frozen=True):
    """Nothing."""


class Cookie(Enum):
    """What an endpoint does with the session cookie."""

    KEEP = auto()
    SET = auto()
    CLEAR = auto()


class Endpoint(NamedTuple):
    """One row.

    Args:
        method, path: what HTTP asks for.
        summary, description: for the documentation.
        command: the protocol's command.
        request: its request message.
        answer_message: its answer message.
        answer: the answer's JSON.
        body: the JSON body; None for a GET.
        query: the query's parameters; None for none.
        needs_session: whether a session is needed.
        takes_key: whether the Idempotency-Key header means something here.
        cookie: what happens to the session cookie.
        codes: the codes it may answer with, beside those that every endpoint may (see CODES_OF_ALL).
    """

    method: str
    path: str
    summary: str
    description: str
    command: int
    request: type[Message]
    answer_message: type[Message]
    answer: type[shapes.Answer]
    body: type[shapes.Body] | None = None
    query: type[HistoryQuery] | None = None
    needs_session: bool = True
    takes_key: bool = False
    cookie: Cookie = Cookie.KEEP
    codes: tuple[Code, ...] = ()


HTTP_STATUS: dict[Code, int] = {
    Code.OK: 200,
    Code.INVALID_REQUEST: 400,
    Code.UNAUTHENTICATED: 401,
    Code.INSUFFICIENT_FUNDS: 402,
    Code.NOT_FOUND: 404,
    Code.RECEIVER_NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.EMAIL_TAKEN: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.SELF_PAYMENT: 422,
    Code.BALANCE_LIMIT_EXCEEDED: 422,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.OVERLOADED: 503,
    Code.TIMEOUT: 504,
}
"""The one table from codes to HTTP. Below 500 and 503: not applied. 500 and 504: unknown."""

CODES_OF_ALL = (Code.INVALID_REQUEST, Code.UNAVAILABLE, Code.OVERLOADED, Code.INTERNAL, Code.TIMEOUT)
CODES_OF_BODIES = (Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/v1/signup", "Sign up", "Make a user with an empty wallet.",
        wire.SGN, wire.SignupRequest, wire.SignupAnswer, shapes.SignupAnswer,
        body=shapes.SignupBody, needs_session=False, codes=(Code.EMAIL_TAKEN,),
    ),
    Endpoint(
        "POST", "/v1/login", "Log in", "The answer sets the cookie `token`; the token also serves as a Bearer token.",
        wire.LGN, wire.LoginRequest, wire.LoginAnswer, shapes.StatusAnswer,
        body=shapes.LoginBody, needs_session=False, cookie=Cookie.SET, codes=(Code.UNAUTHENTICATED,),
    ),
    Endpoint(
        "GET", "/v1/account", "Read your account", "Who you are, and your balance as it is now.",
        wire.USR, wire.AccountRequest, wire.AccountAnswer, shapes.AccountAnswer,
    ),
    Endpoint(
        "POST", "/v1/pay", "Pay somebody", "Move money from your wallet to another user's, now and for good.",
        wire.PAY, wire.PayRequest, wire.MovementAnswer, shapes.MovementAnswer,
        body=shapes.PayBody, takes_key=True,
        codes=(
            Code.INSUFFICIENT_FUNDS, Code.RECEIVER_NOT_FOUND, Code.IDEMPOTENCY_KEY_REUSED, Code.SELF_PAYMENT,
            Code.BALANCE_LIMIT_EXCEEDED,
        ),
    ),
    Endpoint(
        "POST", "/v1/topup", "Top up", "Move money from the funding account to your wallet.",
        wire.TPU, wire.TopupRequest, wire.MovementAnswer, shapes.MovementAnswer,
        body=shapes.TopupBody, takes_key=True, codes=(Code.IDEMPOTENCY_KEY_REUSED, Code.BALANCE_LIMIT_EXCEEDED),
    ),
    Endpoint(
        "GET", "/v1/transactions", "Read your history", "Your transactions, newest first; new ones do not move pages.",
        wire.TXQ, wire.HistoryRequest, wire.HistoryAnswer, shapes.HistoryAnswer, query=HistoryQuery,
    ),
    Endpoint(
        "POST", "/v1/logout", "Log out", "Revoke the session everywhere, at once.",
        wire.LGO, wire.LogoutRequest, wire.LogoutAnswer, shapes.StatusAnswer,
        body=LogoutBody, cookie=Cookie.CLEAR,
    ),
)  # fmt: skip


def codes_of(endpoint: Endpoint) -> list[Code]:
    """Every code an endpoint may answer with, beside OK."""
    codes = set(CODES_OF_ALL) | set(endpoint.codes)
    if endpoint.body is not None:
        codes |= set(CODES_OF_BODIES)
    if endpoint.needs_session:
        codes.add(Code.UNAUTHENTICATED)
    return sorted(codes)
