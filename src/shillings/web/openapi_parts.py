"""What the OpenAPI document says in many places: headers, and what an amount of a currency looks like."""

from typing import Any

from shillings.base.errors import Code
from shillings.base.money import AMOUNT_BYTES_MAX, AMOUNT_MINOR_MAX, Currency
from shillings.web.endpoints import Cookie, Endpoint
from shillings.web.statuses import HTTP_STATUS

Json = dict[str, Any]

REQUEST_ID: Json = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "Follows the request through the logs, and comes back, if it is 1 to 64 letters, digits "
    "and any of `._:=+@-`; else a new one takes its place.",
    "schema": {"type": "string"},
}


def _header(description: str, example: str) -> Json:
    return {"description": description, "schema": {"type": "string"}, "example": example}


HEADERS: dict[str, Json] = {
    "X-Request-Id": _header("The request's id: the caller's, or a new one.", "01a205f2f4467387b5b0a3384097996a"),
    "Cache-Control": _header("Nobody keeps an answer.", "no-store"),
    "X-Content-Type-Options": _header("Nobody guesses its type.", "nosniff"),
    "Content-Security-Policy": _header("It is no page.", "default-src 'none'; frame-ancestors 'none'"),
    "Referrer-Policy": _header("Nobody is told where somebody comes from.", "no-referrer"),
    "Strict-Transport-Security": _header("Only where the service is set to be behind TLS.", "max-age=31536000"),
    "Vary": _header("Only where other origins are allowed.", "Origin"),
    "Access-Control-Allow-Origin": _header("Only to an allowed origin.", "http://localhost:3000"),
    "Access-Control-Allow-Credentials": _header("Only to an allowed origin.", "true"),
    "Access-Control-Expose-Headers": _header("Only to an allowed origin.", "X-Request-Id, Retry-After"),
    "Set-Cookie": _header("The session's cookie, or its end.", "token=eyJ…; Max-Age=86400; Path=/; HttpOnly"),
    "Idempotent-Replayed": _header("`true` when this is the answer of an earlier request with the same key.", "true"),
    "Retry-After": _header("How many seconds to wait.", "1"),
    "WWW-Authenticate": _header("How to say who asks.", "Bearer"),
    "Connection": _header("The rest of the body is not read.", "close"),
}

_ALWAYS = (
    "X-Request-Id", "Cache-Control", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy",
    "Strict-Transport-Security", "Vary", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
)  # fmt: skip


def headers_of(endpoint: Endpoint, status: int) -> Json:
    """The headers of an endpoint's answers with this status, by reference."""
    names = [*_ALWAYS]
    if status == 200 and endpoint.cookie is not Cookie.KEEP:
        names.append("Set-Cookie")
    if endpoint.command.takes_key and status < 500:
        names.append("Idempotent-Replayed")
    if status in (HTTP_STATUS[Code.UNAVAILABLE], HTTP_STATUS[Code.RATE_LIMITED]):
        names.append("Retry-After")
    if status == HTTP_STATUS[Code.UNAUTHENTICATED]:
        names.append("WWW-Authenticate")
    if status == HTTP_STATUS[Code.PAYLOAD_TOO_LARGE]:
        names.append("Connection")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def with_currency(part: Any, currency: Currency) -> Any:
    """A part of the document in which amounts are described as this currency has them."""
    if isinstance(part, list):
        return [with_currency(one, currency) for one in part]
    if not isinstance(part, dict):
        return part
    kind = part.get("x-money")
    rest = {name: with_currency(one, currency) for name, one in part.items() if name != "x-money"}
    kinds = {type(value) for value in rest.get("enum", ())}
    if len(kinds) > 1:
        # Generators of clients make a type of each list of values, and no language has one of words and numbers.
        values = rest.pop("enum")
        rest["anyOf"] = [
            {"enum": [value for value in values if type(value) is kind]} for kind in sorted(kinds, key=str)
        ]
    if kind == "in":
        return rest | {"oneOf": _amounts(currency), "examples": [currency.example]}
    if kind == "out":
        return rest | {"pattern": _balance(currency), "examples": [currency.example]}
    if kind == "currency":
        return rest | {"enum": [currency.code], "examples": [currency.code]}
    return rest


def with_paths(part: Any, paths: list[str]) -> Any:
    """A part of the document in which a path of the API is described as one of these, or nothing."""
    if isinstance(part, list):
        return [with_paths(one, paths) for one in part]
    if not isinstance(part, dict):
        return part
    rest = {name: with_paths(one, paths) for name, one in part.items() if name != "x-endpoint"}
    return rest | {"enum": ["", *paths]} if "x-endpoint" in part else rest


def _amounts(currency: Currency) -> list[Json]:
    """What an amount may be: a decimal string, or a number."""
    decimals = currency.decimals
    whole_digits = len(str(AMOUNT_MINOR_MAX)) - 1 - decimals
    fraction = rf"(?:\.[0-9]{{1,{decimals}}}0*)?" if decimals else r"(?:\.0+)?"
    forms = [rf"[1-9][0-9]{{0,{whole_digits - 1}}}{fraction}", rf"10{{{whole_digits}}}(?:\.0+)?"]
    if decimals:
        forms.append(rf"0\.(?=0*[1-9])[0-9]{{1,{decimals}}}0*")
    number: Json = {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 10**whole_digits,
        "multipleOf": float(f"1e-{decimals}") if decimals else 1,
    }
    return [{"type": "string", "pattern": f"^(?:{'|'.join(forms)})$", "maxLength": AMOUNT_BYTES_MAX - 2}, number]


def _balance(currency: Currency) -> str:
    return rf"^(?:0|[1-9][0-9]*)\.[0-9]{{{currency.decimals}}}$" if currency.decimals else "^(?:0|[1-9][0-9]*)$"
