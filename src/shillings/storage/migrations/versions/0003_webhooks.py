"""Events and webhooks: what happened, who wants to hear of it, and what became of each delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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
    _make_events()
    _make_endpoints()
    _make_deliveries()
    deliverers = op.create_table(
        "deliverers",
        sa.Column("deliverer_id", sa.BINARY(16), nullable=False),
        sa.Column("alive_until", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("deliverer_id"),
        **_TABLE,
    )
    # Nobody's row is what claims lock; it never dies.
    op.execute(
        sa.insert(deliverers).values(deliverer_id=bytes(16), alive_until=sa.text("'9999-12-31 00:00:00.000000'"))
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.BINARY(16), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.BINARY(16), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        sa.UniqueConstraint("user_id", "number", name="events_user"),
        **_TABLE,
    )
    op.create_index("events_created_at", "events", ["created_at"], unique=False)


def _make_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", sa.BINARY(16), nullable=False),
        sa.Column("user_id", sa.BINARY(16), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=16), nullable=False),
        sa.Column("failing_since", _moment(), nullable=True),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id"),
        **_TABLE,
    )
    op.create_index("webhook_endpoints_user", "webhook_endpoints", ["user_id"], unique=False)


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("endpoint_id", sa.BINARY(16), nullable=False),
        sa.Column("event_id", sa.BINARY(16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempts_since_resent", sa.Integer(), nullable=False),
        sa.Column("due_at", _moment(), nullable=True),
        sa.Column("leased_by", sa.BINARY(16), nullable=True),
        sa.Column("put_off", sa.Boolean(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "event_id"),
        **_TABLE,
    )
    op.create_index("deliveries_due", "deliveries", ["endpoint_id", "due_at"], unique=False)
    op.create_index("deliveries_leased", "deliveries", ["leased_by", "endpoint_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("endpoint_id", sa.BINARY(16), nullable=False),
        sa.Column("event_id", sa.BINARY(16), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.LargeBinary(length=20000), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "event_id", "attempt"),
        **_TABLE,
    )
