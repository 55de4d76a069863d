"""Does the ledger hold what clients were told? Nothing acknowledged may be lost, doubled or something else."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from shillings.audit.findings import Finding


class Transaction(NamedTuple):
    """One row of the transactions table; the emails are empty where the side is no user."""

    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int


class Acknowledged(NamedTuple):
    """A transaction that a client was told is done.

    Args:
        transaction_id: 16 bytes, as the answer said.
        kind: as in the ledger: payment, topup.
        sender_email: empty for a top-up.
        receiver_email: who got the money.
        amount: minor units.
        began, ended: when the client asked and when it knew, on one monotonic clock; 0 where nobody noted it.
    """

    transaction_id: bytes
    kind: str
    sender_email: str
    receiver_email: str
    amount: int
    began: float = 0.0
    ended: float = 0.0


def named_twice(transaction_ids: Iterable[bytes]) -> Iterator[Finding]:
    """Transactions that were acknowledged for more than one request: money that one of them never moved."""
    for transaction_id, count in Counter(transaction_ids).items():
        if count > 1:
            yield Finding("doubled", f"{show(transaction_id)} was acknowledged for {count} requests")


def missing(transaction_ids: Iterable[bytes], there: Collection[bytes]) -> Iterator[Finding]:
    """Transactions that were acknowledged and are not in the ledger."""
    for transaction_id in transaction_ids:
        if transaction_id not in there:
            yield Finding("lost", f"{show(transaction_id)} was acknowledged and is lost")


def differences(ledger: Mapping[bytes, Transaction], told: Iterable[Acknowledged]) -> Iterator[Finding]:
    """Transactions that are in the ledger, and are not what was acknowledged."""
    for one in told:
        found = ledger.get(one.transaction_id)
        if found is not None and found != one[:5]:
            name = show(one.transaction_id)
            yield Finding("different", f"{name} was acknowledged as {one[1:5]}, the ledger has {found[1:]}")


def untold(ledger: Iterable[bytes], told: Collection[bytes]) -> Iterator[Finding]:
    """Transactions that nobody was told of, where everybody told of anything is heard."""
    for transaction_id in ledger:
        if transaction_id not in told:
            yield Finding("untold", f"{show(transaction_id)} moved money and nobody was told")


def out_of_order(entries: Iterable[tuple[bytes, int, bytes]], told: Iterable[Acknowledged]) -> Iterator[Finding]:
    """Where an account's history contradicts the clock: what had ended before another began comes first.

    Args:
        entries: account, number and transaction of each, by account and number.
        told: what was acknowledged, and when.
    """
    times = {one.transaction_id: (one.began, one.ended) for one in told if one.ended}
    latest: dict[bytes, float] = {}
    for account_id, seq, transaction_id in entries:
        if transaction_id in times:
            began, ended = times[transaction_id]
            if ended < latest.get(account_id, 0.0):
                yield Finding("order", f"{show(account_id)}: entry {seq} had ended before an earlier one began")
            latest[account_id] = max(began, latest.get(account_id, 0.0))


def show(identifier: bytes) -> str:
    """An id as the API shows it."""
    return str(UUID(bytes=identifier))
