"""The first round trip of the ledger's transaction: the locks, and then everything that can change.

The order is what keeps two servers apart, so there are two tuples: `LOCKS` are always sent before `READS`. Whoever
holds a user's wallet sees every committed use of this user's keys. Read before the lock, a key that another server is
just storing would seem unused.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shillings.ledger.book import Links
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rows import AccountId, Debt, HoldStatus, KeyOwner, KeyRow, Transit, TransitStatus, Wallet
from shillings.storage.engines import Dialect, Rows
from shillings.storage.sql import id_list, literal


class Scope(NamedTuple):
    """What a batch touches; known before anything is locked.

    Args:
        account_ids: whose wallets are locked.
        token_ids: the sessions it was asked for with.
        keys: its idempotency keys.
        links: what its operations refer to.
    """

    account_ids: set[AccountId]
    token_ids: set[bytes]
    keys: set[KeyOwner]
    links: Links


class Read(NamedTuple):
    """One statement of the first round trip.

    Args:
        name: the field of the `Book` that it fills.
        statement: what is sent; empty when this batch has nothing to ask.
        parse: makes the field of the rows.
    """

    name: str
    statement: Callable[[Scope, Dialect], str]
    parse: Callable[[Rows], Any]


def _lock_wallets(scope: Scope, dialect: Dialect) -> str:
    # In the order of their ids: two batches that want the same wallets cannot each have what the other waits for.
    return (
        "SELECT user_id, email, balance, entry_count FROM users"
        f" WHERE user_id IN ({id_list(sorted(scope.account_ids))}) ORDER BY user_id{dialect.for_update}"
    )


def _wallets(found: Rows) -> dict[AccountId, Wallet]:
    return {(i := bytes(user_id)): Wallet(i, email, balance, count) for user_id, email, balance, count in found}


def _select_revoked(scope: Scope, _dialect: Dialect) -> str:
    if not scope.token_ids:
        return ""
    return f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({id_list(scope.token_ids)})"


def _revoked(found: Rows) -> frozenset[bytes]:
    return frozenset([bytes(row[0]) for row in found])


def _select_keys(scope: Scope, _dialect: Dialect) -> str:
    if not scope.keys:
        return ""
    # The time as text, in its stored form: drivers make a datetime of it otherwise.
    return (
        "SELECT user_id, idempotency_key, fingerprint, outcome, transaction_id, CAST(created_at AS CHAR(26))"
        f" FROM idempotency_keys WHERE {any_key(scope.keys)}"
    )


def _answers(found: Rows) -> dict[KeyOwner, KeyRow]:
    rows = [
        KeyRow(bytes(user_id), key, bytes(fingerprint), Outcome(outcome), bytes(transaction_id), created_at)
        for user_id, key, fingerprint, outcome, transaction_id, created_at in found
    ]
    return {(row.user_id, row.idempotency_key): row for row in rows}


def _lock_holds(scope: Scope, dialect: Dialect) -> str:
    if not scope.links.holds:
        return ""
    ids = id_list(sorted(scope.links.holds))
    return f"SELECT hold_id, status FROM holds WHERE hold_id IN ({ids}) ORDER BY hold_id{dialect.for_update}"


def _hold_states(found: Rows) -> dict[bytes, HoldStatus]:
    return {bytes(hold_id): HoldStatus(status) for hold_id, status in found}


def _select_refunded(scope: Scope, _dialect: Dialect) -> str:
    if not scope.links.transactions:
        return ""
    ids = id_list(scope.links.transactions)
    return f"SELECT transaction_id, SUM(amount) FROM refunds WHERE transaction_id IN ({ids}) GROUP BY transaction_id"


def _refunded(found: Rows) -> dict[bytes, int]:
    return {bytes(transaction_id): int(total) for transaction_id, total in found}


def _lock_transits(scope: Scope, dialect: Dialect) -> str:
    if not scope.links.transits:
        return ""
    ids = id_list(sorted(scope.links.transits))
    return (
        "SELECT transaction_id, refunded_id, status, final, CAST(due_at AS CHAR(26)) FROM transits"
        f" WHERE transaction_id IN ({ids}) ORDER BY transaction_id{dialect.for_update}"
    )


def _transits(found: Rows) -> dict[bytes, Transit]:
    made = [
        Transit(bytes(row_id), bytes(refunded_id), TransitStatus(status), TransitStatus(final), due_at or "")
        for row_id, refunded_id, status, final, due_at in found
    ]
    return {transit.transaction_id: transit for transit in made}


def select_debts(accounts: Mapping[AccountId, Wallet]) -> str:
    """Asks what is owed by those who may owe something, behind the locks; empty when there are none.

    Whoever owes money has an empty wallet that was not always empty, so few batches have anything to ask.
    """
    empty = [user_id for user_id, wallet in accounts.items() if not wallet.balance_minor and wallet.entry_count]
    return f"SELECT user_id, amount FROM debts WHERE user_id IN ({id_list(empty)}) AND amount > 0" if empty else ""


def debts_of(found: Rows) -> dict[AccountId, Debt]:
    """What `select_debts` found."""
    return {(i := bytes(user_id)): Debt(i, amount) for user_id, amount in found}


def any_key(keys: set[KeyOwner] | list[KeyOwner]) -> str:
    """A condition that holds for these keys. MariaDB and SQLite both look each pair up in the primary key."""
    return " OR ".join([f"user_id=x'{u.hex()}' AND idempotency_key={literal(k)}" for u, k in sorted(keys)])


LOCKS: tuple[Read, ...] = (
    Read("accounts", _lock_wallets, _wallets),
    Read("holds", _lock_holds, _hold_states),
    Read("transits", _lock_transits, _transits),
)
READS: tuple[Read, ...] = (
    Read("revoked", _select_revoked, _revoked),
    Read("answers", _select_keys, _answers),
    Read("refunded", _select_refunded, _refunded),
)
