"""The JSON of requests and answers, and what turns it into protocol messages and back.

A field has the same name in JSON and in the protocol, so conversion goes by the fields' types:

| type in JSON       | type in the protocol | example                                |
|--------------------|----------------------|----------------------------------------|
| str                | string               | "ann@example.com"                      |
| Money (in)         | int64, …_minor       | "12.50" or 12.50                       |
| MoneyText (out)    | int64, …_minor       | "12.50"                                |
| IdText (out)       | bytes                | "0190c1d0-…"                           |
| TimeText (out)     | string               | "2026-01-02T03:04:05.000006Z"          |
| JsonObject         | string               | {"how": "reset"}                       |
| EndpointPath       | repeated Command     | "/v1/pay"                              |
| a struct           | a message            | {"endpoint": "/v1/pay"}                |
| EventData (out)    | string, JSON         | {"amount": "12.50", "currency": "USD"} |

Those of holds, of events and webhooks, and of the sandbox are in the files beside this one.
"""

from typing import Annotated, Any, NewType

import msgspec
from msgspec import Meta, Struct

from shillings.base.limits import (
    EMAIL_CHARACTERS_MAX,
    METADATA_ITEMS_MAX,
    METADATA_NAME_CHARACTERS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PAGE_LIMIT_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    PHONE_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
)
from shillings.contract.fields import NAME, NAME_OR_NOTHING, PHONE_TOLD

_KINDS = (
    "payment", "topup", "refund", "hold", "capture", "release", "settlement", "reversal", "return", "loan", "repayment",
)  # fmt: skip
STATUSES = ("pending", "succeeded", "returned", "failed")
KINDS = ", ".join(f"`{kind}`" for kind in _KINDS)
"""What a transaction may be."""

MONEY_IN = "An amount of money, more than zero: a decimal string or a JSON number, read exactly."
MONEY_OUT = "A decimal string with all of the currency's decimals."

Money = Annotated[msgspec.Raw, Meta(description=MONEY_IN, extra_json_schema={"x-money": "in"})]
MoneyText = Annotated[str, Meta(description=MONEY_OUT, extra_json_schema={"x-money": "out"})]
IdText = Annotated[
    str,
    Meta(
        description="A UUID.",
        examples=["01a205f2-f4b9-7bf7-ad69-124e52fd9f0e"],
        extra_json_schema={"format": "uuid"},
    ),
]
TimeText = Annotated[str, Meta(description="A time in UTC, RFC 3339.", extra_json_schema={"format": "date-time"})]
OptionalMoney = Money | msgspec.UnsetType
JsonObject = dict[str, str | int | float | bool]
EndpointPath = NewType("EndpointPath", str)
EndpointMethod = NewType("EndpointMethod", str)
EventData = Annotated[
    dict[str, Any],
    Meta(
        description="The facts. `event_id`, `object_id`, `sequence`, `request_id` and `idempotency_key` are always "
        "there; `sequence` counts 1, 2, 3 … what has happened to the object, as you hear of it.",
        examples=[{"transaction_id": "0190c1d0-…", "amount": "12.50", "currency": "USD", "sequence": 1}],
    ),
]
Email = Annotated[
    str,
    Meta(
        description="Case, width and outer white space do not matter.",
        examples=["ann@example.com"],
        extra_json_schema={"format": "email", "maxLength": EMAIL_CHARACTERS_MAX},
    ),
]
Receiver = Annotated[Email, Meta(examples=["bob@example.com"])]
_NAME = {"minLength": 1, "maxLength": NAME_CHARACTERS_MAX, "pattern": NAME.pattern}
Password = Annotated[
    str,
    Meta(
        description=f"{PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters that nobody would guess.",
        examples=["battery staple horse"],
        extra_json_schema={"minLength": PASSWORD_CHARACTERS_MIN, "maxLength": PASSWORD_CHARACTERS_MAX},
    ),
]
NameOrNothing = Annotated[
    str, Meta(extra_json_schema={"maxLength": NAME_CHARACTERS_MAX, "pattern": NAME_OR_NOTHING.pattern})
]
PhoneOrNothing = Annotated[
    str,
    Meta(
        description="As people write it, an extension at its end included.",
        examples=["+65 6123 4567"],
        extra_json_schema={"maxLength": PHONE_CHARACTERS_MAX, "pattern": PHONE_TOLD},
    ),
]
OldPassword = Annotated[str, Meta(examples=["correct horse battery"])]


