"""The tables, once for every engine.

Every table has a primary key, none has a foreign key or a trigger: those cost on hot tables and differ between
engines. Text is compared byte by byte (utf8mb4_bin), because the application has already brought it into its one
canonical form.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from shillings.base.limits import (
    ANSWER_BYTES_MAX,
    ATTEMPT_DETAIL_CHARACTERS_MAX,
    EMAIL_CHARACTERS_MAX,
    EVENT_TYPE_CHARACTERS_MAX,
    IDEMPOTENCY_KEY_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PHONE_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
    REQUEST_ID_CHARACTERS_MAX,
    WEBHOOK_URL_CHARACTERS_MAX,
)

metadata = sa.MetaData()

_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "sqlite_with_rowid": False,
}


def _id() -> sa.BINARY:
    return sa.BINARY(16)


def _moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", _id(), primary_key=True),
    sa.Column("first_name", sa.String(NAME_CHARACTERS_MAX), nullable=False),
    sa.Column("middle_name", sa.String(NAME_CHARACTERS_MAX), nullable=False),
    sa.Column("last_name", sa.String(NAME_CHARACTERS_MAX), nullable=False),
    sa.Column("email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("phone", sa.String(PHONE_CHARACTERS_MAX), nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("entry_count", sa.BigInteger, nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.Column("updated_at", _moment(), nullable=False),
    sa.UniqueConstraint("email", name="users_email"),
    sa.CheckConstraint("balance >= 0", name="users_balance_not_negative"),
    **_TABLE,
)

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column("credential_id", _id(), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Column("email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("password", sa.String(255), nullable=False),
    sa.Column("updated_at", _moment(), nullable=False),
    sa.Column("last_login", _moment(), nullable=True),
    sa.UniqueConstraint("user_id", name="credentials_user"),
    sa.UniqueConstraint("email", name="credentials_email"),
    **_TABLE,
)

transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("transaction_id", _id(), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("sender_id", _id(), nullable=False),
    sa.Column("sender_email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("receiver_id", _id(), nullable=False),
    sa.Column("receiver_email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.CheckConstraint("amount > 0", name="transactions_amount_positive"),
    **_TABLE,
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("account_id", _id(), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("transaction_id", _id(), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.CheckConstraint("balance >= 0", name="entries_balance_not_negative"),
    **_TABLE,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", _id(), primary_key=True),
    sa.Column("idempotency_key", sa.String(IDEMPOTENCY_KEY_CHARACTERS_MAX), primary_key=True),
    sa.Column("fingerprint", _id(), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("transaction_id", _id(), nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.Index("idempotency_keys_created_at", "created_at"),
    **_TABLE,
)

revoked_tokens = sa.Table(
    "revoked_tokens",
    metadata,
    sa.Column("token_id", _id(), primary_key=True),
    sa.Column("expires_at", _moment(), nullable=False),
    sa.Index("revoked_tokens_expires_at", "expires_at"),
    **_TABLE,
)

books = sa.Table(
    "books",
    metadata,
    sa.Column("books_id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("decimals", sa.SmallInteger, nullable=False),
    **_TABLE,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("event_id", _id(), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("type", sa.String(EVENT_TYPE_CHARACTERS_MAX), nullable=False),
    sa.Column("object_id", _id(), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.String(REQUEST_ID_CHARACTERS_MAX), nullable=False),
    sa.Column("idempotency_key", sa.String(IDEMPOTENCY_KEY_CHARACTERS_MAX), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.UniqueConstraint("user_id", "number", name="events_user"),
    **_TABLE,
)

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("endpoint_id", _id(), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Column("url", sa.String(WEBHOOK_URL_CHARACTERS_MAX), nullable=False),
    sa.Column("event_types", sa.Text, nullable=False),
    sa.Column("secrets", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.String(16), nullable=False),
    sa.Column("failing_since", _moment(), nullable=True),
    sa.Column("created_at", _moment(), nullable=False),
    sa.Column("updated_at", _moment(), nullable=False),
    sa.Index("webhook_endpoints_user", "user_id"),
    **_TABLE,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("endpoint_id", _id(), primary_key=True),
    sa.Column("event_id", _id(), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempts_since_resent", sa.Integer, nullable=False),
    sa.Column("due_at", _moment(), nullable=True),
    sa.Column("leased_by", _id(), nullable=True),
    sa.Column("put_off", sa.Boolean, nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.Column("updated_at", _moment(), nullable=False),
    sa.Index("deliveries_due", "endpoint_id", "due_at"),
    sa.Index("deliveries_leased", "leased_by", "endpoint_id"),
    **_TABLE,
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("endpoint_id", _id(), primary_key=True),
    sa.Column("event_id", _id(), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("http_status", sa.Integer, nullable=False),
    sa.Column("answer", sa.LargeBinary(ANSWER_BYTES_MAX), nullable=False),
    sa.Column("detail", sa.String(ATTEMPT_DETAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("fault", sa.String(64), nullable=False),
    sa.Column("took_ms", sa.Integer, nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    **_TABLE,
)

deliverers = sa.Table(
    "deliverers",
    metadata,
    sa.Column("deliverer_id", _id(), primary_key=True),
    sa.Column("alive_until", _moment(), nullable=False),
    **_TABLE,
)

sandbox_state = sa.Table(
    "sandbox_state",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    **_TABLE,
)

request_batches = sa.Table(
    "request_batches",
    metadata,
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("batch_id", _id(), nullable=False),
    sa.Column("log_name", sa.String(40), nullable=False),
    sa.Column("first_number", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"), nullable=False),
    sa.UniqueConstraint("batch_id", name="request_batches_batch"),
    sa.Index("request_batches_first_number", "first_number"),
    **_TABLE,
)
"""The sandbox's request log, where several application servers share a database."""

