"""The API is this table. Everything about HTTP is in an endpoint's row; one function (api.py) runs every row."""

import re
from enum import Enum, auto
from typing import NamedTuple

from shillings.base.errors import Code
from shillings.contract import commands
from shillings.contract.commands import Auth, Command
from shillings.web import clock_shapes, hold_shapes, log_shapes, sandbox_shapes, shapes
from shillings.web import webhook_shapes as hooks
from shillings.web.statuses import CODES_OF_ALL, CODES_OF_BODIES


class Cookie(Enum):
    """What an endpoint does with the session cookie."""

    KEEP = auto()
    SET = auto()
    CLEAR = auto()


class Endpoint(NamedTuple):
    """One row.

    Args:
        name: the operation's id in the document.
        method, path: what HTTP asks for; `{parameters}` of the path are fields of the command's message.
        command: the row of the contract's table.
        summary, description: for the documentation.
        answer: the answer's JSON.
        body: the JSON body; None where there is none.
        query: the query's parameters; None for none.
        cookie: what happens to the session cookie.
        codes: the codes it may answer with, beside those that every endpoint may (see CODES_OF_ALL).
        streams: whether it answers with an event stream, unless only JSON is accepted.
    """

    name: str
    method: str
    path: str
    command: Command
    summary: str
    description: str
    answer: type[shapes.Answer]
    body: type[shapes.Body] | None = None
    query: type[shapes.Query] | None = None
    cookie: Cookie = Cookie.KEEP
    codes: tuple[Code, ...] = ()
    streams: bool = False

    @property
    def path_parameters(self) -> list[str]:
        """The names of the path's parameters, in order."""
        return re.findall(r"{(\w+)}", self.path)


