"""What must hold about the ledger by itself: one query for each rule, which finds the rows that break it.

The tables and columns are named as the documentation names them. The statements are understood by SQLite, MariaDB and
MySQL alike. They return few columns, which the sentence shows; an id is shown as the API shows it.

A rule about another table is one more row in `CHECKS`.
"""

from enum import IntEnum
from typing import NamedTuple

from shillings.audit.flows import FLOWS, FUNDING_ID, Side


class Depth(IntEnum):
    """How thorough an audit is."""

    ACCOUNTS = 1
    """Each account against the sums of its entries: a few passes over each table, whatever its size."""
    LINES = 2
    """Each line and each transaction as well: sorts the entries."""


class Check(NamedTuple):
    """One rule.

    Args:
        code: what its findings are called.
        sentence: says what is wrong; {0}, {1} and so on are the columns of a row that was found.
        statement: finds the rows that break the rule.
        depth: the least thorough audit that it is part of.
    """

    code: str
    sentence: str
    statement: str
    depth: Depth = Depth.ACCOUNTS


_FUNDING = f"x'{FUNDING_ID.hex()}'"
_KINDS = ", ".join(f"'{flow.kind}'" for flow in FLOWS)
_RECEIVERS = ", ".join(f"'{flow.kind}'" for flow in FLOWS if flow.is_receivers)
_TO_NOBODY = ", ".join(f"'{flow.kind}'" for flow in FLOWS if not flow.to_users)
_FROM_NOBODY = ", ".join(f"'{flow.kind}'" for flow in FLOWS if flow.from_users is False)
_FROM_ANYBODY = ", ".join(f"'{flow.kind}'" for flow in FLOWS if flow.from_users is None)
_NOTED = ", ".join(f"'{flow.kind}'" for flow in FLOWS if flow.is_noted)


def _with_wallet(side: str) -> str:
    """The kinds whose sender or receiver is a wallet."""
    return ", ".join(f"'{flow.kind}'" for flow in FLOWS if getattr(flow, side) is Side.WALLET)


# Whether a transaction takes its amount from a wallet, and whether it gives it to one.
_IS_TAKEN = f"(t.kind IN ({_with_wallet('sender')}))"
_IS_GIVEN = f"(t.kind IN ({_with_wallet('receiver')}))"
# Whether it is only noted there, because the money is on its way.
_IS_NOTED = f"(t.kind IN ({_NOTED}))"
_SUMS = "(SELECT account_id, SUM(amount) AS total, COUNT(*) AS entries FROM entries GROUP BY account_id) e"
# A hint to MariaDB and MySQL, a comment to SQLite: sort the rows, instead of looking each group up in a table on disk.
_BY_SORTING = "/*! SQL_BIG_RESULT */"

