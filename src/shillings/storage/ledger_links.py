"""What operations refer to and what never changes: read before anything is locked, and as far as possible remembered.

An email never changes its owner, and a transaction never changes at all, so what was found once stays true. What was
not found is not remembered: the email that is nobody's now may sign up a moment later.
"""

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from shillings.base.bounded import BoundedMap
from shillings.ledger.book import Links
from shillings.ledger.operation import Needs, Operation
from shillings.ledger.rows import HoldTerms, Kind, TransactionRow
from shillings.storage.engines import Rows
from shillings.storage.executor import Connection
from shillings.storage.sql import in_list

RECEIVERS_REMEMBERED_MAX = 200_000
"""Emails whose user ids a process keeps: some tens of megabytes."""

RECEIVERS_BYTES_MAX = 16 << 20
"""How long they may be together: the most emails have some thirty characters."""


class Link(NamedTuple):
    """One kind of reference.

    Args:
        name: the field of `Links` it fills.
        need: what of it an operation refers to.
        statement: finds it, one row for each.
        parse: what was found, by what is referred to.
        remembered_max: how many of them a process keeps; 0 where they are seldom asked for twice.
        remembered_bytes_max: where they are texts, how many bytes they may have together.
    """

    name: str
    need: Callable[[Needs], Collection[Any]]
    statement: Callable[[Collection[Any]], str]
    parse: Callable[[Rows], dict[Any, Any]]
    remembered_max: int = 0
    remembered_bytes_max: int | None = None


def _select_users(emails: Collection[str]) -> str:
    return f"SELECT email, user_id FROM emails WHERE email IN ({in_list(emails)})"


def _user_ids(found: Rows) -> dict[str, bytes]:
    return {email: bytes(user_id) for email, user_id in found}


def _select_transactions(transaction_ids: Collection[bytes]) -> str:
    return (
        "SELECT transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email, amount"
        f" FROM transactions WHERE transaction_id IN ({in_list(transaction_ids)})"
    )


def _transactions(found: Rows) -> dict[bytes, TransactionRow]:
    made = [
        TransactionRow(bytes(row_id), Kind(kind), bytes(sender_id), sender, bytes(receiver_id), receiver, amount)
        for row_id, kind, sender_id, sender, receiver_id, receiver, amount in found
    ]
    return {row.transaction_id: row for row in made}


def _select_holds(hold_ids: Collection[bytes]) -> str:
    return (
        "SELECT hold_id, payer_id, payer_email, receiver_id, receiver_email, amount, CAST(expires_at AS CHAR(26))"
        f" FROM holds WHERE hold_id IN ({in_list(hold_ids)})"
    )


def _holds(found: Rows) -> dict[bytes, HoldTerms]:
    made = [
        HoldTerms(bytes(hold_id), bytes(payer_id), payer, bytes(receiver_id), receiver, amount, expires_at)
        for hold_id, payer_id, payer, receiver_id, receiver, amount, expires_at in found
    ]
    return {terms.hold_id: terms for terms in made}


LINKS = (
    Link("users", attrgetter("emails"), _select_users, _user_ids, RECEIVERS_REMEMBERED_MAX, RECEIVERS_BYTES_MAX),
    Link("transactions", attrgetter("transaction_ids"), _select_transactions, _transactions),
    Link("holds", attrgetter("hold_ids"), _select_holds, _holds),
    Link("transits", attrgetter("transit_ids"), _select_transactions, _transactions),
)


_Memory = BoundedMap[Any, Any]


class KnownLinks:
    """The links that a process has found before.

    Args:
        links: the kinds of reference there are.
    """

    def __init__(self, links: tuple[Link, ...] = LINKS) -> None:
        self._links = links
        self._remembered = self._nothing()

    def clear(self) -> None:
        """Forget everything, also what is being read at this moment on another thread: it goes into the old memory."""
        self._remembered = self._nothing()

    def find(self, connection: Connection, operations: Iterable[Operation]) -> Links:
        """What these operations refer to. What is not remembered is read, in one round trip for all kinds."""
        remembered = self._remembered
        needs = [operation.needs() for operation in operations]
        found: dict[str, dict[Any, Any]] = {}
        missing: list[tuple[Link, Collection[Any]]] = []
        for link in self._links:
            needed: set[Any] = set().union(*map(link.need, needs))
            if not needed:
                continue
            known = found[link.name] = _recall(remembered.get(link.name), needed)
            if len(known) < len(needed):
                missing.append((link, needed - known.keys()))
        if missing:
            answers = connection.query(*[link.statement(keys) for link, keys in missing])
            for (link, _), rows in zip(missing, answers, strict=True):
                _keep(remembered.get(link.name), met := link.parse(rows))
                found[link.name].update(met)
        return Links(**found)

    def _nothing(self) -> dict[str, _Memory]:
        return {
            link.name: BoundedMap(entries_max=link.remembered_max, key_bytes_max=link.remembered_bytes_max)
            for link in self._links
            if link.remembered_max
        }


def _recall(memory: _Memory | None, needed: set[Any]) -> dict[Any, Any]:
    if memory is None:
        return {}
    recall = memory.get
    return {key: value for key in needed if (value := recall(key)) is not None}


def _keep(memory: _Memory | None, met: dict[Any, Any]) -> None:
    if memory is not None:
        for key, value in met.items():
            memory[key] = value