_ROWS: tuple[Endpoint, ...] = (
    Endpoint(
        "signup", "POST", "/v1/signup", commands.SGN, "Sign up", "Make a user with an empty wallet.",
        shapes.SignupAnswer, body=shapes.SignupBody,
        codes=(Code.EMAIL_TAKEN, Code.IDEMPOTENCY_KEY_REUSED, Code.RATE_LIMITED),
    ),
    Endpoint(
        "login", "POST", "/v1/login", commands.LGN, "Log in",
        "The answer has the token, which serves as a Bearer token, and sets it as the cookie `token`.",
        shapes.LoginAnswer, body=shapes.LoginBody, cookie=Cookie.SET,
        codes=(Code.UNAUTHENTICATED, Code.RATE_LIMITED),
    ),
    Endpoint(
        "account", "GET", "/v1/account", commands.USR, "Read your account",
        "Who you are, and your balance as it is now.", shapes.AccountAnswer,
    ),
    Endpoint(
        "pay", "POST", "/v1/pay", commands.PAY, "Pay somebody",
        "Move money from your wallet to another user's, now and for good.",
        shapes.TransactionAnswer, body=shapes.PayBody,
        codes=(
            Code.INSUFFICIENT_FUNDS, Code.DEBT_OUTSTANDING, Code.RECEIVER_NOT_FOUND, Code.IDEMPOTENCY_KEY_REUSED,
            Code.SELF_PAYMENT, Code.BALANCE_LIMIT_EXCEEDED, Code.RATE_LIMITED,
        ),
    ),
    Endpoint(
        "topup", "POST", "/v1/topup", commands.TPU, "Top up", "Move money from the funding account to your wallet.",
        shapes.MovementAnswer, body=shapes.TopupBody,
        codes=(Code.IDEMPOTENCY_KEY_REUSED, Code.BALANCE_LIMIT_EXCEEDED),
    ),
    Endpoint(
        "transactions", "GET", "/v1/transactions", commands.TXQ, "Read your history",
        "Your transactions, newest first; new ones do not move pages.",
        shapes.HistoryAnswer, query=shapes.HistoryQuery,
    ),
    Endpoint(
        "logout", "POST", "/v1/logout", commands.LGO, "Log out", "Revoke the session everywhere, at once.",
        shapes.StatusAnswer, body=shapes.EmptyBody, cookie=Cookie.CLEAR,
    ),
    Endpoint(
        "transaction", "GET", "/v1/transactions/{transaction_id}", commands.TXG, "Read one transaction",
        "One of yours; somebody else's is not found.", shapes.OneTransactionAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "refund", "POST", "/v1/refunds", commands.RFD, "Refund a payment",
        "Give back a payment that you received, in part or whole.",
        shapes.MovementAnswer, body=shapes.RefundBody,
        codes=(
            Code.NOT_FOUND, Code.RECEIVER_NOT_FOUND, Code.NOT_REFUNDABLE, Code.REFUND_EXCEEDS_PAYMENT,
            Code.INSUFFICIENT_FUNDS, Code.DEBT_OUTSTANDING, Code.BALANCE_LIMIT_EXCEEDED, Code.IDEMPOTENCY_KEY_REUSED,
        ),
    ),
    Endpoint(
        "make_hold", "POST", "/v1/holds", commands.HLD, "Hold money for somebody",
        "Set money aside: it leaves your balance now, and goes to the receiver when it is captured.",
        hold_shapes.HoldAnswer, body=hold_shapes.HoldBody,
        codes=(
            Code.INSUFFICIENT_FUNDS, Code.DEBT_OUTSTANDING, Code.RECEIVER_NOT_FOUND, Code.IDEMPOTENCY_KEY_REUSED,
            Code.SELF_PAYMENT, Code.RATE_LIMITED,
        ),
    ),
    Endpoint(
        "holds", "GET", "/v1/holds", commands.HLQ, "List your holds", "Those you made and those made for you.",
        hold_shapes.HoldsAnswer, query=hold_shapes.HoldsQuery,
    ),
    Endpoint(
        "hold", "GET", "/v1/holds/{hold_id}", commands.HLG, "Read one hold",
        "One that you made or that was made for you.",
        hold_shapes.OneHoldAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "capture_hold", "POST", "/v1/holds/{hold_id}/capture", commands.CAP, "Capture a hold",
        "Take what is held for you, once: all of it, or less; the rest is released.",
        shapes.TransactionAnswer, body=hold_shapes.CaptureBody,
        codes=(
            Code.NOT_FOUND, Code.HOLD_ALREADY_CAPTURED, Code.HOLD_ALREADY_VOIDED, Code.HOLD_EXPIRED,
            Code.CAPTURE_EXCEEDS_HOLD, Code.BALANCE_LIMIT_EXCEEDED, Code.IDEMPOTENCY_KEY_REUSED,
        ),
    ),
    Endpoint(
        "void_hold", "POST", "/v1/holds/{hold_id}/void", commands.VOI, "Void a hold",
        "Let go of what is held for you; it is the payer's again.", shapes.TransactionAnswer, body=shapes.EmptyBody,
        codes=(
            Code.NOT_FOUND, Code.HOLD_ALREADY_CAPTURED, Code.HOLD_ALREADY_VOIDED, Code.HOLD_EXPIRED,
            Code.IDEMPOTENCY_KEY_REUSED,
        ),
    ),
    Endpoint(
        "settle_topup", "POST", "/v1/sandbox/topups/{transaction_id}/settle", commands.TPS, "Settle a top-up",
        "Have the money of a pending top-up arrive now.", shapes.TransactionAnswer, body=shapes.EmptyBody,
        codes=(Code.NOT_FOUND, Code.ALREADY_SETTLED, Code.ALREADY_RETURNED),
    ),
    Endpoint(
        "return_topup", "POST", "/v1/sandbox/topups/{transaction_id}/return", commands.TPR, "Return a top-up",
        "Have a top-up come back now, pending or not; what of its money is spent is owed.",
        shapes.TransactionAnswer, body=shapes.EmptyBody, codes=(Code.NOT_FOUND, Code.ALREADY_RETURNED),
    ),
    Endpoint(
        "settle_refund", "POST", "/v1/sandbox/refunds/{transaction_id}/settle", commands.RFS, "Settle a refund",
        "Have a pending refund get through now.", shapes.TransactionAnswer, body=shapes.EmptyBody,
        codes=(Code.NOT_FOUND, Code.ALREADY_SETTLED, Code.ALREADY_RETURNED),
    ),
    Endpoint(
        "fail_refund", "POST", "/v1/sandbox/refunds/{transaction_id}/fail", commands.RFF, "Fail a refund",
        "Have a pending refund fail now; its money is the refunder's again.",
        shapes.TransactionAnswer, body=shapes.EmptyBody,
        codes=(Code.NOT_FOUND, Code.ALREADY_SETTLED, Code.ALREADY_RETURNED),
    ),
    Endpoint(
        "sandbox_clock", "GET", "/v1/sandbox/clock", commands.CKR, "Read the test clock",
        "What time it is for tokens, keys and everything else that ages.", clock_shapes.ClockAnswer,
    ),
    Endpoint(
        "advance_clock", "POST", "/v1/sandbox/clock/advance", commands.CKA, "Advance the test clock",
        "Go forward everywhere; what becomes due by it is done before the answer.",
        clock_shapes.ClockAnswer, body=clock_shapes.AdvanceClockBody,
    ),
    Endpoint(
        "freeze_clock", "POST", "/v1/sandbox/clock/freeze", commands.CKF, "Freeze the test clock",
        "Freeze it, now or at a time ahead.", clock_shapes.ClockAnswer, body=clock_shapes.FreezeClockBody,
    ),
    Endpoint(
        "reset_clock", "POST", "/v1/sandbox/clock/reset", commands.CKX, "Reset the test clock",
        "Tell the real time again.", clock_shapes.ClockAnswer, body=shapes.EmptyBody,
    ),
    Endpoint(
        "reset", "POST", "/v1/sandbox/reset", commands.RST, "Remove all data",
        "Everything but the snapshots: users, money, sessions, rules, the clock's time. Every session ends.",
        clock_shapes.ResetAnswer, body=shapes.EmptyBody,
    ),
    Endpoint(
        "fixtures", "POST", "/v1/sandbox/fixtures", commands.FIX, "Make people and payments",
        "What a test begins with: all of it is made, or nothing.",
        clock_shapes.FixturesAnswer, body=clock_shapes.FixturesBody, codes=(Code.EMAIL_TAKEN,),
    ),
    Endpoint(
        "make_snapshot", "POST", "/v1/sandbox/snapshots", commands.SNM, "Make a snapshot",
        "Keep a copy of all data under a name.", clock_shapes.SnapshotAnswer, body=clock_shapes.SnapshotBody,
    ),
    Endpoint(
        "list_snapshots", "GET", "/v1/sandbox/snapshots", commands.SNL, "List the snapshots",
        "All of them, by name.", clock_shapes.SnapshotsAnswer,
    ),
    Endpoint(
        "restore_snapshot", "POST", "/v1/sandbox/snapshots/{name}/restore", commands.SNR, "Restore a snapshot",
        "Put the data back as they were. Every session ends: log in again.",
        clock_shapes.ResetAnswer, body=shapes.EmptyBody, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "delete_snapshot", "DELETE", "/v1/sandbox/snapshots/{name}", commands.SND, "Delete a snapshot",
        "The copy is deleted; the data are not touched.", shapes.StatusAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "password", "POST", "/v1/password", commands.PWD, "Change your password",
        "Every session ends, and a new one begins: the answer has its token, as that of a login does.",
        shapes.LoginAnswer, body=shapes.PasswordBody, cookie=Cookie.SET, codes=(Code.RATE_LIMITED,),
    ),
    Endpoint(
        "email", "POST", "/v1/email", commands.EML, "Change your email",
        "Every session ends, and a new one begins. Nobody else gets the old email: money sent there still comes.",
        shapes.LoginAnswer, body=shapes.EmailBody, cookie=Cookie.SET,
        codes=(Code.EMAIL_TAKEN, Code.RATE_LIMITED),
    ),
    Endpoint(
        "close", "POST", "/v1/account/close", commands.CLS, "Close your account",
        "Remove your names, phone and password, if your wallet is empty. Your transactions stay in the books.",
        shapes.StatusAnswer, body=shapes.CloseBody, cookie=Cookie.CLEAR,
        codes=(Code.ACCOUNT_NOT_EMPTY, Code.RATE_LIMITED),
    ),
    Endpoint(
        "add_fault", "POST", "/v1/sandbox/faults", commands.FLT, "Make a fault happen",
        "Put a rule in force: which fault happens, to what, how often, and for how long. docs/faults.md lists them.",
        sandbox_shapes.FaultAnswer, body=sandbox_shapes.AddFaultBody,
    ),
    Endpoint(
        "list_faults", "GET", "/v1/sandbox/faults", commands.FLS, "List the faults' rules",
        "Those in force, in the order in which they are looked at. One that is used up stays until it is too old.",
        sandbox_shapes.FaultsAnswer,
    ),
    Endpoint(
        "clear_faults", "DELETE", "/v1/sandbox/faults", commands.FLC, "Remove every fault's rule",
        "From the next request on, no fault happens any more.", sandbox_shapes.FaultsRemovedAnswer,
    ),
    Endpoint(
        "remove_fault", "DELETE", "/v1/sandbox/faults/{fault_id}", commands.FLR, "Remove a fault's rule",
        "The others stay.", shapes.StatusAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "explain_request", "GET", "/v1/sandbox/requests/{request_id}", commands.WHY, "Ask why a fault happened",
        "What the sandbox did to a request (by its X-Request-Id), and for every rule why it fired, or did not.",
        sandbox_shapes.ExplainAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "idempotency", "GET", "/v1/sandbox/idempotency", commands.IDQ, "Read how idempotency keys behave",
        "Systems differ in it; this is what this service does now.", sandbox_shapes.IdempotencyAnswer,
    ),
    Endpoint(
        "change_idempotency", "POST", "/v1/sandbox/idempotency", commands.IDC, "Change how idempotency keys behave",
        "Take a preset, or change one thing at a time; what is left out stays as it is, or as the preset has it.",
        sandbox_shapes.IdempotencyAnswer, body=sandbox_shapes.IdempotencyBody,
    ),
    Endpoint(
        "requests", "GET", "/v1/sandbox/requests", commands.RQL, "Read the request log",
        "What was asked, by whom, when, and what came of it; the newest first.",
        log_shapes.RequestsAnswer, query=log_shapes.RequestsQuery,
    ),
    Endpoint(
        "follow_requests", "GET", "/v1/sandbox/requests/stream", commands.RQF, "Follow the request log",
        "Server-Sent Events: one for each request as it is answered, its data as in the list; `missed` and `restarted` "
        "where some cannot be told. `Last-Event-ID` goes on after that one. Whoever accepts only JSON gets a page.",
        log_shapes.FollowAnswer, query=log_shapes.FollowQuery, streams=True,
    ),
    Endpoint(
        "audit", "GET", "/v1/sandbox/audit", commands.AUD, "Ask whether your code coped",
        "Whether the money is right, and whether the client behaved: paid twice, left unknown, retried wrongly.",
        log_shapes.AuditAnswer,
    ),
    Endpoint(
        "events", "GET", "/v1/events", commands.EVQ, "Read your events",
        "What has happened to you, newest first. Events are kept while a webhook endpoint of yours listens, or always, "
        "as the service is set.",
        hooks.EventsAnswer, query=hooks.EventsQuery,
    ),
    Endpoint(
        "event", "GET", "/v1/events/{event_id}", commands.EVQ, "Read one event", "As it is delivered.",
        hooks.EventAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "create_webhook_endpoint", "POST", "/v1/webhook_endpoints", commands.WEC, "Make a webhook endpoint",
        "From now on your events are delivered there, signed as Standard Webhooks has it. The secret is shown once.",
        hooks.WebhookEndpointSecretAnswer, body=hooks.WebhookEndpointBody,
    ),
    Endpoint(
        "webhook_endpoints", "GET", "/v1/webhook_endpoints", commands.WEQ, "Read your webhook endpoints",
        "All of them, without their secrets.", hooks.WebhookEndpointsAnswer,
    ),
    Endpoint(
        "webhook_endpoint", "GET", "/v1/webhook_endpoints/{endpoint_id}", commands.WEQ, "Read one webhook endpoint",
        "Whether it is on, and since when it fails.", hooks.WebhookEndpointAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "change_webhook_endpoint", "PATCH", "/v1/webhook_endpoints/{endpoint_id}", commands.WEU,
        "Change a webhook endpoint", "Its address, what it hears, whether it is on.",
        hooks.WebhookEndpointAnswer, body=hooks.WebhookEndpointChangeBody, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "delete_webhook_endpoint", "DELETE", "/v1/webhook_endpoints/{endpoint_id}", commands.WED,
        "Remove a webhook endpoint", "Nothing more is sent there but what is on its way.",
        shapes.StatusAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "rotate_webhook_secret", "POST", "/v1/webhook_endpoints/{endpoint_id}/rotate", commands.WEU,
        "Make a new secret", "Both sign until the overlap is over, so that you can change over in between.",
        hooks.WebhookEndpointSecretAnswer, body=hooks.RotateBody, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "deliveries", "GET", "/v1/webhook_endpoints/{endpoint_id}/deliveries", commands.DLQ, "Read deliveries",
        "What was sent to this endpoint, or is to be, newest first.",
        hooks.DeliveriesAnswer, query=hooks.DeliveriesQuery, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "delivery", "GET", "/v1/webhook_endpoints/{endpoint_id}/deliveries/{event_id}", commands.DLQ,
        "Read one delivery", "With its attempts and what the endpoint answered.",
        hooks.DeliveryAnswer, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "resend", "POST", "/v1/webhook_endpoints/{endpoint_id}/deliveries/{event_id}/resend", commands.DLR,
        "Deliver an event again", "Whatever became of it before; it keeps its id.",
        hooks.DeliverAgainAnswer, body=hooks.ResendBody, codes=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "recover", "POST", "/v1/webhook_endpoints/{endpoint_id}/recover", commands.DLR,
        "Deliver what was missed", "Whatever has happened since then and this endpoint has not accepted.",
        hooks.DeliverAgainAnswer, body=hooks.RecoverBody, codes=(Code.NOT_FOUND,),
    ),
)  # fmt: skip