CHECKS = (
    Check(
        "negative",
        "{0}: the balance is negative: {1}",
        "SELECT email, balance FROM users WHERE balance < 0",
    ),
    Check(
        "negative",
        "{0}: a balance is negative at entry {1}: {2}",
        "SELECT account_id, seq, balance FROM entries WHERE balance < 0",
    ),
    Check(
        "derivation",
        "{0}: the balance is {1}, the entries sum to {2}",
        f"SELECT u.email, u.balance, COALESCE(e.total, 0) FROM users u LEFT JOIN {_SUMS}"
        " ON e.account_id = u.user_id WHERE u.balance <> COALESCE(e.total, 0)",
    ),
    Check(
        "derivation",
        "{0}: entry_count is {1}, there are {2} entries",
        f"SELECT u.email, u.entry_count, COALESCE(e.entries, 0) FROM users u LEFT JOIN {_SUMS}"
        " ON e.account_id = u.user_id WHERE u.entry_count <> COALESCE(e.entries, 0)",
    ),
    Check(
        "gap",
        "{0}: {3} entries are numbered from {1} to {2}",
        "SELECT account_id, MIN(seq), MAX(seq), COUNT(*) FROM entries GROUP BY account_id"
        " HAVING MIN(seq) <> 1 OR MAX(seq) <> COUNT(*)",
    ),
    Check(
        "derivation",
        "{0}: entry {1} says {2}, its running sum is {3}",
        "SELECT account_id, seq, balance, running FROM ("
        "SELECT account_id, seq, balance, SUM(amount) OVER (PARTITION BY account_id ORDER BY seq"
        " ROWS UNBOUNDED PRECEDING) AS running FROM entries) e WHERE balance <> running",
        Depth.LINES,
    ),
    Check(
        "stranger",
        "{0} has entries and is no user",
        "SELECT e.account_id FROM (SELECT DISTINCT account_id FROM entries) e"
        " LEFT JOIN emails m ON m.user_id = e.account_id WHERE m.user_id IS NULL",
    ),
    Check(
        "derivation",
        "{0}: the account is closed, its entries sum to {1}",
        f"SELECT e.account_id, e.total FROM {_SUMS} LEFT JOIN users u ON u.user_id = e.account_id"
        " WHERE u.user_id IS NULL AND e.total <> 0",
    ),
    Check(
        "names",
        "{0}: the email is not among those that are its user's",
        "SELECT u.email FROM users u LEFT JOIN emails m ON m.email = u.email AND m.user_id = u.user_id"
        " WHERE m.email IS NULL",
    ),
    Check(
        "sides",
        "{0}: it has an entry that is on neither of its sides",
        "SELECT e.transaction_id FROM entries e LEFT JOIN transactions t ON t.transaction_id = e.transaction_id"
        " WHERE t.transaction_id IS NULL"
        f" OR NOT ({_IS_TAKEN} AND e.account_id = t.sender_id AND e.amount = -t.amount"
        f" OR {_IS_GIVEN} AND e.account_id = t.receiver_id AND e.amount = t.amount"
        f" OR {_IS_NOTED} AND e.account_id = t.receiver_id AND e.amount = 0)",
        Depth.LINES,
    ),
    Check(
        "sides",
        "{0}: its {1} entries sum to {2}, which are not its sides",
        "SELECT t.transaction_id, COALESCE(e.number, 0), COALESCE(e.total, 0) FROM transactions t LEFT JOIN"
        f" (SELECT {_BY_SORTING} transaction_id, COUNT(*) AS number, SUM(amount) AS total FROM entries"
        " GROUP BY transaction_id) e ON e.transaction_id = t.transaction_id"
        f" WHERE COALESCE(e.number, 0) <> {_IS_TAKEN} + {_IS_GIVEN} + {_IS_NOTED}"
        f" OR COALESCE(e.total, 0) <> t.amount * ({_IS_GIVEN} - {_IS_TAKEN})",
        Depth.LINES,
    ),
    Check(
        "kind",
        "{0}: it is {1}, which no transaction is",
        f"SELECT transaction_id, kind FROM transactions WHERE kind NOT IN ({_KINDS})",
    ),
    Check(
        "kind",
        "{0}: it is a {1} between accounts that none is between",
        "SELECT transaction_id, kind FROM transactions"
        f" WHERE (kind IN ({_FROM_NOBODY})) <> (sender_id = {_FUNDING}) AND kind NOT IN ({_FROM_ANYBODY})"
        f" OR (kind IN ({_TO_NOBODY})) <> (receiver_id = {_FUNDING})",
    ),
    Check(
        "nothing",
        "{0}: it moves nothing: {1} to the same account or none",
        "SELECT transaction_id, amount FROM transactions WHERE amount <= 0 OR sender_id = receiver_id",
    ),
    Check(
        "names",
        "{0}: its sender is not {1}",
        "SELECT t.transaction_id, t.sender_email FROM transactions t LEFT JOIN emails m ON m.email = t.sender_email"
        f" WHERE COALESCE(m.user_id, {_FUNDING}) <> t.sender_id",
        Depth.LINES,
    ),
    Check(
        "names",
        "{0}: its receiver is not {1}",
        "SELECT t.transaction_id, t.receiver_email FROM transactions t LEFT JOIN emails m"
        f" ON m.email = t.receiver_email WHERE COALESCE(m.user_id, {_FUNDING}) <> t.receiver_id",
        Depth.LINES,
    ),
    Check(
        "key",
        "key {0} names a transaction that is not there",
        "SELECT k.idempotency_key FROM idempotency_keys k LEFT JOIN transactions t"
        " ON t.transaction_id = k.transaction_id WHERE k.outcome = 'ok' AND t.transaction_id IS NULL",
    ),
    Check(
        "key",
        "key {0} names somebody else's transaction",
        "SELECT k.idempotency_key FROM idempotency_keys k JOIN transactions t ON t.transaction_id = k.transaction_id"
        " WHERE k.outcome = 'ok' AND k.user_id <>"
        f" CASE WHEN t.kind IN ({_RECEIVERS}) THEN t.receiver_id ELSE t.sender_id END",
    ),
    Check(
        "key",
        "{1} keys name the transaction {0}",
        "SELECT transaction_id, COUNT(*) FROM idempotency_keys WHERE outcome = 'ok'"
        " GROUP BY transaction_id HAVING COUNT(*) > 1",
    ),
    Check(
        "key",
        "key {0} was refused and names a transaction",
        f"SELECT idempotency_key FROM idempotency_keys WHERE outcome <> 'ok' AND transaction_id <> {_FUNDING}",
    ),
    Check(
        "holds",
        "open holds have {0}; {1} is on hold",
        "SELECT h.held, t.held FROM (SELECT COALESCE(SUM(amount), 0) AS held FROM holds WHERE status = 'open') h,"
        " (SELECT COALESCE(SUM(CASE WHEN kind = 'hold' THEN amount WHEN kind IN ('capture', 'release') THEN -amount"
        " ELSE 0 END), 0) AS held FROM transactions) t WHERE h.held <> t.held",
    ),
    Check(
        "holds",
        "hold {0} is {1} with {2} captured",
        "SELECT hold_id, status, captured FROM holds WHERE (status = 'captured') <> (captured > 0)"
        " OR captured < 0 OR captured > amount",
    ),
    Check(
        "holds",
        "hold {0} is not the transaction of its name",
        "SELECT h.hold_id FROM holds h LEFT JOIN transactions t ON t.transaction_id = h.hold_id AND t.kind = 'hold'"
        " AND t.sender_id = h.payer_id AND t.receiver_id = h.receiver_id AND t.amount = h.amount"
        " WHERE t.transaction_id IS NULL",
    ),
    Check(
        "refunds",
        "{0}: {1} was refunded, {2} was paid",
        "SELECT r.transaction_id, r.total, t.amount FROM"
        " (SELECT transaction_id, SUM(amount) AS total FROM refunds GROUP BY transaction_id) r"
        " JOIN transactions t ON t.transaction_id = r.transaction_id WHERE r.total > t.amount",
    ),
    Check(
        "refunds",
        "refund {0} is not the transaction of its name",
        "SELECT r.refund_id FROM refunds r LEFT JOIN transactions t ON t.transaction_id = r.refund_id"
        " AND t.kind IN ('refund', 'pending_refund') AND t.amount = r.amount LEFT JOIN transactions o"
        " ON o.transaction_id = r.transaction_id AND o.sender_id = t.receiver_id AND o.receiver_id = t.sender_id"
        " WHERE t.transaction_id IS NULL OR o.transaction_id IS NULL",
    ),
    Check(
        "refunds",
        "{0}: it is a refund of nothing",
        "SELECT t.transaction_id FROM transactions t LEFT JOIN refunds r ON r.refund_id = t.transaction_id"
        " WHERE t.kind IN ('refund', 'pending_refund') AND r.refund_id IS NULL"
        " AND t.transaction_id NOT IN (SELECT transaction_id FROM transits WHERE status = 'failed')",
    ),
    Check(
        "transits",
        "{0} is on its way by the transits, {1} by the transactions",
        "SELECT x.pending, t.pending FROM"
        " (SELECT COALESCE(SUM(amount), 0) AS pending FROM transits WHERE status = 'pending') x,"
        " (SELECT COALESCE(SUM(CASE WHEN kind IN ('pending_topup', 'pending_refund') THEN amount"
        " WHEN kind IN ('settlement', 'reversal', 'pending_return') THEN -amount ELSE 0 END), 0) AS pending"
        " FROM transactions) t WHERE x.pending <> t.pending",
    ),
    Check(
        "transits",
        "{0}: it is {1}, and is not the transaction of its name",
        "SELECT x.transaction_id, x.status FROM transits x LEFT JOIN transactions t"
        " ON t.transaction_id = x.transaction_id AND t.sender_id = x.sender_id AND t.receiver_id = x.receiver_id"
        " AND t.amount = x.amount WHERE t.transaction_id IS NULL"
        " OR t.kind NOT IN ('topup', 'pending_topup', 'pending_refund')"
        " OR (t.kind = 'pending_refund') <> (x.final IN ('failed', 'succeeded') AND x.refunded_id <> "
        f"{_FUNDING})"
        " OR t.kind = 'topup' AND x.status NOT IN ('succeeded', 'returned')"
        " OR x.status = 'failed' AND t.kind <> 'pending_refund'"
        " OR x.status = 'returned' AND t.kind = 'pending_refund'",
    ),
    Check(
        "transits",
        "{0}: its money is on its way, and nothing says how",
        "SELECT t.transaction_id FROM transactions t LEFT JOIN transits x ON x.transaction_id = t.transaction_id"
        " WHERE t.kind IN ('pending_topup', 'pending_refund') AND x.transaction_id IS NULL",
    ),
    Check(
        "debts",
        "{0} owes {1}, was lent what comes to {2}, and has {3}",
        "SELECT u.user_id, COALESCE(d.amount, 0), COALESCE(t.lent, 0), u.balance FROM users u"
        " LEFT JOIN debts d ON d.user_id = u.user_id LEFT JOIN"
        " (SELECT CASE WHEN kind = 'loan' THEN receiver_id ELSE sender_id END AS user_id,"
        " SUM(CASE WHEN kind = 'loan' THEN amount ELSE -amount END) AS lent FROM transactions"
        " WHERE kind IN ('loan', 'repayment') GROUP BY 1) t ON t.user_id = u.user_id"
        " WHERE COALESCE(d.amount, 0) <> COALESCE(t.lent, 0) OR d.amount > 0 AND u.balance > 0",
    ),
)
