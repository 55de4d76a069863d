"""Events: what there is to tell, and the JSON in which it is told.

An event is kept as its data, with amounts in minor units under names that end in `_minor`. Whoever shows it, the web
layer or the deliverer, makes the same JSON of it with `body_of`: amounts as decimals under their short names.
"""

from enum import StrEnum
from typing import Any

import msgspec

from shillings.base.money import Currency

MINOR = "_minor"

Data = dict[str, Any]
"""An event's own facts: strings, integers, null, or flat maps of strings."""


class EventType(StrEnum):
    """What can happen that somebody may want to hear of."""

    PAYMENT_SUCCEEDED = "payment.succeeded"
    """You have paid somebody."""

    PAYMENT_RECEIVED = "payment.received"
    """Somebody has paid you."""

    PAYMENT_DECLINED = "payment.declined"
    """A payment of yours was refused, and nothing moved."""

    TOPUP_PENDING = "topup.pending"
    """A top-up was asked for, and its money is on its way: not yours to spend yet."""

    TOPUP_SUCCEEDED = "topup.succeeded"
    """Money has come to your wallet from outside."""

    TOPUP_RETURNED = "topup.returned"
    """A top-up has come back, and its money is taken again."""

    REFUND_SUCCEEDED = "refund.succeeded"
    """A payment was given back, in part or whole; the payer and the receiver are both told."""

    REFUND_PENDING = "refund.pending"
    """A refund is on its way; its money has left the refunder. Both are told, as of all that becomes of it."""

    REFUND_FAILED = "refund.failed"
    """A refund did not get through; its money is the refunder's again."""

    HOLD_CREATED = "hold.created"
    """Money was put on hold; the payer and the receiver are both told, as of all that becomes of the hold."""

    HOLD_CAPTURED = "hold.captured"
    """The receiver has taken the money on hold, in part or whole."""

    HOLD_VOIDED = "hold.voided"
    """The receiver has let the money on hold go."""

    HOLD_EXPIRED = "hold.expired"
    """The time of a hold was over."""

    USER_CREATED = "user.created"
    """You have signed up."""

    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    """An endpoint was switched off: it answered 410, or failed for long."""


def body_of(event_type: str, timestamp: str, data: Data, currency: Currency) -> bytes:
    """The JSON of an event, the same bytes whenever and wherever it is made.

    Args:
        event_type: see EventType.
        timestamp: when it happened, RFC 3339.
        data: what is kept of it.
        currency: how amounts are written.

    >>> body_of("topup.succeeded", "2026-01-02T03:04:05Z", {"amount_minor": 1250}, Currency("USD", 2))
    b'{"type":"topup.succeeded","timestamp":"2026-01-02T03:04:05Z","data":{"amount":"12.50","currency":"USD"}}'
    """
    return msgspec.json.encode({"type": event_type, "timestamp": timestamp, "data": shown(data, currency)})


def shown(data: Data, currency: Currency) -> Data:
    """An event's data as people see them: amounts are decimals, and where there is one the currency is named.

    >>> shown({"user_id": "u"}, Currency("USD", 2))
    {'user_id': 'u'}
    """
    made = {
        name.removesuffix(MINOR): currency.format(value) if name.endswith(MINOR) else value
        for name, value in data.items()
    }
    return made if made.keys() == data.keys() else made | {"currency": currency.code}