Reference = Annotated[
    str,
    Meta(max_length=REFERENCE_CHARACTERS_MAX, description="Your own name for it, to find it by. Only you see it."),
]
Metadata = Annotated[
    dict[str, str],
    Meta(
        max_length=METADATA_ITEMS_MAX,
        description=f"What else you want to remember: up to {METADATA_ITEMS_MAX} short texts by name. Only you see it.",
        extra_json_schema={
            "propertyNames": {"minLength": 1, "maxLength": METADATA_NAME_CHARACTERS_MAX},
            "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_CHARACTERS_MAX},
        },
    ),
]


Moment = Annotated[str, Meta(max_length=40, extra_json_schema={"anyOf": [{"format": "date-time"}, {"const": ""}]})]
OptionalId = Annotated[str, Meta(max_length=36, extra_json_schema={"anyOf": [{"format": "uuid"}, {"const": ""}]})]
OptionalEndpoint = Annotated[EndpointPath, Meta(extra_json_schema={"x-endpoint": True})]
"""A path of this API, or nothing. Which there are, the document says where all of them are known."""


class Body(Struct, forbid_unknown_fields=True, frozen=True):
    """A request's JSON body. Unknown fields are refused: a misspelt one must not be lost in silence."""


class Query(Struct, forbid_unknown_fields=True, frozen=True):
    """A request's query. Unknown parameters are refused, like a body's unknown fields."""


class SignupBody(Body, frozen=True):
    """Who signs up."""

    first_name: Annotated[str, Meta(examples=["Ann"], extra_json_schema=_NAME)]
    last_name: Annotated[str, Meta(examples=["Lee"], extra_json_schema=_NAME)]
    email: Email
    password: Annotated[Password, Meta(examples=["correct horse battery"])]
    middle_name: NameOrNothing = ""
    phone: PhoneOrNothing = ""


class LoginBody(Body, frozen=True):
    """Who logs in."""

    email: Email
    password: OldPassword


class PayBody(Body, frozen=True):
    """Whom to pay, and how much."""

    receiver_email: Receiver
    amount: Money
    reference: Reference = ""
    metadata: Metadata = {}


class TopupBody(Body, frozen=True):
    """How much to top up."""

    amount: Money
    reference: Reference = ""
    metadata: Metadata = {}


class RefundBody(Body, frozen=True):
    """Which payment to give back, and how much of it."""

    transaction_id: IdText
    amount: OptionalMoney = msgspec.UNSET


class PasswordBody(Body, frozen=True):
    """The password now, and the one to be."""

    password: OldPassword
    new_password: Password


class EmailBody(Body, frozen=True):
    """The password, and the email to be."""

    password: OldPassword
    new_email: Annotated[Email, Meta(examples=["ann.lee@example.com"])]


class CloseBody(Body, frozen=True):
    """The password."""

    password: OldPassword


class EmptyBody(Body, frozen=True):
    """Nothing."""


