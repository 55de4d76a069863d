"""The request log of several application servers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
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


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "request_batches",
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BINARY(16), nullable=False),
        sa.Column("log_name", sa.String(length=40), nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("batch_id", name="request_batches_batch"),
        **_TABLE,
    )
    op.create_index("request_batches_first_number", "request_batches", ["first_number"])
