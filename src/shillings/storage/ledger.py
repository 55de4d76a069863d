"""The ledger's transaction: a batch of transfers, two round trips, a constant number of statements.

BEGIN
lock every wallet involved, in id order        one SELECT … FOR UPDATE
read the idempotency keys                      one SELECT, after the locks: whoever holds the payer's wallet
read which sessions are revoked                one SELECT       sees every committed use of the payer's keys
    (decide, in memory: ledger/rule.py)
wallets, transactions, entries, keys           one statement each
COMMIT
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shillings import clock
from shillings.ledger.outcomes import Outcome
from shillings.ledger.rule import KeyOwner, rule
from shillings.ledger.transfers import (
    Decision,
    EntryRow,
    KeyRow,
    Ruling,
    StoredAnswer,
    TransactionRow,
    Transfer,
    Wallet,
)
from shillings.storage.lanes import Rows, Session
from shillings.storage.sql import in_list, literal

IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)
RECEIVERS_REMEMBERED_MAX = 200_000
"""Emails whose user ids a process keeps; an email never changes its owner, so they cannot go stale."""


class Receivers:
    """User ids by canonical email, as far as this process has met them."""

    def __init__(self) -> None:
        self._ids: dict[str, bytes] = {}

    def find(self, session: Session, emails: set[str]) -> dict[str, bytes]:
        """The ids of the users with these emails; one SELECT for those not met before."""
        known = {email: self._ids[email] for email in emails if email in self._ids}
        missing = emails - known.keys()
        if missing:
            [found] = session.visit(f"SELECT email, user_id FROM users WHERE email IN ({in_list(missing)})")
            met = {email: bytes(user_id) for email, user_id in found}
            if len(self._ids) + len(met) > RECEIVERS_REMEMBERED_MAX:
                self._ids.clear()
            self._ids.update(met)
            known |= met
        return known


class LedgerBatch:
    """A batch on its way through the database; `carry_out` is a Lane's work.

    It may be run again after a COMMIT whose answer was lost. A batch commits whole or not at all, and its
    transaction ids are made before it, so one look (under the wallets' locks, which a half-dead predecessor
    would still hold) tells whether it did. A batch of refusals has no transaction, so its first key is looked for.
    """

    def __init__(
        self, transfers: Sequence[Transfer], receivers: Receivers, now: Callable[[], datetime] = clock.now
    ) -> None:
        self._transfers = transfers
        self._receivers = receivers
        self._now = now
        self._in_doubt: tuple[Ruling, str] | None = None

    def carry_out(self, session: Session) -> list[Decision]:
        """Decide the batch and make it durable. Returns one decision for each transfer, in order."""
        emails = {t.receiver_email for t in self._transfers if t.receiver_email}
        receivers = self._receivers.find(session, emails) if emails else {}
        moment = self._now()
        oldest_key = clock.stored(moment - IDEMPOTENCY_KEY_LIFETIME)
        wallets, answers, expired, revoked = self._lock_and_read(session, receivers, oldest_key)
        if self._in_doubt is not None and self._committed(session, *self._in_doubt):
            session.visit("ROLLBACK")
            return self._in_doubt[0].decisions
        ruling = rule(self._transfers, wallets, receivers, answers, revoked)
        written_at = clock.stored(moment)
        writes = _writes(ruling, wallets, written_at)
        if not writes:
            session.visit("ROLLBACK")
            return ruling.decisions
        self._in_doubt = ruling, written_at
        session.commit(*_forget(expired), *writes)
        return ruling.decisions

    def _lock_and_read(
        self, session: Session, receivers: dict[str, bytes], oldest_key: str
    ) -> tuple[dict[bytes, Wallet], dict[KeyOwner, StoredAnswer], list[KeyOwner], frozenset[bytes]]:
        transfers = self._transfers
        user_ids = sorted({t.user_id for t in transfers} | set(receivers.values()))
        keys = {(t.user_id, t.idempotency_key) for t in transfers if t.idempotency_key}
        statements = [
            session.dialect.begin,
            (
                f"SELECT user_id, email, balance, entry_count FROM users WHERE user_id IN ({in_list(user_ids)})"
                f" ORDER BY user_id{session.dialect.for_update}"
            ),
            f"SELECT token_id FROM revoked_tokens WHERE token_id IN ({in_list({t.token_id for t in transfers})})",
        ]
        if keys:
            statements.append(
                "SELECT user_id, idempotency_key, fingerprint, outcome, transaction_id, created_at"
                f" FROM idempotency_keys WHERE {_any_key(keys)}"
            )
        answers = session.visit(*statements)
        wallets = {bytes(row[0]): Wallet(bytes(row[0]), row[1], row[2], row[3]) for row in answers[1]}
        stored, expired = _read_keys(answers[3] if keys else (), oldest_key)
        return wallets, stored, expired, frozenset(bytes(row[0]) for row in answers[2])

    @staticmethod
    def _committed(session: Session, ruling: Ruling, written_at: str) -> bool:
        if ruling.transactions:
            identifier = literal(ruling.transactions[0].transaction_id)
            look = f"SELECT transaction_id FROM transactions WHERE transaction_id = {identifier}"
        else:
            key = ruling.keys[0]
            owner = _any_key([(key.user_id, key.idempotency_key)])
            # The time tells it from the same key, kept meanwhile by another server.
            look = f"SELECT user_id FROM idempotency_keys WHERE {owner} AND created_at = '{written_at}'"
        [found] = session.visit(look)
        return bool(found)


def _read_keys(found: Rows, oldest_key: str) -> tuple[dict[KeyOwner, StoredAnswer], list[KeyOwner]]:
    """The answers that still hold, and the keys whose lifetime is over."""
    stored: dict[KeyOwner, StoredAnswer] = {}
    expired: list[KeyOwner] = []
    for user_id, key, fingerprint, outcome, transaction_id, created_at in found:
        owner = (bytes(user_id), key)
        if str(created_at) < oldest_key:
            expired.append(owner)
        else:
            stored[owner] = StoredAnswer(bytes(fingerprint), Outcome(outcome), bytes(transaction_id))
    return stored, expired


def _any_key(keys: set[KeyOwner] | list[KeyOwner]) -> str:
    """A condition that holds for these keys. MariaDB and SQLite both look each pair up in the primary key."""
    return " OR ".join([f"user_id={literal(u)} AND idempotency_key={literal(k)}" for u, k in sorted(keys)])


def _forget(expired: list[KeyOwner]) -> list[str]:
    """Make room for keys that are used anew after their lifetime, before the purge has met them."""
    return [f"DELETE FROM idempotency_keys WHERE {_any_key(expired)}"] if expired else []


def _writes(ruling: Ruling, wallets: dict[bytes, Wallet], moment: str) -> list[str]:
    """One statement for each table that the ruling touches."""
    statements = []
    if ruling.transactions:
        statements.append(_update([w for w in wallets.values() if w.changed], moment))
        statements.append(_insert_transactions(ruling.transactions, moment))
        statements.append(_insert_entries(ruling.entries))
    if ruling.keys:
        statements.append(_insert_keys(ruling.keys, moment))
    return statements


# Here the text of a row is written out, not put together value by value with `literal`: it is the same text in a
# third of the time, and these rows are most of what the ledger's thread does. Emails and keys still go through
# `literal`; everything else is digits, hex, or a word of ours.


def _update(wallets: list[Wallet], moment: str) -> str:
    """All wallets in one statement; the same text runs on every engine."""
    ids = [f"x'{w.user_id.hex()}'" for w in wallets]
    balances = " ".join([f"WHEN {i} THEN {w.balance}" for i, w in zip(ids, wallets, strict=True)])
    counts = " ".join([f"WHEN {i} THEN {w.entry_count}" for i, w in zip(ids, wallets, strict=True)])
    return (
        f"UPDATE users SET balance = CASE user_id {balances} END, entry_count = CASE user_id {counts} END,"
        f" updated_at = '{moment}' WHERE user_id IN ({','.join(ids)})"
    )


def _insert_transactions(transactions: list[TransactionRow], moment: str) -> str:
    rows = [
        f"(x'{t.transaction_id.hex()}','{t.kind.value}',x'{t.sender_id.hex()}',{literal(t.sender_email)},"
        f"x'{t.receiver_id.hex()}',{literal(t.receiver_email)},{t.amount},'{moment}')"
        for t in transactions
    ]
    return (
        "INSERT INTO transactions (transaction_id, kind, sender_id, sender_email, receiver_id, receiver_email,"
        f" amount, created_at) VALUES {','.join(rows)}"
    )


def _insert_entries(entries: list[EntryRow]) -> str:
    rows = [f"(x'{e[0].hex()}',{e[1]},x'{e[2].hex()}',{e[3]},{e[4]})" for e in entries]
    return f"INSERT INTO entries (account_id, seq, transaction_id, amount, balance) VALUES {','.join(rows)}"


def _insert_keys(keys: list[KeyRow], moment: str) -> str:
    rows = [
        f"(x'{k.user_id.hex()}',{literal(k.idempotency_key)},x'{k.fingerprint.hex()}','{k.outcome.value}',"
        f"x'{k.transaction_id.hex()}','{moment}')"
        for k in keys
    ]
    return (
        "INSERT INTO idempotency_keys (user_id, idempotency_key, fingerprint, outcome, transaction_id, created_at)"
        f" VALUES {','.join(rows)}"
    )
