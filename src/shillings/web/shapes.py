"""The JSON of requests and answers, and what turns it into protocol messages and back.

A field has the same name in JSON and in the protocol, so conversion goes by the fields' types:

| type in JSON       | type in the protocol | example                                |
|--------------------|----------------------|----------------------------------------|
| str                | string               | "ann@example.com"                      |
| Money (in)         | int64, minor units   | "12.50" or 12.50                       |
| MoneyText (out)    | int64, minor units   | "12.50"                                |
| IdText (out)       | bytes                | "0190c1d0-…"                           |
| TimeText (out)     | string               | "2026-01-02T03:04:05.000006Z"          |
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

MONEY_SCHEMA = {"oneOf": [{"type": "string"}, {"type": "number"}], "examples": ["12.50"]}
MONEY_IN = "An amount of money, more than zero: a decimal string or a JSON number, read exactly."
MONEY_OUT = "A decimal string with all of the currency's decimals."

Money = Annotated[msgspec.Raw, Meta(description=MONEY_IN, extra_json_schema=MONEY_SCHEMA)]
MoneyText = Annotated[str, Meta(description=MONEY_OUT, examples=["12.50"])]
IdText = Annotated[str, Meta(description="A UUID.", extra_json_schema={"format": "uuid"})]
TimeText = Annotated[str, Meta(description="A time in UTC, RFC 3339.", extra_json_schema={"format": "date-time"})]
Email = Annotated[
    str, Meta(description="Case, width and outer white space do not matter.", examples=["ann@example.com"])
]


class Body(Struct, forbid_unknown_fields=True, frozen=True):
    """A request's JSON body. Unknown fields are refused: a misspelt one must not be lost in silence."""


class SignupBody(Body, frozen=True):
    """Who signs up."""

    first_name: Annotated[str, Meta(examples=["Ann"])]
    last_name: Annotated[str, Meta(examples=["Lee"])]
    email: Email
    password: Annotated[str, Meta(description="8 to 128 characters.", examples=["correct horse battery"])]
    middle_name: str = ""
    phone: Annotated[str, Meta(examples=["+65 6123 4567"])] = ""


class LoginBody(Body, frozen=True):
    """Who logs in."""

    email: Email
    password: Annotated[str, Meta(examples=["correct horse battery"])]


class PayBody(Body, frozen=True):
    """Whom to pay, and how much."""

    receiver_email: Annotated[str, Meta(examples=["bob@example.com"])]
    amount: Money


class TopupBody(Body, frozen=True):
    """How much to top up."""

    amount: Money


class Status(Struct):
    """What became of the request."""

    code: Annotated[str, Meta(description="A stable word; `ok` when it was done.", examples=["ok"])]
    message: Annotated[str, Meta(description="A sentence for people.")]


class Answer(Struct, omit_defaults=False):
    """An answer's JSON body."""


class StatusAnswer(Answer):
    """An answer that only says what became of the request; every error has this shape."""

    status: Status


class SignupAnswer(Answer):
    """The new user's id."""

    user_id: IdText
    status: Status


class User(Struct):
    """A user and the balance."""

    user_id: IdText
    first_name: str
    middle_name: str
    last_name: str
    email: str
    phone: str
    balance: MoneyText
    created_at: TimeText
    updated_at: TimeText


class AccountAnswer(Answer):
    """The user who asks."""

    user: User
    status: Status


class MovementAnswer(Answer):
    """The transaction that was made."""

    transaction_id: IdText
    status: Status


class Transaction(Struct):
    """One line of the history."""

    transaction_id: IdText
    kind: Annotated[str, Meta(description="`payment` or `topup`.", extra_json_schema={"enum": ["payment", "topup"]})]
    sender_email: Annotated[str, Meta(description="Empty for a top-up.")]
    receiver_email: str
    amount: MoneyText
    created_at: TimeText


class HistoryAnswer(Answer):
    """A page of the history, newest first."""

    transactions: list[Transaction]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]
    status: Status


Shape = type[Any]
