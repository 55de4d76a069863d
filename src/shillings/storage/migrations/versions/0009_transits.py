"""Money on its way, and what users owe."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
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
        "transits",
        sa.Column("transaction_id", sa.BINARY(16), nullable=False),
        sa.Column("sender_id", sa.BINARY(16), nullable=False),
        sa.Column("receiver_id", sa.BINARY(16), nullable=False),
        sa.Column("refunded_id", sa.BINARY(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("final", sa.String(length=16), nullable=False),
        sa.Column("due_at", _moment(), nullable=True),
        sa.CheckConstraint("amount > 0", name="transits_amount_positive"),
        sa.PrimaryKeyConstraint("transaction_id"),
        **_TABLE,
    )
    op.create_index("transits_due", "transits", ["due_at"], unique=False)
    op.create_index("transits_receiver", "transits", ["receiver_id", "status"], unique=False)
    op.create_index("transits_sender", "transits", ["sender_id", "status"], unique=False)
    op.create_table(
        "debts",
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name="debts_amount_not_negative"),
        sa.PrimaryKeyConstraint("user_id"),
        **_TABLE,
    )
    op.create_index("debts_amount", "debts", ["amount"], unique=False)
