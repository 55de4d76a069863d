"""The JSON of the sandbox's requests and answers. See shapes.py."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shillings.sandbox.faults.catalogue import SUBJECTS
from shillings.sandbox.idempotency import LIFETIME_SECONDS_MAX, PRESETS
from shillings.sandbox.rules import REASONS, SKIP_MAX, TIMES_MAX, TTL_SECONDS_MAX
from shillings.web import shapes
from shillings.web.shapes import EndpointPath, IdText, JsonObject, OptionalEndpoint, OptionalMoney

TTL_SECONDS = 600


class MatchBody(shapes.Body, frozen=True, omit_defaults=True):
    """What a rule is about; what is left out matches everything."""

    endpoint: Annotated[
        OptionalEndpoint,
        Meta(description="A path of this API, such as `/v1/pay`; with its parameters as they are written."),
    ] = EndpointPath("")
    user_email: Annotated[str, Meta(description="Who asks.")] = ""
    receiver_email: Annotated[str, Meta(description="Who is to be paid.")] = ""
    amount: OptionalMoney = msgspec.UNSET
    idempotency_key: Annotated[str, Meta(max_length=255, description="The key that comes with it.")] = ""
    event_type: Annotated[str, Meta(max_length=100, description="For webhook deliveries: the event's type.")] = ""
    endpoint_id: Annotated[str, Meta(max_length=100, description="For webhook deliveries: the receiver.")] = ""
    object_id: Annotated[
        str, Meta(max_length=100, description="For webhook deliveries: what the event is about, by its id.")
    ] = ""


class AddFaultBody(shapes.Body, frozen=True):
    """A rule: which fault, to what, how often, for how long."""

    fault: Annotated[
        str,
        Meta(
            description="The fault's name.",
            examples=["lost_response"],
            extra_json_schema={"enum": list(dict.fromkeys(one.name for subject in SUBJECTS for one in subject.faults))},
        ),
    ]
    params: Annotated[JsonObject, Meta(description="The fault's parameters, those that differ from the default.")] = (
        msgspec.field(default_factory=dict)
    )
    match: MatchBody = MatchBody()
    skip: Annotated[int, Meta(ge=0, le=SKIP_MAX, description="How many matches are left alone first.")] = 0
    times: Annotated[int, Meta(ge=1, le=TIMES_MAX, description="How often it fires before it is used up.")] = 1
    probability: Annotated[float, Meta(ge=0, le=1, description="How likely it fires, each time it might.")] = 1.0
    ttl_seconds: Annotated[
        int, Meta(ge=1, le=TTL_SECONDS_MAX, description="After how many seconds it is removed by itself.")
    ] = TTL_SECONDS


class FaultRule(shapes.Answer):
    """A rule in force, and what has become of it."""

    fault_id: IdText
    fault: str
    params: JsonObject
    match: Annotated[MatchBody, Meta(description="Only what was set.")]
    skip: int
    times: int
    probability: float
    expires_in_seconds: int
    matched: Annotated[int, Meta(description="How many requests have matched it.")]
    fired: Annotated[int, Meta(description="How often it has fired.")]
    remaining: Annotated[int, Meta(description="How often it may fire still.")]


class FaultAnswer(FaultRule):
    """The rule that was made."""

    status: shapes.Status


class FaultsAnswer(shapes.Answer):
    """The rules, in the order in which they are looked at."""

    faults: list[FaultRule]
    status: shapes.Status


class FaultsRemovedAnswer(shapes.Answer):
    """How many rules were removed."""

    removed: int
    status: shapes.Status


class Reason(msgspec.Struct):
    """Why a rule fired, or did not."""

    fault_id: IdText
    fault: str
    fired: bool
    reason: Annotated[str, Meta(description="A word.", extra_json_schema={"enum": list(REASONS)})]
    field: Annotated[str | None, Meta(description="What did not match; null for any other reason.")]


class ExplainAnswer(shapes.Answer):
    """What the sandbox did to a request, and why."""

    request_id: str
    fault_applied: Annotated[str | None, Meta(description="As in Shillings-Fault-Applied; null for nothing.")]
    rules: list[Reason]
    status: shapes.Status


class IdempotencyBody(shapes.Body, frozen=True):
    """How idempotency keys are to behave; what is left out stays as it is, or as the preset has it."""

    preset: Annotated[
        str,
        Meta(
            description=f"One of {', '.join(PRESETS)}; empty for none.",
            examples=["stripe"],
            max_length=40,
            extra_json_schema={"enum": ["", *PRESETS]},
        ),
    ] = ""
    concurrent: Annotated[
        Literal["wait", 409] | None, Meta(description="The same key while its first request is still at work.")
    ] = None
    refusals: Annotated[
        Literal["remember", "forget"] | None, Meta(description="Whether the ledger's refusals are kept under the key.")
    ] = None
    other_body: Annotated[
        Literal[422, 409, 400] | None, Meta(description="The status for a key that comes again with another request.")
    ] = None
    lifetime_seconds: Annotated[
        Annotated[int, Meta(ge=1, le=LIFETIME_SECONDS_MAX)] | None, Meta(description="How long a key is kept.")
    ] = None


class IdempotencyAnswer(shapes.Answer):
    """How idempotency keys behave now."""

    preset: Annotated[str | None, Meta(description="The preset that behaves so; null for none.")]
    concurrent: Literal["wait", 409]
    refusals: Literal["remember", "forget"]
    other_body: Literal[422, 409, 400]
    lifetime_seconds: int
    status: shapes.Status