_OPERATORS = {
    commands.EVQ: commands.OEQ,
    commands.WEC: commands.OWC,
    commands.WEQ: commands.OWQ,
    commands.WEU: commands.OWU,
    commands.WED: commands.OWD,
    commands.DLQ: commands.ODQ,
    commands.DLR: commands.ODR,
}
"""What users may do with their own webhooks, whoever operates the service may do with those of everybody's events."""


def _for_operators(row: Endpoint) -> Endpoint:
    return row._replace(
        name=f"operator_{row.name}",
        path=row.path.replace("/v1/", "/v1/sandbox/"),
        command=_OPERATORS[row.command],
        summary=f"{row.summary}, as the operator",
        description=f"The same as {row.method} {row.path}, for whoever operates the service: of everybody's events.",
    )


ENDPOINTS = _ROWS + tuple(_for_operators(row) for row in _ROWS if row.command in _OPERATORS)


def codes_of(endpoint: Endpoint) -> list[Code]:
    """Every code an endpoint may answer with, beside OK."""
    codes = set(CODES_OF_ALL) | set(endpoint.codes)
    if endpoint.body is not None:
        codes |= set(CODES_OF_BODIES)
    if endpoint.command.auth is not Auth.NONE:
        codes.add(Code.UNAUTHENTICATED)
    if endpoint.command.auth is Auth.SANDBOX:
        codes.add(Code.FORBIDDEN)
    return sorted(codes)
