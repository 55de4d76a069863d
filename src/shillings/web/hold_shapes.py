"""What holds look like in JSON."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shillings.base.limits import HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX, PAGE_LIMIT_MAX
from shillings.web.shapes import (
    Answer,
    Body,
    IdText,
    Money,
    MoneyText,
    OptionalMoney,
    Query,
    Receiver,
    Status,
    TimeText,
)


class HoldBody(Body, frozen=True):
    """For whom to set money aside, how much, and for how long."""

    receiver_email: Receiver
    amount: Money
    expires_in_seconds: Annotated[
        int,
        Meta(ge=1, le=HOLD_SECONDS_MAX, description="When the money is yours again unless it is captured; seven days."),
    ] = HOLD_SECONDS_DEFAULT


class CaptureBody(Body, frozen=True):
    """How much of a hold to take."""

    amount: OptionalMoney = msgspec.UNSET


class HoldsQuery(Query, frozen=True):
    """Which page of the holds."""

    status: Annotated[
        str,
        Meta(
            max_length=16,
            extra_json_schema={"enum": ["", "open", "captured", "voided", "expired"]},
            description="Only these: `open`, `captured`, `voided` or `expired`.",
        ),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_LIMIT_MAX, description="How many holds at most.")] = 20
    cursor: Annotated[
        str,
        Meta(
            max_length=40,
            extra_json_schema={"pattern": "^(?:h[0-9a-f]{32})?$"},
            description="The `next_cursor` of the page before; leave it out for the newest page.",
        ),
    ] = ""


class HoldAnswer(Answer):
    """The hold that was made."""

    hold_id: IdText
    status: Status


class Hold(Struct):
    """Money set aside."""

    hold_id: IdText
    status: Annotated[
        str,
        Meta(
            description="`open`, `captured`, `voided` or `expired`.",
            extra_json_schema={"enum": ["open", "captured", "voided", "expired"]},
        ),
    ]
    payer_email: str
    receiver_email: str
    amount: MoneyText
    captured: MoneyText
    expires_at: TimeText
    created_at: TimeText


class OneHoldAnswer(Answer):
    """One hold."""

    hold: Hold
    status: Status


class HoldsAnswer(Answer):
    """A page of the holds, newest first."""

    holds: list[Hold]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]
    status: Status
