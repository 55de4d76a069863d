"""Events, deliveries and attempts are found by their ids, which are of their time: no index more with every payment."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Remove the indices."""
    op.drop_index("events_created_at", table_name="events")
    op.drop_index("deliveries_event", table_name="deliveries")
    op.drop_index("attempts_event", table_name="attempts")