class HistoryQuery(Query, frozen=True):
    """Which page of the history."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_LIMIT_MAX, description="How many transactions at most.")] = 20
    cursor: Annotated[
        str,
        Meta(
            max_length=20,
            extra_json_schema={"pattern": "^(?:s[0-9]{1,18})?$"},
            description="The `next_cursor` of the page before; leave it out for the newest page.",
        ),
    ] = ""
    idempotency_key: Annotated[
        str,
        Meta(
            max_length=255,
            extra_json_schema={"pattern": "^[!-~]*$"},
            description="Only the transaction that was made with this key: what became of it?",
        ),
    ] = ""
    reference: Annotated[
        str, Meta(max_length=REFERENCE_CHARACTERS_MAX, description="Only those with this reference of yours.")
    ] = ""
    kind: Annotated[
        str,
        Meta(
            max_length=16,
            extra_json_schema={"enum": ["", *_KINDS]},
            description=f"Only these: {KINDS}.",
        ),
    ] = ""
    counterparty_email: Annotated[
        str,
        Meta(
            max_length=EMAIL_CHARACTERS_MAX,
            extra_json_schema={"anyOf": [{"format": "email"}, {"const": ""}]},
            description="Only those with this user on the other side.",
        ),
    ] = ""
    created_after: Annotated[Moment, Meta(description="Only of this time (RFC 3339) or later.")] = ""
    created_before: Annotated[Moment, Meta(description="Only of before this time (RFC 3339).")] = ""


class Status(Struct, omit_defaults=True):
    """What became of the request."""

    code: Annotated[str, Meta(description="A stable word; `ok` when it was done.", examples=["ok"])]
    message: Annotated[str, Meta(description="A sentence for people.")]
    field: Annotated[str, Meta(description="The field at fault, where there is one.", examples=["amount"])] = ""


class Answer(Struct, omit_defaults=False):
    """An answer's JSON body."""


class StatusAnswer(Answer):
    """An answer that only says what became of the request; every error has this shape."""

    status: Status


class SignupAnswer(Answer):
    """The new user's id."""

    user_id: IdText
    status: Status


class LoginAnswer(Answer):
    """The token of a session."""

    token: Annotated[str, Meta(description="A JWT. Send it as `Authorization: Bearer <token>`, or as the cookie.")]
    lifetime_s: Annotated[int, Meta(description="How many seconds it lives.", ge=1)]
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
    held: MoneyText
    debt: MoneyText
    currency: Annotated[
        str, Meta(description="That of all amounts, ISO 4217.", extra_json_schema={"x-money": "currency"})
    ]
    created_at: TimeText
    updated_at: TimeText


class AccountAnswer(Answer):
    """The user who asks."""

    user: User
    status: Status


class TransactionAnswer(Answer):
    """The transaction that was made."""

    transaction_id: IdText
    status: Status


_TransactionStatus = Annotated[
    str,
    Meta(
        description="`succeeded`; of a top-up also `pending`, when its money is not there yet, or `returned`; of a "
        "refund `pending` or `failed`.",
        extra_json_schema={"enum": list(STATUSES)},
    ),
]
_SettlesAt = Annotated[
    str | None,
    Meta(description="When the clock ends what is `pending`; null where it is over, or somebody is to decide."),
]


class MovementAnswer(Answer):
    """The top-up or refund that was made, and whether its money is there."""

    transaction_id: IdText
    transaction_status: _TransactionStatus
    settles_at: _SettlesAt
    status: Status


class Transaction(Struct):
    """One line of the history."""

    transaction_id: IdText
    kind: Annotated[str, Meta(description=f"One of: {KINDS}.", extra_json_schema={"enum": list(_KINDS)})]
    sender_email: Annotated[str, Meta(description="Empty for a top-up and what follows from it.")]
    receiver_email: str
    amount: MoneyText
    created_at: TimeText
    reference: Annotated[str, Meta(description="Yours; empty where you gave none, or it is the other side's.")]
    metadata: Annotated[dict[str, str], Meta(description="Yours.")]
    refunded: MoneyText
    status: _TransactionStatus


class WholeTransaction(Transaction):
    """One transaction, with all that is known of it."""

    settles_at: _SettlesAt


class OneTransactionAnswer(Answer):
    """One transaction."""

    transaction: WholeTransaction
    status: Status


class HistoryAnswer(Answer):
    """A page of the history, newest first."""

    transactions: list[Transaction]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]
    status: Status
