"""Every fault there is, in the order in which people are told about them."""

from shillings.sandbox.faults.decline import Declined
from shillings.sandbox.faults.deliveries import (
    BadSignatureDelivery,
    BeforeResponse,
    DelayDelivery,
    DropDelivery,
    DuplicateDelivery,
    ReorderDeliveries,
    StaleDelivery,
)
from shillings.sandbox.faults.duplicate import Duplicate
from shillings.sandbox.faults.error import Error
from shillings.sandbox.faults.error_after_commit import ErrorAfterCommit
from shillings.sandbox.faults.expired_session import ExpiredSession
from shillings.sandbox.faults.garbled_response import GarbledResponse
from shillings.sandbox.faults.latency import Latency
from shillings.sandbox.faults.lost_response import LostResponse
from shillings.sandbox.faults.pending_refund import PendingRefund
from shillings.sandbox.faults.pending_topup import PendingTopup
from shillings.sandbox.faults.rate_limit import RateLimit
from shillings.sandbox.faults.slow_response import SlowResponse
from shillings.sandbox.subjects import Subject

REQUEST = Subject(
    "request",
    (
        Declined,
        Latency,
        Error,
        RateLimit,
        ExpiredSession,
        Duplicate,
        LostResponse,
        ErrorAfterCommit,
        SlowResponse,
        GarbledResponse,
        PendingTopup,
        PendingRefund,
    ),
    ("endpoint", "user_email", "receiver_email", "amount", "idempotency_key"),
)
"""A request of a client's."""

DELIVERY = Subject(
    "delivery",
    (
        DuplicateDelivery,
        ReorderDeliveries,
        DropDelivery,
        DelayDelivery,
        BadSignatureDelivery,
        StaleDelivery,
        BeforeResponse,
    ),
    ("event_type", "endpoint_id", "object_id"),
)
"""An attempt to deliver a webhook."""

SUBJECTS = (REQUEST, DELIVERY)
"""Everything that faults happen to. Where two have a fault of one name, see `choose`."""
