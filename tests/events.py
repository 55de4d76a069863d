"""Do the events say what happened? They are derived once more from what the ledger holds, and compared.

For services that keep everybody's events (`SHILLINGS_EVENTS=always`), and whose users' idempotency keys of payments
begin with `payment`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from shillings.audit.acknowledged import show
from shillings.audit.auditor import Auditor
from shillings.audit.findings import FINDINGS_MAX, Finding


class Told(NamedTuple):
    """One event: whose, of what type, about what, and which of the object's."""

    user_id: bytes
    type: str
    object_id: bytes
    sequence: int


def wrong_events(auditor: Auditor) -> list[Finding]:
    """What is wrong with the events of one snapshot: missing, made up, told twice, or with gaps in their numbers."""
    with auditor._snapshot():
        return list(_wrong(auditor))[:FINDINGS_MAX]


def _wrong(auditor: Auditor) -> Iterator[Finding]:
    found = auditor._all(
        "SELECT user_id, type, object_id, sequence, number, idempotency_key, data FROM events ORDER BY user_id, number"
    )
    events = [(Told(bytes(row[0]), row[1], bytes(row[2]), row[3]), row[4], row[5], row[6]) for row in found]
    due = Counter(_due(auditor))
    told = Counter(one for one, *_ in events if one.type != "payment.declined")
    for which, count in (("is missing", due - told), ("is one too many", told - due)):
        yield from (Finding("events", f"{_shown(one)} {which}") for one in count)
    numbers: Counter[bytes] = Counter()
    for one, number, *_ in events:
        numbers[one.user_id] += 1
        if number != numbers[one.user_id]:
            yield Finding("events", f"{_shown(one)} is number {number}, and the user's {numbers[one.user_id]}th")
    refused = Counter((bytes(row[0]), row[1]) for row in auditor._all(_REFUSED_PAYMENTS))
    declined = Counter((one.user_id, key) for one, _, key, _ in events if one.type == "payment.declined")
    if refused != declined:
        yield Finding("events", f"{refused.total()} payments were refused, {declined.total()} were told of")
    yield from _captures(auditor, [(one, data) for one, _, _, data in events if one.type == "hold.captured"])


_REFUSED_PAYMENTS = (
    "SELECT user_id, idempotency_key FROM idempotency_keys WHERE outcome <> 'ok' AND idempotency_key LIKE 'payment%%'"
)


def _due(auditor: Auditor) -> Iterator[Told]:
    """The events that there must be of what was done."""
    for (user_id,) in auditor._all("SELECT user_id FROM users"):
        yield Told(bytes(user_id), "user.created", bytes(user_id), 1)
    for row in auditor._all("SELECT transaction_id, kind, sender_id, receiver_id FROM transactions"):
        transaction_id, kind, sender_id, receiver_id = bytes(row[0]), row[1], bytes(row[2]), bytes(row[3])
        match kind:
            case "payment":
                yield Told(sender_id, "payment.succeeded", transaction_id, 1)
                yield Told(receiver_id, "payment.received", transaction_id, 1)
            case "topup":
                yield Told(receiver_id, "topup.succeeded", transaction_id, 1)
            case "refund":
                yield Told(sender_id, "refund.succeeded", transaction_id, 1)
                yield Told(receiver_id, "refund.succeeded", transaction_id, 1)
    for row in auditor._all("SELECT hold_id, payer_id, receiver_id, status FROM holds"):
        for user_id in (bytes(row[1]), bytes(row[2])):
            yield Told(user_id, "hold.created", bytes(row[0]), 1)
            if row[3] != "open":
                yield Told(user_id, f"hold.{row[3]}", bytes(row[0]), 2)


def _captures(auditor: Auditor, events: list[tuple[Told, str]]) -> Iterator[Finding]:
    """Each transaction that captures is the one that ended its hold, and both its sides hear the same of it."""
    told = Counter(
        (one.object_id.hex(), data["transaction_id"].replace("-", ""), data["captured_minor"])
        for one, data in [(one, msgspec.json.decode(text)) for one, text in events]
    )
    made = {bytes(row[0]).hex(): row[1] for row in auditor._all(_CAPTURES)}
    holds = {bytes(row[0]).hex(): row[1] for row in auditor._all(_CAPTURED_HOLDS)}
    named = Counter(transaction_id for _, transaction_id, _ in told)
    for transaction_id in made.keys() ^ named.keys():
        yield Finding("captures", f"{transaction_id} is a capture, or is told as one, and not both")
    for (hold_id, transaction_id, captured), count in told.items():
        there = (2, made.get(transaction_id), holds.get(hold_id))
        if (count, captured, captured) != there:
            yield Finding("captures", f"hold {hold_id}: told {count} times of {captured}; there is {there}")


_CAPTURES = "SELECT transaction_id, amount FROM transactions WHERE kind = 'capture'"
_CAPTURED_HOLDS = "SELECT hold_id, captured FROM holds WHERE status = 'captured'"


def _shown(one: Told) -> str:
    return f"{one.type} of {show(one.object_id)} ({one.sequence}) to {show(one.user_id)}"
