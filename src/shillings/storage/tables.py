"""The tables, once for every engine.

Every table has a primary key, none has a foreign key or a trigger: those cost on hot tables and differ between
engines. Text is compared byte by byte (utf8mb4_bin), because the application has already brought it into its one
canonical form.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()

EMAIL_CHARACTERS_MAX = 254
NAME_CHARACTERS_MAX = 100
PHONE_CHARACTERS_MAX = 32
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255

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
