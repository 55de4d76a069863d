"""The JSON of the request log and of the audit; see shapes.py for how it becomes messages."""

from typing import Annotated

from msgspec import Meta, Struct

from shillings.base.errors import WORDS
from shillings.base.limits import EMAIL_CHARACTERS_MAX, PAGE_LIMIT_MAX
from shillings.sandbox.faults.catalogue import REQUEST
from shillings.sandbox.oracle.finding import EVIDENCE_MAX
from shillings.web.shapes import (
    Answer,
    EndpointMethod,
    EndpointPath,
    EventData,
    IdText,
    Moment,
    OptionalEndpoint,
    Query,
    Status,
    TimeText,
)

OptionalCode = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": ["", *WORDS]})]
OptionalFault = Annotated[
    str, Meta(max_length=40, extra_json_schema={"enum": ["", *(fault.name for fault in REQUEST.faults)]})
]
OptionalEmail = Annotated[
    str, Meta(max_length=EMAIL_CHARACTERS_MAX, extra_json_schema={"anyOf": [{"format": "email"}, {"const": ""}]})
]


class RequestsQuery(Query, frozen=True):
    """Which requests."""

    user_email: Annotated[OptionalEmail, Meta(description="Only those of this user.")] = ""
    endpoint: Annotated[OptionalEndpoint, Meta(description="Only those to this path.")] = EndpointPath("")
    code: Annotated[OptionalCode, Meta(description="Only those with this answer.")] = ""
    fault: Annotated[OptionalFault, Meta(description="Only those that this fault has touched.")] = ""
    since: Annotated[Moment, Meta(description="Only of this time (RFC 3339) or later.")] = ""
    after: Annotated[int, Meta(ge=0, le=2**53, description="Only those with a larger number.")] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_LIMIT_MAX, description="How many at most, the newest first.")] = 20


class FollowQuery(Query, frozen=True):
    """Which requests, and from where on."""

    user_email: Annotated[OptionalEmail, Meta(description="Only those of this user.")] = ""
    endpoint: Annotated[OptionalEndpoint, Meta(description="Only those to this path.")] = EndpointPath("")
    code: Annotated[OptionalCode, Meta(description="Only those with this answer.")] = ""
    fault: Annotated[OptionalFault, Meta(description="Only those that this fault has touched.")] = ""
    since: Annotated[
        Moment, Meta(description="Begin with those of this time (RFC 3339). Otherwise only new ones come.")
    ] = ""
    cursor: Annotated[
        str, Meta(max_length=80, description="Go on after it: the `cursor` of a page, or the id of an event.")
    ] = ""


class LoggedRequest(Struct):
    """One request, and what came of it."""

    number: Annotated[int, Meta(description="1, 2, 3 …: the order in which they were answered.")]
    request_id: str
    method: EndpointMethod
    endpoint: EndpointPath
    path: Annotated[str, Meta(description="Where it went, if that is no endpoint.")]
    user_email: Annotated[str, Meta(description="Whose session it was; empty for nobody's.")]
    idempotency_key: str
    intent: Annotated[str, Meta(description="Its Shillings-Intent.")]
    tries_before: Annotated[int, Meta(description="How often the same had been asked before, with the same key.")]
    body: EventData
    answer: EventData
    code: Annotated[str, Meta(description="The answer's code, as the service gave it.")]
    message: str
    replayed: bool
    fault_applied: str
    transaction_id: Annotated[str, Meta(description="What it made, whether or not the client heard of it.")]
    received_at: TimeText
    executed_at: Annotated[str, Meta(description="When the work on it began; empty for none.")]
    answered_at: TimeText


class RequestsAnswer(Answer):
    """The requests, newest first."""

    requests: list[LoggedRequest]
    seen: Annotated[int, Meta(description="How many there were since the last reset.")]
    kept: Annotated[int, Meta(description="How many of them are remembered: the newest.")]
    status: Status


class FollowAnswer(Answer):
    """What is new, the oldest first."""

    requests: list[LoggedRequest]
    cursor: Annotated[str, Meta(description="Ask for what comes after it.")]
    missed: Annotated[int, Meta(description="How many were forgotten before they could be read.")]
    restarted: Annotated[bool, Meta(description="Whether the log began again, by a reset or a restart.")]
    status: Status


class FindingEvidence(Struct):
    """What shows it."""

    requests: Annotated[
        list[str], Meta(description=f"Ids of requests, in order; of each kind of evidence the first {EVIDENCE_MAX}.")
    ]
    transactions: list[IdText]
    deliveries: list[IdText]
    holds: list[IdText]


class Finding(Struct):
    """One thing that was found."""

    code: str
    severity: Annotated[str, Meta(description="`critical`, `warning` or `notice`.")]
    confidence: Annotated[str, Meta(description="`certain`, or `suspected` without a Shillings-Intent.")]
    message: str
    evidence: FindingEvidence
    hint: Annotated[str, Meta(description="How to fix it.")]


class AuditAnswer(Answer):
    """Whether the money is right, and whether the client behaved."""

    clean: bool
    findings: list[Finding]
    findings_left_out: Annotated[int, Meta(description="How many more there were than one answer holds.")]
    requests_seen: Annotated[int, Meta(description="Requests since the last reset.")]
    requests_kept: Annotated[int, Meta(description="How many of them the audit could look at: the newest.")]
    status: Status
