"""Old events are removed with their deliveries and attempts, which are found by the event."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indices."""
    op.create_index("deliveries_event", "deliveries", ["event_id"], unique=False)
    op.create_index("attempts_event", "attempts", ["event_id"], unique=False)
