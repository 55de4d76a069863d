"""The JSON of events, webhook endpoints and deliveries."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from shillings.base.limits import ANSWER_BYTES_MAX, PAGE_LIMIT_MAX, WEBHOOK_URL_CHARACTERS_MAX
from shillings.contract.events import EventType
from shillings.web.shapes import Answer, Body, EventData, IdText, OptionalId, Query, Status, TimeText

OVERLAP_SECONDS_MAX = 7 * 86_400

_KINDS = ", ".join([f"`{kind}`" for kind in EventType])

EventTypes = Annotated[
    list[str],
    Meta(
        min_length=1,
        max_length=len(EventType) + 1,
        description=f"Which events are delivered: `*` alone for all, or some of {_KINDS}.",
        examples=[["payment.received"]],
        extra_json_schema={
            "oneOf": [{"items": {"const": "*"}}, {"items": {"enum": [str(kind) for kind in EventType]}}]
        },
    ),
]
Url = Annotated[
    str,
    Meta(
        max_length=WEBHOOK_URL_CHARACTERS_MAX,
        description="Where deliveries are sent: http or https. Private addresses are refused unless the service "
        "allows them.",
        examples=["https://example.com/hook"],
        extra_json_schema={"pattern": "^https?://"},
    ),
]
SecretIn = Annotated[
    str,
    Meta(
        description="A secret of your own, `whsec_` and base64 of 24 to 64 bytes. Empty: one is made for you.",
        extra_json_schema={"pattern": "^$|^whsec_[A-Za-z0-9+/]{32,86}={0,2}$"},
    ),
]
Limit = Annotated[int, Meta(ge=1, le=PAGE_LIMIT_MAX, description="How many at most.")]
CURSOR = "The `next_cursor` of the page before; leave it out for the newest page."
Cursor = Annotated[str, Meta(max_length=64, description=CURSOR)]
NextCursor = Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]


class EventsQuery(Query, frozen=True):
    """Which events."""

    limit: Limit = 20
    cursor: Cursor = ""
    type: Annotated[str, Meta(max_length=40, description="Only events of this type.")] = ""
    object_id: Annotated[OptionalId, Meta(description="Only what has happened to this object.")] = ""


class Event(Struct):
    """Something that has happened to you, as it is delivered."""

    event_id: IdText
    type: Annotated[str, Meta(description="What happened.", extra_json_schema={"enum": list(EventType)})]
    timestamp: TimeText
    data: EventData


class EventAnswer(Answer):
    """One event."""

    event: Event
    status: Status


class EventsAnswer(Answer):
    """A page of events, newest first."""

    events: list[Event]
    next_cursor: NextCursor
    status: Status


class WebhookEndpointBody(Body, frozen=True):
    """Where to deliver, and what."""

    url: Url
    event_types: EventTypes = field(default_factory=lambda: ["*"])
    secret: SecretIn = ""


class WebhookEndpointChangeBody(Body, frozen=True):
    """What to change; what is left out stays as it is."""

    url: Url | None = None
    event_types: EventTypes | None = None
    enabled: Annotated[bool | None, Meta(description="Off: what happens meanwhile is not delivered.")] = None


class RotateBody(Body, frozen=True):
    """How the new secret takes over."""

    overlap_seconds: Annotated[
        int, Meta(ge=0, le=OVERLAP_SECONDS_MAX, description="How long the old secrets sign beside the new one.")
    ] = 86_400
    secret: SecretIn = ""


class WebhookEndpoint(Struct):
    """One of your endpoints."""

    endpoint_id: IdText
    url: str
    event_types: list[str]
    enabled: bool
    disabled_reason: Annotated[
        str | None, Meta(description="`asked`: by you; `gone`: it answered 410; `failing`: for three days.")
    ]
    failing_since: Annotated[str | None, Meta(description="Since when every attempt has failed.")]
    created_at: TimeText
    updated_at: TimeText


class WebhookEndpointSecretAnswer(Answer):
    """The endpoint's secret, which is never shown again."""

    endpoint_id: IdText
    secret: Annotated[str, Meta(description="Keep it: signatures are verified with it.", examples=["whsec_…"])]
    status: Status


class WebhookEndpointAnswer(Answer):
    """One endpoint."""

    webhook_endpoint: WebhookEndpoint
    status: Status


class WebhookEndpointsAnswer(Answer):
    """Your endpoints, oldest first."""

    webhook_endpoints: list[WebhookEndpoint]
    status: Status


class DeliveriesQuery(Query, frozen=True):
    """Which deliveries."""

    limit: Limit = 20
    cursor: Annotated[OptionalId, Meta(description=CURSOR)] = ""
    state: Annotated[
        Literal["", "pending", "delivered", "failed"], Meta(description="Only deliveries in this state.")
    ] = ""


class Attempt(Struct):
    """One attempt to deliver."""

    attempt: int
    outcome: Annotated[
        str,
        Meta(
            description="`accepted` (2xx), `gone` (410), `rejected` (any other status), `address_refused`, "
            "`unreachable`, `timed_out`, `broken` or `dropped`."
        ),
    ]
    http_status: Annotated[int, Meta(description="0 when there was no answer.")]
    answer: Annotated[str, Meta(description=f"The answer's body, {ANSWER_BYTES_MAX} bytes of it at most.")]
    detail: Annotated[str, Meta(description="Why there was no answer.")]
    fault: Annotated[str | None, Meta(description="What was done to it on purpose.")]
    took_ms: int
    created_at: TimeText


class Delivery(Struct):
    """One event on its way to one endpoint."""

    event: Event
    state: Annotated[str, Meta(description="`pending`, `delivered` or `failed`.")]
    attempt_count: int
    due_at: Annotated[str | None, Meta(description="When the next attempt is due; null when none is to come.")]
    under_way: Annotated[bool, Meta(description="Whether an attempt is being made.")]
    updated_at: TimeText


class DeliveryWithAttempts(Delivery):
    """One delivery and its attempts, the newest first."""

    attempts: list[Attempt]


class DeliveryAnswer(Answer):
    """One delivery."""

    delivery: DeliveryWithAttempts
    status: Status


class DeliveriesAnswer(Answer):
    """A page of deliveries, newest first."""

    deliveries: list[Delivery]
    next_cursor: NextCursor
    status: Status


class ResendBody(Body, frozen=True):
    """Nothing."""


class RecoverBody(Body, frozen=True):
    """Since when."""

    since: Annotated[
        str,
        Meta(
            max_length=40,
            description="A time, RFC 3339.",
            examples=["2026-01-02T03:04:05Z"],
            extra_json_schema={"format": "date-time"},
        ),
    ]


class DeliverAgainAnswer(Answer):
    """How many deliveries are due now."""

    delivery_count: Annotated[int, Meta(description="At most 10,000; ask again for the rest.")]
    status: Status
