"""The second round trip of the ledger's transaction: one statement for each class of rows that the book holds.

The text of a row is written out here, not put together value by value with `literal`: it is the same text in a third of
the time, and these rows are most of what the ledger's thread does. Emails and keys still go through `literal`;
everything else is digits, hex, or a word of ours. SQLite, which nobody travels to, takes the rows of the four largest
classes beside the statement instead.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shillings.ledger.events import DeliveryRow, EventRow
from shillings.ledger.rows import (
    Debt,
    DetailsRow,
    EntryRow,
    ExpiredKey,
    HoldEnd,
    HoldStatus,
    HoldTerms,
    KeyRow,
    RefundEnd,
    RefundRow,
    TransactionRow,
    Transit,
    TransitRow,
    Wallet,
)
from shillings.storage.engines import Dialect
from shillings.storage.event_writes import insert_deliveries, insert_events
from shillings.storage.ledger_reads import any_key
from shillings.storage.sql import Bound, in_list, literal


class Proof(NamedTuple):
    """A SELECT that finds `rows` rows if certain rows were committed, and fewer if they were not."""

    statement: str
    rows: int


class Write(NamedTuple):
    """How rows of one class get into their table.

    Args:
        table: where they go.
        row: their class.
        statement: writes them all; it takes the rows and the time, in its stored form.
        is_exact: whether the statement must change exactly as many rows as it was given. If it changes another number,
            the statement behind it fails, and the COMMIT is never reached. An INSERT needs no such guard, because it
            fails by itself.
        proof: how to know later that they were committed; for rows that nobody else could have written.
        bound: writes them where rows are bound; for those that there is much of. Each row must change exactly one.
    """

    table: str
    row: type
    statement: Callable[[list[Any], str], str]
    is_exact: bool = False
    proof: Callable[[list[Any], str], Proof] | None = None
    bound: Callable[[list[Any], str], Bound] | None = None


def _delete_keys(keys: list[ExpiredKey], _now: str) -> str:
    return f"DELETE FROM idempotency_keys WHERE {any_key([(key.user_id, key.idempotency_key) for key in keys])}"


def _update_wallets(wallets: list[Wallet], now: str) -> str:
    """All wallets in one statement; the same text runs on every engine."""
    ids = [f"x'{w.user_id.hex()}'" for w in wallets]
    balances = " ".join([f"WHEN {i} THEN {w.balance_minor}" for i, w in zip(ids, wallets, strict=True)])
    counts = " ".join([f"WHEN {i} THEN {w.entry_count}" for i, w in zip(ids, wallets, strict=True)])
    return (
        f"UPDATE users SET balance = CASE user_id {balances} END, entry_count = CASE user_id {counts} END,"
        f" updated_at = '{now}' WHERE user_id IN ({','.join(ids)})"
    )


def _update_each_wallet(wallets: list[Wallet], now: str) -> Bound:
    return Bound(
        "UPDATE users SET balance = ?, entry_count = ?, updated_at = ? WHERE user_id = ?",
        [(wallet.balance_minor, wallet.entry_count, now, wallet.user_id) for wallet in wallets],
    )


def _insert_transactions(transactions: list[TransactionRow], now: str) -> str:
    rows = [
        f"(x'{t.transaction_id.hex()}','{t.kind}',x'{t.sender_id.hex()}',{literal(t.sender_email)},"
        f"x'{t.receiver_id.hex()}',{literal(t.receiver_email)},{t.amount_minor},'{now}')"
        for t in transactions
    ]
    return (
        "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email,"
        f" amount, created_at) VALUES {','.join(rows)}"
    )


def _insert_each_transaction(transactions: list[TransactionRow], now: str) -> Bound:
    return Bound(
        "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email,"
        " amount, created_at) VALUES (?,?,?,?,?,?,?,?)",
        [(*transaction, now) for transaction in transactions],
    )


def _transactions_proof(transactions: list[TransactionRow], _now: str) -> Proof:
    # A batch commits whole or not at all, so a row with an id that was made for it tells about all of it. All of them
    # are looked for, because the release of a hold whose time is over has the same id whoever writes it.
    ids = in_list([row.transaction_id for row in transactions])
    return Proof(f"SELECT transaction_id FROM transactions WHERE transaction_id IN ({ids})", len(transactions))


def _insert_entries(entries: list[EntryRow], _now: str) -> str:
    rows = [
        f"(x'{account.hex()}',{seq},x'{of.hex()}',{amount},{balance})" for account, seq, of, amount, balance in entries
    ]
    return f"INSERT INTO entries (account_id, seq, transaction_id, amount, balance) VALUES {','.join(rows)}"


def _insert_each_entry(entries: list[EntryRow], _now: str) -> Bound:
    return Bound("INSERT INTO entries (account_id, seq, transaction_id, amount, balance) VALUES (?,?,?,?,?)", entries)


def _insert_keys(keys: list[KeyRow], _now: str) -> str:
    rows = [
        f"(x'{k.user_id.hex()}',{literal(k.idempotency_key)},x'{k.fingerprint.hex()}','{k.outcome}',"
        f"x'{k.transaction_id.hex()}','{k.created_at}')"
        for k in keys
    ]
    return (
        "INSERT INTO idempotency_keys (user_id, idempotency_key, fingerprint, outcome, transaction_id, created_at)"
        f" VALUES {','.join(rows)}"
    )


def _insert_each_key(keys: list[KeyRow], _now: str) -> Bound:
    return Bound(
        "INSERT INTO idempotency_keys (user_id, idempotency_key, fingerprint, outcome, transaction_id, created_at)"
        " VALUES (?,?,?,?,?,?)",
        keys,
    )


def _keys_proof(keys: list[KeyRow], _now: str) -> Proof:
    # Another server may have kept the same key meanwhile. Rows that are all equal to ours say the same as ours would.
    same = " OR ".join(
        [
            f"{any_key([(key.user_id, key.idempotency_key)])} AND fingerprint={literal(key.fingerprint)}"
            f" AND outcome='{key.outcome}' AND transaction_id={literal(key.transaction_id)}"
            f" AND created_at='{key.created_at}'"
            for key in keys
        ]
    )
    return Proof(f"SELECT user_id FROM idempotency_keys WHERE {same}", len(keys))


def _events_proof(events: list[EventRow], _now: str) -> Proof:
    # Theirs too are made for this batch; they are asked where a batch holds nothing but refusals without a key.
    return Proof(f"SELECT event_id FROM events WHERE event_id = {literal(events[0].event_id)}", 1)


def _insert_holds(holds: list[HoldTerms], now: str) -> str:
    rows = [
        f"(x'{h.hold_id.hex()}',x'{h.payer_id.hex()}',{literal(h.payer_email)},x'{h.receiver_id.hex()}',"
        f"{literal(h.receiver_email)},{h.amount_minor},0,'{HoldStatus.OPEN}','{h.expires_at}','{now}')"
        for h in holds
    ]
    return (
        "INSERT INTO holds (hold_id, payer_id, payer_email, receiver_id, receiver_email, amount, captured, status,"
        f" expires_at, created_at) VALUES {','.join(rows)}"
    )


def _update_holds(ends: list[HoldEnd], _now: str) -> str:
    ids = [f"x'{end.hold_id.hex()}'" for end in ends]
    statuses = " ".join([f"WHEN {i} THEN '{end.status}'" for i, end in zip(ids, ends, strict=True)])
    captured = " ".join([f"WHEN {i} THEN {end.captured_minor}" for i, end in zip(ids, ends, strict=True)])
    return (
        f"UPDATE holds SET status = CASE hold_id {statuses} END, captured = CASE hold_id {captured} END"
        f" WHERE hold_id IN ({','.join(ids)})"
    )


def _insert_refunds(refunds: list[RefundRow], _now: str) -> str:
    rows = [f"(x'{r.transaction_id.hex()}',x'{r.refund_id.hex()}',{r.amount_minor})" for r in refunds]
    return f"INSERT INTO refunds (transaction_id, refund_id, amount) VALUES {','.join(rows)}"


def _delete_refunds(ends: list[RefundEnd], _now: str) -> str:
    which = " OR ".join(
        [f"transaction_id={literal(e.transaction_id)} AND refund_id={literal(e.refund_id)}" for e in ends]
    )
    return f"DELETE FROM refunds WHERE {which}"


def _insert_transits(transits: list[TransitRow], _now: str) -> str:
    rows = [
        f"({','.join(map(literal, t[:4]))},{t.amount_minor},'{t.status}','{t.final}',{_moment(t.due_at)})"
        for t in transits
    ]
    return (
        "INSERT INTO transits (transaction_id, sender_id, receiver_id, refunded_id, amount, status, final, due_at)"
        f" VALUES {','.join(rows)}"
    )


def _update_transits(transits: list[Transit], _now: str) -> str:
    ids = [literal(transit.transaction_id) for transit in transits]
    statuses = " ".join([f"WHEN {i} THEN '{t.status}'" for i, t in zip(ids, transits, strict=True)])
    # Whatever ends a transit leaves nothing that is due.
    return (
        f"UPDATE transits SET status = CASE transaction_id {statuses} END, due_at = NULL"
        f" WHERE transaction_id IN ({','.join(ids)})"
    )


def _replace_debts(debts: list[Debt], _now: str) -> str:
    rows = [f"({literal(debt.user_id)},{debt.amount_minor})" for debt in debts]
    return f"REPLACE INTO debts (user_id, amount) VALUES {','.join(rows)}"


def _moment(text: str) -> str:
    return f"'{text}'" if text else "NULL"


def _insert_details(details: list[DetailsRow], _now: str) -> str:
    rows = [
        f"(x'{d.transaction_id.hex()}',x'{d.user_id.hex()}',{literal(d.reference)},{literal(d.metadata)})"
        for d in details
    ]
    return f"INSERT INTO transaction_details (transaction_id, user_id, reference, metadata) VALUES {','.join(rows)}"


WRITES = (
    Write("idempotency_keys", ExpiredKey, _delete_keys),
    Write("users", Wallet, _update_wallets, is_exact=True, bound=_update_each_wallet),
    Write(
        "transactions",
        TransactionRow,
        _insert_transactions,
        proof=_transactions_proof,
        bound=_insert_each_transaction,
    ),
    Write("entries", EntryRow, _insert_entries, bound=_insert_each_entry),
    Write("holds", HoldTerms, _insert_holds),
    Write("holds", HoldEnd, _update_holds, is_exact=True),
    Write("refunds", RefundRow, _insert_refunds),
    Write("refunds", RefundEnd, _delete_refunds, is_exact=True),
    Write("transits", TransitRow, _insert_transits),
    Write("transits", Transit, _update_transits, is_exact=True),
    Write("debts", Debt, _replace_debts),
    Write("transaction_details", DetailsRow, _insert_details),
    Write("idempotency_keys", KeyRow, _insert_keys, proof=_keys_proof, bound=_insert_each_key),
    Write("events", EventRow, insert_events, proof=_events_proof),
    Write("deliveries", DeliveryRow, insert_deliveries),
)
"""In the order in which they are sent: a key's row makes room before the key is stored again."""

