"""The JSON of the sandbox's clock, resets and snapshots; see shapes.py for how it becomes messages."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from shillings.base.limits import CLOCK_YEAR_MAX
from shillings.contract.fields import SNAPSHOT_NAME
from shillings.web.shapes import (
    Answer,
    Body,
    Email,
    IdText,
    Moment,
    Money,
    NameOrNothing,
    OptionalMoney,
    Password,
    PhoneOrNothing,
    Status,
    TimeText,
)


class AdvanceClockBody(Body, frozen=True):
    """How far, or to when: one of the two."""

    seconds: Annotated[
        int,
        Meta(
            description="How many seconds forward.",
            examples=[3600],
            extra_json_schema={"minimum": 0, "maximum": CLOCK_YEAR_MAX * 366 * 86_400},
        ),
    ] = 0
    to: Annotated[Moment, Meta(description="Or: to this time (RFC 3339).")] = ""


class FreezeClockBody(Body, frozen=True):
    """When to freeze."""

    at: Annotated[Moment, Meta(description="A time ahead (RFC 3339); now if left out.")] = ""


class Due(Struct):
    """One thing that became due."""

    what: Annotated[str, Meta(examples=["idempotency_keys_purged"])]
    count: int


class ClockAnswer(Answer):
    """The test clock."""

    mode: Annotated[
        str,
        Meta(
            description="`real`, `offset` (it runs ahead of the real time) or `frozen` (it does not move).",
            extra_json_schema={"enum": ["real", "offset", "frozen"]},
        ),
    ]
    now: TimeText
    real_now: TimeText
    due: Annotated[list[Due], Meta(description="What an advance has made due, and has been done before this answer.")]
    status: Status


class ResetAnswer(Answer):
    """Which life of the books begins; sessions of earlier ones are over."""

    epoch: int
    status: Status


class SnapshotBody(Body, frozen=True):
    """What to call it."""

    name: Annotated[
        str,
        Meta(
            max_length=64,
            description="Letters, digits, dots, dashes, underscores; no dot at the beginning.",
            examples=["two-users"],
            extra_json_schema={"minLength": 1, "pattern": f"^{SNAPSHOT_NAME.pattern}$"},
        ),
    ]


class Snapshot(Struct):
    """A copy of all data."""

    name: str
    created_at: TimeText
    users: int
    transactions: int


class SnapshotAnswer(Answer):
    """The snapshot that was made."""

    name: str
    created_at: TimeText
    users: int
    transactions: int
    status: Status


class SnapshotsAnswer(Answer):
    """All snapshots, by name."""

    snapshots: list[Snapshot]
    status: Status


class FixtureUser(Struct, forbid_unknown_fields=True):
    """Somebody to begin with."""

    email: Email
    password: Password
    first_name: NameOrNothing = ""
    last_name: NameOrNothing = ""
    middle_name: NameOrNothing = ""
    phone: PhoneOrNothing = ""
    balance: OptionalMoney = UNSET


class FixturePayment(Struct, forbid_unknown_fields=True):
    """A payment between two of them."""

    sender_email: Email
    receiver_email: Email
    amount: Money


class FixturesBody(Body, frozen=True):
    """Whom and what to begin with: all of it is made, or nothing."""

    users: Annotated[
        list[FixtureUser],
        Meta(
            max_length=1000,
            examples=[[{"email": "ann@example.com", "password": "battery staple", "balance": "50.00"}]],
        ),
    ]
    payments: Annotated[list[FixturePayment], Meta(max_length=10_000)] = []  # noqa: RUF012 - msgspec copies it


class FixtureUserMade(Struct):
    """Somebody who was made."""

    email: str
    user_id: IdText


class FixturesAnswer(Answer):
    """Whom it made, and how many payments."""

    users: list[FixtureUserMade]
    payments: int
    status: Status
