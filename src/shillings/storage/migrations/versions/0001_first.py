"""The first schema: users and their credentials, transactions and entries, keys, revoked sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLE = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "sqlite_with_rowid": False,
}


def _moment() -> sa.types.TypeEngine[object]:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "credentials",
        sa.Column("credential_id", sa.BINARY(16), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.Column("last_login", _moment(), nullable=True),
        sa.PrimaryKeyConstraint("credential_id"),
        sa.UniqueConstraint("email", name="credentials_email"),
        sa.UniqueConstraint("user_id", name="credentials_user"),
        **_TABLE,
    )
    op.create_table(
        "entries",
        sa.Column("account_id", sa.BINARY(16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("balance >= 0", name="entries_balance_not_negative"),
        sa.PrimaryKeyConstraint("account_id", "seq"),
        **_TABLE,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.BINARY(16), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "idempotency_key"),
        **_TABLE,
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "revoked_tokens",
        sa.Column("token_id", sa.BINARY(16), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("token_id"),
        **_TABLE,
    )
    op.create_index("revoked_tokens_expires_at", "revoked_tokens", ["expires_at"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sender_id", sa.BINARY(16), nullable=False),
        sa.Column("sender_email", sa.String(length=254), nullable=False),
        sa.Column("receiver_id", sa.BINARY(16), nullable=False),
        sa.Column("receiver_email", sa.String(length=254), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.CheckConstraint("amount > 0", name="transactions_amount_positive"),
        sa.PrimaryKeyConstraint("transaction_id"),
        **_TABLE,
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("middle_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("entry_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.CheckConstraint("balance >= 0", name="users_balance_not_negative"),
        sa.PrimaryKeyConstraint("user_id"),
        sa.UniqueConstraint("email", name="users_email"),
        **_TABLE,
    )