_PLACES = {write.row: place for place, write in enumerate(WRITES)}


def statements(rows: Mapping[type, list[Any]], now: str, dialect: Dialect) -> list[str]:
    """What writes these rows; nothing when there are none.

    Raises:
        KeyError: nothing writes rows of this class.
    """
    sent: list[str] = []
    required = ""
    # Only what is there is gone through, because a batch has few of many classes of rows.
    for place in sorted([_PLACES[row] for row, found in rows.items() if found]):
        write = WRITES[place]
        found = rows[write.row]
        if dialect.binds_rows and write.bound is not None:
            sent += [dialect.require(required)] if required else []
            sent.append(write.bound(found, now))
            required = ""
            continue
        text = write.statement(found, now)
        sent += _requiring(required, text, dialect) if required else (text,)
        required = f"{dialect.changed} = {len(found)}" if write.is_exact else ""
    if required:
        sent.append(dialect.require(required))
    return sent


def _requiring(condition: str, text: str, dialect: Dialect) -> tuple[str, ...]:
    """A statement that fails unless a condition holds. It may be about the statement before.

    The condition rides in the first value of an INSERT, which is an id and cannot be NULL. There it costs a fraction of
    what a statement of its own does.
    """
    head, values, tail = text.partition(" VALUES (")
    if not values:
        return dialect.require(condition), text
    identifier, comma, others = tail.partition(",")
    return (f"{head}{values}CASE WHEN {condition} THEN {identifier} END{comma}{others}",)


def proof(rows: Mapping[type, list[Any]], now: str) -> Proof:
    """How to know whether these rows were committed, which are those of one whole batch."""
    for write in WRITES:
        if write.proof is not None and (found := rows.get(write.row)):
            return write.proof(found, now)
    raise AssertionError("a batch writes a transaction, a key, an event, or nothing")