emails = sa.Table(
    "emails",
    metadata,
    sa.Column("email", sa.String(EMAIL_CHARACTERS_MAX), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Index("emails_user", "user_id"),
    **_TABLE,
)
"""Whose an email is, for ever: also one that its user has changed since, or whose account is closed."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_id", _id(), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Column("expires_at", _moment(), nullable=False),
    sa.Index("sessions_user", "user_id"),
    sa.Index("sessions_expires_at", "expires_at"),
    **_TABLE,
)

signup_keys = sa.Table(
    "signup_keys",
    metadata,
    sa.Column("user_id", _id(), primary_key=True),
    sa.Column("idempotency_key", sa.String(IDEMPOTENCY_KEY_CHARACTERS_MAX), nullable=False),
    sa.Column("fingerprint", _id(), nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.Index("signup_keys_created_at", "created_at"),
    **_TABLE,
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("hold_id", _id(), primary_key=True),
    sa.Column("payer_id", _id(), nullable=False),
    sa.Column("payer_email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("receiver_id", _id(), nullable=False),
    sa.Column("receiver_email", sa.String(EMAIL_CHARACTERS_MAX), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("captured", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("expires_at", _moment(), nullable=False),
    sa.Column("created_at", _moment(), nullable=False),
    sa.CheckConstraint("captured >= 0 AND captured <= amount", name="holds_captured_bounds"),
    sa.Index("holds_payer", "payer_id", "status"),
    sa.Index("holds_receiver", "receiver_id", "status"),
    sa.Index("holds_status", "status", "expires_at"),
    **_TABLE,
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("transaction_id", _id(), primary_key=True),
    sa.Column("refund_id", _id(), primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount > 0", name="refunds_amount_positive"),
    **_TABLE,
)

transits = sa.Table(
    "transits",
    metadata,
    sa.Column("transaction_id", _id(), primary_key=True),
    sa.Column("sender_id", _id(), nullable=False),
    sa.Column("receiver_id", _id(), nullable=False),
    sa.Column("refunded_id", _id(), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("final", sa.String(16), nullable=False),
    sa.Column("due_at", _moment(), nullable=True),
    sa.CheckConstraint("amount > 0", name="transits_amount_positive"),
    sa.Index("transits_due", "due_at"),
    sa.Index("transits_receiver", "receiver_id", "status"),
    sa.Index("transits_sender", "sender_id", "status"),
    **_TABLE,
)
"""How the money of top-ups and refunds travels, where it does not simply arrive."""

debts = sa.Table(
    "debts",
    metadata,
    sa.Column("user_id", _id(), primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount >= 0", name="debts_amount_not_negative"),
    sa.Index("debts_amount", "amount"),
    **_TABLE,
)
"""What users owe, of those who owe something, or did."""

transaction_details = sa.Table(
    "transaction_details",
    metadata,
    sa.Column("transaction_id", _id(), primary_key=True),
    sa.Column("user_id", _id(), nullable=False),
    sa.Column("reference", sa.String(REFERENCE_CHARACTERS_MAX), nullable=False),
    sa.Column("metadata", sa.Text(), nullable=False),
    sa.Index("transaction_details_reference", "user_id", "reference"),
    **_TABLE,
)
"""What the user who asked for a transaction says of it, where anything is said."""
