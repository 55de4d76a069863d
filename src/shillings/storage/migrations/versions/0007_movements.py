"""Holds, refunds, and what users say of their transactions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
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
        "holds",
        sa.Column("hold_id", sa.BINARY(16), nullable=False),
        sa.Column("payer_id", sa.BINARY(16), nullable=False),
        sa.Column("payer_email", sa.String(length=254), nullable=False),
        sa.Column("receiver_id", sa.BINARY(16), nullable=False),
        sa.Column("receiver_email", sa.String(length=254), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.CheckConstraint("captured >= 0 AND captured <= amount", name="holds_captured_bounds"),
        sa.PrimaryKeyConstraint("hold_id"),
        **_TABLE,
    )
    op.create_index("holds_payer", "holds", ["payer_id", "status"], unique=False)
    op.create_index("holds_receiver", "holds", ["receiver_id", "status"], unique=False)
    op.create_index("holds_status", "holds", ["status", "expires_at"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("refund_id", sa.BINARY(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="refunds_amount_positive"),
        sa.PrimaryKeyConstraint("transaction_id", "refund_id"),
        **_TABLE,
    )
    op.create_table(
        "transaction_details",
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id"),
        **_TABLE,
    )
    op.create_index("transaction_details_reference", "transaction_details", ["user_id", "reference"], unique=False)
