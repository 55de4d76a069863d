"""Whose an email is, for ever; the sessions that are open; the keys of sign-ups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
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
    """Make the tables; everybody keeps the email they have."""
    op.create_table(
        "emails",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.PrimaryKeyConstraint("email"),
        **_TABLE,
    )
    op.create_index("emails_user", "emails", ["user_id"], unique=False)
    op.execute("INSERT INTO emails (email, user_id) SELECT email, user_id FROM users")
    op.create_table(
        "sessions",
        sa.Column("token_id", sa.BINARY(16), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("token_id"),
        **_TABLE,
    )
    op.create_index("sessions_user", "sessions", ["user_id"], unique=False)
    op.create_index("sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_table(
        "signup_keys",
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.BINARY(16), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        **_TABLE,
    )
    op.create_index("signup_keys_created_at", "signup_keys", ["created_at"], unique=False)
